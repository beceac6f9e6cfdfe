//! `squall trace`: writes the event log of one run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::experiment;
use crate::random::Weather;
use crate::report::trace::{ChromeTrace, CsvTrace, JsonlTrace, Log, Names};
use crate::simulation::RunEnd;

use super::args::{TraceFormat, TraceOptions};
use super::exit::{Exit, Failure};
use super::{input, terminal};

/// Plays one run and streams its log.
pub fn trace(options: &TraceOptions) -> Result<Exit, Failure> {
    let (loaded, seed) = input::load_for_run(&options.scenario, false)?;
    let scenario = loaded.scenario;
    if options.replication >= scenario.replications.into() {
        let last = scenario.replications - 1;
        return Err(Failure::Usage(format!(
            "there is no replication {}: they are 0 to {last}",
            options.replication
        )));
    }
    let policy = match &options.policy {
        Some(name) => input::policy_named(&scenario, name)?,
        None => 0,
    };
    let policy = &scenario.policies[policy];
    let weather = Weather::new(seed, options.replication);
    let names = Names::new(&scenario, policy);
    let play = |out: &mut dyn Write| -> io::Result<RunEnd> {
        let mut log: Log<'_> = match options.format {
            TraceFormat::Csv => Log::new(CsvTrace::new(out, &names)?),
            TraceFormat::Jsonl => Log::new(JsonlTrace::new(out, &names)),
            TraceFormat::Chrome => Log::new(ChromeTrace::new(out, &names)?),
        };
        let end = experiment::observe(&scenario, policy, weather, &mut log);
        log.finish()?;
        Ok(end)
    };
    let (end, path) = match &options.output {
        Some(path) => (to_file(path, play), path.as_path()),
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            let end = play(&mut out).and_then(|end| out.flush().map(|()| end));
            (end, Path::new("stdout"))
        }
    };
    let end = end.map_err(|error| Failure::file(path, error))?;
    if let Some(cut) = end.cut {
        terminal::say(&format!("note: the run was cut off ({cut:?})"));
    }
    Ok(Exit::Fine)
}

/// Writes beside the file's place and puts it there whole; what is no file of its own there (a device, a
/// pipe, a link) is written to as it is.
fn to_file(
    path: &Path,
    play: impl FnOnce(&mut dyn Write) -> io::Result<RunEnd>,
) -> io::Result<RunEnd> {
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        let mut out = BufWriter::new(File::create(path)?);
        let end = play(&mut out)?;
        out.flush()?;
        return Ok(end);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.part"));
    let mut out = BufWriter::new(File::create(&part)?);
    let result = play(&mut out).and_then(|end| {
        out.flush()?;
        std::fs::rename(&part, path)?;
        Ok(end)
    });
    if result.is_err() {
        // What is left of it is of no use; that it cannot be removed either is no news.
        let _ = std::fs::remove_file(&part);
    }
    result
}
