//! What the comparison table's columns are: heads, cells, and which cell is the best.

use std::cmp::Ordering;

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::format::{NO_VALUE, count, money, money_change, percent, ratio, seconds};

/// A column, with one cell a policy.
pub(super) struct Column {
    /// Its head.
    pub head: &'static str,
    /// The cells, in the order of the policies.
    pub cells: Vec<Cell>,
    /// Index of the column that it stands above when rows have two lines.
    pub above: Option<usize>,
    /// Columns with the largest number are dropped first; 0 never.
    pub rank: u8,
}

/// A cell: a value, and the half-width of its interval where the column shows one.
pub(super) struct Cell {
    /// The value.
    pub text: String,
    /// `±…`, or empty.
    pub spread: String,
    /// Whether it is the best of its column.
    pub best: bool,
}

/// Which end of a column is the good one.
#[derive(Clone, Copy)]
enum Good {
    Low,
    High,
}

type Format = fn(f64) -> String;

/// Places of columns that others refer to.
pub(super) const SPEND: usize = 0;

/// All columns, in order.
pub(super) fn columns(doc: &Document) -> Vec<Column> {
    let mean = |metric: Metric| move |p: &PolicyResult| p.metric(metric).mean;
    let tokens = |p: &PolicyResult| {
        let both = (
            p.metric(Metric::TokensIn).mean,
            p.metric(Metric::TokensOut).mean,
        );
        both.0.zip(both.1).map(|(input, output)| input + output)
    };
    let p95 = |p: &PolicyResult| p.metric(Metric::Spend).p95;
    let low = Good::Low;
    let of = |head, above, rank, cells| Column {
        head,
        cells,
        above,
        rank,
    };
    vec![
        of("spend", None, 0, spend(doc)),
        of("vs first", None, 1, versus(doc)),
        of("p95", Some(3), 3, cells(doc, p95, money, low)),
        of(
            "× ideal",
            None,
            3,
            cells(doc, mean(Metric::IdealRatio), ratio, low),
        ),
        of(
            "$/task",
            Some(5),
            2,
            cells(doc, mean(Metric::SpendPerSuccess), money, low),
        ),
        of(
            "success",
            None,
            2,
            cells(doc, mean(Metric::SuccessRate), percent, Good::High),
        ),
        of(
            "attempts",
            Some(7),
            4,
            cells(doc, mean(Metric::Attempts), count, low),
        ),
        of(
            "amplif.",
            None,
            4,
            cells(doc, mean(Metric::Amplification), ratio, low),
        ),
        of(
            "429s",
            Some(9),
            7,
            cells(doc, mean(Metric::RateLimited), count, low),
        ),
        of("tokens", None, 7, cells(doc, tokens, count, low)),
        of(
            "task p50",
            Some(11),
            5,
            cells(doc, mean(Metric::TaskP50), seconds, low),
        ),
        of(
            "task p99",
            None,
            5,
            cells(doc, mean(Metric::TaskP99), seconds, low),
        ),
        of(
            "recovery",
            None,
            6,
            cells(doc, mean(Metric::Recovery), seconds, low),
        ),
    ]
}

/// Cells of a plain value.
fn cells(
    doc: &Document,
    value: impl Fn(&PolicyResult) -> Option<f64>,
    format: Format,
    good: Good,
) -> Vec<Cell> {
    let values: Vec<Option<f64>> = doc.policies.iter().map(value).collect();
    let texts: Vec<String> = values
        .iter()
        .map(|v| v.map_or_else(|| NO_VALUE.to_owned(), format))
        .collect();
    let best = best(&values, &texts, good);
    texts
        .into_iter()
        .map(|text| Cell {
            best: best.as_deref() == Some(text.as_str()),
            spread: String::new(),
            text,
        })
        .collect()
}

fn spend(doc: &Document) -> Vec<Cell> {
    let metric = |p: &PolicyResult| p.metric(Metric::Spend).mean;
    let mut cells = cells(doc, metric, money, Good::Low);
    for (cell, policy) in cells.iter_mut().zip(&doc.policies) {
        cell.spread = half_width(metric(policy), policy.metric(Metric::Spend).ci95);
    }
    cells
}

/// The paired difference of the spend to the baseline's; never marked, as `spend` is already.
fn versus(doc: &Document) -> Vec<Cell> {
    let difference = |p: &PolicyResult| p.versus_baseline.get(Metric::Spend as usize).cloned();
    doc.policies
        .iter()
        .map(|policy| match difference(policy) {
            Some(d) => Cell {
                text: d.mean.map_or_else(|| NO_VALUE.to_owned(), money_change),
                spread: half_width(d.mean, d.ci95),
                best: false,
            },
            None => Cell {
                text: NO_VALUE.to_owned(),
                spread: String::new(),
                best: false,
            },
        })
        .collect()
}

/// Half the width of an interval of dollars, as `±…` with as many decimals as its mean has; empty
/// without one.
fn half_width(mean: Option<f64>, ci95: Option<[f64; 2]>) -> String {
    let Some((mean, [lo, hi])) = mean.zip(ci95) else {
        return String::new();
    };
    let half = (hi - lo) / 2.0;
    match mean.abs() {
        size if (0.1..999.995).contains(&size) && half < 999.995 => format!("±{half:.2}"),
        _ => format!("±{}", money(half).trim_start_matches('$')),
    }
}

/// The text of the best value; `None` where all read the same or there is no value. Texts are
/// compared, so that two cells that read alike are marked alike.
fn best(values: &[Option<f64>], texts: &[String], good: Good) -> Option<String> {
    let order = |a: f64, b: f64| match good {
        Good::Low => a.total_cmp(&b),
        Good::High => b.total_cmp(&a),
    };
    let mut winner: Option<(f64, &String)> = None;
    for (value, text) in values.iter().zip(texts) {
        let Some(value) = value.filter(|v| v.is_finite()) else {
            continue;
        };
        if winner.is_none_or(|(least, _)| order(value, least) == Ordering::Less) {
            winner = Some((value, text));
        }
    }
    let (_, text) = winner?;
    texts.iter().any(|t| t != text).then(|| text.clone())
}
