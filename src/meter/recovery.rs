//! How long the work that an outage caught goes on after its end.
//!
//! Outages end while the run goes on, and which of them is the last one shows when the run is over. So
//! the page is begun anew at each end: what has ended before it needs no recovery from it.

use crate::scenario::model::{Scenario, TargetId};
use crate::simulation::{Program, RunEnd, TaskEnd};
use crate::units::{Span, Time};
use crate::wire::Outcome;
use crate::world::{Calendar, Outage};

/// The page on recovery from the outages of one run.
#[derive(Clone, Debug)]
pub(super) struct Recovery {
    /// The outages that there are, those that come without end left out.
    outages: Vec<Calendar<Outage>>,
    /// Which fleets call a target that has one.
    meets: Vec<bool>,
    /// When the latest outage ended, and when the next one will.
    since: Time,
    next: Time,
    /// When the last task succeeded that had been ready before that.
    recovered: Time,
    /// Whether any of those tasks has succeeded, and whether any has failed.
    any: [bool; 2],
    /// Whether any task at all has succeeded.
    ever: bool,
    /// Since when the oldest of the tasks has been ready that never ended.
    unfinished: Time,
}

impl Recovery {
    /// An empty page for a scenario under a policy.
    pub(super) fn new(scenario: &Scenario, program: &Program) -> Recovery {
        let all = scenario.targets.iter().map(|target| &target.outages);
        let outages = all.filter(|outages| outages.has_an_end()).cloned();
        let mut page = Recovery {
            outages: outages.collect(),
            meets: meets_outage(scenario, program),
            since: Time::ZERO,
            next: Time::NEVER,
            recovered: Time::ZERO,
            any: [false; 2],
            ever: false,
            unfinished: Time::NEVER,
        };
        page.next = page.next_end(Time::ZERO);
        page
    }

    /// A task has ended.
    #[inline]
    pub(super) fn task(&mut self, task: &TaskEnd) {
        if task.end >= self.next {
            self.outage_is_over(task.end);
        }
        if !self.meets[usize::from(task.fleet)] {
            return;
        }
        let ok = task.outcome == Outcome::Ok;
        self.ever |= ok;
        if task.ready < self.since {
            self.any[usize::from(!ok)] = true;
            if ok {
                self.recovered = self.recovered.max(task.end);
            }
        }
    }

    /// A task of this fleet never ended.
    pub(super) fn unfinished(&mut self, fleet: u8, ready: Time) {
        if self.meets[usize::from(fleet)] {
            self.unfinished = self.unfinished.min(ready);
        }
    }

    #[inline(never)]
    fn outage_is_over(&mut self, now: Time) {
        while self.next <= now {
            self.since = self.next;
            self.next = self.next_end(self.since);
        }
        self.recovered = self.since;
        self.any = [false; 2];
    }

    fn next_end(&self, now: Time) -> Time {
        let next = self.outages.iter().filter_map(|all| all.next_end(now));
        next.min().unwrap_or(Time::NEVER)
    }

    /// From the end of the last outage of the run until the work that had been ready before it had
    /// succeeded, as far as it did; until the end of the run where some of it never ended. `None` where
    /// there was no outage, where none of that work succeeded, or where a run was cut off before the
    /// outage ended.
    pub(super) fn after(&self, run: &RunEnd) -> Option<Span> {
        let mut page = self.clone();
        if page.next <= run.end {
            page.outage_is_over(run.end);
        }
        if run.cut.is_none()
            && page
                .outages
                .iter()
                .any(|all| all.end_of_begun(run.end) > Some(run.end))
        {
            // All work was over before the outage was.
            return page.ever.then_some(Span::ZERO);
        }
        let recovered = match page.unfinished < page.since {
            true => run.end,
            // It was over, and all in vain.
            false if page.any == [false, true] => return None,
            false => page.recovered,
        };
        (page.since > Time::ZERO).then(|| recovered.since(page.since))
    }
}

/// Which fleets have a plan that may call a target with a scheduled outage that ends for good.
fn meets_outage(scenario: &Scenario, program: &Program) -> Vec<bool> {
    let entries: Vec<usize> = program.fleets.iter().map(|f| f.entry.into()).collect();
    let meets = |target: TargetId| {
        let target = &scenario.targets[usize::from(target.0)];
        target.outages.has_an_end()
    };
    let of_fleet = |(i, from): (usize, &usize)| {
        let to = entries.get(i + 1).copied().unwrap_or(program.ops.len());
        program.targets_of(*from..to).any(meets)
    };
    entries.iter().enumerate().map(of_fleet).collect()
}
