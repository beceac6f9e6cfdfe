//! What a circuit breaker is told: when it opens, for how long, whom it probes with.
//!
//! The knobs stay apart because real libraries combine them in every way: the window and how its
//! time is cut into buckets, the limits, on which call it decides, what counts as a call at all.

use crate::resilience::Backoff;
use crate::units::{Share, Span};
use crate::wire::{Outcome, OutcomeSet};

use super::window::{Tally, WindowSpec};

/// A circuit breaker as the scenario describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSpec {
    /// When a closed one opens.
    pub trip: Trip,
    /// How long it stays open.
    pub open_for: OpenFor,
    /// Whom it lets through when that time has passed.
    pub half_open: HalfOpen,
    /// Which outcomes are failures.
    pub on: OutcomeSet,
    /// Which outcomes are successes; `ok` is always one. What is neither says nothing.
    pub well: OutcomeSet,
}

/// When a closed breaker opens.
#[derive(Clone, Debug, PartialEq)]
pub enum Trip {
    /// After so many failures in a row; at least 1.
    Consecutive(u32),
    /// When too many of the calls in a window were failures, or slow.
    Window(Box<WindowTrip>),
}

/// When too many of the calls in a window are too many.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowTrip {
    /// Which calls it looks at.
    pub window: WindowSpec,
    /// With fewer calls in the window it does not decide.
    pub minimum_calls: u32,
    /// How many failures are too many.
    pub failures: Option<Limit>,
    /// How many slow calls are too many.
    pub slow: Option<Slow>,
    /// When it decides.
    pub decides: Decides,
    /// Whether a call that the open breaker refuses counts as a call in the window.
    ///
    /// Source: opossum 10.0.0, `lib/circuit.js`: `fire` is counted before the state is looked at.
    pub counts_refused: bool,
    /// Whether a call counts when it begins (opossum) and not when it ends.
    pub counts_at_start: bool,
    /// Whether the window outlasts the open time (opossum); otherwise a breaker that closes begins
    /// with an empty one.
    pub kept: bool,
}

/// How many of a window's calls are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u32),
    /// This share of them, or more (resilience4j, Polly, Hystrix).
    AtLeast(Share),
    /// More than this share of them (opossum, cockatiel).
    Above(Share),
}

/// When calls are slow, and how many slow ones are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Calls that take longer than this are slow, however they end.
    pub longer_than: Span,
    /// How many are too many.
    pub limit: Limit,
}

/// When a breaker with a window decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decides {
    /// At the end of each call (resilience4j).
    EachCall,
    /// At the end of each call that failed or was slow (Polly, opossum, cockatiel).
    EachFailure,
    /// Whenever a bucket of a time window is full, by the whole buckets before that instant
    /// (Hystrix: "health snapshots").
    EachBucket,
}

/// How long a breaker stays open.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenFor {
    /// Always so long; [`Span::MAX`] is for ever.
    Fixed(Span),
    /// The k-th time that it opens without having closed in between as long as the backoff's k-th
    /// delay. Source: resilience4j 2.4, `waitIntervalFunctionInOpenState`; cockatiel 4.0.0,
    /// `halfOpenAfter: IBackoffFactory`.
    Growing(Box<Backoff>),
}

/// Whom a half-open breaker lets through, and what closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfOpen {
    /// So many at once; so many successes close it, and one failure (or, where slow calls count,
    /// one slow call) opens it again.
    Probes {
        /// The most probes under way at once; at least 1, [`u32::MAX`] is everybody.
        at_once: u32,
        /// How many must succeed; at least 1.
        successes: u32,
    },
    /// So many in all; when all have ended, the breaker's limits, held against them alone, close it
    /// or open it again. Source: resilience4j 2.4, `permittedNumberOfCallsInHalfOpenState`.
    Sample(u32),
}

impl HalfOpen {
    /// One call at a time, and its end decides.
    pub const ONE: HalfOpen = HalfOpen::Probes {
        at_once: 1,
        successes: 1,
    };
    /// Everybody, which is a small stampede; the first end decides.
    pub const EVERYBODY: HalfOpen = HalfOpen::Probes {
        at_once: u32::MAX,
        successes: 1,
    };
}

impl BreakerSpec {
    /// What counts as a failure unless the scenario says otherwise.
    ///
    /// Our assumption: what speaks of the target's health, and not of the request.
    pub const DEFAULT_ON: OutcomeSet = OutcomeSet::of(&[
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
    ]);

    /// Failures in a row, and the defaults of everything else.
    pub const fn consecutive(failures: u32, open_for: Span) -> BreakerSpec {
        BreakerSpec {
            trip: Trip::Consecutive(failures),
            open_for: OpenFor::Fixed(open_for),
            half_open: HalfOpen::ONE,
            on: BreakerSpec::DEFAULT_ON,
            well: OutcomeSet::of(&[Outcome::Ok]),
        }
    }

    /// What makes a call slow, if that matters.
    pub fn slow(&self) -> Option<Slow> {
        match &self.trip {
            Trip::Consecutive(_) => None,
            Trip::Window(trip) => trip.slow,
        }
    }

    /// Whether calls of this outcome change what the breaker remembers.
    #[inline]
    pub fn hears(&self, outcome: Outcome) -> bool {
        self.on.has(outcome) || self.well.has(outcome)
    }
}

impl Trip {
    /// Whether too many calls of a finished sample were failures or slow: one failure of a breaker
    /// that counts them in a row.
    pub fn too_many(&self, sample: &Tally) -> bool {
        match self {
            Trip::Consecutive(_) => sample.failed > 0,
            Trip::Window(trip) => trip.too_many(sample),
        }
    }
}

impl WindowTrip {
    /// Whether there are enough calls, and too many failures or slow ones among them.
    pub fn exceeded(&self, tally: &Tally) -> bool {
        tally.calls >= self.minimum_calls && self.too_many(tally)
    }

    /// Whether too many of these calls were failures or slow.
    pub fn too_many(&self, tally: &Tally) -> bool {
        let over = |limit: Limit, n: u32| limit.reached(n, tally.calls);
        self.failures.is_some_and(|l| over(l, tally.failed))
            || self.slow.is_some_and(|s| over(s.limit, tally.slow))
    }
}

impl Limit {
    /// Whether `n` of `calls` are too many. Shares are compared as whole numbers,
    /// `n · 1,000,000` with `ppm · calls`: the libraries compare floating-point percentages, which
    /// comes to the same for windows of less than 100,000 calls and limits of whole percents.
    pub fn reached(self, n: u32, calls: u32) -> bool {
        let scaled = u64::from(n) * 1_000_000;
        let of = |share: Share| u64::from(share.0) * u64::from(calls);
        match self {
            Limit::Count(most) => n >= most,
            Limit::AtLeast(share) => calls > 0 && scaled >= of(share),
            Limit::Above(share) => scaled > of(share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_and_above_differ_at_the_limit_alone() {
        let half = Share(500_000);
        for (n, at_least, above) in [(9, false, false), (10, true, false), (11, true, true)] {
            assert_eq!(Limit::AtLeast(half).reached(n, 20), at_least, "{n}");
            assert_eq!(Limit::Above(half).reached(n, 20), above, "{n}");
        }
        assert!(!Limit::AtLeast(half).reached(0, 0));
        assert!(!Limit::Count(3).reached(2, 100));
        assert!(Limit::Count(3).reached(3, 100));
    }

    #[test]
    fn nothing_is_decided_below_the_minimum() {
        let trip = WindowTrip {
            window: WindowSpec::All,
            minimum_calls: 20,
            failures: Some(Limit::AtLeast(Share(500_000))),
            slow: Some(Slow {
                longer_than: Span::SECOND,
                limit: Limit::AtLeast(Share::ALL),
            }),
            decides: Decides::EachCall,
            counts_refused: false,
            counts_at_start: false,
            kept: false,
        };
        let tally = |calls, failed, slow| Tally {
            calls,
            failed,
            slow,
        };
        assert!(!trip.exceeded(&tally(19, 19, 0)));
        assert!(!trip.exceeded(&tally(20, 9, 19)));
        assert!(trip.exceeded(&tally(20, 10, 0)));
        assert!(trip.exceeded(&tally(20, 0, 20)));
    }
}
