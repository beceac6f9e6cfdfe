//! From a file to a checked [`model::Scenario`].

pub mod model;
