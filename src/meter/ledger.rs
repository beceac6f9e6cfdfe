//! The books of one run.

use serde::{Deserialize, Serialize};

use crate::scenario::model::{Scenario, TargetId};
use crate::scenario::nesting::steps_of;
use crate::simulation::{Attempt, Denial, LayerId, NO_LAYER, Observer, Program, RunEnd, TaskEnd};
use crate::units::{Money, Span, Time};
use crate::wire::Outcome;
use crate::world::price::Usage;

use super::fleet_book::FleetBook;
use super::series::{ROWS, Series};

/// The books of one run under one policy.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// A page for each target.
    pub targets: Vec<TargetBook>,
    /// A page for each cause of attempts: each written layer, and last the first attempts.
    pub causes: Vec<CauseBook>,
    /// How often each written layer acted.
    pub acted: Vec<u64>,
    /// How often each retry layer was entered.
    pub entered: Vec<u64>,
    /// How long each retry layer waited in all.
    pub waited: Vec<Span>,
    /// A page for each step of each plan, the fleets' one after the other.
    pub steps: Vec<StepBook>,
    /// Where each fleet's steps begin.
    first_steps: Vec<usize>,
    /// Money for attempts whose result was thrown away.
    pub wasted: Money,
    /// Refusals before the wire.
    pub denied: u64,
    /// A page for each fleet.
    pub fleets: Vec<FleetBook>,
    /// Over time.
    pub series: Series,
    /// Most attempts begun within one second of the clock that is over.
    busiest_second: u64,
    /// When the second of the clock ends in which the latest attempt began, and how many began in it.
    this_second: (Time, u64),
    /// The end of the last scheduled outage.
    outage_end: Option<Time>,
    /// Which fleets call a target that has one.
    meets_outage: Vec<bool>,
    /// When the last task that had begun before that ended.
    recovered: Time,
    /// Whether such a task never ended.
    unrecovered: bool,
}

/// A target's page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetBook {
    /// Attempts on the wire.
    pub attempts: u64,
    /// First attempts among them.
    pub first: u64,
    /// Attempts, and below the line refusals before the wire, by outcome; the last row is attempts
    /// still open when the run was cut off.
    pub outcomes: [u64; ROWS],
    /// Money by outcome, in the same rows.
    pub spend: [Money; ROWS],
    /// Tokens charged.
    pub tokens: Tokens,
}

/// Tokens charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Input, cached ones included.
    pub input: u64,
    /// Read from the prompt cache.
    pub cached: u64,
    /// Written to the prompt cache.
    pub written: u64,
    /// Output.
    pub output: u64,
}

/// A step's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBook {
    /// Attempts on the wire.
    pub attempts: u64,
    /// The most in one task. Of a step in a loop that was begun anew within the task only those of
    /// the first time count.
    pub most: u32,
}

/// Attempts of steps in loops that were begun anew are numbered from far above this.
const LARGEST_NUMBER: u32 = 1 << 20;

/// A cause's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseBook {
    /// Attempts that it caused.
    pub attempts: u64,
    /// What they cost.
    pub spend: Money,
}

impl Ledger {
    /// Empty books for a scenario under a policy.
    pub fn new(scenario: &Scenario, program: &Program) -> Ledger {
        let layers = program.labels.len();
        let mut steps = 0;
        let mut first_steps = Vec::with_capacity(scenario.fleets.len());
        for fleet in &scenario.fleets {
            first_steps.push(steps);
            steps += steps_of(&fleet.plan);
        }
        let outage_ends = scenario.targets.iter().filter_map(|t| t.outages.end());
        Ledger {
            targets: vec![TargetBook::default(); scenario.targets.len()],
            causes: vec![CauseBook::default(); layers + 1],
            acted: vec![0; layers],
            entered: vec![0; layers],
            waited: vec![Span::ZERO; layers],
            steps: vec![StepBook::default(); steps],
            first_steps,
            wasted: Money::ZERO,
            denied: 0,
            fleets: vec![FleetBook::default(); scenario.fleets.len()],
            series: Series::default(),
            busiest_second: 0,
            this_second: (Time::ZERO, 0),
            outage_end: outage_ends.max(),
            meets_outage: meets_outage(scenario, program),
            recovered: Time::ZERO,
            unrecovered: false,
        }
    }

    /// Whether a task of this fleet, ready then, counts for recovery.
    #[inline]
    fn is_caught(&self, fleet: u8, ready: Time) -> bool {
        self.outage_end.is_some_and(|end| ready < end) && self.meets_outage[usize::from(fleet)]
    }

    /// Most attempts begun within one second of the clock.
    pub fn peak_per_second(&self) -> u64 {
        self.busiest_second.max(self.this_second.1)
    }

    #[cold]
    fn next_second(&mut self, now: Time) {
        self.busiest_second = self.peak_per_second();
        let second = now.0 / Span::SECOND.0;
        self.this_second = (Time(second * Span::SECOND.0) + Span::SECOND, 0);
    }

    /// How many attempts on the wire a fleet made.
    pub fn attempts_of(&self, fleet: usize) -> u64 {
        let from = self.first_steps[fleet];
        let next = self.first_steps.get(fleet + 1).copied();
        let steps = &self.steps[from..next.unwrap_or(self.steps.len())];
        steps.iter().map(|step| step.attempts).sum()
    }

    /// Tasks that were unfinished when the run was cut off, of all fleets.
    pub fn unfinished(&self) -> u64 {
        self.fleets.iter().map(|page| page.unfinished).sum()
    }

    /// All that was spent.
    pub fn spend(&self) -> Money {
        self.targets.iter().map(TargetBook::total).sum()
    }

    /// What first attempts cost.
    pub fn first_spend(&self) -> Money {
        self.causes.last().map_or(Money::ZERO, |c| c.spend)
    }

    /// From the end of the last outage until all work begun before it was done; until the end of
    /// the run where it never was. `None` without outages.
    pub fn recovery(&self, end: &RunEnd) -> Option<Span> {
        let outage_end = self.outage_end?;
        let recovered = if self.unrecovered {
            end.end
        } else {
            self.recovered
        };
        Some(recovered.since(outage_end))
    }
}

impl TargetBook {
    /// All money of the page.
    pub fn total(&self) -> Money {
        self.spend.iter().copied().sum()
    }
}

impl Tokens {
    fn add(&mut self, usage: Usage) {
        self.input += u64::from(usage.input);
        self.cached += u64::from(usage.cached);
        self.written += u64::from(usage.written);
        self.output += u64::from(usage.output);
    }
}

/// Which fleets have a plan that may call a target with a scheduled outage that ends for good.
fn meets_outage(scenario: &Scenario, program: &Program) -> Vec<bool> {
    let entries: Vec<usize> = program.fleets.iter().map(|f| f.entry.into()).collect();
    let meets = |target: TargetId| {
        let target = &scenario.targets[usize::from(target.0)];
        target.outages.end().is_some()
    };
    let of_fleet = |(i, from): (usize, &usize)| {
        let to = entries.get(i + 1).copied().unwrap_or(program.ops.len());
        program.targets_of(*from..to).any(meets)
    };
    entries.iter().enumerate().map(of_fleet).collect()
}

fn row(outcome: Option<Outcome>) -> usize {
    outcome.map_or(Outcome::COUNT, |o| o as usize)
}

impl Observer for Ledger {
    #[inline(always)]
    fn begun(&mut self, now: Time, target: TargetId, first: bool) {
        let page = &mut self.targets[usize::from(target.0)];
        page.attempts += 1;
        page.first += u64::from(first);
        if now >= self.this_second.0 {
            self.next_second(now);
        }
        self.this_second.1 += 1;
    }

    #[inline(always)]
    fn attempt(&mut self, attempt: &Attempt) {
        let row = row(attempt.outcome);
        let page = &mut self.targets[usize::from(attempt.target.0)];
        page.outcomes[row] += 1;
        page.spend[row] += attempt.cost;
        page.tokens.add(attempt.charged);
        let first = self.causes.len() - 1;
        let cause = match attempt.cause {
            NO_LAYER => first,
            layer => usize::from(layer),
        };
        self.causes[cause].attempts += 1;
        self.causes[cause].spend += attempt.cost;
        let step = &mut self.steps[usize::from(attempt.page)];
        step.attempts += 1;
        if attempt.number > step.most && attempt.number < LARGEST_NUMBER {
            step.most = attempt.number;
        }
        self.series.at(attempt.begin).attempts[row] += 1;
        if attempt.cost != Money::ZERO {
            self.series.at(attempt.end).spend += attempt.cost;
            self.fleets[usize::from(attempt.fleet)].spend += attempt.cost;
        }
    }

    #[inline]
    fn denied(&mut self, denial: &Denial) {
        self.denied += 1;
        if let Some(target) = denial.target {
            let row = row(Some(denial.outcome));
            self.targets[usize::from(target.0)].outcomes[row] += 1;
            self.series.at(denial.at).attempts[row] += 1;
        }
    }

    #[inline]
    fn acted(&mut self, layer: LayerId) {
        self.acted[usize::from(layer)] += 1;
    }

    #[inline]
    fn entered(&mut self, layer: LayerId) {
        self.entered[usize::from(layer)] += 1;
    }

    fn waited(&mut self, layer: LayerId, wait: Span) {
        let waited = &mut self.waited[usize::from(layer)];
        *waited = *waited + wait;
    }

    #[inline]
    fn wasted(&mut self, money: Money) {
        self.wasted += money;
    }

    #[inline(always)]
    fn task(&mut self, task: &TaskEnd) {
        let page = &mut self.fleets[usize::from(task.fleet)];
        if task.outcome == Outcome::Ok {
            page.ok += 1;
            page.times.record(task.end.since(task.ready).0);
            self.series.at(task.end).tasks_ok += 1;
        } else {
            page.failed += 1;
        }
        if self.is_caught(task.fleet, task.ready) {
            self.recovered = self.recovered.max(task.end);
        }
    }

    fn arrived(&mut self, fleet: u8, tasks: u64) {
        self.fleets[usize::from(fleet)].arrived += tasks;
    }

    fn dead_lettered(&mut self, fleet: u8) {
        self.fleets[usize::from(fleet)].dead_lettered += 1;
    }

    fn unfinished(&mut self, fleet: u8, ready: Time) {
        self.fleets[usize::from(fleet)].unfinished += 1;
        if self.is_caught(fleet, ready) {
            self.unrecovered = true;
        }
    }
}
