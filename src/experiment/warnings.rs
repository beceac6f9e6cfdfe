//! What a reader of the results must know, in words. Nothing is silent.

use crate::simulation::{Cut, MOST_AT_ONCE};

use super::Metric;
use super::document::{Document, PolicyResult};
use super::frame::Frame;

/// The warnings of an experiment; `cuts` says for each policy why runs were cut off, if any was.
pub fn collect(frame: &Frame, document: &Document, cuts: &[Option<Cut>]) -> Vec<String> {
    let mut warnings = vec![];
    for (policy, cut) in document.policies.iter().zip(cuts) {
        warnings.extend(cut_off(frame, policy, *cut));
    }
    for policy in &document.policies {
        warnings.extend(idle_layers(policy));
    }
    let differ = |p: &PolicyResult| p.metric(Metric::Spend).min != p.metric(Metric::Spend).max;
    if document.replications < 20 && document.policies.iter().any(differ) {
        warnings.push(format!(
            "p95 over {} replications is hardly more than the largest; 20 or more make it one",
            document.replications
        ));
    }
    warnings
}

fn cut_off(frame: &Frame, policy: &PolicyResult, cut: Option<Cut>) -> Option<String> {
    let unfinished = policy.metric(Metric::TasksUnfinished).mean.unwrap_or(0.0);
    let why = match cut? {
        Cut::Horizon if unfinished == 0.0 => return None,
        Cut::Horizon => format!("the horizon ({} s)", frame.document.horizon_seconds),
        Cut::Events => format!("max_events ({})", frame.max_events),
        Cut::Crowd => format!("more than {MOST_AT_ONCE} agents, requests or waiting tasks at once"),
        Cut::Interrupted => return None,
    };
    Some(format!(
        "{}: cut off by {why} with {} tasks unfinished on average",
        policy.name,
        rounded(unfinished)
    ))
}

/// A mean as it is read: to three digits or so, or below which bound it lies.
fn rounded(mean: f64) -> String {
    match mean {
        _ if mean.fract() == 0.0 => format!("{mean}"),
        100.0.. => format!("{mean:.0}"),
        10.0.. => format!("{mean:.1}"),
        0.01.. => format!("{mean:.2}"),
        _ => "less than 0.01".to_owned(),
    }
}

fn idle_layers(policy: &PolicyResult) -> Option<String> {
    let idle: Vec<&str> = policy
        .layers
        .iter()
        .filter(|layer| layer.acted == 0.0)
        .map(|layer| layer.label.as_str())
        .collect();
    (!idle.is_empty()).then(|| {
        format!(
            "{}: layers that never acted: {}",
            policy.name,
            idle.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_rounded_for_its_reader() {
        let cases = [
            (557.361_111, "557"),
            (12.25, "12.2"),
            (1.0 / 3.0, "0.33"),
            (0.001, "less than 0.01"),
            (40.0, "40"),
        ];
        for (mean, expected) in cases {
            assert_eq!(rounded(mean), expected);
        }
    }
}
