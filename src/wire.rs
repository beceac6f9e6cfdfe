//! The wire: what a client can see of an attempt.
//!
//! `resilience` (the client) and `world` (the server) know nothing of each other; they meet here.

use crate::units::Span;

/// How an attempt ended, or why it never left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// It worked.
    Ok,
    /// A failure that may pass (5xx, connection lost).
    Transient,
    /// A quota was exceeded (429).
    RateLimited,
    /// The target has no room under load (529, or 503 by load).
    Overloaded,
    /// The client gave up waiting.
    Timeout,
    /// It answered, but the answer failed validation.
    Invalid,
    /// A failure that cannot pass (4xx).
    Permanent,
    /// The prompt was longer than the context window.
    ContextOverflow,
    /// Not sent: a circuit breaker was open.
    CircuitOpen,
    /// Not sent: a client-side limiter or bulkhead was full.
    Rejected,
    /// Not sent: the budget could not cover the estimate.
    BudgetExceeded,
}

impl Outcome {
    /// How many outcomes there are.
    pub const COUNT: usize = 11;
    /// All outcomes, in declaration order, so that `ALL[o as usize] == o`.
    pub const ALL: [Outcome; Outcome::COUNT] = [
        Outcome::Ok,
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
        Outcome::Invalid,
        Outcome::Permanent,
        Outcome::ContextOverflow,
        Outcome::CircuitOpen,
        Outcome::Rejected,
        Outcome::BudgetExceeded,
    ];

    /// The outcome's name in files and scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Transient => "transient",
            Outcome::RateLimited => "rate_limited",
            Outcome::Overloaded => "overloaded",
            Outcome::Timeout => "timeout",
            Outcome::Invalid => "invalid",
            Outcome::Permanent => "permanent",
            Outcome::ContextOverflow => "context_overflow",
            Outcome::CircuitOpen => "circuit_open",
            Outcome::Rejected => "rejected",
            Outcome::BudgetExceeded => "budget_exceeded",
        }
    }

    /// The outcome of that name.
    pub fn named(name: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|o| o.name() == name)
    }

    /// Whether the client refused it, so that nothing went over the wire.
    pub fn is_local(self) -> bool {
        matches!(
            self,
            Outcome::CircuitOpen | Outcome::Rejected | Outcome::BudgetExceeded
        )
    }
}

/// A set of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeSet(u16);

impl OutcomeSet {
    /// No outcome.
    pub const EMPTY: OutcomeSet = OutcomeSet(0);

    /// The set of these outcomes.
    pub const fn of(outcomes: &[Outcome]) -> OutcomeSet {
        let mut bits = 0;
        let mut i = 0;
        while i < outcomes.len() {
            bits |= 1 << outcomes[i] as u16;
            i += 1;
        }
        OutcomeSet(bits)
    }

    /// This set and `outcome`.
    pub const fn with(self, outcome: Outcome) -> OutcomeSet {
        OutcomeSet(self.0 | 1 << outcome as u16)
    }

    /// Whether `outcome` is in the set.
    pub const fn has(self, outcome: Outcome) -> bool {
        self.0 & (1 << outcome as u16) != 0
    }

    /// The outcomes in the set, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Outcome> {
        Outcome::ALL.into_iter().filter(move |o| self.has(*o))
    }
}

/// What came back for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub outcome: Outcome,
    /// The server's `Retry-After`, if it sent one.
    pub retry_after: Option<Span>,
}

impl Reply {
    /// A reply without a `Retry-After`.
    pub const fn of(outcome: Outcome) -> Reply {
        Reply {
            outcome,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indices_agree() {
        for (i, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, i);
            assert_eq!(Outcome::named(outcome.name()), Some(outcome));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = OutcomeSet::of(&[Outcome::Timeout]).with(Outcome::Invalid);
        let members: Vec<_> = set.iter().collect();
        assert_eq!(members, [Outcome::Timeout, Outcome::Invalid]);
    }
}
