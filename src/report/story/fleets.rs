//! What became of each fleet: its tasks, their times, and what they cost.

use crate::experiment::Metric;
use crate::experiment::document::{Document, FleetResult};
use crate::report::format::{NO_VALUE, count, money, percent, seconds};

/// What to say before the figures.
pub const ABOUT: &str = "Means of a run, of each fleet by itself; the comparison above has all fleets \
     together. Times are those of finished tasks.";

/// A column: its head, its metric, and how its values are written.
pub type Column = (&'static str, Metric, fn(f64) -> String);

/// All columns, in order.
pub const COLUMNS: [Column; 11] = [
    ("tasks", Metric::Tasks, count),
    ("success", Metric::SuccessRate, percent),
    ("spend", Metric::Spend, money),
    ("retries", Metric::Retry, money),
    ("wasted", Metric::Wasted, money),
    ("$/task", Metric::SpendPerSuccess, money),
    ("task mean", Metric::TaskMean, seconds),
    ("task p50", Metric::TaskP50, seconds),
    ("task p90", Metric::TaskP90, seconds),
    ("task p99", Metric::TaskP99, seconds),
    ("p99.9", Metric::TaskP999, seconds),
];

/// Whether there are fleets to be told apart.
pub fn are_several(doc: &Document) -> bool {
    doc.policies.iter().any(|p| p.fleets.len() > 1)
}

/// Each fleet's name, and what became of it under each policy, in the document's order.
pub fn fleets(doc: &Document) -> Vec<(&str, Vec<&FleetResult>)> {
    let names = doc.policies.first().into_iter().flat_map(|p| &p.fleets);
    let of = |f| doc.policies.iter().filter_map(move |p| p.fleets.get(f));
    let all = names.enumerate();
    all.map(|(f, fleet)| (fleet.name.as_str(), of(f).collect()))
        .collect()
}

/// A column's value of a fleet under a policy, as it is written.
pub fn cell((_, metric, format): &Column, fleet: &FleetResult) -> String {
    let mean = fleet.metric(*metric).and_then(|summary| summary.mean);
    let finite = mean.filter(|value| value.is_finite());
    finite.map_or_else(|| NO_VALUE.to_owned(), format)
}
