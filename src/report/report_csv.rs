//! `report.csv`: everything on the page as tidy lines, one figure each.

use crate::experiment::Metric;
use crate::experiment::document::Document;

use super::csv_files::unit;
use super::story;

/// Columns: scenario, policy, section, item, unit, value. A value that does not exist has no line.
pub(super) fn report_csv(docs: &[&Document]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["scenario", "policy", "section", "item", "unit", "value"])?;
    for doc in docs {
        for (i, policy) in doc.policies.iter().enumerate() {
            let mut line = |section: &str, item: &str, unit: &str, value: Option<f64>| match value {
                None => Ok(()),
                Some(v) => out.write_record([
                    doc.scenario.as_str(),
                    policy.name.as_str(),
                    section,
                    item,
                    unit,
                    &v.to_string(),
                ]),
            };
            for (m, s) in Metric::ALL.into_iter().zip(&policy.metrics) {
                let (low, high) = (s.ci95.map(|c| c[0]), s.ci95.map(|c| c[1]));
                let all = [
                    ("mean", s.mean),
                    ("ci_low", low),
                    ("ci_high", high),
                    ("p50", s.p50),
                    ("p95", s.p95),
                    ("max", s.max),
                ];
                for (statistic, value) in all {
                    line(
                        "metrics",
                        &format!("{}.{statistic}", m.key()),
                        unit(m),
                        value,
                    )?;
                }
            }
            for fleet in &policy.fleets {
                for (m, s) in Metric::BY_FLEET.into_iter().zip(&fleet.metrics) {
                    let item = format!("{} {}.mean", fleet.name, m.key());
                    line("fleets", &item, unit(m), s.mean)?;
                }
            }
            for cut in &policy.cuts {
                let all = [
                    ("replications", "count", f64::from(cut.replications)),
                    ("earliest", "seconds", cut.earliest_seconds),
                    ("latest", "seconds", cut.latest_seconds),
                    ("tasks unfinished", "count", cut.tasks_unfinished),
                ];
                for (what, unit, value) in all {
                    let item = format!("{} {what}", cut.limit.name());
                    line("cut off by", &item, unit, Some(value))?;
                }
            }
            for part in story::parts(policy) {
                line("money", &part.label, "usd", Some(part.usd))?;
                line("attempts", &part.label, "count", Some(part.attempts))?;
            }
            for layer in &policy.layers {
                let all = [
                    ("asked for", "count", Some(layer.attempts_caused)),
                    ("cost", "usd", Some(layer.usd_caused)),
                    ("on the wire", "count", Some(layer.attempts_on_wire)),
                    ("visible", "count", layer.attempts_visible),
                    ("waited", "seconds", Some(layer.waited_seconds)),
                ];
                for (what, unit, value) in all {
                    line("layers", &format!("{} {what}", layer.label), unit, value)?;
                }
            }
            for nesting in &policy.nesting {
                let call = format!("{} by {}", doc.targets[nesting.target].name, nesting.fleet);
                let worst = nesting.worst_attempts.map(|n| n as f64);
                let most = Some(f64::from(nesting.most_attempts));
                line("worst of one call", &call, "count", worst)?;
                line(
                    "longest waits",
                    &call,
                    "seconds",
                    nesting.worst_wait_seconds,
                )?;
                line("most simulated", &call, "count", most)?;
            }
            line(
                "money",
                "cache writes",
                "usd",
                Some(story::cache_writes(policy)),
            )?;
            for (j, other) in doc.policies.iter().enumerate() {
                let d = doc.difference(i, j, Metric::Spend);
                line("spend minus", &other.name, "usd", d.and_then(|d| d.mean))?;
            }
            let life = doc.life.as_ref().and_then(|life| life.policies.get(i));
            for (n, span) in life.iter().flat_map(|life| &life.spans).enumerate() {
                let item = format!("{} {}", n + 1, span.outcome);
                line("life from", &item, "seconds", Some(span.from_seconds))?;
                line("life until", &item, "seconds", Some(span.until_seconds))?;
            }
        }
    }
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}
