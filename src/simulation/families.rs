//! Sub-agents: forking, joining, giving up.
//!
//! The sub-agents of a `parallel` step are agents of their own with the same task. The parent waits
//! until all have ended; their slots are freed when it goes on, so that its list of them stays
//! whole meanwhile.

use crate::engine::Queue;
use crate::scenario::model::OnFailure;
use crate::units::Time;
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Doing, NOBODY, Purse, begun_anew};
use super::drive::Next;
use super::observer::Observer;
use super::program::Scope;
use super::run::{MOST_AT_ONCE, Run};

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Starts the sub-agents of a fork; the agent waits for them.
    #[inline(never)]
    pub(super) fn fork(&mut self, a: AgentId, number: u16) -> Next {
        let program = self.program;
        let fork = &program.forks[usize::from(number)];
        let n = fork.branches.len() as u32;
        if self.agents.all.len() + fork.branches.len() > MOST_AT_ONCE {
            self.crowded = true;
            self.wait(a, Doing::Thinks, Time::NEVER);
            return Next::Wait;
        }
        let before = &mut self.agents.counters_of(a)[usize::from(fork.counter)];
        // Sub-agents of a fork that was made before meet other luck than theirs.
        let first_attempt = begun_anew(*before);
        *before += 1;
        let family = &mut self.agents.families[a as usize];
        family.fork = number;
        family.waits_for = n;
        family.worst = Outcome::Ok;
        family.reports = 0;
        family.child = NOBODY;
        self.wait(a, Doing::Joins, Time::NEVER);
        let parent = self.agents.all[a as usize];
        let (root, resubmitted) = (self.agents.root(a), self.agents.resubmitted(a));
        let scope = program.blocks[usize::from(parent.block)].scope;
        let (round, cause) = (self.agents.round(a), self.agents.cause(a, scope));
        let above = self.agents.whereabouts[a as usize].caused_above[scope as usize];
        let mut newest = NOBODY;
        for (i, block) in fork.branches.iter().enumerate() {
            let child = self.add_agent(parent.fleet);
            self.agents.counters_of(child).fill(first_attempt);
            let b = &program.blocks[usize::from(*block)];
            let agent = &mut self.agents.all[child as usize];
            agent.task = parent.task;
            agent.ready = parent.ready;
            agent.block = *block;
            agent.layer = b.end;
            agent.pc = b.body;
            let place = &mut self.agents.whereabouts[child as usize];
            place.round = round.wrapping_mul(n).wrapping_add(i as u32);
            place.cause[Scope::Task as usize] = cause;
            place.caused_above[Scope::Task as usize] = above + 1;
            place.resubmitted = resubmitted;
            self.agents.families[child as usize].root = root;
            self.agents.families[child as usize].parent = a;
            self.agents.families[child as usize].sibling = newest;
            self.agents.families[a as usize].child = child;
            newest = child;
            self.wait(child, Doing::Thinks, self.agenda.now());
        }
        Next::Wait
    }

    /// A sub-agent has ended.
    #[inline(never)]
    pub(super) fn end_branch(&mut self, child: AgentId, reply: Reply) -> Next {
        let agent = &mut self.agents.all[child as usize];
        agent.doing = Doing::Idle;
        let parent = self.agents.families[child as usize].parent;
        self.hand_over_kept(child, parent);
        let family = &mut self.agents.families[parent as usize];
        let report = self.program.forks[usize::from(family.fork)].result_tokens;
        if reply.outcome == Outcome::Ok {
            family.reports = family.reports.saturating_add(report);
        } else if family.worst == Outcome::Ok {
            family.worst = reply.outcome;
        }
        family.waits_for -= 1;
        if family.waits_for == 0 {
            self.wait(parent, Doing::Joined, self.agenda.now());
        }
        Next::Wait
    }

    /// All sub-agents of an agent have ended: it goes on, or fails with the first that failed.
    #[inline(never)]
    pub(super) fn join(&mut self, a: AgentId) -> Next {
        self.dismiss_children(a);
        let agent = &mut self.agents.all[a as usize];
        let family = self.agents.families[a as usize];
        let fork = &self.program.forks[usize::from(family.fork)];
        if let Some(talk) = self.agents.talks.get_mut(a) {
            talk.context = talk.context.saturating_add(family.reports);
        }
        if family.worst == Outcome::Ok || fork.on_failure == OnFailure::Continue {
            agent.pc = fork.after;
            Next::Step
        } else {
            Next::Leave(Reply::of(family.worst))
        }
    }

    /// Gives up on all sub-agents of an agent.
    #[inline(never)]
    pub(super) fn abandon_children(&mut self, a: AgentId) {
        let mut child = self.agents.families[a as usize].child;
        while child != NOBODY {
            if self.agents.all[child as usize].doing != Doing::Idle {
                self.abandon(child);
                self.throw_all_away(child);
            }
            child = self.agents.families[child as usize].sibling;
        }
        self.dismiss_children(a);
    }

    /// What a sub-agent or helper has kept is its parent's from now on.
    pub(super) fn hand_over_kept(&mut self, child: AgentId, parent: AgentId) {
        let more = self.agents.kept.of(child).money();
        self.agents.kept.set(child, Purse::EMPTY);
        let kept = self.agents.kept.of(parent).with(more);
        self.agents.kept.set(parent, kept);
    }

    fn dismiss_children(&mut self, a: AgentId) {
        let family = &mut self.agents.families[a as usize];
        let mut child = std::mem::replace(&mut family.child, NOBODY);
        while child != NOBODY {
            let next = self.agents.families[child as usize].sibling;
            self.agents.remove(child);
            child = next;
        }
    }
}
