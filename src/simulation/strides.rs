//! Strides: from the success of a call to the attempt of the next one in one go.
//!
//! Most events of many runs are of one kind: a call of a free tool, which nobody watches, has
//! succeeded, and between it and the next such call stands nothing, or the end of a task and the
//! beginning of another. What the general way of [`drive`](super::drive) finds out at every step is
//! known in advance there, so that an agent takes it in one stride. The steps are the same
//! functions in the same order; what comes out is the same to the byte.

use crate::engine::Queue;
use crate::random::{Purpose, Spot};
use crate::scenario::model::TargetId;
use crate::wire::Outcome;

use super::agent::{AgentId, reset};
use super::attempts::{attempt_of, take_off};
use super::bills::Bill;
use super::memory::Memory;
use super::observer::{Observer, TaskEnd};
use super::pages::{Needs, Whereabouts};
use super::program::{
    Block, BlockId, Call, FleetProgram, Kind, LayerId, NO_BLOCK, NO_LAYER, Op, Program, Scope,
};
use super::run::{About, Run};
use super::shared::SharedState;

/// Where all agents of a program with strides are: it has no loops, forks, hedges or lines.
const PLACE: Whereabouts = Whereabouts::ALONE;

/// Where an agent is after the success of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// Wherever the plan says.
    Plan,
    /// Before the next call of the task.
    Call(Threshold),
    /// At the end of its task; the next task begins with a call.
    Task(Threshold),
}

/// How a call is entered around which there is no layer, or a retry layer that remembers little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    block: BlockId,
    /// The call of that block, and what it says of its target, step and counter.
    call: u16,
    target: TargetId,
    step: u16,
    counter: u16,
    /// Whether its first attempt is the step's first in the task, and nobody counts.
    once: bool,
    /// One past its last layer.
    end: u16,
    /// Its retry layer, or [`NO_LAYER`].
    retry: LayerId,
    /// That layer's first word, if it has words.
    word: Option<u16>,
}

impl Threshold {
    fn of(program: &Program, block: BlockId) -> Option<Threshold> {
        let b = &program.blocks[usize::from(block)];
        let retry = match &program.layers[usize::from(b.first)..usize::from(b.end)] {
            [] => None,
            [one] if matches!(one.kind, Kind::Retry(_)) && one.memory != Memory::More => Some(one),
            _ => return None,
        };
        let call = &program.calls[usize::from(b.call)];
        (call.is_simple && b.quiet && b.around == Scope::Task).then_some(Threshold {
            block,
            call: b.call,
            target: call.target,
            step: call.step,
            counter: call.counter,
            once: program.once,
            end: b.end,
            retry: retry.map_or(NO_LAYER, |layer| layer.id),
            word: retry.and_then(|l| (l.memory == Memory::Latest).then_some(l.word)),
        })
    }
}

impl Onward {
    /// What comes after the success of the call of a block.
    fn of(program: &Program, b: &Block) -> Onward {
        let threshold = |op: Op| match op {
            Op::Call(next) => Threshold::of(program, next),
            _ => None,
        };
        let next = program.ops[usize::from(b.after)];
        if let Some(call) = threshold(next) {
            return Onward::Call(call);
        }
        let Op::Close(task) = next else {
            return Onward::Plan;
        };
        let t = &program.blocks[usize::from(task)];
        let mut fleets = program.fleets.iter();
        let fleet = fleets.find(|f| program.ops[usize::from(f.entry)] == Op::Open(task));
        let plain =
            t.parent == NO_BLOCK && t.first == t.end && fleet.is_some_and(FleetProgram::is_plain);
        match threshold(program.ops[usize::from(t.body)]) {
            Some(first) if plain => Onward::Task(first),
            _ => Onward::Plan,
        }
    }
}

/// Finds out what comes after each call of a program that is otherwise complete.
pub fn look_onward(program: &mut Program, needs: &Needs) {
    let personal = SharedState::is_personal(&program.groups);
    if *needs != Needs::default() || program.counts_calls || personal {
        return;
    }
    for i in 0..program.blocks.len() {
        let b = program.blocks[i];
        if b.scope == Scope::Call && Threshold::of(program, i as BlockId).is_some() {
            program.calls[usize::from(b.call)].onward = Onward::of(program, &b);
        }
    }
}

impl Program {
    /// How many calls are left in a stride when they succeed.
    pub fn strides(&self) -> usize {
        let leads = |call: &&Call| call.onward != Onward::Plan;
        self.calls.iter().filter(leads).count()
    }

    /// The program without strides, which plays the same runs.
    pub fn without_strides(mut self) -> Program {
        self.calls
            .iter_mut()
            .for_each(|call| call.onward = Onward::Plan);
        self
    }
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// The call of an agent has succeeded, and what comes then is known: on to the next attempt.
    ///
    /// How that will end is worked out first and booked last: luck takes long, step by step, and
    /// the processor keeps the books of what has ended meanwhile.
    #[inline(never)]
    pub(super) fn stride(&mut self, a: AgentId, call: &Call) {
        let now = self.agenda.now();
        let (agent, words, counters) = self.agents.whole(a);
        let fleet = agent.fleet;
        let (threshold, fresh) = match &call.onward {
            Onward::Plan => unreachable!("a stride leads somewhere"),
            Onward::Call(threshold) => (threshold, None),
            Onward::Task(threshold) => {
                let fresh = self.queues[usize::from(fleet)].fresh_task(a, now);
                if fresh.is_none() {
                    return self.last_stride(a, call);
                }
                reset(counters);
                (threshold, fresh)
            }
        };
        let attempt = match threshold.once {
            true => 0,
            false => {
                let counter = &mut counters[usize::from(threshold.counter)];
                *counter = counter.wrapping_add(1);
                counter.wrapping_sub(1)
            }
        };
        let task = fresh.map_or(agent.task, |(task, _)| task);
        let spot = Spot {
            fleet,
            task,
            step: threshold.step,
            round: PLACE.round,
            attempt,
            hedge: 0,
        };
        let luck = self.weather.draw(spot, Purpose::Attempt);

        self.servers[usize::from(call.target.0)].finish(fleet, false);
        let ended = attempt_of((a, agent, PLACE), call, now, Bill::NOTHING);
        self.observer.attempt(&ended);
        if let Some((task, ready)) = fresh {
            self.last_end = now;
            self.observer.task(&TaskEnd {
                fleet,
                task: agent.task,
                ready: agent.ready,
                end: now,
                outcome: Outcome::Ok,
            });
            // It is not the last to end: another has just begun.
            self.queues[usize::from(fleet)].unended -= 1;
            agent.task = task;
            agent.ready = ready;
        }

        let target = threshold.target;
        let server = &mut self.servers[usize::from(target.0)];
        let (flight, work) = take_off(server, (now, attempt), &luck);
        if threshold.retry != NO_LAYER {
            self.observer.entered(threshold.retry);
        }
        if let Some(word) = threshold.word {
            let word = usize::from(word);
            words[word..word + 3].copy_from_slice(&[1, now.0 as u32, (now.0 >> 32) as u32]);
        }
        self.observer.begun(now, target, attempt == 0);
        agent.flight = flight;
        agent.call = threshold.call;
        agent.block = threshold.block;
        agent.layer = threshold.end;
        agent.cause = NO_LAYER;
        agent.wake = self.agenda.schedule(now + work, About::Agent.entity(a));
    }

    /// The call of an agent has succeeded, and with it the task; there is none to take next.
    #[cold]
    #[inline(never)]
    fn last_stride(&mut self, a: AgentId, call: &Call) {
        let agent = self.agents.all[a as usize];
        self.servers[usize::from(call.target.0)].finish(agent.fleet, false);
        let now = self.agenda.now();
        self.observer
            .attempt(&attempt_of((a, &agent, PLACE), call, now, Bill::NOTHING));
        self.finish_task(agent.fleet, agent.task, agent.ready, Outcome::Ok);
        self.rest(a);
    }
}
