//! Circuit breakers and client-side rate limits: asking them on the way in, telling them on the way
//! out. Their state may be in a store too (`stored.rs`), which asks and tells through here.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, Weather, unit};
use crate::resilience::{AdaptiveLimitSpec, Admission, BreakerSpec, ClientLimitSpec, Ended};
use crate::scenario::model::Shared;
use crate::units::{Span, Time};
use crate::wire::Outcome;

use super::agent::{AgentId, Doing};
use super::drive::Next;
use super::observer::Observer;
use super::program::CompiledLayer;
use super::run::Run;
use super::shared::Sharer;

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Asks a circuit breaker.
    #[inline]
    pub(super) fn enter_breaker(&mut self, a: AgentId, i: u16, spec: &BreakerSpec) -> Option<Next> {
        let now = self.agenda.now();
        let layer = &self.program.layers[usize::from(i)];
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let luck = opening_luck(&self.weather, layer, (group, sharer), now);
        let breaker = self.shared.breakers.of(group, sharer);
        let admission = breaker.admit(spec, now, luck);
        if admission == Admission::Refuse {
            return Some(self.refuse(a, i, Outcome::CircuitOpen));
        }
        *self.agents.word(a, layer.word) = word_of(admission);
        self.begin_call(a, layer, spec);
        None
    }

    /// Passes a circuit breaker that could not be asked.
    pub(super) fn pass_breaker(&mut self, a: AgentId, layer: &CompiledLayer, spec: &BreakerSpec) {
        *self.agents.word(a, layer.word) = word_of(Admission::Pass);
        self.begin_call(a, layer, spec);
    }

    /// Notes when a call begins, where that matters.
    #[inline]
    fn begin_call(&mut self, a: AgentId, layer: &CompiledLayer, spec: &BreakerSpec) {
        if spec.slow().is_some() {
            let now = self.agenda.now();
            self.agents.set_pair(a, layer.word + 1, now.0);
        }
    }

    /// Tells a circuit breaker how the call ended that it let through.
    #[inline]
    pub(super) fn leave_breaker(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        spec: &BreakerSpec,
        outcome: Outcome,
    ) {
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let mut took = Span::ZERO;
        if spec.slow().is_some() {
            took = now.since(Time(self.agents.pair(a, layer.word + 1)));
        }
        let admission = admission_of(*self.agents.word(a, layer.word));
        let ended = Ended {
            admission,
            outcome,
            took,
        };
        let group = self.group_of(a, layer);
        let luck = opening_luck(&self.weather, layer, (group, sharer), now);
        let breaker = self.shared.breakers.of(group, sharer);
        breaker.record(spec, now, ended, luck);
    }

    /// Asks a client-side rate limit.
    #[inline(never)]
    pub(super) fn enter_limit(
        &mut self,
        a: AgentId,
        i: u16,
        spec: &ClientLimitSpec,
    ) -> Option<Next> {
        let now = self.agenda.now();
        let layer = &self.program.layers[usize::from(i)];
        let sharer = self.sharer(a);
        let group = self.group_of(a, layer);
        let limit = self.shared.limits.of(group, sharer);
        match limit.reserve(spec, now) {
            None => Some(self.refuse(a, i, Outcome::Rejected)),
            Some(Span::ZERO) => None,
            Some(wait) => {
                self.observer.acted(layer.id);
                self.wait(a, Doing::Sleeping, now + wait);
                Some(Next::Wait)
            }
        }
    }

    /// Asks an adaptive rate limit; who must wait asks again afterwards.
    pub(super) fn enter_adaptive_limit(&mut self, a: AgentId, i: u16) -> Option<Next> {
        let now = self.agenda.now();
        let layer = &self.program.layers[usize::from(i)];
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let limit = self.shared.adaptive_limits.of(group, sharer);
        let wait = limit.ask(now);
        if wait == Span::ZERO {
            return None;
        }
        let agent = &mut self.agents.all[a as usize];
        if agent.doing != Doing::AwaitsToken {
            self.observer.acted(layer.id);
        }
        agent.layer = i;
        let who = (a, self.agents.stamp(a));
        let agents = &self.agents;
        limit.wait(who, |who| agents.awaits_token(who));
        self.wait(a, Doing::AwaitsToken, now + wait);
        Some(Next::Wait)
    }

    /// Tells an adaptive rate limit of a reply, which has the first in line ask again.
    pub(super) fn leave_adaptive_limit(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        spec: &AdaptiveLimitSpec,
        outcome: Outcome,
    ) {
        let now = self.agenda.now();
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let limit = self.shared.adaptive_limits.of(group, sharer);
        let agents = &self.agents;
        let called = limit.heard(spec, now, outcome, |who| agents.awaits_token(who));
        if let Some((who, _)) = called {
            self.wait(who, Doing::AwaitsToken, now);
        }
    }

    /// A call that a breaker let through was abandoned.
    pub(super) fn release_breaker(&mut self, a: AgentId, layer: &CompiledLayer) {
        let admission = admission_of(*self.agents.word(a, layer.word));
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let breaker = self.shared.breakers.of(group, sharer);
        breaker.forget(admission);
    }
}

/// Luck for the jitter of an open time: keyed by whose breaker it is and how often it has been
/// half-open, and by the time too, because slots of agents are used again.
fn opening_luck(
    weather: &Weather,
    layer: &CompiledLayer,
    (group, sharer): (u16, Sharer),
    now: Time,
) -> impl Fn(u32) -> f64 {
    move |probing| {
        let (fleet, who) = match layer.shared {
            Shared::All => (0, 0),
            Shared::Fleet => (sharer.fleet, 0),
            Shared::Agent => (sharer.fleet, sharer.agent),
            Shared::Task => (sharer.fleet, sharer.root),
        };
        let spot = Spot {
            fleet,
            task: who,
            step: layer.id,
            round: (now.0 >> 20) as u32,
            hedge: 0,
            attempt: u32::from(group) << 20 ^ probing,
        };
        unit(weather.draw(spot, Purpose::OpenTime)[0])
    }
}

/// How a breaker admitted a call, as a word of layer state.
fn word_of(admission: Admission) -> u32 {
    match admission {
        Admission::Probe(probing) => probing,
        Admission::Pass | Admission::Refuse => 0,
    }
}

fn admission_of(word: u32) -> Admission {
    match word {
        0 => Admission::Pass,
        probing => Admission::Probe(probing),
    }
}
