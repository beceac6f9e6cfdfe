//! Sliding log: the true number in the last window.
//!
//! An entry made at `t` counts while `now < t + window`. Requests cost one each, so a ring of the
//! last `quota` times decides: one more is admitted as soon as the oldest of them has left the
//! window ([`SlidingLog`]). Tokens need a log of (time, cost) with a running sum
//! ([`WeightedLog`]). Entries that newer ones make irrelevant are dropped, so that both hold at most
//! about `quota` entries even while they count a hammering client's rejections.

use std::collections::VecDeque;

use super::LimitSpec;
use crate::units::{Span, Time};

/// The log of a limit on requests: the times of the last `quota` of them.
#[derive(Clone, Debug)]
pub struct SlidingLog {
    quota: usize,
    window: Span,
    pub(super) counts_rejected: bool,
    ring: VecDeque<Time>,
}

impl SlidingLog {
    pub(super) fn new(spec: &LimitSpec) -> SlidingLog {
        SlidingLog {
            quota: usize::try_from(spec.quota).unwrap_or(usize::MAX),
            window: spec.window,
            counts_rejected: spec.counts_rejected,
            ring: VecDeque::new(),
        }
    }

    pub(super) fn check(&self, now: Time) -> Result<(), Span> {
        if self.quota == 0 {
            return Err(Span::MAX);
        }
        let Some(oldest) = self.oldest_of_quota(0) else {
            return Ok(());
        };
        if now.since(oldest) >= self.window {
            return Ok(());
        }
        // If this rejection counts, the next one is judged by a younger entry, at last by this one.
        let judge = match self.counts_rejected {
            true => self.oldest_of_quota(1).unwrap_or(now),
            false => oldest,
        };
        Err(self.window - now.since(judge))
    }

    pub(super) fn count(&mut self, now: Time) {
        if self.quota == 0 {
            return;
        }
        if self.ring.len() == self.quota {
            self.ring.pop_front();
        }
        self.ring.push_back(now);
    }

    /// The oldest of the last `quota` entries if there are as many, or one that is `after` younger.
    fn oldest_of_quota(&self, after: usize) -> Option<Time> {
        if self.ring.len() < self.quota {
            return None;
        }
        self.ring.get(after).copied()
    }
}

/// The log of a limit on tokens: what came when, and how much of it still counts.
#[derive(Clone, Debug)]
pub struct WeightedLog {
    quota: u64,
    window: Span,
    pub(super) counts_rejected: bool,
    log: VecDeque<(Time, u64)>,
    sum: u64,
}

impl WeightedLog {
    pub(super) fn new(spec: &LimitSpec) -> WeightedLog {
        WeightedLog {
            quota: spec.quota,
            window: spec.window,
            counts_rejected: spec.counts_rejected,
            log: VecDeque::new(),
            sum: 0,
        }
    }

    pub(super) fn check(&mut self, now: Time, cost: u64) -> Result<(), Span> {
        if cost > self.quota {
            return Err(Span::MAX);
        }
        self.expire(now);
        let total = self.sum.saturating_add(cost);
        if total <= self.quota {
            return Ok(());
        }
        let own = if self.counts_rejected { cost } else { 0 };
        Err(self.wait(now, total.saturating_add(own) - self.quota))
    }

    pub(super) fn count(&mut self, now: Time, cost: u64) {
        self.expire(now);
        if cost == 0 {
            return;
        }
        match self.log.back_mut() {
            Some((at, sum)) if *at == now => *sum = sum.saturating_add(cost),
            _ => self.log.push_back((now, cost)),
        }
        self.sum = self.sum.saturating_add(cost);
        self.forget_irrelevant();
    }

    /// How long until entries worth `excess` have left the window. Where the log does not hold as
    /// much, the rest is this attempt's own entry.
    fn wait(&self, now: Time, excess: u64) -> Span {
        let mut gone = 0u64;
        for (at, cost) in &self.log {
            gone = gone.saturating_add(*cost);
            if gone >= excess {
                return self.window - now.since(*at);
            }
        }
        self.window
    }

    fn expire(&mut self, now: Time) {
        while let Some((at, cost)) = self.log.front().copied()
            && now.since(at) >= self.window
        {
            self.log.pop_front();
            self.sum = self.sum.saturating_sub(cost);
        }
    }

    /// Drops the oldest entries as long as the newer ones alone exceed the quota: those outlast
    /// them, so nothing can be admitted before all of the dropped have left the window anyway.
    fn forget_irrelevant(&mut self) {
        while let Some((_, cost)) = self.log.front().copied()
            && self.sum.saturating_sub(cost) > self.quota
        {
            self.log.pop_front();
            self.sum -= cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{admitted, spec};
    use super::super::{Algorithm, LimitUnit, Limiter};
    use super::*;

    #[test]
    fn an_entry_leaves_exactly_a_window_later() {
        let mut limiter = Limiter::new(&spec(Algorithm::SlidingLog, 2, 100));
        let tries = [99, 99, 100, 198, 199, 199, 199, 299];
        assert_eq!(admitted(&mut limiter, tries), [99, 99, 199, 199, 299]);
        assert_eq!(limiter.check(Time(300), 1), Ok(()));
        limiter.take(Time(300), 1);
        // Entries at 299 and 300: the next may come at 399.
        assert_eq!(limiter.check(Time(310), 1), Err(Span(89)));
    }

    #[test]
    fn hammering_keeps_a_log_shut_that_counts_rejections() {
        let mut counting = spec(Algorithm::SlidingLog, 5, 1_000);
        counting.counts_rejected = true;
        let every_100 = || (0..1_000).map(|i| i * 100);
        let first_five = [0, 100, 200, 300, 400];
        assert_eq!(
            admitted(&mut Limiter::new(&counting), every_100()),
            first_five
        );
        let plain = spec(Algorithm::SlidingLog, 5, 1_000);
        assert_eq!(admitted(&mut Limiter::new(&plain), every_100()).len(), 500);
    }

    #[test]
    fn a_counted_rejection_waits_for_itself_too() {
        let mut counting = spec(Algorithm::SlidingLog, 2, 100);
        counting.counts_rejected = true;
        let mut log = SlidingLog::new(&counting);
        log.count(Time(0));
        log.count(Time(10));
        // With this one at 20 the last two are 10 and 20: room again at 110.
        assert_eq!(log.check(Time(20)), Err(Span(90)));
    }

    #[test]
    fn tokens_wait_for_enough_of_them_to_leave() {
        let mut log = WeightedLog::new(&spec(Algorithm::SlidingLog, 100, 1_000));
        for (at, cost) in [(0, 40), (300, 30), (600, 30)] {
            assert_eq!(log.check(Time(at), cost), Ok(()));
            log.count(Time(at), cost);
        }
        assert_eq!(log.check(Time(700), 40), Err(Span(300)));
        assert_eq!(log.check(Time(700), 41), Err(Span(600)));
        assert_eq!(log.check(Time(700), 101), Err(Span::MAX));
        assert_eq!(log.check(Time(1_000), 40), Ok(()));
    }

    #[test]
    fn a_hammered_log_stays_as_small_as_its_quota() {
        let mut log = WeightedLog::new(&spec(Algorithm::SlidingLog, 100, 1_000_000));
        for t in 0..10_000 {
            log.count(Time(t), 10);
        }
        // Eleven entries of ten are the fewest that exceed a hundred.
        assert_eq!(log.log.len(), 11);
    }

    /// The definition, spelled out: every counted attempt for ever, summed anew for each check.
    fn naive(spec: &LimitSpec, timeline: &[(u64, u64)]) -> Vec<bool> {
        let mut log: Vec<(u64, u64)> = Vec::new();
        let mut judge = |&(now, cost): &(u64, u64)| {
            let live = log.iter().filter(|(t, _)| now < t + spec.window.0);
            let sum: u64 = live.map(|(_, c)| c).sum();
            let fits = sum + cost <= spec.quota;
            if fits || spec.counts_rejected {
                log.push((now, cost));
            }
            fits
        };
        timeline.iter().map(&mut judge).collect()
    }

    fn verdicts(spec: &LimitSpec, timeline: &[(u64, u64)]) -> Vec<bool> {
        let mut limiter = Limiter::new(spec);
        let mut judge = |&(now, cost): &(u64, u64)| limiter.tries(Time(now), cost).is_ok();
        timeline.iter().map(&mut judge).collect()
    }

    proptest! {
        #[test]
        fn both_logs_are_the_naive_log(
            steps in prop::collection::vec((0u64..40, 1u64..20), 1..200),
            quota in 1u64..60,
            counts_rejected: bool,
            tokens: bool,
        ) {
            let mut spec = spec(Algorithm::SlidingLog, quota, 100);
            spec.counts_rejected = counts_rejected;
            if tokens {
                spec.unit = LimitUnit::Tokens;
            }
            let mut now = 0;
            let mut at = |&(dt, cost): &(u64, u64)| {
                now += dt;
                (now, if tokens { cost } else { 1 })
            };
            let timeline: Vec<_> = steps.iter().map(&mut at).collect();
            prop_assert_eq!(verdicts(&spec, &timeline), naive(&spec, &timeline));
        }
    }
}
