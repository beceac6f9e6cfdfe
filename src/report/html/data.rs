//! What the page's script draws from: names, styles and rounded series, as JSON.

use serde_json::{Value, json};

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::charts::styles;
use crate::report::story;

use super::sections::versus;
use super::writer::json_in_script;

/// The JSON of a document, fit for a script element.
pub(super) fn json(doc: &Document) -> Result<String, serde_json::Error> {
    let policies = doc
        .policies
        .iter()
        .enumerate()
        .map(|(i, p)| policy(doc, i, p));
    let outages = doc
        .outages
        .iter()
        .map(|o| json!([o.from_seconds, o.until_seconds]));
    let groups = styles::outcomes().into_iter();
    let value = json!({
        "width": doc.policies.first().map_or(1.0, |p| p.series.width_seconds),
        "outages": outages.collect::<Vec<Value>>(),
        "groups": groups.map(|(name, colour, _)| json!([name, colour])).collect::<Vec<Value>>(),
        "targets": doc.targets.iter().map(|t| story::name(&t.name)).collect::<Vec<String>>(),
        "policies": policies.collect::<Vec<Value>>(),
    });
    Ok(json_in_script(&serde_json::to_string(&value)?))
}

fn policy(doc: &Document, index: usize, policy: &PolicyResult) -> Value {
    let (colour, dash) = styles::policy(index);
    let series = &policy.series;
    let rows = |rows: &[usize]| -> Vec<f64> {
        let length = series.outcomes.iter().map(Vec::len).max().unwrap_or(0);
        let at = |b: usize| {
            rows.iter()
                .filter_map(|r| series.outcomes.get(*r)?.get(b))
                .sum()
        };
        let mut sums: Vec<f64> = (0..length).map(at).map(rounded).collect();
        while sums.last() == Some(&0.0) {
            sums.pop();
        }
        sums
    };
    let groups = styles::outcomes().into_iter();
    let rounded_all = |v: &[f64]| v.iter().copied().map(rounded).collect::<Vec<f64>>();
    let spend = policy.metric(Metric::Spend);
    let versus = |other| {
        let (text, spread) = versus(doc, index, other);
        let mean = doc
            .difference(index, other, Metric::Spend)
            .and_then(|d| d.mean);
        json!([mean, text, spread])
    };
    json!({
        "name": story::name(&policy.name),
        "colour": colour,
        "dash": dash,
        "outcomes": groups.map(|(_, _, r)| rows(r)).collect::<Vec<_>>(),
        "spend": rounded_all(&series.spend_mean),
        "p5": rounded_all(&series.spend_p5),
        "p95": rounded_all(&series.spend_p95),
        "samples": rounded_all(&policy.spend_samples),
        "summary": [spend.p50, spend.p95, spend.max, spend.mean],
        "versus": (0..doc.policies.len()).map(versus).collect::<Vec<Value>>(),
        "life": doc.life.as_ref().and_then(|life| life.policies.get(index)).map(life),
    })
}

fn life(life: &crate::experiment::document::Life) -> Value {
    let span = |s: &crate::experiment::document::LifeSpan| {
        json!([
            rounded(s.from_seconds),
            rounded(s.until_seconds),
            s.target,
            s.outcome,
            s.cause,
            s.tokens,
            s.usd
        ])
    };
    json!({
        "spans": life.spans.iter().map(span).collect::<Vec<Value>>(),
        "left": life.left_out,
        "ready": life.ready_seconds,
        "end": life.end_seconds,
        "outcome": life.outcome,
    })
}

/// Six significant digits: more than a chart can show, and half the page's size.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(0.0)
}
