//! Time as integer nanoseconds.
//!
//! A float clock loses nanoseconds after a few months and makes ties depend on rounding; an
//! integer one does neither. All arithmetic saturates: "for ever" is a value, not an overflow.

use std::ops::{Add, AddAssign, Sub};

/// A point in simulated time \[ns since the start of the run\].
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Time(pub u64);

/// A length of time \[ns\].
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Span(pub u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Time = Time(0);
    /// A time that never comes.
    pub const NEVER: Time = Time(u64::MAX);

    /// The time since `earlier`, or zero if `earlier` is later.
    #[inline]
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the start, for people and files only.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// For ever.
    pub const MAX: Span = Span(u64::MAX);
    /// One millisecond.
    pub const MILLISECOND: Span = Span(1_000_000);
    /// One second.
    pub const SECOND: Span = Span(1_000_000_000);

    /// A span of whole seconds.
    pub const fn seconds(s: u64) -> Span {
        Span(s.saturating_mul(1_000_000_000))
    }

    /// A span of whole milliseconds.
    pub const fn millis(ms: u64) -> Span {
        Span(ms.saturating_mul(1_000_000))
    }

    /// A span from float nanoseconds: rounded down, negative and NaN become zero, huge saturates.
    #[inline]
    pub fn from_nanos_f64(ns: f64) -> Span {
        // A processor converts to signed numbers; what is too large for them is rare.
        if ns >= i64::MAX as f64 {
            return Span(ns as u64);
        }
        Span((ns as i64).max(0) as u64)
    }

    /// Seconds, for people and files only.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span `n` times over, saturating.
    pub fn times(self, n: u64) -> Span {
        Span(self.0.saturating_mul(n))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::NEVER + Span::SECOND, Time::NEVER);
        assert_eq!(Time(3).since(Time(5)), Span::ZERO);
        assert_eq!(Span::MAX.times(2), Span::MAX);
    }

    #[test]
    fn float_nanoseconds_are_floored_and_clamped() {
        assert_eq!(Span::from_nanos_f64(1.9), Span(1));
        assert_eq!(Span::from_nanos_f64(-4.0), Span::ZERO);
        assert_eq!(Span::from_nanos_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_nanos_f64(f64::INFINITY), Span::MAX);
        let half = 9_223_372_036_854_775_808;
        assert_eq!(Span::from_nanos_f64(half as f64), Span(half));
        assert_eq!(Span::from_nanos_f64(half as f64 * 1.5), Span(half / 2 * 3));
    }

    #[test]
    fn times_and_spans_by_hand() {
        let mut now = Time::ZERO + Span::millis(1500);
        now += Span::SECOND;
        assert_eq!(now.as_seconds(), 2.5);
        assert_eq!(now.since(Time(2_000_000_000)), Span::millis(500));
        assert_eq!(Span::millis(250) + Span::SECOND, Span(1_250_000_000));
        assert_eq!(Span::SECOND - Span::millis(250), Span::millis(750));
        assert_eq!(Span::millis(250) - Span::SECOND, Span::ZERO);
        assert_eq!(Span::millis(250).as_seconds(), 0.25);
    }
}
