//! Server-side rate limiters, one file an algorithm.
//!
//! A [`Limiter`] is asked twice: [`Limiter::check`] says whether it would admit an attempt, without
//! counting anything; then either [`Limiter::take`] on all limiters of the target, or
//! [`Limiter::reject`] on those that take note of rejections. So several limiters at once never
//! half-admit. Time must not go back between calls. Windows are half-open.
//!
//! A refused attempt is told how long it would have to wait if nothing else came. That is exact: a
//! nanosecond earlier it would be refused again. Where the refusal itself counts, the wait includes
//! what it adds.

mod concurrency;
mod fixed_window;
mod gcra;
mod incr_expire;
mod sliding_log;
mod sliding_window;
mod token_bucket;

use concurrency::Concurrency;
use fixed_window::FixedWindow;
use gcra::Gcra;
use incr_expire::IncrExpire;
use sliding_log::{SlidingLog, WeightedLog};
use sliding_window::SlidingWindow;
use token_bucket::TokenBucket;

use crate::random::Distribution;
use crate::units::{Span, Time};

/// A rate limit at work: its algorithm and what that remembers.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// See [`Algorithm::FixedWindow`].
    FixedWindow(FixedWindow),
    /// See [`Algorithm::SlidingLog`]: of requests.
    SlidingLog(SlidingLog),
    /// See [`Algorithm::SlidingLog`]: of tokens.
    WeightedLog(WeightedLog),
    /// See [`Algorithm::SlidingWindow`].
    SlidingWindow(SlidingWindow),
    /// See [`Algorithm::TokenBucket`].
    TokenBucket(TokenBucket),
    /// See [`Algorithm::Gcra`].
    Gcra(Gcra),
    /// See [`Algorithm::Concurrency`].
    Concurrency(Concurrency),
    /// See [`Algorithm::IncrExpire`].
    IncrExpire(IncrExpire),
}

impl Limiter {
    /// A limiter that has seen nothing yet.
    ///
    /// # Panics
    ///
    /// If the window is empty, unless the algorithm has no use for it.
    pub fn new(spec: &LimitSpec) -> Limiter {
        if spec.algorithm == Algorithm::Concurrency {
            return Limiter::Concurrency(Concurrency::new(spec));
        }
        assert!(spec.window > Span::ZERO, "a rate limit needs a window");
        match spec.algorithm {
            Algorithm::FixedWindow => Limiter::FixedWindow(FixedWindow::new(spec)),
            Algorithm::SlidingLog if spec.unit == LimitUnit::Requests => {
                Limiter::SlidingLog(SlidingLog::new(spec))
            }
            Algorithm::SlidingLog => Limiter::WeightedLog(WeightedLog::new(spec)),
            Algorithm::SlidingWindow => Limiter::SlidingWindow(SlidingWindow::new(spec)),
            Algorithm::TokenBucket { burst } => Limiter::TokenBucket(TokenBucket::new(spec, burst)),
            Algorithm::Gcra { burst } => Limiter::Gcra(Gcra::new(spec, burst)),
            Algorithm::Concurrency => Limiter::Concurrency(Concurrency::new(spec)),
            Algorithm::IncrExpire { refresh_ttl } => {
                Limiter::IncrExpire(IncrExpire::new(spec, refresh_ttl))
            }
        }
    }

    /// Whether an attempt of this cost (1 where requests are counted, else tokens) would be
    /// admitted now. Counts nothing.
    ///
    /// # Errors
    ///
    /// The time until this attempt would be admitted if nothing else came: [`Span::MAX`] if never,
    /// as when it costs more than the quota; [`Span::ZERO`] if unknown ([`Algorithm::Concurrency`]).
    #[inline]
    pub fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        match self {
            Limiter::FixedWindow(it) => it.check(now, cost),
            Limiter::SlidingLog(it) => it.check(now),
            Limiter::WeightedLog(it) => it.check(now, cost),
            Limiter::SlidingWindow(it) => it.check(now, cost),
            Limiter::TokenBucket(it) => it.check(now, cost),
            Limiter::Gcra(it) => it.check(now, cost),
            Limiter::Concurrency(it) => it.check(),
            Limiter::IncrExpire(it) => it.check(now, cost),
        }
    }

    /// Counts an attempt that was admitted.
    #[inline]
    pub fn take(&mut self, now: Time, cost: u64) {
        match self {
            Limiter::FixedWindow(it) => it.count(now, cost),
            Limiter::SlidingLog(it) => it.count(now),
            Limiter::WeightedLog(it) => it.count(now, cost),
            Limiter::SlidingWindow(it) => it.count(now, cost),
            Limiter::TokenBucket(it) => it.count(now, cost),
            Limiter::Gcra(it) => it.count(now, cost),
            Limiter::Concurrency(it) => it.take(),
            Limiter::IncrExpire(it) => it.take(now, cost),
        }
    }

    /// Takes note of an attempt that was rejected, by this limiter or by another one of the target;
    /// nothing happens unless this one [`notes_rejected`](Limiter::notes_rejected).
    #[inline]
    pub fn reject(&mut self, now: Time, cost: u64) {
        match self {
            Limiter::IncrExpire(it) => it.reject(now, cost),
            _ if self.notes_rejected() => self.take(now, cost),
            _ => {}
        }
    }

    /// Whether rejected attempts change what this limiter remembers: where they count, and where
    /// they arm an expiry anew.
    #[inline]
    pub fn notes_rejected(&self) -> bool {
        match self {
            Limiter::FixedWindow(it) => it.counts_rejected,
            Limiter::SlidingLog(it) => it.counts_rejected,
            Limiter::WeightedLog(it) => it.counts_rejected,
            Limiter::SlidingWindow(it) => it.counts_rejected,
            Limiter::TokenBucket(it) => it.counts_rejected,
            Limiter::Gcra(it) => it.counts_rejected,
            Limiter::Concurrency(_) => false,
            Limiter::IncrExpire(it) => it.counts_rejected || it.refresh_ttl,
        }
    }

    /// Tells that an attempt that was admitted has ended; only [`Algorithm::Concurrency`] cares.
    #[inline]
    pub fn finish(&mut self) {
        if let Limiter::Concurrency(it) = self {
            it.finish();
        }
    }

    /// Checks one attempt against this limiter alone and counts it as admitted or rejected.
    ///
    /// # Errors
    ///
    /// As [`Limiter::check`].
    pub fn tries(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        let verdict = self.check(now, cost);
        match verdict {
            Ok(()) => self.take(now, cost),
            Err(_) => self.reject(now, cost),
        }
        verdict
    }
}

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

/// What `Retry-After` a rejection or failure carries.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryAfterHint {
    /// None.
    Silent,
    /// Always the same.
    Fixed(Span),
    /// The time until the limiter would admit this request, or the outage ends.
    ToReset,
    /// The time until reset plus a uniform draw from zero to this.
    Jittered(Span),
    /// A draw, whenever the reason goes away \[ns\].
    Drawn(Box<Distribution>),
}

impl RetryAfterHint {
    /// What is told where the reason goes away after `reset`, if anybody knows when; `luck` is drawn,
    /// uniform in (0, 1), where the hint needs it.
    pub fn told(&self, reset: Option<Span>, luck: impl FnOnce() -> f64) -> Option<Span> {
        match self {
            RetryAfterHint::Silent => None,
            RetryAfterHint::Fixed(span) => Some(*span),
            RetryAfterHint::Drawn(span) => Some(Span::from_nanos_f64(span.quantile(luck()))),
            RetryAfterHint::ToReset => reset,
            RetryAfterHint::Jittered(more) => {
                let reset = reset?;
                Some(reset + Span::from_nanos_f64(more.0 as f64 * luck()))
            }
        }
    }

    /// The longest that is told where the reason goes away after `reset` at the latest; of a draw
    /// without a longest the 99th percentile.
    pub fn longest(&self, reset: Span) -> Option<Span> {
        match self {
            RetryAfterHint::Silent => None,
            RetryAfterHint::Fixed(span) => Some(*span),
            RetryAfterHint::Drawn(span) => Some(Span::from_nanos_f64(span.high())),
            RetryAfterHint::ToReset => Some(reset),
            RetryAfterHint::Jittered(more) => Some(Span(reset.0.saturating_add(more.0))),
        }
    }
}

/// Who shares a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPer {
    /// Everybody.
    Account,
    /// Each fleet has one of its own.
    Fleet,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A limit on requests; windows and times of the tests are small numbers of any unit.
    pub(super) fn spec(algorithm: Algorithm, quota: u64, window: u64) -> LimitSpec {
        LimitSpec {
            unit: LimitUnit::Requests,
            quota,
            window: Span(window),
            algorithm,
            counts_rejected: false,
            retry_after: RetryAfterHint::Silent,
            per: LimitPer::Account,
        }
    }

    /// Which of these instants get their attempt of cost 1 admitted.
    pub(super) fn admitted(
        limiter: &mut Limiter,
        tries: impl IntoIterator<Item = u64>,
    ) -> Vec<u64> {
        let tries = tries.into_iter();
        tries
            .filter(|t| limiter.tries(Time(*t), 1).is_ok())
            .collect()
    }

    fn algorithms() -> impl Strategy<Value = Algorithm> {
        prop_oneof![
            Just(Algorithm::FixedWindow),
            Just(Algorithm::SlidingLog),
            Just(Algorithm::SlidingWindow),
            (1u64..20).prop_map(|burst| Algorithm::TokenBucket { burst }),
            (1u64..20).prop_map(|burst| Algorithm::Gcra { burst }),
            any::<bool>().prop_map(|refresh_ttl| Algorithm::IncrExpire { refresh_ttl }),
        ]
    }

    prop_compose! {
        fn specs()(
            algorithm in algorithms(),
            quota in 1u64..20,
            window in 1u64..150,
            counts_rejected: bool,
            tokens: bool,
        ) -> LimitSpec {
            let unit = if tokens { LimitUnit::Tokens } else { LimitUnit::Requests };
            LimitSpec { unit, counts_rejected, ..spec(algorithm, quota, window) }
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0u64..40, 0u64..8), 1..120)
    }

    /// The steps as (time, cost).
    fn timeline(spec: &LimitSpec, steps: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut now = 0;
        let mut at = |&(dt, cost): &(u64, u64)| {
            now += dt;
            let requests = spec.unit == LimitUnit::Requests;
            (now, if requests { 1 } else { cost })
        };
        steps.iter().map(&mut at).collect()
    }

    /// Whether so much may be admitted from `from` to `to`, both included.
    fn allows(spec: &LimitSpec, from: u64, to: u64, sum: u64) -> bool {
        let window = spec.window.0;
        match spec.algorithm {
            Algorithm::FixedWindow if from / window != to / window => true,
            Algorithm::SlidingLog if to - from >= window => true,
            Algorithm::FixedWindow | Algorithm::SlidingLog => sum <= spec.quota,
            Algorithm::TokenBucket { burst } | Algorithm::Gcra { burst } => {
                sum * window <= burst * window + (to - from) * spec.quota
            }
            _ => true,
        }
    }

    proptest! {
        #[test]
        fn what_it_admits_is_what_it_said(spec in specs(), steps in steps()) {
            let mut limiter = Limiter::new(&spec);
            let mut passed = timeline(&spec, &steps);
            passed.retain(|(t, cost)| limiter.tries(Time(*t), *cost).is_ok());
            for (i, (from, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for (to, cost) in &passed[i..] {
                    sum += cost;
                    prop_assert!(allows(&spec, *from, *to, sum), "{sum} in {from}..={to}");
                }
            }
        }

        #[test]
        fn the_wait_is_exact(spec in specs(), steps in steps()) {
            let mut limiter = Limiter::new(&spec);
            for (now, cost) in timeline(&spec, &steps) {
                let Err(wait) = limiter.tries(Time(now), cost) else {
                    continue;
                };
                if wait == Span::MAX {
                    let most = match spec.algorithm {
                        Algorithm::TokenBucket { burst } | Algorithm::Gcra { burst } => burst,
                        _ => spec.quota,
                    };
                    prop_assert!(cost > most);
                    continue;
                }
                prop_assert!(wait > Span::ZERO);
                let ready = Time(now) + wait;
                prop_assert!(limiter.clone().check(Time(ready.0 - 1), cost).is_err());
                prop_assert_eq!(limiter.clone().check(ready, cost), Ok(()));
            }
        }

        #[test]
        fn a_check_counts_nothing(spec in specs(), steps in steps()) {
            let mut once = Limiter::new(&spec);
            let mut often = once.clone();
            for (now, cost) in timeline(&spec, &steps) {
                let first = often.check(Time(now), cost);
                prop_assert_eq!(often.check(Time(now), cost), first);
                prop_assert_eq!(often.tries(Time(now), cost), once.tries(Time(now), cost));
            }
        }
    }

    #[test]
    fn a_rejection_elsewhere_counts_only_where_it_should() {
        let mut counting = spec(Algorithm::FixedWindow, 1, 100);
        counting.counts_rejected = true;
        for (spec, verdict) in [
            (counting, Err(Span(93))),
            (spec(Algorithm::FixedWindow, 1, 100), Ok(())),
        ] {
            let mut limiter = Limiter::new(&spec);
            limiter.reject(Time(7), 1);
            assert_eq!(limiter.check(Time(7), 1), verdict);
        }
    }
}
