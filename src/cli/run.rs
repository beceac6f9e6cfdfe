//! `squall run`: plays the policies of a scenario and reports.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::experiment::document::Document;
use crate::experiment::{self, Books, Frame, Plan, RunStatistics};
use crate::report;
use crate::scenario::model::Scenario;

use super::args::RunOptions;
use super::exit::{Exit, Failure};
use super::keep::{self, Keeper};
use super::progress::Watch;
use super::results::{self, Wanted};
use super::{files, input, terminal};

/// Runs, prints the comparison, writes the files.
pub fn run(options: &RunOptions) -> Result<Exit, Failure> {
    let (loaded, seed) = input::load_for_run(&options.scenario, options.quiet)?;
    if !options.quiet && !options.json {
        input::say_how_many(&loaded, &options.scenario.file);
    }
    let mut scenario = loaded.scenario;
    let unjudged = select_policies(&mut scenario, &options.policies)?;
    if !unjudged.is_empty() && !options.quiet {
        terminal::say(&format!(
            "note: not judged, because their policies are not played: {}",
            unjudged.join("; ")
        ));
    }
    let plan = Plan {
        seed,
        replications: options.replications.unwrap_or(scenario.replications),
        scenario_hash: scenario_hash(&loaded.source, &options.scenario.set),
        source: loaded.source,
        overrides: options.scenario.set.clone(),
    };
    let frame = Frame::new(&scenario, &plan);
    let folder = options.output.join(&scenario.name);
    let unfinished = keep::unfinished(&folder, options.shard);
    let range = match options.shard {
        Some(shard) => shard.range(plan.replications),
        None => 0..plan.replications,
    };
    if !options.no_files {
        files::try_folder(&folder)?;
    }
    let mut books = begun(options, frame, &unfinished, range.clone())?;
    let watch = Watch::new(options.quiet || options.json);
    let keeper = Keeper::new(&watch, (!options.no_files).then(|| unfinished.clone()));
    let (statistics, took) = play(&scenario, range.end, &mut books, &keeper, options.threads)?;
    watch.clear();
    if let Some(failure) = keeper.failure() {
        failure.report();
    }
    let complete = books.range().end == range.end;
    if books.range().is_empty() && !complete {
        return Err(Failure::Interrupted);
    }
    if !complete && !options.no_files {
        keep::save(&unfinished, &books)?;
    }
    match options.shard {
        Some(shard) if complete => write(&folder.join(shard.file()), &books, options.quiet)?,
        Some(_) => {}
        None => show(options, &books)?,
    }
    if options.stats {
        terminal::say(&describe(statistics, took));
    }
    if !complete {
        if !options.no_files && !options.quiet {
            terminal::say("the same command with --resume goes on from here");
        }
        return Ok(Exit::Interrupted);
    }
    if !options.no_files {
        files::remove(&unfinished)?;
    }
    Ok(match options.shard {
        Some(_) => Exit::Fine,
        None => results::verdict(&books.document()),
    })
}

/// The books to go on with: those of a run that was cut short, if they are asked for and there, or new
/// ones.
fn begun(
    options: &RunOptions,
    frame: Frame,
    unfinished: &Path,
    range: Range<u32>,
) -> Result<Books, Failure> {
    let found = match options.resume {
        true => keep::resume(unfinished, &frame, range.start, range.end)?,
        false => None,
    };
    if let (Some(found), false) = (&found, options.quiet || options.json) {
        let (n, all) = (found.range().len(), range.len());
        terminal::say(&format!("goes on after {n} of {all} replications"));
    }
    Ok(found.unwrap_or_else(|| Books::new(frame, range.start)))
}

/// Writes a shard's books.
fn write(path: &Path, books: &Books, quiet: bool) -> Result<(), Failure> {
    keep::save(path, books)?;
    if !quiet {
        terminal::say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Prints and writes what the books say.
fn show(options: &RunOptions, books: &Books) -> Result<(), Failure> {
    let document = books.document();
    let wanted = Wanted {
        output: (!options.no_files).then_some(&options.output),
        json: options.json,
        fleets: options.fleets,
        layers: options.layers,
        report: options.report,
        quiet: options.quiet,
    };
    results::present(&document, &wanted, &replay(options, &document))
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

/// Keeps the named policies, in the order named. Returns the thresholds that are about others.
fn select_policies(scenario: &mut Scenario, names: &[String]) -> Result<Vec<String>, Failure> {
    if names.is_empty() {
        return Ok(vec![]);
    }
    let mut order = vec![];
    for name in names {
        let i = input::policy_named(scenario, name)?;
        if !order.contains(&i) {
            order.push(i);
        }
    }
    let thresholds = std::mem::take(&mut scenario.thresholds).into_iter();
    let (judged, unjudged): (Vec<_>, Vec<_>) = thresholds.partition(|t| order.contains(&t.policy));
    scenario.thresholds = judged;
    for threshold in &mut scenario.thresholds {
        let place = order.iter().position(|i| *i == threshold.policy);
        threshold.policy = place.expect("the others were taken out above");
    }
    scenario.policies = order
        .iter()
        .map(|i| scenario.policies[*i].clone())
        .collect();
    Ok(unjudged.into_iter().map(|t| t.text).collect())
}

/// How long it took, and on how many threads.
struct Took {
    time: Duration,
    threads: usize,
}

#[expect(
    clippy::disallowed_types,
    reason = "the command line may read the clock"
)]
fn play(
    scenario: &Scenario,
    until: u32,
    books: &mut Books,
    keeper: &Keeper<'_>,
    threads: Option<u16>,
) -> Result<(RunStatistics, Took), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure::Usage(format!("cannot start threads: {error}")))?;
    let start = std::time::Instant::now();
    let statistics = pool.install(|| experiment::go_on(scenario, until, books, keeper));
    let took = Took {
        time: start.elapsed(),
        threads: pool.current_num_threads(),
    };
    Ok((statistics, took))
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

fn describe(statistics: RunStatistics, took: Took) -> String {
    let seconds = took.time.as_secs_f64();
    let rate = statistics.events as f64 / seconds / 1e6;
    let threads = took.threads;
    format!(
        "{} events in {seconds:.2} s ({rate:.2} M events/s on {threads} threads, {:.2} M events/s \
         and core); at most {} agents in flight in one run, {} bytes each",
        statistics.events,
        rate / threads as f64,
        statistics.agents_peak,
        statistics.bytes_per_agent
    )
}
