//! Dead letters: tasks that failed for good, and the cron that submits them again.
//!
//! A task that the queue's retry gives up on goes to the dead-letter queue of its fleet. At each
//! multiple of the cron's period all that is in there goes back to the end of the line, at once and
//! in the order in which it failed: a stampede of its own. The cron's event is planned when there is
//! something for it to do, so a run without dead letters knows nothing of it.
//!
//! Source: Amazon SQS, dead-letter queues and their redrive (a redriven message counts its receives
//! from zero), of which this is the scheduled form that operators write themselves.

use std::collections::VecDeque;

use crate::engine::Queue;
use crate::units::{Span, Time};
use crate::wire::Outcome;

use super::agent::AgentId;
use super::observer::Observer;
use super::queues::Entry;
use super::run::{About, Run};

/// Marks an arrival event as the cron of a dead-letter queue.
pub(super) const REDRIVE: u32 = 1 << 9;

/// The dead letters of one fleet that may go back.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    /// Where they are held, in [`super::later::Later`], in the order in which they failed.
    slots: VecDeque<u32>,
    /// Whether the cron's next time is planned.
    planned: bool,
}

/// How often a task was submitted before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    /// By the queue's retry, since it came or came back.
    pub resubmitted: u32,
    /// By the cron of the dead-letter queue.
    pub returned: u32,
    /// What the backoff of the queue's retry remembers.
    pub delay: Span,
}

impl DeadLetters {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// What an agent keeps of its task's earlier tries.
    pub(super) fn tries(&mut self, a: AgentId) -> Tries {
        let agent = &self.agents.all[a as usize];
        let fleet = &self.program.fleets[usize::from(agent.fleet)];
        let resubmitted = self.agents.resubmitted(a);
        if !fleet.keeps_tries() {
            return Tries {
                resubmitted,
                ..Tries::default()
            };
        }
        Tries {
            resubmitted,
            returned: *self.agents.word(a, fleet.word),
            delay: Span(self.agents.pair(a, fleet.word + 1)),
        }
    }

    /// Makes an agent keep them.
    pub(super) fn keep_tries(&mut self, a: AgentId, tries: Tries) {
        let fleet = self.agents.all[a as usize].fleet;
        let fleet = &self.program.fleets[usize::from(fleet)];
        if fleet.keeps_tries() {
            *self.agents.word(a, fleet.word) = tries.returned;
            self.agents.set_pair(a, fleet.word + 1, tries.delay.0);
        }
    }

    /// Puts a task that failed for good into the dead-letter queue, if there is one. Whether it may
    /// come back from there.
    pub(super) fn bury(&mut self, a: AgentId, outcome: Outcome) -> bool {
        let agent = self.agents.all[a as usize];
        let Some((spec, id)) = self.program.fleets[usize::from(agent.fleet)].dead_letter else {
            return false;
        };
        self.observer.acted(id);
        let tries = self.tries(a);
        let returns = |times: Option<u32>| times.is_none_or(|most| tries.returned < most);
        let stopped = self.queues[usize::from(agent.fleet)].stopped_for_good();
        let cron = spec.resubmit.filter(|c| returns(c.times) && !stopped);
        let Some(cron) = cron else {
            self.observer.dead_lettered(agent.fleet);
            return false;
        };
        let now = self.agenda.now();
        let slot = self.later.hold(self.agents.counters_of(a));
        self.later.slots[slot as usize] = Some(Entry {
            slot,
            fleet: agent.fleet,
            task: agent.task,
            ready: agent.ready,
            tries: Tries {
                resubmitted: 0,
                returned: tries.returned + 1,
                delay: Span::ZERO,
            },
            queued: now,
        });
        let dead = &mut self.queues[usize::from(agent.fleet)].dead;
        dead.slots.push_back(slot);
        if !std::mem::replace(&mut dead.planned, true) {
            let next = (now.0 / cron.every.0).saturating_add(1);
            let at = Time(next.saturating_mul(cron.every.0));
            let entity = About::Arrival.entity(REDRIVE | u32::from(agent.fleet));
            self.agenda.schedule(at, entity);
        }
        self.judge(agent.fleet, outcome);
        true
    }

    /// The cron's time: all that is in the dead-letter queue is submitted again.
    pub(super) fn redrive(&mut self, f: u8) {
        let dead = &mut self.queues[usize::from(f)].dead;
        dead.planned = false;
        // What fails at this very instant waits for the next time.
        for _ in 0..dead.len() {
            let Some(slot) = self.queues[usize::from(f)].dead.slots.pop_front() else {
                return;
            };
            self.resubmission(slot);
        }
    }

    /// Takes out what is in the dead-letter queue of a batch that was stopped for good; it counts
    /// as left there.
    pub(super) fn exhume(&mut self, f: u8) -> Vec<Entry> {
        let mut found = vec![];
        while let Some(slot) = self.queues[usize::from(f)].dead.slots.pop_front() {
            found.extend(self.later.slots[slot as usize].take());
            self.later.release(slot);
            self.observer.dead_lettered(f);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::observe;
    use crate::meter::Ledger;
    use crate::random::Weather;
    use crate::scenario;
    use crate::simulation::Program;
    use std::path::Path;

    /// Tasks that failed, that were unfinished, and that were left among the dead letters.
    fn ends(horizon: &str, fleet: &str) -> (u64, u64, u64) {
        let text = format!(
            "name: dead\nhorizon: {horizon}\n\
             tools: {{tool: {{latency: 100ms, failures: 100%}}}}\n\
             fleets: {{f: {{agents: 1, tasks: {{count: 3}}, plan: [{{tool: tool}}]}}}}\n\
             policies: {{p: {{fleet: [{fleet}]}}}}\n"
        );
        let loaded = scenario::parse(&text, "dead", Path::new(""), &[]);
        let scenario = loaded.expect("it is sound").scenario;
        let policy = &scenario.policies[0];
        let mut books = Ledger::new(&scenario, &Program::new(&scenario, policy));
        observe(&scenario, policy, Weather::new(1, 0), &mut books);
        let page = &books.fleets[0];
        (page.failed, page.unfinished, page.dead_lettered)
    }

    #[test]
    fn what_is_left_counts_once_however_the_run_ends() {
        assert_eq!(ends("1h", "{dead_letter: {}}"), (3, 0, 3));
        let cron = "{dead_letter: {resubmit: {every: 1s, times: 2}}}";
        assert_eq!(ends("1h", cron), (3, 0, 3));
        // At 500 ms all three wait for the cron; at 1,150 ms the second try of one is over and that
        // of the next under way.
        assert_eq!(ends("500ms", cron), (0, 3, 3));
        assert_eq!(ends("1150ms", cron), (0, 3, 1));
        // Two die at 100 and 200 ms and stop the batch: the third never began.
        let stopped = format!("{cron}, {{circuit_breaker: {{failures: 2}}}}");
        assert_eq!(ends("1h", &stopped), (3, 0, 2));
        assert_eq!(ends("1h", "{retry: {attempts: 2}}"), (3, 0, 0));
    }
}
