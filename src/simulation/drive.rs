//! Stepping an agent through its plan and its layers until it waits.
//!
//! Entering a block goes through its layers from the outside in; leaving it goes back out with a
//! reply, and any layer may turn round: a retry re-enters at the layer inside it. An agent is
//! always at one place: block `block`, layers before `layer` entered.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit};
use crate::resilience::{Admission, Decision, Entry, RetrySpec, RetryState};
use crate::scenario::model::OnFailure;
use crate::units::{Money, Span, Time};
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Doing, Purse, begun_anew};
use super::observer::{Denial, Observer};
use super::program::{
    BlockId, CompiledLayer, Kind, NO_BLOCK, NO_LAYER, Op, Scope, keeps_begin, keeps_delay,
};
use super::run::Run;

/// How many moves an agent makes before others have their turn at the same instant.
///
/// A loop of calls that are all refused before the wire takes no time and needs no event; so that it
/// can be bounded and interrupted, it gets one now and then.
const MOST_MOVES: u32 = 1_000;

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
        let mut next = next;
        let mut moves = 0;
        loop {
            moves += 1;
            next = match next {
                Next::Step if moves > MOST_MOVES => {
                    self.wait(a, Doing::Thinks, self.agenda.now());
                    return;
                }
                Next::Enter => self.enter(a),
                Next::Leave(reply) => self.leave(a, reply),
                Next::Step => self.step(a),
                Next::Wait => return,
            };
        }
    }

    /// One op of the plan.
    fn step(&mut self, a: AgentId) -> Next {
        let agent = &mut self.agents.all[a as usize];
        match self.program.ops[usize::from(agent.pc)] {
            Op::Open(block) => {
                let b = &self.program.blocks[usize::from(block)];
                if b.scope == Scope::Turn {
                    agent.cause[1] = agent.cause[0];
                    let place = u64::from(agent.context) << 32 | u64::from(agent.round);
                    let kept = agent.kept.bits();
                    *self.agents.word(a, b.word) = place;
                    *self.agents.word(a, b.word + 1) = kept;
                }
                self.open_block(a, block)
            }
            Op::Call(block) => {
                let parent = self.program.blocks[usize::from(block)].parent;
                let scope = self.program.blocks[usize::from(parent)].scope;
                agent.cause[2] = agent.cause[scope as usize];
                agent.grown = 0;
                let call = self.program.blocks[usize::from(block)].call;
                let counter = self.program.calls[usize::from(call)].counter;
                let made = self.agents.counters_of(a)[usize::from(counter)];
                self.agents.all[a as usize].call_from = made;
                self.open_block(a, block)
            }
            Op::Close(_) => Next::Leave(Reply::of(Outcome::Ok)),
            Op::Wait(wait) => {
                let (time, step) = &self.program.waits[usize::from(wait)];
                agent.pc += 1;
                let luck = self.step_luck(a, *step);
                let think = Span::from_nanos_f64(time.quantile(luck));
                self.wait(a, Doing::Thinks, self.agenda.now() + think);
                Next::Wait
            }
            Op::LoopBegin(number) => self.begin_loop(a, number),
            Op::LoopEnd(number) => self.end_loop(a, number),
            Op::Fork(fork) => self.fork(a, fork),
        }
    }

    fn open_block(&mut self, a: AgentId, block: BlockId) -> Next {
        let agent = &mut self.agents.all[a as usize];
        agent.block = block;
        agent.layer = self.program.blocks[usize::from(block)].first;
        Next::Enter
    }

    fn begin_loop(&mut self, a: AgentId, number: u16) -> Next {
        let this = self.program.loops[usize::from(number)];
        let counters = self.agents.counters_of(a);
        let at = usize::from(this.counter);
        counters[at] = 0;
        counters[at + 1] += 1;
        let agent = &mut self.agents.all[a as usize];
        agent.round = agent.round.wrapping_mul(this.times);
        agent.pc += 1;
        self.begin_round(a, number);
        Next::Step
    }

    fn end_loop(&mut self, a: AgentId, number: u16) -> Next {
        let this = self.program.loops[usize::from(number)];
        let rounds = &mut self.agents.counters_of(a)[usize::from(this.counter)];
        *rounds += 1;
        let again = *rounds < this.times;
        let agent = &mut self.agents.all[a as usize];
        if again {
            agent.round += 1;
            agent.pc = this.body;
            self.begin_round(a, number);
        } else {
            agent.round /= this.times;
            agent.pc += 1;
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
        let agent = &self.agents.all[a as usize];
        let block = agent.block;
        let b = self.program.blocks[usize::from(block)];
        for i in agent.layer..b.end {
            self.agents.all[a as usize].layer = i + 1;
            if let Some(next) = self.enter_layer(a, i) {
                return next;
            }
        }
        self.agents.all[a as usize].layer = b.end;
        self.enter_body(a, block)
    }

    fn enter_body(&mut self, a: AgentId, block: BlockId) -> Next {
        let b = &self.program.blocks[usize::from(block)];
        match b.scope {
            Scope::Call => return self.launch(a, b.call),
            Scope::Turn => {
                let place = *self.agents.word(a, b.word);
                let agent = &mut self.agents.all[a as usize];
                agent.context = (place >> 32) as u32;
                agent.round = place as u32;
            }
            Scope::Task => {
                let agent = &mut self.agents.all[a as usize];
                if agent.root == a {
                    agent.context = 0;
                    agent.round = 0;
                }
            }
        }
        self.agents.all[a as usize].pc = b.body;
        Next::Step
    }

    /// Enters one layer. `None` is passing; the agent's `layer` already counts it as entered.
    #[inline]
    fn enter_layer(&mut self, a: AgentId, i: u16) -> Option<Next> {
        let now = self.agenda.now();
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match &layer.kind {
            Kind::Retry(spec) => {
                self.save_retry(a, layer.word, spec, RetryState::begin(now));
                None
            }
            Kind::Timeout(after) => {
                let around = self.agents.all[a as usize].deadline;
                let own = now + *after;
                *self.agents.word(a, layer.word) = own.0;
                *self.agents.word(a, layer.word + 1) = around.0;
                self.agents.all[a as usize].deadline = own.min(around);
                None
            }
            Kind::Breaker(spec) => {
                let sharer = self.sharer(a);
                let admission = self
                    .shared
                    .breakers
                    .of(layer.group, sharer)
                    .admit(spec, now);
                if admission == Admission::Refuse {
                    return Some(self.refuse(a, i, Outcome::CircuitOpen));
                }
                *self.agents.word(a, layer.word) = word_of(admission);
                None
            }
            Kind::Concurrency(spec) => {
                let agent = &mut self.agents.all[a as usize];
                agent.ticket = agent.ticket.wrapping_add(1);
                let who = (a, agent.ticket);
                let sharer = self.sharer(a);
                match self
                    .shared
                    .semaphores
                    .of(layer.group, sharer)
                    .enter(spec, who)
                {
                    Entry::Granted => None,
                    Entry::Refused => Some(self.refuse(a, i, Outcome::Rejected)),
                    Entry::Waits => {
                        self.observer.acted(layer.id);
                        self.agents.all[a as usize].layer = i;
                        self.wait(a, Doing::InLine, Time::NEVER);
                        Some(Next::Wait)
                    }
                }
            }
            Kind::RateLimit(spec) => {
                let sharer = self.sharer(a);
                match self
                    .shared
                    .limits
                    .of(layer.group, sharer)
                    .reserve(spec, now)
                {
                    None => Some(self.refuse(a, i, Outcome::Rejected)),
                    Some(Span::ZERO) => None,
                    Some(wait) => {
                        self.observer.acted(layer.id);
                        self.wait(a, Doing::Sleeping, now + wait);
                        Some(Next::Wait)
                    }
                }
            }
            Kind::RetryBudget(_) | Kind::Budget(_) => None,
        }
    }

    /// A layer refuses entry: the agent leaves through the layers before it.
    fn refuse(&mut self, a: AgentId, i: u16, outcome: Outcome) -> Next {
        self.observer.acted(self.program.layers[usize::from(i)].id);
        self.agents.all[a as usize].layer = i;
        self.deny(a, outcome);
        Next::Leave(Reply::of(outcome))
    }

    /// Tells the observer that an attempt was refused before the wire.
    pub(super) fn deny(&mut self, a: AgentId, outcome: Outcome) {
        let agent = &self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        let call =
            (block.scope == Scope::Call).then(|| &self.program.calls[usize::from(block.call)]);
        self.observer.denied(&Denial {
            at: self.agenda.now(),
            agent: a,
            fleet: agent.fleet,
            task: agent.task,
            target: call.map(|c| c.target),
            outcome,
        });
    }

    /// Leaves the agent's block through the layers that it has entered.
    fn leave(&mut self, a: AgentId, reply: Reply) -> Next {
        let agent = &self.agents.all[a as usize];
        let block = agent.block;
        let b = self.program.blocks[usize::from(block)];
        for i in (b.first..agent.layer).rev() {
            self.agents.all[a as usize].layer = i;
            if let Some(next) = self.leave_layer(a, i, reply) {
                return next;
            }
        }
        self.left(a, block, reply)
    }

    /// The agent is out of the block: on with the plan, or the failure goes to the block around it.
    fn left(&mut self, a: AgentId, block: BlockId, reply: Reply) -> Next {
        let b = self.program.blocks[usize::from(block)];
        if b.parent == NO_BLOCK {
            return self.end_plan(a, reply);
        }
        if b.scope == Scope::Turn && reply.outcome != Outcome::Ok {
            self.throw_away(a, b.word);
        }
        let agent = &mut self.agents.all[a as usize];
        agent.block = b.parent;
        agent.layer = self.program.blocks[usize::from(b.parent)].end;
        if reply.outcome == Outcome::Ok || b.on_failure == OnFailure::Continue {
            agent.pc = b.after;
            Next::Step
        } else {
            Next::Leave(reply)
        }
    }

    /// Leaves one layer. `None` passes the reply on outward.
    #[inline]
    fn leave_layer(&mut self, a: AgentId, i: u16, reply: Reply) -> Option<Next> {
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match &layer.kind {
            Kind::Retry(_) if reply.outcome == Outcome::Ok => None,
            Kind::Retry(spec) => self.try_again(a, i, spec, reply),
            Kind::Breaker(spec) => {
                let admission = admission_of(*self.agents.word(a, layer.word));
                let (sharer, now) = (self.sharer(a), self.agenda.now());
                let breaker = self.shared.breakers.of(layer.group, sharer);
                breaker.record(spec, now, admission, reply.outcome);
                None
            }
            Kind::Timeout(_) | Kind::Concurrency(_) => {
                self.release(a, layer);
                None
            }
            Kind::RateLimit(_) | Kind::RetryBudget(_) | Kind::Budget(_) => None,
        }
    }

    /// A retry layer decides; `None` lets the reply stand.
    fn try_again(&mut self, a: AgentId, i: u16, spec: &RetrySpec, reply: Reply) -> Option<Next> {
        let now = self.agenda.now();
        let layer = &self.program.layers[usize::from(i)];
        let mut state = self.load_retry(a, layer.word, spec);
        let luck = if spec.backoff.draws() {
            self.backoff_luck(a, layer, state.attempts)
        } else {
            0.0
        };
        let Decision::RetryAfter(delay) = spec.decide(&mut state, now, reply, luck) else {
            return None;
        };
        let b = self.program.blocks[usize::from(self.agents.all[a as usize].block)];
        if spec.grow_prompt > 0 && reply.outcome == Outcome::Invalid {
            let agent = &mut self.agents.all[a as usize];
            agent.grown = agent.grown.saturating_add(spec.grow_prompt);
        }
        if !self.may_retry(a, layer) {
            return None;
        }
        state.again(now + delay);
        self.save_retry(a, layer.word, spec, state);
        self.observer.acted(layer.id);
        match b.scope {
            Scope::Turn => self.throw_away(a, b.word),
            Scope::Task => self.throw_all_away(a),
            Scope::Call => {}
        }
        let agent = &mut self.agents.all[a as usize];
        agent.cause[b.scope as usize] = layer.id;
        agent.layer = i + 1;
        if delay == Span::ZERO {
            return Some(Next::Enter);
        }
        self.wait(a, Doing::Sleeping, now + delay);
        Some(Next::Wait)
    }

    /// Asks all retry budgets outside a retry layer.
    fn may_retry(&mut self, a: AgentId, layer: &CompiledLayer) -> bool {
        let (from, to) = layer.guards;
        if from == to {
            return true;
        }
        let estimate = self.next_estimate(a);
        let guards = &self.program.guards[usize::from(from)..usize::from(to)];
        for guard in guards {
            let watch = &self.program.layers[usize::from(guard.layer)];
            let Kind::RetryBudget(spec) = &watch.kind else {
                unreachable!("guards of a retry layer are retry budgets")
            };
            let sharer = self.guard_sharer(a, *guard);
            let budget = self.shared.retry_budgets.of(watch.group, sharer);
            if !budget.has_room(spec, estimate) {
                self.observer.acted(watch.id);
                return false;
            }
        }
        // A retry that one of them denies costs the others nothing.
        for guard in guards {
            let group = self.program.layers[usize::from(guard.layer)].group;
            let sharer = self.guard_sharer(a, *guard);
            self.shared.retry_budgets.of(group, sharer).count();
        }
        true
    }

    /// Luck for a backoff: keyed by the layer and by how often this agent has come here.
    fn backoff_luck(&mut self, a: AgentId, layer: &CompiledLayer, attempts: u32) -> f64 {
        let agent = &self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        let (fleet, task, round, before) = (
            agent.fleet,
            agent.task,
            agent.round,
            u32::from(agent.cause[0] != NO_LAYER) + (agent.resubmitted << 8),
        );
        let made = match block.scope {
            Scope::Call => {
                let call = &self.program.calls[usize::from(block.call)];
                self.agents.counters_of(a)[usize::from(call.counter)]
            }
            // Attempts of the agent so far: no two retries of a turn see the same number.
            Scope::Turn | Scope::Task => agent.ticket,
        };
        let spot = Spot {
            fleet,
            task,
            step: layer.id,
            round,
            attempt: made.wrapping_mul(0x9E37_79B9) ^ attempts ^ (before << 16),
        };
        unit(self.weather.draw(spot, Purpose::Backoff)[0])
    }

    fn load_retry(&mut self, a: AgentId, word: u16, spec: &RetrySpec) -> RetryState {
        let mut at = word + 2;
        let mut optional = |kept: bool| {
            let here = at;
            at += u16::from(kept);
            kept.then_some(here)
        };
        let (begun, previous) = (optional(keeps_begin(spec)), optional(keeps_delay(spec)));
        let latest = Time(*self.agents.word(a, word + 1));
        RetryState {
            attempts: *self.agents.word(a, word) as u32,
            latest,
            begun: begun.map_or(latest, |w| Time(*self.agents.word(a, w))),
            previous: previous.map_or(Span::ZERO, |w| Span(*self.agents.word(a, w))),
        }
    }

    fn save_retry(&mut self, a: AgentId, word: u16, spec: &RetrySpec, state: RetryState) {
        *self.agents.word(a, word) = u64::from(state.attempts);
        *self.agents.word(a, word + 1) = state.latest.0;
        let mut at = word + 2;
        if keeps_begin(spec) {
            *self.agents.word(a, at) = state.begun.0;
            at += 1;
        }
        if keeps_delay(spec) {
            *self.agents.word(a, at) = state.previous.0;
        }
    }

    /// Undoes the entry of a layer whose inside was left or abandoned.
    fn release(&mut self, a: AgentId, layer: &CompiledLayer) {
        match &layer.kind {
            Kind::Timeout(_) => {
                let around = *self.agents.word(a, layer.word + 1);
                self.agents.all[a as usize].deadline = Time(around);
            }
            Kind::Concurrency(_) => {
                let sharer = self.sharer(a);
                let agents = &self.agents.all;
                let waits = |(who, ticket): (AgentId, u32)| {
                    let agent = &agents[who as usize];
                    agent.doing == Doing::InLine && agent.ticket == ticket
                };
                let semaphore = self.shared.semaphores.of(layer.group, sharer);
                if let Some((who, _)) = semaphore.leave(waits) {
                    self.agents.all[who as usize].layer += 1;
                    self.wait(who, Doing::Sleeping, self.agenda.now());
                }
            }
            Kind::Breaker(_) => {
                let admission = admission_of(*self.agents.word(a, layer.word));
                let sharer = self.sharer(a);
                self.shared
                    .breakers
                    .of(layer.group, sharer)
                    .forget(admission);
            }
            _ => {}
        }
    }

    /// The agent's deadline has come: it gives up what it does, back to the layer whose time it is.
    pub(super) fn timed_out(&mut self, a: AgentId) {
        let now = self.agenda.now();
        self.abandon_doing(a);
        loop {
            let agent = &self.agents.all[a as usize];
            let b = self.program.blocks[usize::from(agent.block)];
            for i in (b.first..agent.layer).rev() {
                self.agents.all[a as usize].layer = i;
                let program = self.program;
                let layer = &program.layers[usize::from(i)];
                // Of several whose time it is the outermost counts: what is inside is over.
                let fired = matches!(layer.kind, Kind::Timeout(_))
                    && *self.agents.word(a, layer.word) <= now.0
                    && *self.agents.word(a, layer.word + 1) > now.0;
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
            agent.layer = self.program.blocks[usize::from(b.parent)].end;
        }
    }

    /// Leaves every block without a reply: the parent has given up on this sub-agent.
    pub(super) fn abandon(&mut self, a: AgentId) {
        self.abandon_doing(a);
        loop {
            let agent = &self.agents.all[a as usize];
            let b = self.program.blocks[usize::from(agent.block)];
            for i in (b.first..agent.layer).rev() {
                let program = self.program;
                self.release(a, &program.layers[usize::from(i)]);
            }
            if b.parent == NO_BLOCK {
                return;
            }
            let agent = &mut self.agents.all[a as usize];
            agent.block = b.parent;
            agent.layer = self.program.blocks[usize::from(b.parent)].end;
        }
    }

    /// Gives up what an agent is waiting for.
    fn abandon_doing(&mut self, a: AgentId) {
        let agent = &mut self.agents.all[a as usize];
        agent.wake = 0;
        match agent.doing {
            Doing::InFlight | Doing::AwaitsReply => self.abandon_attempt(a),
            Doing::Joins => self.abandon_children(a),
            Doing::InLine => {
                let layer = &self.program.layers[usize::from(agent.layer)];
                let group = layer.group;
                agent.doing = Doing::Sleeping;
                let sharer = self.sharer(a);
                self.shared.semaphores.of(group, sharer).abandon();
            }
            _ => {}
        }
    }

    /// What the turn's successful attempts cost was for nothing.
    fn throw_away(&mut self, a: AgentId, word: u16) {
        let before = Purse::from_bits(*self.agents.word(a, word + 1));
        let agent = &mut self.agents.all[a as usize];
        let lost = agent.kept.money() - before.money();
        agent.kept = before;
        if lost != Money::ZERO {
            self.observer.wasted(lost);
        }
    }

    /// What the task's successful attempts cost was for nothing.
    pub(super) fn throw_all_away(&mut self, a: AgentId) {
        let agent = &mut self.agents.all[a as usize];
        let lost = std::mem::take(&mut agent.kept).money();
        if lost != Money::ZERO {
            self.observer.wasted(lost);
        }
    }

    /// The agent's plan has ended.
    fn end_plan(&mut self, a: AgentId, reply: Reply) -> Next {
        if reply.outcome != Outcome::Ok {
            self.throw_all_away(a);
        }
        if self.agents.all[a as usize].root == a {
            self.end_task(a, reply)
        } else {
            self.end_branch(a, reply)
        }
    }
}

/// How a breaker admitted a call, as a word of layer state.
fn word_of(admission: Admission) -> u64 {
    match admission {
        Admission::Probe(probing) => u64::from(probing),
        Admission::Pass | Admission::Refuse => 0,
    }
}

fn admission_of(word: u64) -> Admission {
    match word {
        0 => Admission::Pass,
        probing => Admission::Probe(probing as u32),
    }
}
