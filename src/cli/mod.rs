//! The command line: the only room that prints, reads the clock, or knows of a terminal.
//!
//! stdout is data, stderr is talk. Each command is a file of its own and ends with an [`Exit`].

mod args;
mod check;
mod check_json;
mod exit;
mod files;
mod input;
mod keep;
mod merge;
mod presets;
mod progress;
mod report;
mod results;
mod run;
mod stacks;
mod terminal;
mod trace;
mod verify;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

pub use exit::Exit;
use exit::Failure;

use args::{Args, Command};

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let fine = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            // A closed pipe is no error of ours; there is nowhere left to say more.
            if !fine {
                // There is nowhere left to say that stderr is closed.
                let _ = error.print();
                return Exit::Usage.into();
            }
            let shown = error.print().and_then(|()| io::stdout().flush());
            let shown = shown.map_err(|error| Failure::file(Path::new("stdout"), error));
            return shown
                .map_or_else(|failure| failure.report(), |()| Exit::Fine)
                .into();
        }
    };
    let result = match &args.command {
        Command::Run(options) => run::run(options),
        Command::Merge(options) => merge::merge(options),
        Command::Check(options) => check::check(options),
        Command::Report(options) => report::report(options),
        Command::Trace(options) => trace::trace(options),
        Command::Presets(options) => presets::presets(options),
        Command::Verify(options) => verify::verify(options),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}
