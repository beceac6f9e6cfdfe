//! Delays that are all drawn before the first retry and then put in order.

use super::Backoff;
use crate::random::{philox, unit};
use crate::units::Span;

/// The delays of another backoff in ascending order: the k-th retry waits for the k-th shortest, and
/// those after the last for the longest.
///
/// Where every delay is longer than the one before it whatever the luck, as of a doubling one with
/// jitter of up to 100 %, this is that backoff itself.
///
/// Source: npm `retry` 0.13.1, `lib/retry.js`, `timeouts`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sorted {
    /// How many are drawn.
    pub draws: u32,
    /// The backoff that draws them, which remembers nothing itself.
    pub of: Backoff,
}

impl Sorted {
    /// The most that can be drawn. Our assumption: nobody retries so often by a table.
    pub const MOST: u32 = 32;

    /// The delay before retry `k` where `memory` is zero before the first one. `u` decides on all delays
    /// when the first is asked for: they are drawn from a stream of Philox keyed by it.
    pub(super) fn delay(&self, k: u32, memory: &mut Span, u: f64) -> Span {
        if *memory == Span::ZERO {
            *memory = Span(1 + (u * (1u64 << 32) as f64) as u64);
        }
        let keys = philox::keys([(memory.0 - 1) as u32, 0]);
        self.nth(k, |i| unit(philox::block(&keys, [i, 0, 0, 0])[0]))
    }

    /// The delay before retry `k` (from 1) where `luck` is that of each delay, from 1.
    pub fn nth(&self, k: u32, luck: impl Fn(u32) -> f64) -> Span {
        self.nth_of(k, |i| self.of.delay(i, &mut Span::ZERO.clone(), luck(i)))
    }

    /// The k-th shortest of these delays, from 1, or the longest if they are fewer.
    pub(super) fn nth_of(&self, k: u32, delay: impl Fn(u32) -> Span) -> Span {
        let mut delays = [Span::MAX; Sorted::MOST as usize];
        let drawn = &mut delays[..self.draws as usize];
        for (i, drawn) in (1..).zip(drawn.iter_mut()) {
            *drawn = delay(i);
        }
        drawn.sort_unstable();
        drawn[(k.max(1) - 1).min(self.draws - 1) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BackoffKind, Jitter};
    use super::*;

    fn sorted(factor: f64) -> Backoff {
        let base = Span::SECOND;
        let of = Backoff {
            kind: BackoffKind::Exponential { base, factor },
            jitter: Jitter::Additive(1.0),
            ..Backoff::NONE
        };
        Backoff {
            kind: BackoffKind::Sorted(Box::new(Sorted { draws: 4, of })),
            ..Backoff::NONE
        }
    }

    /// The delays \[s\] of a retry layer with this luck before its first retry and others later.
    fn delays(backoff: &Backoff, u: f64) -> [f64; 6] {
        let mut memory = Span::ZERO;
        [1, 2, 3, 4, 5, 6].map(|k| {
            let later = if k == 1 { u } else { f64::from(k) / 7.0 };
            backoff.delay(k, &mut memory, later).as_seconds()
        })
    }

    #[test]
    fn delays_ascend_and_the_last_one_stays() {
        let backoff = sorted(1.0);
        for u in [0.0, 0.3, 0.999] {
            let all = delays(&backoff, u);
            assert!(all.is_sorted() && all[0] >= 1.0 && all[5] < 2.0, "{all:?}");
            assert!(all[0] < all[3] && all[3] == all[5], "{all:?}");
        }
        assert_ne!(delays(&backoff, 0.3), delays(&backoff, 0.4));
    }

    #[test]
    fn the_first_luck_keys_the_stream_of_all_delays() {
        let backoff = sorted(1.0);
        let BackoffKind::Sorted(of) = &backoff.kind else {
            unreachable!()
        };
        // Three quarters of 2³², and none of it.
        for (u, key) in [(0.75, 3 << 30), (0.0, 0)] {
            let keys = philox::keys([key, 0]);
            let luck = |i| unit(philox::block(&keys, [i, 0, 0, 0])[0]);
            let own = [1, 2, 3, 4, 4, 4].map(|k| of.nth(k, luck).as_seconds());
            assert_eq!(delays(&backoff, u), own);
        }
    }

    #[test]
    fn the_means_are_those_of_order_statistics() {
        // The k-th of four uniform ones has mean k/5.
        let backoff = sorted(1.0);
        let mut sums = [0.0; 4];
        for i in 0..10_000 {
            let all = delays(&backoff, f64::from(i) / 10_000.0);
            (0..4).for_each(|k| sums[k] += all[k] / 10_000.0);
        }
        for (k, mean) in sums.into_iter().enumerate() {
            let expected = 1.0 + (k as f64 + 1.0) / 5.0;
            // Four standard errors of at most 0.2 / 100.
            assert!((mean - expected).abs() < 0.008, "{k}: {mean}");
        }
    }

    #[test]
    fn what_ascends_anyway_stays_as_it_is() {
        let BackoffKind::Sorted(two) = sorted(2.0).kind else {
            unreachable!()
        };
        let luck = |i: u32| f64::from(i * 3 % 4) / 4.0;
        for k in 1..=4 {
            let own = two.of.delay(k, &mut Span::ZERO.clone(), luck(k));
            assert_eq!(two.nth(k, luck), own);
        }
    }
}
