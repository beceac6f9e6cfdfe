//! The plain bucket of retries: first attempts or successes pay in, each retry takes a token.

use crate::units::Share;

/// A bucket of retries as the scenario describes it.
///
/// It begins full. A deposit adds a part of a token, never above `size`; a retry takes a whole one
/// and is allowed while there is more than one.
///
/// Source: M. Brooker, "Fixing retries with token buckets and circuit breakers" (2022), and its
/// simulator (mbrooker/simulator_example, `retry_sim`), which deposits at each first try; its text,
/// as the AWS SDKs do, at each success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSpec {
    /// How many tokens it holds.
    pub size: u32,
    /// What a deposit adds \[thousandths of a token\].
    pub deposit: u32,
    /// Whether successes deposit, instead of first attempts.
    pub on_success: bool,
}

/// What a bucket of retries remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How far below its size it is \[thousandths of a token\].
    missing: u64,
}

/// What a breaker of retries remembers: retries are allowed while the failures are at most a share
/// of the first attempts, all since the beginning. First attempts always go out.
///
/// Source: as of [`BucketSpec`], the strategy that its simulator calls a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// First attempts.
    pub first: u64,
    /// Attempts that failed, retries included.
    pub failed: u64,
}

/// Thousandths in a token.
const TOKEN: u64 = 1000;

impl Bucket {
    /// Pays in for a first attempt, or a success.
    pub fn pay_in(&mut self, spec: &BucketSpec) {
        self.missing = self.missing.saturating_sub(u64::from(spec.deposit));
    }

    /// Whether a retry is allowed.
    pub fn has_room(&self, spec: &BucketSpec) -> bool {
        self.missing + TOKEN < u64::from(spec.size) * TOKEN
    }

    /// Takes a token.
    pub fn take(&mut self) {
        self.missing += TOKEN;
    }
}

impl Failures {
    /// Whether a retry is allowed.
    pub fn has_room(&self, share: Share) -> bool {
        let whole = u128::from(Share::ALL.0);
        u128::from(self.failed) * whole <= u128::from(self.first) * u128::from(share.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_of_five_allows_four_at_once_and_then_one_in_ten() {
        let spec = BucketSpec {
            size: 5,
            deposit: 100,
            on_success: false,
        };
        let mut bucket = Bucket::default();
        let mut grants = 0;
        for call in 1..=100 {
            bucket.pay_in(&spec);
            while grants < 99 && bucket.has_room(&spec) {
                bucket.take();
                grants += 1;
            }
            // The first deposit finds it full; one token always stays in it, and more than that
            // one is there after ten further calls.
            assert_eq!(grants, 4 + u32::from(call > 1) * (call + 8) / 10, "{call}");
        }
    }

    #[test]
    fn the_share_of_failures_is_exact() {
        let share = Share(100_000);
        let at = |failed, first| Failures { first, failed }.has_room(share);
        assert!(at(1, 10) && !at(2, 19) && at(2, 20) && !at(1, 9));
    }
}
