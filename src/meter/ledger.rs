//! The books of one run.

use serde::{Deserialize, Serialize};

use crate::scenario::model::{Scenario, TargetId};
use crate::scenario::nesting::steps_of;
use crate::simulation::{Attempt, Denial, LayerId, NO_LAYER, Observer, Program, RunEnd, TaskEnd};
use crate::units::{Money, Span, Time};
use crate::wire::Outcome;
use crate::world::price::Usage;

use super::fleet_book::FleetBook;
use super::recovery::Recovery;
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
    /// How long the work took that outages caught.
    recovery: Recovery,
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
        Ledger {
            targets: vec![TargetBook::default(); scenario.targets.len()],
            causes: vec![CauseBook::default(); layers + 1],
            acted: vec![0; layers],
            entered: vec![0; layers],
            waited: vec![Span::ZERO; layers],
            steps: vec![StepBook::default(); steps],
            first_steps,
            denied: 0,
            fleets: vec![FleetBook::default(); scenario.fleets.len()],
            series: Series::default(),
            busiest_second: 0,
            this_second: (Time::ZERO, 0),
            recovery: Recovery::new(scenario, program),
        }
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

    /// Money for attempts whose result was thrown away.
    pub fn wasted(&self) -> Money {
        self.fleets.iter().map(|page| page.wasted).sum()
    }

    /// What first attempts cost.
    pub fn first_spend(&self) -> Money {
        self.causes.last().map_or(Money::ZERO, |c| c.spend)
    }

    /// From the end of the run's last outage until the work that had been ready before had succeeded;
    /// until the end of the run where some of it never ended. `None` where no outage ended in the run,
    /// and where all of that work failed.
    pub fn recovery(&self, end: &RunEnd) -> Option<Span> {
        self.recovery.after(end)
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
            let fleet = &mut self.fleets[usize::from(attempt.fleet)];
            fleet.spend += attempt.cost;
            if cause != first {
                fleet.retries += attempt.cost;
            }
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
    fn wasted(&mut self, fleet: u8, money: Money) {
        self.fleets[usize::from(fleet)].wasted += money;
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
        self.recovery.task(task);
    }

    fn arrived(&mut self, fleet: u8, tasks: u64) {
        self.fleets[usize::from(fleet)].arrived += tasks;
    }

    fn dead_lettered(&mut self, fleet: u8) {
        self.fleets[usize::from(fleet)].dead_lettered += 1;
    }

    fn unfinished(&mut self, fleet: u8, ready: Time) {
        self.fleets[usize::from(fleet)].unfinished += 1;
        self.recovery.unfinished(fleet, ready);
    }
}
