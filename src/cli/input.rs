//! Loading scenarios for commands.

use std::io;
use std::path::Path;

use crate::report::format::counted;
use crate::scenario::model::Scenario;
use crate::scenario::{self, Loaded, Problems};

use super::args::ScenarioOptions;
use super::exit::Failure;
use super::terminal;

/// A scenario, or why there is none.
pub type Checked = Result<Loaded, Unsound>;

/// Why there is no scenario. A file that cannot be read is another failure than one that is wrong.
#[derive(Debug)]
pub enum Unsound {
    /// It could not be read.
    Unread(io::Error),
    /// It is wrong.
    Wrong(Problems),
}

impl Unsound {
    /// The failure to load `file`, ready to be said.
    pub fn failure(self, file: &Path) -> Failure {
        match self {
            Unsound::Unread(error) => Failure::file(file, error),
            Unsound::Wrong(problems) => Failure::Input(problems.render(terminal::colour_stderr())),
        }
    }
}

/// Reads a scenario.
pub fn read(file: &Path, overrides: &[String]) -> Checked {
    std::fs::File::open(file).map_err(Unsound::Unread)?;
    scenario::load(file, overrides).map_err(Unsound::Wrong)
}

/// Loads a scenario, or says everything that is wrong with it.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    read(file, overrides).map_err(|unsound| unsound.failure(file))
}

/// Loads a scenario with its warnings on stderr, and the seed to use.
pub fn load_for_run(options: &ScenarioOptions, quiet: bool) -> Result<(Loaded, u64), Failure> {
    let loaded = load(&options.file, &options.set)?;
    if !quiet && !loaded.warnings.is_empty() {
        say_warnings(&loaded);
    }
    let seed = options.seed.unwrap_or(loaded.scenario.seed);
    Ok((loaded, seed))
}

/// Says on stderr how much the storm lint found, if anything.
pub fn say_how_many(loaded: &Loaded, file: &Path) {
    if !loaded.lint.is_empty() {
        let warnings = counted(loaded.lint.len(), "warning", "warnings");
        let file = file.display();
        terminal::say(&format!("{warnings}; `squall check {file}` shows them"));
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
