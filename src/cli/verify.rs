//! `squall verify`: reproduces published numbers.

use crate::experiment::Progress;
use crate::report;
use crate::validation::{self, Effort, Verdict, claims, table};

use super::args::VerifyOptions;
use super::exit::{Exit, Failure};
use super::progress::Watch;
use super::{files, terminal};

/// How many runs make a point of the grid: as many as the original's.
const GRID_REPLICATIONS: u32 = 100;

/// Plays the claims and prints what came of them; or draws the grid.
pub fn verify(options: &VerifyOptions) -> Result<Exit, Failure> {
    let watch = Watch::new(true);
    if let Some(folder) = &options.grid {
        return grid(options, folder);
    }
    let cases = match &options.filter {
        Some(word) => claims::matching(word),
        None => claims::all().collect(),
    };
    if cases.is_empty() {
        let word = options.filter.as_deref().unwrap_or_default();
        let help = "`squall verify` without a filter plays all";
        return Err(Failure::Usage(format!(
            "no claim has `{word}` in it; {help}"
        )));
    }
    let effort = match options.quick {
        true => Effort::Quick,
        false => Effort::Full,
    };
    let findings = validation::verify(&cases, effort, &|| watch.stop())
        .map_err(|fault| bug(&fault.to_string()))?;
    let wanted = cases.iter().map(|case| case.claims.len()).sum();
    let text = match options.markdown {
        true => table::markdown(&findings, wanted),
        false => table::table(&findings, wanted),
    };
    terminal::print(&text)?;
    if findings.len() < wanted {
        let judged = findings.len();
        terminal::say(&format!(
            "interrupted: {judged} of {wanted} claims were judged"
        ));
        return Ok(Exit::Interrupted);
    }
    let all = findings.iter().all(|f| f.verdict == Verdict::Passed);
    Ok(if all {
        Exit::Fine
    } else {
        Exit::ThresholdFailed
    })
}

fn grid(options: &VerifyOptions, folder: &std::path::Path) -> Result<Exit, Failure> {
    let runs = options.replications.unwrap_or(GRID_REPLICATIONS);
    let curves = validation::grid(runs).map_err(|fault| bug(&fault.to_string()))?;
    let chart = report::grid_chart(&curves, runs).map_err(|error| bug(&error.to_string()))?;
    let made = [
        (format!("{}.svg", chart.name), chart.svg.into_bytes()),
        (format!("{}.png", chart.name), chart.png),
        (
            format!("{}.csv", chart.name),
            table::grid_csv(&curves).into_bytes(),
        ),
    ];
    files::write_all(folder, &made)?;
    terminal::say(&format!(
        "wrote {} files to {}",
        made.len(),
        folder.display()
    ));
    Ok(Exit::Fine)
}

fn bug(what: &str) -> Failure {
    let version = env!("CARGO_PKG_VERSION");
    Failure::Bug(what.to_owned(), format!("squall {version} verify"))
}
