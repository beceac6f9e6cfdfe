//! What bounds the waits of a retry layer together, beside its deadline.

use super::RetryState;
use crate::units::Span;

/// A bound on the waits of a retry layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitLimit {
    /// An attempt that begins so long after the first one began, or later, is the last. A wait is cut
    /// to what was left when the attempt before it began: with `e` that attempt's begin, from the
    /// first one's, it is `min(delay, limit - e)`.
    ///
    /// Source: backoff 2.2.1, `_sync.retry_exception` and `_common._next_wait` (`max_time`).
    LastBegin(Span),
    /// The waits come to no more than this together: one that would pass it is not begun, and the
    /// outcome stands.
    ///
    /// Source: backon 1.6.0, `ExponentialBackoff::next` (`total_delay`).
    Total(Span),
}

impl WaitLimit {
    /// How long to wait in place of `delay`, or `None` if the outcome stands. A wait that is granted
    /// is counted in `state`.
    pub fn grants(self, state: &mut RetryState, delay: Span) -> Option<Span> {
        match self {
            WaitLimit::LastBegin(limit) => {
                let elapsed = state.latest.since(state.begun);
                let left = Span(limit.0.checked_sub(elapsed.0)?);
                (left > Span::ZERO).then_some(delay.min(left))
            }
            WaitLimit::Total(limit) => {
                let waited = state.waited + delay;
                if waited > limit {
                    return None;
                }
                state.waited = waited;
                Some(delay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backoff, BackoffKind, Decision, RetrySpec};
    use super::*;
    use crate::units::Time;
    use crate::wire::{Outcome, Reply};

    const FAILED: Reply = Reply::of(Outcome::Transient);

    /// The waits between attempts that take `takes` each and all fail, 1 s doubling.
    fn waits(limit: WaitLimit, takes: Span) -> Vec<u64> {
        let spec = RetrySpec {
            attempts: None,
            backoff: Backoff {
                kind: BackoffKind::Exponential {
                    base: Span::SECOND,
                    factor: 2.0,
                },
                ..Backoff::NONE
            },
            wait_limit: Some(limit),
            ..RetrySpec::default()
        };
        let mut now = Time::ZERO;
        let mut state = RetryState::begin(now);
        let mut waits = vec![];
        loop {
            now += takes;
            let Decision::RetryAfter(wait) = spec.decide(&mut state, now, FAILED, 0.0) else {
                return waits;
            };
            waits.push(wait.0 / 1_000_000);
            assert!(waits.len() < 9, "{waits:?}");
            now += wait;
            state.again(now);
        }
    }

    #[test]
    fn the_last_wait_is_cut_to_what_was_left_when_the_attempt_began() {
        let limit = WaitLimit::LastBegin(Span::seconds(10));
        // Attempts begin at 0, 1.5, 4 and 8.5 s; of the 10 s there are 1.5 s left then.
        let half = Span::millis(500);
        assert_eq!(waits(limit, half), [1000, 2000, 4000, 1500]);
        // At 0, 2, 5 and exactly 10 s.
        assert_eq!(waits(limit, Span::SECOND), [1000, 2000, 4000]);
        // A long attempt may end late and yet be followed by another.
        assert_eq!(waits(limit, Span::seconds(11)), [1000]);
    }

    #[test]
    fn waits_come_to_no_more_than_their_total() {
        let limit = |s| WaitLimit::Total(Span::seconds(s));
        // However long the attempts take.
        for takes in [Span::SECOND, Span::seconds(100)] {
            assert_eq!(waits(limit(10), takes), [1000, 2000, 4000]);
            assert_eq!(waits(limit(7), takes), [1000, 2000, 4000]);
            assert_eq!(waits(limit(6), takes), [1000, 2000]);
        }
    }
}
