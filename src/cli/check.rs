//! `squall check`: says what is wrong with scenario files.

use super::args::CheckOptions;
use super::exit::{Exit, Failure};
use super::{input, terminal};

/// Checks every file; the worst of them decides the exit code.
pub fn check(options: &CheckOptions) -> Result<Exit, Failure> {
    let mut exit = Exit::Fine;
    for file in &options.files {
        match input::load(file, &options.set) {
            Ok(loaded) => {
                let warned = !loaded.warnings.is_empty();
                if warned {
                    input::say_warnings(&loaded);
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

/// A file that cannot be read is worse than one that is wrong.
fn worse(one: Exit, other: Exit) -> Exit {
    if (other as u8) > (one as u8) {
        other
    } else {
        one
    }
}
