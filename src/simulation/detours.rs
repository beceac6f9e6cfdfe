//! Detours: calls that are made at another target than the plan's, by a `fallback` or a `route`.
//!
//! The targets at which a call can be made are compiled to calls that stand side by side; how far
//! the agent is from the plan's own is its detour. Layers inside that have a state for each target
//! have one for each detour; layers outside do not see it.

use crate::engine::Queue;
use crate::resilience::RetrySpec;
use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet, Reply};

use super::agent::AgentId;
use super::drive::Next;
use super::observer::Observer;
use super::program::{Call, CompiledLayer, Kind, NO_ROUTE, RouteLayer, Scope};
use super::run::Run;

/// The word of a route that leaves the target as it is.
const NOT_ROUTED: u32 = u32::MAX;

/// Where in the word of a fallback stands what asked for the attempt at the plan's own target.
const ASKED_BY: u32 = 16;
/// Where stands how many forks further up that was; below stands how many other targets were tried.
const FORKS_UP: u32 = 8;

impl<'p, O: Observer, Q: Queue> Run<'p, O, Q> {
    /// The call that an agent makes, at the target where it makes it.
    #[inline]
    pub(super) fn call_of(&self, a: AgentId) -> &'p Call {
        let agent = &self.agents.all[a as usize];
        &self.program.calls[usize::from(agent.call)]
    }

    /// How far from the plan's own target an agent's call is made, in calls of the program.
    #[inline]
    pub(super) fn detour_of(&self, a: AgentId) -> u8 {
        let agent = &self.agents.all[a as usize];
        let own = self.program.blocks[usize::from(agent.block)].call;
        (agent.call - own) as u8
    }

    /// Has an agent make its call so far from the plan's own target.
    fn detour(&mut self, a: AgentId, detour: u8) {
        let agent = &mut self.agents.all[a as usize];
        let own = self.program.blocks[usize::from(agent.block)].call;
        agent.call = own + u16::from(detour);
    }

    /// The group of a layer's state, for the target at which the agent's call is made.
    #[inline]
    pub(super) fn group_of(&self, a: AgentId, layer: &CompiledLayer) -> u16 {
        match layer.detours {
            None => layer.group,
            Some(from) => {
                let detour = self.detour_of(a);
                self.program.detours[usize::from(from) + usize::from(detour)]
            }
        }
    }

    /// Enters a fallback: the plan's own target is tried first.
    #[inline(never)]
    pub(super) fn enter_fallback(&mut self, a: AgentId, layer: &CompiledLayer) {
        let cause = u32::from(self.agents.all[a as usize].cause);
        let place = self.agents.whereabouts.of(a);
        let above = u32::from(place.caused_above[Scope::Call as usize]);
        *self.agents.word(a, layer.word) = cause << ASKED_BY | above << FORKS_UP;
        self.detour(a, 0);
    }

    /// The layer that asked for the agent's attempt, fallbacks aside: what a retry outside of one asks
    /// for is a retry at each of its targets.
    pub(super) fn asked_by(&self, a: AgentId) -> u16 {
        let agent = &self.agents.all[a as usize];
        let cause = agent.cause;
        let b = &self.program.blocks[usize::from(agent.block)];
        let layers = &self.program.layers[usize::from(b.first)..usize::from(b.end)];
        let fallback = layers
            .iter()
            .find(|layer| layer.id == cause && matches!(layer.kind, Kind::Fallback(..)));
        fallback.map_or(cause, |layer| {
            (self.agents.word_of(a, layer.word) >> ASKED_BY) as u16
        })
    }

    /// Whether the fallback with this word has left the plan's own target.
    fn fallen_back(&self, a: AgentId, word: u16) -> bool {
        self.agents.word_of(a, word) as u8 > 0
    }

    /// A call inside a fallback has failed for good: on to the next target, if there is one.
    #[inline(never)]
    pub(super) fn fall_back(
        &mut self,
        a: AgentId,
        i: u16,
        to: &[u8],
        on: OutcomeSet,
        reply: Reply,
    ) -> Option<Next> {
        let layer = &self.program.layers[usize::from(i)];
        let tried = self.agents.word(a, layer.word);
        let next = to.get(usize::from(*tried as u8)).copied();
        let (Some(detour), true) = (next, on.has(reply.outcome)) else {
            self.release_fallback(a);
            return None;
        };
        *tried += 1;
        let above = (*tried >> FORKS_UP) as u8;
        self.observer.acted(layer.id);
        self.detour(a, detour);
        if let Some(place) = self.agents.whereabouts.get_mut(a) {
            place.caused_above[Scope::Call as usize] = above;
        }
        let agent = &mut self.agents.all[a as usize];
        agent.cause = layer.id;
        agent.layer = i + 1;
        Some(Next::Enter)
    }

    /// What stands outside a fallback is at the plan's own target again.
    pub(super) fn release_fallback(&mut self, a: AgentId) {
        self.detour(a, 0);
    }

    /// Enters a route: one of its deployments takes the attempt. What a fallback has sent elsewhere
    /// goes there.
    #[inline(never)]
    pub(super) fn enter_route(&mut self, a: AgentId, i: u16, route: &RouteLayer) -> Option<Next> {
        let layer = &self.program.layers[usize::from(i)];
        if route.fallback.is_some_and(|w| self.fallen_back(a, w)) {
            *self.agents.word(a, layer.word) = NOT_ROUTED;
            return None;
        }
        let luck = match route.spec.draws() {
            true => self.backoff_luck(a, layer, 0),
            false => 0.0,
        };
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let router = self.shared.routers.of(layer.group, sharer);
        let Some(chosen) = router.choose(&route.spec, now, luck) else {
            return Some(self.refuse(a, i, Outcome::Rejected));
        };
        *self.agents.word(a, layer.word) = u32::from(chosen);
        self.detour(a, route.detours[usize::from(chosen)]);
        None
    }

    /// A routed call has ended: its deployment may have to rest.
    #[inline(never)]
    pub(super) fn leave_route(&mut self, a: AgentId, i: u16, route: &RouteLayer, reply: Reply) {
        let layer = &self.program.layers[usize::from(i)];
        let chosen = *self.agents.word(a, layer.word);
        if chosen == NOT_ROUTED {
            return;
        }
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let router = self.shared.routers.of(layer.group, sharer);
        if router.record(&route.spec, now, chosen as u8, reply.outcome) {
            self.observer.acted(layer.id);
        }
        self.release_route(a, layer);
    }

    /// How long a retry layer waits, whose route may say that another deployment is up; `None` is not
    /// to try again, because all rest. `latest` is when the latest attempt began.
    #[inline]
    pub(super) fn wait_beside_others(
        &mut self,
        a: AgentId,
        retry: &CompiledLayer,
        latest: Time,
        delay: Span,
    ) -> Option<Span> {
        if retry.route == NO_ROUTE {
            return Some(delay);
        }
        let layer = &self.program.layers[usize::from(retry.route)];
        let Kind::Route(route) = &layer.kind else {
            unreachable!("what a retry layer asks is a route")
        };
        if route.fallback.is_some_and(|w| self.fallen_back(a, w)) {
            return Some(delay);
        }
        let (sharer, now) = (self.sharer(a), self.agenda.now());
        let router = self.shared.routers.of(layer.group, sharer);
        let wait = router.before_retry(&route.spec, now, delay)?;
        let earliest = latest + RetrySpec::LEAST_PERIOD;
        Some(wait.max(earliest.since(now)))
    }

    /// What stands between a fallback and the route is at the plan's own target again.
    pub(super) fn release_route(&mut self, a: AgentId, layer: &CompiledLayer) {
        if *self.agents.word(a, layer.word) != NOT_ROUTED {
            self.detour(a, 0);
        }
    }
}

impl Kind {
    /// Whether calls inside this layer may be made at another target.
    pub(super) fn makes_detours(&self) -> bool {
        matches!(self, Kind::Fallback(..) | Kind::Route(_))
    }
}
