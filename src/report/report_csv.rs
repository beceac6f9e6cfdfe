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
            for part in story::parts(policy) {
                line("money", &part.label, "usd", Some(part.usd))?;
                line("attempts", &part.label, "count", Some(part.attempts))?;
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
