//! Rates: so many per so long.

use super::Span;

/// A rate as it was written: `count` events in each `per`, for example 500 in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In how long \[ns\]; never zero.
    pub per: Span,
}

impl Rate {
    /// Events per nanosecond.
    pub fn per_nanosecond(self) -> f64 {
        self.count as f64 / self.per.0 as f64
    }

    /// The time between two events at this rate, rounded down to the nanosecond.
    pub fn interval(self) -> Span {
        Span(self.per.0.checked_div(self.count).unwrap_or(u64::MAX))
    }
}
