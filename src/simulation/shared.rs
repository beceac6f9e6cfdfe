//! The state that layers share: breakers, semaphores, limits, budgets, by group and sharer.

use crate::resilience::{
    AdaptiveLimit, AdaptiveThrottle, Breaker, BreakerSpec, ClientLimit, Latencies, RetryBudget,
    Router, Semaphore,
};
use crate::scenario::model::Shared;
use crate::world::budget::Account;

use super::agent::AgentId;
use super::program::Groups;

/// Who stands in line before a semaphore or for a token: an agent and its ticket at that time.
pub(super) type Waiter = (AgentId, u32);

/// What several agents share of a layer.
pub(super) trait State {
    /// What it is made from.
    type Spec: Clone;

    /// New state; all the room that it needs is taken here.
    fn made(spec: &Self::Spec) -> Self;

    /// Makes it new again, in the room that it has.
    fn renew(&mut self);
}

/// One kind of shared state: a list of sharers' states for each group.
#[derive(Debug)]
pub(super) struct States<T: State> {
    groups: Vec<(Shared, T::Spec, Vec<T>)>,
}

/// All shared state of a run.
#[derive(Debug)]
pub(super) struct SharedState {
    /// Whether anything is kept for each agent or task.
    personal: bool,
    pub breakers: States<Breaker>,
    pub semaphores: States<Semaphore<Waiter>>,
    pub limits: States<ClientLimit>,
    pub adaptive_limits: States<AdaptiveLimit<Waiter>>,
    pub throttles: States<AdaptiveThrottle>,
    pub retry_budgets: States<RetryBudget>,
    pub accounts: States<Account>,
    pub latencies: States<Latencies>,
    pub routers: States<Router>,
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
            adaptive_limits: States::new(&groups.adaptive_limits, fleets),
            throttles: States::new(&groups.throttles, fleets),
            retry_budgets: States::new(&groups.retry_budgets, fleets),
            accounts: States::new(&groups.accounts, fleets),
            latencies: States::new(&groups.latencies, fleets),
            routers: States::new(&groups.routers, fleets),
        }
    }

    /// Whether anything is kept for each agent or task.
    pub(super) fn is_personal(groups: &Groups) -> bool {
        fn any<S>(groups: &[(Shared, S)]) -> bool {
            let personal =
                |(shared, _): &(Shared, S)| matches!(shared, Shared::Task | Shared::Agent);
            groups.iter().any(personal)
        }
        let Groups {
            breakers,
            semaphores,
            limits,
            adaptive_limits,
            throttles,
            retry_budgets,
            accounts,
            latencies,
            routers,
        } = groups;
        any(breakers)
            || any(semaphores)
            || any(limits)
            || any(adaptive_limits)
            || any(throttles)
            || any(retry_budgets)
            || any(accounts)
            || any(latencies)
            || any(routers)
    }

    /// Makes the states of a slot new: those of its agent (`Shared::Agent`) when the slot gets a
    /// new agent, those of its task (`Shared::Task`) when it begins a task.
    #[inline]
    pub(super) fn renew(&mut self, slot: AgentId, of: Shared) {
        if self.personal {
            self.renew_all(slot, of);
        }
    }

    #[inline(never)]
    fn renew_all(&mut self, slot: AgentId, of: Shared) {
        self.breakers.renew(slot, of);
        self.semaphores.renew(slot, of);
        self.limits.renew(slot, of);
        self.adaptive_limits.renew(slot, of);
        self.throttles.renew(slot, of);
        self.retry_budgets.renew(slot, of);
        self.accounts.renew(slot, of);
        self.latencies.renew(slot, of);
        self.routers.renew(slot, of);
    }
}

impl State for Breaker {
    type Spec = BreakerSpec;

    fn made(spec: &BreakerSpec) -> Breaker {
        Breaker::new(spec)
    }

    fn renew(&mut self) {
        Breaker::renew(self);
    }
}

/// State that is the same in all groups when it is new.
macro_rules! plain_state {
    ($($state:ty),*) => {$(
        impl State for $state {
            type Spec = ();

            fn made((): &()) -> $state {
                <$state>::default()
            }

            fn renew(&mut self) {
                *self = <$state>::default();
            }
        }
    )*};
}

plain_state!(
    Semaphore<Waiter>,
    ClientLimit,
    AdaptiveLimit<Waiter>,
    AdaptiveThrottle,
    RetryBudget,
    Account,
    Latencies,
    Router
);

impl<T: State> States<T> {
    fn new(groups: &[(Shared, T::Spec)], fleets: usize) -> States<T> {
        let states = |shared: &Shared| match shared {
            Shared::All => 1,
            Shared::Fleet => fleets,
            Shared::Task | Shared::Agent => 0,
        };
        let group = |(shared, spec): &(Shared, T::Spec)| {
            let states = (0..states(shared)).map(|_| T::made(spec)).collect();
            (*shared, spec.clone(), states)
        };
        States {
            groups: groups.iter().map(group).collect(),
        }
    }

    /// The state of this group for this sharer.
    pub(super) fn of(&mut self, group: u16, sharer: Sharer) -> &mut T {
        let (shared, _, states) = &mut self.groups[usize::from(group)];
        let i = match shared {
            Shared::All => 0,
            Shared::Fleet => usize::from(sharer.fleet),
            Shared::Agent => sharer.agent as usize,
            Shared::Task => sharer.root as usize,
        };
        &mut states[i]
    }

    fn renew(&mut self, slot: AgentId, of: Shared) {
        for (shared, spec, states) in &mut self.groups {
            if *shared == of {
                let slot = slot as usize;
                while states.len() <= slot {
                    states.push(T::made(spec));
                }
                states[slot].renew();
            }
        }
    }
}
