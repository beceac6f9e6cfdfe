//! The CSV files: `summary.csv`, one line a policy and metric, `fleets.csv`, the same of each fleet,
//! `cuts.csv`, one line a policy and
//! limit that cut it off, `layers.csv`, one line a policy and layer, and `timeseries.csv`, one line a
//! policy and bucket of time.

use crate::experiment::Metric;
use crate::experiment::document::{Document, Series, Summary};
use crate::units::Span;
use crate::wire::Outcome;

/// `summary.csv`: policy, metric, unit, n, mean, interval, quantiles, extremes. A cell is empty
/// where there is no value.
pub fn summary_csv(doc: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut heads = vec!["policy"];
    heads.extend(SUMMARY);
    out.write_record(heads)?;
    for policy in &doc.policies {
        for (metric, s) in Metric::ALL.into_iter().zip(&policy.metrics) {
            let mut record = vec![policy.name.clone()];
            record.extend(summary(metric, s));
            out.write_record(&record)?;
        }
    }
    finish(out)
}

/// `fleets.csv`: of each fleet, the same columns as `summary.csv`.
pub fn fleets_csv(doc: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut heads = vec!["policy", "fleet"];
    heads.extend(SUMMARY);
    out.write_record(heads)?;
    for policy in &doc.policies {
        for fleet in &policy.fleets {
            for (metric, s) in Metric::BY_FLEET.into_iter().zip(&fleet.metrics) {
                let mut record = vec![policy.name.clone(), fleet.name.clone()];
                record.extend(summary(metric, s));
                out.write_record(&record)?;
            }
        }
    }
    finish(out)
}

/// The columns of a metric's summary.
const SUMMARY: [&str; 11] = [
    "metric", "unit", "n", "mean", "ci_low", "ci_high", "p50", "p95", "p99", "min", "max",
];

/// A metric's summary in these columns.
fn summary(metric: Metric, s: &Summary) -> [String; SUMMARY.len()] {
    [
        metric.key().to_owned(),
        unit(metric).to_owned(),
        s.n.to_string(),
        number(s.mean),
        number(s.ci95.map(|ci| ci[0])),
        number(s.ci95.map(|ci| ci[1])),
        number(s.p50),
        number(s.p95),
        number(s.p99),
        number(s.min),
        number(s.max),
    ]
}

/// `cuts.csv`: which limits cut replications off before their tasks had ended.
pub fn cuts_csv(doc: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "policy",
        "limit",
        "replications",
        "earliest_seconds",
        "latest_seconds",
        "tasks_unfinished",
    ])?;
    for policy in &doc.policies {
        for cut in &policy.cuts {
            out.write_record([
                policy.name.as_str(),
                cut.limit.name(),
                &cut.replications.to_string(),
                &number(Some(cut.earliest_seconds)),
                &number(Some(cut.latest_seconds)),
                &number(Some(cut.tasks_unfinished)),
            ])?;
        }
    }
    finish(out)
}

/// `layers.csv`: what each layer of each policy did.
pub fn layers_csv(doc: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "policy",
        "layer",
        "acted",
        "attempts_caused",
        "usd_caused",
        "attempts_on_wire",
        "attempts_visible",
        "waited_seconds",
    ])?;
    for policy in &doc.policies {
        for layer in &policy.layers {
            out.write_record([
                policy.name.as_str(),
                &layer.label,
                &number(Some(layer.acted)),
                &number(Some(layer.attempts_caused)),
                &number(Some(layer.usd_caused)),
                &number(Some(layer.attempts_on_wire)),
                &number(layer.attempts_visible),
                &number(Some(layer.waited_seconds)),
            ])?;
        }
    }
    finish(out)
}

/// `timeseries.csv`: attempts begun in each bucket by outcome, and cumulative dollars and tasks at
/// its end. `time_seconds` is where the bucket begins.
pub fn timeseries_csv(doc: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["policy", "time_seconds", "width_seconds"];
    header.extend(Outcome::ALL.map(Outcome::name));
    header.extend(["open", "spend_mean", "spend_p5", "spend_p95", "tasks_ok"]);
    out.write_record(&header)?;
    for policy in &doc.policies {
        let series = &policy.series;
        let width = (series.width_seconds * 1e9).round() as u64;
        for bucket in 0..buckets(series) {
            let at = |row: Option<&Vec<f64>>| number(row.and_then(|r| r.get(bucket)).copied());
            let mut record = vec![
                policy.name.clone(),
                Span(width * bucket as u64).as_seconds().to_string(),
                series.width_seconds.to_string(),
            ];
            record.extend((0..=Outcome::COUNT).map(|row| at(series.outcomes.get(row))));
            let totals = [
                &series.spend_mean,
                &series.spend_p5,
                &series.spend_p95,
                &series.tasks_ok,
            ];
            record.extend(totals.map(|row| at(Some(row))));
            out.write_record(&record)?;
        }
    }
    finish(out)
}

/// How many buckets a series has.
fn buckets(series: &Series) -> usize {
    let longest = series.outcomes.iter().map(Vec::len).max().unwrap_or(0);
    longest.max(series.spend_mean.len())
}

/// The shortest decimal number that reads back as the same value; empty without one.
fn number(value: Option<f64>) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(String::new, |v| v.to_string())
}

/// The metric's unit, in one word.
pub fn unit(metric: Metric) -> &'static str {
    match metric {
        m if m.is_money() => "usd",
        Metric::IdealRatio | Metric::SuccessRate | Metric::CutOff | Metric::Amplification => {
            "ratio"
        }
        Metric::TokensIn | Metric::TokensOut | Metric::TokensCached => "tokens",
        Metric::TaskMean | Metric::TaskP50 | Metric::TaskP90 => "seconds",
        Metric::TaskP99 | Metric::TaskP999 => "seconds",
        Metric::End | Metric::Recovery => "seconds",
        Metric::PeakRate => "per_second",
        _ => "count",
    }
}

fn finish(out: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn records(bytes: &[u8]) -> Vec<csv::StringRecord> {
        csv::Reader::from_reader(bytes)
            .into_records()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn one_line_a_policy_and_metric() {
        let doc = fixture::document(2);
        let lines = records(&summary_csv(&doc).unwrap());
        assert_eq!(lines.len(), 2 * Metric::COUNT);
        let spend = &lines[Metric::COUNT];
        assert_eq!((&spend[1], &spend[2]), ("spend_usd", "usd"));
        let mean = doc.policies[1].metric(Metric::Spend).mean;
        assert_eq!(spend[4].parse().ok(), mean);
    }

    #[test]
    fn one_line_a_policy_and_bucket() {
        let doc = fixture::document(2);
        let lines = records(&timeseries_csv(&doc).unwrap());
        assert_eq!(lines.len(), 2 * doc.policies[0].series.spend_mean.len());
        let rate_limited = doc.policies[0].series.outcomes[Outcome::RateLimited as usize][14];
        assert_eq!(lines[14][1].parse(), Ok(14.0 * 5.0));
        assert_eq!(
            lines[14][3 + Outcome::RateLimited as usize].parse(),
            Ok(rate_limited)
        );
    }

    #[test]
    fn hostile_names_come_back_as_they_were() {
        for name in fixture::HOSTILE {
            let mut doc = fixture::document(1);
            doc.policies[0].name = (*name).to_owned();
            let lines = records(&summary_csv(&doc).unwrap());
            assert!(lines.len() == Metric::COUNT && lines.iter().all(|l| &l[0] == *name));
        }
    }

    #[test]
    fn every_metric_has_the_unit_of_its_name() {
        for metric in Metric::ALL {
            let of_name = metric.key().contains("seconds");
            assert_eq!(unit(metric) == "seconds", of_name, "{}", metric.key());
        }
    }
}
