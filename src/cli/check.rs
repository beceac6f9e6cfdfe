//! `squall check`: says what is wrong with scenario files.

use std::path::Path;

use super::args::{CheckFormat, CheckOptions};
use super::exit::{Exit, Failure};
use super::input::{self, Checked, Unsound};
use super::{check_json, terminal};
use crate::report::format::counted;
use crate::scenario::{self, Loaded, lint};

/// Checks every file; the worst of them decides the exit code.
pub fn check(options: &CheckOptions) -> Result<Exit, Failure> {
    if let Some(id) = &options.explain {
        return explain(id);
    }
    let mut exit = Exit::Fine;
    let mut documents = vec![];
    for file in &options.files {
        let checked = input::read(file, &options.set);
        exit = worse(exit, exit_of(&checked, options.strict));
        match options.format {
            CheckFormat::Human => say(file, checked, options.strict)?,
            CheckFormat::Json => documents.push(check_json::file(file, checked)),
        }
    }
    if options.format == CheckFormat::Json {
        terminal::print(&check_json::document(documents))?;
    }
    Ok(exit)
}

/// How a file's check ends.
fn exit_of(checked: &Checked, strict: bool) -> Exit {
    match checked {
        Ok(loaded) if strict && !loaded.warnings.is_empty() => Exit::Usage,
        Ok(loaded) if strict && !loaded.lint.is_empty() => Exit::ThresholdFailed,
        Ok(_) => Exit::Fine,
        Err(Unsound::Wrong(_)) => Exit::Usage,
        Err(Unsound::Unread(_)) => Exit::File,
    }
}

/// Says what was found in a file.
fn say(file: &Path, checked: Checked, strict: bool) -> Result<(), Failure> {
    let loaded = match checked {
        Ok(loaded) => loaded,
        Err(unsound) => {
            unsound.failure(file).report();
            return Ok(());
        }
    };
    input::say_warnings(&loaded);
    say_findings(&loaded);
    if strict && !(loaded.warnings.is_empty() && loaded.lint.is_empty()) {
        return Ok(());
    }
    terminal::print(&format!(
        "{}: ok ({}, {})\n",
        file.display(),
        counted(loaded.scenario.policies.len(), "policy", "policies"),
        counted(
            loaded.scenario.replications as usize,
            "replication",
            "replications"
        )
    ))
}

/// Says what the storm lint found, and how much, on stderr.
fn say_findings(loaded: &Loaded) {
    for finding in &loaded.lint {
        let text = finding.diagnostic.render(terminal::colour_stderr());
        terminal::say(&format!("{text}\n"));
    }
    if !loaded.lint.is_empty() {
        let warnings = counted(loaded.lint.len(), "warning", "warnings");
        let name = &loaded.scenario.name;
        terminal::say(&format!(
            "{name}: {warnings}; `squall check --explain RULE` says more"
        ));
    }
}

/// Prints what a rule is about.
fn explain(id: &str) -> Result<Exit, Failure> {
    let Some(rule) = lint::rule(id) else {
        let ids: Vec<&str> = lint::RULES.iter().map(|rule| rule.id).collect();
        let help = match scenario::nearest(id, &ids) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", ids.join(", ")),
        };
        return Err(Failure::Usage(format!("there is no rule `{id}`; {help}")));
    };
    let (finds, why, advice) = (rule.finds, rule.why, rule.advice);
    terminal::print(&format!(
        "{id}: {finds}\n\n{why}\n\nWhat to do: {advice}.\n"
    ))?;
    Ok(Exit::Fine)
}

/// A file that cannot be read is worse than one that is wrong.
fn worse(one: Exit, other: Exit) -> Exit {
    if (other as u8) > (one as u8) {
        other
    } else {
        one
    }
}
