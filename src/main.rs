//! The program: parse what was typed, do it, and say by the exit code how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::cli::main()
}
