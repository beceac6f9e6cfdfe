//! Stepping an agent through its plan and its layers until it waits.
//!
//! Entering a block goes through its layers from the outside in; leaving it goes back out with a
//! reply, and any layer may turn round: a retry re-enters at the layer inside it. An agent is
//! always at one place: block `block`, layers before `layer` entered.

use crate::engine::Queue;
use crate::scenario::model::OnFailure;
use crate::units::{Money, Span};
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Doing, Flight, Purse, begun_anew};
use super::observer::Observer;
use super::program::{Block, NO_BLOCK, Op, Scope};
use super::run::Run;

/// How many calls of an agent are refused before others have their turn at the same instant.
///
/// A loop of calls that are all refused before the wire takes no time and needs no event; so that it
/// can be bounded and interrupted, it gets one now and then.
const MOST_REFUSALS: u32 = 250;

/// What an agent does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// It enters the next layer of its block.
    Enter,
    /// It leaves through the layers that it has entered, with this reply.
    Leave(Reply),
    /// It goes on with the op at its `pc`.
    Step,
    /// It waits, or has ended.
    Wait,
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Drives an agent until it waits.
    pub(super) fn drive(&mut self, a: AgentId, next: Next) {
        self.drive_on(a, next, 0);
    }

    /// [`Run::drive`], its first step taken already if it is the usual one and leads to a wait.
    #[inline(always)]
    pub(super) fn drive_at_once(&mut self, a: AgentId, next: Next) {
        let (next, refused) = match next {
            Next::Enter => (self.enter(a), 0),
            Next::Leave(reply) => (self.leave(a, reply), 1),
            next => (next, 0),
        };
        if !matches!(next, Next::Wait) {
            self.drive_on(a, next, refused);
        }
    }

    /// [`Run::drive`] after so many replies.
    fn drive_on(&mut self, a: AgentId, mut next: Next, mut refused: u32) {
        loop {
            // From call to call first, because that is what most events come to.
            if matches!(next, Next::Step) {
                if refused > MOST_REFUSALS {
                    return self.wait(a, Doing::Thinks, self.agenda.now());
                }
                next = self.step(a);
            }
            next = match next {
                Next::Wait => return,
                Next::Enter => self.enter(a),
                Next::Leave(reply) => {
                    refused += 1;
                    self.leave(a, reply)
                }
                Next::Step => continue,
            };
        }
    }

    /// The plan from the agent's `pc` on, to the next call or to where it waits.
    #[inline]
    fn step(&mut self, a: AgentId) -> Next {
        let program = self.program;
        loop {
            let agent = &mut self.agents.all[a as usize];
            let next = match program.ops[usize::from(agent.pc)] {
                Op::Open(block) => {
                    let b = &program.blocks[usize::from(block)];
                    agent.block = block;
                    agent.layer = b.first;
                    if b.scope == Scope::Turn {
                        self.note_turn(a, b);
                    }
                    let agent = &mut self.agents.all[a as usize];
                    if b.first != b.end {
                        return Next::Enter;
                    }
                    // Nothing has been done in it yet that would have to be forgotten.
                    agent.pc = b.body;
                    continue;
                }
                Op::Call(block) => {
                    let b = &program.blocks[usize::from(block)];
                    self.agents.inherit_cause(a, b.around, Scope::Call);
                    let agent = &mut self.agents.all[a as usize];
                    agent.block = block;
                    agent.layer = b.first;
                    agent.call = b.call;
                    agent.flight.attempt = Flight::NONE_YET;
                    if self.agents.has_pages
                        && let Some(talk) = self.agents.talks.get_mut(a)
                    {
                        talk.grown = 0;
                    }
                    if program.counts_calls {
                        self.note_call_from(a, b);
                    }
                    return self.enter_from(a, b, b.first);
                }
                Op::Close(block) => {
                    let b = &program.blocks[usize::from(block)];
                    if b.first != b.end {
                        return Next::Leave(Reply::of(Outcome::Ok));
                    }
                    match b.parent {
                        NO_BLOCK => self.end_plan(a, Reply::of(Outcome::Ok)),
                        _ => self.go_on(a, b),
                    }
                }
                Op::Wait(wait) => self.think(a, wait),
                Op::LoopBegin(number) => self.begin_loop(a, number),
                Op::LoopEnd(number) => self.end_loop(a, number),
                Op::Fork(fork) => self.fork(a, fork),
            };
            if !matches!(next, Next::Step) {
                return next;
            }
        }
    }

    /// Notes what a turn begins with, to begin with it again.
    #[inline]
    fn note_turn(&mut self, a: AgentId, b: &Block) {
        self.agents.inherit_cause(a, Scope::Task, Scope::Turn);
        if !self.program.turns_repeat {
            return;
        }
        let round = u64::from(self.agents.round(a));
        let place = u64::from(self.agents.talks.of(a).context) << 32 | round;
        let kept = self.agents.kept.of(a).bits();
        self.agents.set_pair(a, b.word, place);
        self.agents.set_pair(a, b.word + 2, kept);
    }

    /// Notes how many attempts the step of a call has had before, where a script may ask.
    #[inline(never)]
    fn note_call_from(&mut self, a: AgentId, b: &Block) {
        let program = self.program;
        let made = self.made(a, &program.calls[usize::from(b.call)]);
        self.agents.whereabouts[a as usize].call_from = made;
    }

    #[inline(never)]
    fn think(&mut self, a: AgentId, wait: u16) -> Next {
        let (time, step) = &self.program.waits[usize::from(wait)];
        self.agents.all[a as usize].pc += 1;
        let luck = self.step_luck(a, *step);
        let think = Span::from_nanos_f64(time.quantile(luck));
        self.wait(a, Doing::Thinks, self.agenda.now() + think);
        Next::Wait
    }

    #[inline(never)]
    fn begin_loop(&mut self, a: AgentId, number: u16) -> Next {
        let this = self.program.loops[usize::from(number)];
        let counters = self.agents.counters_of(a);
        let at = usize::from(this.counter);
        counters[at] = 0;
        counters[at + 1] += 1;
        let agent = &mut self.agents.all[a as usize];
        agent.pc += 1;
        let place = &mut self.agents.whereabouts[a as usize];
        place.round = place.round.wrapping_mul(this.times);
        self.begin_round(a, number);
        Next::Step
    }

    #[inline(never)]
    fn end_loop(&mut self, a: AgentId, number: u16) -> Next {
        let this = self.program.loops[usize::from(number)];
        let rounds = &mut self.agents.counters_of(a)[usize::from(this.counter)];
        *rounds += 1;
        let again = *rounds < this.times;
        let agent = &mut self.agents.all[a as usize];
        if again {
            agent.pc = this.body;
            self.agents.whereabouts[a as usize].round += 1;
            self.begin_round(a, number);
        } else {
            agent.pc += 1;
            self.agents.whereabouts[a as usize].round /= this.times;
        }
        Next::Step
    }

    /// Each round counts its attempts anew; a loop that was begun again counts from where no
    /// earlier one has been, so that it meets other luck.
    fn begin_round(&mut self, a: AgentId, number: u16) {
        let this = self.program.loops[usize::from(number)];
        let counters = self.agents.counters_of(a);
        let begun = counters[usize::from(this.counter) + 1] - 1;
        let inner = usize::from(this.inner.0)..usize::from(this.inner.1);
        counters[inner].fill(begun_anew(begun));
    }

    /// Enters the remaining layers of the agent's block, then its body.
    fn enter(&mut self, a: AgentId) -> Next {
        let program = self.program;
        let agent = &self.agents.all[a as usize];
        let b = &program.blocks[usize::from(agent.block)];
        self.enter_from(a, b, agent.layer)
    }

    #[inline]
    fn enter_from(&mut self, a: AgentId, b: &Block, first: u16) -> Next {
        for i in first..b.end {
            self.agents.all[a as usize].layer = i + 1;
            if let Some(next) = self.enter_layer(a, i) {
                return next;
            }
        }
        match b.scope {
            Scope::Call => self.launch(a),
            Scope::Turn | Scope::Task => self.enter_body(a, b),
        }
    }

    /// Begins the body of a task or turn.
    #[inline(always)]
    fn enter_body(&mut self, a: AgentId, b: &Block) -> Next {
        match b.scope {
            Scope::Call => unreachable!("the body of a call is its attempt"),
            Scope::Turn if !self.program.turns_repeat => {}
            Scope::Turn => {
                let place = self.agents.pair(a, b.word);
                if let Some(talk) = self.agents.talks.get_mut(a) {
                    talk.context = (place >> 32) as u32;
                }
                self.begin_at_round(a, place as u32);
            }
            Scope::Task => {
                if self.agents.root(a) == a {
                    if let Some(talk) = self.agents.talks.get_mut(a) {
                        talk.context = 0;
                    }
                    self.begin_at_round(a, 0);
                }
            }
        }
        self.agents.all[a as usize].pc = b.body;
        Next::Step
    }

    #[inline]
    fn begin_at_round(&mut self, a: AgentId, round: u32) {
        if let Some(place) = self.agents.whereabouts.get_mut(a) {
            place.round = round;
        }
    }

    /// Leaves the agent's block through the layers that it has entered.
    #[inline(never)]
    fn leave(&mut self, a: AgentId, reply: Reply) -> Next {
        let program = self.program;
        let agent = &self.agents.all[a as usize];
        let b = &program.blocks[usize::from(agent.block)];
        for i in (b.first..agent.layer).rev() {
            self.agents.all[a as usize].layer = i;
            if let Some(next) = self.leave_layer(a, i, reply) {
                return next;
            }
        }
        match reply.outcome {
            _ if b.parent == NO_BLOCK => self.end_plan_with(a, reply),
            Outcome::Ok => self.go_on(a, b),
            _ => self.failed(a, b, reply),
        }
    }

    /// On with the plan after a block that has succeeded and stands in another.
    #[inline(always)]
    pub(super) fn go_on(&mut self, a: AgentId, b: &Block) -> Next {
        let agent = &mut self.agents.all[a as usize];
        agent.block = b.parent;
        agent.layer = b.outside;
        agent.pc = b.after;
        Next::Step
    }

    /// The agent is out of a block that has failed; the failure goes to the block around it, unless
    /// the plan goes on all the same.
    #[inline(never)]
    fn failed(&mut self, a: AgentId, b: &Block, reply: Reply) -> Next {
        if b.scope == Scope::Turn {
            self.throw_away(a, b.word);
        }
        let agent = &mut self.agents.all[a as usize];
        agent.block = b.parent;
        agent.layer = b.outside;
        if b.on_failure == OnFailure::Continue {
            agent.pc = b.after;
            Next::Step
        } else {
            Next::Leave(reply)
        }
    }

    /// The agent's deadline has come: it gives up what it does, back to the layer whose time it is.
    #[inline(never)]
    pub(super) fn timed_out(&mut self, a: AgentId) {
        let now = self.agenda.now();
        let principal = self.principal(a);
        if principal != a && self.agents.timed[principal as usize].deadline <= now {
            // A helper has the deadline of whom it helps, which is the one that runs out of time.
            return self.timed_out(principal);
        }
        self.abandon_doing(a);
        loop {
            let agent = &self.agents.all[a as usize];
            let b = self.program.blocks[usize::from(agent.block)];
            for i in (b.first..agent.layer).rev() {
                self.agents.all[a as usize].layer = i;
                let program = self.program;
                let layer = &program.layers[usize::from(i)];
                // Of several whose time it is the outermost counts: what is inside is over.
                let fired = layer.kind.is_timeout()
                    && self.agents.pair(a, layer.word) <= now.0
                    && self.agents.pair(a, layer.word + 2) > now.0;
                self.release(a, layer);
                if fired {
                    self.observer.acted(layer.id);
                    return self.drive(a, Next::Leave(Reply::of(Outcome::Timeout)));
                }
            }
            debug_assert_ne!(b.parent, NO_BLOCK, "a deadline without its timeout");
            if b.scope == Scope::Turn {
                self.throw_away(a, b.word);
            }
            let agent = &mut self.agents.all[a as usize];
            agent.block = b.parent;
            agent.layer = b.outside;
        }
    }

    /// Leaves every block without a reply: the parent has given up on this sub-agent or helper.
    pub(super) fn abandon(&mut self, a: AgentId) {
        self.abandon_doing(a);
        loop {
            let agent = &self.agents.all[a as usize];
            let b = self.program.blocks[usize::from(agent.block)];
            // A helper has entered only what is inside its hedge.
            let helps = self.agents.lane(a) != 0;
            let first = match helps {
                true => self.agents.all[self.principal(a) as usize].layer,
                false => b.first,
            };
            for i in (first..agent.layer).rev() {
                let program = self.program;
                self.release(a, &program.layers[usize::from(i)]);
            }
            if helps || b.parent == NO_BLOCK {
                return;
            }
            let agent = &mut self.agents.all[a as usize];
            agent.block = b.parent;
            agent.layer = b.outside;
        }
    }

    /// Gives up what an agent is waiting for.
    fn abandon_doing(&mut self, a: AgentId) {
        let agent = &mut self.agents.all[a as usize];
        agent.wake = 0;
        match agent.doing {
            Doing::InFlight | Doing::AwaitsReply => self.abandon_attempt(a),
            Doing::Joins | Doing::Joined | Doing::Hedges => self.abandon_children(a),
            Doing::InLine => self.abandon_line(a),
            Doing::AwaitsToken => agent.doing = Doing::Sleeping,
            _ => {}
        }
    }

    /// What the turn's successful attempts cost was for nothing. Of a turn that is not tried again it
    /// goes with all of its task.
    #[inline(never)]
    pub(super) fn throw_away(&mut self, a: AgentId, word: u16) {
        if !self.program.turns_repeat {
            return;
        }
        let before = Purse::from_bits(self.agents.pair(a, word + 2));
        let lost = self.agents.kept.of(a).money() - before.money();
        self.agents.kept.set(a, before);
        if lost != Money::ZERO {
            let fleet = self.agents.all[a as usize].fleet;
            self.observer.wasted(fleet, lost);
        }
    }

    /// What the task's successful attempts cost was for nothing.
    #[inline(never)]
    pub(super) fn throw_all_away(&mut self, a: AgentId) {
        let lost = self.agents.kept.of(a).money();
        self.agents.kept.set(a, Purse::EMPTY);
        if lost != Money::ZERO {
            let fleet = self.agents.all[a as usize].fleet;
            self.observer.wasted(fleet, lost);
        }
    }

    /// The agent's plan has ended, with any reply.
    #[inline(never)]
    fn end_plan_with(&mut self, a: AgentId, reply: Reply) -> Next {
        self.end_plan(a, reply)
    }

    /// The agent's plan has ended.
    #[inline(always)]
    fn end_plan(&mut self, a: AgentId, reply: Reply) -> Next {
        if reply.outcome != Outcome::Ok {
            self.throw_all_away(a);
        }
        if !self.agents.has_pages || self.agents.root(a) == a {
            self.end_task(a, reply)
        } else {
            self.end_branch(a, reply)
        }
    }
}
