//! The retry quota of the AWS SDKs: a bucket that each retry takes from, refunded by success.

use crate::wire::Outcome;

/// A retry quota as the scenario describes it.
///
/// A retry takes its cost, by what it comes after, or is not made. The success of a request that
/// was retried gives back what its last retry took; one at the first attempt gives `success`. What a
/// request took that failed for good is gone.
///
/// Source: AWS SDKs reference, "Retry behavior", `standard` mode; botocore `retries/quota.py` and
/// `retries/standard.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSpec {
    /// How much there is at first, and at most.
    pub capacity: u32,
    /// What a retry takes.
    pub cost: u32,
    /// What a retry after `rate_limited` takes.
    pub throttled: u32,
    /// What a retry after `timeout` takes.
    pub timeout: u32,
    /// What success at the first attempt gives back.
    pub success: u32,
}

/// What a retry quota remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// How much has been taken.
    gone: u32,
}

impl QuotaSpec {
    /// What a retry after this outcome takes.
    pub fn cost_after(&self, outcome: Outcome) -> u32 {
        match outcome {
            Outcome::RateLimited => self.throttled,
            Outcome::Timeout => self.timeout,
            _ => self.cost,
        }
    }
}

impl Quota {
    /// How much is left.
    pub fn left(&self, spec: &QuotaSpec) -> u32 {
        spec.capacity - self.gone
    }

    /// Takes so much; there must be as much.
    pub fn take(&mut self, amount: u32) {
        self.gone += amount;
    }

    /// Gives so much back, as far as it was taken.
    pub fn give_back(&mut self, amount: u32) {
        self.gone = self.gone.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_depend_on_what_a_retry_comes_after() {
        let spec = QuotaSpec {
            capacity: 500,
            cost: 5,
            throttled: 7,
            timeout: 10,
            success: 1,
        };
        let after = [
            Outcome::Transient,
            Outcome::RateLimited,
            Outcome::Timeout,
            Outcome::Overloaded,
        ];
        assert_eq!(after.map(|o| spec.cost_after(o)), [5, 7, 10, 5]);
    }

    #[test]
    fn no_more_comes_back_than_was_taken() {
        let spec = QuotaSpec {
            capacity: 10,
            cost: 5,
            throttled: 5,
            timeout: 5,
            success: 1,
        };
        let mut quota = Quota::default();
        quota.take(7);
        quota.give_back(3);
        assert_eq!(quota.left(&spec), 6);
        quota.give_back(100);
        assert_eq!(quota.left(&spec), 10);
    }
}
