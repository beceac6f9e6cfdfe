//! `squall merge`: makes one result of the shards of a run.

use std::path::PathBuf;

use crate::experiment::Books;

use super::args::MergeOptions;
use super::exit::{Exit, Failure};
use super::keep;
use super::results::{self, Wanted};

/// Merges shards, given in any order, and reports as the whole run would have.
pub fn merge(options: &MergeOptions) -> Result<Exit, Failure> {
    let mut order = vec![];
    for path in &options.shards {
        // Read one at a time, so that all of them are never in memory at once.
        order.push((keep::read(path)?.range().start, path));
    }
    order.sort();
    let mut merged: Option<(Books, &PathBuf)> = None;
    for (_, path) in order {
        let shard = keep::read(path)?;
        match &mut merged {
            None => merged = Some((shard, path)),
            Some((books, last)) => {
                let appended = books.append(shard);
                appended.map_err(|error| keep::refused(path, error))?;
                *last = path;
            }
        }
    }
    let (books, last) = merged.expect("at least one shard must be named");
    whole(&books)
        .map_err(|missing| keep::refused(last, crate::experiment::BooksError::Gap(missing)))?;
    let document = books.document();
    let replay = "the same `squall merge`";
    results::present(
        &document,
        &Wanted {
            output: (!options.no_files).then_some(&options.output),
            json: options.json,
            fleets: options.fleets,
            layers: options.layers,
            report: options.report,
            quiet: options.quiet,
        },
        replay,
    )?;
    Ok(results::verdict(&document))
}

/// Whether the books begin with the first replication and end with the last.
fn whole(books: &Books) -> Result<(), String> {
    let (range, planned) = (books.range(), books.planned());
    if range.start > 0 {
        return Err(format!(
            "is the first, but begins with replication {}",
            range.start
        ));
    }
    if range.end < planned {
        return Err(format!(
            "is the last, but replications {} to {} are missing",
            range.end,
            planned - 1
        ));
    }
    Ok(())
}
