//! Backoff: how long to wait before the next attempt.
//!
//! Three knobs stay apart, because real libraries combine them in every way: the growth
//! ([`BackoffKind`]), the cap, and the jitter, with the cap before the jitter.

use crate::random::math;
use crate::units::Span;

/// A backoff: growth, cap, jitter.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// How the delay grows.
    pub kind: BackoffKind,
    /// The longest delay before jitter (of `Decorrelated`: the longest delay).
    pub cap: Span,
    /// What luck does to the delay.
    pub jitter: Jitter,
}

/// How the delay grows with the number `k` of the retry, from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum BackoffKind {
    /// `delay`.
    Fixed {
        /// The delay.
        delay: Span,
    },
    /// `base + (k-1)·step`.
    Linear {
        /// The first delay.
        base: Span,
        /// What each further retry adds.
        step: Span,
    },
    /// `base · factor^(k-1)`.
    Exponential {
        /// The first delay.
        base: Span,
        /// What each further retry multiplies by.
        factor: f64,
    },
    /// `U(base, 3·previous)`, first previous = base. Takes no jitter of its own.
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Decorrelated {
        /// The shortest delay.
        base: Span,
    },
}

/// What luck does to a delay `x`; `u` is uniform in \[0, 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// `x`.
    None,
    /// `x·u`: anything up to the delay.
    Full,
    /// `x/2 + x/2·u`: the upper half.
    Equal,
    /// `x·(1 + share·u)`: the delay and up to a share of it more.
    Additive(f64),
    /// `x·(1 + share·(2u - 1))`: a share to either side.
    Proportional(f64),
}

impl Backoff {
    /// No delay at all.
    pub const NONE: Backoff = Backoff {
        kind: BackoffKind::Fixed { delay: Span::ZERO },
        cap: Span::MAX,
        jitter: Jitter::None,
    };

    /// The delay before retry number `k` (from 1), after a delay of `previous` (zero at first),
    /// with luck `u` in \[0, 1).
    #[inline]
    pub fn delay(&self, k: u32, previous: Span, u: f64) -> Span {
        let k = k.max(1);
        let grown = match self.kind {
            BackoffKind::Fixed { delay } => delay,
            BackoffKind::Linear { base, step } => base + step.times(u64::from(k - 1)),
            BackoffKind::Exponential { base, factor } => exponential(base, factor, k),
            BackoffKind::Decorrelated { base } => {
                let from = base.0 as f64;
                let to = 3.0 * previous.max(base).0 as f64;
                return Span::from_nanos_f64(from + (to - from) * u).min(self.cap);
            }
        };
        self.jitter.apply(grown.min(self.cap), u)
    }

    /// Whether the delay depends on luck.
    pub fn draws(&self) -> bool {
        matches!(self.kind, BackoffKind::Decorrelated { .. }) || self.jitter != Jitter::None
    }
}

/// `base · factor^(k-1)`; exact doubling for the common factor 2.
fn exponential(base: Span, factor: f64, k: u32) -> Span {
    if factor == 2.0 {
        let doubled = 1u64.checked_shl(k - 1).unwrap_or(u64::MAX);
        return base.times(doubled);
    }
    Span::from_nanos_f64(base.0 as f64 * math::pow(factor, f64::from(k - 1)))
}

impl Jitter {
    /// The delay `x` with luck `u` in \[0, 1).
    #[inline]
    pub fn apply(self, x: Span, u: f64) -> Span {
        let ns = x.0 as f64;
        match self {
            Jitter::None => x,
            Jitter::Full => Span::from_nanos_f64(ns * u),
            Jitter::Equal => Span::from_nanos_f64(ns / 2.0 + ns / 2.0 * u),
            Jitter::Additive(share) => Span::from_nanos_f64(ns * (1.0 + share * u)),
            Jitter::Proportional(share) => {
                Span::from_nanos_f64(ns * (1.0 + share * (2.0 * u - 1.0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(backoff: &Backoff, u: f64) -> Vec<u64> {
        let mut previous = Span::ZERO;
        let mut next = |k| {
            previous = backoff.delay(k, previous, u);
            previous.0 / 1_000_000
        };
        (1..=5).map(&mut next).collect()
    }

    fn backoff(kind: BackoffKind, cap: Span, jitter: Jitter) -> Backoff {
        Backoff { kind, cap, jitter }
    }

    #[test]
    fn exponential_doubles_up_to_its_cap() {
        let kind = BackoffKind::Exponential {
            base: Span::SECOND,
            factor: 2.0,
        };
        let plain = backoff(kind.clone(), Span::seconds(5), Jitter::None);
        assert_eq!(delays(&plain, 0.9), [1000, 2000, 4000, 5000, 5000]);
        let full = backoff(kind.clone(), Span::seconds(5), Jitter::Full);
        assert_eq!(delays(&full, 0.5), [500, 1000, 2000, 2500, 2500]);
        let equal = backoff(kind.clone(), Span::seconds(5), Jitter::Equal);
        assert_eq!(delays(&equal, 0.5), [750, 1500, 3000, 3750, 3750]);
        let added = backoff(kind, Span::seconds(5), Jitter::Additive(0.1));
        assert_eq!(delays(&added, 0.5), [1050, 2100, 4200, 5250, 5250]);
    }

    #[test]
    fn linear_adds_its_step() {
        let kind = BackoffKind::Linear {
            base: Span::millis(100),
            step: Span::millis(50),
        };
        let linear = backoff(kind, Span::millis(220), Jitter::None);
        assert_eq!(delays(&linear, 0.0), [100, 150, 200, 220, 220]);
    }

    #[test]
    fn decorrelated_stays_between_base_and_three_times_the_last() {
        let kind = BackoffKind::Decorrelated {
            base: Span::millis(100),
        };
        let d = backoff(kind, Span::SECOND, Jitter::None);
        assert_eq!(delays(&d, 0.0), [100, 100, 100, 100, 100]);
        // 100 + 0.5·(300-100) = 200, then 100 + 0.5·(600-100) = 350, 575, 912.5, cap.
        assert_eq!(delays(&d, 0.5), [200, 350, 575, 912, 1000]);
    }

    #[test]
    fn a_hundred_doublings_saturate() {
        let kind = BackoffKind::Exponential {
            base: Span::SECOND,
            factor: 2.0,
        };
        let b = backoff(kind, Span::seconds(60), Jitter::None);
        assert_eq!(b.delay(100, Span::ZERO, 0.0), Span::seconds(60));
    }
}
