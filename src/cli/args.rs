//! What can be typed.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};

/// What will this retry policy do, and cost, when things go wrong?
///
/// squall plays a fleet of AI agents against flaky tools, rate limits and outages, under several
/// retry policies and the same weather, and prints side by side what each does and costs.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the policies of a scenario, print the comparison, write tables and charts
    Run(RunOptions),
    /// Check scenario files without running them
    Check(CheckOptions),
    /// Write the event log of one run: one row an attempt
    Trace(TraceOptions),
    /// List the presets: retry stacks of real libraries, by name and version
    Presets(PresetsOptions),
}

/// Options of `squall presets`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PresetsOptions {
    /// Print the list as JSON
    #[arg(long)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<PresetsCommand>,
}

/// The commands of `squall presets`.
#[derive(Debug, Subcommand)]
pub enum PresetsCommand {
    /// Show one: its keys as YAML to paste, its delays, what in it feeds a storm
    Show {
        /// A preset, as openai-python or openai-python@1
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// How a scenario is named and changed.
#[derive(Debug, clap::Args)]
pub struct ScenarioOptions {
    /// The scenario file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Override a value of the scenario, e.g. fleets.workers.tasks.count=10000 (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The seed, in place of the scenario's
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
}

/// Options of `squall run`.
#[derive(Debug, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub scenario: ScenarioOptions,
    /// Play only this policy (repeatable); the first one named is the baseline
    #[arg(long = "policy", value_name = "NAME", num_args = 1..)]
    pub policies: Vec<String>,
    /// How many replications, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
    /// How many threads; the results are the same on any number
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Where to write; a folder with the scenario's name is made in it
    #[arg(long, value_name = "DIR", default_value = "output")]
    pub output: PathBuf,
    /// Print summary.json to stdout and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print below the table what each retry layer asked for, saw and waited
    #[arg(long)]
    pub layers: bool,
    /// Write no files
    #[arg(long)]
    pub no_files: bool,
    /// Say on stderr how many events there were, how fast, and what agents held
    #[arg(long)]
    pub stats: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of `squall check`.
#[derive(Debug, clap::Args)]
pub struct CheckOptions {
    /// The scenario files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Override a value of the scenarios, as for run (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Count warnings as errors
    #[arg(long)]
    pub strict: bool,
}

/// Options of `squall trace`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("where").multiple(false))]
pub struct TraceOptions {
    #[command(flatten)]
    pub scenario: ScenarioOptions,
    /// Which policy; the first one of the scenario by default
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Which replication, from 0
    #[arg(long, value_name = "R", default_value_t = 0)]
    pub replication: u64,
    /// The form of the log
    #[arg(long, value_enum, default_value_t = TraceFormat::Csv)]
    pub format: TraceFormat,
    /// Where to write; stdout by default
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The forms of an event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// Comma-separated values
    Csv,
    /// One JSON object a line
    Jsonl,
    /// Chrome trace events, for Perfetto (ui.perfetto.dev)
    Chrome,
}
