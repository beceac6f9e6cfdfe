//! `squall run`: plays the policies of a scenario and reports.

use std::path::PathBuf;
use std::time::Duration;

use crate::experiment::document::{Document, Verdict};
use crate::experiment::{self, Plan, RunStatistics};
use crate::report;
use crate::scenario::model::Scenario;

use super::args::RunOptions;
use super::exit::{Exit, Failure};
use super::progress::Watch;
use super::{files, input, terminal};

/// Runs, prints the comparison, writes the files.
pub fn run(options: &RunOptions) -> Result<Exit, Failure> {
    let (loaded, seed) = input::load_for_run(&options.scenario, options.quiet)?;
    let mut scenario = loaded.scenario;
    select_policies(&mut scenario, &options.policies)?;
    let plan = Plan {
        seed,
        replications: options.replications.unwrap_or(scenario.replications),
        scenario_hash: scenario_hash(&loaded.source, &options.scenario.set),
        source: loaded.source,
        overrides: options.scenario.set.clone(),
    };
    let watch = Watch::new(options.quiet || options.json);
    let ((document, statistics), took) = play(&scenario, &plan, &watch, options.threads)?;
    watch.clear();
    if options.json {
        let summary =
            report::summary_json(&document).map_err(|error| bug(options, &document, &error))?;
        terminal::print_bytes(&summary)?;
    } else {
        let table = report::comparison(&document, terminal::width(), terminal::colour());
        terminal::print(&table)?;
        if options.layers {
            let layers = report::layers(&document, terminal::width());
            terminal::print(&format!("\n{layers}"))?;
        }
    }
    if !options.no_files {
        write(options, &document)?;
    }
    if options.stats {
        terminal::say(&describe(statistics, took, options.threads));
    }
    if Watch::stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(verdict(&document))
}

/// SHA-256 of a scenario's text and its overrides.
fn scenario_hash(source: &str, overrides: &[String]) -> String {
    let mut text = source.to_owned();
    for one in overrides {
        text.push('\0');
        text.push_str(one);
    }
    report::sha256_hex(text.as_bytes())
}

/// Keeps the named policies, in the order named.
fn select_policies(scenario: &mut Scenario, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let mut order = vec![];
    for name in names {
        let i = input::policy_named(scenario, name)?;
        if !order.contains(&i) {
            order.push(i);
        }
    }
    scenario.thresholds.retain(|t| order.contains(&t.policy));
    for threshold in &mut scenario.thresholds {
        let place = order.iter().position(|i| *i == threshold.policy);
        threshold.policy = place.expect("the others were dropped above");
    }
    scenario.policies = order
        .iter()
        .map(|i| scenario.policies[*i].clone())
        .collect();
    Ok(())
}

#[expect(
    clippy::disallowed_types,
    reason = "the command line may read the clock"
)]
fn play(
    scenario: &Scenario,
    plan: &Plan,
    watch: &Watch,
    threads: Option<u16>,
) -> Result<((Document, RunStatistics), Duration), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure::Usage(format!("cannot start threads: {error}")))?;
    let start = std::time::Instant::now();
    let result = pool.install(|| experiment::run(scenario, plan, watch));
    match result {
        Ok(result) => Ok((result, start.elapsed())),
        Err(experiment::Interrupted) => Err(Failure::Interrupted),
    }
}

fn write(options: &RunOptions, document: &Document) -> Result<(), Failure> {
    let folder: PathBuf = options.output.join(&document.scenario);
    let made = report::files(document).map_err(|error| bug(options, document, &error))?;
    files::write_all(&folder, &made)?;
    if !options.json && !options.quiet {
        let n = made.len();
        terminal::say(&format!("wrote {n} files to {}", folder.display()));
    }
    Ok(())
}

fn bug(options: &RunOptions, document: &Document, error: &dyn std::error::Error) -> Failure {
    Failure::Bug(error.to_string(), replay(options, document))
}

/// The command that makes these results again.
fn replay(options: &RunOptions, document: &Document) -> String {
    format!(
        "squall {} run {} --seed {} --replications {}",
        document.version,
        options.scenario.file.display(),
        document.seed,
        document.replications
    )
}

fn describe(statistics: RunStatistics, took: Duration, threads: Option<u16>) -> String {
    let seconds = took.as_secs_f64();
    let threads = threads.map_or_else(rayon::current_num_threads, usize::from);
    format!(
        "{} events in {seconds:.2} s ({:.2} M events/s on {threads} threads); at most {} agents in \
         one run, {} bytes each",
        statistics.events,
        statistics.events as f64 / seconds / 1e6,
        statistics.agents_peak,
        statistics.bytes_per_agent
    )
}

fn verdict(document: &Document) -> Exit {
    let has = |verdict| document.thresholds.iter().any(|t| t.verdict == verdict);
    if has(Verdict::Failed) {
        Exit::ThresholdFailed
    } else if has(Verdict::Undecided) {
        Exit::Undecided
    } else {
        Exit::Fine
    }
}
