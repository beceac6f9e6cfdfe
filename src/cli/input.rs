//! Loading scenarios for commands.

use std::path::Path;

use crate::scenario::model::Scenario;
use crate::scenario::{self, Loaded};

use super::args::ScenarioOptions;
use super::exit::Failure;
use super::terminal;

/// Loads a scenario, or says everything that is wrong with it.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    // A file that cannot be read is another failure than one that is wrong.
    std::fs::File::open(file).map_err(|error| Failure::file(file, error))?;
    scenario::load(file, overrides)
        .map_err(|problems| Failure::Input(problems.render(terminal::colour_stderr())))
}

/// Loads a scenario with its warnings on stderr, and the seed to use.
pub fn load_for_run(options: &ScenarioOptions, quiet: bool) -> Result<(Loaded, u64), Failure> {
    let loaded = load(&options.file, &options.set)?;
    if !quiet && !loaded.warnings.is_empty() {
        say_warnings(&loaded);
    }
    if !quiet && !loaded.lint.is_empty() {
        let (counted, file) = (counted(loaded.lint.len()), options.file.display());
        terminal::say(&format!("{counted}; `squall check {file}` shows them"));
    }
    let seed = options.seed.unwrap_or(loaded.scenario.seed);
    Ok((loaded, seed))
}

/// "3 warnings".
pub fn counted(n: usize) -> String {
    match n {
        1 => "1 warning".to_owned(),
        n => format!("{n} warnings"),
    }
}

/// Says a scenario's warnings on stderr.
pub fn say_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        terminal::say(&warning.render(terminal::colour_stderr()));
    }
}

/// The index of a policy by name.
pub fn policy_named(scenario: &Scenario, name: &str) -> Result<usize, Failure> {
    let found = scenario.policies.iter().position(|p| p.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = scenario.policies.iter().map(|p| p.name.as_str()).collect();
        let near = scenario::nearest(name, &names);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has: {}", names.join(", ")),
        };
        Failure::Usage(format!("the scenario has no policy `{name}`; {help}"))
    })
}
