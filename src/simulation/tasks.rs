//! Handing out tasks, and what becomes of those that failed.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit};
use crate::resilience::{Decision, RetryState};
use crate::scenario::model::{Agents as FleetSize, Arrivals, Shared, Start};
use crate::units::{Span, Time};
use crate::wire::{Outcome, Reply};

use super::agent::{Agent, AgentId, Doing, reset};
use super::dead_letters::Tries;
use super::drive::Next;
use super::observer::{Denial, Observer, TaskEnd};
use super::program::Scope;
use super::queues::{Entrance, Entry, TaskQueue};
use super::run::{About, MOST_AT_ONCE, Run};

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Whether every task that ever arrives has ended.
    pub(super) fn all_done(&self) -> bool {
        self.queues.iter().all(TaskQueue::done)
    }

    /// The batch arrives, or the first of the tasks that come one by one is announced.
    pub(super) fn first_arrivals(&mut self, f: u8) {
        let first_agent = self.agents.all.len() as AgentId;
        let queue = &mut self.queues[usize::from(f)];
        queue.first_agent = first_agent;
        let tasks = &queue.spec.tasks;
        if tasks.arrivals != Arrivals::Batch {
            queue.open = true;
            return self.announce_arrival(f);
        }
        let count = u64::from(tasks.count.unwrap_or(0));
        let agents = match queue.spec.agents {
            FleetSize::Count(n) if tasks.each_agent => {
                queue.had = vec![0; n as usize];
                u64::from(n)
            }
            _ => 1,
        };
        queue.batch_left = count * agents;
        queue.unended = count * agents;
        self.observer.arrived(f, count * agents);
        if self.queues[usize::from(f)].spec.agents == FleetSize::Unlimited {
            for _ in 0..count {
                if self.is_full() {
                    return;
                }
                let a = self.add_agent(f);
                self.wait(a, Doing::Starting, Time::ZERO);
            }
        }
    }

    fn announce_arrival(&mut self, f: u8) {
        let queue = &mut self.queues[usize::from(f)];
        match queue.arrivals.next() {
            Some(at) => {
                self.agenda
                    .schedule(at, About::Arrival.entity(u32::from(f)));
            }
            None => queue.open = false,
        }
    }

    /// A task arrives.
    pub(super) fn arrival(&mut self, f: u8) {
        let now = self.agenda.now();
        self.announce_arrival(f);
        self.observer.arrived(f, 1);
        let queue = &mut self.queues[usize::from(f)];
        queue.unended += 1;
        queue.fresh.push_back(now);
        self.crowded |= queue.fresh.len() > MOST_AT_ONCE;
        if queue.open_until == Time::NEVER {
            return self.fail_the_rest(f);
        }
        self.put_to_work(f);
    }

    /// A failed task's time to come back.
    pub(super) fn resubmission(&mut self, slot: u32) {
        let queued = self.agenda.now();
        let Some(entry) = self.later.slots[slot as usize].take() else {
            // The batch was stopped meanwhile.
            self.later.release(slot);
            return;
        };
        let queue = &mut self.queues[usize::from(entry.fleet)];
        queue.again.push_back(Entry { queued, ..entry });
        self.put_to_work(entry.fleet);
    }

    /// The batch's breaker closes again: idle agents look for work. In an open loop there are none;
    /// each task in line gets its agent now.
    pub(super) fn reopen(&mut self, f: u8) {
        let queue = &self.queues[usize::from(f)];
        let looking = match queue.spec.agents {
            FleetSize::Unlimited => {
                queue.batch_left as usize + queue.fresh.len() + queue.again.len()
            }
            FleetSize::Count(_) => queue.idle.len(),
        };
        for _ in 0..looking {
            self.put_to_work(f);
        }
    }

    /// Gives the task at the head of the line to an idle agent, or to a new one in an open loop.
    fn put_to_work(&mut self, f: u8) {
        let now = self.agenda.now();
        let queue = &mut self.queues[usize::from(f)];
        if queue.stopped(now) {
            return;
        }
        let a = match queue.spec.agents {
            FleetSize::Unlimited => self.add_agent(f),
            FleetSize::Count(_) => match queue.idle.pop_front() {
                Some(a) => a,
                None => return,
            },
        };
        let next = self.first_task(a);
        self.drive(a, next);
    }

    /// An agent without a task looks for one.
    #[inline(never)]
    pub(super) fn first_task(&mut self, a: AgentId) -> Next {
        self.take_task(a)
    }

    /// An agent looks for its next task.
    #[inline(always)]
    fn take_task(&mut self, a: AgentId) -> Next {
        let now = self.agenda.now();
        let f = self.agents.all[a as usize].fleet;
        let queue = &mut self.queues[usize::from(f)];
        if queue.stopped(now) {
            return self.rest(a);
        }
        let fresh_first = match queue.again.front() {
            None => true,
            Some(again) => match queue.fresh.front() {
                Some(fresh) => *fresh <= again.queued,
                None => queue.batch_left > 0,
            },
        };
        if fresh_first && let Some((task, ready)) = queue.fresh_task(a, now) {
            let (entry, comes_back) = (queue.entry, queue.comes_back);
            reset(self.agents.counters_of(a));
            self.begin_task(a, task, ready, entry);
            if comes_back {
                self.note_tries(a, Tries::default());
            }
            return Next::Step;
        }
        self.task_again(a)
    }

    /// Takes a failed task that is in line to be tried again.
    #[inline(never)]
    fn task_again(&mut self, a: AgentId) -> Next {
        let f = self.agents.all[a as usize].fleet;
        let queue = &mut self.queues[usize::from(f)];
        match queue.again.pop_front() {
            Some(entry) => {
                // A task that comes back goes on counting its attempts: it meets other luck than
                // before, and what it does for the first time is a first attempt.
                let counters = self.later.release(entry.slot);
                self.agents.counters_of(a).copy_from_slice(counters);
                let from = self.queues[usize::from(f)].entry;
                self.begin_task(a, entry.task, entry.ready, from);
                self.agents.whereabouts[a as usize].resubmitted = entry.tries.resubmitted;
                self.note_tries(a, entry.tries);
                Next::Step
            }
            None => self.rest(a),
        }
    }

    #[inline(never)]
    pub(super) fn rest(&mut self, a: AgentId) -> Next {
        let agent = &mut self.agents.all[a as usize];
        let f = agent.fleet;
        agent.doing = Doing::Idle;
        agent.wake = 0;
        let queue = &mut self.queues[usize::from(f)];
        match queue.spec.agents {
            FleetSize::Count(_) => queue.idle.push_back(a),
            FleetSize::Unlimited => self.agents.remove(a),
        }
        Next::Wait
    }

    #[inline(always)]
    fn begin_task(&mut self, a: AgentId, task: u32, ready: Time, entry: Entrance) {
        self.shared.renew(a, Shared::Task);
        if self.agents.has_pages {
            self.agents.renew(a);
            if let Some(family) = self.agents.families.get_mut(a) {
                family.root = a;
            }
        }
        if let Some(place) = self.agents.whereabouts.get_mut(a) {
            place.forget();
            place.ticket = place.ticket.wrapping_add(1);
        }
        let agent = &mut self.agents.all[a as usize];
        *agent = Agent {
            task,
            ready,
            pc: entry.pc,
            block: entry.block,
            layer: entry.layer,
            ..Agent::new(agent.fleet)
        };
    }

    /// Notes how often a task has come before, in a fleet that submits tasks again.
    #[inline(never)]
    fn note_tries(&mut self, a: AgentId, tries: Tries) {
        let agent = &mut self.agents.all[a as usize];
        let fleet = &self.program.fleets[usize::from(agent.fleet)];
        if let (Some((_, id)), true) = (&fleet.dead_letter, tries.returned > 0) {
            self.agents.set_cause(a, Scope::Task, *id);
        }
        if let Some((_, id)) = &fleet.retry {
            match tries.resubmitted {
                0 => self.observer.entered(*id),
                _ => self.agents.set_cause(a, Scope::Task, *id),
            }
        }
        self.keep_tries(a, tries);
    }

    /// An agent's task has ended: for good, or it goes back to the queue.
    #[inline(always)]
    pub(super) fn end_task(&mut self, a: AgentId, reply: Reply) -> Next {
        let agent = &self.agents.all[a as usize];
        let (fleet, task, ready) = (agent.fleet, agent.task, agent.ready);
        let kept = |run: &mut Self| run.submit_again(a, reply) || run.bury(a, reply.outcome);
        if reply.outcome == Outcome::Ok || !kept(self) {
            self.finish_task(fleet, task, ready, reply.outcome);
        }
        match self.queues[usize::from(fleet)].spec.agents {
            FleetSize::Count(_) => self.take_task(a),
            // It came for this task alone; what waits for a batch to go on gets agents of its own.
            FleetSize::Unlimited => self.rest(a),
        }
    }

    #[inline(always)]
    pub(super) fn finish_task(&mut self, fleet: u8, task: u32, ready: Time, outcome: Outcome) {
        let end = self.agenda.now();
        self.last_end = end;
        self.observer.task(&TaskEnd {
            fleet,
            task,
            ready,
            end,
            outcome,
        });
        let queue = &mut self.queues[usize::from(fleet)];
        queue.unended -= 1;
        let (last, judged) = (queue.unended == 0, queue.judged);
        if last {
            self.done = self.all_done();
        }
        if judged {
            self.judge(fleet, outcome);
        }
    }

    /// Tells the batch's breaker how a task ended for good, or until it comes back from the dead.
    #[inline(never)]
    pub(super) fn judge(&mut self, fleet: u8, outcome: Outcome) {
        let end = self.agenda.now();
        let queue = &mut self.queues[usize::from(fleet)];
        let Some((spec, id)) = &self.program.fleets[usize::from(fleet)].breaker else {
            return;
        };
        // While it is open, tasks begun before say nothing about the present.
        if queue.stopped(end) {
            return;
        }
        if outcome != Outcome::Ok {
            queue.failures += 1;
        } else if spec.consecutive {
            queue.failures = 0;
        }
        if queue.failures < spec.failures {
            return;
        }
        queue.failures = 0;
        queue.open_until = end + spec.open_for;
        let until = queue.open_until;
        self.observer.acted(*id);
        if until == Time::NEVER {
            self.fail_the_rest(fleet);
        } else {
            let entity = About::Arrival.entity(REOPEN | u32::from(fleet));
            self.agenda.schedule(until, entity);
        }
    }

    /// Puts a failed task back, if the fleet's retry layer says so.
    #[inline(never)]
    fn submit_again(&mut self, a: AgentId, reply: Reply) -> bool {
        let agent = self.agents.all[a as usize];
        let Some((spec, id)) = &self.program.fleets[usize::from(agent.fleet)].retry else {
            return false;
        };
        let resubmitted = self.agents.resubmitted(a);
        let now = self.agenda.now();
        let tries = self.tries(a);
        let mut state = RetryState {
            attempts: resubmitted + 1,
            begun: agent.ready,
            memory: tries.delay,
            // So that a task that fails at once takes time: there is a least period from here.
            ..RetryState::begin(now)
        };
        let spot = Spot {
            fleet: agent.fleet,
            task: agent.task,
            step: *id,
            round: u32::MAX - tries.returned,
            attempt: resubmitted,
            hedge: 0,
        };
        let luck = unit(self.weather.draw(spot, Purpose::Backoff)[0]);
        let Decision::RetryAfter(delay) = spec.decide(&mut state, now, reply, luck) else {
            return false;
        };
        if self.queues[usize::from(agent.fleet)].stopped_for_good() {
            return false;
        }
        self.observer.acted(*id);
        self.observer.waited(*id, delay);
        let slot = self.later.hold(self.agents.counters_of(a));
        self.crowded |= self.later.slots.len() > MOST_AT_ONCE;
        let entry = Entry {
            slot,
            fleet: agent.fleet,
            task: agent.task,
            ready: agent.ready,
            tries: Tries {
                resubmitted: resubmitted + 1,
                delay: state.memory,
                ..tries
            },
            queued: now,
        };
        self.later.slots[slot as usize] = Some(entry);
        let entity = About::Resubmission.entity(slot);
        self.agenda.schedule(now + delay, entity);
        true
    }

    /// The batch is stopped for good: every task that has not begun fails.
    #[inline(never)]
    fn fail_the_rest(&mut self, f: u8) {
        let now = self.agenda.now();
        let queue = &mut self.queues[usize::from(f)];
        let next = queue.next_task;
        let unbegun: Vec<(u32, Time)> = if queue.spec.tasks.each_agent {
            let unbegun = queue.unbegun_of_each_agent();
            unbegun.into_iter().map(|task| (task, now)).collect()
        } else {
            let batch = (0..queue.batch_left).map(|_| now);
            (next..)
                .zip(batch.chain(queue.fresh.iter().copied()))
                .collect()
        };
        let queue = &mut self.queues[usize::from(f)];
        queue.batch_left = 0;
        queue.fresh.clear();
        queue.next_task += unbegun.len() as u32;
        let mut again: Vec<Entry> = queue.again.drain(..).collect();
        for entry in &again {
            self.later.release(entry.slot);
        }
        again.extend(self.exhume(f));
        let of_fleet = |entry: &Option<Entry>| entry.is_some_and(|e| e.fleet == f);
        for slot in self.later.slots.iter_mut().filter(|e| of_fleet(e)) {
            again.extend(slot.take());
        }
        for (task, ready) in unbegun {
            self.fail_unbegun(f, task, ready);
        }
        for entry in again {
            self.fail_unbegun(f, entry.task, entry.ready);
        }
    }

    fn fail_unbegun(&mut self, fleet: u8, task: u32, ready: Time) {
        self.observer.denied(&Denial {
            at: self.agenda.now(),
            agent: u32::MAX,
            fleet,
            task,
            target: None,
            outcome: Outcome::CircuitOpen,
        });
        self.finish_task(fleet, task, ready, Outcome::CircuitOpen);
    }

    /// Tells the observer of the tasks that nobody had when the run was cut off.
    pub(super) fn close_queue(&mut self, f: u8) {
        let queue = &self.queues[usize::from(f)];
        for _ in 0..queue.dead.len() {
            self.observer.dead_lettered(f);
        }
        for _ in 0..queue.batch_left {
            self.observer.unfinished(f, Time::NEVER);
        }
        for ready in &queue.fresh {
            self.observer.unfinished(f, *ready);
        }
        let later = self.later.slots.iter().flatten();
        for entry in queue.again.iter().chain(later.filter(|e| e.fleet == f)) {
            self.observer.unfinished(f, entry.ready);
        }
    }

    /// When the fleet's `i`-th agent starts.
    pub(super) fn start_of(&self, f: u8, i: u32) -> Time {
        let start = self.scenario.fleets[usize::from(f)].start;
        match start {
            Start::At(time) => time,
            Start::Every(span) => Time::ZERO + span.times(u64::from(i)),
            Start::Within(span) => {
                let spot = Spot {
                    fleet: f,
                    task: i,
                    step: 0,
                    round: 0,
                    attempt: 0,
                    hedge: 0,
                };
                let u = unit(self.weather.draw(spot, Purpose::Start)[0]);
                Time::ZERO + Span::from_nanos_f64(span.0 as f64 * u)
            }
        }
    }
}

/// Marks an arrival event as the re-opening of a batch.
pub(super) const REOPEN: u32 = 1 << 8;
