//! What `squall check` finds as a JSON document, for CI.

use std::path::Path;

use serde::Serialize;

use super::input::{Checked, Unsound};
use crate::scenario::lint::Finding;
use crate::scenario::{Diagnostic, Scenario, Severity};

/// The version of the document; a change that could break a reader raises it.
const VERSION: u32 = 1;

/// Everything that was found.
#[derive(Serialize)]
struct Document {
    version: u32,
    files: Vec<CheckedFile>,
}

/// What was found in one file.
#[derive(Serialize)]
pub struct CheckedFile {
    file: String,
    /// `ok`, `wrong` or `unread`.
    status: &'static str,
    findings: Vec<Found>,
    /// Mistakes beyond those that are listed.
    more: usize,
}

/// One finding.
#[derive(Serialize)]
struct Found {
    severity: &'static str,
    /// The rule of the storm lint, if it is one's.
    rule: Option<&'static str>,
    /// The file, or `--set`.
    file: String,
    /// From 1; 0 if it is about the whole file.
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
    /// The policies that a rule is broken in.
    policies: Vec<String>,
    /// Lines of other layers that have a part in it.
    lines: Vec<usize>,
}

/// What was found in `file`.
pub fn file(file: &Path, checked: Checked) -> CheckedFile {
    let name = file.display().to_string();
    let (status, findings, more) = match checked {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(plain);
            let lint = loaded.lint.iter();
            let lint = lint.map(|finding| of_lint(finding, &loaded.scenario));
            ("ok", warnings.chain(lint).collect(), 0)
        }
        Err(Unsound::Wrong(problems)) => {
            let found = problems.diagnostics.iter().map(plain).collect();
            ("wrong", found, problems.dropped)
        }
        Err(Unsound::Unread(error)) => {
            let found = Found {
                severity: "error",
                rule: None,
                file: name.clone(),
                line: 0,
                column: 0,
                message: error.to_string(),
                help: None,
                policies: vec![],
                lines: vec![],
            };
            ("unread", vec![found], 0)
        }
    };
    CheckedFile {
        file: name,
        status,
        findings,
        more,
    }
}

/// The document about all files; ends with a newline.
pub fn document(files: Vec<CheckedFile>) -> String {
    let document = Document {
        version: VERSION,
        files,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("texts and numbers are JSON");
    text.push('\n');
    text
}

fn plain(diagnostic: &Diagnostic) -> Found {
    Found {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        rule: None,
        file: diagnostic.file.clone(),
        line: diagnostic.line,
        column: diagnostic.column,
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
        policies: vec![],
        lines: vec![],
    }
}

fn of_lint(finding: &Finding, scenario: &Scenario) -> Found {
    let policies = finding.policies.iter();
    let policies = policies.map(|policy| scenario.policies[*policy].name.clone());
    Found {
        rule: Some(finding.rule),
        policies: policies.collect(),
        lines: finding.lines.clone(),
        ..plain(&finding.diagnostic)
    }
}
