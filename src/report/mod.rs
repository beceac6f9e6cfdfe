//! Everything that a person or a script reads, as pure functions of a result document.
//!
//! [`files`] makes what goes into `output/<scenario>/`, [`comparison`] what the terminal shows.
//! Nothing here runs, measures, reads a clock or writes to disk.

mod charts;
mod csv_files;
pub mod format;
mod html;
mod manifest;
mod markdown;
mod report_csv;
pub mod story;
mod summary_json;
mod table;
pub mod trace;

#[cfg(test)]
mod fixture;

pub use charts::{Chart, ChartError, charts, grid_chart};
pub use csv_files::{cuts_csv, fleets_csv, layers_csv, summary_csv, timeseries_csv};
pub use manifest::{manifest_json, sha256_hex};
pub use summary_json::summary_json;
pub use table::{comparison, fleets, layers};

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
        ("fleets.csv".to_owned(), fleets_csv(doc)?),
        ("cuts.csv".to_owned(), cuts_csv(doc)?),
        ("layers.csv".to_owned(), layers_csv(doc)?),
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

/// `report.html`: the page of one result, or of several side by side.
pub fn report_html(docs: &[&Document]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let page = html::html(docs)?;
    Ok(vec![("report.html".to_owned(), page.into_bytes())])
}

/// `report.md` and the charts that it shows.
pub fn report_markdown(docs: &[&Document]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = vec![(
        "report.md".to_owned(),
        markdown::markdown(docs).into_bytes(),
    )];
    for (i, doc) in docs.iter().enumerate() {
        for chart in charts(doc)? {
            files.push((markdown::chart_file(docs, i, chart.name), chart.png));
        }
    }
    Ok(files)
}

/// `report.csv`: everything on the page, one figure a line.
pub fn report_csv(docs: &[&Document]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    Ok(vec![(
        "report.csv".to_owned(),
        report_csv::report_csv(docs)?,
    )])
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
    use crate::experiment::Metric;

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

    /// `docs/summary.md` describes what the files hold; this keeps it from falling behind.
    #[test]
    fn the_documentation_knows_every_metric_column_and_file() {
        let text = include_str!("../../docs/summary.md");
        for metric in Metric::ALL {
            let row = format!("| `{}` | {} |", metric.key(), metric.meaning());
            assert!(text.contains(&row), "docs/summary.md lacks: {row}");
        }
        let doc = fixture::document(2);
        let files = files(&doc).unwrap();
        for (name, _) in &files {
            let stem = name.strip_suffix(".svg").or(name.strip_suffix(".png"));
            let name = stem.unwrap_or(name);
            assert!(
                text.contains(&format!("`{name}`")),
                "docs/summary.md lacks {name}"
            );
        }
        for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".csv")) {
            let header = String::from_utf8_lossy(bytes);
            for column in header.lines().next().unwrap().split(',') {
                assert!(
                    text.contains(&format!("`{column}`")),
                    "{name}: lacks {column}"
                );
            }
        }
        let summary = serde_json::from_slice(&summary_json(&doc).unwrap()).unwrap();
        for field in fields(&summary) {
            assert!(
                text.contains(&format!("`{field}`")),
                "summary.json: lacks {field}"
            );
        }
    }

    const OF_THE_FIXTURE: [&str; 4] = ["planner", "sandbox", "workers", "sub-agents"];

    /// The names of all fields in a JSON value, but for those of targets and fleets.
    fn fields(value: &serde_json::Value) -> Vec<String> {
        match value {
            serde_json::Value::Object(map) => map
                .iter()
                .filter(|(key, _)| !OF_THE_FIXTURE.contains(&key.as_str()))
                .flat_map(|(key, inner)| [vec![key.clone()], fields(inner)].concat())
                .collect(),
            serde_json::Value::Array(items) => items.iter().flat_map(fields).collect(),
            _ => Vec::new(),
        }
    }
}
