//! Semaphores: getting a slot, standing in line for one, giving it back.

use crate::engine::Queue;
use crate::resilience::{Entry, Sample, SemaphoreSpec};
use crate::units::Time;
use crate::wire::Outcome;

use super::agent::{AgentId, Doing};
use super::drive::Next;
use super::observer::Observer;
use super::program::CompiledLayer;
use super::run::Run;

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Asks a semaphore for a slot.
    #[inline]
    pub(super) fn enter_semaphore(
        &mut self,
        a: AgentId,
        i: u16,
        spec: &SemaphoreSpec,
    ) -> Option<Next> {
        let layer = &self.program.layers[usize::from(i)];
        let group = self.group_of(a, layer);
        let who = (a, self.agents.stamp(a));
        let sharer = self.sharer(a);
        match self.shared.semaphores.of(group, sharer).enter(spec, who) {
            Entry::Granted => {
                self.note_slot(a, layer, spec);
                None
            }
            Entry::Refused => Some(self.refuse(a, i, Outcome::Rejected)),
            Entry::Waits => {
                self.observer.acted(layer.id);
                self.agents.all[a as usize].layer = i;
                self.wait(a, Doing::InLine, self.agenda.now() + spec.longest_wait);
                Some(Next::Wait)
            }
        }
    }

    /// Notes when an agent got its slot and how many were held then, where that matters.
    #[inline]
    fn note_slot(&mut self, a: AgentId, layer: &CompiledLayer, spec: &SemaphoreSpec) {
        if spec.aimd.is_none() {
            return;
        }
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let held = self.shared.semaphores.of(group, sharer).held();
        let now = self.agenda.now();
        self.agents.set_pair(a, layer.word, now.0);
        *self.agents.word(a, layer.word + 2) = held;
    }

    /// Tells a semaphore how a call ended that holds one of its slots.
    #[inline]
    pub(super) fn tell_semaphore(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        spec: &SemaphoreSpec,
        outcome: Outcome,
    ) {
        if spec.aimd.is_none() {
            return;
        }
        let since = Time(self.agents.pair(a, layer.word));
        let sample = Sample {
            outcome,
            took: self.agenda.now().since(since),
            held: *self.agents.word(a, layer.word + 2),
        };
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let semaphore = self.shared.semaphores.of(group, sharer);
        semaphore.heard(spec, &sample);
    }

    /// Gives a slot back; whoever is in line and has one now goes on.
    pub(super) fn release_slot(&mut self, a: AgentId, layer: &CompiledLayer, spec: &SemaphoreSpec) {
        let (group, sharer) = (self.group_of(a, layer), self.sharer(a));
        let mut given_back = false;
        loop {
            let agents = &self.agents;
            let waits = |(who, ticket): (AgentId, u32)| {
                agents.all[who as usize].doing == Doing::InLine && agents.ticket(who) == ticket
            };
            let semaphore = self.shared.semaphores.of(group, sharer);
            let next = match given_back {
                true => semaphore.admit(spec, waits),
                false => semaphore.leave(spec, waits),
            };
            let Some((who, _)) = next else {
                return;
            };
            given_back = true;
            let program = self.program;
            let theirs = usize::from(self.agents.all[who as usize].layer);
            self.note_slot(who, &program.layers[theirs], spec);
            self.agents.all[who as usize].layer += 1;
            self.wait(who, Doing::Sleeping, self.agenda.now());
            if spec.aimd.is_none() {
                return;
            }
        }
    }

    /// An agent has stood in line as long as it may.
    pub(super) fn leave_line(&mut self, a: AgentId) -> Next {
        let i = self.agents.all[a as usize].layer;
        self.abandon_line(a);
        self.refuse(a, i, Outcome::Rejected)
    }

    /// Takes an agent out of the line before the semaphore that it wants to enter.
    pub(super) fn abandon_line(&mut self, a: AgentId) {
        let agent = &mut self.agents.all[a as usize];
        agent.doing = Doing::Sleeping;
        let layer = &self.program.layers[usize::from(agent.layer)];
        let group = self.group_of(a, layer);
        let sharer = self.sharer(a);
        self.shared.semaphores.of(group, sharer).abandon();
    }
}
