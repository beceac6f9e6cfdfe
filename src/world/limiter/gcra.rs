//! GCRA, the generic cell rate algorithm: one number, the theoretical arrival time (tat).
//!
//! Attempts are due one every `interval = window / quota`; they may run ahead by `burst - 1`
//! intervals. One of cost `n` conforms if `max(tat, now) + n·interval <= now + burst·interval`, and
//! that sum is the new tat. For `n = 1` this is `now >= tat - (burst - 1)·interval`, as the crate
//! `governor` has it; for any `n` as `redis-cell` has it (`burst = max_burst + 1`). Source: ITU-T
//! I.371.
//!
//! Time is held in units of 1/quota ns, in which the interval is exactly `window`: nothing is
//! rounded. A rejection that counts moves the tat as well: a debt that grows with each, so a
//! hammering client waits the longer the more it asks.

use super::LimitSpec;
use crate::units::{Span, Time};

/// The theoretical arrival time, and what it is measured by.
#[derive(Clone, Debug)]
pub struct Gcra {
    burst: u64,
    quota: u64,
    window: u64,
    pub(super) counts_rejected: bool,
    /// Theoretical arrival time \[ns · quota\].
    tat: u128,
}

impl Gcra {
    pub(super) fn new(spec: &LimitSpec, burst: u64) -> Gcra {
        Gcra {
            burst,
            quota: spec.quota,
            window: spec.window.0,
            counts_rejected: spec.counts_rejected,
            tat: 0,
        }
    }

    pub(super) fn check(&self, now: Time, cost: u64) -> Result<(), Span> {
        if cost > self.burst || self.quota == 0 {
            return Err(Span::MAX);
        }
        let latest = self.scaled(now).saturating_add(self.intervals(self.burst));
        let mut next = self.after(now, cost);
        if next <= latest {
            return Ok(());
        }
        if self.counts_rejected {
            next = next.saturating_add(self.intervals(cost));
        }
        let nanoseconds = (next - latest).div_ceil(u128::from(self.quota));
        Err(Span(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }

    pub(super) fn count(&mut self, now: Time, cost: u64) {
        self.tat = self.after(now, cost);
    }

    /// The theoretical arrival time after an attempt of this cost.
    fn after(&self, now: Time, cost: u64) -> u128 {
        let begin = self.tat.max(self.scaled(now));
        begin.saturating_add(self.intervals(cost))
    }

    fn scaled(&self, t: Time) -> u128 {
        u128::from(t.0) * u128::from(self.quota)
    }

    fn intervals(&self, n: u64) -> u128 {
        u128::from(n) * u128::from(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admitted, spec};
    use super::super::{Algorithm, LimitUnit, Limiter};
    use super::*;

    const NEVER: u64 = u64::MAX;

    /// Replays (time, cost, wait) in milliseconds; a wait of zero is an admission.
    fn replay(quota: u64, window: u64, burst: u64, rows: &[(u64, u64, u64)]) {
        let mut spec = spec(Algorithm::Gcra { burst }, quota, window);
        spec.unit = LimitUnit::Tokens;
        let mut limiter = Limiter::new(&spec);
        for &(at, cost, wait) in rows {
            let verdict = limiter.tries(Time(at), cost);
            let expected = if wait == 0 { Ok(()) } else { Err(Span(wait)) };
            assert_eq!(verdict, expected, "{cost} at {at} ms");
        }
    }

    #[test]
    fn governor_two_a_second() {
        // Conformance vectors, governor.json, case per_second2.
        let rows = [
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 500),
            (400, 1, 100),
            (500, 1, 0),
            (600, 1, 400),
            (1_000, 1, 0),
            (5_000, 1, 0),
            (5_000, 1, 0),
            (5_000, 1, 500),
        ];
        replay(2, 1_000, 2, &rows);
    }

    #[test]
    fn governor_sixty_a_minute_with_a_burst_of_five() {
        // Conformance vectors, governor.json, case per_minute60_burst5.
        let rows = [
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 1_000),
            (999, 1, 1),
            (1_000, 1, 0),
            (1_001, 1, 999),
            (10_000, 5, 0),
            (10_000, 1, 1_000),
            (12_000, 3, 1_000),
            (13_000, 3, 0),
            (13_000, 6, NEVER),
        ];
        replay(60, 60_000, 5, &rows);
    }

    #[test]
    fn redis_cell_thirty_a_minute_with_a_burst_of_fifteen_and_one() {
        // Conformance vectors, redis-limiters.json, case redis-cell.burst15_30per60.
        let mut rows = vec![(0, 1, 0); 16];
        rows.extend([
            (0, 1, 2_000),
            (1_000, 1, 1_000),
            (2_000, 1, 0),
            (2_000, 1, 2_000),
            (4_000, 1, 0),
            (60_000, 16, 0),
            (60_000, 1, 2_000),
            (60_000, 20, NEVER),
        ]);
        replay(30, 60_000, 16, &rows);
    }

    #[test]
    fn counted_rejections_make_a_debt() {
        let mut counting = spec(Algorithm::Gcra { burst: 1 }, 1, 100);
        counting.counts_rejected = true;
        // Admitted at 0 (due again at 100); three rejections move that to 400.
        let mut limiter = Limiter::new(&counting);
        assert_eq!(admitted(&mut limiter, [0, 10, 20, 30]), [0]);
        assert_eq!(limiter.check(Time(400), 1), Ok(()));
        // One more at 399 would move it to 500 before it came back.
        assert_eq!(limiter.check(Time(399), 1), Err(Span(101)));
    }
}
