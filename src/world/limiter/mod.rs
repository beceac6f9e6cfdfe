//! Server-side rate limiters, one file an algorithm.
//!
//! A [`Limiter`] is asked twice: [`Limiter::check`] says whether it would admit an attempt, without
//! changing anything; then either [`Limiter::take`] on all limiters of the target, or
//! [`Limiter::reject`] on those that count rejected requests. So several limiters at once never
//! half-admit. Time must not go back between calls.

use crate::units::Span;

/// A rate limit as the scenario describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSpec {
    /// What is counted.
    pub unit: LimitUnit,
    /// How many in each `window`; for [`Algorithm::Concurrency`] how many at once.
    pub quota: u64,
    /// The window; unused by [`Algorithm::Concurrency`].
    pub window: Span,
    /// How it is counted.
    pub algorithm: Algorithm,
    /// Whether rejected requests count as well.
    pub counts_rejected: bool,
    /// What a rejection says about when to come back.
    pub retry_after: RetryAfterHint,
    /// Who shares the quota.
    pub per: LimitPer,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUnit {
    /// Attempts.
    Requests,
    /// Input tokens.
    InputTokens,
    /// Output tokens, counted in advance with their true number.
    OutputTokens,
    /// Input and output tokens.
    Tokens,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// A counter for each window of the clock: [0, w), [w, 2w), …
    FixedWindow,
    /// The true number in the last window, from a log.
    SlidingLog,
    /// Two counters: this window's, and the last one's weighted by its remaining share.
    SlidingWindow,
    /// Tokens drip in at quota/window up to `burst`; begins full.
    TokenBucket {
        /// Size of the bucket.
        burst: u64,
    },
    /// The generic cell rate algorithm: the theoretical arrival time may run ahead by `burst - 1`
    /// intervals.
    Gcra {
        /// How many may come at once.
        burst: u64,
    },
    /// At most `quota` in flight.
    Concurrency,
    /// `INCR` and `EXPIRE` as in Redis: a counter that begins with the first request and expires a
    /// window later.
    IncrExpire {
        /// The well-known bug: each call re-arms the expiry, so a busy key never expires.
        refresh_ttl: bool,
    },
}

/// What `Retry-After` a rejection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfterHint {
    /// None.
    Silent,
    /// Always the same.
    Fixed(Span),
    /// The time until the limiter would admit this request.
    ToReset,
    /// The time until reset plus a uniform draw from zero to this.
    Jittered(Span),
}

/// Who shares a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPer {
    /// Everybody.
    Account,
    /// Each fleet has one of its own.
    Fleet,
}
