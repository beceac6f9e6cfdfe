//! The state that layers share: breakers, semaphores, limits, budgets, by group and sharer.

use crate::resilience::{Breaker, ClientLimit, RetryBudget, Semaphore};
use crate::scenario::model::Shared;
use crate::world::budget::Account;

use super::agent::AgentId;
use super::program::Groups;

/// Who stands in line before a semaphore: an agent and its ticket at that time.
pub(super) type Waiter = (AgentId, u32);

/// One kind of shared state: a list of sharers' states for each group.
#[derive(Debug)]
pub(super) struct States<T> {
    groups: Vec<(Shared, Vec<T>)>,
}

/// All shared state of a run.
#[derive(Debug)]
pub(super) struct SharedState {
    /// Whether anything is kept for each agent or task.
    personal: bool,
    pub breakers: States<Breaker>,
    pub semaphores: States<Semaphore<Waiter>>,
    pub limits: States<ClientLimit>,
    pub retry_budgets: States<RetryBudget>,
    pub accounts: States<Account>,
}

/// Whose state is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharer {
    pub agent: AgentId,
    pub root: AgentId,
    pub fleet: u8,
}

impl SharedState {
    pub(super) fn new(groups: &Groups, fleets: usize) -> SharedState {
        SharedState {
            personal: SharedState::is_personal(groups),
            breakers: States::new(&groups.breakers, fleets),
            semaphores: States::new(&groups.semaphores, fleets),
            limits: States::new(&groups.limits, fleets),
            retry_budgets: States::new(&groups.retry_budgets, fleets),
            accounts: States::new(&groups.accounts, fleets),
        }
    }

    /// Whether anything is kept for each agent or task.
    pub(super) fn is_personal(groups: &Groups) -> bool {
        let lists = [
            &groups.breakers,
            &groups.semaphores,
            &groups.limits,
            &groups.retry_budgets,
            &groups.accounts,
        ];
        let mut all = lists.into_iter().flatten();
        all.any(|shared| matches!(shared, Shared::Task | Shared::Agent))
    }

    /// Makes the states of a slot new: those of its agent (`Shared::Agent`) when the slot gets a
    /// new agent, those of its task (`Shared::Task`) when it begins a task.
    #[inline]
    pub(super) fn renew(&mut self, slot: AgentId, of: Shared) {
        if !self.personal {
            return;
        }
        self.breakers.renew(slot, of);
        self.semaphores.renew(slot, of);
        self.limits.renew(slot, of);
        self.retry_budgets.renew(slot, of);
        self.accounts.renew(slot, of);
    }
}

impl<T: Default> States<T> {
    fn new(groups: &[Shared], fleets: usize) -> States<T> {
        let states = |shared: &Shared| match shared {
            Shared::All => 1,
            Shared::Fleet => fleets,
            Shared::Task | Shared::Agent => 0,
        };
        let group = |shared: &Shared| {
            let states = (0..states(shared)).map(|_| T::default()).collect();
            (*shared, states)
        };
        States {
            groups: groups.iter().map(group).collect(),
        }
    }

    /// The state of this group for this sharer.
    pub(super) fn of(&mut self, group: u16, sharer: Sharer) -> &mut T {
        let (shared, states) = &mut self.groups[usize::from(group)];
        let i = match shared {
            Shared::All => 0,
            Shared::Fleet => usize::from(sharer.fleet),
            Shared::Agent => sharer.agent as usize,
            Shared::Task => sharer.root as usize,
        };
        &mut states[i]
    }

    fn renew(&mut self, slot: AgentId, of: Shared) {
        for (shared, states) in &mut self.groups {
            if *shared == of {
                let slot = slot as usize;
                while states.len() <= slot {
                    states.push(T::default());
                }
                states[slot] = T::default();
            }
        }
    }
}
