//! Rules of breakers that were recorded in words, each played on a virtual clock.
//!
//! What a rule says is looked for in the vector's own words first, so that a vector that changes is
//! noticed; then the preset must do it.

use serde_json::Value;
use squall::resilience::{Admission, Breaker, BreakerSpec, BreakerState, Ended};
use squall::units::{Span, Time};
use squall::wire::Outcome;

/// Whether the preset keeps the rule of this case.
pub fn hold(spec: &BreakerSpec, case: &Value) -> Result<(), String> {
    match case["id"].as_str() {
        Some("trip_rule") => hystrix(spec, &case["expect"]),
        Some("circuit_breaker.trip_rule") => resilience4j(spec, &case["expect"]),
        other => Err(format!("{other:?} is no rule that we know")),
    }
}

fn closed(breaker: &Breaker) -> bool {
    matches!(breaker.state(), BreakerState::Closed { .. })
}

/// A call that takes `took`; false if it is refused.
fn call(breaker: &mut Breaker, spec: &BreakerSpec, at: Time, failed: bool, took: Span) -> bool {
    let admission = breaker.admit(spec, at, |_| 0.5);
    if admission == Admission::Refuse {
        return false;
    }
    let outcome = if failed {
        Outcome::Transient
    } else {
        Outcome::Ok
    };
    let ended = Ended {
        admission,
        outcome,
        took,
    };
    breaker.record(spec, at, ended, |_| 0.5);
    true
}

/// "n requests, m errors": "open" or "closed", at the first snapshot after them.
fn hystrix(spec: &BreakerSpec, expect: &Value) -> Result<(), String> {
    let mut held = 0;
    for (rule, state) in expect.as_object().unwrap() {
        let numbers: Vec<u64> = rule.split(' ').filter_map(|w| w.parse().ok()).collect();
        let &[requests, errors] = &numbers[..] else {
            if rule == "fallback/short-circuited" && state == "not counted as requests" {
                held += 1;
                continue;
            }
            return Err(format!("{rule}: {state} is no rule that we know"));
        };
        let mut breaker = Breaker::new(spec);
        for i in 0..requests {
            let at = Time(i * 1_000_000);
            call(&mut breaker, spec, at, i < errors, Span::ZERO);
        }
        let open = !call(&mut breaker, spec, Time(500_000_000), true, Span::ZERO);
        if open != (state == "open") {
            return Err(format!("{rule}: open is {open}"));
        }
        held += 1;
    }
    match held {
        4 => Ok(()),
        n => Err(format!("{n} rules in place of 4")),
    }
}

/// Random calls against a count of all of them, and then a half-open time.
fn resilience4j(spec: &BreakerSpec, expect: &Value) -> Result<(), String> {
    for (key, words) in [
        (
            "rule",
            "after each call, if calls in window >= minimumNumberOfCalls",
        ),
        (
            "rule",
            "open when failureRate >= threshold or slowRate >= threshold",
        ),
        ("half_open", "exactly 10 permitted calls are sampled"),
        (
            "min_calls_effective_count_based",
            "min(minimumNumberOfCalls, slidingWindowSize)",
        ),
    ] {
        if !expect[key].as_str().unwrap().contains(words) {
            return Err(format!("{key} no longer says: {words}"));
        }
    }
    for share in [30, 45, 50, 55] {
        trips_as_counted(spec, share, 60_000_000_000)?;
    }
    // All calls slower than 60 s, none failed; one at 60 s exactly is not slow.
    trips_as_counted(spec, 0, 60_000_000_001)?;
    for failures in [4, 5] {
        samples(spec, failures)?;
    }
    Ok(())
}

/// `share` percent failures in a scattered order, and every call of the same length.
fn trips_as_counted(spec: &BreakerSpec, share: u64, took: u64) -> Result<(), String> {
    let mut breaker = Breaker::new(spec);
    let mut calls: Vec<bool> = vec![];
    for i in 0..2_000u64 {
        let failed = i * 48_271 % 1_009 % 100 < share;
        calls.push(failed);
        call(&mut breaker, spec, Time(i), failed, Span(took));
        let window = &calls[calls.len().saturating_sub(100)..];
        let failures = window.iter().filter(|f| **f).count();
        let slow = took > 60_000_000_000;
        let trips = window.len() >= 100 && (failures * 100 >= 50 * window.len() || slow);
        if closed(&breaker) == trips {
            return Err(format!(
                "{share} %: call {i}, {failures} failures: trips is {trips}"
            ));
        }
        if trips {
            return Ok(());
        }
    }
    Ok(())
}

/// Ten calls after the open time, so many of them failures.
fn samples(spec: &BreakerSpec, failures: usize) -> Result<(), String> {
    let mut breaker = Breaker::new(spec);
    for i in 0..100 {
        call(&mut breaker, spec, Time(i), true, Span::ZERO);
    }
    let late = Time(61_000_000_000);
    let admitted: Vec<Admission> = (0..12)
        .map(|_| breaker.admit(spec, late, |_| 0.5))
        .collect();
    let permitted = admitted.iter().filter(|a| **a != Admission::Refuse);
    if permitted.count() != 10 {
        return Err(format!("permitted: {admitted:?}"));
    }
    for (i, admission) in admitted.into_iter().take(10).enumerate() {
        if breaker.state() != BreakerState::HalfOpen {
            return Err(format!("decided after {i} of ten"));
        }
        let outcome = if i < failures {
            Outcome::Transient
        } else {
            Outcome::Ok
        };
        let ended = Ended {
            admission,
            outcome,
            took: Span::ZERO,
        };
        breaker.record(spec, late, ended, |_| 0.5);
    }
    if closed(&breaker) == (failures >= 5) {
        return Err(format!("{failures} of ten: {:?}", breaker.state()));
    }
    Ok(())
}
