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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_an_interval_rounded_down() {
        let rate = |count, per| Rate { count, per };
        let three = rate(3, Span::SECOND);
        assert_eq!(three.interval(), Span(333_333_333));
        assert_eq!(rate(5, Span::seconds(10)).interval(), Span::seconds(2));
        // What never comes is for ever away.
        assert_eq!(rate(0, Span::SECOND).interval(), Span::MAX);
        assert_eq!(three.per_nanosecond(), 3e-9);
    }
}
