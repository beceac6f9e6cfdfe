//! The row of one run: what is measured of it, and of each of its fleets.

use std::ops::Range;

use crate::meter::{FleetBook, Ledger, TargetBook};
use crate::scenario::model::Scenario;
use crate::simulation::RunEnd;
use crate::units::{Money, Span};
use crate::wire::Outcome;

use super::Metric;
use super::cuts::limit;

/// What is measured of one run, `None` where it has no value: each [`Metric`], and of each fleet
/// those of [`Metric::BY_FLEET`].
pub type Row = Vec<Option<f64>>;

/// How many values a row has where there are so many fleets.
pub fn width(fleets: usize) -> usize {
    Metric::COUNT + fleets * Metric::BY_FLEET.len()
}

/// Where in a row the values of a fleet stand.
pub fn columns_of(fleet: usize) -> Range<usize> {
    width(fleet)..width(fleet + 1)
}

/// The row of one run.
pub fn row(scenario: &Scenario, ledger: &Ledger, end: &RunEnd, ideal: Money) -> Row {
    let mut row = vec![None; Metric::COUNT];
    let own = |f: usize| of_fleet(&ledger.fleets[f], ledger.attempts_of(f));
    let fleets: Vec<_> = (0..ledger.fleets.len()).map(own).collect();
    let attempts = sum(ledger, |p| p.attempts);
    let all = match fleets.as_slice() {
        [alone] => *alone,
        _ => of_fleet(&FleetBook::of(&ledger.fleets), attempts),
    };
    for (metric, value) in Metric::BY_FLEET.into_iter().zip(all) {
        row[metric as usize] = value;
    }
    let mut set = |metric: Metric, value: Option<f64>| row[metric as usize] = value;
    let (spend, first) = (ledger.spend(), ledger.first_spend());
    set(Metric::FirstAttempt, dollars(first));
    set(Metric::Ideal, dollars(ideal));
    let over_ideal = ratio(spend.as_dollars(), ideal.as_dollars());
    set(Metric::IdealRatio, over_ideal);
    set(Metric::Attempts, count(attempts));
    set(Metric::LlmAttempts, attempts_of(scenario, ledger, true));
    set(Metric::ToolAttempts, attempts_of(scenario, ledger, false));
    set(Metric::Denied, count(ledger.denied));
    let rate_limited = sum(ledger, |p| p.outcomes[Outcome::RateLimited as usize]);
    set(Metric::RateLimited, count(rate_limited));
    set(Metric::TokensIn, count(sum(ledger, |p| p.tokens.input)));
    set(Metric::TokensOut, count(sum(ledger, |p| p.tokens.output)));
    set(
        Metric::TokensCached,
        count(sum(ledger, |p| p.tokens.cached)),
    );
    let cut_off = limit(ledger, end).is_some();
    set(Metric::CutOff, count(u64::from(cut_off)));
    let firsts = sum(ledger, |p| p.first);
    set(Metric::Amplification, ratio(attempts as f64, firsts as f64));
    set(Metric::End, Some(end.end.as_seconds()));
    set(Metric::Recovery, ledger.recovery(end).map(Span::as_seconds));
    set(Metric::PeakRate, count(ledger.peak_per_second()));
    row.extend(fleets.into_iter().flatten());
    row
}

/// What is measured of a fleet, in the order of [`Metric::BY_FLEET`].
fn of_fleet(page: &FleetBook, attempts: u64) -> [Option<f64>; Metric::BY_FLEET.len()] {
    let [p50, p90, p99, p999] = page.times.quantiles([0.5, 0.9, 0.99, 0.999]);
    let seconds = |ns: Option<u64>| ns.map(|ns| Span(ns).as_seconds());
    let mean = page.times.mean();
    let ok = page.ok as f64;
    Metric::BY_FLEET.map(|metric| match metric {
        Metric::Spend => dollars(page.spend),
        Metric::Wasted => dollars(page.wasted),
        Metric::Retry => dollars(page.retries),
        Metric::SpendPerSuccess => ratio(page.spend.as_dollars(), ok),
        Metric::Attempts => count(attempts),
        Metric::Tasks => count(page.arrived),
        Metric::TasksOk => count(page.ok),
        Metric::TasksFailed => count(page.failed),
        Metric::TasksUnfinished => count(page.unfinished),
        Metric::DeadLettered => count(page.dead_lettered),
        Metric::SuccessRate => ratio(ok, page.arrived as f64),
        Metric::TaskMean => mean.map(|ns| ns / Span::SECOND.0 as f64),
        Metric::TaskP50 => seconds(p50),
        Metric::TaskP90 => seconds(p90),
        Metric::TaskP99 => seconds(p99),
        Metric::TaskP999 => seconds(p999),
        other => unreachable!("{} is not by fleet", other.key()),
    })
}

fn sum(ledger: &Ledger, of: fn(&TargetBook) -> u64) -> u64 {
    ledger.targets.iter().map(of).sum()
}

/// Attempts on the wire to models, or to tools.
fn attempts_of(scenario: &Scenario, ledger: &Ledger, models: bool) -> Option<f64> {
    let pages = scenario.targets.iter().zip(&ledger.targets);
    let of_kind = pages.filter(|(target, _)| target.is_model() == models);
    count(of_kind.map(|(_, page)| page.attempts).sum())
}

fn count(n: u64) -> Option<f64> {
    Some(n as f64)
}

fn dollars(money: Money) -> Option<f64> {
    Some(money.as_dollars())
}

fn ratio(top: f64, bottom: f64) -> Option<f64> {
    (bottom > 0.0).then(|| top / bottom)
}
