//! `summary.json`: the stable extract of the result document for scripts.
//!
//! Its fields are described in `docs/summary.md`; a change that breaks a reader changes
//! [`SCHEMA`]. Keys keep their order: the order of the scenario and of [`Metric::ALL`].

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::experiment::Metric;
use crate::experiment::document::{
    CauseSpend, CutResult, Difference, Document, FleetResult, LayerResult, NestingResult,
    PolicyResult, Summary, TargetResult, ThresholdResult,
};
use crate::wire::Outcome;

/// The version of the file's form.
pub const SCHEMA: &str = "squall.summary/1";

/// The file's bytes: indented JSON with a final newline. Numbers that are not finite are `null`.
pub fn summary_json(doc: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(&SummaryFile {
        schema: SCHEMA,
        scenario: &doc.scenario,
        about: &doc.about,
        version: &doc.version,
        seed: doc.seed,
        replications: doc.replications,
        replications_planned: doc.replications_planned.max(doc.replications),
        interrupted: doc.is_interrupted(),
        horizon_seconds: doc.horizon_seconds,
        scenario_hash: &doc.scenario_hash,
        policies: doc.policies.iter().map(|p| policy(doc, p)).collect(),
        thresholds: &doc.thresholds,
        warnings: &doc.warnings,
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(serde::Serialize)]
struct SummaryFile<'a> {
    schema: &'static str,
    scenario: &'a str,
    about: &'a str,
    version: &'a str,
    seed: u64,
    replications: u32,
    replications_planned: u32,
    interrupted: bool,
    horizon_seconds: f64,
    scenario_hash: &'a str,
    policies: Vec<Policy<'a>>,
    thresholds: &'a [ThresholdResult],
    warnings: &'a [String],
}

#[derive(serde::Serialize)]
struct Policy<'a> {
    name: &'a str,
    about: &'a str,
    metrics: Ordered<'a, Metrics>,
    versus_baseline: Ordered<'a, Versus<'a>>,
    cuts: &'a [CutResult],
    fleets: Ordered<'a, Fleet<'a>>,
    targets: Ordered<'a, Target<'a>>,
    layers: &'a [LayerResult],
    nesting: Vec<Nesting<'a>>,
    spend_by_cause: &'a [CauseSpend],
}

#[derive(serde::Serialize)]
struct Nesting<'a> {
    fleet: &'a str,
    target: &'a str,
    worst_attempts: Option<u64>,
    worst_wait_seconds: Option<f64>,
    most_attempts: u32,
}

#[derive(serde::Serialize)]
struct Metrics {
    mean: Option<f64>,
    ci95: Option<[f64; 2]>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    n: u32,
}

#[derive(serde::Serialize)]
struct Fleet<'a> {
    metrics: Ordered<'a, Metrics>,
}

#[derive(serde::Serialize)]
struct Versus<'a> {
    mean: &'a Option<f64>,
    ci95: &'a Option<[f64; 2]>,
    n: u32,
}

#[derive(serde::Serialize)]
struct Target<'a> {
    model: bool,
    attempts: f64,
    first_attempts: f64,
    open: f64,
    outcomes: Ordered<'a, f64>,
    spend_usd: f64,
    busy_peak: f64,
    busy_peak_max: u32,
}

/// A JSON object whose keys keep their order.
struct Ordered<'a, V>(Vec<(&'a str, V)>);

impl<V: Serialize> Serialize for Ordered<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn policy<'a>(doc: &'a Document, policy: &'a PolicyResult) -> Policy<'a> {
    let keys = Metric::ALL.map(Metric::key);
    let versus = keys.into_iter().zip(&policy.versus_baseline);
    let targets = doc.targets.iter().zip(&policy.targets);
    Policy {
        name: &policy.name,
        about: &policy.about,
        metrics: summaries(&Metric::ALL, &policy.metrics),
        versus_baseline: Ordered(versus.map(|(key, d)| (key, difference(d))).collect()),
        cuts: &policy.cuts,
        fleets: Ordered(policy.fleets.iter().map(fleet).collect()),
        targets: Ordered(
            targets
                .map(|(info, t)| (info.name.as_str(), target(info.model, t)))
                .collect(),
        ),
        layers: &policy.layers,
        nesting: policy.nesting.iter().map(|n| nesting(doc, n)).collect(),
        spend_by_cause: &policy.spend_by_cause,
    }
}

fn fleet(fleet: &FleetResult) -> (&str, Fleet<'_>) {
    let metrics = summaries(&Metric::BY_FLEET, &fleet.metrics);
    (&fleet.name, Fleet { metrics })
}

/// Summaries by the keys of their metrics.
fn summaries<'a>(metrics: &[Metric], summaries: &[Summary]) -> Ordered<'a, Metrics> {
    let of = |(metric, s): (&Metric, &Summary)| {
        let value = Metrics {
            mean: s.mean,
            ci95: s.ci95,
            p50: s.p50,
            p95: s.p95,
            p99: s.p99,
            min: s.min,
            max: s.max,
            n: s.n,
        };
        (metric.key(), value)
    };
    Ordered(metrics.iter().zip(summaries).map(of).collect())
}

fn nesting<'a>(doc: &'a Document, n: &'a NestingResult) -> Nesting<'a> {
    Nesting {
        fleet: &n.fleet,
        target: &doc.targets[n.target].name,
        worst_attempts: n.worst_attempts,
        worst_wait_seconds: n.worst_wait_seconds,
        most_attempts: n.most_attempts,
    }
}

fn difference(d: &Difference) -> Versus<'_> {
    Versus {
        mean: &d.mean,
        ci95: &d.ci95,
        n: d.n,
    }
}

fn target(model: bool, t: &TargetResult) -> Target<'_> {
    let names = Outcome::ALL.map(Outcome::name);
    Target {
        model,
        attempts: t.attempts,
        first_attempts: t.first_attempts,
        open: t.open,
        outcomes: Ordered(names.into_iter().zip(t.outcomes.iter().copied()).collect()),
        spend_usd: t.spend_usd,
        busy_peak: t.busy_peak,
        busy_peak_max: t.busy_peak_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn values_are_found_where_the_schema_says() {
        let doc = fixture::document(3);
        let file: serde_json::Value = serde_json::from_slice(&summary_json(&doc).unwrap()).unwrap();
        assert_eq!(file["schema"], SCHEMA);
        let second = &file["policies"][1];
        let spend = doc.policies[1].metric(Metric::Spend);
        assert_eq!(second["metrics"]["spend_usd"]["mean"].as_f64(), spend.mean);
        assert_eq!(second["metrics"]["spend_usd"]["n"], spend.n);
        assert!(second["versus_baseline"]["spend_usd"]["ci95"][1].is_f64());
        assert_eq!(
            file["policies"][0]["versus_baseline"],
            serde_json::json!({})
        );
        let attempts = second["targets"]["sandbox"]["attempts"].as_f64();
        assert_eq!(attempts, Some(doc.policies[1].targets[1].attempts));
        assert!(second["targets"]["sandbox"]["outcomes"]["rate_limited"].is_f64());
        let fleet = &second["fleets"]["sub-agents"]["metrics"]["task_seconds_p90"];
        let mean = doc.policies[1].fleets[1]
            .metric(Metric::TaskP90)
            .unwrap()
            .mean;
        assert!(mean.is_some() && fleet["mean"].as_f64() == mean);
        assert_eq!(file["thresholds"][0]["verdict"], "passed");
    }

    #[test]
    fn a_metric_without_a_value_is_null() {
        let mut doc = fixture::document(1);
        doc.policies[0].metrics[Metric::Recovery as usize] = Default::default();
        let file: serde_json::Value = serde_json::from_slice(&summary_json(&doc).unwrap()).unwrap();
        let recovery = &file["policies"][0]["metrics"]["recovery_seconds"];
        assert!(recovery["mean"].is_null() && recovery["ci95"].is_null());
        assert_eq!(recovery["n"], 0);
    }

    #[test]
    fn metrics_keep_their_order_in_the_text() {
        let text = String::from_utf8(summary_json(&fixture::document(1)).unwrap()).unwrap();
        let places: Vec<usize> = Metric::ALL
            .iter()
            .map(|m| text.find(&format!("\"{}\": {{", m.key())).unwrap())
            .collect();
        assert!(places.is_sorted());
    }
}
