//! Fixed window: a counter for each window of the clock, [0, w), [w, 2w), …
//!
//! Cheap and common, and it admits twice its quota within an instant: once at the end of a window
//! and once more at the begin of the next.

use super::LimitSpec;
use crate::units::{Span, Time};

/// A counter that begins anew with each window of the clock.
#[derive(Clone, Debug)]
pub struct FixedWindow {
    quota: u64,
    window: u64,
    pub(super) counts_rejected: bool,
    /// The number of the window that `count` belongs to.
    index: u64,
    count: u64,
}

impl FixedWindow {
    pub(super) fn new(spec: &LimitSpec) -> FixedWindow {
        FixedWindow {
            quota: spec.quota,
            window: spec.window.0,
            counts_rejected: spec.counts_rejected,
            index: 0,
            count: 0,
        }
    }

    pub(super) fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        self.roll(now);
        if cost > self.quota {
            return Err(Span::MAX);
        }
        if self.count.saturating_add(cost) <= self.quota {
            return Ok(());
        }
        Err(Span(self.window - now.0 % self.window))
    }

    pub(super) fn count(&mut self, now: Time, cost: u64) {
        self.roll(now);
        self.count = self.count.saturating_add(cost);
    }

    fn roll(&mut self, now: Time) {
        let index = now.0 / self.window;
        if index != self.index {
            self.index = index;
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admitted, spec};
    use super::super::{Algorithm, Limiter};
    use super::*;

    #[test]
    fn twice_the_quota_passes_across_an_edge() {
        let mut limiter = Limiter::new(&spec(Algorithm::FixedWindow, 3, 100));
        // Three at the last instant of [0, 100), three at the first of [100, 200), then none.
        let tries = [99, 99, 99, 99, 100, 100, 100, 100, 199, 200];
        let expected = [99, 99, 99, 100, 100, 100, 200];
        assert_eq!(admitted(&mut limiter, tries), expected);
    }

    #[test]
    fn a_rejection_waits_for_the_next_window_of_the_clock() {
        let mut window = FixedWindow::new(&spec(Algorithm::FixedWindow, 1, 100));
        window.count(Time(70), 1);
        assert_eq!(window.check(Time(75), 1), Err(Span(25)));
        assert_eq!(window.check(Time(99), 1), Err(Span(1)));
        assert_eq!(window.check(Time(100), 1), Ok(()));
        assert_eq!(window.check(Time(100), 2), Err(Span::MAX));
    }

    #[test]
    fn counted_rejections_end_with_their_window() {
        let mut window = FixedWindow::new(&spec(Algorithm::FixedWindow, 2, 100));
        for _ in 0..50 {
            window.count(Time(10), 1);
        }
        assert_eq!(window.check(Time(99), 1), Err(Span(1)));
        assert_eq!(window.check(Time(100), 1), Ok(()));
    }
}
