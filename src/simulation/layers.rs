//! Entering, leaving and releasing single layers.
//!
//! One `match` each: what a layer does on the way in, what it does with a reply on the way out, and
//! how its entry is undone when its inside is abandoned.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit};
use crate::resilience::{AdaptiveThrottleSpec, Decision, RetrySpec, RetryState};
use crate::units::{Span, Time};
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Doing};
use super::drive::Next;
use super::memory::Memory;
use super::observer::{Denial, Observer};
use super::program::{CompiledLayer, Kind, NO_LAYER, NO_WORD, Patience, Scope, StoredKind};
use super::run::Run;

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Enters one layer. `None` is passing; the agent's `layer` already counts it as entered.
    #[inline]
    pub(super) fn enter_layer(&mut self, a: AgentId, i: u16) -> Option<Next> {
        let now = self.agenda.now();
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match &layer.kind {
            Kind::Retry(spec) => {
                self.observer.entered(layer.id);
                self.note_retry(a, layer, spec, RetryState::begin(now));
                None
            }
            Kind::Timeout(after) => {
                self.limit_time(a, layer.word, now + *after);
                None
            }
            Kind::Breaker(spec) => self.enter_breaker(a, i, spec),
            Kind::RateLimit(spec) => self.enter_limit(a, i, spec),
            Kind::RetryBudget(_) | Kind::Budget(_) => None,
            _ => self.enter_rare_layer(a, i),
        }
    }

    /// Enters a layer of a kind that few policies have, out of the way of the others.
    #[inline(never)]
    fn enter_rare_layer(&mut self, a: AgentId, i: u16) -> Option<Next> {
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match &layer.kind {
            Kind::Stored(stored) => self.ask_store(a, i, stored),
            Kind::Concurrency(spec) => self.enter_semaphore(a, i, spec),
            Kind::AdaptiveLimit(_) => self.enter_adaptive_limit(a, i),
            Kind::Hedge(spec) => Some(self.enter_hedge(a, i, spec)),
            Kind::Fallback(..) => {
                self.enter_fallback(a, layer);
                None
            }
            Kind::Route(route) => self.enter_route(a, i, route),
            Kind::AdaptiveThrottle(spec) => self.enter_throttle(a, i, spec),
            Kind::Patience(patience) => {
                let after = self.draw_patience(a, patience);
                self.limit_time(a, layer.word, self.agenda.now() + after);
                None
            }
            _ => unreachable!("entered where it stands"),
        }
    }

    /// What is inside a timeout may last until `own`.
    #[inline(always)]
    fn limit_time(&mut self, a: AgentId, word: u16, own: Time) {
        let around = self.agents.timed[a as usize].deadline;
        self.agents.set_pair(a, word, own.0);
        self.agents.set_pair(a, word + 2, around.0);
        self.agents.timed[a as usize].deadline = own.min(around);
    }

    /// How long a client waits this time: keyed by its place in the plan and by how often it has come
    /// there.
    fn draw_patience(&mut self, a: AgentId, patience: &Patience) -> Span {
        let hedge = self.agents.lane(a).saturating_sub(1);
        let counter = usize::from(patience.counter) + usize::from(hedge);
        let entered = self.agents.counter(self.principal(a), counter);
        let before = *entered;
        *entered = before.wrapping_add(1);
        let agent = &self.agents.all[a as usize];
        let spot = Spot {
            fleet: agent.fleet,
            task: agent.task,
            step: patience.step,
            round: self.agents.round(a),
            attempt: before ^ patience.salt,
            hedge,
        };
        let luck = self.weather.draw(spot, Purpose::Patience)[0];
        Span::from_nanos_f64(patience.time.sample(luck)).max(Span(1))
    }

    #[inline(never)]
    fn enter_throttle(&mut self, a: AgentId, i: u16, spec: &AdaptiveThrottleSpec) -> Option<Next> {
        let layer = &self.program.layers[usize::from(i)];
        let group = self.group_of(a, layer);
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let throttle = self.shared.throttles.of(group, sharer);
        let rejects = throttle.request(spec, now);
        let admitted = rejects == 0.0 || self.throttle_luck(a, layer) >= rejects;
        (!admitted).then(|| self.refuse(a, i, Outcome::Rejected))
    }

    /// A layer refuses entry: the agent leaves through the layers before it.
    #[inline(never)]
    pub(super) fn refuse(&mut self, a: AgentId, i: u16, outcome: Outcome) -> Next {
        self.observer.acted(self.program.layers[usize::from(i)].id);
        self.agents.all[a as usize].layer = i;
        self.deny(a, outcome);
        Next::Leave(Reply::of(outcome))
    }

    /// Tells the observer that an attempt was refused before the wire.
    pub(super) fn deny(&mut self, a: AgentId, outcome: Outcome) {
        let agent = &self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        let call = (block.scope == Scope::Call).then(|| self.call_of(a));
        self.observer.denied(&Denial {
            at: self.agenda.now(),
            agent: a,
            fleet: agent.fleet,
            task: agent.task,
            target: call.map(|c| c.target),
            outcome,
        });
    }

    /// Leaves one layer. `None` passes the reply on outward.
    #[inline]
    pub(super) fn leave_layer(&mut self, a: AgentId, i: u16, reply: Reply) -> Option<Next> {
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match &layer.kind {
            Kind::Retry(spec) => {
                let again = if reply.outcome == Outcome::Ok {
                    None
                } else {
                    self.try_again(a, i, spec, reply)
                };
                if again.is_none() && layer.guards.0 != layer.guards.1 {
                    self.retries_over(a, layer);
                }
                again
            }
            Kind::Breaker(spec) => {
                self.leave_breaker(a, layer, spec, reply.outcome);
                None
            }
            Kind::Stored(stored) => self.tell_store(a, i, stored, reply),
            Kind::Concurrency(spec) => {
                self.tell_semaphore(a, layer, spec, reply.outcome);
                self.release(a, layer);
                None
            }
            Kind::Timeout(_) | Kind::Patience(_) => {
                self.release(a, layer);
                None
            }
            Kind::AdaptiveLimit(spec) => {
                self.leave_adaptive_limit(a, layer, spec, reply.outcome);
                None
            }
            Kind::Hedge(spec) => Some(self.helper_replied(a, i, spec, reply)),
            Kind::Fallback(to, on) => self.fall_back(a, i, to, *on, reply),
            Kind::Route(route) => {
                self.leave_route(a, i, route, reply);
                None
            }
            Kind::AdaptiveThrottle(spec) => {
                self.leave_throttle(a, layer, spec, reply.outcome);
                None
            }
            Kind::RateLimit(_) | Kind::RetryBudget(_) | Kind::Budget(_) => None,
        }
    }

    #[inline(never)]
    fn leave_throttle(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        spec: &AdaptiveThrottleSpec,
        outcome: Outcome,
    ) {
        let group = self.group_of(a, layer);
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let throttle = self.shared.throttles.of(group, sharer);
        throttle.ended(spec, now, outcome);
    }

    /// A retry layer decides; `None` lets the reply stand.
    #[inline(never)]
    fn try_again(&mut self, a: AgentId, i: u16, spec: &RetrySpec, reply: Reply) -> Option<Next> {
        let now = self.agenda.now();
        let layer = &self.program.layers[usize::from(i)];
        if layer.first_of != NO_WORD && *self.agents.word(a, layer.first_of) > 1 {
            return None;
        }
        let mut state = match layer.memory {
            Memory::Flight => {
                let flight = &self.agents.all[a as usize].flight;
                RetryState::after(flight.attempt.wrapping_add(1), flight.begin)
            }
            Memory::Latest => {
                let [attempts, low, high] = *self.agents.words_from(a, layer.word);
                let latest = Time(u64::from(low) | u64::from(high) << 32);
                RetryState::after(attempts, latest)
            }
            Memory::More => self.load_retry(a, layer.word, spec),
        };
        let luck = if spec.draws(&reply) {
            self.backoff_luck(a, layer, state.attempts)
        } else {
            0.0
        };
        let decision = spec.decide(&mut state, now, reply, luck);
        if let Decision::GiveUpAfter(delay) = decision {
            return self.wait_for_nothing(a, i, (state.latest, delay), reply);
        }
        let Decision::RetryAfter(delay) = decision else {
            return None;
        };
        let delay = self.wait_beside_others(a, layer, state.latest, delay)?;
        let b = self.program.blocks[usize::from(self.agents.all[a as usize].block)];
        if spec.grow_prompt > 0 && reply.outcome == Outcome::Invalid {
            let talk = &mut self.agents.talks[a as usize];
            talk.grown = talk.grown.saturating_add(spec.grow_prompt);
        }
        if !self.may_retry(a, layer, reply.outcome) {
            return None;
        }
        state.again(now + delay);
        self.note_retry(a, layer, spec, state);
        self.observer.acted(layer.id);
        self.observer.waited(layer.id, delay);
        match b.scope {
            Scope::Turn => self.throw_away(a, b.word),
            Scope::Task => self.throw_all_away(a),
            Scope::Call => {}
        }
        let agent = &mut self.agents.all[a as usize];
        agent.layer = i + 1;
        self.agents.set_cause(a, b.scope, layer.id);
        if delay == Span::ZERO {
            return Some(Next::Enter);
        }
        self.wait(a, Doing::Sleeping, now + delay);
        Some(Next::Wait)
    }

    /// The wait after the last attempt, after which its reply stands.
    fn wait_for_nothing(
        &mut self,
        a: AgentId,
        i: u16,
        (latest, delay): (Time, Span),
        reply: Reply,
    ) -> Option<Next> {
        let layer = &self.program.layers[usize::from(i)];
        let delay = self.wait_beside_others(a, layer, latest, delay)?;
        if delay == Span::ZERO {
            return None;
        }
        self.observer.waited(layer.id, delay);
        self.bring_out(a, i, reply, delay);
        Some(Next::Wait)
    }

    /// Luck for a backoff: keyed by the layer, the step and how often this agent has come here.
    pub(super) fn backoff_luck(&mut self, a: AgentId, layer: &CompiledLayer, attempts: u32) -> f64 {
        let agent = &self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        let (fleet, task, round, before) = (
            agent.fleet,
            agent.task,
            self.agents.round(a),
            u32::from(self.agents.cause(a, Scope::Task) != NO_LAYER)
                + (self.agents.resubmitted(a) << 8),
        );
        let (step, made) = match block.scope {
            Scope::Call => {
                let call = &self.program.calls[usize::from(block.call)];
                let hedge = self.agents.lane(a).saturating_sub(1);
                // Helpers inside one hedge must not wait alike.
                let of_lane = u32::from(hedge) << 24;
                (
                    call.step,
                    self.made_of(a, call, hedge).wrapping_add(of_lane),
                )
            }
            // Attempts of the agent so far: no two retries of a turn see the same number.
            Scope::Turn | Scope::Task => (u16::MAX, self.agents.ticket(a)),
        };
        let of_layer = u32::from(layer.id).wrapping_mul(0x85EB_CA6B);
        let spot = Spot {
            fleet,
            task,
            step,
            round,
            attempt: made.wrapping_mul(0x9E37_79B9) ^ of_layer ^ attempts ^ (before << 16),
            hedge: 0,
        };
        unit(self.weather.draw(spot, Purpose::Backoff)[0])
    }

    #[inline]
    fn load_retry(&mut self, a: AgentId, word: u16, spec: &RetrySpec) -> RetryState {
        let mut at = word + 3;
        let mut optional = |kept: bool| {
            let here = at;
            at += 2 * u16::from(kept);
            kept.then_some(here)
        };
        let (begun, previous) = (
            optional(spec.remembers_begin()),
            optional(spec.remembers_delay()),
        );
        let latest = Time(self.agents.pair(a, word + 1));
        let mut state = RetryState {
            attempts: *self.agents.word(a, word),
            latest,
            begun: begun.map_or(latest, |w| Time(self.agents.pair(a, w))),
            memory: previous.map_or(Span::ZERO, |w| Span(self.agents.pair(a, w))),
            waited: Span::ZERO,
            restarted: 0,
        };
        if spec.remembers_more() {
            self.load_more(a, at, spec, &mut state);
        }
        state
    }

    /// Notes where a retry layer is.
    #[inline(always)]
    fn note_retry(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        spec: &RetrySpec,
        state: RetryState,
    ) {
        match layer.memory {
            Memory::Flight => {}
            Memory::Latest => {
                let latest = state.latest.0;
                let words = [state.attempts, latest as u32, (latest >> 32) as u32];
                *self.agents.words_from(a, layer.word) = words;
            }
            Memory::More => self.save_retry(a, layer.word, spec, state),
        }
    }

    #[inline(never)]
    fn save_retry(&mut self, a: AgentId, word: u16, spec: &RetrySpec, state: RetryState) {
        *self.agents.word(a, word) = state.attempts;
        self.agents.set_pair(a, word + 1, state.latest.0);
        let mut at = word + 3;
        if spec.remembers_begin() {
            self.agents.set_pair(a, at, state.begun.0);
            at += 2;
        }
        if spec.remembers_delay() {
            self.agents.set_pair(a, at, state.memory.0);
            at += 2;
        }
        if spec.remembers_more() {
            self.save_more(a, at, spec, state);
        }
    }

    /// What few retry layers remember, from word `at` on.
    #[cold]
    fn load_more(&mut self, a: AgentId, at: u16, spec: &RetrySpec, state: &mut RetryState) {
        if spec.sums_waits() {
            state.waited = Span(self.agents.pair(a, at));
        }
        if spec.restarts {
            state.restarted = *self.agents.word(a, at + 2 * u16::from(spec.sums_waits()));
        }
    }

    #[cold]
    fn save_more(&mut self, a: AgentId, at: u16, spec: &RetrySpec, state: RetryState) {
        if spec.sums_waits() {
            self.agents.set_pair(a, at, state.waited.0);
        }
        if spec.restarts {
            *self.agents.word(a, at + 2 * u16::from(spec.sums_waits())) = state.restarted;
        }
    }

    /// Undoes the entry of a layer whose inside was left or abandoned.
    #[inline(never)]
    pub(super) fn release(&mut self, a: AgentId, layer: &CompiledLayer) {
        match &layer.kind {
            Kind::Retry(_) if layer.guards.0 != layer.guards.1 => self.retries_over(a, layer),
            Kind::Timeout(_) | Kind::Patience(_) => {
                let around = self.agents.pair(a, layer.word + 2);
                self.agents.timed[a as usize].deadline = Time(around);
            }
            Kind::Concurrency(spec) => self.release_slot(a, layer, spec),
            Kind::Breaker(_) => self.release_breaker(a, layer),
            Kind::Stored(stored) if matches!(stored.kind, StoredKind::Breaker(_)) => {
                self.release_breaker(a, layer);
            }
            Kind::Fallback(..) => self.release_fallback(a),
            Kind::Route(_) => self.release_route(a, layer),
            _ => {}
        }
    }
}
