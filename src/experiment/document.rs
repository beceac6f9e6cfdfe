//! The result document: the hinge between running and reporting.
//!
//! [`super::run`] makes it, every table, chart and page only reads it. It is plain data, saved as
//! `result.json`, versioned by [`SCHEMA`]; `summary.json` is its stable extract for scripts.

use serde::{Deserialize, Serialize};

use super::Metric;
pub use crate::statistics::{Difference, Summary};

/// The version of the document's form.
pub const SCHEMA: &str = "squall.result/2";

/// Everything that is known after an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of squall that made it.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's description.
    pub about: String,
    /// The scenario file's text, as it was run.
    pub source: String,
    /// Overrides from the command line, `path=value`.
    pub overrides: Vec<String>,
    /// SHA-256 of source and overrides, in hexadecimal.
    pub scenario_hash: String,
    /// The seed.
    pub seed: u64,
    /// How many replications were run.
    pub replications: u32,
    /// How many were asked for: more than were run where it was interrupted. 0 in documents of
    /// earlier versions.
    #[serde(default)]
    pub replications_planned: u32,
    /// When runs were cut off \[s\].
    pub horizon_seconds: f64,
    /// The targets, in the scenario's order.
    pub targets: Vec<TargetInfo>,
    /// Scheduled outages, for shading.
    pub outages: Vec<OutageInfo>,
    /// The policies, in the scenario's order; the first is the baseline.
    pub policies: Vec<PolicyResult>,
    /// The paired differences between all policies: `differences[i][j][metric]` is policy `i` minus
    /// policy `j`, for every `j < i`, within each replication; the metrics in the order of
    /// [`Metric::ALL`]. Empty in documents of earlier versions.
    #[serde(default)]
    pub differences: Vec<Vec<Vec<Difference>>>,
    /// One task under every policy, attempt by attempt; `None` where there is nothing to compare.
    #[serde(default)]
    pub life: Option<TaskLife>,
    /// Thresholds and their verdicts.
    pub thresholds: Vec<ThresholdResult>,
    /// What a reader must know: work cut off by the horizon, layers that never acted, quantiles
    /// from too few samples.
    pub warnings: Vec<String>,
}

/// A target, for labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Its name.
    pub name: String,
    /// Whether it is a model.
    pub model: bool,
    /// Where its prices are from; empty if it is free.
    pub price_source: String,
    /// What was assumed of it, in words: how it fails, its limits, its capacity.
    #[serde(default)]
    pub assumptions: Vec<String>,
}

/// A scheduled outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutageInfo {
    /// Index of the target.
    pub target: usize,
    /// Begin \[s\].
    pub from_seconds: f64,
    /// End \[s\].
    pub until_seconds: f64,
}

/// What one policy did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyResult {
    /// Its name.
    pub name: String,
    /// Its description.
    pub about: String,
    /// The metrics, in the order of [`Metric::ALL`].
    pub metrics: Vec<Summary>,
    /// The paired difference to the baseline (this minus baseline, within each replication), in
    /// the order of [`Metric::ALL`]; empty for the baseline itself.
    pub versus_baseline: Vec<Difference>,
    /// The limits that cut replications off before their tasks had ended; empty where none did.
    #[serde(default)]
    pub cuts: Vec<CutResult>,
    /// What became of each fleet, in the scenario's order. Empty in documents of earlier versions.
    #[serde(default)]
    pub fleets: Vec<FleetResult>,
    /// The targets, in the document's order.
    pub targets: Vec<TargetResult>,
    /// Each layer, in the order of the policy, and what it did.
    pub layers: Vec<LayerResult>,
    /// For each fleet and target that it calls: the worst that the nested layers can make of one
    /// call, and what they made of it.
    pub nesting: Vec<NestingResult>,
    /// Dollars by why the attempt was made: "first attempt", "retry by …".
    pub spend_by_cause: Vec<CauseSpend>,
    /// The series over time.
    pub series: Series,
    /// `spend_usd` of each replication, in order (the first [`SPEND_SAMPLES`]).
    pub spend_samples: Vec<f64>,
}

/// How many replications' spends are kept for the distribution chart.
pub const SPEND_SAMPLES: usize = 1000;

/// What a limit cut off under one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutResult {
    /// The limit.
    pub limit: Limit,
    /// How many replications it cut off.
    pub replications: u32,
    /// The simulated time at which the first of them was cut off \[s\].
    pub earliest_seconds: f64,
    /// The simulated time at which the last of them was \[s\].
    pub latest_seconds: f64,
    /// Tasks that were unfinished then, as a mean over those replications.
    pub tasks_unfinished: f64,
}

/// What can cut a run off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The scenario's `horizon`, while tasks were unfinished.
    Horizon,
    /// The scenario's `max_events`.
    MaxEvents,
    /// More agents, requests or waiting tasks at once than memory is set aside for
    /// ([`crate::simulation::MOST_AT_ONCE`]).
    Crowd,
}

impl Limit {
    /// All limits, in order: `ALL[l as usize] == l`.
    pub const ALL: [Limit; 3] = [Limit::Horizon, Limit::MaxEvents, Limit::Crowd];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Horizon => "horizon",
            Limit::MaxEvents => "max_events",
            Limit::Crowd => "crowd",
        }
    }
}

/// What became of one fleet under one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetResult {
    /// Its name.
    pub name: String,
    /// The metrics that are known of it, in the order of [`Metric::BY_FLEET`].
    pub metrics: Vec<Summary>,
}

impl FleetResult {
    /// The summary of one metric; `None` if it is not known of fleets.
    pub fn metric(&self, metric: Metric) -> Option<&Summary> {
        let place = Metric::BY_FLEET.iter().position(|m| *m == metric)?;
        self.metrics.get(place)
    }
}

/// What one target saw under one policy, as means over the replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetResult {
    /// Attempts on the wire.
    pub attempts: f64,
    /// First attempts.
    pub first_attempts: f64,
    /// Attempts still open when the run was cut off.
    pub open: f64,
    /// Attempts by outcome, in the order of [`crate::wire::Outcome::ALL`]; the last three never
    /// reached the wire and are not part of `attempts`.
    pub outcomes: Vec<f64>,
    /// Dollars.
    pub spend_usd: f64,
    /// Dollars by outcome, in the same order.
    pub outcome_usd: Vec<f64>,
    /// Dollars of attempts still open when the run was cut off.
    pub open_usd: f64,
    /// Dollars among them for writing to the prompt cache, at full price.
    #[serde(default)]
    pub cache_write_usd: f64,
    /// Most attempts that it worked on at once: mean and largest over the replications.
    pub busy_peak: f64,
    /// The largest of those.
    pub busy_peak_max: u32,
}

/// What a layer did, as means over the replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerResult {
    /// Where it stands ("tool\[2\] retry").
    pub label: String,
    /// How often it acted: retries made, timeouts fired, calls refused or made to wait.
    pub acted: f64,
    /// Attempts on the wire that it asked for: each belongs to the innermost layer that did.
    pub attempts_caused: f64,
    /// What those cost \[$\].
    pub usd_caused: f64,
    /// Attempts on the wire below it, whoever asked for them.
    pub attempts_on_wire: f64,
    /// Of a retry layer: the tries that a log written there would show, first tries included.
    pub attempts_visible: Option<f64>,
    /// Of a retry layer: its own waits, together \[s\].
    pub waited_seconds: f64,
}

/// The worst that nested layers can make of one call of a target, and what they made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NestingResult {
    /// The fleet's name.
    pub fleet: String,
    /// Index of the target.
    pub target: usize,
    /// The product of the attempts of all retry layers around it; `None` is without end.
    pub worst_attempts: Option<u64>,
    /// The longest that all waits between them can be without Retry-After \[s\]; `None` has no end.
    pub worst_wait_seconds: Option<f64>,
    /// The most attempts of one of its steps in one task in any replication; of steps in loops that
    /// were begun anew, those of the first time.
    pub most_attempts: u32,
}

/// Dollars by cause, as a mean over the replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseSpend {
    /// The layer that asked for them, or "first attempts".
    pub cause: String,
    /// The scope of that layer: `tool`, `llm`, `turn`, `task`, `fleet`, or `first`.
    pub scope: String,
    /// Attempts.
    pub attempts: f64,
    /// Dollars.
    pub usd: f64,
}

/// Series over time on a common grid: bucket `i` covers `[i·width, (i+1)·width)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Width of a bucket \[s\].
    pub width_seconds: f64,
    /// Attempts begun in each bucket by outcome, as means over the replications:
    /// `outcomes[outcome][bucket]`, outcomes as in [`crate::wire::Outcome::ALL`], and a last row
    /// for attempts still open when the run was cut off.
    pub outcomes: Vec<Vec<f64>>,
    /// Cumulative dollars at each bucket's end: mean.
    pub spend_mean: Vec<f64>,
    /// Cumulative dollars at each bucket's end: 5th percentile over the replications.
    pub spend_p5: Vec<f64>,
    /// Cumulative dollars at each bucket's end: 95th percentile over the replications.
    pub spend_p95: Vec<f64>,
    /// Cumulative finished tasks at each bucket's end: mean.
    pub tasks_ok: Vec<f64>,
}

/// One task's life under every policy: the task of replication 0 that they treat most differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskLife {
    /// The name of its fleet.
    pub fleet: String,
    /// Its number within the fleet, from 0.
    pub task: u32,
    /// The replication.
    pub replication: u32,
    /// The policies, in the document's order.
    pub policies: Vec<Life>,
}

/// A task's life under one policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Attempts and refusals in the order in which they ended, the first [`LIFE_SPANS`].
    pub spans: Vec<LifeSpan>,
    /// How many more there were.
    pub left_out: u32,
    /// When the task was ready \[s\]; `None` where it never ended.
    pub ready_seconds: Option<f64>,
    /// When it ended \[s\]; `None` where it was unfinished when the run was cut off.
    pub end_seconds: Option<f64>,
    /// How it ended; empty where it did not.
    pub outcome: String,
    /// All its attempts on the wire.
    pub attempts: u32,
    /// All that it cost.
    pub usd: f64,
}

/// The most attempts and refusals that are kept of a task's life under one policy.
pub const LIFE_SPANS: usize = 200;

/// An attempt, or a refusal before the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifeSpan {
    /// Begin \[s\].
    pub from_seconds: f64,
    /// End \[s\]; of a refusal the same.
    pub until_seconds: f64,
    /// Index of the target; `None` where a turn or the task was refused.
    pub target: Option<usize>,
    /// How it ended: an outcome's name, or `open`.
    pub outcome: String,
    /// The layer that asked for it; empty for first attempts and refusals.
    pub cause: String,
    /// Tokens, input and output.
    pub tokens: u64,
    /// Dollars.
    pub usd: f64,
}

/// A threshold and its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// As it was written.
    pub text: String,
    /// What was measured; `None` where the metric has no value.
    pub measured: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it could not be decided, where it could not.
    pub why: String,
}

/// What became of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// The runs cannot say.
    Undecided,
}

impl PolicyResult {
    /// The summary of one metric.
    pub fn metric(&self, metric: Metric) -> &Summary {
        &self.metrics[metric as usize]
    }
}

impl Document {
    /// Whether it lacks replications that were asked for.
    pub fn is_interrupted(&self) -> bool {
        self.replications < self.replications_planned
    }

    /// Policy `i` minus policy `j`, paired by replication; `None` where the document does not have
    /// it.
    pub fn difference(&self, i: usize, j: usize, metric: Metric) -> Option<Difference> {
        let stored = |i: usize, j: usize| {
            let pair = self.differences.get(i).and_then(|row| row.get(j));
            let versus = (j == 0).then(|| &self.policies[i].versus_baseline);
            pair.or(versus)?.get(metric as usize).copied()
        };
        match i.cmp(&j) {
            std::cmp::Ordering::Greater => stored(i, j),
            std::cmp::Ordering::Less => stored(j, i).map(|d| Difference {
                n: d.n,
                mean: d.mean.map(|mean| 0.0 - mean),
                ci95: d.ci95.map(|[low, high]| [0.0 - high, 0.0 - low]),
            }),
            std::cmp::Ordering::Equal => None,
        }
    }
}

impl Document {
    /// What is missing in a document that was read from a file: reports rely on these lengths.
    pub fn defect(&self) -> Option<String> {
        for policy in &self.policies {
            let metrics = policy.metrics.len();
            if metrics != Metric::COUNT {
                let expected = Metric::COUNT;
                return Some(format!(
                    "{} has {metrics} metrics of {expected}",
                    policy.name
                ));
            }
            let by_fleet = Metric::BY_FLEET.len();
            if let Some(fleet) = policy.fleets.iter().find(|f| f.metrics.len() != by_fleet) {
                let metrics = fleet.metrics.len();
                return Some(format!(
                    "{} has {metrics} metrics of {by_fleet} of {}",
                    policy.name, fleet.name
                ));
            }
            if policy.targets.len() != self.targets.len() {
                return Some(format!("{} lacks a target", policy.name));
            }
        }
        let missing = |p: &&PolicyResult| p.nesting.iter().any(|n| n.target >= self.targets.len());
        if let Some(policy) = self.policies.iter().find(missing) {
            return Some(format!("{} calls a target that there is not", policy.name));
        }
        let strays = self.outages.iter().any(|o| o.target >= self.targets.len());
        strays.then(|| "an outage is of no target".to_owned())
    }
}
