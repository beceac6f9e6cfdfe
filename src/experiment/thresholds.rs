//! Thresholds: what must hold, and whether it does.

use crate::scenario::model::{Comparison, Statistic, Threshold};
use crate::statistics::Summary;

use super::Metric;
use super::document::{PolicyResult, ThresholdResult, Verdict};

/// The least replications from which a 95th percentile means something: one in twenty.
const SAMPLES_P95: u32 = 20;
/// The least replications from which a 99th percentile means something: one in a hundred.
const SAMPLES_P99: u32 = 100;

/// Decides a threshold.
///
/// A mean is decided where its 95 % interval lies on one side of the bound; a quantile where there
/// are enough replications to have it. Everything else stays undecided, with the reason.
pub fn decide(threshold: &Threshold, policies: &[PolicyResult]) -> ThresholdResult {
    let metric = Metric::named(&threshold.metric).expect("checked: the metric exists");
    let policy = &policies[threshold.policy];
    let summary = match threshold.fleet {
        None => policy.metric(metric),
        Some(fleet) => {
            let of_fleet = policy.fleets[fleet].metric(metric);
            of_fleet.expect("checked: the metric is known of fleets")
        }
    };
    let measured = measured(threshold.statistic, summary);
    let (verdict, why) = match measured {
        None => (Verdict::Undecided, "the metric has no value".to_owned()),
        Some(value) => match doubt(threshold, summary) {
            Some(why) => (Verdict::Undecided, why),
            None if holds(threshold.comparison, value, threshold.bound) => {
                (Verdict::Passed, String::new())
            }
            None => (Verdict::Failed, String::new()),
        },
    };
    ThresholdResult {
        text: threshold.text.clone(),
        measured,
        verdict,
        why,
    }
}

fn measured(statistic: Statistic, summary: &Summary) -> Option<f64> {
    match statistic {
        Statistic::Mean => summary.mean,
        Statistic::P50 => summary.p50,
        Statistic::P95 => summary.p95,
        Statistic::P99 => summary.p99,
        Statistic::Min => summary.min,
        Statistic::Max => summary.max,
    }
}

fn holds(comparison: Comparison, value: f64, bound: f64) -> bool {
    match comparison {
        Comparison::Less => value < bound,
        Comparison::LessOrEqual => value <= bound,
        Comparison::Greater => value > bound,
        Comparison::GreaterOrEqual => value >= bound,
    }
}

/// Why the runs cannot say, if they cannot. Replications that all agree leave no doubt.
fn doubt(threshold: &Threshold, summary: &Summary) -> Option<String> {
    if summary.n > 1 && summary.min == summary.max {
        return None;
    }
    let too_few = |least: u32| {
        (summary.n < least)
            .then(|| format!("needs at least {least} replications, has {}", summary.n))
    };
    match threshold.statistic {
        Statistic::Mean => match summary.ci95 {
            None => Some("one replication has no interval".to_owned()),
            Some([low, high]) => {
                let holds = |value| holds(threshold.comparison, value, threshold.bound);
                (holds(low) != holds(high))
                    .then(|| "the 95 % interval contains the bound".to_owned())
            }
        },
        Statistic::P95 => too_few(SAMPLES_P95),
        Statistic::P99 => too_few(SAMPLES_P99),
        Statistic::P50 | Statistic::Min | Statistic::Max => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(statistic: Statistic, bound: f64) -> Threshold {
        Threshold {
            text: String::new(),
            policy: 0,
            fleet: None,
            metric: "spend_usd".to_owned(),
            statistic,
            comparison: Comparison::Less,
            bound,
        }
    }

    fn summary(n: u32) -> Summary {
        Summary {
            n,
            mean: Some(10.0),
            ci95: Some([9.0, 11.0]),
            p95: Some(15.0),
            min: Some(5.0),
            max: Some(20.0),
            ..Summary::default()
        }
    }

    #[test]
    fn a_mean_is_undecided_while_its_interval_holds_the_bound() {
        let doubtful = |bound| doubt(&threshold(Statistic::Mean, bound), &summary(50)).is_some();
        assert!(!doubtful(8.0));
        assert!(doubtful(10.5));
        assert!(!doubtful(12.0));
    }

    #[test]
    fn a_quantile_needs_its_samples() {
        assert!(doubt(&threshold(Statistic::P95, 1.0), &summary(19)).is_some());
        assert!(doubt(&threshold(Statistic::P95, 1.0), &summary(20)).is_none());
    }
}
