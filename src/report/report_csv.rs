//! `report.csv`: everything on the page as tidy lines, one figure each.

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};

use super::csv_files::unit;
use super::story;

type Written = Result<(), csv::Error>;

/// Columns: scenario, policy, section, item, unit, value. A value that does not exist has no line.
pub(super) fn report_csv(docs: &[&Document]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["scenario", "policy", "section", "item", "unit", "value"])?;
    for doc in docs {
        for (i, policy) in doc.policies.iter().enumerate() {
            let of = [doc.scenario.as_str(), policy.name.as_str()];
            let lines = &mut Lines { out: &mut out, of };
            metrics(policy, lines)?;
            fleets_and_cuts(policy, lines)?;
            money(policy, lines)?;
            layers(policy, lines)?;
            nesting(doc, policy, lines)?;
            let writes = story::cache_writes(policy);
            lines.add("money", "cache writes", "usd", Some(writes))?;
            beside_others(doc, i, lines)?;
        }
    }
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// The lines of one policy.
struct Lines<'a> {
    out: &'a mut csv::Writer<Vec<u8>>,
    /// The scenario and the policy.
    of: [&'a str; 2],
}

impl Lines<'_> {
    /// Adds a line, if there is a value.
    fn add(&mut self, section: &str, item: &str, unit: &str, value: Option<f64>) -> Written {
        let [scenario, policy] = self.of;
        match value {
            None => Ok(()),
            Some(v) => {
                let record = [scenario, policy, section, item, unit, &v.to_string()];
                self.out.write_record(record)
            }
        }
    }
}

fn metrics(policy: &PolicyResult, lines: &mut Lines) -> Written {
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
            let item = format!("{}.{statistic}", m.key());
            lines.add("metrics", &item, unit(m), value)?;
        }
    }
    Ok(())
}

fn fleets_and_cuts(policy: &PolicyResult, lines: &mut Lines) -> Written {
    for fleet in &policy.fleets {
        for (m, s) in Metric::BY_FLEET.into_iter().zip(&fleet.metrics) {
            let item = format!("{} {}.mean", fleet.name, m.key());
            lines.add("fleets", &item, unit(m), s.mean)?;
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
            lines.add("cut off by", &item, unit, Some(value))?;
        }
    }
    Ok(())
}

fn money(policy: &PolicyResult, lines: &mut Lines) -> Written {
    for part in story::parts(policy) {
        lines.add("money", &part.label, "usd", Some(part.usd))?;
        lines.add("attempts", &part.label, "count", Some(part.attempts))?;
    }
    Ok(())
}

fn layers(policy: &PolicyResult, lines: &mut Lines) -> Written {
    for layer in &policy.layers {
        let all = [
            ("asked for", "count", Some(layer.attempts_caused)),
            ("cost", "usd", Some(layer.usd_caused)),
            ("on the wire", "count", Some(layer.attempts_on_wire)),
            ("visible", "count", layer.attempts_visible),
            ("waited", "seconds", Some(layer.waited_seconds)),
        ];
        for (what, unit, value) in all {
            lines.add("layers", &format!("{} {what}", layer.label), unit, value)?;
        }
    }
    Ok(())
}

fn nesting(doc: &Document, policy: &PolicyResult, lines: &mut Lines) -> Written {
    for nesting in &policy.nesting {
        let call = format!("{} by {}", doc.targets[nesting.target].name, nesting.fleet);
        let worst = nesting.worst_attempts.map(|n| n as f64);
        let (waits, most) = (nesting.worst_wait_seconds, nesting.most_attempts);
        lines.add("worst of one call", &call, "count", worst)?;
        lines.add("longest waits", &call, "seconds", waits)?;
        lines.add("most simulated", &call, "count", Some(f64::from(most)))?;
    }
    Ok(())
}

/// What the page says of a policy beside the others: differences of spend, one task's life.
fn beside_others(doc: &Document, policy: usize, lines: &mut Lines) -> Written {
    for (j, other) in doc.policies.iter().enumerate() {
        let d = doc.difference(policy, j, Metric::Spend);
        lines.add("spend minus", &other.name, "usd", d.and_then(|d| d.mean))?;
    }
    let life = doc.life.as_ref();
    let life = life.and_then(|life| life.policies.get(policy));
    for (n, span) in life.iter().flat_map(|life| &life.spans).enumerate() {
        let item = format!("{} {}", n + 1, span.outcome);
        lines.add("life from", &item, "seconds", Some(span.from_seconds))?;
        lines.add("life until", &item, "seconds", Some(span.until_seconds))?;
    }
    Ok(())
}
