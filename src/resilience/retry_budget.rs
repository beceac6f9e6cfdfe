//! Retry budget: a bound on retries that the retry layers inside it share.

use crate::units::Money;

/// A retry budget as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryBudgetSpec {
    /// At most so many retries.
    Count(u32),
    /// Retries may cost at most so many times what the first attempts cost.
    Cost {
        /// The multiple.
        factor: f64,
    },
}

/// What a retry budget remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryBudget {
    retries: u32,
    first: Money,
    again: Money,
}

impl RetryBudget {
    /// Whether there is room for one retry whose cost is estimated. Counts nothing.
    pub fn has_room(&self, spec: &RetryBudgetSpec, estimate: Money) -> bool {
        match *spec {
            RetryBudgetSpec::Count(most) => self.retries < most,
            RetryBudgetSpec::Cost { factor } => {
                let most = Money((self.first.0 as f64 * factor) as i128);
                self.again + estimate <= most
            }
        }
    }

    /// Counts a retry.
    pub fn count(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }

    /// Asks for one retry whose cost is estimated; a granted one is counted.
    pub fn allow(&mut self, spec: &RetryBudgetSpec, estimate: Money) -> bool {
        let granted = self.has_room(spec, estimate);
        if granted {
            self.count();
        }
        granted
    }

    /// Notes what an attempt cost, and whether it was a retry.
    pub fn paid(&mut self, retry: bool, cost: Money) {
        if retry {
            self.again += cost;
        } else {
            self.first += cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_at_most_twice_the_first_attempt() {
        let spec = RetryBudgetSpec::Cost { factor: 2.0 };
        let mut budget = RetryBudget::default();
        budget.paid(false, Money::cents(5));
        for granted in [true, true, false] {
            assert_eq!(budget.allow(&spec, Money::cents(5)), granted);
            budget.paid(granted, Money::cents(5));
        }
    }

    #[test]
    fn a_count_is_a_count() {
        let mut budget = RetryBudget::default();
        let granted: Vec<_> = (0..3)
            .map(|_| budget.allow(&RetryBudgetSpec::Count(2), Money::ZERO))
            .collect();
        assert_eq!(granted, [true, true, false]);
    }
}
