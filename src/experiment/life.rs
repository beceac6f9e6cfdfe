//! One task's life under every policy: the task of replication 0 that they treat most differently.
//!
//! Replication 0 is played twice more: once to count every task's attempts and dollars, once to
//! record the chosen task until it ends. Both are bounded: tasks beyond [`MOST_TASKS`] are not
//! looked at, a life is cut after [`LIFE_SPANS`] attempts, and where replication 0 took more than
//! [`MOST_EVENTS`] events under all policies together the story is left out. All of it hangs on
//! replication 0 alone, so that the shard which plays it can tell the story for all.

use std::cell::Cell;

use rayon::prelude::*;

use crate::random::Weather;
use crate::scenario::model::Scenario;
use crate::simulation::{Attempt, Denial, NO_LAYER, Observer, Program, TaskEnd, run as simulate};
use crate::units::{Money, Time};
use crate::wire::Outcome;

use super::Progress;
use super::document::{LIFE_SPANS, Life, LifeSpan, TaskLife};

/// The tasks of each fleet that are looked at: so many from the first.
const MOST_TASKS: usize = 20_000;

/// The most events of replication 0 for which it is played again: some seconds' work.
const MOST_EVENTS: u64 = 20_000_000;

/// The chosen task under every policy; `None` if there is no task, or if `events`, those of
/// replication 0 under all policies, are too many. Worth nothing if the progress stopped meanwhile.
pub fn of(
    scenario: &Scenario,
    programs: &[Program],
    seed: u64,
    events: u64,
    progress: &dyn Progress,
) -> Option<TaskLife> {
    if events > MOST_EVENTS {
        return None;
    }
    let totals = |program: &Program| {
        let mut totals = Totals::new(scenario.fleets.len());
        let weather = Weather::new(seed, 0);
        simulate(scenario, program, weather, &mut totals, &|| progress.stop());
        totals
    };
    let totals: Vec<Totals> = programs.par_iter().map(totals).collect();
    let (fleet, task) = most_different(&totals)?;
    let lives = scenario.policies.par_iter().zip(programs);
    let lives = lives.map(|(policy, program)| {
        let label = |label: &String| policy.short_label(label).to_owned();
        let mut record = Record {
            fleet,
            task,
            labels: program.labels.iter().map(label).collect(),
            life: Life::default(),
            spent: Money::ZERO,
            ended: Cell::new(false),
        };
        let weather = Weather::new(seed, 0);
        simulate(scenario, program, weather, &mut record, &|| progress.stop());
        record.life.usd = record.spent.as_dollars();
        record.life
    });
    Some(TaskLife {
        fleet: scenario.fleets[usize::from(fleet)].name.clone(),
        task,
        replication: 0,
        policies: lives.collect(),
    })
}

/// What a task took.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    attempts: u32,
    spend: Money,
}

/// What each task took, by fleet and number.
#[derive(Debug)]
struct Totals {
    fleets: Vec<Vec<Total>>,
}

impl Totals {
    fn new(fleets: usize) -> Totals {
        Totals {
            fleets: vec![vec![]; fleets],
        }
    }
}

impl Observer for Totals {
    fn attempt(&mut self, attempt: &Attempt) {
        let tasks = &mut self.fleets[usize::from(attempt.fleet)];
        let task = attempt.task as usize;
        if task < MOST_TASKS {
            if task >= tasks.len() {
                tasks.resize(task + 1, Total::default());
            }
            tasks[task].attempts += 1;
            tasks[task].spend += attempt.cost;
        }
    }
}

/// The task whose attempts differ by the largest factor between policies; among equals the one
/// whose spend differs most; among those the first.
fn most_different(totals: &[Totals]) -> Option<(u8, u32)> {
    let mut best: Option<(f64, Money, (u8, u32))> = None;
    let fleets = totals.first()?.fleets.len();
    for fleet in 0..fleets {
        let tasks = totals.iter().map(|t| t.fleets[fleet].len()).max();
        for task in 0..tasks.unwrap_or(0) {
            let of = |t: &Totals| t.fleets[fleet].get(task).copied().unwrap_or_default();
            let all = || totals.iter().map(of);
            let most = all().map(|t| t.attempts).max().unwrap_or(0);
            // A task that a policy never came to is no story about its retries.
            let least = all().map(|t| t.attempts).min().filter(|n| *n > 0);
            let factor = f64::from(most) / f64::from(least.unwrap_or(most.max(1)));
            let spends = all().map(|t| t.spend);
            let dearest = spends.clone().max().unwrap_or(Money::ZERO);
            let spread = dearest - spends.min().unwrap_or(Money::ZERO);
            let beats = |(f, s, _): &(f64, Money, _)| (factor, spread) > (*f, *s);
            if best.as_ref().is_none_or(beats) {
                best = Some((factor, spread, (fleet as u8, task as u32)));
            }
        }
    }
    best.map(|(_, _, which)| which)
}

/// Records one task.
struct Record {
    fleet: u8,
    task: u32,
    labels: Vec<String>,
    life: Life,
    spent: Money,
    ended: Cell<bool>,
}

impl Record {
    fn is_it(&self, fleet: u8, task: u32) -> bool {
        fleet == self.fleet && task == self.task && !self.ended.get()
    }

    fn push(&mut self, span: LifeSpan) {
        match self.life.spans.len() < LIFE_SPANS {
            true => self.life.spans.push(span),
            false => self.life.left_out += 1,
        }
    }
}

impl Observer for Record {
    fn attempt(&mut self, a: &Attempt) {
        if a.fleet != self.fleet || a.task != self.task {
            return;
        }
        self.life.attempts += 1;
        self.spent += a.cost;
        let cause = match a.cause {
            NO_LAYER => String::new(),
            layer => self.labels[usize::from(layer)].clone(),
        };
        self.push(LifeSpan {
            from_seconds: a.begin.as_seconds(),
            until_seconds: a.end.as_seconds(),
            target: Some(usize::from(a.target.0)),
            outcome: a.outcome.map_or("open", Outcome::name).to_owned(),
            cause,
            tokens: u64::from(a.usage.input) + u64::from(a.usage.output),
            usd: a.cost.as_dollars(),
        });
    }

    fn denied(&mut self, denial: &Denial) {
        if !self.is_it(denial.fleet, denial.task) {
            return;
        }
        let at = denial.at.as_seconds();
        self.push(LifeSpan {
            from_seconds: at,
            until_seconds: at,
            target: denial.target.map(|t| usize::from(t.0)),
            outcome: denial.outcome.name().to_owned(),
            cause: String::new(),
            tokens: 0,
            usd: 0.0,
        });
    }

    fn task(&mut self, task: &TaskEnd) {
        if self.is_it(task.fleet, task.task) {
            self.ended.set(true);
            let ready = (task.ready != Time::NEVER).then(|| task.ready.as_seconds());
            self.life.ready_seconds = ready;
            self.life.end_seconds = Some(task.end.as_seconds());
            self.life.outcome = task.outcome.name().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(attempts: &[u32]) -> Totals {
        let total = |n: &u32| Total {
            attempts: *n,
            spend: Money(i128::from(*n)),
        };
        Totals {
            fleets: vec![attempts.iter().map(total).collect()],
        }
    }

    #[test]
    fn the_task_with_the_largest_factor_is_chosen() {
        let totals = [totals(&[2, 4, 9]), totals(&[2, 40, 30])];
        assert_eq!(most_different(&totals), Some((0, 1)));
    }

    #[test]
    fn among_equals_the_dearer_then_the_first() {
        assert_eq!(
            most_different(&[totals(&[1, 2, 2]), totals(&[2, 4, 4])]),
            Some((0, 1))
        );
        assert_eq!(most_different(&[totals(&[])]), None);
    }

    #[test]
    fn a_task_that_a_policy_never_came_to_says_nothing() {
        let totals = [totals(&[0, 2]), totals(&[500, 4])];
        assert_eq!(most_different(&totals), Some((0, 1)));
    }
}
