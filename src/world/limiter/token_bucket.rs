//! Token bucket: tokens drip in at `quota / window` up to `burst`; it begins full.
//!
//! The level is held in units of 1/window of a token, of which `quota` drip in each nanosecond, so
//! nothing is ever rounded and nothing drifts. A rejection that counts takes tokens too, but not
//! below zero: hammering keeps the bucket empty, it makes no debt.

use super::LimitSpec;
use crate::units::{Span, Time};

/// A bucket of tokens.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    burst: u64,
    quota: u64,
    window: u64,
    pub(super) counts_rejected: bool,
    /// The level at the time `at` \[tokens · window ns\].
    level: u128,
    at: Time,
}

impl TokenBucket {
    pub(super) fn new(spec: &LimitSpec, burst: u64) -> TokenBucket {
        TokenBucket {
            burst,
            quota: spec.quota,
            window: spec.window.0,
            counts_rejected: spec.counts_rejected,
            level: u128::from(burst) * u128::from(spec.window.0),
            at: Time::ZERO,
        }
    }

    pub(super) fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        self.fill(now);
        if cost > self.burst {
            return Err(Span::MAX);
        }
        let needed = self.tokens(cost);
        if needed <= self.level {
            return Ok(());
        }
        // A rejection that counts leaves the bucket empty.
        let left = if self.counts_rejected { 0 } else { self.level };
        let nanoseconds = match self.quota {
            0 => u128::MAX,
            quota => (needed - left).div_ceil(u128::from(quota)),
        };
        Err(Span(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }

    pub(super) fn count(&mut self, now: Time, cost: u64) {
        self.fill(now);
        self.level = self.level.saturating_sub(self.tokens(cost));
    }

    fn fill(&mut self, now: Time) {
        let dripped = u128::from(now.since(self.at).0) * u128::from(self.quota);
        self.level = (self.level.saturating_add(dripped)).min(self.tokens(self.burst));
        self.at = now;
    }

    fn tokens(&self, n: u64) -> u128 {
        u128::from(n) * u128::from(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admitted, spec};
    use super::super::{Algorithm, Limiter};
    use super::*;

    const BUCKET: Algorithm = Algorithm::TokenBucket { burst: 3 };

    #[test]
    fn it_begins_full_and_drips() {
        // Two in 100 ns, one every 50; a bucket of three.
        let mut limiter = Limiter::new(&spec(BUCKET, 2, 100));
        let tries = [0, 0, 0, 0, 49, 50, 99, 100, 1_000, 1_000, 1_000, 1_000];
        let expected = [0, 0, 0, 50, 100, 1_000, 1_000, 1_000];
        assert_eq!(admitted(&mut limiter, tries), expected);
    }

    #[test]
    fn a_third_of_a_nanosecond_is_not_lost() {
        // Three in 100 ns: one every 33⅓, so after the burst of two exactly thirty in 1,000 ns.
        let mut limiter = Limiter::new(&spec(Algorithm::TokenBucket { burst: 2 }, 3, 100));
        assert_eq!(admitted(&mut limiter, 0..=1_000).len(), 32);
    }

    #[test]
    fn a_wait_is_rounded_up_to_the_nanosecond() {
        let mut bucket = TokenBucket::new(&spec(BUCKET, 3, 100), 3);
        bucket.count(Time(0), 3);
        assert_eq!(bucket.check(Time(0), 1), Err(Span(34)));
        assert_eq!(bucket.check(Time(0), 3), Err(Span(100)));
        assert_eq!(bucket.check(Time(0), 4), Err(Span::MAX));
        assert_eq!(bucket.check(Time(33), 1), Err(Span(1)));
        assert_eq!(bucket.check(Time(34), 1), Ok(()));
    }

    #[test]
    fn counted_rejections_empty_the_bucket_but_make_no_debt() {
        let mut counting = spec(BUCKET, 2, 100);
        counting.counts_rejected = true;
        let mut bucket = TokenBucket::new(&counting, 3);
        for _ in 0..40 {
            bucket.count(Time(0), 1);
        }
        assert_eq!(bucket.check(Time(49), 1), Err(Span(50)));
        assert_eq!(bucket.check(Time(50), 1), Ok(()));
    }
}
