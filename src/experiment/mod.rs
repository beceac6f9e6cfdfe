//! Many runs: policies × replications on all cores, and what they add up to.
//!
//! [`run`] plays every policy of a scenario in every replication, all policies of one replication in
//! the same weather, and makes the result [`document`]. Runs finish in any order; their books are
//! taken by index and added up one after the other, so the document is the same on any number of threads.
//!
//! What has been added up so far is [`Books`], of a range of replications. They can be saved, gone on
//! with ([`go_on`]), and appended to each other: shards, and runs that were killed. [`run`] does it all
//! in one go.

mod assumptions;
mod books;
mod cuts;
pub mod document;
mod frame;
mod gather;
mod ideal;
mod in_order;
mod life;
mod metric;
mod nesting;
mod row;
mod runner;
mod samples;
mod thresholds;
mod warnings;

pub use books::{Books, BooksError};
pub use frame::Frame;
pub use metric::Metric;
pub use runner::{Interrupted, Plan, Progress, RunStatistics, go_on, observe, play_one, run};
pub use samples::EXACT_REPLICATIONS;
