//! Policies × replications, and the result document that they make.

pub mod document;
mod metric;

pub use metric::Metric;
