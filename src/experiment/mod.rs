//! Many runs: policies × replications on all cores, and what they add up to.
//!
//! [`run`] plays every policy of a scenario in every replication, all policies of one replication in
//! the same weather, and makes the result [`document`]. Runs finish in any order; their books are
//! collected by index and added up serially, so the document is the same on any number of threads.

pub mod document;
mod gather;
mod ideal;
mod metric;
mod nesting;
mod runner;
mod thresholds;
mod warnings;

pub use metric::Metric;
pub use runner::{Interrupted, Plan, Progress, RunStatistics, observe, play_one, run};
