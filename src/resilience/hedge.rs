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
/// Counts in buckets that are a sixteenth of a power of two wide, so a quantile is at most 6.25 %
/// too long and never too short. An attempt that was given up because its hedge has won counts with
/// the time that it had taken: it was later than the hedge, so it is on the right side of the
/// quantile. Failures do not count.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
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

    /// Notes how long one took.
    pub fn record(&mut self, took: Span) {
        if self.counts.is_empty() {
            self.counts.resize(bucket(u64::MAX) + 1, 0);
        }
        self.counts[bucket(took.0)] += 1;
        self.total += 1;
        if self.total == Self::HALVE_AT {
            for count in &mut self.counts {
                *count /= 2;
            }
            self.total = self.counts.iter().sum();
        }
    }

    /// The quantile of what was seen, once that is enough.
    pub fn quantile(&self, share: Share) -> Option<Span> {
        if self.total < Self::FEWEST {
            return None;
        }
        let rank = (u64::from(self.total) * u64::from(share.0)).div_ceil(1_000_000);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        found.map(|bucket| Span(longest_of(bucket)))
    }
}

/// The bucket of a number of nanoseconds: the number itself up to 15, then sixteen for each power
/// of two.
fn bucket(ns: u64) -> usize {
    if ns < 16 {
        return ns as usize;
    }
    let power = 63 - ns.leading_zeros();
    ((power - 3) * 16) as usize + ((ns >> (power - 4)) & 15) as usize
}

/// The largest number in a bucket.
fn longest_of(bucket: usize) -> u64 {
    if bucket < 16 {
        return bucket as u64;
    }
    let (power, part) = (bucket as u32 / 16 + 3, bucket as u64 % 16);
    let width = 1_u64 << (power - 4);
    ((16 + part) << (power - 4)) + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Outcome;

    #[test]
    fn buckets_are_in_order_and_a_sixteenth_wide() {
        for ns in [0, 1, 15, 16, 17, 31, 32, 1_000_000, u64::MAX / 3, u64::MAX] {
            let longest = longest_of(bucket(ns));
            assert!(longest >= ns && longest - ns <= ns / 16, "{ns}: {longest}");
            if longest < u64::MAX {
                assert_eq!(bucket(longest + 1), bucket(ns) + 1);
            }
        }
    }

    #[test]
    fn a_quantile_needs_a_hundred_and_is_the_rank() {
        let mut seen = Latencies::default();
        for ms in 1..100 {
            seen.record(Span::millis(ms));
        }
        assert_eq!(seen.quantile(Share(950_000)), None);
        seen.record(Span::millis(100));
        let p95 = seen.quantile(Share(950_000)).unwrap();
        assert_eq!(bucket(p95.0), bucket(Span::millis(95).0));
        assert!(seen.quantile(Share(500_000)).unwrap() < p95);
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
        assert_eq!(seen.quantile(Share(500_000)), Some(Span::MAX));
    }
}
