//! Breakdowns: a target that works for a drawn time, then stands still for a drawn time.
//!
//! ```text
//!   time          ├──── up ────┤ down ├─────── up ───────┤ down ├──
//!   working time  ├────────────┼──────────────────────────┼────────
//! ```
//!
//! What is under way stands still too, and goes on afterwards. So work is a length of working time, and
//! its end is known when it begins: when each breakdown comes depends on nothing else.

use std::collections::VecDeque;

use super::Window;
use crate::random::Distribution;
use crate::random::stream::{Process, Stream};
use crate::units::{Span, Time};

/// How often a target breaks down, and for how long, as the scenario says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdowns {
    /// Time from the end of one, or the start of the run, to the next \[ns\].
    pub up: Distribution,
    /// How long one lasts \[ns\].
    pub down: Distribution,
}

/// The breakdowns of one target in one replication, drawn as far as somebody has asked.
#[derive(Debug)]
pub struct WorkingTime<'a> {
    spec: &'a Breakdowns,
    stream: Stream,
    /// Breakdowns that begin later than this are nobody's concern.
    horizon: Time,
    /// The last that has begun, and those to come.
    known: VecDeque<Breakdown>,
}

/// A breakdown, and the working time at which it begins.
#[derive(Clone, Copy, Debug)]
struct Breakdown {
    window: Window,
    worked: Time,
}

impl<'a> WorkingTime<'a> {
    /// The breakdowns of target number `target`; draws from its own ChaCha8 stream.
    pub fn new(
        spec: &'a Breakdowns,
        origin: (u64, u64),
        target: u32,
        horizon: Time,
    ) -> WorkingTime<'a> {
        let mut new = WorkingTime {
            spec,
            stream: Stream::new(origin.0, origin.1, Process::Breakdowns, target),
            horizon,
            known: VecDeque::new(),
        };
        new.draw(Time::ZERO, Time::ZERO);
        new
    }

    /// When work is done that begins at `begin`, which may be later than now; time must not go back.
    pub fn end(&mut self, now: Time, begin: Time, work: Span) -> Time {
        self.forget(now);
        let worked = self.worked(begin);
        self.at(worked + work).max(begin)
    }

    /// The working time until now; time must not go back.
    pub fn now(&mut self, now: Time) -> Time {
        self.forget(now);
        self.worked(now)
    }

    /// When the target has worked so long, which must not be less than by now.
    pub fn at(&mut self, worked: Time) -> Time {
        while self.last().worked < worked && self.last().window.from < self.horizon {
            self.draw_next();
        }
        let begun = self.known.partition_point(|b| b.worked < worked);
        match begun.checked_sub(1) {
            Some(i) => self.known[i].window.until + worked.since(self.known[i].worked),
            None => {
                let left = self.known[0].worked.since(worked);
                Time(self.known[0].window.from.0 - left.0)
            }
        }
    }

    fn worked(&mut self, t: Time) -> Time {
        while self.last().window.from <= t && self.last().window.from < self.horizon {
            self.draw_next();
        }
        let begun = self.known.partition_point(|b| b.window.from <= t);
        match begun.checked_sub(1) {
            Some(i) => self.known[i].worked + t.since(self.known[i].window.until),
            // The first of the run is still to come.
            None => t,
        }
    }

    fn last(&self) -> Breakdown {
        *self.known.back().expect("one is always known")
    }

    fn draw_next(&mut self) {
        let last = self.last();
        self.draw(last.window.until, last.worked);
    }

    /// Draws the breakdown after an up time that begins then.
    fn draw(&mut self, from: Time, worked: Time) {
        // At least a nanosecond each, so that time always moves on.
        let mut span = |of: &Distribution| {
            let ns = of.quantile(self.stream.unit());
            Span::from_nanos_f64(ns).max(Span(1))
        };
        let up = span(&self.spec.up);
        let down = span(&self.spec.down);
        let from = from + up;
        self.known.push_back(Breakdown {
            window: Window {
                from,
                until: from + down,
            },
            worked: worked + up,
        });
    }

    /// Forgets all but the last that has begun.
    fn forget(&mut self, now: Time) {
        while self.known.len() > 1 && self.known[1].window.from <= now {
            self.known.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regular() -> Breakdowns {
        Breakdowns {
            up: Distribution::Constant(10.0),
            down: Distribution::Constant(5.0),
        }
    }

    #[test]
    fn work_under_way_stands_still_and_goes_on() {
        // Down from 10 to 15, from 25 to 30, …
        let spec = regular();
        let mut time = WorkingTime::new(&spec, (1, 0), 0, Time(1_000));
        let mut end = |at, work| time.end(Time(at), Time(at), Span(work)).0;
        assert_eq!(end(0, 9), 9);
        assert_eq!(end(0, 10), 10);
        assert_eq!(end(0, 11), 16);
        assert_eq!(end(5, 26), 46);
        assert_eq!(end(12, 0), 12);
        assert_eq!(end(12, 1), 16);
        assert_eq!(end(29, 10), 40);
        // Behind the horizon it does not matter any more.
        assert_eq!(end(40, 1_000_000) / 1_000_000, 1);
    }

    #[test]
    fn working_time_and_time_are_two_sides_of_one_thing() {
        let spec = Breakdowns {
            up: Distribution::Exponential { mean: 50.0 },
            down: Distribution::Exponential { mean: 20.0 },
        };
        let mut time = WorkingTime::new(&spec, (1, 0), 0, Time(1_000_000));
        let mut before = Time::ZERO;
        for t in 1..50_000 {
            let worked = time.now(Time(t));
            let gone = worked.since(before);
            assert!(gone <= Span(1), "{gone:?}");
            // A nanosecond in which it works ends now, one in which it does not at the begin of that.
            match gone {
                Span(0) => assert!(time.at(worked) < Time(t)),
                _ => assert_eq!(time.at(worked), Time(t)),
            }
            before = worked;
        }
        // 50,000 / 70 cycles: the share's standard error is about 0.29·√(2/714) = 0.011.
        let share = before.0 as f64 / 50_000.0;
        assert!((share - 5.0 / 7.0).abs() < 0.04, "{share}");
    }
}
