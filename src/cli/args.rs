//! What can be typed.

use std::path::PathBuf;

use super::keep::Shard;
use clap::{Parser, Subcommand, ValueEnum};

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
    /// Make one result of the shards of a run, the same bytes as the whole run's
    Merge(MergeOptions),
    /// Check scenario files without running them
    Check(CheckOptions),
    /// Make the cost report from saved results: one page to send around
    Report(ReportOptions),
    /// Write the event log of one run: one row an attempt
    Trace(TraceOptions),
    /// List the presets: retry stacks of real libraries, by name and version
    Presets(PresetsOptions),
    /// Reproduce published numbers; fails if one does not come out
    Verify(VerifyOptions),
}

/// Options of `squall verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyOptions {
    /// Play an eighth of the replications; claims pass if their interval reaches the tolerance
    #[arg(long)]
    pub quick: bool,
    /// Only claims with this word in source, setup or name
    #[arg(long, value_name = "WORD")]
    pub filter: Option<String>,
    /// Print docs/validation.md
    #[arg(long)]
    pub markdown: bool,
    /// Play the AWS experiment for 10 to 190 clients and write its chart here, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["quick", "filter", "markdown"])]
    pub grid: Option<PathBuf>,
    /// How many runs make a point of the grid (100)
    #[arg(long, value_name = "N", requires = "grid", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
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
    /// Play one part only, e.g. 3/8, and write it for `squall merge`
    #[arg(long, value_name = "K/N", conflicts_with_all = ["json", "no_files"])]
    pub shard: Option<Shard>,
    /// Go on with a run that was killed or interrupted; from the beginning if there is none
    #[arg(long, conflicts_with = "no_files")]
    pub resume: bool,
    /// Print summary.json to stdout and nothing else
    #[arg(long)]
    pub json: bool,
    /// Write report.html too
    #[arg(long, conflicts_with = "no_files")]
    pub report: bool,
    /// Print below the table what each fleet finished, how fast and for how much
    #[arg(long)]
    pub fleets: bool,
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

/// Options of `squall report`.
#[derive(Debug, clap::Args)]
pub struct ReportOptions {
    /// Results: result.json files or their folders; by default the one in output/ written last
    #[arg(value_name = "RESULT")]
    pub results: Vec<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    pub format: ReportFormat,
    /// Where to write; beside the first result by default
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// report.html: one self-contained page
    Html,
    /// report.md, with its charts as image files beside it
    Markdown,
    /// report.csv: every figure of the report, one a line
    Csv,
}

/// Options of `squall merge`.
#[derive(Debug, clap::Args)]
pub struct MergeOptions {
    /// The shards, as `squall run --shard` wrote them, in any order
    #[arg(value_name = "SHARD", required = true)]
    pub shards: Vec<PathBuf>,
    /// Where to write; a folder with the scenario's name is made in it
    #[arg(long, value_name = "DIR", default_value = "output")]
    pub output: PathBuf,
    /// Print summary.json to stdout and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print below the table what each fleet finished, how fast and for how much
    #[arg(long)]
    pub fleets: bool,
    /// Print below the table what each retry layer asked for, saw and waited
    #[arg(long)]
    pub layers: bool,
    /// Write report.html too
    #[arg(long, conflicts_with = "no_files")]
    pub report: bool,
    /// Write no files
    #[arg(long)]
    pub no_files: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of `squall check`.
#[derive(Debug, clap::Args)]
pub struct CheckOptions {
    /// The scenario files
    #[arg(value_name = "FILE", required_unless_present = "explain")]
    pub files: Vec<PathBuf>,
    /// Say what a rule of the storm lint finds, why, and what to do
    #[arg(long, value_name = "RULE", conflicts_with = "files")]
    pub explain: Option<String>,
    /// Override a value of the scenarios, as for run (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The form of what is said: for people on stderr, or a JSON document on stdout
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Count warnings as errors (exit code 2), and what the storm lint finds as a failed check (1)
    #[arg(long)]
    pub strict: bool,
}

/// The forms of what `squall check` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Each finding under its line
    Human,
    /// One document for all files; `docs/lint.md` says what is in it
    Json,
}

/// Options of `squall trace`.
#[derive(Debug, clap::Args)]
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
