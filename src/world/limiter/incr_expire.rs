//! `INCR` and `EXPIRE` as in Redis: a counter that begins with the first attempt and expires a
//! window later.
//!
//! Source: the rate limiter pattern on the manual page of `INCR` (redis.io). There the rejected
//! count as well (`counts_rejected`). With `refresh_ttl` it has the well-known bug: each call,
//! counted or not, arms the expiry anew, so a key under steady traffic never expires and, once its
//! quota is used up, nobody comes in until everybody has been quiet for a whole window.

use super::LimitSpec;
use crate::units::{Span, Time};

/// A counter with an expiry.
#[derive(Clone, Debug)]
pub struct IncrExpire {
    quota: u64,
    window: Span,
    pub(super) counts_rejected: bool,
    pub(super) refresh_ttl: bool,
    count: u64,
    /// When the key expires; it exists before.
    expires: Time,
}

impl IncrExpire {
    pub(super) fn new(spec: &LimitSpec, refresh_ttl: bool) -> IncrExpire {
        IncrExpire {
            quota: spec.quota,
            window: spec.window,
            counts_rejected: spec.counts_rejected,
            refresh_ttl,
            count: 0,
            expires: Time::ZERO,
        }
    }

    pub(super) fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        if cost > self.quota {
            return Err(Span::MAX);
        }
        if now >= self.expires {
            self.count = 0;
        }
        if self.count.saturating_add(cost) <= self.quota {
            return Ok(());
        }
        // The rejection itself arms the expiry anew where every call does.
        Err(match self.refresh_ttl {
            true => self.window,
            false => self.expires.since(now),
        })
    }

    pub(super) fn take(&mut self, now: Time, cost: u64) {
        if now >= self.expires {
            self.count = 0;
            self.expires = now + self.window;
        } else if self.refresh_ttl {
            self.expires = now + self.window;
        }
        self.count = self.count.saturating_add(cost);
    }

    pub(super) fn reject(&mut self, now: Time, cost: u64) {
        if self.counts_rejected {
            self.take(now, cost);
        } else if self.refresh_ttl && now < self.expires {
            self.expires = now + self.window;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admitted, spec};
    use super::super::{Algorithm, Limiter};
    use super::*;

    const SOUND: Algorithm = Algorithm::IncrExpire { refresh_ttl: false };
    const BROKEN: Algorithm = Algorithm::IncrExpire { refresh_ttl: true };

    #[test]
    fn five_in_ten_seconds_as_redis_counts_them() {
        // Conformance vectors, redis-limiters.json, case incr_expire.5_per_10s (milliseconds);
        // the last column is the time to live where a row is limited.
        let rows = [
            (0, 0),
            (8_000, 0),
            (8_100, 0),
            (8_200, 0),
            (8_300, 0),
            (8_400, 1_600),
            (9_900, 100),
            (10_000, 0),
            (10_100, 0),
            (10_200, 0),
            (10_300, 0),
            (10_400, 0),
            (10_500, 9_500),
        ];
        let mut redis = spec(SOUND, 5, 10_000);
        redis.counts_rejected = true;
        let mut limiter = Limiter::new(&redis);
        for (at, ttl) in rows {
            let expected = if ttl == 0 { Ok(()) } else { Err(Span(ttl)) };
            assert_eq!(limiter.tries(Time(at), 1), expected, "at {at} ms");
        }
    }

    #[test]
    fn the_window_opens_with_the_first_attempt() {
        let mut limiter = Limiter::new(&spec(SOUND, 1, 100));
        assert_eq!(admitted(&mut limiter, [70, 100, 169, 170, 269]), [70, 170]);
    }

    #[test]
    fn a_refreshed_expiry_never_comes_under_traffic() {
        let every_99 = || (0..100).map(|i| i * 99);
        for counts_rejected in [false, true] {
            let mut broken = spec(BROKEN, 3, 100);
            broken.counts_rejected = counts_rejected;
            let mut limiter = Limiter::new(&broken);
            assert!(limiter.notes_rejected());
            assert_eq!(admitted(&mut limiter, every_99()), [0, 99, 198]);
            // The last try was at 9,801; a whole quiet window later it opens.
            assert_eq!(limiter.check(Time(9_900), 1), Err(Span(100)));
            assert_eq!(limiter.check(Time(9_901), 1), Ok(()));
        }
        let mut sound = Limiter::new(&spec(SOUND, 3, 100));
        assert_eq!(admitted(&mut sound, every_99()).len(), 100);
    }
}
