//! Retry budgets: bounds on retries that the retry layers inside them share.
//!
//! Each kind is a state machine of its own. All of them are asked before a retry
//! ([`RetryBudget::has_room`], [`RetryBudget::take`]); most also hear how the attempts inside them
//! begin and end.

mod active;
mod bucket;
mod quota;
mod throttle;
mod windowed;

pub use active::{Active, ActiveSpec};
pub use bucket::{Bucket, BucketSpec, Failures};
pub use quota::{Quota, QuotaSpec};
pub use throttle::{Throttle, ThrottleSpec};
pub use windowed::{Windowed, WindowedSpec};

use crate::units::{Money, Share, Time};
use crate::wire::Outcome;

/// A retry budget as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryBudgetSpec {
    /// At most so many retries.
    Count(u32),
    /// At most so many retries of the retry layer next inside it in its list; those of layers further
    /// inside are not counted.
    ///
    /// Source: CrewAI 1.15, `agent/core.py` (`_times_executed`, per agent, is never reset).
    NextCount(u32),
    /// Retries may cost at most so many times what the first attempts cost.
    Cost {
        /// The multiple.
        factor: f64,
    },
    /// Retries are at most this share of the first attempts so far: one is allowed while
    /// `retries + 1 <= share · first attempts`.
    ///
    /// Source: Beyer et al., Site Reliability Engineering (2016), chapter 21, "Deciding to Retry",
    /// the per-client retry budget of 10 %.
    Ratio(Share),
    /// gRPC's retry throttle.
    Throttle(ThrottleSpec),
    /// The retry quota of the AWS SDKs.
    Quota(QuotaSpec),
    /// The retry budget of Finagle and tower.
    Windowed(WindowedSpec),
    /// Envoy's retry budget.
    Active(ActiveSpec),
    /// A bucket that first attempts or successes fill.
    Bucket(BucketSpec),
    /// Retries are allowed while at most this share of the first attempts has failed, see
    /// [`Failures`].
    Failures(Share),
}

/// What a retry budget remembers: the state of its kind, once something has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the state of the kind of that name")]
pub enum RetryBudget {
    /// Nothing has happened yet.
    #[default]
    Fresh,
    Count {
        retries: u32,
    },
    Cost {
        first: Money,
        again: Money,
    },
    Ratio {
        first: u64,
        retries: u64,
    },
    Throttle(Throttle),
    Quota(Quota),
    Windowed(Windowed),
    Active(Active),
    Bucket(Bucket),
    Failures(Failures),
}

/// An attempt that has ended, as retry budgets see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Whether a retry layer inside the budget asked for it.
    pub retry: bool,
    /// Whether it was the first attempt of its step.
    pub first_of_step: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost.
    pub cost: Money,
    /// What [`RetryBudget::take`] said of the retry, if it was one.
    pub held: u32,
}

impl RetryBudgetSpec {
    /// Whether it must hear of the attempts inside it.
    pub fn watches(&self) -> bool {
        !matches!(
            self,
            RetryBudgetSpec::Count(_) | RetryBudgetSpec::NextCount(_)
        )
    }

    /// Whether what it took for a retry must be remembered until the attempt has ended.
    pub fn remembers(&self) -> bool {
        matches!(self, RetryBudgetSpec::Quota(_))
    }
}

impl RetryBudget {
    /// The state as that of this kind.
    fn of(&mut self, spec: &RetryBudgetSpec) -> &mut RetryBudget {
        if *self == RetryBudget::Fresh {
            *self = match spec {
                RetryBudgetSpec::Count(_) | RetryBudgetSpec::NextCount(_) => {
                    RetryBudget::Count { retries: 0 }
                }
                RetryBudgetSpec::Cost { .. } => RetryBudget::Cost {
                    first: Money::ZERO,
                    again: Money::ZERO,
                },
                RetryBudgetSpec::Ratio(_) => RetryBudget::Ratio {
                    first: 0,
                    retries: 0,
                },
                RetryBudgetSpec::Throttle(_) => RetryBudget::Throttle(Throttle::default()),
                RetryBudgetSpec::Quota(_) => RetryBudget::Quota(Quota::default()),
                RetryBudgetSpec::Windowed(_) => RetryBudget::Windowed(Windowed::default()),
                RetryBudgetSpec::Active(_) => RetryBudget::Active(Active::default()),
                RetryBudgetSpec::Bucket(_) => RetryBudget::Bucket(Bucket::default()),
                RetryBudgetSpec::Failures(_) => RetryBudget::Failures(Failures::default()),
            };
        }
        self
    }

    /// Notes that an attempt begins, and whether a retry layer inside the budget asked for it.
    pub fn begun(&mut self, spec: &RetryBudgetSpec, now: Time, retry: bool) {
        match (self.of(spec), spec) {
            (RetryBudget::Ratio { first, .. }, _) if !retry => *first += 1,
            (RetryBudget::Windowed(state), RetryBudgetSpec::Windowed(spec))
                if !retry && !spec.on_success =>
            {
                state.deposit(spec, now);
            }
            (RetryBudget::Active(state), _) => state.attempts += 1,
            (RetryBudget::Bucket(state), RetryBudgetSpec::Bucket(spec))
                if !retry && !spec.on_success =>
            {
                state.pay_in(spec);
            }
            (RetryBudget::Failures(state), _) => state.first += u64::from(!retry),
            _ => {}
        }
    }

    /// Notes that an attempt has ended.
    pub fn ended(&mut self, spec: &RetryBudgetSpec, now: Time, end: &AttemptEnd) {
        match (self.of(spec), spec) {
            (RetryBudget::Cost { first, .. }, _) if end.first_of_step => *first += end.cost,
            (RetryBudget::Cost { again, .. }, _) => *again += end.cost,
            (RetryBudget::Throttle(state), RetryBudgetSpec::Throttle(spec)) => {
                state.ended(spec, end.outcome);
            }
            (RetryBudget::Quota(state), RetryBudgetSpec::Quota(spec))
                if end.outcome == Outcome::Ok =>
            {
                let taken = if end.retry { end.held } else { 0 };
                state.give_back(if taken == 0 { spec.success } else { taken });
            }
            (RetryBudget::Windowed(state), RetryBudgetSpec::Windowed(spec))
                if spec.on_success && end.outcome == Outcome::Ok =>
            {
                state.deposit(spec, now);
            }
            (RetryBudget::Active(state), _) => state.attempts = state.attempts.saturating_sub(1),
            (RetryBudget::Bucket(state), RetryBudgetSpec::Bucket(spec))
                if spec.on_success && end.outcome == Outcome::Ok =>
            {
                state.pay_in(spec);
            }
            (RetryBudget::Failures(state), _) => {
                state.failed += u64::from(end.outcome != Outcome::Ok);
            }
            _ => {}
        }
    }

    /// Whether there is room for one retry after `outcome` whose cost is estimated. Takes nothing.
    pub fn has_room(
        &mut self,
        spec: &RetryBudgetSpec,
        now: Time,
        outcome: Outcome,
        estimate: Money,
    ) -> bool {
        match (self.of(spec), spec) {
            (
                RetryBudget::Count { retries },
                RetryBudgetSpec::Count(most) | RetryBudgetSpec::NextCount(most),
            ) => *retries < *most,
            (RetryBudget::Cost { first, again }, RetryBudgetSpec::Cost { factor }) => {
                let most = Money((first.0 as f64 * factor) as i128);
                *again + estimate <= most
            }
            (RetryBudget::Ratio { first, retries }, RetryBudgetSpec::Ratio(share)) => {
                (*retries + 1) * u64::from(Share::ALL.0) <= *first * u64::from(share.0)
            }
            (RetryBudget::Throttle(state), RetryBudgetSpec::Throttle(spec)) => state.has_room(spec),
            (RetryBudget::Quota(state), RetryBudgetSpec::Quota(spec)) => {
                state.left(spec) >= spec.cost_after(outcome)
            }
            (RetryBudget::Windowed(state), RetryBudgetSpec::Windowed(spec)) => {
                state.has_room(spec, now)
            }
            (RetryBudget::Active(state), RetryBudgetSpec::Active(spec)) => state.has_room(spec),
            (RetryBudget::Bucket(state), RetryBudgetSpec::Bucket(spec)) => state.has_room(spec),
            (RetryBudget::Failures(state), RetryBudgetSpec::Failures(share)) => {
                state.has_room(*share)
            }
            _ => unreachable!("a state is that of its kind"),
        }
    }

    /// Takes one retry after `outcome`, for which there must be room; returns what it took, for
    /// [`AttemptEnd::held`].
    pub fn take(&mut self, spec: &RetryBudgetSpec, outcome: Outcome) -> u32 {
        match (self.of(spec), spec) {
            (RetryBudget::Count { retries }, _) => *retries = retries.saturating_add(1),
            (RetryBudget::Ratio { retries, .. }, _) => *retries += 1,
            (RetryBudget::Quota(state), RetryBudgetSpec::Quota(spec)) => {
                let cost = spec.cost_after(outcome);
                state.take(cost);
                return cost;
            }
            (RetryBudget::Windowed(state), RetryBudgetSpec::Windowed(spec)) => state.withdraw(spec),
            (RetryBudget::Active(state), _) => state.retries += 1,
            (RetryBudget::Bucket(state), _) => state.take(),
            _ => {}
        }
        0
    }

    /// Notes that a retry that was taken is over, or was given up before it began.
    pub fn over(&mut self) {
        if let RetryBudget::Active(state) = self {
            state.retries = state.retries.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
