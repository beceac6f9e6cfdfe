//! Whether a layer does what a case says.

use std::path::Path;

use serde_json::Value;
use squall::random::stream::{Process, Stream};
use squall::resilience::{
    Admission, Backoff, BackoffKind, Breaker, BreakerSpec, BreakerState, Ended,
};
use squall::scenario::{self, LayerKind};
use squall::units::{Span, Time};
use squall::wire::Outcome;

use super::buckets;
use super::plan::{Feed, Plan};
use super::replay::{Talked, replay};
use super::trip_rules;

/// Relative error that is allowed of exact points.
const EXACT: f64 = 1e-6;
/// Draws for a distribution.
const DRAWS: usize = 20_000;
/// How many standard errors a quantile may be off.
const ERRORS: f64 = 4.0;

pub fn case(plan: &Plan, case: &Value) -> Result<(), String> {
    if let Feed::Replies(script) = &plan.feed {
        let mut layers = vec![];
        for layer in &plan.layers {
            match layer.split_once(": ") {
                Some(("stack" | "llm", _)) => layers.extend(around_a_model(layer)?),
                _ => layers.push(read(layer)?),
            }
        }
        let talked = replay(&layers, script);
        routed(case, &layers, &talked)?;
        return behaviour(case, talked.calls.iter().sum(), &talked.sleeps);
    }
    if let Feed::Own(hold) = plan.feed {
        return hold(&plan.layers, case);
    }
    if let Feed::Bucket = plan.feed {
        return buckets::hold(&plan.layers, case);
    }
    match (&plan.feed, read(&plan.layers[0])?) {
        (Feed::Delays, LayerKind::Retry(spec)) => delays(&spec.backoff, plan, case),
        (Feed::ThrottledDelays, LayerKind::Retry(spec)) => {
            let backoff = spec
                .throttled
                .ok_or("no backoff of its own after throttling")?;
            delays(&backoff, plan, case)
        }
        (Feed::Breaker, LayerKind::CircuitBreaker(spec)) => breaker(&spec, case),
        (Feed::TripRule, LayerKind::CircuitBreaker(spec)) => trip_rules::hold(&spec, case),
        (feed, kind) => Err(format!("{kind:?} cannot be fed {feed:?}")),
    }
}

pub fn read(layer: &str) -> Result<LayerKind, String> {
    let layer = scenario::layer(layer).map_err(|e| e.render(false))?;
    Ok(layer.kind)
}

/// The layers around a call of the model `d0` under a policy, outermost first.
fn around_a_model(policy: &str) -> Result<Vec<LayerKind>, String> {
    let text = format!(
        "name: stack\nmodels: {{d0: {{latency: 1s}}, d1: {{latency: 1s}}, d2: {{latency: 1s}}}}\n\
         fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: d0, output: 1}}]}}}}\n\
         policies: {{p: {{{policy}}}}}\n"
    );
    let loaded = scenario::parse(&text, "stack", Path::new(""), &[]);
    let policy = loaded
        .map_err(|e| e.render(false))?
        .scenario
        .policies
        .remove(0);
    let layers = policy
        .task
        .iter()
        .chain(&policy.turn)
        .chain(&policy.llm.others);
    Ok(layers.map(|layer| layer.kind.clone()).collect())
}

fn delays(backoff: &Backoff, plan: &Plan, case: &Value) -> Result<(), String> {
    let points = case["delays"].as_array().unwrap();
    let tolerance = if plan.whole_millis { 1e-3 } else { 0.0 };
    for (i, point) in points.iter().enumerate() {
        let series = |u: f64| match &backoff.kind {
            // All draws are this one, not those that come of it.
            BackoffKind::Sorted(sorted) => sorted.nth(i as u32 + 1, |_| u).as_seconds(),
            _ => series(backoff, points.len(), || u)[i],
        };
        if let Some(exact) = point["exact"].as_f64() {
            for u in [0.0, 0.999] {
                same(series(u), exact, tolerance, &format!("retry {}", i + 1))?;
            }
        }
        for (u, pinned) in point["pinned"].as_object().into_iter().flatten() {
            let what = format!("retry {}, u = {u}", i + 1);
            same(
                series(u.parse().unwrap()),
                pinned.as_f64().unwrap(),
                tolerance,
                &what,
            )?;
        }
    }
    if points.iter().any(|p| p["dist"].is_object()) {
        distributions(backoff, points, tolerance)?;
    }
    Ok(())
}

/// The first `n` delays \[s\].
fn series(backoff: &Backoff, n: usize, mut luck: impl FnMut() -> f64) -> Vec<f64> {
    let mut memory = Span::ZERO;
    (1..=n)
        .map(|k| backoff.delay(k as u32, &mut memory, luck()).as_seconds())
        .collect()
}

fn same(ours: f64, theirs: f64, tolerance: f64, what: &str) -> Result<(), String> {
    let allowed = (theirs.abs() * EXACT).max(tolerance).max(1e-6);
    if (ours - theirs).abs() <= allowed {
        return Ok(());
    }
    Err(format!("{what}: {ours} s in place of {theirs} s"))
}

/// Holds our distribution function at each of their quantiles against the quantile's share; the
/// standard error is that of two samples.
fn distributions(backoff: &Backoff, points: &[Value], tolerance: f64) -> Result<(), String> {
    let mut stream = Stream::new(7, 0, Process::Arrivals, 0);
    let drawn: Vec<Vec<f64>> = (0..DRAWS)
        .map(|_| series(backoff, points.len(), || stream.unit()))
        .collect();
    for (i, point) in points.iter().enumerate() {
        let dist = &point["dist"];
        let Some(n) = dist["n"].as_f64() else {
            continue;
        };
        let ours: Vec<f64> = drawn.iter().map(|s| s[i]).collect();
        for (key, p) in [
            ("p05", 0.05),
            ("p25", 0.25),
            ("p50", 0.5),
            ("p75", 0.75),
            ("p95", 0.95),
        ] {
            let q = dist[key].as_f64().unwrap();
            let slack = (q * EXACT).max(tolerance).max(1e-6);
            let share =
                |bound: f64| ours.iter().filter(|x| **x <= bound).count() as f64 / DRAWS as f64;
            let error = ERRORS * (p * (1.0 - p) * (1.0 / n + 1.0 / DRAWS as f64)).sqrt();
            if share(q - slack) > p + error || share(q + slack) < p - error {
                let share = share(q);
                return Err(format!(
                    "retry {}: their {key} is our {share} at {q} s",
                    i + 1
                ));
            }
        }
        if let Some([low, high]) = dist["support"].as_array().map(Vec::as_slice) {
            let (low, high) = (low.as_f64().unwrap(), high.as_f64().unwrap());
            if ours.iter().any(|x| *x < low - 1e-3 || *x > high + 1e-3) {
                return Err(format!("retry {}: outside {low}..{high} s", i + 1));
            }
        }
    }
    Ok(())
}

/// Calls made and waits taken. Waits of up to a millisecond are none: Node.js cannot wait for
/// less, and some recordings leave out zeros.
/// What each request called, and where each deployment is cooled down by what it answers, so that
/// luck plays no part in it, which deployments were called.
fn routed(case: &Value, layers: &[LayerKind], talked: &Talked) -> Result<(), String> {
    let expect = &case["expect"];
    let list = |key: &str| -> Option<Vec<usize>> {
        let numbers = expect[key].as_array()?.iter();
        numbers.map(|n| Some(n.as_u64()? as usize)).collect()
    };
    if let Some(theirs) = list("calls_per_request").or(list("calls_per_task"))
        && theirs != talked.calls
    {
        return Err(format!("{:?} calls in place of {theirs:?}", talked.calls));
    }
    let id = case["id"].as_str().unwrap_or_default();
    let cools = id.ends_with("429") || id.ends_with("401");
    let is_routed = layers.iter().any(|l| matches!(l, LayerKind::Route(..)));
    if let (true, Some(theirs)) = (cools && is_routed, list("deployments_hit")) {
        let ours = &talked.hits[..theirs.len()];
        if ours != theirs {
            return Err(format!("{ours:?} were called in place of {theirs:?}"));
        }
    }
    Ok(())
}

fn behaviour(case: &Value, calls: usize, sleeps: &[f64]) -> Result<(), String> {
    let expect = &case["expect"];
    let some = |list: &[f64]| {
        list.iter()
            .copied()
            .filter(|s| *s > 1.5e-3)
            .collect::<Vec<f64>>()
    };
    if let Some(retried) = expect["retried"].as_bool()
        && retried != (calls > 1)
    {
        return Err(format!("{calls} calls, retried should be {retried}"));
    }
    let theirs = expect["calls"].as_u64();
    if let Some(theirs) = theirs.or(expect["model_requests"].as_u64())
        && theirs != calls as u64
    {
        return Err(format!("{calls} calls in place of {theirs}"));
    }
    // Each attempt says in a header how many retries came before it.
    if let Some(counts) = expect["x-stainless-retry-count"].as_array() {
        let ours: Vec<String> = (0..calls).map(|n| n.to_string()).collect();
        if *counts != ours {
            return Err(format!("retry counts {ours:?} in place of {counts:?}"));
        }
    }
    if let Some(delay) = expect["delay"].as_f64() {
        let ours = sleeps.first().ok_or("no wait")?;
        same(*ours, delay, 1.5e-3, "the wait")?;
    }
    if let Some(sum) = expect["sum_of_sleeps"].as_f64() {
        same(sleeps.iter().sum(), sum, 0.0, "all waits")?;
    }
    for key in ["sleeps", "countdowns"] {
        let Some(theirs) = expect[key].as_array() else {
            continue;
        };
        let theirs: Vec<f64> = theirs.iter().map(|s| s.as_f64().unwrap()).collect();
        let (ours, theirs) = (some(sleeps), some(&theirs));
        if ours.len() != theirs.len() {
            return Err(format!("waits {ours:?} in place of {theirs:?}"));
        }
        for (ours, theirs) in ours.iter().zip(&theirs) {
            same(*ours, *theirs, 0.0, "a wait")?;
        }
    }
    Ok(())
}

fn breaker(spec: &BreakerSpec, case: &Value) -> Result<(), String> {
    let mut breaker = Breaker::new(spec);
    for row in case["expect"]["rows"].as_array().unwrap() {
        let at = Time(Span::from_nanos_f64(row[0].as_f64().unwrap() * 1e9).0);
        let word = |i: usize| row[i].as_str().unwrap();
        let closed = |b: &Breaker| matches!(b.state(), BreakerState::Closed { .. });
        if closed(&breaker) != (word(2) == "closed") {
            return Err(format!("{row}: {:?} before", breaker.state()));
        }
        let admitted = breaker.admit(spec, at, |_| 0.5);
        if (admitted == Admission::Refuse) != (word(3) == "rejected") {
            return Err(format!("{row}: {admitted:?}"));
        }
        if admitted != Admission::Refuse {
            let outcome = match word(1) {
                "ok" => Outcome::Ok,
                _ => Outcome::Transient,
            };
            let ended = Ended {
                admission: admitted,
                outcome,
                took: Span::ZERO,
            };
            breaker.record(spec, at, ended, |_| 0.5);
        }
        if closed(&breaker) != (word(4) == "closed") {
            return Err(format!("{row}: {:?} after", breaker.state()));
        }
    }
    Ok(())
}
