//! A fixed window whose clients sleep through a whole one, one after the other, holding its lock.
//!
//! Source: CrewAI 1.15, `utilities/rpm_controller.py`. A counter is set to zero by a timer, once a
//! window; who finds it full takes a whole window's sleep without letting go of the lock, and all others
//! stand in line behind it, whether or not there would be room by then. The timer needs the lock
//! too: it runs when the sleeper has gone, before those in line (our assumption: whose turn it is
//! then is up to the operating system), so that the sleeper's own call is not counted.

use crate::units::{Span, Time};

/// The counter, its lock and its timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SleepingWindow {
    /// Calls since the counter was last zero.
    count: u64,
    /// When the lock is free.
    free: Time,
    /// When the timer is due; zero is a window after the run's begin.
    due: Time,
}

impl SleepingWindow {
    /// How long a call that comes now waits where `most` are let through in a `window`; counts it. The
    /// timer does not run by itself: see [`SleepingWindow::tick`].
    pub fn ask(&mut self, most: u64, window: Span, now: Time) -> Span {
        let locked = self.free.max(now);
        if self.count < most {
            self.count += 1;
            return locked.since(now);
        }
        self.count = 1;
        self.free = locked + window;
        self.free.since(now)
    }

    /// Runs the timer as often as it is due before a call that comes now has the lock.
    pub fn tick(&mut self, window: Span, now: Time) {
        let locked = self.free.max(now);
        let due = match self.due {
            Time::ZERO => Time::ZERO + window,
            due => due,
        };
        let first = due.max(self.free);
        self.due = due;
        if first <= locked {
            self.count = 0;
            let more = locked.since(first).0 / window.0;
            self.due = first + window.times(more + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::seconds(60);

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::seconds(seconds)
    }

    /// The waits \[s\] of calls that come at these times, with the timer, where two are let through.
    fn waits(calls: &[u64]) -> Vec<u64> {
        let mut window = SleepingWindow::default();
        let wait = |now: &u64| {
            window.tick(MINUTE, at(*now));
            window.ask(2, MINUTE, at(*now)).0 / 1_000_000_000
        };
        calls.iter().map(wait).collect()
    }

    #[test]
    fn who_finds_it_full_sleeps_a_whole_window_and_the_others_stand_behind() {
        // The third sleeps from 50 to 110, through the timer at 60. It runs at 110, then the two
        // that came at 55 and 70 pass, and the one after them sleeps until 170.
        assert_eq!(waits(&[0, 1, 50, 55, 70, 80]), [0, 0, 60, 55, 40, 90]);
    }

    #[test]
    fn the_timer_begins_with_the_run_and_runs_on() {
        assert_eq!(waits(&[58, 59, 60, 61]), [0, 0, 0, 0]);
        assert_eq!(waits(&[58, 59, 180, 181, 182]), [0, 0, 0, 0, 60]);
        // After 110 it runs every minute from then: at 170, not at 120.
        assert_eq!(waits(&[0, 1, 50, 111, 112, 121]), [0, 0, 60, 0, 0, 60]);
    }
}
