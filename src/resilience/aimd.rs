//! A concurrency limit that feels its way: up by one while all is well, down by a share when not.

use crate::units::{Share, Span};
use crate::wire::{Outcome, OutcomeSet};

/// How the number of slots of a semaphore moves.
///
/// When a call ends, the limit L becomes
///
/// - ⌊`backoff`·L⌋, if its outcome is in `on` or it took longer than `timeout`;
/// - L + 1, if it was good and at least half of the slots were taken when it got its own;
/// - what it was otherwise;
///
/// and then at least `min` and at most `max`. Other failures say nothing.
///
/// Source: Netflix concurrency-limits, AIMDLimit.java and AbstractLimiter.java; its defaults are 20
/// slots at first, 20 to 200, 0.9 and 5 s, and a `backoff` of 0.5 to 1. What counts as dropped is left to the
/// caller there; `on` is our assumption: what says that there is too much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AimdSpec {
    /// The fewest slots; at least 1.
    pub min: u32,
    /// The most slots.
    pub max: u32,
    /// What remains of them after a failure.
    pub backoff: Share,
    /// A call that takes longer counts as failed.
    pub timeout: Span,
    /// Which outcomes say that it was too much.
    pub on: OutcomeSet,
}

/// A call that has ended, as a limit hears of it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took since it got its slot.
    pub took: Span,
    /// How many slots were held then, its own included.
    pub held: u32,
}

impl AimdSpec {
    /// What says that it was too much unless the scenario says otherwise.
    pub const DEFAULT_ON: OutcomeSet =
        OutcomeSet::of(&[Outcome::RateLimited, Outcome::Overloaded, Outcome::Timeout]);

    /// The limit after a call, from the limit before it.
    pub fn next(&self, limit: u32, sample: &Sample) -> u32 {
        let dropped = self.on.has(sample.outcome);
        if !dropped && sample.outcome != Outcome::Ok {
            return limit;
        }
        let next = if dropped || sample.took > self.timeout {
            (u64::from(limit) * u64::from(self.backoff.0) / u64::from(Share::ALL.0)) as u32
        } else if u64::from(sample.held) * 2 >= u64::from(limit) {
            limit.saturating_add(1)
        } else {
            limit
        };
        next.max(self.min).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_up_by_one_and_down_by_a_share() {
        let spec = AimdSpec {
            min: 4,
            max: 21,
            backoff: Share(900_000),
            timeout: Span::seconds(5),
            on: AimdSpec::DEFAULT_ON,
        };
        let next = |limit, outcome, took, held| {
            let took = Span::seconds(took);
            let sample = Sample {
                outcome,
                took,
                held,
            };
            spec.next(limit, &sample)
        };
        assert_eq!(next(20, Outcome::Ok, 1, 10), 21);
        assert_eq!(next(20, Outcome::Ok, 1, 9), 20);
        assert_eq!(next(21, Outcome::Ok, 5, 21), 21);
        assert_eq!(next(20, Outcome::Ok, 6, 20), 18);
        assert_eq!(next(19, Outcome::Overloaded, 0, 1), 17);
        assert_eq!(next(4, Outcome::Timeout, 0, 1), 4);
        assert_eq!(next(20, Outcome::Permanent, 9, 20), 20);
    }
}
