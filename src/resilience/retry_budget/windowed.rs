//! The retry budget of Finagle and tower: first attempts deposit, retries withdraw, and what was
//! deposited expires.

use crate::units::{Span, Time};

/// A windowed retry budget as the scenario describes it.
///
/// Each first attempt (or each success) deposits, each retry withdraws, and the budget is the sum
/// over the last `ttl`, in ten windows, and a reserve. With share `p`: deposit `s`, withdrawal
/// `trunc(s / p)`, reserve `per_second · ttl · withdrawal`, where the scale `s` is 1000 in Finagle
/// and in tower 1 up to `p` = 100 %. With `p` = 0 nothing is deposited and a withdrawal is 1.
///
/// Source: Finagle `RetryBudget.scala`; tower 0.5 `retry/budget/tps_budget.rs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowedSpec {
    /// How long a deposit lasts; at least ten nanoseconds.
    pub ttl: Span,
    /// Retries a second that are always allowed.
    pub per_second: u32,
    /// Retries for each first attempt, as a factor.
    pub share: f64,
    /// Whether amounts are whole multiples of one deposit where they can be (tower).
    pub whole: bool,
    /// Whether only attempts that succeed deposit.
    pub on_success: bool,
}

/// Windows in a `ttl`.
const WINDOWS: usize = 10;

/// What a windowed retry budget remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windowed {
    /// When the current window began; nothing has happened yet if `None`.
    since: Option<Time>,
    /// Sums of the windows before it, a ring.
    past: [i64; WINDOWS],
    /// The ring's next place.
    next: u8,
    /// The current window's sum.
    current: i64,
}

impl WindowedSpec {
    /// What a first attempt deposits and a retry withdraws.
    pub fn amounts(&self) -> (i64, i64) {
        const SCALE: i64 = 1000;
        if self.share <= 0.0 {
            (0, 1)
        } else if self.whole && self.share <= 1.0 {
            (1, (1.0 / self.share) as i64)
        } else {
            (SCALE, (SCALE as f64 / self.share) as i64)
        }
    }

    /// What is always there.
    pub fn reserve(&self) -> i64 {
        let (_, withdrawal) = self.amounts();
        let seconds = (self.ttl.0 / Span::SECOND.0) as i64;
        i64::from(self.per_second)
            .saturating_mul(seconds)
            .saturating_mul(withdrawal)
    }
}

impl Windowed {
    /// Deposits what one attempt deposits.
    pub fn deposit(&mut self, spec: &WindowedSpec, now: Time) {
        self.expire(spec, now);
        self.current += spec.amounts().0;
    }

    /// Whether one retry can be withdrawn.
    pub fn has_room(&mut self, spec: &WindowedSpec, now: Time) -> bool {
        self.expire(spec, now);
        let past: i64 = self.past.iter().sum();
        (past + self.current).saturating_add(spec.reserve()) >= spec.amounts().1
    }

    /// Withdraws one retry; there must be room.
    pub fn withdraw(&mut self, spec: &WindowedSpec) {
        self.current -= spec.amounts().1;
    }

    /// Moves on to the window of `now`. A window ends with the first use after its time is over,
    /// and the next one begins there.
    fn expire(&mut self, spec: &WindowedSpec, now: Time) {
        let window = Span((spec.ttl.0 / WINDOWS as u64).max(1));
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since);
        if passed < window {
            return;
        }
        self.put(self.current);
        self.current = 0;
        // Windows in which nothing was used; a full ring of them is as good as more.
        let idle = (passed.0 - 1) / window.0;
        for _ in 0..idle.min(WINDOWS as u64) {
            self.put(0);
        }
        self.since = Some(now);
    }

    fn put(&mut self, sum: i64) {
        self.past[usize::from(self.next)] = sum;
        self.next = (self.next + 1) % WINDOWS as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: WindowedSpec = WindowedSpec {
        ttl: Span::seconds(10),
        per_second: 0,
        share: 0.5,
        whole: true,
        on_success: false,
    };

    #[test]
    fn two_first_attempts_pay_for_one_retry() {
        let mut budget = Windowed::default();
        budget.deposit(&SPEC, Time::ZERO);
        assert!(!budget.has_room(&SPEC, Time::ZERO));
        budget.deposit(&SPEC, Time::ZERO);
        assert!(budget.has_room(&SPEC, Time::ZERO));
        budget.withdraw(&SPEC);
        assert!(!budget.has_room(&SPEC, Time::ZERO));
    }

    #[test]
    fn deposits_expire() {
        let mut budget = Windowed::default();
        for _ in 0..4 {
            budget.deposit(&SPEC, Time::ZERO);
        }
        let at = |s| Time::ZERO + Span::seconds(s);
        assert!(budget.has_room(&SPEC, at(9)));
        assert!(!budget.has_room(&SPEC, at(25)));
    }

    #[test]
    fn scales_round_as_their_libraries() {
        let third = WindowedSpec { share: 0.3, ..SPEC };
        assert_eq!(third.amounts(), (1, 3));
        let finagle = WindowedSpec {
            whole: false,
            ..third
        };
        assert_eq!(finagle.amounts(), (1000, 3333));
    }

    #[test]
    fn a_window_ends_when_its_time_is_over_and_a_deposit_with_the_eleventh() {
        let second = Span::SECOND;
        let deposited = || {
            let mut budget = Windowed::default();
            (0..2).for_each(|_| budget.deposit(&SPEC, Time::ZERO));
            budget
        };
        // Used at each full second: the deposits are pushed out by ten windows after theirs.
        let mut busy = deposited();
        for s in 1..=10 {
            let room = busy.has_room(&SPEC, Time::ZERO + second.times(s));
            assert!(room, "after {s} s");
        }
        assert!(!busy.has_room(&SPEC, Time::ZERO + second.times(11)));
        // Not used: the idle windows count as soon as they have begun.
        let late = Time::ZERO + second.times(10);
        assert!(deposited().has_room(&SPEC, late));
        assert!(!deposited().has_room(&SPEC, late + Span(1)));
        // Shortly before the end of a window nothing has moved.
        let mut early = deposited();
        let before = Time::ZERO + (second - Span(1));
        early.deposit(&SPEC, before);
        assert_eq!((early.since, early.current), (Some(Time::ZERO), 3));
        early.deposit(&SPEC, Time::ZERO + second);
        assert_eq!(early.since, Some(Time::ZERO + second));
        assert_eq!((early.past[0], early.current), (3, 1));
    }

    #[test]
    fn the_reserve_is_there_before_anybody_deposits() {
        let reserved = WindowedSpec {
            per_second: 3,
            ..SPEC
        };
        // Three a second for ten seconds, at two deposits each.
        assert_eq!(reserved.reserve(), 60);
        let mut budget = Windowed::default();
        let mut granted = 0;
        while granted < 99 && budget.has_room(&reserved, Time::ZERO) {
            budget.withdraw(&reserved);
            granted += 1;
        }
        assert_eq!(granted, 30);
    }

    #[test]
    fn a_share_of_nothing_deposits_nothing() {
        let nothing = WindowedSpec { share: 0.0, ..SPEC };
        assert_eq!(nothing.amounts(), (0, 1));
        let all = WindowedSpec { share: 1.0, ..SPEC };
        assert_eq!(all.amounts(), (1, 1));
        let double = WindowedSpec { share: 2.0, ..SPEC };
        assert_eq!(double.amounts(), (1000, 500));
    }
}
