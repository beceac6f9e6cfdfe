//! Everything that a person or a script reads, as pure functions of a result document.
//!
//! [`files`] makes what goes into `output/<scenario>/`, [`comparison`] what the terminal shows.
//! Nothing here runs, measures, reads a clock or writes to disk.

mod csv_files;
pub mod format;
mod manifest;
mod summary_json;
mod table;

#[cfg(test)]
mod fixture;

pub use csv_files::{summary_csv, timeseries_csv};
pub use manifest::{manifest_json, sha256_hex};
pub use summary_json::summary_json;
pub use table::comparison;
