//! What a run is read for.

use crate::simulation::{Attempt, Observer, RunEnd, TaskEnd};
use crate::units::{Money, Time};
use crate::wire::Outcome;

/// Counts and sums of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    warm_up: u32,
    attempts: u64,
    tasks: u64,
    tasks_ok: u64,
    cost: Money,
    /// Attempts of tasks after the warm-up that were answered, and their time \[ns\].
    answered: (u64, u128),
    /// Tasks after the warm-up, those that failed, and the time of those that did not \[ns\].
    warm: (u64, u64, u128),
    end: Time,
    complete: bool,
}

impl Seen {
    /// Nothing yet; the first `warm_up` tasks of each fleet will not be counted in times and losses.
    pub fn new(warm_up: u32) -> Seen {
        Seen {
            warm_up,
            ..Seen::default()
        }
    }

    /// The run has ended.
    pub fn close(&mut self, end: &RunEnd) {
        self.end = end.end;
        self.complete = end.cut.is_none();
    }

    /// Whether every task ended before the run did.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Attempts on the wire.
    pub fn attempts(&self) -> f64 {
        self.attempts as f64
    }

    /// Attempts for each task.
    pub fn load(&self) -> f64 {
        self.attempts as f64 / self.tasks as f64
    }

    /// The share of tasks that succeeded.
    pub fn success(&self) -> f64 {
        self.tasks_ok as f64 / self.tasks as f64
    }

    /// When the last task ended \[ms\].
    pub fn end_ms(&self) -> f64 {
        self.end.0 as f64 / 1e6
    }

    /// Mean time of a task that succeeded, after the warm-up \[s\].
    pub fn sojourn(&self) -> f64 {
        let (tasks, failed, time) = self.warm;
        time as f64 / (tasks - failed) as f64 / 1e9
    }

    /// The share of tasks that failed, after the warm-up.
    pub fn loss(&self) -> f64 {
        let (tasks, failed, _) = self.warm;
        failed as f64 / tasks as f64
    }

    /// Mean time of an attempt that was answered, after the warm-up \[s\].
    pub fn response(&self) -> f64 {
        let (attempts, time) = self.answered;
        time as f64 / attempts as f64 / 1e9
    }

    /// Dollars.
    pub fn spend(&self) -> f64 {
        self.cost.as_dollars()
    }
}

impl Observer for Seen {
    fn attempt(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.cost += attempt.cost;
        if attempt.task >= self.warm_up && attempt.outcome == Some(Outcome::Ok) {
            self.answered.0 += 1;
            self.answered.1 += u128::from(attempt.end.since(attempt.begin).0);
        }
    }

    fn task(&mut self, task: &TaskEnd) {
        let ok = task.outcome == Outcome::Ok;
        self.tasks += 1;
        self.tasks_ok += u64::from(ok);
        if task.task >= self.warm_up {
            self.warm.0 += 1;
            self.warm.1 += u64::from(!ok);
            if ok {
                self.warm.2 += u128::from(task.end.since(task.ready).0);
            }
        }
    }
}
