//! The world outside the client: tools and models, what limits them, what breaks them, what they
//! charge.
//!
//! Everything here answers to an attempt and knows nothing of policies. A target's description
//! ([`Target`]) is plain data; what changes during a run stands beside it: [`limiter`] for
//! server-side rate limits, [`failure`] for outages, episodes and scripts, [`budget`] for spend
//! limits.

pub mod billing;
pub mod breakdown;
pub mod budget;
mod calendar;
mod contention;
pub mod failure;
pub mod limiter;
mod load;
pub mod price;
mod store;
mod target;

pub use billing::{Billing, BillingRule};
pub use breakdown::Breakdowns;
pub use calendar::{Calendar, Recurring, Window};
pub use contention::Contention;
pub use failure::{Episodes, Outage, Reach, Script, ScriptThen, ScriptedReply, Slowdown, StruckBy};
pub use limiter::{Algorithm, LimitPer, LimitSpec, LimitUnit, Limiter, RetryAfterHint};
pub use load::{Curve, LoadBy, LoadFailures, Shape, UnderLoad};
pub use price::{CachePolicy, PriceList, TokenPrices};
pub use store::{LookUp, Store};
pub use target::{Capacity, Failures, Hangs, Order, Stale, Target, WhenFull, Work};
