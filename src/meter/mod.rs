//! The meter: an observer that keeps the books of a run.
//!
//! [`Ledger`] counts attempts, tokens and money by target, outcome and cause; [`series`] keeps them
//! over time in a fixed number of buckets. Everything is an integer, so books of several runs add
//! up to the same sums in any order. The meter never feeds back into the run.

mod fleet_book;
mod ledger;
mod recovery;
pub mod series;

pub use fleet_book::FleetBook;
pub use ledger::{CauseBook, Ledger, StepBook, TargetBook};
