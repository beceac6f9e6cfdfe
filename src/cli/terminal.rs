//! The terminal: writing to it, its width, its colours.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::exit::Failure;

/// The width that is assumed where there is no terminal.
const WIDTH_WITHOUT_TERMINAL: usize = 120;

/// Says something on stderr. Nobody listening is no failure.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes text to stdout.
pub fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Writes data to stdout.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut out = anstream::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    };
    write().map_err(|error: io::Error| Failure::file(Path::new("stdout"), error))
}

/// Whether stdout shows colours to a person.
pub fn colour() -> bool {
    let choice = anstream::AutoStream::choice(&io::stdout());
    choice != anstream::ColorChoice::Never
}

/// Whether stderr shows colours to a person.
pub fn colour_stderr() -> bool {
    let choice = anstream::AutoStream::choice(&io::stderr());
    choice != anstream::ColorChoice::Never
}

/// How many columns stdout has.
pub fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(WIDTH_WITHOUT_TERMINAL, |(w, _)| usize::from(w.0))
}

/// Whether a person watches stderr.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
