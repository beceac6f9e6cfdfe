//! Showing a result document and writing its files, for every command that has one.

use std::path::PathBuf;

use crate::experiment::document::{Document, Verdict};
use crate::report;

use super::exit::{Exit, Failure};
use super::{files, terminal};

/// What is wanted of a document.
pub struct Wanted<'a> {
    /// The folder to write into, if any.
    pub output: Option<&'a PathBuf>,
    /// The summary as JSON in place of the table.
    pub json: bool,
    /// Below the table, what became of each fleet.
    pub fleets: bool,
    /// Below the table, what each retry layer did.
    pub layers: bool,
    /// The cost report too.
    pub report: bool,
    /// No talk.
    pub quiet: bool,
}

/// Prints the table or the summary, then writes the files. `replay` is how to make the document
/// again, for bugs.
pub fn present(document: &Document, wanted: &Wanted<'_>, replay: &str) -> Result<(), Failure> {
    let bug = |error: &dyn std::error::Error| Failure::Bug(error.to_string(), replay.to_owned());
    if wanted.json {
        let summary = report::summary_json(document).map_err(|error| bug(&error))?;
        terminal::print_bytes(&summary)?;
    } else {
        let table = report::comparison(document, terminal::width(), terminal::colour());
        terminal::print(&table)?;
        if wanted.fleets {
            let fleets = report::fleets(document, terminal::width());
            terminal::print(&format!("\n{fleets}"))?;
        }
        if wanted.layers {
            let layers = report::layers(document, terminal::width());
            terminal::print(&format!("\n{layers}"))?;
        }
    }
    if let Some(output) = wanted.output {
        let folder = output.join(&document.scenario);
        let mut made = report::files(document).map_err(|error| bug(&error))?;
        if wanted.report {
            made.extend(report::report_html(&[document]).map_err(|error| bug(&error))?);
        }
        files::write_all(&folder, &made)?;
        if !wanted.json && !wanted.quiet {
            let n = made.len();
            terminal::say(&format!("wrote {n} files to {}", folder.display()));
        }
    }
    Ok(())
}

/// How a command ends that has this document.
pub fn verdict(document: &Document) -> Exit {
    let has = |verdict| document.thresholds.iter().any(|t| t.verdict == verdict);
    if has(Verdict::Failed) {
        Exit::ThresholdFailed
    } else if has(Verdict::Undecided) {
        Exit::Undecided
    } else {
        Exit::Fine
    }
}
