//! Servers that all requests share: who is through next, and when.
//!
//! With n servers and k requests each gets min(1, n/k) of one. All shares are equal, so what one of
//! them has been given since the beginning is what all have been given: a request is through when
//! that has grown by its work, whoever comes and goes meanwhile. Nobody's work left is ever counted
//! down; a heap by that finish is enough.
//!
//! ```text
//!   done ─────────►│ finish of a │ finish of c │ finish of b        [parts of a nanosecond of work]
//!          share · ns
//! ```
//!
//! Work is counted in parts of a nanosecond, and in each nanosecond each request gets a whole number
//! of them: with k up to 40 the share is exact, with k = 1,000 it is rounded down by one in 10^12.
//! So nothing is lost however often the shares change, and an answer comes at the first whole
//! nanosecond at which the work is done. Time here is working time: it stands still in a breakdown.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::{Span, Time};

/// How many parts a nanosecond of work has: what all numbers up to 40 divide, 5.3e15.
const PARTS: u64 = least_multiple(40);

/// The least number that all numbers up to `most` divide.
const fn least_multiple(most: u64) -> u64 {
    let (mut multiple, mut n) = (1, 1);
    while n <= most {
        let (mut a, mut b) = (multiple, n);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        multiple *= n / a;
        n += 1;
    }
    multiple
}

/// The requests that share the servers of one target.
#[derive(Debug)]
pub struct Sharing {
    servers: u64,
    /// What each who has been there from the beginning would have been given \[parts\], until `until`.
    done: u128,
    until: Time,
    /// Those at work, who is through first first.
    sharers: BinaryHeap<Reverse<Sharer>>,
    /// How many have come.
    came: u64,
    /// The job whose end is planned.
    pub planned: Option<u32>,
}

/// A request at work. Of those that are through at once who began first leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sharer {
    /// It is through when so much is done.
    finish: u128,
    number: u64,
    job: u32,
}

impl Sharing {
    /// So many servers that nobody uses.
    pub fn of(servers: u32) -> Sharing {
        Sharing {
            servers: u64::from(servers),
            done: 0,
            until: Time::ZERO,
            sharers: BinaryHeap::new(),
            came: 0,
            planned: None,
        }
    }

    /// A job comes that would take so long alone.
    pub fn join(&mut self, now: Time, job: u32, work: Span) {
        self.move_on(now);
        self.sharers.push(Reverse(Sharer {
            finish: self.done + u128::from(work.0) * u128::from(PARTS),
            number: self.came,
            job,
        }));
        self.came += 1;
    }

    /// A job leaves, whether it is through or not.
    pub fn leave(&mut self, now: Time, job: u32) {
        self.move_on(now);
        match self.sharers.peek() {
            Some(Reverse(first)) if first.job == job => {
                self.sharers.pop();
            }
            _ => self.sharers.retain(|Reverse(sharer)| sharer.job != job),
        }
    }

    /// Who is through next, and when if nobody comes or goes; to be asked at the time of a change.
    pub fn next(&self) -> Option<(u32, Time)> {
        let Reverse(first) = self.sharers.peek()?;
        let left = first.finish.saturating_sub(self.done);
        let span = left.div_ceil(u128::from(self.share()));
        let span = Span(u64::try_from(span).unwrap_or(u64::MAX));
        Some((first.job, self.until + span))
    }

    /// What each gets in a nanosecond \[parts\].
    fn share(&self) -> u64 {
        let sharers = self.sharers.len() as u64;
        match sharers <= self.servers {
            true => PARTS,
            // Both factors are below 2^53 and 2^32.
            false => (u128::from(PARTS) * u128::from(self.servers) / u128::from(sharers)) as u64,
        }
    }

    fn move_on(&mut self, now: Time) {
        let gone = now.since(self.until);
        self.done += u128::from(gone.0) * u128::from(self.share());
        self.until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_with_up_to_forty() {
        for n in 1..=40 {
            assert_eq!(PARTS % n, 0);
        }
        assert_eq!(PARTS, 5_342_931_457_063_200);
    }

    #[test]
    fn who_comes_slows_and_who_leaves_speeds_up() {
        let mut two = Sharing::of(2);
        two.join(Time(0), 7, Span(100));
        two.join(Time(0), 8, Span(200));
        assert_eq!(two.next(), Some((7, Time(100))));
        // A third: each gets two thirds. At 30 the first has 70 left, which takes 105.
        two.join(Time(30), 9, Span(60));
        assert_eq!(two.next(), Some((9, Time(120))));
        two.leave(Time(120), 9);
        // The first has 10 left, the second 110.
        assert_eq!(two.next(), Some((7, Time(130))));
        two.leave(Time(125), 7);
        assert_eq!(two.next(), Some((8, Time(230))));
        two.leave(Time(230), 8);
        assert_eq!(two.next(), None);
    }

    #[test]
    fn an_end_within_a_nanosecond_comes_at_its_end() {
        let mut one = Sharing::of(1);
        for job in 0..3 {
            one.join(Time(0), job, Span(5));
        }
        one.join(Time(4), 3, Span(0));
        assert_eq!(one.next(), Some((3, Time(4))));
        one.leave(Time(4), 3);
        assert_eq!(one.next(), Some((0, Time(15))));
        one.leave(Time(4), 1);
        // 5 - 4/3 left of each at half speed: 7 and a third.
        assert_eq!(one.next(), Some((0, Time(12))));
        one.leave(Time(12), 0);
        // The other has as little left, nothing.
        assert_eq!(one.next(), Some((2, Time(12))));
    }

    #[test]
    fn shares_that_change_at_every_nanosecond_lose_nothing() {
        // The same work, looked at once or ten thousand times, with a share that is not exact.
        let end = |steps: u64| {
            let mut one = Sharing::of(1);
            for job in 0..43 {
                one.join(Time(0), job, Span(1_000));
            }
            for step in 1..=steps {
                one.move_on(Time(step));
            }
            one.next()
        };
        assert_eq!(end(10_000), end(0));
    }

    #[test]
    fn work_without_end_is_never_done() {
        let mut one = Sharing::of(1);
        one.join(Time(0), 0, Span::MAX);
        one.join(Time(0), 1, Span::MAX);
        assert_eq!(one.next(), Some((0, Time::NEVER)));
    }
}
