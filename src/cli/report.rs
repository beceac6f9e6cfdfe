//! `squall report`: makes pages again from saved results.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::experiment::document::{Document, SCHEMA};
use crate::report;

use super::args::{ReportFormat, ReportOptions};
use super::exit::{Exit, Failure};
use super::{files, terminal};

/// Where runs leave their results unless they are told otherwise.
const OUTPUT: &str = "output";
/// The file of a run's folder that holds the whole result.
const RESULT: &str = "result.json";

/// Reads the results and writes the report beside the first of them, or where it is told to.
pub fn report(options: &ReportOptions) -> Result<Exit, Failure> {
    let paths = match options.results.as_slice() {
        [] => vec![newest(Path::new(OUTPUT))?],
        given => given.iter().map(|path| result_file(path)).collect(),
    };
    let read = paths.iter().map(|path| read(path));
    let docs: Vec<Document> = read.collect::<Result<_, Failure>>()?;
    let docs: Vec<&Document> = docs.iter().collect();
    let made = match options.format {
        ReportFormat::Html => report::report_html(&docs),
        ReportFormat::Markdown => report::report_markdown(&docs),
        ReportFormat::Csv => report::report_csv(&docs),
    };
    let made = made.map_err(|error| {
        Failure::Bug(
            error.to_string(),
            format!("squall report {}", paths[0].display()),
        )
    })?;
    let beside = paths[0].parent().unwrap_or(Path::new("."));
    let folder = options.output.as_deref().unwrap_or(beside);
    files::write_all(folder, &made)?;
    terminal::say(&format!("wrote {}", folder.join(&made[0].0).display()));
    Ok(Exit::Fine)
}

/// A folder stands for the result in it.
fn result_file(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(RESULT),
        false => path.to_owned(),
    }
}

/// The result that was written last, by the file system's clock; of two at one instant the one
/// whose name comes later.
fn newest(output: &Path) -> Result<PathBuf, Failure> {
    let none = || {
        let text = format!("there is no result in {}", output.display());
        Failure::Usage(format!(
            "{text}; make one with `squall run FILE`, or name one"
        ))
    };
    let entries = match fs::read_dir(output) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(none()),
        entries => entries.map_err(|error| Failure::file(output, error))?,
    };
    let results = entries.filter_map(|entry| {
        let path = entry.ok()?.path().join(RESULT);
        let written = fs::metadata(&path).ok()?.modified().ok()?;
        Some((written, path))
    });
    results.max().map(|(_, path)| path).ok_or_else(none)
}

/// Reads a result, or says what is wrong with the file.
fn read(path: &Path) -> Result<Document, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, error))?;
    let wrong = |what: &str, help: &str| {
        Failure::Input(format!("error: {}: {what}\nhelp: {help}", path.display()))
    };
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        let text = error.to_string();
        wrong(
            &format!("this is no JSON: {text}"),
            "name a result.json, or its folder",
        )
    })?;
    let schema = json.get("schema").and_then(serde_json::Value::as_str);
    match schema {
        Some(SCHEMA) => {}
        Some(other) if other.starts_with("squall.result/") => {
            let what = format!("this is `{other}`, and this squall reads `{SCHEMA}`");
            return Err(wrong(
                &what,
                "use the version of squall that wrote it, or run the scenario again",
            ));
        }
        Some(other) if other.starts_with("squall.") => {
            let what = format!("this is `{other}`, not the result itself");
            return Err(wrong(&what, "name the result.json beside it"));
        }
        _ => {
            return Err(wrong(
                "this is no result of squall's",
                "name a result.json, or its folder",
            ));
        }
    }
    let document: Document = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(
            &format!("the result is damaged: {error}"),
            "run the scenario again",
        )
    })?;
    match document.defect() {
        None => Ok(document),
        Some(defect) => Err(wrong(
            &format!("the result is damaged: {defect}"),
            "run the scenario again",
        )),
    }
}
