//! The layers of a policy as pure state machines: (state, now, outcome, draw) → decision.
//!
//! Nothing here knows of agents, events or servers; each layer can be used and tested alone. What a
//! layer is told is plain: the time, what came back ([`crate::wire::Reply`]), and a uniform number
//! where it needs luck.

mod adaptive_limit;
mod adaptive_throttle;
mod aimd;
mod backoff;
mod breaker;
mod headers;
mod hedge;
mod jitter;
mod outlook;
mod predicate;
mod rate_limit;
mod retry;
mod retry_budget;
mod router;
mod semaphore;
mod sleeping_window;
mod sorted;
#[cfg(test)]
mod tests;
mod wait_limit;

pub use adaptive_limit::{AdaptiveLimit, AdaptiveLimitSpec, Cubic};
pub use adaptive_throttle::{AdaptiveThrottle, AdaptiveThrottleSpec};
pub use aimd::{AimdSpec, Sample};
pub use backoff::{Backoff, BackoffKind, Bounds, Rounding};
pub use breaker::{
    Admission, Begin, Breaker, BreakerSpec, BreakerState, Buckets, Decides, Ended, HalfOpen, Limit,
    OpenFor, Slow, Tally, Trip, Window, WindowSpec, WindowTrip,
};
pub use headers::{
    Grammar, HeaderRules, HeaderSet, HeaderTexts, Number, Reading, RetryAfterRule, Told, Unusable,
    WhenTooLong, date,
};
pub use hedge::{HedgeAfter, HedgeSpec, Latencies, Missed};
pub use jitter::Jitter;
pub use outlook::{DelayRange, Outlook};
pub use predicate::{Predicate, StatusSet};
pub use rate_limit::{ClientLimit, ClientLimitSpec, Pace};
pub use retry::{Decision, RetrySpec, RetryState};
pub use retry_budget::{
    Active, ActiveSpec, AttemptEnd, Bucket, BucketSpec, Failures, Quota, QuotaSpec, RetryBudget,
    RetryBudgetSpec, Throttle, ThrottleSpec, Windowed, WindowedSpec,
};
pub use router::{Cooldown, MOST_DEPLOYMENTS, Router, RouterSpec, Strategy, Trips};
pub use semaphore::{Entry, Semaphore, SemaphoreSpec};
pub use sleeping_window::SleepingWindow;
pub use sorted::Sorted;
pub use wait_limit::WaitLimit;
