//! Keeping books on disk: where a run is killed, `--resume` goes on; where it is a shard, `squall
//! merge` reads them.
//!
//! What is kept is put in place whole ([`super::files`]), so a kill at any moment leaves either the
//! books of a moment before or none.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use crate::experiment::{Books, BooksError, Frame, Progress};

use super::exit::Failure;
use super::files;
use super::progress::Watch;

/// How long a run goes on before its books are saved again, at the next end of a batch of replications.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// One of several equal parts of an experiment: `3/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// The replications of this part, as equal as can be.
    pub fn range(self, replications: u32) -> std::ops::Range<u32> {
        let cut = |part: u32| {
            let cut = u64::from(replications) * u64::from(part) / u64::from(self.of);
            u32::try_from(cut).expect("a part is not larger than the whole")
        };
        cut(self.part - 1)..cut(self.part)
    }

    /// The name of its file.
    pub fn file(self) -> String {
        format!("shard-{}-of-{}.books", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/');
        let read = numbers.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match read {
            Some((part, of)) if 1 <= part && part <= of => Ok(Shard { part, of }),
            Some((_, of)) => Err(format!("the parts of {of} are 1/{of} to {of}/{of}")),
            None => Err("a part is written as 3/8: the third of eight".to_owned()),
        }
    }
}

/// The file in which unfinished books are kept.
pub fn unfinished(folder: &Path, shard: Option<Shard>) -> PathBuf {
    folder.join(match shard {
        None => "unfinished.books".to_owned(),
        Some(shard) => format!("unfinished-{}", shard.file()),
    })
}

/// Reads saved books.
pub fn read(path: &Path) -> Result<Books, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, error))?;
    Books::from_bytes(&bytes).map_err(|error| refused(path, error))
}

/// Reads the books that an earlier run of the same experiment left, if there are any.
pub fn resume(path: &Path, frame: &Frame, from: u32, until: u32) -> Result<Option<Books>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let books = read(path)?;
    let range = books.range();
    books
        .belongs_to(frame)
        .map_err(|error| refused(path, error))?;
    if range.start != from || range.end > until {
        let part = BooksError::Other(format!("the replications: {range:?} there"));
        return Err(refused(path, part));
    }
    Ok(Some(books))
}

/// Says that saved books cannot be used, and what to do.
pub fn refused(path: &Path, error: BooksError) -> Failure {
    let help = match error {
        BooksError::Gap(_) => "give every shard once, of the same number of shards",
        _ => "run without --resume to begin anew; merge only shards of one run",
    };
    Failure::Apart(format!("{} {error}\n  help: {help}", path.display()))
}

/// Writes books whole.
pub fn save(path: &Path, books: &Books) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = books.to_bytes().map_err(|error| {
        let replay = format!("squall run, scenario {}", books.scenario());
        Failure::Bug(error.to_string(), replay)
    })?;
    files::write_all(folder, &[(name.into_owned(), bytes)])
}

/// Watches a run and saves its books from time to time.
pub struct Keeper<'a> {
    watch: &'a Watch,
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[expect(
    clippy::disallowed_types,
    reason = "the command line may read the clock"
)]
struct State {
    saved: std::time::Instant,
    failed: Option<Failure>,
}

impl<'a> Keeper<'a> {
    /// A keeper that saves to `path`; to nowhere without one.
    #[expect(
        clippy::disallowed_types,
        reason = "the command line may read the clock"
    )]
    pub fn new(watch: &'a Watch, path: Option<PathBuf>) -> Keeper<'a> {
        let state = State {
            saved: std::time::Instant::now(),
            failed: None,
        };
        Keeper {
            watch,
            path,
            state: Mutex::new(state),
        }
    }

    /// Why books could not be saved, if they could not.
    pub fn failure(self) -> Option<Failure> {
        let state = self.state.into_inner();
        state.ok().and_then(|state| state.failed)
    }
}

impl Progress for Keeper<'_> {
    fn runs(&self, done: u64, all: u64) {
        self.watch.runs(done, all);
    }

    fn stop(&self) -> bool {
        self.watch.stop()
    }

    #[expect(
        clippy::disallowed_types,
        reason = "the command line may read the clock"
    )]
    fn booked(&self, books: &Books) {
        let (Some(path), Ok(mut state)) = (&self.path, self.state.lock()) else {
            return;
        };
        let unfinished = books.range().end < books.planned();
        if !unfinished || state.saved.elapsed() < SAVE_EVERY || state.failed.is_some() {
            return;
        }
        // The run itself goes on: a full disk now need not be one at the end.
        if let Err(failure) = save(path, books) {
            state.failed = Some(failure);
        }
        state.saved = std::time::Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        assert_eq!("3/8".parse(), Ok(Shard { part: 3, of: 8 }));
        assert_eq!("1/1".parse(), Ok(Shard { part: 1, of: 1 }));
        for wrong in ["0/8", "9/8", "3", "3/", "/8", "a/b", "-1/8", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_cover_the_whole_once() {
        for (replications, of) in [(1_000, 8), (7, 3), (2, 5), (u32::MAX, 3)] {
            let mut next = 0;
            for part in 1..=of {
                let range = Shard { part, of }.range(replications);
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, replications);
        }
    }
}
