//! Playing policies × replications on all cores.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::meter::Ledger;
use crate::random::Weather;
use crate::scenario::model::{Policy, Scenario};
use crate::simulation::{Cut, Observer, Program, RunEnd, run as simulate};
use crate::units::Money;

use super::document::{Document, OutageInfo, SCHEMA, TargetInfo};
use super::gather::Gathered;
use super::ideal::ideal;
use super::thresholds;
use super::warnings;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many replications; at least 1.
    pub replications: u32,
    /// The scenario file's text, for the document.
    pub source: String,
    /// Overrides that were applied to it.
    pub overrides: Vec<String>,
    /// SHA-256 of both.
    pub scenario_hash: String,
}

/// What is told while running, and asked.
pub trait Progress: Sync {
    /// So many runs of so many have ended.
    fn runs(&self, _done: u64, _all: u64) {}
    /// Whether to stop early.
    fn stop(&self) -> bool {
        false
    }
}

/// What running took, for people who tune it. Not part of the document: it may differ between
/// versions that give the same results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunStatistics {
    /// Events handled in all runs.
    pub events: u64,
    /// Most agents at once in one run, sub-agents included.
    pub agents_peak: u32,
    /// Bytes that each agent held, at most.
    pub bytes_per_agent: usize,
}

/// Stopped before the first replication was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted before the first replication was complete")]
pub struct Interrupted;

/// How many replications are played before their books are added up. Bounds memory; does not change
/// results.
const BATCH: u32 = 32;

/// The books of one replication: the ideal's spend, and each policy's ledger.
struct Replication {
    ideal: Money,
    policies: Vec<(Ledger, RunEnd)>,
}

/// Plays all policies of a scenario.
///
/// Runs on the current rayon pool. If stopped early, the document has the replications that are
/// complete, and says so in its warnings.
pub fn run(
    scenario: &Scenario,
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<(Document, RunStatistics), Interrupted> {
    let ideal = ideal(scenario);
    let ideal_program = Program::new(&ideal, &Policy::default());
    let compile = |policy| Program::new(scenario, policy);
    let programs: Vec<Program> = scenario.policies.iter().map(compile).collect();
    let empty = |program| Gathered::new(scenario, program);
    let mut gathered: Vec<Gathered> = programs.iter().map(empty).collect();
    let mut statistics = RunStatistics::default();
    let mut cuts = vec![None; programs.len()];
    let runs = programs.len() as u64 + 1;
    let all = runs * u64::from(plan.replications);
    let done = AtomicU64::new(0);
    let play = |i: u64| {
        let weather = Weather::new(plan.seed, i / runs);
        let result = match (i % runs).checked_sub(1) {
            None => play_one(&ideal, &ideal_program, weather, progress),
            Some(p) => play_one(scenario, &programs[p as usize], weather, progress),
        };
        progress.runs(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        result
    };
    let mut complete = 0;
    while complete < plan.replications && !progress.stop() {
        let to = plan.replications.min(complete + BATCH);
        let indices = u64::from(complete) * runs..u64::from(to) * runs;
        let books: Vec<(Ledger, RunEnd)> = indices.into_par_iter().map(play).collect();
        for replication in replications(books, runs as usize) {
            let ends = replication.policies.iter().map(|(_, end)| end);
            if ends.clone().any(|end| end.cut == Some(Cut::Interrupted)) {
                break;
            }
            for (p, (ledger, end)) in replication.policies.iter().enumerate() {
                gathered[p].add(scenario, ledger, end, replication.ideal);
                statistics.add(end);
                cuts[p] = cuts[p].or(end.cut);
            }
            complete += 1;
        }
    }
    if complete == 0 {
        return Err(Interrupted);
    }
    let plan = Plan {
        replications: complete,
        ..plan.clone()
    };
    let mut document = document(scenario, &plan, &gathered);
    document.warnings = warnings::collect(scenario, &document, &cuts);
    if all > u64::from(complete) * runs {
        let asked = all / runs;
        let text = format!("interrupted: {complete} of {asked} replications were run");
        document.warnings.insert(0, text);
    }
    Ok((document, statistics))
}

/// Plays one run and keeps its books.
pub fn play_one(
    scenario: &Scenario,
    program: &Program,
    weather: Weather,
    progress: &dyn Progress,
) -> (Ledger, RunEnd) {
    let mut ledger = Ledger::new(scenario, program);
    let end = simulate(scenario, program, weather, &mut ledger, &|| progress.stop());
    (ledger, end)
}

fn replications(books: Vec<(Ledger, RunEnd)>, runs: usize) -> impl Iterator<Item = Replication> {
    let mut books = books.into_iter();
    std::iter::from_fn(move || {
        let (ideal, _) = books.next()?;
        Some(Replication {
            ideal: ideal.spend(),
            policies: books.by_ref().take(runs - 1).collect(),
        })
    })
}

impl RunStatistics {
    fn add(&mut self, end: &RunEnd) {
        self.events += end.events;
        self.agents_peak = self.agents_peak.max(end.agents_peak);
        self.bytes_per_agent = self.bytes_per_agent.max(end.bytes_per_agent);
    }
}

fn document(scenario: &Scenario, plan: &Plan, gathered: &[Gathered]) -> Document {
    let width = gathered.iter().map(Gathered::width).max();
    let width = width.expect("a scenario has at least one policy");
    let length = gathered.iter().map(|g| g.length(width)).max().unwrap_or(0);
    let result = |(i, policy): (usize, &Policy)| {
        let baseline = (i > 0).then(|| &gathered[0]);
        gathered[i].result(scenario, policy, baseline, (width, length))
    };
    let policies: Vec<_> = scenario.policies.iter().enumerate().map(result).collect();
    let verdict = |t| thresholds::decide(t, &policies);
    Document {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        source: plan.source.clone(),
        overrides: plan.overrides.clone(),
        scenario_hash: plan.scenario_hash.clone(),
        seed: plan.seed,
        replications: plan.replications,
        horizon_seconds: scenario.horizon.as_seconds(),
        targets: targets(scenario),
        outages: outages(scenario),
        thresholds: scenario.thresholds.iter().map(verdict).collect(),
        policies,
        warnings: vec![],
    }
}

fn targets(scenario: &Scenario) -> Vec<TargetInfo> {
    let info = |target: &crate::world::Target| TargetInfo {
        name: target.name.clone(),
        model: target.is_model(),
        price_source: target.price.source.clone(),
    };
    scenario.targets.iter().map(info).collect()
}

fn outages(scenario: &Scenario) -> Vec<OutageInfo> {
    let of = |(i, target): (usize, &crate::world::Target)| {
        let info = move |window: &crate::world::Window| OutageInfo {
            target: i,
            from_seconds: window.from.as_seconds(),
            until_seconds: window.until.as_seconds(),
        };
        target.outages.iter().map(info).collect::<Vec<_>>()
    };
    scenario.targets.iter().enumerate().flat_map(of).collect()
}

/// Plays one run for an observer of one's own, for logs.
pub fn observe<O: Observer>(
    scenario: &Scenario,
    policy: &Policy,
    weather: Weather,
    observer: &mut O,
) -> RunEnd {
    let program = Program::new(scenario, policy);
    simulate(scenario, &program, weather, observer, &|| false)
}
