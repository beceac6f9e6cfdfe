//! What happens at set times: windows that come once, and windows that come again and again.

use crate::units::{Span, Time};

/// A stretch of time, half open: `from <= t < until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant.
    pub from: Time,
    /// The first instant after it.
    pub until: Time,
}

impl Window {
    /// Whether `t` lies in it.
    pub fn holds(self, t: Time) -> bool {
        self.from <= t && t < self.until
    }

    /// How long it is.
    pub fn length(self) -> Span {
        self.until.since(self.from)
    }
}

/// A window that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurring {
    /// The first time.
    pub first: Window,
    /// From begin to begin; longer than the window.
    pub every: Span,
    /// How often it comes, the first time included; without end if `None`.
    pub times: Option<u32>,
}

impl Recurring {
    /// The window that holds `t`, if one does.
    pub fn at(self, t: Time) -> Option<Window> {
        self.latest(t).filter(|window| window.holds(t))
    }

    /// Its first time that ends after `t`.
    fn ending_after(self, t: Time) -> Option<Window> {
        let n = match t < self.first.until {
            true => 0,
            false => t.since(self.first.until).0 / self.every.0 + 1,
        };
        let more = self.times.is_none_or(|times| n < u64::from(times));
        more.then(|| self.nth(n))
    }

    /// The last time that it comes which begins at or before `t`.
    fn latest(self, t: Time) -> Option<Window> {
        if t < self.first.from {
            return None;
        }
        let passed = t.since(self.first.from).0 / self.every.0;
        let most = self.times.map_or(u64::MAX, |times| u64::from(times) - 1);
        Some(self.nth(passed.min(most)))
    }

    /// The window that comes after so many others.
    pub fn nth(self, n: u64) -> Window {
        let later = Span(self.every.0.saturating_mul(n));
        Window {
            from: self.first.from + later,
            until: self.first.until + later,
        }
    }
}

/// Windows with something about each: single ones in order, which do not overlap, and behind them
/// those that come again, which may. Where several hold a time the first counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar<T> {
    /// What comes once, in ascending order.
    pub once: Vec<(Window, T)>,
    /// What comes again, in the order written.
    pub again: Vec<(Recurring, T)>,
}

impl<T> Default for Calendar<T> {
    fn default() -> Calendar<T> {
        Calendar {
            once: vec![],
            again: vec![],
        }
    }
}

impl<T> Calendar<T> {
    /// The window that holds `t`, if one does, and what is about it.
    #[inline]
    pub fn at(&self, t: Time) -> Option<(Window, &T)> {
        let next = self.once.partition_point(|(w, _)| w.until <= t);
        if let Some((window, about)) = self.once.get(next)
            && window.holds(t)
        {
            return Some((*window, about));
        }
        let mut again = self.again.iter();
        again.find_map(|(recurring, about)| Some((recurring.at(t)?, about)))
    }

    /// The first instant from `t` on that no window holds.
    #[inline]
    pub fn free_from(&self, t: Time) -> Time {
        let mut free = t;
        while let Some((window, _)) = self.at(free) {
            free = window.until;
        }
        free
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.once.is_empty() && self.again.is_empty()
    }

    /// Each window, of those that come again the first one, and what is about it.
    pub fn firsts(&self) -> impl Iterator<Item = (Window, &T)> {
        let again = self.again.iter().map(|(r, about)| (r.first, about));
        let once = self.once.iter().map(|(window, about)| (*window, about));
        once.chain(again)
    }

    /// Whether there is a last window of something in it: all is not for ever.
    pub fn has_an_end(&self) -> bool {
        let again = self.again.iter();
        !self.once.is_empty()
            || again
                .clone()
                .any(|(recurring, _)| recurring.times.is_some())
    }

    /// When the last window ends that begins at or before `t`, of those that do not come again without
    /// end.
    pub fn end_of_begun(&self, t: Time) -> Option<Time> {
        let again = self.bounded().filter_map(|recurring| recurring.latest(t));
        let once = self.once.iter().map(|(window, _)| *window);
        let begun = once.chain(again).filter(|window| window.from <= t);
        begun.map(|window| window.until).max()
    }

    /// When the first window ends that ends after `t`, of those that do not come again without end.
    pub fn next_end(&self, t: Time) -> Option<Time> {
        let again = self
            .bounded()
            .filter_map(|recurring| recurring.ending_after(t));
        let next = self.once.partition_point(|(w, _)| w.until <= t);
        let once = self.once.get(next).map(|(window, _)| *window);
        once.into_iter().chain(again).map(|w| w.until).min()
    }

    fn bounded(&self) -> impl Iterator<Item = Recurring> {
        let again = self.again.iter().map(|(recurring, _)| *recurring);
        again.filter(|recurring| recurring.times.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, until: u64) -> Window {
        Window {
            from: Time(from),
            until: Time(until),
        }
    }

    #[test]
    fn windows_are_half_open() {
        let calendar = Calendar {
            once: vec![(window(5, 10), 'a'), (window(20, 30), 'b')],
            again: vec![],
        };
        assert_eq!(calendar.at(Time(4)), None);
        assert_eq!(calendar.at(Time(5)), Some((window(5, 10), &'a')));
        assert_eq!(calendar.at(Time(10)), None);
        assert_eq!(calendar.at(Time(29)), Some((window(20, 30), &'b')));
        assert_eq!(calendar.at(Time(30)), None);
        assert!(calendar.has_an_end());
        let ends = |t| (calendar.end_of_begun(Time(t)), calendar.next_end(Time(t)));
        assert_eq!(ends(4), (None, Some(Time(10))));
        assert_eq!(ends(5), (Some(Time(10)), Some(Time(10))));
        assert_eq!(ends(10), (Some(Time(10)), Some(Time(30))));
        assert_eq!(ends(20), (Some(Time(30)), Some(Time(30))));
        assert_eq!(ends(30), (Some(Time(30)), None));
    }

    #[test]
    fn what_comes_again_does_so_to_the_instant() {
        let thrice = Recurring {
            first: window(5, 8),
            every: Span(10),
            times: Some(3),
        };
        let held = |r: Recurring| (0..50).filter(move |t| r.at(Time(*t)).is_some());
        let times: Vec<u64> = held(thrice).collect();
        assert_eq!(times, [5, 6, 7, 15, 16, 17, 25, 26, 27]);
        let calendar = Calendar {
            once: vec![],
            again: vec![(thrice, ())],
        };
        for (t, begun, next) in [
            (4, None, Some(8)),
            (5, Some(8), Some(8)),
            (8, Some(8), Some(18)),
            (14, Some(8), Some(18)),
            (15, Some(18), Some(18)),
            (27, Some(28), Some(28)),
            (28, Some(28), None),
            (90, Some(28), None),
        ] {
            let found = (calendar.end_of_begun(Time(t)), calendar.next_end(Time(t)));
            assert_eq!(found, (begun.map(Time), next.map(Time)), "{t}");
        }
        let endless = Recurring {
            times: None,
            ..thrice
        };
        assert_eq!(held(endless).count(), 15);
        assert_eq!(endless.at(Time(u64::MAX)).map(Window::length), None);
    }

    #[test]
    fn single_windows_come_before_those_that_come_again() {
        let again = Recurring {
            first: window(0, 4),
            every: Span(10),
            times: None,
        };
        let calendar = Calendar {
            once: vec![(window(12, 20), 'a')],
            again: vec![(again, 'b')],
        };
        assert_eq!(calendar.at(Time(11)), Some((window(10, 14), &'b')));
        assert_eq!(calendar.at(Time(12)), Some((window(12, 20), &'a')));
        // From 10 to 14, from 12 to 20, from 20 to 24.
        assert_eq!(calendar.free_from(Time(11)), Time(24));
        // What comes without end has no last one.
        let ends = |t| (calendar.end_of_begun(Time(t)), calendar.next_end(Time(t)));
        assert_eq!(ends(11), (None, Some(Time(20))));
        assert_eq!(ends(99), (Some(Time(20)), None));
    }
}
