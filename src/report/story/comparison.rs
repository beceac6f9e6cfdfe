//! The columns of the comparison, and which cell is the best of each.

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::format::{count, money, percent, ratio, seconds};

/// A policy competes for the marks if it finishes at least this share of what the best finishes,
/// as in the terminal's table: doing little is cheap and quick.
const COMPETES_FROM: f64 = 0.9;

/// A column of the comparison.
#[derive(Debug)]
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// What it means.
    pub about: &'static str,
    /// The metric.
    pub metric: Metric,
    /// Whether it shows the 95th percentile instead of the mean.
    pub p95: bool,
    /// How its values are written.
    pub format: fn(f64) -> String,
    /// Whether more is better; of others less is.
    pub more: bool,
}

const fn column(
    head: &'static str,
    about: &'static str,
    metric: Metric,
    format: fn(f64) -> String,
) -> Column {
    Column {
        head,
        about,
        metric,
        p95: false,
        format,
        more: false,
    }
}

/// All columns, in order.
pub const COLUMNS: [Column; 13] = [
    column("Spend", "dollars a run, mean", Metric::Spend, money),
    Column {
        p95: true,
        ..column(
            "Spend p95",
            "one run in twenty spends more",
            Metric::Spend,
            money,
        )
    },
    column(
        "× ideal",
        "over the same weather without failures",
        Metric::IdealRatio,
        ratio,
    ),
    column(
        "$/finished task",
        "dollars for each task that finished",
        Metric::SpendPerSuccess,
        money,
    ),
    Column {
        more: true,
        ..column(
            "Success",
            "share of tasks that finished",
            Metric::SuccessRate,
            percent,
        )
    },
    column(
        "Failed",
        "tasks that failed for good",
        Metric::TasksFailed,
        count,
    ),
    column(
        "Unfinished",
        "tasks cut off by the horizon",
        Metric::TasksUnfinished,
        count,
    ),
    column("Attempts", "requests on the wire", Metric::Attempts, count),
    column(
        "Amplif.",
        "attempts over first attempts",
        Metric::Amplification,
        ratio,
    ),
    column(
        "429s",
        "attempts turned away by a limit",
        Metric::RateLimited,
        count,
    ),
    column(
        "Task p50",
        "median time of a finished task",
        Metric::TaskP50,
        seconds,
    ),
    column(
        "Task p99",
        "99th percentile of it",
        Metric::TaskP99,
        seconds,
    ),
    column(
        "Recovery",
        "from the last outage's end until its work is done",
        Metric::Recovery,
        seconds,
    ),
];

/// A column's value of a policy.
pub fn value(column: &Column, policy: &PolicyResult) -> Option<f64> {
    let summary = policy.metric(column.metric);
    let value = if column.p95 {
        summary.p95
    } else {
        summary.mean
    };
    value.filter(|v| v.is_finite())
}

/// Whether each policy competes: it finishes about as much as the best.
pub(super) fn competing(doc: &Document) -> Vec<bool> {
    let rate = |p: &PolicyResult| p.metric(Metric::SuccessRate).mean.unwrap_or(0.0);
    let best = doc.policies.iter().map(rate).fold(0.0, f64::max);
    let competes = |p| rate(p) >= COMPETES_FROM * best;
    doc.policies.iter().map(competes).collect()
}

/// Whether each policy is the best of the column. Values that read alike are marked alike; nothing
/// is marked where fewer than two compete, or all read the same.
pub fn best(doc: &Document, column: &Column) -> Vec<bool> {
    let n = doc.policies.len();
    let is_rate = column.metric == Metric::SuccessRate;
    let is_time = matches!(
        column.metric,
        Metric::TaskP50 | Metric::TaskP99 | Metric::Recovery
    );
    let none_succeeds = doc.policies.iter().all(|p| {
        let rate = p.metric(Metric::SuccessRate).mean;
        rate.unwrap_or(0.0) == 0.0
    });
    if is_time && none_succeeds {
        return vec![false; n];
    }
    let who = if is_rate {
        vec![true; n]
    } else {
        competing(doc)
    };
    let values: Vec<Option<f64>> = doc.policies.iter().map(|p| value(column, p)).collect();
    let texts: Vec<Option<String>> = values.iter().map(|v| v.map(column.format)).collect();
    let runners = || {
        values
            .iter()
            .zip(&who)
            .filter(|(_, c)| **c)
            .filter_map(|(v, _)| *v)
    };
    let winner = match column.more {
        true => runners().max_by(f64::total_cmp),
        false => runners().min_by(f64::total_cmp),
    };
    let is_contest = runners().count() > 1 && texts.iter().any(|t| *t != texts[0]);
    let winner = winner.filter(|_| is_contest).map(column.format);
    let wins =
        |(text, competes): (&Option<String>, &bool)| *competes && text.is_some() && *text == winner;
    texts.iter().zip(&who).map(wins).collect()
}
