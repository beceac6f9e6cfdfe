//! Scenarios: from a YAML file to a checked [`Scenario`].
//!
//! ```text
//! bytes ─ yaml ─► tree with places ─ overrides ─► tree ─ one file per element ─► Scenario
//!                                                             │
//!                                              reader: collects what is wrong ─► Problems
//! ```
//!
//! Reading never stops at the first mistake: each element notes what is wrong with it and the
//! others go on, so that one run of the check shows everything. `docs/scenario.md` is the grammar.

mod backoff;
mod billing;
mod breakdowns;
mod breaker;
mod calendars;
mod capacity;
mod contention;
mod dead_letters;
mod diagnostics;
mod distributions;
mod faults;
mod fields;
mod files;
mod fleets;
mod headers;
mod hedge;
mod layers;
mod limits;
pub mod lint;
mod load;
pub mod model;
pub mod nesting;
mod overrides;
mod plan;
mod policies;
mod presets;
mod prices;
mod reader;
mod retry;
mod retry_budgets;
mod routes;
mod size;
mod stacks;
mod stores;
mod targets;
mod thresholds;
mod top;
mod traces;
mod tree;
mod words;
mod yaml;

use std::path::Path;

pub use diagnostics::{Diagnostic, Problems, Severity};
pub use model::{
    Agents, Arrivals, Branch, CallLayers, Comparison, DeadLetter, Fleet, FleetBreaker, FleetLayers,
    Layer, LayerKind, LlmStep, OnFailure, ParallelStep, Policy, Scenario, Shared, Start, Statistic,
    Step, TargetId, Tasks, Threshold, Tokens, ToolStep, TraceRow, Via, WhenAway,
};
pub use prices::{TABLE_DATE, table_names};
pub use thresholds::{FLEET_METRICS, METRICS};

pub use words::near as nearest;

use diagnostics::Source;
use reader::Reader;

/// The largest scenario file \[bytes\].
const MOST_BYTES: u64 = 1 << 20;

/// A scenario that was read and found sound.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// The file's text, without overrides.
    pub source: String,
    /// What is allowed but perhaps not meant.
    pub warnings: Vec<Diagnostic>,
    /// What makes storms, in the order of the file.
    pub lint: Vec<lint::Finding>,
}

/// Reads and checks a scenario file; each override is a `path=value` as in
/// `policies.naive.tool.0.retry.attempts=3`.
///
/// # Errors
/// Everything that is wrong with the file and the overrides, together. If the file cannot be read
/// there is one diagnostic, without a line.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let text = match files::read_text(path, MOST_BYTES) {
        Ok(text) => text,
        Err(e) => {
            let found = Diagnostic::about(&name, format!("the file {e}"));
            let unreadable = matches!(
                e,
                files::FileError::Unreadable(_) | files::FileError::Folder
            );
            return Err(Problems {
                unreadable,
                ..found.into()
            });
        }
    };
    let base = path.parent().unwrap_or(Path::new(""));
    parse(&text, &name, base, overrides)
}

/// Checks a scenario's text; `file` is its name in messages, and paths in it are relative to
/// `base`.
///
/// # Errors
/// Everything that is wrong with the text and the overrides, together.
pub fn parse(
    text: &str,
    file: &str,
    base: &Path,
    overrides: &[String],
) -> Result<Loaded, Problems> {
    let source = Source {
        name: file.to_owned(),
        text: text.to_owned(),
    };
    if text.len() as u64 > MOST_BYTES {
        return Err(Diagnostic::about(file, "the text has more than 1,048,576 bytes").into());
    }
    let mut reader = Reader::new(base, source);
    let (root, errors) = yaml::parse(text, 0);
    for error in errors {
        note(error, &mut reader);
    }
    let scenario = root.and_then(|mut root| {
        for text in overrides {
            overrides::apply(&mut root, text, &mut reader);
        }
        top::scenario(&root, &mut reader)
    });
    let lint = match &scenario {
        Some(scenario) if reader.errors() == 0 => lint::findings(scenario, &mut reader),
        _ => vec![],
    };
    let errors = reader.errors();
    let (problems, source) = reader.finish();
    match scenario {
        Some(scenario) if errors == 0 => Ok(Loaded {
            scenario,
            source,
            warnings: problems.diagnostics,
            lint,
        }),
        _ => Err(problems),
    }
}

/// Reads one layer as it would stand in a policy, such as `{retry: openai-python@3}`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn layer(text: &str) -> Result<Layer, Problems> {
    let source = Source {
        name: "layer".to_owned(),
        text: text.to_owned(),
    };
    let mut reader = Reader::new(Path::new(""), source);
    let (root, errors) = yaml::parse(text, 0);
    for error in errors {
        note(error, &mut reader);
    }
    let layer = root.and_then(|root| layers::one(&root, "layer", &mut reader));
    let errors = reader.errors();
    let (problems, _) = reader.finish();
    match layer {
        Some(layer) if errors == 0 => Ok(layer),
        _ => Err(problems),
    }
}

fn note(error: yaml::YamlError, reader: &mut Reader) {
    match error.help {
        Some(help) => reader.error_help(error.place, error.message, help),
        None => reader.error(error.place, error.message),
    }
}
