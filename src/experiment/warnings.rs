//! What a reader of the results must know, in words. Nothing is silent.

use crate::simulation::MOST_AT_ONCE;

use super::Metric;
use super::document::{CutResult, Document, Limit, PolicyResult};
use super::frame::Frame;

/// The warnings of an experiment.
pub fn collect(frame: &Frame, document: &Document) -> Vec<String> {
    let mut warnings = vec![];
    for policy in &document.policies {
        let cut = |cut| cut_off(frame, document.replications, &policy.name, cut);
        warnings.extend(policy.cuts.iter().map(cut));
    }
    let fleets = frame.to_arrive.iter().enumerate();
    warnings.extend(fleets.filter_map(|(f, all)| too_late(document, f, (*all)?)));
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

/// What a limit cut off, of so many replications.
fn cut_off(frame: &Frame, all: u32, policy: &str, cut: &CutResult) -> String {
    let why = match cut.limit {
        Limit::Horizon => format!("the horizon ({} s)", frame.document.horizon_seconds),
        Limit::MaxEvents => format!("max_events ({})", frame.max_events),
        Limit::Crowd => {
            format!("more than {MOST_AT_ONCE} agents, requests or waiting tasks at once")
        }
    };
    let when = match cut.limit {
        Limit::Horizon => String::new(),
        _ => format!(", at {} s at the earliest,", cut.earliest_seconds),
    };
    let cut_off = cut.replications;
    let unfinished = (cut.tasks_unfinished * 10.0).round() / 10.0;
    format!(
        "{policy}: cut off by {why} in {cut_off} of {all} replications{when} with {unfinished} tasks \
         unfinished on average"
    )
}

/// Of so many tasks of a fleet not all arrived. All policies meet the same arrivals; what cut some of
/// them off earlier is said elsewhere.
fn too_late(document: &Document, fleet: usize, all: u64) -> Option<String> {
    let fleets = document.policies.iter().map(|p| &p.fleets[fleet]);
    let arrived = fleets.clone().filter_map(|f| f.metric(Metric::Tasks)?.mean);
    let arrived = arrived.fold(0.0, f64::max);
    let name = &fleets.map(|f| &f.name).next()?;
    (arrived < all as f64).then(|| {
        let arrived = (arrived * 10.0).round() / 10.0;
        format!("of the {all} tasks of {name} only {arrived} arrived before the horizon on average; the others are not counted")
    })
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
