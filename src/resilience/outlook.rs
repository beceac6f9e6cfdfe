//! What a retry layer does before anything happens: its delays, its worst total wait.

use super::{Backoff, BackoffKind, RetrySpec, WaitLimit};
use crate::random::stream::{Process, Stream};
use crate::units::Span;

/// How many values of luck a mean is taken over.
const GRID: u32 = 1000;
/// How many series of delays are drawn where one delay depends on the last.
const SERIES: u32 = 10_000;
/// The highest luck: just below one.
const HIGHEST: f64 = 1.0 - f64::EPSILON;
/// A worst wait does not look at more retries than this.
const MOST_RETRIES: u32 = 100_000;

/// The delay before one retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayRange {
    /// The shortest.
    pub min: Span,
    /// The mean.
    pub mean: Span,
    /// The longest.
    pub max: Span,
}

/// What to expect of a retry layer whose attempts all fail at once, without Retry-After.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The delays before the first retries.
    pub delays: Vec<DelayRange>,
    /// The same after throttling, where that is another backoff.
    pub throttled: Option<Vec<DelayRange>>,
    /// The longest that all waits together can be; `None` has no end.
    pub worst_wait: Option<Span>,
}

impl RetrySpec {
    /// The outlook, with the delays before at most `most` retries.
    ///
    /// Exact but for the mean, which is that of a thousand evenly spaced values of luck. Where a
    /// delay depends on the last one, all three are those of ten thousand draws (ChaCha8, seed 0);
    /// the worst total wait is exact there too.
    pub fn outlook(&self, most: u32) -> Outlook {
        let shown = self.attempts.map_or(most, |n| (n - 1).min(most));
        Outlook {
            delays: ranges(&self.backoff, shown),
            throttled: self.throttled.as_ref().map(|t| ranges(t, shown)),
            worst_wait: self.worst_wait(),
        }
    }

    /// The longest that one of its first `most` waits can be, as far as its attempts go.
    pub fn longest_wait(&self, most: u32) -> Span {
        let retries = self.attempts.map_or(most, |n| (n - 1).min(most));
        let waits = self.longest_waits(retries.min(MOST_RETRIES));
        waits.max().unwrap_or(Span::ZERO)
    }

    /// The first `n` waits that come to most together, whatever the outcomes.
    fn longest_waits(&self, n: u32) -> impl Iterator<Item = Span> {
        let mut throttled = self.throttled.iter().flat_map(move |t| longest(t, n));
        longest(&self.backoff, n).map(move |own| own.max(throttled.next().unwrap_or(own)))
    }

    fn worst_wait(&self) -> Option<Span> {
        let limit = match (self.deadline, self.give_up_after) {
            (Some(deadline), Some(after)) => deadline.min(after),
            (deadline, after) => deadline.or(after).unwrap_or(Span::MAX),
        };
        if self.attempts.is_none() && limit == Span::MAX && self.wait_limit.is_none() {
            return None;
        }
        let after_last = |n: u32| u32::from(self.waits_after_last && n > 1);
        let retries = self
            .attempts
            .map_or(MOST_RETRIES, |n| (n - 1 + after_last(n)).min(MOST_RETRIES));
        let mut total = Span::ZERO;
        for wait in self.longest_waits(retries) {
            if total >= limit {
                break;
            }
            match self.wait_limit {
                Some(WaitLimit::LastBegin(last)) if total + wait >= last => {
                    total = last;
                    break;
                }
                // With luck, or another backoff, the waits may come to all of it.
                Some(WaitLimit::Total(most)) if total + wait > most => {
                    let varies = self.backoff.draws() || self.throttled.is_some();
                    total = if varies { most } else { total };
                    break;
                }
                _ => total = total + wait,
            }
        }
        let total = self.deadline.map_or(total, |deadline| total.min(deadline));
        // What is longer than a span can say (584 years) has no end.
        Some(total).filter(|total| *total < Span::MAX)
    }
}

/// The delays before the first `n` retries that come to most together.
///
/// Where a delay depends on the last one: those of the highest luck each time, for a decorrelated
/// delay grows with its luck and with the one before, and Polly's come to the curve's value at the
/// last luck, whatever was between. Delays that are drawn together and sorted are longest when each
/// of them is.
fn longest(backoff: &Backoff, n: u32) -> Box<dyn Iterator<Item = Span> + '_> {
    if let BackoffKind::Sorted(sorted) = &backoff.kind {
        return Box::new((1..=n).map(move |k| match k {
            1 if backoff.first_at_once => Span::ZERO,
            _ => sorted.nth_of(k, |i| longest_at(&sorted.of, i)),
        }));
    }
    if backoff.remembers() {
        let mut memory = Span::ZERO;
        return Box::new((1..=n).map(move |k| backoff.delay(k, &mut memory, HIGHEST)));
    }
    Box::new((1..=n).map(move |k| longest_at(backoff, k)))
}

/// The longest delay before retry `k` of a backoff without memory.
fn longest_at(backoff: &Backoff, k: u32) -> Span {
    let (low, high) = ends(backoff, k);
    low.max(high)
}

fn ranges(backoff: &Backoff, n: u32) -> Vec<DelayRange> {
    if !backoff.remembers() {
        return (1..=n).map(|k| range(backoff, k)).collect();
    }
    let mut stream = Stream::new(0, 0, Process::Arrivals, 0);
    let mut sums = vec![(Span::MAX, 0u128, Span::ZERO); n as usize];
    for _ in 0..SERIES {
        let mut memory = Span::ZERO;
        for (k, (min, sum, max)) in (1..).zip(&mut sums) {
            let delay = backoff.delay(k, &mut memory, stream.unit());
            *min = delay.min(*min);
            *max = delay.max(*max);
            *sum += u128::from(delay.0);
        }
    }
    let range = |(min, sum, max): (Span, u128, Span)| DelayRange {
        min,
        mean: Span((sum / u128::from(SERIES)) as u64),
        max,
    };
    sums.into_iter().map(range).collect()
}

/// The delay before retry `k` of a backoff without memory.
fn range(backoff: &Backoff, k: u32) -> DelayRange {
    let (low, high) = ends(backoff, k);
    let mean = if low == high {
        u128::from(low.0)
    } else {
        let middles = (0..GRID).map(|i| (f64::from(i) + 0.5) / f64::from(GRID));
        let delays = middles.map(|u| u128::from(delay(backoff, k, u).0));
        delays.sum::<u128>() / u128::from(GRID)
    };
    DelayRange {
        min: low.min(high),
        mean: Span(mean as u64),
        max: low.max(high),
    }
}

/// The delays before retry `k` with the lowest luck and with the highest, between which all others
/// lie: a backoff without memory is monotone in luck.
fn ends(backoff: &Backoff, k: u32) -> (Span, Span) {
    (delay(backoff, k, 0.0), delay(backoff, k, HIGHEST))
}

/// The delay before retry `k` of a backoff without memory.
fn delay(backoff: &Backoff, k: u32, u: f64) -> Span {
    backoff.delay(k, &mut Span::ZERO.clone(), u)
}

#[cfg(test)]
mod tests {
    use super::super::{Jitter, Sorted};
    use super::*;

    fn spec(attempts: Option<u32>) -> RetrySpec {
        RetrySpec {
            attempts,
            backoff: Backoff {
                kind: BackoffKind::Exponential {
                    base: Span::SECOND,
                    factor: 2.0,
                },
                jitter: Jitter::Shrink(0.25),
                ..Backoff::NONE
            },
            ..RetrySpec::default()
        }
    }

    #[test]
    fn delays_have_their_ranges() {
        let outlook = spec(Some(3)).outlook(10);
        assert_eq!(outlook.delays.len(), 2);
        let first = outlook.delays[0];
        assert_eq!(first.max, Span::SECOND);
        assert!(first.mean.0.abs_diff(875_000_000) < 10);
        assert!(first.min.0.abs_diff(750_000_000) < 10);
        assert_eq!(outlook.worst_wait, Some(Span::seconds(3)));
    }

    #[test]
    fn without_an_end_there_is_no_worst_wait() {
        assert_eq!(spec(None).outlook(4).worst_wait, None);
        let mut bounded = spec(None);
        bounded.deadline = Some(Span::seconds(10));
        assert_eq!(bounded.outlook(4).worst_wait, Some(Span::seconds(10)));
        bounded.deadline = None;
        bounded.give_up_after = Some(Span::seconds(5));
        // 1 + 2 + 4: the attempt after the third wait ends late and is the last.
        assert_eq!(bounded.outlook(4).worst_wait, Some(Span::seconds(7)));
        bounded.give_up_after = None;
        bounded.wait_limit = Some(WaitLimit::LastBegin(Span::seconds(5)));
        assert_eq!(bounded.outlook(4).worst_wait, Some(Span::seconds(5)));
        // 1 + 2, and with luck a little less each, so that another of 2 s has room.
        bounded.wait_limit = Some(WaitLimit::Total(Span::seconds(5)));
        assert_eq!(bounded.outlook(4).worst_wait, Some(Span::seconds(5)));
        bounded.backoff.jitter = Jitter::None;
        assert_eq!(bounded.outlook(4).worst_wait, Some(Span::seconds(3)));
    }

    #[test]
    fn what_is_longer_than_a_span_has_no_end_either() {
        // 2^63 s are more than 584 years; 2^30 s are 34.
        assert_eq!(spec(Some(65)).outlook(4).worst_wait, None);
        let years = spec(Some(31)).outlook(4).worst_wait.unwrap();
        assert_eq!(years, Span::seconds((1 << 30) - 1));
    }

    #[test]
    fn a_backoff_with_memory_is_drawn() {
        let mut spec = spec(Some(4));
        spec.backoff = Backoff {
            kind: BackoffKind::Decorrelated { base: Span::SECOND },
            ..Backoff::NONE
        };
        let first = spec.outlook(10).delays[0];
        assert!(first.min >= Span::SECOND && first.max <= Span::seconds(3));
        assert!(first.mean.0.abs_diff(2_000_000_000) < 30_000_000);
    }

    #[test]
    fn a_wait_after_the_last_attempt_is_one_more() {
        let worst = |attempts| {
            let waits = RetrySpec {
                waits_after_last: true,
                ..spec(Some(attempts))
            };
            waits.outlook(9).worst_wait
        };
        assert_eq!(worst(3), Some(Span::seconds(1 + 2 + 4)));
        // Who may try only once does not wait.
        assert_eq!(worst(1), Some(Span::ZERO));
    }

    #[test]
    fn luck_stays_below_one() {
        let mut spec = spec(Some(2));
        spec.backoff.jitter = Jitter::Whole(Span::SECOND);
        // No second or one, equally likely; luck of one would make it two.
        let range = DelayRange {
            min: Span::ZERO,
            mean: Span::millis(500),
            max: Span::SECOND,
        };
        assert_eq!(spec.outlook(9).delays, [range]);
    }

    #[test]
    fn a_limit_of_waits_bounds_only_what_reaches_it() {
        let worst = |attempts, limit| {
            let mut spec = spec(Some(attempts));
            spec.backoff.jitter = Jitter::None;
            spec.wait_limit = Some(limit);
            spec.outlook(0).worst_wait.unwrap()
        };
        let begin = WaitLimit::LastBegin(Span::seconds(3));
        assert_eq!(worst(2, begin), Span::seconds(1));
        assert_eq!(worst(3, begin), Span::seconds(3));
        assert_eq!(worst(4, begin), Span::seconds(3));
        let total = WaitLimit::Total(Span::seconds(3));
        assert_eq!(
            [2, 3, 4].map(|n| worst(n, total).0 / 1_000_000_000),
            [1, 3, 3]
        );
    }

    #[test]
    fn each_wait_may_be_that_of_either_backoff() {
        let mut spec = spec(Some(4));
        spec.throttled = Some(Backoff {
            kind: BackoffKind::Fixed {
                delay: Span::seconds(3),
            },
            ..Backoff::NONE
        });
        assert_eq!(spec.outlook(0).worst_wait, Some(Span::seconds(3 + 3 + 4)));
        // A failure and a 429 come to all of it, though two failures do not, nor two 429s.
        spec.backoff.jitter = Jitter::None;
        spec.wait_limit = Some(WaitLimit::Total(Span::seconds(4)));
        assert_eq!(spec.outlook(0).worst_wait, Some(Span::seconds(4)));
    }

    #[test]
    fn the_longest_wait_is_that_of_the_longer_backoff() {
        let mut spec = spec(Some(5));
        assert_eq!(spec.longest_wait(3), Span::seconds(4));
        assert_eq!(spec.longest_wait(9), Span::seconds(8));
        assert_eq!(spec.longest_wait(0), Span::ZERO);
        spec.throttled = Some(Backoff {
            kind: BackoffKind::Decorrelated { base: Span::SECOND },
            ..Backoff::NONE
        });
        let tripled = spec.longest_wait(2);
        assert!(tripled.0.abs_diff(Span::seconds(9).0) < 9, "{tripled:?}");
    }

    #[test]
    fn the_worst_wait_of_delays_with_memory_is_no_sample() {
        let base = Span::SECOND;
        let decorrelated = RetrySpec {
            attempts: Some(8),
            backoff: Backoff {
                kind: BackoffKind::Decorrelated { base },
                ..Backoff::NONE
            },
            ..RetrySpec::default()
        };
        // 3 + 9 + … + 3⁷ s; each is rounded down to the nanosecond, and the next ones triple that.
        let worst = decorrelated.outlook(0).worst_wait.unwrap();
        assert!(
            worst.0.abs_diff(Span::seconds(3279).0) < 3u64.pow(7),
            "{worst:?}"
        );
        // Four of one to two seconds, drawn together; the longest stays. Or half a second to one,
        // longest with the lowest luck, of which the first is left out.
        let sorted = |jitter, first_at_once| {
            let of = Backoff {
                kind: BackoffKind::Fixed {
                    delay: Span::SECOND,
                },
                jitter,
                ..Backoff::NONE
            };
            let waits = RetrySpec {
                attempts: Some(7),
                backoff: Backoff {
                    kind: BackoffKind::Sorted(Box::new(Sorted { draws: 4, of })),
                    first_at_once,
                    ..Backoff::NONE
                },
                ..RetrySpec::default()
            };
            waits.outlook(0).worst_wait.unwrap()
        };
        let worst = sorted(Jitter::Additive(1.0), false);
        assert!(worst.0.abs_diff(Span::seconds(12).0) <= 6, "{worst:?}");
        assert_eq!(sorted(Jitter::Shrink(0.5), true), Span::seconds(5));
    }
}
