//! Hedged calls: attempts side by side, of which the first good one wins.
//!
//! Each attempt inside a hedge is made by a helper: an agent of the same kind that stands in the
//! same block, goes through the layers inside the hedge and comes back to it with a reply. So an
//! agent still waits for one event: the one that hedges waits for the time of its next hedge, and
//! its helpers wait for whatever their attempts do. Helpers share all that is the agent's own
//! (state of layers, counts of attempts, deadline); a call has one count of attempts for each
//! helper, so that the luck of a hedge depends neither on retries nor on when it went out.
//!
//! ```text
//! agent ── hedge ─┬─ helper 1 ── layers inside ── attempt ──► the first try, and its retries
//!                 └─ helper 2 ── layers inside ── attempt ──► the hedge
//! ```

use crate::engine::Queue;
use crate::resilience::{HedgeSpec, Missed};
use crate::units::{Span, Time};
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Doing, Family, NOBODY};
use super::drive::Next;
use super::observer::Observer;
use super::pages::Whereabouts;
use super::program::{Kind, Scope};
use super::run::{MOST_AT_ONCE, Run};

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Enters a hedge: the first helper sets out.
    #[inline(never)]
    pub(super) fn enter_hedge(&mut self, a: AgentId, i: u16, spec: &HedgeSpec) -> Next {
        let family = &mut self.agents.families[a as usize];
        family.child = NOBODY;
        family.waits_for = 0;
        family.sent = 0;
        let word = self.program.layers[usize::from(i)].word;
        let now = self.agenda.now();
        self.agents.set_pair(a, word, now.0);
        self.send_helper(a);
        self.await_helpers(a, i, spec);
        Next::Wait
    }

    /// The time of the next hedge has come.
    #[inline(never)]
    pub(super) fn hedge_due(&mut self, a: AgentId) -> Next {
        let i = self.agents.all[a as usize].layer - 1;
        let Kind::Hedge(spec) = &self.program.layers[usize::from(i)].kind else {
            unreachable!("who hedges has just entered its hedge")
        };
        self.send_hedge(a, i, spec);
        Next::Wait
    }

    /// One more attempt goes out, unless a retry budget around the hedge denies it; then no other
    /// does either. Whether it went.
    fn send_hedge(&mut self, a: AgentId, i: u16, spec: &HedgeSpec) -> bool {
        let program = self.program;
        let layer = &program.layers[usize::from(i)];
        let may = self.may_hedge(a, layer);
        if may {
            self.observer.acted(layer.id);
            let helper = self.send_helper(a);
            self.agents.set_cause(helper, Scope::Call, layer.id);
        } else {
            self.agents.families[a as usize].sent = spec.most + 1;
        }
        self.await_helpers(a, i, spec);
        may
    }

    /// A helper at the layer inside the hedge that the agent has entered.
    fn send_helper(&mut self, a: AgentId) -> AgentId {
        self.crowded |= self.agents.all.len() >= MOST_AT_ONCE;
        let agent = self.agents.all[a as usize];
        let helper = self.add_agent(agent.fleet);
        let family = &mut self.agents.families[a as usize];
        family.sent += 1;
        family.waits_for += 1;
        let lane = family.sent as u8;
        let sibling = std::mem::replace(&mut family.child, helper);
        self.agents.families[helper as usize] = Family {
            root: self.agents.root(a),
            parent: a,
            sibling,
            ..Family::NONE
        };
        self.agents.all[helper as usize] = agent;
        let ticket = self.agents.ticket(helper);
        let place = self.agents.whereabouts.of(a);
        let place = Whereabouts {
            lane,
            ticket,
            ..place
        };
        self.agents.whereabouts.set(helper, place);
        self.agents.hand_down(a, helper);
        self.agents.copy_words(a, helper);
        self.wait(helper, Doing::Sleeping, self.agenda.now());
        helper
    }

    /// The agent waits for its helpers, or for the time of the next one.
    fn await_helpers(&mut self, a: AgentId, i: u16, spec: &HedgeSpec) {
        let more = self.agents.families[a as usize].sent <= spec.most;
        let group = self.group_of(a, &self.program.layers[usize::from(i)]);
        let sharer = self.sharer(a);
        let seen = |share| self.shared.latencies.of(group, sharer).quantile(share);
        let delay = if more { spec.delay(seen) } else { None };
        let until = delay.map_or(Time::NEVER, |delay| self.agenda.now() + delay);
        self.wait(a, Doing::Hedges, until);
    }

    /// A helper has come back to the hedge with a reply.
    #[inline(never)]
    pub(super) fn helper_replied(
        &mut self,
        helper: AgentId,
        i: u16,
        spec: &HedgeSpec,
        reply: Reply,
    ) -> Next {
        let a = self.agents.families[helper as usize].parent;
        let lane = self.agents.lane(helper);
        self.agents.all[helper as usize].doing = Doing::Idle;
        let family = &mut self.agents.families[a as usize];
        family.waits_for -= 1;
        let (sent, under_way) = (family.sent, family.waits_for);
        let good = reply.outcome == Outcome::Ok;
        if lane == 1 && good {
            self.note_latency(a, i, spec);
        }
        let verdict = match good {
            true => Missed::Answer,
            false => spec.missed(reply.outcome, sent, under_way),
        };
        let over = match verdict {
            Missed::Answer => true,
            Missed::Wait => false,
            Missed::Send => !self.send_hedge(a, i, spec) && under_way == 0,
        };
        if over {
            if lane != 1 && good && self.is_first_under_way(a) {
                self.note_latency(a, i, spec);
            }
            self.conclude(a, i, helper, reply);
        }
        Next::Wait
    }

    /// The answer is there: the agent takes over what its helper has, gives up on the others, and
    /// goes on.
    fn conclude(&mut self, a: AgentId, i: u16, helper: AgentId, reply: Reply) {
        if let Some(prepaid) = self.agents.prepaid.get(helper).copied() {
            self.agents.prepaid.set(a, prepaid);
        }
        self.hand_over_taken(helper, a);
        let of_helper = self.agents.talks.of(helper);
        let kept = self.agents.kept.of(helper);
        let sent = self.agents.families[a as usize].sent;
        self.abandon_children(a);
        let agent = &mut self.agents.all[a as usize];
        agent.wake = 0;
        agent.layer = i;
        let place = &mut self.agents.whereabouts[a as usize];
        place.ticket = place.ticket.wrapping_add(sent);
        if let Some(talk) = self.agents.talks.get_mut(a) {
            talk.context = of_helper.context;
            talk.grown = of_helper.grown;
        }
        let kept = self.agents.kept.of(a).with(kept.money());
        self.agents.kept.set(a, kept);
        self.drive(a, Next::Leave(reply));
    }

    /// Whether the first helper has not come back yet.
    fn is_first_under_way(&self, a: AgentId) -> bool {
        let mut helper = self.agents.families[a as usize].child;
        while helper != NOBODY {
            if self.agents.lane(helper) == 1 {
                return self.agents.all[helper as usize].doing != Doing::Idle;
            }
            helper = self.agents.families[helper as usize].sibling;
        }
        false
    }

    /// Notes how long the first attempt has taken, where that decides when hedges go out.
    fn note_latency(&mut self, a: AgentId, i: u16, spec: &HedgeSpec) {
        if let crate::resilience::HedgeAfter::Time(_) = spec.after {
            return;
        }
        let layer = &self.program.layers[usize::from(i)];
        let begun = Time(self.agents.pair(a, layer.word));
        let took: Span = self.agenda.now().since(begun);
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        self.shared.latencies.of(group, sharer).record(took);
    }

    /// The agent that a helper helps; any other agent itself.
    pub(super) fn principal(&self, a: AgentId) -> AgentId {
        match self.agents.lane(a) {
            0 => a,
            _ => self.agents.families[a as usize].parent,
        }
    }
}
