//! Concurrency: at most so many attempts in flight.
//!
//! The only limiter that must be told when an attempt ends, and the only one that cannot say when
//! it will have room: its time to reset is unknown, written as zero.

use super::LimitSpec;
use crate::units::Span;

/// A count of attempts in flight.
#[derive(Clone, Debug)]
pub struct Concurrency {
    quota: u64,
    in_flight: u64,
}

impl Concurrency {
    pub(super) fn new(spec: &LimitSpec) -> Concurrency {
        Concurrency {
            quota: spec.quota,
            in_flight: 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), Span> {
        match self.in_flight < self.quota {
            true => Ok(()),
            false if self.quota == 0 => Err(Span::MAX),
            false => Err(Span::ZERO),
        }
    }

    pub(super) fn take(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn finish(&mut self) {
        debug_assert!(self.in_flight > 0, "more attempts ended than began");
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::super::{Algorithm, Limiter};
    use super::*;
    use crate::units::Time;

    #[test]
    fn one_comes_in_when_one_has_gone() {
        let mut limiter = Limiter::new(&spec(Algorithm::Concurrency, 2, 1));
        assert_eq!(limiter.tries(Time(0), 1), Ok(()));
        assert_eq!(limiter.tries(Time(0), 1), Ok(()));
        assert_eq!(limiter.tries(Time(900), 1), Err(Span::ZERO));
        limiter.finish();
        assert_eq!(limiter.tries(Time(900), 1), Ok(()));
        assert_eq!(limiter.tries(Time(900), 1), Err(Span::ZERO));
    }

    #[test]
    fn a_quota_of_zero_admits_nobody_ever() {
        let mut limiter = Limiter::new(&spec(Algorithm::Concurrency, 0, 1));
        assert_eq!(limiter.tries(Time(0), 1), Err(Span::MAX));
    }
}
