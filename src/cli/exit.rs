//! How the program ends: exit codes, and the failures that lead to them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::terminal;

/// An exit code. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well.
    Fine = 0,
    /// A threshold or a claim of `squall verify` failed, or `check --strict` found what makes storms.
    ThresholdFailed = 1,
    /// The input or the usage was wrong.
    Usage = 2,
    /// A threshold could not be decided.
    Undecided = 3,
    /// A file could not be read or written, or results do not belong together.
    File = 4,
    /// A bug of ours.
    Bug = 70,
    /// Interrupted; what was saved is marked as partial.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The scenario is wrong; what to say about it is rendered already.
    #[error("{0}")]
    Input(String),
    /// An argument is wrong.
    #[error("error: {0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("error: {}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Results do not belong together.
    #[error("error: {0}")]
    Apart(String),
    /// The user wants us to stop, and nothing is worth saving.
    #[error("interrupted before the first replication was complete; nothing was written")]
    Interrupted,
    /// Nobody reads our output any more.
    #[error("broken pipe")]
    BrokenPipe,
    /// A bug of ours.
    #[error("error: {0}\nThis is a bug of squall's. To replay it: {1}")]
    Bug(String, String),
}

impl Failure {
    /// A failure to read or write `path`.
    pub fn file(path: &Path, source: io::Error) -> Failure {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Failure::BrokenPipe;
        }
        Failure::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Says it on stderr; returns how to end.
    pub fn report(&self) -> Exit {
        let exit = match self {
            Failure::Input(_) | Failure::Usage(_) => Exit::Usage,
            Failure::File { .. } | Failure::Apart(_) => Exit::File,
            Failure::Interrupted => Exit::Interrupted,
            Failure::BrokenPipe => return Exit::Fine,
            Failure::Bug(..) => Exit::Bug,
        };
        terminal::say(&self.to_string());
        exit
    }
}
