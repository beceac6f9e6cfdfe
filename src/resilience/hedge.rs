//! Hedged requests: when an answer is late a second attempt goes out, and the first good answer
//! wins (Dean, Barroso: The Tail at Scale, 2013; gRPC's form of it: gRFC A6, "Hedging Policy").

use crate::units::{Share, Span};
use crate::wire::OutcomeSet;

/// A hedge as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeSpec {
    /// How long the newest attempt may take before one more goes out.
    pub after: HedgeAfter,
    /// The most that go out beside the first; at least 1.
    pub most: u32,
    /// Failures that are the answer at once; what else is under way is given up. All others are
    /// the answer only when nothing else is under way.
    pub fatal: OutcomeSet,
    /// Failures after which the next hedge goes out at once.
    pub next_on: OutcomeSet,
}

/// When a hedge goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// After so long.
    Time(Span),
    /// After the quantile of the [`Latencies`] seen so far.
    Quantile(Share),
}

/// What happens to a call when one of its attempts has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The failure is the answer.
    Answer,
    /// Another attempt may still succeed.
    Wait,
    /// One more attempt goes out.
    Send,
}

impl HedgeSpec {
    /// What to do about a failure, with so many attempts sent (the first included) and so many of
    /// them still under way.
    pub fn missed(&self, failure: crate::wire::Outcome, sent: u32, under_way: u32) -> Missed {
        if self.fatal.has(failure) {
            Missed::Answer
        } else if self.next_on.has(failure) && sent <= self.most {
            Missed::Send
        } else if under_way > 0 {
            Missed::Wait
        } else {
            Missed::Answer
        }
    }

    /// How long after an attempt the next one goes out; `None` is never.
    pub fn delay(&self, seen: impl FnOnce(Share) -> Option<Span>) -> Option<Span> {
        match self.after {
            HedgeAfter::Time(span) => Some(span),
            HedgeAfter::Quantile(share) => seen(share),
        }
    }
}

/// How long first attempts took, of the latest thousand or two.
///
/// Counts in buckets that are a 64th of a power of two wide; within one, times are taken to be evenly
/// spread. So a quantile is at most 1.6 % off what was seen. An attempt that was given up because its
/// hedge has won counts with the time that it had taken: it was later than the hedge, so it is on the
/// right side of the quantile. Failures do not count.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// The first bucket that has a count.
    first: usize,
    /// How much was seen in it and those after it \[[`Latencies::ONE`]\].
    counts: Vec<u32>,
    total: u32,
}

impl Latencies {
    /// Nothing is said before so many have been seen. Our assumption: a 95th percentile of fewer
    /// rests on less than five.
    pub const FEWEST: u32 = 100;
    /// With so many all counts are halved, so that what was long ago fades. Our assumption: a
    /// window in answers and not in seconds, so that it means the same at every load.
    const HALVE_AT: u32 = 2_000;
    /// One answer. It can be halved twenty times, so that what is rare fades no faster than what is
    /// common.
    const ONE: u32 = 1 << 20;

    /// Notes how long one took.
    pub fn record(&mut self, took: Span) {
        let bucket = bucket(took.0);
        self.reach(bucket);
        self.counts[bucket - self.first] += Self::ONE;
        self.total += Self::ONE;
        if self.total > (Self::HALVE_AT - 1) * Self::ONE {
            for count in &mut self.counts {
                *count /= 2;
            }
            self.total = self.counts.iter().sum();
        }
    }

    /// Makes room for a bucket's count.
    fn reach(&mut self, bucket: usize) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let more = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        }
        let needed = bucket - self.first + 1;
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
        }
    }

    /// The quantile of what was seen, once that is enough.
    pub fn quantile(&self, share: Share) -> Option<Span> {
        if self.total < Self::FEWEST * Self::ONE {
            return None;
        }
        let rank = (u64::from(self.total) * u64::from(share.0)).div_ceil(1_000_000);
        let rank = rank.max(1);
        let mut below = 0;
        for (i, count) in self.counts.iter().enumerate() {
            let count = u64::from(*count);
            if below + count >= rank {
                let (least, width) = extent(self.first + i);
                let into = u128::from(width - 1) * u128::from(rank - below) / u128::from(count);
                return Some(Span(least + into as u64));
            }
            below += count;
        }
        None
    }
}

/// Into how many buckets each power of two is cut, as a power of two.
const CUT: u32 = 6;

/// The bucket of a number of nanoseconds: the number itself at first, then 64 for each power of two.
fn bucket(ns: u64) -> usize {
    let coarse = (ns >> CUT).checked_ilog2().map_or(0, |power| power + 1);
    match coarse {
        0 => ns as usize,
        _ => (coarse as usize * (1 << CUT)) + ((ns >> (coarse - 1)) as usize % (1 << CUT)),
    }
}

/// The least number in a bucket, and how many there are.
fn extent(bucket: usize) -> (u64, u64) {
    let (coarse, part) = (bucket >> CUT, bucket as u64 % (1 << CUT));
    match coarse.checked_sub(1) {
        None => (part, 1),
        Some(power) => (((1 << CUT) + part) << power, 1 << power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Outcome;

    #[test]
    fn buckets_are_in_order_and_a_64th_wide() {
        for ns in [
            0,
            1,
            63,
            64,
            65,
            127,
            128,
            1_000_000,
            u64::MAX / 3,
            u64::MAX,
        ] {
            let (least, width) = extent(bucket(ns));
            assert!(least <= ns && ns - least < width, "{ns}: {least} {width}");
            assert!(width - 1 <= least / 64, "{ns}: {width}");
            if let Some(next) = least.checked_add(width) {
                assert_eq!(bucket(next), bucket(ns) + 1);
            }
        }
    }

    #[test]
    fn a_quantile_needs_a_hundred_and_is_the_rank() {
        let mut seen = Latencies::default();
        // Backwards, so that room is made at the front.
        for ms in (2..=100).rev() {
            seen.record(Span::millis(ms));
        }
        assert_eq!(seen.quantile(Share(950_000)), None);
        seen.record(Span::millis(1));
        let p95 = seen.quantile(Share(950_000)).unwrap();
        assert_eq!(bucket(p95.0), bucket(Span::millis(95).0));
        let p1 = seen.quantile(Share(10_000)).unwrap();
        assert_eq!(bucket(p1.0), bucket(Span::millis(1).0));
        let whole = seen.quantile(Share(1_000_000)).unwrap();
        assert_eq!(bucket(whole.0), bucket(Span::millis(100).0));
        assert_eq!(seen.counts.len(), bucket(whole.0) - bucket(p1.0) + 1);
    }

    #[test]
    fn times_are_evenly_spread_within_a_bucket() {
        let mut seen = Latencies::default();
        for _ in 0..1_000 {
            seen.record(Span(1 << 40));
        }
        let (least, width) = extent(bucket(1 << 40));
        assert_eq!(least, 1 << 40);
        for (share, part) in [(500_000, 0.5), (900_000, 0.9), (1_000_000, 1.0)] {
            let into = seen.quantile(Share(share)).unwrap().0 - least;
            assert!((into as f64 / width as f64 - part).abs() < 1e-6, "{into}");
        }
    }

    #[test]
    fn what_is_rare_fades_no_faster_than_what_is_common() {
        // One in a hundred is slow, each in a bucket of its own: after any number of halvings their share
        // is still one in a hundred.
        let mut seen = Latencies::default();
        for i in 0..20_000_u64 {
            let slow = i % 100 == 99;
            let ms = if slow { 1_000 + i } else { 10 };
            seen.record(Span::millis(ms));
        }
        assert!(seen.quantile(Share(985_000)).unwrap() < Span::millis(11));
        assert!(seen.quantile(Share(992_000)).unwrap() > Span::millis(1_000));
    }

    #[test]
    fn every_two_thousandth_halves_what_was_seen() {
        let mut seen = Latencies::default();
        let after = |seen: &mut Latencies, more: u32| {
            (0..more).for_each(|ms| seen.record(Span::millis(ms.into())));
            seen.total
        };
        assert_eq!(after(&mut seen, 1_999), 1_999 * Latencies::ONE);
        assert_eq!(after(&mut seen, 1), 1_000 * Latencies::ONE);
        assert_eq!(after(&mut seen, 999), 1_999 * Latencies::ONE);
        assert_eq!(after(&mut seen, 1), 1_000 * Latencies::ONE);
    }

    #[test]
    fn what_was_long_ago_fades() {
        let mut seen = Latencies::default();
        for _ in 0..10_000 {
            seen.record(Span::millis(10));
        }
        assert!(seen.quantile(Share(950_000)).unwrap() < Span::millis(11));
        for _ in 0..200 {
            seen.record(Span::seconds(1));
        }
        assert!(seen.quantile(Share(950_000)).unwrap() >= Span::seconds(1));
    }

    #[test]
    fn a_failure_is_fatal_or_waits_or_sends_the_next() {
        let spec = HedgeSpec {
            after: HedgeAfter::Time(Span::SECOND),
            most: 2,
            fatal: OutcomeSet::of(&[Outcome::Permanent]),
            next_on: OutcomeSet::of(&[Outcome::Overloaded]),
        };
        assert_eq!(spec.missed(Outcome::Permanent, 1, 1), Missed::Answer);
        assert_eq!(spec.missed(Outcome::Transient, 2, 1), Missed::Wait);
        assert_eq!(spec.missed(Outcome::Transient, 1, 0), Missed::Answer);
        assert_eq!(spec.missed(Outcome::Overloaded, 2, 1), Missed::Send);
        assert_eq!(spec.missed(Outcome::Overloaded, 3, 1), Missed::Wait);
        assert_eq!(spec.missed(Outcome::Overloaded, 3, 0), Missed::Answer);
    }

    #[test]
    fn a_hedge_goes_out_after_a_time_or_the_quantile_that_was_seen() {
        let spec = |after| HedgeSpec {
            after,
            most: 1,
            fatal: OutcomeSet::EMPTY,
            next_on: OutcomeSet::EMPTY,
        };
        let fixed = spec(HedgeAfter::Time(Span::SECOND));
        assert_eq!(fixed.delay(|_| None), Some(Span::SECOND));
        let p95 = spec(HedgeAfter::Quantile(Share(950_000)));
        let seen = |share| (share == Share(950_000)).then_some(Span::millis(7));
        assert_eq!(p95.delay(seen), Some(Span::millis(7)));
        assert_eq!(p95.delay(|_| None), None);
    }

    #[test]
    fn the_longest_of_all_times_has_a_bucket() {
        let mut seen = Latencies::default();
        for _ in 0..Latencies::FEWEST {
            seen.record(Span::MAX);
        }
        let half = seen.quantile(Share(500_000)).unwrap();
        assert_eq!(bucket(half.0), bucket(u64::MAX));
    }
}
