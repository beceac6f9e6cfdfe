//! Everything that a person or a script reads, as pure functions of a result document.
//!
//! [`files`] makes what goes into `output/<scenario>/`, [`comparison`] what the terminal shows.
//! Nothing here runs, measures, reads a clock or writes to disk.

mod csv_files;
pub mod format;
mod manifest;
mod summary_json;
mod table;
pub mod trace;

#[cfg(test)]
mod fixture;

pub use csv_files::{summary_csv, timeseries_csv};
pub use manifest::{manifest_json, sha256_hex};
pub use summary_json::summary_json;
pub use table::comparison;

use crate::experiment::document::Document;
pub fn files(doc: &Document) -> Result<Vec<(String, Vec<u8>)>, serde_json::Error> {
    let mut files = vec![("summary.json".to_owned(), summary_json(doc)?)];
    files.push(("manifest.json".to_owned(), manifest_json(doc, &files)?));
    Ok(files)
}
