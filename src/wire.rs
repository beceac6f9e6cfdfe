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
    /// What the server says of trying again (`x-should-retry`).
    pub advice: Advice,
    /// The HTTP status, or [`NO_STATUS`].
    pub status: u16,
    /// How long the server asks to wait, if it does.
    pub retry_after: Option<Span>,
    /// Which header asks it.
    pub header: RetryHeader,
}

/// The status of what ends without one: no connection, a timeout, a refusal on the client's side.
pub const NO_STATUS: u16 = 0;

/// What a server says of trying again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Advice {
    /// Nothing.
    #[default]
    None,
    /// `x-should-retry: true`.
    Retry,
    /// `x-should-retry: false`.
    Stop,
}

/// The headers by which servers ask to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RetryHeader {
    /// `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).
    #[default]
    Seconds,
    /// `retry-after-ms` (OpenAI, Azure).
    Millis,
    /// `x-ms-retry-after-ms` (Azure).
    AzureMillis,
    /// `x-amz-retry-after`: milliseconds (AWS).
    AmazonMillis,
    /// `grpc-retry-pushback-ms`: whole milliseconds; anything else forbids to try again (gRFC A6).
    Pushback,
}

impl Outcome {
    /// The HTTP status that a simulated outcome comes with.
    ///
    /// `transient` 500, `rate_limited` 429, `overloaded` 503 (Anthropic answers 529, which its own
    /// clients treat alike, while others' clients know only 503), `permanent` and `context_overflow` 400, `ok` 200. An answer that is `invalid` has
    /// arrived in good order, and who tries it again does not look at its status; like what has
    /// none it has [`NO_STATUS`].
    pub const fn status(self) -> u16 {
        match self {
            Outcome::Ok => 200,
            Outcome::Transient => 500,
            Outcome::RateLimited => 429,
            Outcome::Overloaded => 503,
            Outcome::Permanent | Outcome::ContextOverflow => 400,
            Outcome::Timeout
            | Outcome::Invalid
            | Outcome::CircuitOpen
            | Outcome::Rejected
            | Outcome::BudgetExceeded => NO_STATUS,
        }
    }

    /// The outcome that a client sees in a status.
    pub const fn of_status(status: u16) -> Outcome {
        match status {
            200..=399 => Outcome::Ok,
            429 => Outcome::RateLimited,
            503 | 529 => Outcome::Overloaded,
            400..=499 => Outcome::Permanent,
            _ => Outcome::Transient,
        }
    }
}

impl Reply {
    /// A reply with the outcome's own status and no headers.
    pub const fn of(outcome: Outcome) -> Reply {
        Reply {
            outcome,
            advice: Advice::None,
            status: outcome.status(),
            retry_after: None,
            header: RetryHeader::Seconds,
        }
    }

    /// A reply with this status and no headers.
    pub const fn of_status(status: u16) -> Reply {
        Reply {
            status,
            ..Reply::of(Outcome::of_status(status))
        }
    }

    /// This reply with a `Retry-After`, if there is one.
    pub const fn asking(self, retry_after: Option<Span>) -> Reply {
        Reply {
            retry_after,
            ..self
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

    #[test]
    fn a_simulated_status_is_read_as_its_outcome() {
        for outcome in Outcome::ALL {
            let status = outcome.status();
            if status != NO_STATUS && outcome != Outcome::ContextOverflow {
                assert_eq!(Outcome::of_status(status), outcome);
            }
        }
        assert_eq!(Outcome::of_status(529), Outcome::Overloaded);
    }

    #[test]
    fn a_reply_stays_small() {
        assert!(size_of::<Reply>() <= 24);
    }
}
