//! `squall check`: says what is wrong with scenario files.

use super::args::CheckOptions;
use super::exit::{Exit, Failure};
use super::{input, terminal};
use crate::scenario::{Loaded, lint};

/// Checks every file; the worst of them decides the exit code.
pub fn check(options: &CheckOptions) -> Result<Exit, Failure> {
    if let Some(id) = &options.explain {
        return explain(id);
    }
    let mut exit = Exit::Fine;
    for file in &options.files {
        match input::load(file, &options.set) {
            Ok(loaded) => {
                let warned = !loaded.warnings.is_empty();
                if warned {
                    input::say_warnings(&loaded);
                }
                say_findings(&loaded);
                if options.strict && !loaded.lint.is_empty() {
                    exit = worse(exit, Exit::ThresholdFailed);
                }
                if warned && options.strict {
                    exit = worse(exit, Exit::Usage);
                } else {
                    let scenario = &loaded.scenario;
                    terminal::print(&format!(
                        "{}: ok ({} policies, {} replications)\n",
                        file.display(),
                        scenario.policies.len(),
                        scenario.replications
                    ))?;
                }
            }
            Err(failure) => exit = worse(exit, failure.report()),
        }
    }
    Ok(exit)
}

/// Says what the storm lint found, and how much, on stderr.
fn say_findings(loaded: &Loaded) {
    for finding in &loaded.lint {
        let text = finding.diagnostic.render(terminal::colour_stderr());
        terminal::say(&format!("{text}\n"));
    }
    if !loaded.lint.is_empty() {
        let counted = input::counted(loaded.lint.len());
        let name = &loaded.scenario.name;
        terminal::say(&format!(
            "{name}: {counted}; `squall check --explain RULE` says more"
        ));
    }
}

/// Prints what a rule is about.
fn explain(id: &str) -> Result<Exit, Failure> {
    let Some(rule) = lint::rule(id) else {
        let ids: Vec<&str> = lint::RULES.iter().map(|rule| rule.id).collect();
        let ids = ids.join(", ");
        return Err(Failure::Usage(format!(
            "there is no rule `{id}`; there are: {ids}"
        )));
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
