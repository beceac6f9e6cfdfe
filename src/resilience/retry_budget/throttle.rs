//! gRPC's retry throttle: a bucket of tokens that failures empty and successes slowly fill.

use crate::wire::{Outcome, OutcomeSet};

/// A retry throttle as the scenario describes it.
///
/// A failure takes one token, a success adds `ratio`, never above `max`; retries are allowed while
/// more than half of the tokens are left. Tokens have three decimals.
///
/// Source: gRFC A6 (gRPC retry design), "Throttling Retry Attempts and Hedged RPCs".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleSpec {
    /// How many tokens there are at first, and at most.
    pub max: u32,
    /// What a success adds \[thousandths of a token\].
    pub ratio: u32,
    /// What counts as a failure; what is neither this nor `ok` changes nothing.
    pub on: OutcomeSet,
}

/// What a retry throttle remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// How far below `max` the tokens are \[thousandths\].
    missing: u64,
}

/// Thousandths in a token.
const TOKEN: u64 = 1000;

impl Throttle {
    /// Notes how an attempt ended.
    pub fn ended(&mut self, spec: &ThrottleSpec, outcome: Outcome) {
        if outcome == Outcome::Ok {
            self.missing = self.missing.saturating_sub(u64::from(spec.ratio));
        } else if spec.on.has(outcome) {
            self.missing = (self.missing + TOKEN).min(u64::from(spec.max) * TOKEN);
        }
    }

    /// Whether retries are allowed.
    pub fn has_room(&self, spec: &ThrottleSpec) -> bool {
        2 * self.left(spec) > u64::from(spec.max) * TOKEN
    }

    /// The tokens that are left \[thousandths\].
    pub fn left(&self, spec: &ThrottleSpec) -> u64 {
        u64::from(spec.max) * TOKEN - self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ThrottleSpec = ThrottleSpec {
        max: 4,
        ratio: 500,
        on: OutcomeSet::of(&[Outcome::Transient]),
    };

    #[test]
    fn half_of_the_tokens_are_not_enough() {
        let mut throttle = Throttle::default();
        throttle.ended(&SPEC, Outcome::Transient);
        assert!(throttle.has_room(&SPEC));
        throttle.ended(&SPEC, Outcome::Transient);
        assert!(!throttle.has_room(&SPEC));
        throttle.ended(&SPEC, Outcome::Permanent);
        assert_eq!(throttle.left(&SPEC), 2 * TOKEN);
        throttle.ended(&SPEC, Outcome::Ok);
        assert!(throttle.has_room(&SPEC));
    }

    #[test]
    fn tokens_stay_between_nothing_and_the_most() {
        let mut throttle = Throttle::default();
        throttle.ended(&SPEC, Outcome::Ok);
        assert_eq!(throttle.left(&SPEC), 4 * TOKEN);
        for _ in 0..9 {
            throttle.ended(&SPEC, Outcome::Transient);
        }
        assert_eq!(throttle.left(&SPEC), 0);
    }
}
