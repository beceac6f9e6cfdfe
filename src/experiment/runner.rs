//! Playing policies × replications on all cores.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::meter::Ledger;
use crate::random::Weather;
use crate::scenario::model::{Policy, Scenario};
use crate::simulation::{Cut, Observer, Program, RunEnd, run as simulate};

use super::books::Books;
use super::document::Document;
use super::frame::Frame;
use super::ideal::ideal;
use super::in_order::in_order;
use super::life;

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
    /// The replications up to some point are complete, all of them in these books: the place to
    /// save them. Called from one thread at a time.
    fn booked(&self, _books: &Books) {}
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

/// How many replications are played at most before the first of them is complete and entered, and
/// after how many books are saved. Bounds memory; does not change results.
const BATCH: u32 = 32;
/// After how many they are saved the first time; each time after twice as many, so that a run of few
/// long replications can be interrupted without losing them all.
const FIRST_BATCH: u32 = 2;

/// Plays all policies of a scenario.
///
/// Runs on the current rayon pool. If stopped early, the document has the replications that are
/// complete, and says so in its warnings.
pub fn run(
    scenario: &Scenario,
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<(Document, RunStatistics), Interrupted> {
    let mut books = Books::new(Frame::new(scenario, plan), 0);
    let statistics = go_on(scenario, plan.replications, &mut books, progress);
    if books.range().is_empty() {
        return Err(Interrupted);
    }
    Ok((books.document(), statistics))
}

/// Plays the replications that are still missing from books up to `until`, and enters them.
///
/// The books must be of this scenario ([`Books::belongs_to`]). Runs on the current rayon pool. If
/// stopped early, the books have the replications that are complete.
pub fn go_on(
    scenario: &Scenario,
    until: u32,
    books: &mut Books,
    progress: &dyn Progress,
) -> RunStatistics {
    let ideal = ideal(scenario);
    let ideal_program = Program::new(&ideal, &Policy::default());
    let compile = |policy| Program::new(scenario, policy);
    let programs: Vec<Program> = scenario.policies.iter().map(compile).collect();
    let mut statistics = RunStatistics::default();
    let runs = programs.len() as u64 + 1;
    let missing = until.saturating_sub(books.range().end);
    let all = runs * u64::from(missing);
    let done = AtomicU64::new(0);
    let seed = books.seed();
    let play = |i: u64| {
        let weather = Weather::new(seed, i / runs);
        let result = match (i % runs).checked_sub(1) {
            None => play_one(&ideal, &ideal_program, weather, progress),
            Some(p) => play_one(scenario, &programs[p as usize], weather, progress),
        };
        progress.runs(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        result
    };
    let first = u64::from(books.range().end) * runs;
    let mut replication = vec![];
    let mut batch = FIRST_BATCH;
    let mut save_at = books.range().end.saturating_add(batch);
    let take = |run: (Ledger, RunEnd)| {
        if run.1.cut == Some(Cut::Interrupted) {
            return false;
        }
        replication.push(run);
        if replication.len() as u64 != runs {
            return true;
        }
        let mut played = std::mem::take(&mut replication).into_iter();
        let (Some((ideal, _)), policies) = (played.next(), played.collect::<Vec<_>>()) else {
            unreachable!("the ideal is played first");
        };
        if books.range().end == 0 {
            let events = policies.iter().map(|(_, end)| end.events);
            let life = life::of(scenario, &programs, seed, events.sum(), progress);
            if progress.stop() {
                return false;
            }
            books.tell(life);
        }
        books.add(scenario, ideal.spend(), &policies);
        for (_, end) in &policies {
            statistics.add(end);
        }
        let end = books.range().end;
        if end == until || end == save_at {
            progress.booked(books);
            batch = (2 * batch).min(BATCH);
            save_at = end.saturating_add(batch);
        }
        !progress.stop()
    };
    if !progress.stop() {
        in_order(all, u64::from(BATCH) * runs, |i| play(first + i), take);
    }
    statistics
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

impl RunStatistics {
    fn add(&mut self, end: &RunEnd) {
        self.events += end.events;
        self.agents_peak = self.agents_peak.max(end.agents_peak);
        self.bytes_per_agent = self.bytes_per_agent.max(end.bytes_per_agent);
    }
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
