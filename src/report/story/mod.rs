//! What a report says, before it is a page: verdict, comparison, where the money went.
//!
//! Pure functions of a result document; HTML, Markdown and CSV write what is found here.

mod comparison;
pub mod fleets;
pub mod layers;
mod verdict;

pub use comparison::{COLUMNS, Column, best, value};
pub use verdict::verdict;

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};

use super::format::{count, percent, ratio, seconds, visible};

/// The longest name that is written out \[characters\]; what is cut off is marked.
const LONGEST_NAME: usize = 60;

/// A name as people can read it: visible, not empty, not endless.
pub fn name(text: &str) -> String {
    let shown = visible(text);
    match shown.chars().count() {
        0 => "(no name)".to_owned(),
        n if n <= LONGEST_NAME => shown,
        _ => shown.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
    }
}

/// A figure of the storm: its head, its metric and how its mean is written.
pub type Figure = (&'static str, Metric, fn(f64) -> String);

/// The figures of the storm.
pub const STORM: [Figure; 7] = [
    ("Amplification", Metric::Amplification, ratio),
    ("Peak attempts/s", Metric::PeakRate, count),
    ("Time to recover", Metric::Recovery, seconds),
    ("Last task ended", Metric::End, seconds),
    ("Refused by the client", Metric::Denied, count),
    ("Success", Metric::SuccessRate, percent),
    ("Unfinished", Metric::TasksUnfinished, count),
];
/// What they mean.
pub const STORM_ABOUT: &str = "Attempts on the wire over first attempts; the busiest second; from the \
     end of the last outage until the work that it caught had succeeded, none where it failed.";

/// A part of a policy's spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it was for.
    pub label: String,
    /// The scope of the layer that asked for it.
    pub scope: String,
    /// Attempts, mean.
    pub attempts: f64,
    /// Dollars, mean.
    pub usd: f64,
}

/// Where a policy's money went: parts that add up to the whole, by why the attempts were made.
pub fn parts(policy: &PolicyResult) -> Vec<Part> {
    let part = |c: &crate::experiment::document::CauseSpend| Part {
        label: match c.scope.as_str() {
            "first" => c.cause.clone(),
            _ => format!("retries by {}", c.cause),
        },
        scope: c.scope.clone(),
        attempts: c.attempts,
        usd: c.usd,
    };
    policy.spend_by_cause.iter().map(part).collect()
}

/// Dollars for writing to prompt caches: part of the parts above.
pub fn cache_writes(policy: &PolicyResult) -> f64 {
    policy.targets.iter().map(|t| t.cache_write_usd).sum()
}

/// Dollars of a policy by outcome, with what was still open last; those without dollars left out.
pub fn by_outcome(policy: &PolicyResult) -> Vec<(&'static str, f64)> {
    let all = crate::wire::Outcome::ALL;
    let sum = |o: crate::wire::Outcome| -> f64 {
        let of = |t: &crate::experiment::document::TargetResult| {
            t.outcome_usd.get(o as usize).copied().unwrap_or(0.0)
        };
        policy.targets.iter().map(of).sum()
    };
    let open: f64 = policy.targets.iter().map(|t| t.open_usd).sum();
    let rows = all.into_iter().map(|o| (o.name(), sum(o)));
    let rows = rows.chain([("still open", open)]);
    rows.filter(|(_, usd)| *usd != 0.0).collect()
}

/// Dollars for a table beside a total: as many decimals as the total needs for five digits, at
/// least cents, the same in every row.
pub fn exact_money(dollars: f64, total: f64) -> String {
    let decimals = decimals_for(total);
    format!("${dollars:.decimals$}")
}

fn decimals_for(total: f64) -> usize {
    let mut decimals = 2;
    let mut scaled = total.abs() * 100.0;
    while scaled > 0.0 && scaled < 10_000.0 && decimals < 9 {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals
}

/// The parts of a total as [`exact_money`] writes it, so that what is written adds up to what is
/// written: each is rounded down to the last decimal, and those that lose most get the units that
/// are missing (largest remainders, the first among equals).
pub fn adding_up(parts: &[f64], total: f64) -> Vec<String> {
    let decimals = decimals_for(total);
    let power = (0..decimals).fold(1.0, |power, _| power * 10.0);
    // A millionth of a unit: what adding up floats may lose.
    let units = |dollars: f64| (dollars * power + 1e-6).floor();
    let mut floors: Vec<f64> = parts.iter().map(|usd| units(*usd)).collect();
    let whole = exact_money(total, total)[1..].parse().unwrap_or(0.0) * power;
    let missing = (whole - floors.iter().sum::<f64>()).round();
    let lost = |i: &usize| parts[*i] * power - floors[*i];
    let mut order: Vec<usize> = (0..parts.len()).filter(|i| parts[*i] > 0.0).collect();
    order.sort_by(|a, b| lost(b).total_cmp(&lost(a)));
    for i in order.into_iter().take(missing.max(0.0) as usize) {
        floors[i] += 1.0;
    }
    let written = |units: f64| exact_money(units / power, total);
    floors.into_iter().map(written).collect()
}

/// The command that makes every figure again.
pub fn command(doc: &Document) -> String {
    let mut words = format!(
        "squall run {}.yaml --seed {} --replications {}",
        doc.scenario, doc.seed, doc.replications
    );
    for set in &doc.overrides {
        words.push_str(&format!(" --set '{}'", visible(set).replace('\'', "'\\''")));
    }
    words
}

/// The mean of a metric, or zero.
pub fn mean(policy: &PolicyResult, metric: Metric) -> f64 {
    policy.metric(metric).mean.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_adds_up_to_what_is_written() {
        for (parts, total) in [
            (vec![0.0225, 0.2025, 0.9, 0.0], 1.125),
            (vec![1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], 1.0),
            (vec![2_000.0 / 3.0, 1_000.0 / 3.0], 1_000.0),
            (vec![0.0], 0.0),
        ] {
            let texts = adding_up(&parts, total);
            let decimals = decimals_for(total);
            let sum: f64 = texts.iter().map(|t| t[1..].parse::<f64>().unwrap()).sum();
            assert_eq!(
                format!("${sum:.decimals$}"),
                exact_money(total, total),
                "{texts:?}"
            );
        }
    }
}
