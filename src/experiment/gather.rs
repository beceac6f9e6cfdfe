//! Adding up the books of all replications of one policy.
//!
//! All of it is integers in a fixed number of places, so parts that were gathered apart add up to
//! the same whole. What is known of single replications is in [`super::samples`].

use serde::{Deserialize, Serialize};

use crate::meter::series::{ROWS, Series as Buckets};
use crate::meter::{CauseBook, Ledger, StepBook, TargetBook};
use crate::scenario::model::Scenario;
use crate::simulation::RunEnd;
use crate::statistics::quantile;
use crate::units::{Money, Span};
use crate::wire::Outcome;
use crate::world::Target;

use super::document::{PolicyResult, SPEND_SAMPLES, Series, TargetResult};
use super::nesting::Shape;

/// How many replications make the bands of the spend series.
const BAND_REPLICATIONS: usize = 200;

/// The books of one policy over a range of replications.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gathered {
    /// How many replications there are.
    replications: u32,
    targets: Vec<TargetBook>,
    busy_peaks: Vec<(u64, u32)>,
    /// What writing to the prompt cache cost, by target.
    cache_writes: Vec<Money>,
    /// What each layer caused, and last the first attempts.
    pub(super) causes: Vec<CauseBook>,
    /// How often each layer acted, over all replications.
    pub(super) acted: Vec<u64>,
    /// How often each retry layer was entered, over all replications.
    pub(super) entered: Vec<u64>,
    /// How long each retry layer waited, over all replications \[ns\].
    pub(super) waited: Vec<u128>,
    /// The steps of all plans.
    pub(super) steps: Vec<StepBook>,
    series: Buckets,
    /// The spend of single replications, by bucket: those among the first [`BAND_REPLICATIONS`].
    spends: Vec<(Span, Vec<Money>)>,
    /// The spend of single replications: those among the first [`SPEND_SAMPLES`].
    spend_samples: Vec<f64>,
}

impl Gathered {
    /// Nothing yet, of a policy with so many layers against so many targets, in plans of so many
    /// steps.
    pub fn new(targets: usize, layers: usize, steps: usize) -> Gathered {
        Gathered {
            replications: 0,
            targets: vec![TargetBook::default(); targets],
            busy_peaks: vec![(0, 0); targets],
            cache_writes: vec![Money::ZERO; targets],
            causes: vec![CauseBook::default(); layers + 1],
            acted: vec![0; layers],
            entered: vec![0; layers],
            waited: vec![0; layers],
            steps: vec![StepBook::default(); steps],
            series: Buckets::default(),
            spends: vec![],
            spend_samples: vec![],
        }
    }

    /// Adds a replication, by its number among all.
    pub fn add(&mut self, scenario: &Scenario, replication: u32, ledger: &Ledger, end: &RunEnd) {
        self.replications += 1;
        for (sum, page) in self.targets.iter_mut().zip(&ledger.targets) {
            add_page(sum, page);
        }
        for ((sum, most), peak) in self.busy_peaks.iter_mut().zip(&end.busy_peak) {
            *sum += u64::from(*peak);
            *most = (*most).max(*peak);
        }
        let pages = scenario.targets.iter().zip(&ledger.targets);
        for (sum, (target, page)) in self.cache_writes.iter_mut().zip(pages) {
            *sum += cache_writes(target, page.tokens.written);
        }
        add_causes(&mut self.causes, &ledger.causes);
        add_counts(&mut self.acted, &ledger.acted);
        add_counts(&mut self.entered, &ledger.entered);
        for (sum, wait) in self.waited.iter_mut().zip(&ledger.waited) {
            *sum += u128::from(wait.0);
        }
        add_steps(&mut self.steps, &ledger.steps);
        self.series.merge(&ledger.series);
        if (replication as usize) < BAND_REPLICATIONS {
            let buckets = ledger.series.buckets();
            let spend = buckets.iter().map(|b| b.spend).collect();
            self.spends.push((ledger.series.width(), spend));
        }
        if (replication as usize) < SPEND_SAMPLES {
            self.spend_samples.push(ledger.spend().as_dollars());
        }
    }

    /// Adds the replications of another, all of which come after these.
    pub fn append(&mut self, later: Gathered) {
        self.replications += later.replications;
        for (sum, page) in self.targets.iter_mut().zip(&later.targets) {
            add_page(sum, page);
        }
        for ((sum, most), (more, peak)) in self.busy_peaks.iter_mut().zip(&later.busy_peaks) {
            *sum += more;
            *most = (*most).max(*peak);
        }
        for (sum, more) in self.cache_writes.iter_mut().zip(&later.cache_writes) {
            *sum += *more;
        }
        add_causes(&mut self.causes, &later.causes);
        add_counts(&mut self.acted, &later.acted);
        add_counts(&mut self.entered, &later.entered);
        for (sum, wait) in self.waited.iter_mut().zip(&later.waited) {
            *sum += wait;
        }
        add_steps(&mut self.steps, &later.steps);
        self.series.merge(&later.series);
        self.spends.extend(later.spends);
        self.spend_samples.extend(later.spend_samples);
    }

    /// Whether it has as many targets and layers as another.
    pub fn fits(&self, other: &Gathered) -> bool {
        self.targets.len() == other.targets.len()
            && self.cache_writes.len() == other.cache_writes.len()
            && self.acted.len() == other.acted.len()
            && self.entered.len() == other.entered.len()
            && self.waited.len() == other.waited.len()
            && self.steps.len() == other.steps.len()
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

    /// Fills in what is known, on a grid of `length` buckets of `width`. `result` has the labels of
    /// layers and causes already.
    pub fn fill(&self, result: &mut PolicyResult, shape: &Shape, (width, length): (Span, usize)) {
        let n = f64::from(self.replications);
        shape.fill(self, n, result);
        // The last page is that of first attempts, which are named first.
        let first = std::iter::once(&self.causes[self.causes.len() - 1]);
        let pages = first.chain(&self.causes);
        for (cause, page) in result.spend_by_cause.iter_mut().zip(pages) {
            cause.attempts = page.attempts as f64 / n;
            cause.usd = page.spend.as_dollars() / n;
        }
        let mut place = 0;
        result.spend_by_cause.retain(|cause| {
            place += 1;
            place == 1 || cause.attempts > 0.0
        });
        result.targets = self.target_results(n);
        result.series = self.series_result(n, width, length);
        result.spend_samples = self.spend_samples.clone();
    }

    fn target_results(&self, n: f64) -> Vec<TargetResult> {
        let pages = self.targets.iter().zip(&self.busy_peaks);
        let pages = pages.zip(&self.cache_writes);
        let result =
            |((page, (peaks, most)), written): ((&TargetBook, &(u64, u32)), &Money)| TargetResult {
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
                cache_write_usd: written.as_dollars() / n,
                busy_peak: *peaks as f64 / n,
                busy_peak_max: *most,
            };
        pages.map(result).collect()
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

/// What writing so many tokens to the prompt cache costs.
fn cache_writes(target: &Target, tokens: u64) -> Money {
    let price = target.price.tokens.map_or(0, |p| p.cache_write.0);
    Money(i128::from(price) * i128::from(tokens))
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

fn add_causes(sums: &mut [CauseBook], pages: &[CauseBook]) {
    for (sum, page) in sums.iter_mut().zip(pages) {
        sum.attempts += page.attempts;
        sum.spend += page.spend;
    }
}

fn add_counts(sums: &mut [u64], more: &[u64]) {
    for (sum, n) in sums.iter_mut().zip(more) {
        *sum += n;
    }
}

fn add_steps(sums: &mut [StepBook], steps: &[StepBook]) {
    for (sum, step) in sums.iter_mut().zip(steps) {
        sum.attempts += step.attempts;
        sum.most = sum.most.max(step.most);
    }
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
