//! Envoy's retry budget: so many retries at once, by how many attempts are under way.

use crate::units::Share;

/// A budget of active retries as the scenario describes it.
///
/// At most `max(least, floor(share · active))` retries are under way at once. A retry is under way
/// from when it is decided on, its wait included, until it has ended or was given up.
///
/// Source: Envoy, `circuit_breakers.proto`, `RetryBudget`; `common/upstream/resource_manager_impl.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveSpec {
    /// Retries for each attempt under way.
    pub share: Share,
    /// So many retries are always allowed.
    pub least: u32,
}

/// What a budget of active retries remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Active {
    /// Attempts under way.
    pub attempts: u32,
    /// Retries under way.
    pub retries: u32,
}

impl ActiveSpec {
    /// The most retries at once while so many attempts are under way.
    pub fn most(&self, attempts: u32) -> u32 {
        self.share.of(attempts).max(self.least)
    }
}

impl Active {
    /// Whether one more retry may be under way.
    pub fn has_room(&self, spec: &ActiveSpec) -> bool {
        self.retries < spec.most(self.attempts)
    }
}
