//! Everything that a person or a script reads, as pure functions of a result document.
//!
//! [`files`] makes what goes into `output/<scenario>/`, [`comparison`] what the terminal shows.
//! Nothing here runs, measures, reads a clock or writes to disk.

mod charts;
mod csv_files;
pub mod format;
mod manifest;
mod summary_json;
mod table;

#[cfg(test)]
mod fixture;

pub use charts::{Chart, ChartError, charts};
pub use csv_files::{summary_csv, timeseries_csv};
pub use manifest::{manifest_json, sha256_hex};
pub use summary_json::summary_json;
pub use table::comparison;

use crate::experiment::document::Document;

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A JSON file.
    #[error("writing JSON failed: {0}")]
    Json(#[from] serde_json::Error),
    /// A CSV file.
    #[error("writing CSV failed: {0}")]
    Csv(#[from] csv::Error),
    /// A chart.
    #[error("a chart failed: {0}")]
    Chart(#[from] ChartError),
}

/// All output files as relative name and bytes, in a fixed order; `manifest.json` comes last and
/// lists the others.
pub fn files(doc: &Document) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = vec![
        ("summary.json".to_owned(), summary_json(doc)?),
        ("summary.csv".to_owned(), summary_csv(doc)?),
        ("timeseries.csv".to_owned(), timeseries_csv(doc)?),
        ("result.json".to_owned(), result_json(doc)?),
    ];
    for chart in charts(doc)? {
        files.push((format!("{}.svg", chart.name), chart.svg.into_bytes()));
        files.push((format!("{}.png", chart.name), chart.png));
    }
    let manifest = manifest_json(doc, &files)?;
    files.push(("manifest.json".to_owned(), manifest));
    Ok(files)
}

/// `result.json`: the document itself, in one line.
pub fn result_json(doc: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(doc)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_document_makes_the_same_bytes() {
        let doc = fixture::document(3);
        let first = files(&doc).unwrap();
        assert!(first == files(&doc.clone()).unwrap());
        assert_eq!(first.last().unwrap().0, "manifest.json");
    }

    #[test]
    fn the_saved_document_is_the_document() {
        let doc = fixture::document(2);
        let back: Document = serde_json::from_slice(&result_json(&doc).unwrap()).unwrap();
        assert!(back == doc);
    }

    #[test]
    fn the_manifest_lists_every_other_file() {
        let files = files(&fixture::document(1)).unwrap();
        let (last, others) = files.split_last().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&last.1).unwrap();
        let listed = manifest["files"].as_array().unwrap();
        assert_eq!(listed.len(), others.len());
        for (entry, (name, bytes)) in listed.iter().zip(others) {
            assert_eq!(entry["name"], *name);
            assert_eq!(entry["sha256"], sha256_hex(bytes));
        }
    }
}
