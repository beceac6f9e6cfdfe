//! What the comparison table's columns are: heads, cells, and which cell is the best.

use std::cmp::Ordering;

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::format::{
    NO_VALUE, count, money, money_change, money_spread, percent, ratio, seconds,
};

use super::label;

/// A column, with one cell a policy.
pub(super) struct Column {
    /// Its head.
    pub head: String,
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

type Format = fn(f64) -> String;

/// A policy competes for the marks if it finishes at least this share of what the best finishes:
/// doing little is cheap and quick. Our choice.
const COMPETES_FROM: f64 = 0.9;

/// The longest part of the baseline's name in a head \[columns\].
const LONGEST_BASELINE: usize = 12;

/// All columns, in order.
pub(super) fn columns(doc: &Document) -> Vec<Column> {
    let rates = success_rates(doc);
    let who = competing(&rates);
    // Where nothing succeeds there is no task time and no recovery to be proud of.
    let finishing = match best_rate(&rates) > 0.0 {
        true => who.clone(),
        false => vec![false; who.len()],
    };
    let mean = |metric: Metric, format: Format, who: &[bool]| {
        cells(doc, |p| p.metric(metric).mean, format, who)
    };
    let tokens = |p: &PolicyResult| {
        let [input, output] = [Metric::TokensIn, Metric::TokensOut].map(|m| p.metric(m).mean);
        input.zip(output).map(|(input, output)| input + output)
    };
    let p95 = |p: &PolicyResult| p.metric(Metric::Spend).p95;
    let of = |head: &str, above, rank, cells| Column {
        head: head.to_owned(),
        cells,
        above,
        rank,
    };
    vec![
        of("spend", None, 0, spend(doc, &who)),
        of(&versus_head(doc), None, 1, versus(doc)),
        of("p95", Some(3), 3, cells(doc, p95, money, &who)),
        of("× ideal", None, 3, mean(Metric::IdealRatio, ratio, &who)),
        of(
            "$/task",
            Some(5),
            2,
            mean(Metric::SpendPerSuccess, money, &who),
        ),
        of("success", None, 2, success(doc, &rates)),
        of("attempts", Some(7), 4, mean(Metric::Attempts, count, &who)),
        of("amplif.", None, 4, mean(Metric::Amplification, ratio, &who)),
        of("429s", Some(9), 7, mean(Metric::RateLimited, count, &who)),
        of("tokens", None, 7, cells(doc, tokens, count, &who)),
        of(
            "task p50",
            Some(11),
            5,
            mean(Metric::TaskP50, seconds, &finishing),
        ),
        of(
            "task p99",
            None,
            5,
            mean(Metric::TaskP99, seconds, &finishing),
        ),
        of(
            "recovery",
            None,
            6,
            mean(Metric::Recovery, seconds, &finishing),
        ),
    ]
}

/// Which policies are compared for the marks.
pub(super) enum Competition {
    /// All of them.
    All,
    /// Those that finish about as much as the best.
    Finishing,
    /// All, but nothing succeeds under any.
    NoSuccess,
}

/// How the marks of a document are to be read.
pub(super) fn competition(doc: &Document) -> Competition {
    let rates = success_rates(doc);
    match best_rate(&rates) {
        best if best <= 0.0 => Competition::NoSuccess,
        _ if competing(&rates).iter().all(|c| *c) => Competition::All,
        _ => Competition::Finishing,
    }
}

/// Each policy's mean success rate; nothing where there were no tasks.
fn success_rates(doc: &Document) -> Vec<f64> {
    let rate = |p: &PolicyResult| p.metric(Metric::SuccessRate).mean.filter(|r| r.is_finite());
    doc.policies
        .iter()
        .map(|p| rate(p).unwrap_or(0.0))
        .collect()
}

fn best_rate(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

/// Whether each policy competes for the marks of its work.
fn competing(rates: &[f64]) -> Vec<bool> {
    let least = COMPETES_FROM * best_rate(rates);
    rates.iter().map(|rate| *rate >= least).collect()
}

/// The head over the differences to the baseline.
fn versus_head(doc: &Document) -> String {
    let name = doc.policies.first().map_or("first", |p| p.name.as_str());
    format!("vs {}", label(name, LONGEST_BASELINE))
}

/// Cells of a plain value of which less is better.
fn cells(
    doc: &Document,
    value: impl Fn(&PolicyResult) -> Option<f64>,
    format: Format,
    who: &[bool],
) -> Vec<Cell> {
    let values: Vec<Option<f64>> = doc.policies.iter().map(value).collect();
    marked(&values, format, who, f64::total_cmp)
}

/// Success rates: more is better, and every policy competes.
fn success(doc: &Document, rates: &[f64]) -> Vec<Cell> {
    let values = doc
        .policies
        .iter()
        .map(|p| p.metric(Metric::SuccessRate).mean);
    let values: Vec<Option<f64>> = values.collect();
    let all = vec![true; rates.len()];
    marked(&values, percent, &all, |a, b| b.total_cmp(a))
}

/// Mean spends with their intervals.
fn spend(doc: &Document, who: &[bool]) -> Vec<Cell> {
    let metric = |p: &PolicyResult| p.metric(Metric::Spend).mean;
    let mut cells = cells(doc, metric, money, who);
    for (cell, policy) in cells.iter_mut().zip(&doc.policies) {
        cell.spread = spread(metric(policy), policy.metric(Metric::Spend).ci95);
    }
    cells
}

/// The paired difference of the spend to the baseline's; never marked, as `spend` is already.
fn versus(doc: &Document) -> Vec<Cell> {
    let difference = |p: &PolicyResult| p.versus_baseline.get(Metric::Spend as usize).cloned();
    let cell = |policy: &PolicyResult| {
        let difference = difference(policy);
        let mean = difference.as_ref().and_then(|d| d.mean);
        Cell {
            text: mean.map_or_else(|| NO_VALUE.to_owned(), money_change),
            spread: spread(mean, difference.and_then(|d| d.ci95)),
            best: false,
        }
    };
    doc.policies.iter().map(cell).collect()
}

/// Half the width of an interval of dollars; empty without one, and where it is exact.
fn spread(mean: Option<f64>, ci95: Option<[f64; 2]>) -> String {
    mean.zip(ci95)
        .map_or_else(String::new, |(mean, [low, high])| {
            money_spread(mean, (high - low) / 2.0)
        })
}

/// Cells with the best of those who compete marked.
///
/// Texts are compared, so that two cells that read alike are marked alike. Nothing is marked where
/// fewer than two compete, or all read the same.
fn marked(
    values: &[Option<f64>],
    format: Format,
    who: &[bool],
    order: fn(&f64, &f64) -> Ordering,
) -> Vec<Cell> {
    let text = |value: &Option<f64>| value.map_or_else(|| NO_VALUE.to_owned(), format);
    let texts: Vec<String> = values.iter().map(text).collect();
    let runners = || {
        values
            .iter()
            .zip(&texts)
            .zip(who)
            .filter(|(_, competes)| **competes)
    };
    let finite =
        runners().filter_map(|((value, text), _)| Some((value.filter(|v| v.is_finite())?, text)));
    let winner = finite
        .min_by(|a, b| order(&a.0, &b.0))
        .map(|(_, text)| text.clone());
    let is_contest = runners().count() > 1 && texts.iter().any(|t| *t != texts[0]);
    let winner = winner.filter(|_| is_contest);
    let cell = |(text, competes): (String, &bool)| Cell {
        best: *competes && winner.as_ref() == Some(&text),
        spread: String::new(),
        text,
    };
    texts.into_iter().zip(who).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn best(columns: &[Column], head: &str) -> Vec<bool> {
        let column = columns.iter().find(|c| c.head == head).unwrap();
        column.cells.iter().map(|c| c.best).collect()
    }

    fn with_rates(rates: [f64; 3]) -> Document {
        let mut doc = fixture::document(3);
        for (policy, rate) in doc.policies.iter_mut().zip(rates) {
            policy.metrics[Metric::SuccessRate as usize].mean = Some(rate);
        }
        doc
    }

    #[test]
    fn a_policy_that_finishes_little_wins_nothing() {
        let columns = columns(&with_rates([1.0, 0.5, 0.95]));
        for head in ["spend", "p95", "attempts", "task p50", "recovery"] {
            assert_eq!(best(&columns, head), [false, false, true], "{head}");
        }
        assert_eq!(best(&columns, "success"), [true, false, false]);
    }

    #[test]
    fn where_nothing_succeeds_all_compete_but_not_for_times() {
        let columns = columns(&with_rates([0.0; 3]));
        assert_eq!(best(&columns, "spend"), [false, true, false]);
        assert_eq!(best(&columns, "recovery"), [false; 3]);
        assert_eq!(best(&columns, "success"), [false; 3]);
    }

    #[test]
    fn one_alone_is_no_contest() {
        let columns = columns(&with_rates([1.0, 0.5, 0.5]));
        assert_eq!(best(&columns, "spend"), [false; 3]);
    }
}
