//! Adding up the books of all replications of one policy.

use crate::meter::series::{ROWS, Series as Buckets};
use crate::meter::{CauseBook, Ledger, StepBook, TargetBook};
use crate::scenario::model::{Policy, Scenario};
use crate::simulation::{Program, RunEnd};
use crate::statistics::{difference, quantile, summarise};
use crate::units::{Money, Span};
use crate::wire::Outcome;

use super::Metric;
use super::document::{CauseSpend, PolicyResult, SPEND_SAMPLES, Series, TargetResult};
use super::nesting;

/// The metrics of one run; `None` where a metric has no value.
pub type Row = [Option<f64>; Metric::COUNT];

/// How many replications make the bands of the spend series.
const BAND_REPLICATIONS: usize = 200;

/// The books of one policy, replication by replication.
#[derive(Debug)]
pub struct Gathered {
    /// The metrics of each replication.
    pub rows: Vec<Row>,
    targets: Vec<TargetBook>,
    busy_peaks: Vec<(u64, u32)>,
    /// What each layer caused, and last the first attempts.
    pub(super) causes: Vec<CauseBook>,
    /// How often each layer acted, over all replications.
    pub acted: Vec<u64>,
    /// How often each retry layer was entered, over all replications.
    pub(super) entered: Vec<u64>,
    /// How long each retry layer waited, over all replications \[ns\].
    pub(super) waited: Vec<u128>,
    /// The steps of all plans.
    pub(super) steps: Vec<StepBook>,
    series: Buckets,
    /// The spend of single replications, by bucket.
    spends: Vec<(Span, Vec<Money>)>,
    /// What reports call each layer.
    pub(super) labels: Vec<String>,
}

impl Gathered {
    /// Nothing yet.
    pub fn new(scenario: &Scenario, program: &Program) -> Gathered {
        let targets = scenario.targets.len();
        Gathered {
            rows: vec![],
            targets: vec![TargetBook::default(); targets],
            busy_peaks: vec![(0, 0); targets],
            causes: vec![CauseBook::default(); program.labels.len() + 1],
            acted: vec![0; program.labels.len()],
            entered: vec![0; program.labels.len()],
            waited: vec![0; program.labels.len()],
            steps: vec![],
            series: Buckets::default(),
            spends: vec![],
            labels: program.labels.clone(),
        }
    }

    /// Adds the next replication.
    pub fn add(&mut self, scenario: &Scenario, ledger: &Ledger, end: &RunEnd, ideal: Money) {
        self.rows.push(row(scenario, ledger, end, ideal));
        for (sum, page) in self.targets.iter_mut().zip(&ledger.targets) {
            add_page(sum, page);
        }
        for ((sum, most), peak) in self.busy_peaks.iter_mut().zip(&end.busy_peak) {
            *sum += u64::from(*peak);
            *most = (*most).max(*peak);
        }
        for (sum, page) in self.causes.iter_mut().zip(&ledger.causes) {
            sum.attempts += page.attempts;
            sum.spend += page.spend;
        }
        for (sum, n) in self.acted.iter_mut().zip(&ledger.acted) {
            *sum += n;
        }
        for (sum, n) in self.entered.iter_mut().zip(&ledger.entered) {
            *sum += n;
        }
        for (sum, wait) in self.waited.iter_mut().zip(&ledger.waited) {
            *sum += u128::from(wait.0);
        }
        self.steps.resize(ledger.steps.len(), StepBook::default());
        for (sum, step) in self.steps.iter_mut().zip(&ledger.steps) {
            sum.attempts += step.attempts;
            sum.most = sum.most.max(step.most);
        }
        self.series.merge(&ledger.series);
        if self.spends.len() < BAND_REPLICATIONS {
            let buckets = ledger.series.buckets();
            let spend = buckets.iter().map(|b| b.spend).collect();
            self.spends.push((ledger.series.width(), spend));
        }
    }

    /// The width of this policy's buckets.
    pub fn width(&self) -> Span {
        self.series.width()
    }

    /// How many of this policy's buckets hold something, at a width.
    pub fn length(&self, width: Span) -> usize {
        let mut series = self.series.clone();
        series.widen_to(width);
        series.buckets().len()
    }

    /// Sums up on a grid of `length` buckets of `width`.
    pub fn result(
        &self,
        scenario: &Scenario,
        policy: &Policy,
        baseline: Option<&Gathered>,
        (width, length): (Span, usize),
    ) -> PolicyResult {
        let n = self.rows.len() as f64;
        let column = |rows: &[Row], metric: Metric| -> Vec<Option<f64>> {
            rows.iter().map(|row| row[metric as usize]).collect()
        };
        let metrics = Metric::ALL.map(|m| summarise(&column(&self.rows, m)));
        let versus = baseline.map(|base| {
            Metric::ALL.map(|m| difference(&column(&self.rows, m), &column(&base.rows, m)))
        });
        let (layers, nesting) = nesting::results(self, scenario, policy);
        let spends = column(&self.rows, Metric::Spend);
        PolicyResult {
            name: policy.name.clone(),
            about: policy.about.clone(),
            metrics: metrics.into(),
            versus_baseline: versus.map(Vec::from).unwrap_or_default(),
            targets: self.target_results(n),
            layers,
            nesting,
            spend_by_cause: self.spend_by_cause(policy, n),
            series: self.series_result(n, width, length),
            spend_samples: spends.into_iter().flatten().take(SPEND_SAMPLES).collect(),
        }
    }

    fn target_results(&self, n: f64) -> Vec<TargetResult> {
        let pages = self.targets.iter().zip(&self.busy_peaks);
        let result = |(page, (peaks, most)): (&TargetBook, &(u64, u32))| TargetResult {
            attempts: page.attempts as f64 / n,
            first_attempts: page.first as f64 / n,
            open: page.outcomes[Outcome::COUNT] as f64 / n,
            outcomes: Outcome::ALL
                .map(|o| page.outcomes[o as usize] as f64 / n)
                .into(),
            spend_usd: page.total().as_dollars() / n,
            outcome_usd: Outcome::ALL
                .map(|o| page.spend[o as usize].as_dollars() / n)
                .into(),
            open_usd: page.spend[Outcome::COUNT].as_dollars() / n,
            busy_peak: *peaks as f64 / n,
            busy_peak_max: *most,
        };
        pages.map(result).collect()
    }

    fn spend_by_cause(&self, policy: &Policy, n: f64) -> Vec<CauseSpend> {
        let labels = self.labels.iter().map(|label| policy.short_label(label));
        let labels = labels.map(|label| (label.to_owned(), scope(label).to_owned()));
        let first = std::iter::once(("first attempts".to_owned(), "first".to_owned()));
        let pages = std::iter::once(&self.causes[self.causes.len() - 1]).chain(&self.causes);
        let all = first.chain(labels).zip(pages).enumerate();
        all.filter(|(i, (_, page))| *i == 0 || page.attempts > 0)
            .map(|(_, ((cause, scope), page))| CauseSpend {
                cause,
                scope,
                attempts: page.attempts as f64 / n,
                usd: page.spend.as_dollars() / n,
            })
            .collect()
    }

    fn series_result(&self, n: f64, width: Span, length: usize) -> Series {
        let mut buckets = self.series.clone();
        buckets.widen_to(width);
        let buckets = buckets.buckets();
        let bucket = |i: usize| buckets.get(i).copied().unwrap_or_default();
        let row = |r: usize| {
            (0..length)
                .map(|i| bucket(i).attempts[r] as f64 / n)
                .collect()
        };
        let (mut spend, mut tasks) = (Money::ZERO, 0);
        let mut spend_mean = Vec::with_capacity(length);
        let mut tasks_ok = Vec::with_capacity(length);
        for i in 0..length {
            spend += bucket(i).spend;
            tasks += bucket(i).tasks_ok;
            spend_mean.push(spend.as_dollars() / n);
            tasks_ok.push(tasks as f64 / n);
        }
        let (spend_p5, spend_p95) = self.spend_band(width, length);
        Series {
            width_seconds: width.as_seconds(),
            outcomes: (0..ROWS).map(row).collect(),
            spend_mean,
            spend_p5,
            spend_p95,
            tasks_ok,
        }
    }

    /// The 5th and 95th percentile of the cumulative spend at each bucket's end.
    fn spend_band(&self, width: Span, length: usize) -> (Vec<f64>, Vec<f64>) {
        let cumulative: Vec<Vec<f64>> = self
            .spends
            .iter()
            .map(|(own, spend)| cumulative(spend, (width.0 / own.0) as usize, length))
            .collect();
        let mut column = vec![0.0; cumulative.len()];
        let mut band = |q: f64| -> Vec<f64> {
            let at = |i: usize| {
                for (value, run) in column.iter_mut().zip(&cumulative) {
                    *value = run[i];
                }
                column.sort_by(f64::total_cmp);
                quantile(&column, q).unwrap_or(0.0)
            };
            (0..length).map(at).collect()
        };
        (band(0.05), band(0.95))
    }
}

/// The scope that a layer's short label begins with: of "tool.search\[0\] retry" it is "tool".
fn scope(label: &str) -> &str {
    label.split(['.', '[', ' ']).next().unwrap_or_default()
}

/// Cumulative dollars on a grid whose buckets hold `merged` of the given ones each.
fn cumulative(spend: &[Money], merged: usize, length: usize) -> Vec<f64> {
    let mut sum = Money::ZERO;
    let mut chunks = spend.chunks(merged);
    let mut next = || {
        sum += chunks
            .next()
            .map_or(Money::ZERO, |c| c.iter().copied().sum());
        sum.as_dollars()
    };
    (0..length).map(|_| next()).collect()
}

fn add_page(sum: &mut TargetBook, page: &TargetBook) {
    sum.attempts += page.attempts;
    sum.first += page.first;
    for (n, more) in sum.outcomes.iter_mut().zip(page.outcomes) {
        *n += more;
    }
    for (money, more) in sum.spend.iter_mut().zip(page.spend) {
        *money += more;
    }
}

/// The metrics of one run.
fn row(scenario: &Scenario, ledger: &Ledger, end: &RunEnd, ideal: Money) -> Row {
    let mut row = [None; Metric::COUNT];
    let mut set = |metric: Metric, value: Option<f64>| row[metric as usize] = value;
    let count = |n: u64| Some(n as f64);
    let ratio = |top: f64, bottom: f64| (bottom > 0.0).then(|| top / bottom);
    let pages = || scenario.targets.iter().zip(&ledger.targets);
    let attempts_of = |models: bool| -> u64 {
        let of_kind = pages().filter(|(target, _)| target.is_model() == models);
        of_kind.map(|(_, page)| page.attempts).sum()
    };
    let sum = |of: fn(&TargetBook) -> u64| -> u64 { ledger.targets.iter().map(of).sum() };
    let spend = ledger.spend();
    let attempts = sum(|p| p.attempts);
    set(Metric::Spend, Some(spend.as_dollars()));
    set(Metric::Wasted, Some(ledger.wasted.as_dollars()));
    set(
        Metric::FirstAttempt,
        Some(ledger.first_spend().as_dollars()),
    );
    set(
        Metric::Retry,
        Some((spend - ledger.first_spend()).as_dollars()),
    );
    set(
        Metric::SpendPerSuccess,
        ratio(spend.as_dollars(), ledger.tasks_ok as f64),
    );
    set(Metric::Ideal, Some(ideal.as_dollars()));
    set(
        Metric::IdealRatio,
        ratio(spend.as_dollars(), ideal.as_dollars()),
    );
    set(Metric::Attempts, count(attempts));
    set(Metric::LlmAttempts, count(attempts_of(true)));
    set(Metric::ToolAttempts, count(attempts_of(false)));
    set(Metric::Denied, count(ledger.denied));
    set(
        Metric::RateLimited,
        count(sum(|p| p.outcomes[Outcome::RateLimited as usize])),
    );
    set(Metric::TokensIn, count(sum(|p| p.tokens.input)));
    set(Metric::TokensOut, count(sum(|p| p.tokens.output)));
    set(Metric::TokensCached, count(sum(|p| p.tokens.cached)));
    set(Metric::TasksOk, count(ledger.tasks_ok));
    set(Metric::TasksFailed, count(ledger.tasks_failed));
    set(Metric::TasksUnfinished, count(ledger.tasks_unfinished));
    set(
        Metric::SuccessRate,
        ratio(ledger.tasks_ok as f64, ledger.tasks_arrived as f64),
    );
    set(
        Metric::Amplification,
        ratio(attempts as f64, sum(|p| p.first) as f64),
    );
    let seconds = |q: f64| {
        ledger
            .task_times
            .quantile(q)
            .map(|ns| Span(ns).as_seconds())
    };
    set(Metric::TaskP50, seconds(0.5));
    set(Metric::TaskP99, seconds(0.99));
    set(Metric::End, Some(end.end.as_seconds()));
    set(Metric::Recovery, ledger.recovery(end).map(Span::as_seconds));
    set(Metric::PeakRate, count(ledger.peak_per_second));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_labelled_without_its_policy() {
        let policy = Policy {
            name: "v1.2 [new]".to_owned(),
            ..Policy::default()
        };
        let short = |label| policy.short_label(label);
        assert_eq!(short("v1.2 [new].tool[0] retry"), "tool[0] retry");
        assert_eq!(short("fleet retry"), "fleet retry");
    }

    #[test]
    fn a_label_begins_with_its_scope() {
        let cases = [
            ("tool[0] retry", "tool"),
            ("tool.search[1] retry", "tool"),
            ("llm.others[0] retry", "llm"),
            ("fleet retry", "fleet"),
        ];
        for (label, expected) in cases {
            assert_eq!(scope(label), expected);
        }
    }
}
