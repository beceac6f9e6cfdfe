//! Sliding window: an estimate of the number in the last window from two counters.
//!
//! `estimate = current + previous · (remaining share of the current window)`: as if the previous
//! window's attempts had come evenly. Source: the sliding-window counter as gateways before Redis
//! use it (J. Desgats, "How we built rate limiting capable of scaling to millions of domains",
//! Cloudflare blog, 2017). All arithmetic is exact: both sides are multiplied by the window.

use super::LimitSpec;
use crate::units::{Span, Time};

/// Two counters: this window's of the clock, and the one's before.
#[derive(Clone, Debug)]
pub struct SlidingWindow {
    quota: u64,
    window: u64,
    pub(super) counts_rejected: bool,
    index: u64,
    current: u64,
    previous: u64,
}

impl SlidingWindow {
    pub(super) fn new(spec: &LimitSpec) -> SlidingWindow {
        SlidingWindow {
            quota: spec.quota,
            window: spec.window.0,
            counts_rejected: spec.counts_rejected,
            index: 0,
            current: 0,
            previous: 0,
        }
    }

    pub(super) fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        self.roll(now);
        if cost > self.quota {
            return Err(Span::MAX);
        }
        let remaining = self.window - now.0 % self.window;
        let fresh = product(self.current.saturating_add(cost), self.window);
        let estimate = fresh.saturating_add(product(self.previous, remaining));
        if estimate <= product(self.quota, self.window) {
            return Ok(());
        }
        let own = if self.counts_rejected { cost } else { 0 };
        Err(self.wait(self.current.saturating_add(own), cost, remaining))
    }

    pub(super) fn count(&mut self, now: Time, cost: u64) {
        self.roll(now);
        self.current = self.current.saturating_add(cost);
    }

    /// How long until the estimate has room for `cost`, with `current` in this window and
    /// `remaining` of it to come.
    fn wait(&self, current: u64, cost: u64, remaining: u64) -> Span {
        let room = self.quota.checked_sub(current.saturating_add(cost));
        if let Some(room) = room {
            // Within this window, as the previous one's weight falls.
            return Span(remaining - self.weight_that_fits(room, self.previous));
        }
        // Within the next window, where this one is the previous.
        let weight = self.weight_that_fits(self.quota - cost, current);
        Span(remaining) + Span(self.window - weight)
    }

    /// The longest remaining time of a window at which `previous` weighs no more than `room`.
    fn weight_that_fits(&self, room: u64, previous: u64) -> u64 {
        let longest = product(room, self.window).checked_div(u128::from(previous));
        longest.map_or(self.window, |w| w.min(u128::from(self.window)) as u64)
    }

    fn roll(&mut self, now: Time) {
        let index = now.0 / self.window;
        if index == self.index {
            return;
        }
        let adjacent = index == self.index + 1;
        self.previous = if adjacent { self.current } else { 0 };
        self.current = 0;
        self.index = index;
    }
}

fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::super::{Algorithm, Limiter};
    use super::*;

    #[test]
    fn the_counter_of_five_in_ten_seconds_as_redis_gateways_count_it() {
        // Conformance vectors, redis-limiters.json, case sliding_window_counter.5_per_10s
        // (milliseconds).
        let rows = [
            (0, true),
            (8_000, true),
            (8_100, true),
            (8_200, true),
            (8_300, true),
            (8_400, false),
            (10_000, false),
            (10_500, false),
            (12_000, true),
            (12_100, false),
            (14_000, true),
            (18_000, true),
            (25_000, true),
        ];
        let mut limiter = Limiter::new(&spec(Algorithm::SlidingWindow, 5, 10_000));
        for (at, allowed) in rows {
            assert_eq!(limiter.tries(Time(at), 1).is_ok(), allowed, "at {at} ms");
        }
    }

    #[test]
    fn the_wait_ends_when_the_estimate_has_room() {
        let mut window = SlidingWindow::new(&spec(Algorithm::SlidingWindow, 4, 100));
        window.count(Time(50), 4);
        // Full: the next window begins at 100 with 4 and has room for 1 at weight 3/4, at 125.
        assert_eq!(window.check(Time(60), 1), Err(Span(65)));
        // For all 4 the previous window must weigh nothing: at 200.
        assert_eq!(window.check(Time(60), 4), Err(Span(140)));
        assert_eq!(window.check(Time(124), 1), Err(Span(1)));
        assert_eq!(window.check(Time(125), 1), Ok(()));
        assert_eq!(window.check(Time(125), 5), Err(Span::MAX));
    }

    #[test]
    fn an_empty_window_between_forgets_everything() {
        let mut window = SlidingWindow::new(&spec(Algorithm::SlidingWindow, 4, 100));
        window.count(Time(50), 4);
        assert_eq!(window.check(Time(199), 4), Err(Span(1)));
        assert_eq!(window.check(Time(200), 4), Ok(()));
    }
}
