//! Backoff: how long to wait before the next attempt.
//!
//! Five knobs stay apart, because real libraries combine them in every way: the growth
//! ([`BackoffKind`]), the bounds, the jitter ([`Jitter`]), whether the bounds are kept before or
//! after the jitter, and the clock's grain ([`Rounding`]).
//!
//! ```text
//! k ─► growth ─► bounds ─► jitter ─► bounds ─► grain ─► delay
//!               (before)            (after)
//! ```

use super::{Jitter, Sorted};
use crate::random::math;
use crate::units::Span;

/// A backoff: growth, bounds, jitter, grain.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// How the delay grows.
    pub kind: BackoffKind,
    /// The shortest delay; it wins over the cap.
    pub floor: Span,
    /// The longest delay.
    pub cap: Span,
    /// When the bounds are kept.
    pub bounds: Bounds,
    /// What luck does to the delay.
    pub jitter: Jitter,
    /// In which steps the delay is measured.
    pub rounding: Rounding,
    /// Whether the first retry waits for nothing; the second one then waits as it would anyway.
    ///
    /// Source: urllib3 2.8.0, `Retry.get_backoff_time`; azure-core 1.41.0.
    pub first_at_once: bool,
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
    /// `base · F(k)`, the Fibonacci numbers 1, 1, 2, 3, 5 …
    /// Source: backoff 2.2.1, `_wait_gen.fibo`.
    Fibonacci {
        /// The first delay.
        base: Span,
    },
    /// `base + step·(k-1)^power`. Source: Sidekiq 8.1.7, `JobRetry#delay_for` (power 4).
    Polynomial {
        /// The first delay.
        base: Span,
        /// What the power is multiplied by.
        step: Span,
        /// The power.
        power: f64,
    },
    /// The delays as they are listed; the last one stays.
    /// Source: Inngest, `pkg/backoff`; tenacity 9.2.1, `wait_chain`.
    Table(Vec<Span>),
    /// `U(base, 3·previous)`, first previous = base. Takes no jitter of its own.
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Decorrelated {
        /// The shortest delay.
        base: Span,
    },
    /// `U(base, max(base, 3·previous))`, first previous = 0, so that the first delay is `base`.
    /// Takes no jitter of its own. Source: redis-py 8.1.0, `DecorrelatedJitterBackoff`.
    DecorrelatedRedis {
        /// The shortest delay.
        base: Span,
    },
    /// `base · (f(t_k) - f(t_(k-1))) / 1.4` with `t_k = k - 1 + U(0, 1)`, `f(t) = 2^t·tanh(√(4t))`
    /// and 0 for `f` before the first. Takes no jitter of its own.
    ///
    /// Source: Polly 8.7.0, `RetryHelper.DecorrelatedJitterBackoffV2`; cockatiel 4.0.0.
    DecorrelatedV2 {
        /// The median of the first delay, about.
        base: Span,
    },
    /// The delays of another backoff, drawn before the first retry and sorted. Takes no jitter of
    /// its own.
    Sorted(Box<Sorted>),
}

/// When a backoff's floor and cap are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bounds {
    /// Before the jitter, which may leave them.
    #[default]
    Before,
    /// After the jitter, which acts on the unbounded delay.
    After,
    /// Before and after.
    Both,
}

/// In which steps a delay is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// In nanoseconds.
    #[default]
    None,
    /// Down to whole milliseconds.
    Millis,
    /// To the nearest whole millisecond.
    NearestMillis,
    /// Down to whole milliseconds after each step of an exponential growth, and at the end.
    /// Source: resilience4j 2.4, `IntervalFunction.ofExponentialBackoff`.
    MillisEachStep,
    /// Down to whole seconds.
    Seconds,
}

impl Backoff {
    /// No delay at all.
    pub const NONE: Backoff = Backoff {
        kind: BackoffKind::Fixed { delay: Span::ZERO },
        floor: Span::ZERO,
        cap: Span::MAX,
        bounds: Bounds::Before,
        jitter: Jitter::None,
        rounding: Rounding::None,
        first_at_once: false,
    };

    /// The delay before retry number `k` (from 1) with luck `u` in \[0, 1).
    ///
    /// `memory` is zero before the first retry and belongs to this backoff, which keeps in it what
    /// the next delay depends on (the last delay, of the decorrelated kinds).
    #[inline]
    pub fn delay(&self, k: u32, memory: &mut Span, u: f64) -> Span {
        let k = k.max(1);
        if self.first_at_once && k == 1 {
            return Span::ZERO;
        }
        let grown = match &self.kind {
            BackoffKind::Sorted(sorted) => return sorted.delay(k, memory, u),
            &BackoffKind::Decorrelated { base } => {
                let high = 3.0 * (*memory).max(base).0 as f64;
                return self.remembered(between(base, high, u), memory);
            }
            &BackoffKind::DecorrelatedRedis { base } => {
                let high = (3.0 * memory.0 as f64).max(base.0 as f64);
                return self.remembered(between(base, high, u), memory);
            }
            &BackoffKind::DecorrelatedV2 { base } => {
                let before = memory.0 as f64;
                let now = base.0 as f64 * decorrelated_v2(f64::from(k - 1) + u);
                *memory = Span::from_nanos_f64(now);
                return self.rounding.apply(self.bounded((now - before) / V2_SCALE));
            }
            _ => self.kind.grown(k, self.rounding),
        };
        let before = match self.bounds {
            Bounds::Before | Bounds::Both => self.bounded(grown),
            Bounds::After => grown,
        };
        let lucky = self.jitter.apply(before, k, u);
        let after = match self.bounds {
            Bounds::After | Bounds::Both => self.bounded(lucky),
            Bounds::Before => lucky,
        };
        self.rounding.apply(after)
    }

    fn bounded(&self, ns: f64) -> f64 {
        ns.min(self.cap.0 as f64).max(self.floor.0 as f64)
    }

    fn remembered(&self, ns: f64, memory: &mut Span) -> Span {
        *memory = self.rounding.apply(self.bounded(ns));
        *memory
    }

    /// Whether the delay depends on luck.
    pub fn draws(&self) -> bool {
        self.remembers() || self.jitter != Jitter::None
    }

    /// Whether the delay depends on earlier ones.
    pub fn remembers(&self) -> bool {
        matches!(
            self.kind,
            BackoffKind::Decorrelated { .. }
                | BackoffKind::DecorrelatedRedis { .. }
                | BackoffKind::DecorrelatedV2 { .. }
                | BackoffKind::Sorted(_)
        )
    }
}

/// What Polly divides by, so that the median of the first delay is about the base.
const V2_SCALE: f64 = 1.4;

fn decorrelated_v2(t: f64) -> f64 {
    math::pow(2.0, t) * math::tanh((4.0 * t).sqrt())
}

fn between(base: Span, high: f64, u: f64) -> f64 {
    let low = base.0 as f64;
    low + (high - low) * u
}

impl BackoffKind {
    /// The delay before retry `k` \[ns\], of a kind without memory.
    fn grown(&self, k: u32, rounding: Rounding) -> f64 {
        match self {
            BackoffKind::Fixed { delay } => delay.0 as f64,
            BackoffKind::Linear { base, step } => base.0 as f64 + step.0 as f64 * f64::from(k - 1),
            BackoffKind::Exponential { base, factor } => {
                if rounding == Rounding::MillisEachStep {
                    return exponential_in_steps(*base, *factor, k);
                }
                base.0 as f64 * math::pow_whole(*factor, k - 1)
            }
            BackoffKind::Fibonacci { base } => {
                let (mut one, mut next) = (1.0, 1.0);
                // Past the 1500th number floats are full, and stay so.
                for _ in 1..k.min(1500) {
                    (one, next) = (next, one + next);
                }
                base.0 as f64 * one
            }
            BackoffKind::Polynomial { base, step, power } => {
                base.0 as f64 + step.0 as f64 * math::pow(f64::from(k - 1), *power)
            }
            BackoffKind::Table(delays) => {
                let last = delays.len().saturating_sub(1);
                let delay = delays.get((k as usize - 1).min(last));
                delay.map_or(0.0, |d| d.0 as f64)
            }
            BackoffKind::Sorted(sorted) => sorted.of.kind.grown(k, rounding),
            BackoffKind::Decorrelated { base }
            | BackoffKind::DecorrelatedRedis { base }
            | BackoffKind::DecorrelatedV2 { base } => base.0 as f64,
        }
    }
}

fn exponential_in_steps(base: Span, factor: f64, k: u32) -> f64 {
    let mut delay = base.0 as f64;
    // Past 2,000 steps a growing float is full and a shrinking one is nothing.
    for _ in 1..k.min(2000) {
        delay = Rounding::Millis.apply(delay * factor).0 as f64;
    }
    delay
}

impl Rounding {
    fn apply(self, ns: f64) -> Span {
        let grain = match self {
            Rounding::None => return Span::from_nanos_f64(ns),
            Rounding::Millis | Rounding::MillisEachStep | Rounding::NearestMillis => {
                Span::MILLISECOND
            }
            Rounding::Seconds => Span::SECOND,
        };
        let half = match self {
            Rounding::NearestMillis => grain.0 as f64 / 2.0,
            // A thousandth of a nanosecond, so that 3 × 0.1 ms counts as what it is meant to be.
            _ => 1e-3,
        };
        let steps = ((ns + half) / grain.0 as f64).floor();
        Span::from_nanos_f64(steps * grain.0 as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(backoff: &Backoff, u: f64) -> Vec<u64> {
        let mut memory = Span::ZERO;
        (1..=5)
            .map(|k| backoff.delay(k, &mut memory, u).0 / 1_000_000)
            .collect()
    }

    fn backoff(kind: BackoffKind, cap: Span, jitter: Jitter) -> Backoff {
        Backoff {
            kind,
            cap,
            jitter,
            ..Backoff::NONE
        }
    }

    const DOUBLING: BackoffKind = BackoffKind::Exponential {
        base: Span::SECOND,
        factor: 2.0,
    };

    #[test]
    fn exponential_doubles_up_to_its_cap() {
        let five = Span::seconds(5);
        let plain = backoff(DOUBLING, five, Jitter::None);
        assert_eq!(delays(&plain, 0.9), [1000, 2000, 4000, 5000, 5000]);
        let full = backoff(DOUBLING, five, Jitter::Full);
        assert_eq!(delays(&full, 0.5), [500, 1000, 2000, 2500, 2500]);
        let equal = backoff(DOUBLING, five, Jitter::Equal);
        assert_eq!(delays(&equal, 0.5), [750, 1500, 3000, 3750, 3750]);
        let added = backoff(DOUBLING, five, Jitter::Additive(0.1));
        assert_eq!(delays(&added, 0.5), [1050, 2100, 4200, 5250, 5250]);
    }

    #[test]
    fn bounds_stand_before_or_after_the_jitter() {
        let mut b = backoff(DOUBLING, Span::seconds(5), Jitter::Full);
        b.bounds = Bounds::After;
        assert_eq!(delays(&b, 0.5), [500, 1000, 2000, 4000, 5000]);
        b.floor = Span::seconds(2);
        assert_eq!(delays(&b, 0.5), [2000, 2000, 2000, 4000, 5000]);
        b.bounds = Bounds::Both;
        b.floor = Span::ZERO;
        b.jitter = Jitter::Additive(1.0);
        assert_eq!(delays(&b, 0.5), [1500, 3000, 5000, 5000, 5000]);
        b.floor = Span::seconds(9);
        assert_eq!(delays(&b, 0.0), [9000; 5], "the floor wins over the cap");
    }

    #[test]
    fn every_growth_follows_its_formula() {
        let of = |kind| delays(&backoff(kind, Span::MAX, Jitter::None), 0.0);
        let (base, step) = (Span::millis(100), Span::millis(50));
        assert_eq!(
            of(BackoffKind::Linear { base, step }),
            [100, 150, 200, 250, 300]
        );
        assert_eq!(
            of(BackoffKind::Fibonacci { base }),
            [100, 100, 200, 300, 500]
        );
        let power = 4.0;
        let fourth = BackoffKind::Polynomial { base, step, power };
        assert_eq!(of(fourth), [100, 150, 900, 4150, 12900]);
        let table = BackoffKind::Table(vec![step, base]);
        assert_eq!(of(table), [50, 100, 100, 100, 100]);
        assert_eq!(of(BackoffKind::Table(vec![])), [0; 5]);
    }

    #[test]
    fn decorrelated_stays_between_base_and_three_times_the_last() {
        let base = Span::millis(100);
        let d = backoff(
            BackoffKind::Decorrelated { base },
            Span::SECOND,
            Jitter::None,
        );
        assert_eq!(delays(&d, 0.0), [100, 100, 100, 100, 100]);
        // 100 + 0.5·(300-100) = 200, then 100 + 0.5·(600-100) = 350, 575, 912.5, cap.
        assert_eq!(delays(&d, 0.5), [200, 350, 575, 912, 1000]);
        let kind = BackoffKind::DecorrelatedRedis { base };
        let redis = backoff(kind, Span::SECOND, Jitter::None);
        assert_eq!(delays(&redis, 0.5), [100, 200, 350, 575, 912]);
        let kind = BackoffKind::DecorrelatedV2 { base };
        let polly = backoff(kind, Span::SECOND, Jitter::None);
        assert_eq!(delays(&polly, 0.5)[..2], [89, 109]);
    }

    #[test]
    fn the_first_retry_may_come_at_once() {
        let mut b = backoff(DOUBLING, Span::seconds(5), Jitter::None);
        b.first_at_once = true;
        assert_eq!(delays(&b, 0.0), [0, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn clocks_have_a_grain() {
        let kind = BackoffKind::Exponential {
            base: Span::millis(5),
            factor: 1.5,
        };
        let mut b = backoff(kind, Span::MAX, Jitter::None);
        let micros = |b: &Backoff| -> Vec<u64> {
            (1..=4)
                .map(|k| b.delay(k, &mut Span::ZERO.clone(), 0.0).0 / 1000)
                .collect()
        };
        assert_eq!(micros(&b), [5000, 7500, 11250, 16875]);
        b.rounding = Rounding::Millis;
        assert_eq!(micros(&b), [5000, 7000, 11000, 16000]);
        b.rounding = Rounding::NearestMillis;
        assert_eq!(micros(&b), [5000, 8000, 11000, 17000]);
        b.rounding = Rounding::MillisEachStep;
        assert_eq!(micros(&b), [5000, 7000, 10000, 15000]);
        b.rounding = Rounding::Seconds;
        assert_eq!(micros(&b), [0, 0, 0, 0]);
    }

    #[test]
    fn a_hundred_doublings_saturate() {
        let b = backoff(DOUBLING, Span::seconds(60), Jitter::None);
        assert_eq!(
            b.delay(100, &mut Span::ZERO.clone(), 0.0),
            Span::seconds(60)
        );
        let endless = backoff(DOUBLING, Span::MAX, Jitter::None);
        assert_eq!(
            endless.delay(u32::MAX, &mut Span::ZERO.clone(), 0.5),
            Span::MAX
        );
    }
}
