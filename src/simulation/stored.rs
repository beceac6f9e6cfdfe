//! Layers whose state is kept in a store: asking it on the way in, telling it on the way out.
//!
//! ```text
//! enters ── asks ──► (latency) ──► decision ──► … call … ──► leaves ── tells ──► (latency) ──► on
//! ```
//!
//! The agent sleeps through each look-up: one event. The state is read and changed in one step when
//! the look-up ends, as by a script that the store runs alone, so nobody acts on what another has
//! changed since; what has been decided may be out of date by the time the call is made, as it may
//! without a store.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit_open};
use crate::scenario::model::WhenAway;
use crate::units::Span;
use crate::wire::{Outcome, Reply};
use crate::world::LookUp;

use super::agent::{AgentId, Doing, scattered};
use super::drive::Next;
use super::observer::Observer;
use super::program::{Kind, Scope, Stored, StoredKind};
use super::run::Run;

/// Where the hash of what is asked for begins; any number would do but 0, which empty words hold.
const ASKED: u32 = 0x9E37_79B9;

/// Which look-up of a call is meant, as luck tells them apart.
#[derive(Clone, Copy)]
enum Way {
    In = 0,
    Out = 1,
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Enters a layer that has to ask its store first; it is not yet entered while it asks.
    #[inline(never)]
    pub(super) fn ask_store(&mut self, a: AgentId, i: u16, stored: &Stored) -> Option<Next> {
        self.note_asking(a, stored);
        let found = self.look_up(a, stored, Way::In);
        *self.agents.word(a, stored.word) = u32::from(found.away);
        self.agents.all[a as usize].layer = i;
        if found.takes == Span::ZERO {
            return Some(self.answered(a));
        }
        self.wait(a, Doing::Asks, self.agenda.now() + found.takes);
        Some(Next::Wait)
    }

    /// The store has answered, or will not: the layer decides.
    #[inline(never)]
    pub(super) fn answered(&mut self, a: AgentId) -> Next {
        let i = self.agents.all[a as usize].layer;
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        let Kind::Stored(stored) = &layer.kind else {
            unreachable!("only stored layers ask")
        };
        self.agents.all[a as usize].layer = i + 1;
        let away = *self.agents.word(a, stored.word) != 0;
        let refused = match (&stored.kind, stored.via.when_away) {
            (StoredKind::Breaker(spec), _) if !away => self.enter_breaker(a, i, spec),
            (StoredKind::RateLimit(spec), _) if !away => self.enter_limit(a, i, spec),
            (StoredKind::Breaker(_), WhenAway::Closed) => {
                Some(self.refuse(a, i, Outcome::CircuitOpen))
            }
            (StoredKind::RateLimit(_), WhenAway::Closed) => {
                Some(self.refuse(a, i, Outcome::Rejected))
            }
            (StoredKind::Breaker(spec), WhenAway::Open) => {
                self.pass_breaker(a, layer, spec);
                None
            }
            (StoredKind::RateLimit(_), WhenAway::Open) => None,
        };
        refused.unwrap_or(Next::Enter)
    }

    /// Leaves a layer that has to tell its store how the call ended; until it has, it is not left.
    #[inline(never)]
    pub(super) fn tell_store(
        &mut self,
        a: AgentId,
        i: u16,
        stored: &Stored,
        reply: Reply,
    ) -> Option<Next> {
        let StoredKind::Breaker(spec) = &stored.kind else {
            return None;
        };
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        if !spec.hears(reply.outcome) {
            self.release(a, layer);
            return None;
        }
        let found = self.look_up(a, stored, Way::Out);
        *self.agents.word(a, stored.word) = u32::from(found.away);
        if found.takes == Span::ZERO {
            self.tell(a, i, reply);
            return None;
        }
        self.bring_out(a, i, reply, found.takes);
        Some(Next::Wait)
    }

    /// Makes an agent wait before it leaves a layer with a reply.
    pub(super) fn bring_out(&mut self, a: AgentId, i: u16, reply: Reply, wait: Span) {
        let who = a as usize;
        if self.replies.len() <= who {
            self.replies.resize(who + 1, Reply::of(Outcome::Ok));
        }
        self.replies[who] = reply;
        self.agents.all[who].layer = i + 1;
        self.wait(a, Doing::Tells, self.agenda.now() + wait);
    }

    /// The store has been told, or cannot be; or the wait after the last attempt is over.
    #[inline(never)]
    pub(super) fn told(&mut self, a: AgentId) -> Next {
        let agent = &mut self.agents.all[a as usize];
        agent.layer -= 1;
        let i = agent.layer;
        let reply = self.replies[a as usize];
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        match layer.kind {
            Kind::Retry(_) => self.release(a, layer),
            _ => self.tell(a, i, reply),
        }
        Next::Leave(reply)
    }

    fn tell(&mut self, a: AgentId, i: u16, reply: Reply) {
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        let Kind::Stored(stored) = &layer.kind else {
            unreachable!("only stored layers tell")
        };
        let StoredKind::Breaker(spec) = &stored.kind else {
            unreachable!("only breakers have something to tell")
        };
        if *self.agents.word(a, stored.word) != 0 {
            self.release(a, layer);
        } else {
            self.leave_breaker(a, layer, spec, reply.outcome);
        }
    }

    /// Notes for what a layer asks its store now, and how often it has asked for that before.
    ///
    /// What it asks for is the call's next attempt, or its place in the plan; a hash of that, which
    /// also tells the layer's words from what other calls have left there.
    fn note_asking(&mut self, a: AgentId, stored: &Stored) {
        let agent = self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        let (place, made) = match block.scope {
            Scope::Call => {
                let call = &self.program.calls[usize::from(block.call)];
                (
                    call.step,
                    self.made_of(a, call, self.agents.lane(a).saturating_sub(1)),
                )
            }
            Scope::Turn | Scope::Task => (agent.pc, self.agents.resubmitted(a)),
        };
        let parts = [agent.task, self.agents.round(a), made, u32::from(place)];
        let asked_for = parts.iter().fold(ASKED, |h, part| scattered(h ^ part));
        let before = *self.agents.word(a, stored.word + 1) == asked_for;
        *self.agents.word(a, stored.word + 1) = asked_for;
        let times = self.agents.word(a, stored.word + 2);
        *times = if before { times.wrapping_add(1) } else { 0 };
    }

    /// What becomes of a look-up that sets out now. Weather, keyed by what it is for, so that all
    /// policies meet the same, and by how often that has been asked for.
    fn look_up(&mut self, a: AgentId, stored: &Stored, way: Way) -> LookUp {
        let asked_for = *self.agents.word(a, stored.word + 1);
        let times = *self.agents.word(a, stored.word + 2);
        let agent = &self.agents.all[a as usize];
        let spot = Spot {
            fleet: agent.fleet,
            task: agent.task,
            step: stored.via.store,
            round: self.agents.round(a),
            hedge: self.agents.lane(a).saturating_sub(1),
            attempt: asked_for ^ scattered(times),
        };
        let luck = unit_open(self.weather.draw(spot, Purpose::Store)[way as usize]);
        let store = &self.scenario.stores[usize::from(stored.via.store)];
        store.look_up(self.agenda.now(), stored.via.time_limit, luck)
    }
}
