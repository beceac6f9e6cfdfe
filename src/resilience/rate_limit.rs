//! Client-side rate limit: calls leave at a steady rate, with a burst at first.
//!
//! The generic cell rate algorithm as a reservation: each call is given the earliest time that the
//! rate allows, and waits for it. Or the fixed window that [`SleepingWindow`] tells of.

use super::SleepingWindow;
use crate::units::{Rate, Span, Time};

/// A client-side rate limit as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimitSpec {
    /// How it spaces calls.
    pub pace: Pace,
    /// The steady rate, or how many are let through in a window.
    pub rate: Rate,
    /// How many may leave at once after a pause; at least 1. A window has none.
    pub burst: u64,
    /// The longest wait; a call that would have to wait longer is refused. Zero refuses instead of
    /// waiting.
    pub longest_wait: Span,
}

/// How a client-side rate limit spaces calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Evenly.
    #[default]
    Even,
    /// By sleeping through a whole window.
    SleepingWindow,
}

/// What the limit remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimit {
    /// When the next call would be due if all came evenly.
    due: Time,
    window: SleepingWindow,
}

impl ClientLimit {
    /// How long a call that comes now must wait, or `None` if it is refused.
    pub fn reserve(&mut self, spec: &ClientLimitSpec, now: Time) -> Option<Span> {
        if spec.pace == Pace::SleepingWindow {
            let mut window = self.window;
            window.tick(spec.rate.per, now);
            let wait = window.ask(spec.rate.count, spec.rate.per, now);
            if wait > spec.longest_wait {
                return None;
            }
            self.window = window;
            return Some(wait);
        }
        let wait = self.wait(spec, now, 1);
        if wait > spec.longest_wait {
            return None;
        }
        self.take(spec, now, 1);
        Some(wait)
    }

    /// How long `n` calls that come now together, spaced evenly, would have to wait; [`Span::MAX`] if they are more
    /// than a burst. Takes nothing.
    pub fn wait(&self, spec: &ClientLimitSpec, now: Time, n: u64) -> Span {
        if n > spec.burst {
            return Span::MAX;
        }
        let ahead = spec.rate.interval().times(spec.burst - n);
        self.due.max(now).since(now + ahead)
    }

    /// Counts `n` calls that come now.
    pub fn take(&mut self, spec: &ClientLimitSpec, now: Time, n: u64) {
        self.due = self.due.max(now) + spec.rate.interval().times(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_evenly() {
        let spec = ClientLimitSpec {
            pace: Pace::Even,
            rate: Rate {
                count: 10,
                per: Span::SECOND,
            },
            burst: 2,
            longest_wait: Span::millis(250),
        };
        let mut limit = ClientLimit::default();
        let waits: Vec<_> = (0..5).map(|_| limit.reserve(&spec, Time::ZERO)).collect();
        let ms = |n| Some(Span::millis(n));
        assert_eq!(waits, [ms(0), ms(0), ms(100), ms(200), None]);
        assert_eq!(limit.reserve(&spec, Time(1_000_000_000)), ms(0));
    }

    #[test]
    fn a_wait_may_be_the_longest_and_a_burst_whole() {
        let mut spec = ClientLimitSpec {
            pace: Pace::Even,
            rate: Rate {
                count: 10,
                per: Span::SECOND,
            },
            burst: 2,
            longest_wait: Span::millis(100),
        };
        let mut limit = ClientLimit::default();
        let at_once = |n| limit.wait(&spec, Time::ZERO, n);
        assert_eq!([1, 2, 3].map(at_once), [Span::ZERO, Span::ZERO, Span::MAX]);
        limit.take(&spec, Time::ZERO, 2);
        assert_eq!(limit.wait(&spec, Time::ZERO, 2), Span::millis(200));
        spec.longest_wait = Span::millis(99);
        assert_eq!(limit.reserve(&spec, Time::ZERO), None);
        spec.longest_wait = Span::millis(100);
        let wait = limit.reserve(&spec, Time::ZERO);
        assert_eq!(wait, Some(Span::millis(100)));
    }

    #[test]
    fn who_would_sleep_longer_than_allowed_is_refused_and_not_counted() {
        let spec = ClientLimitSpec {
            pace: Pace::SleepingWindow,
            rate: Rate {
                count: 1,
                per: Span::SECOND,
            },
            burst: 1,
            longest_wait: Span::SECOND,
        };
        let mut limit = ClientLimit::default();
        // The second sleeps until 1 s, holding the lock; then one more passes, who came at 0 as well.
        let waits: Vec<_> = (0..5).map(|_| limit.reserve(&spec, Time::ZERO)).collect();
        let ms = |n| Some(Span::millis(n));
        assert_eq!(waits, [ms(0), ms(1000), ms(1000), None, None]);
    }
}
