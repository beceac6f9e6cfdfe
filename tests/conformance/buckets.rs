//! Retry budgets and limiters, row by row on a virtual clock.

use serde_json::Value;
use squall::resilience::{
    AdaptiveLimit, AdaptiveLimitSpec, AttemptEnd, ClientLimit, ClientLimitSpec, Cubic, Decision,
    Pace, Quota, QuotaSpec, RetryBudget, RetryBudgetSpec, RetrySpec, RetryState, SleepingWindow,
    ThrottleSpec,
};
use squall::scenario::LayerKind;
use squall::units::{Money, Span, Time};
use squall::wire::{Outcome, Reply};
use squall::world::limiter::{Algorithm, LimitPer, LimitSpec, LimitUnit, Limiter, RetryAfterHint};

use super::check::read;
use super::plan::{Case, Feed, Plan, retry};

/// The plan of a case about a budget or limiter, if something stands for it.
pub fn plan(file: &str, case: &Case) -> Option<Plan> {
    let budget = |preset: &str| format!("{{retry_budget: {{preset: {preset}}}}}");
    let layers = match (file, case.id()) {
        ("grpc", "retryThrottling.max10_ratio0.1") => vec![budget("grpc-throttle@a6")],
        ("botocore-1.43.127", "quota.object_trace") => vec![budget("botocore-quota@1.43")],
        ("botocore-1.44.5", "quota.object_trace") => vec![budget("botocore-quota@1.44")],
        ("botocore-1.43.127", id) if id.starts_with("standard.quota.drain") => vec![
            budget("botocore-quota@1.43"),
            retry("botocore-standard@1.43", ""),
        ],
        ("botocore-1.44.5", id) if id.starts_with("standard.quota.drain") => vec![
            budget("botocore-quota@1.44"),
            retry("botocore-standard-2026@1.44", ""),
        ],
        ("aws-sdk-js-v3", id) if id.starts_with("default.") || id.starts_with("quota.drain.") => {
            vec![budget("aws-sdk-js-quota@3"), retry("aws-sdk-js@3", "")]
        }
        ("tower", id) if id.starts_with("budget.") => {
            let (ttl, least) = (case.time("ttl_s", "s")?, case.number("min_per_sec")?);
            let ratio = case.number("retry_percent")?;
            let own = format!("ttl: {ttl}, per_second: {least}, ratio: {ratio}");
            let keys = format!("deposits: {{{own}, whole: true, on: success}}");
            vec![match id {
                "budget.default.no_traffic" => budget("tower-budget@0.5"),
                _ => budget(&format!("tower-budget@0.5, {keys}")),
            }]
        }
        ("finagle", "amounts") => vec![
            budget("finagle-budget@1"),
            budget("finagle-budget@1, deposits: {ratio: 0.1}"),
            budget("finagle-budget@1, deposits: {ttl: 5s, per_second: 2, ratio: 0}"),
        ],
        ("envoy", "retry_budget") => vec![budget("envoy-budget@1")],
        ("governor", "per_second2") => vec![governor("rate: 2/s, burst: 2")],
        ("governor", "per_minute60_burst5") => vec![governor("")],
        ("crewai", "rpm_controller.max_rpm_3") => {
            let rate = case.number("max_rpm")?;
            vec![format!(
                "{{rate_limit: {{preset: crewai-rpm@1, rate: {rate}/min}}}}"
            )]
        }
        ("sre-adaptive-throttling", _) => [2.0, 1.1]
            .map(|k| format!("{{adaptive_throttle: {{preset: sre@2016, k: {k}}}}}"))
            .to_vec(),
        ("botocore-1.43.127" | "botocore-1.44.5", id) if case.kind() == "bucket" => {
            assert!(id.starts_with("adaptive."), "{id}");
            vec!["{rate_limit: botocore-adaptive-limiter@1}".to_owned()]
        }
        ("redis-limiters", _) => vec![],
        _ => return None,
    };
    Some(Plan {
        layers,
        feed: Feed::Bucket,
        whole_millis: false,
    })
}

fn governor(keys: &str) -> String {
    let comma = if keys.is_empty() { "" } else { ", " };
    format!("{{rate_limit: {{preset: governor@0.10{comma}{keys}}}}}")
}

/// Whether the layers do what the case says.
pub fn hold(layers: &[String], case: &Value) -> Result<(), String> {
    let kinds: Vec<LayerKind> = layers.iter().map(|l| read(l)).collect::<Result<_, _>>()?;
    let id = case["id"].as_str().unwrap();
    match &kinds[..] {
        [] => server(id, case),
        [LayerKind::RetryBudget(budget), LayerKind::Retry(retry)] => drained(budget, retry, case),
        [LayerKind::RetryBudget(RetryBudgetSpec::Throttle(spec))] => throttle(spec, case),
        [LayerKind::RetryBudget(RetryBudgetSpec::Quota(spec))] => trace(spec, case),
        [LayerKind::RetryBudget(budget @ RetryBudgetSpec::Windowed(_))] => over_time(budget, case),
        [LayerKind::RetryBudget(RetryBudgetSpec::Active(spec))] => each(rows(case), |row| {
            let most = spec.most(row[0].as_u64().unwrap() as u32);
            equal(u64::from(most), row[1].as_u64().unwrap(), row)
        }),
        [
            LayerKind::RetryBudget(RetryBudgetSpec::Windowed(_)),
            LayerKind::RetryBudget(RetryBudgetSpec::Windowed(_)),
            LayerKind::RetryBudget(RetryBudgetSpec::Windowed(_)),
        ] => amounts(&kinds, case),
        [
            LayerKind::AdaptiveThrottle(_),
            LayerKind::AdaptiveThrottle(_),
        ] => probabilities(&kinds, case),
        [LayerKind::AdaptiveLimit(_)] if id == "adaptive.cubic_object" => curve(case),
        [LayerKind::AdaptiveLimit(spec)] => adaptive(spec, case),
        [LayerKind::RateLimit(spec)] if spec.pace == Pace::SleepingWindow => minutes(spec, case),
        [LayerKind::RateLimit(spec)] => cells(spec, case),
        other => Err(format!("{other:?} cannot be held against a bucket")),
    }
}

fn rows(case: &Value) -> &[Value] {
    case["expect"]["rows"].as_array().unwrap()
}

fn each(rows: &[Value], hold: impl FnMut(&Value) -> Result<(), String>) -> Result<(), String> {
    rows.iter().try_for_each(hold)
}

fn equal<T: PartialEq + std::fmt::Debug>(ours: T, theirs: T, at: &Value) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{at}: {ours:?} in place of {theirs:?}"))
}

/// A time in seconds, to the microsecond: the recordings have doubles.
fn span(seconds: &Value) -> Span {
    Span((seconds.as_f64().unwrap() * 1e6).round() as u64 * 1000)
}

fn time(seconds: &Value) -> Time {
    Time::ZERO + span(seconds)
}

fn ended(retry: bool, outcome: Outcome, held: u32) -> AttemptEnd {
    AttemptEnd {
        retry,
        first_of_step: !retry,
        outcome,
        cost: Money::ZERO,
        held,
    }
}

/// `[outcome, tokens_after, retry_allowed]`.
fn throttle(spec: &ThrottleSpec, case: &Value) -> Result<(), String> {
    let budget = RetryBudgetSpec::Throttle(*spec);
    let mut state = RetryBudget::default();
    each(rows(case), |row| {
        let outcome = match row[0].as_str().unwrap() {
            "S" => Outcome::Ok,
            _ => Outcome::Transient,
        };
        state.ended(&budget, Time::ZERO, &ended(false, outcome, 0));
        let RetryBudget::Throttle(throttle) = &state else {
            return Err(format!("{state:?}"));
        };
        let tokens = (row[1].as_f64().unwrap() * 1000.0).round() as u64;
        equal(throttle.left(spec), tokens, row)?;
        let room = state.has_room(&budget, Time::ZERO, outcome, Money::ZERO);
        equal(room, row[2].as_bool().unwrap(), row)
    })
}

/// A bucket that is taken from and given back to directly.
fn trace(spec: &QuotaSpec, case: &Value) -> Result<(), String> {
    let mut quota = Quota::default();
    each(case["expect"]["trace"].as_array().unwrap(), |row| {
        let amount = row["amount"].as_u64().unwrap() as u32;
        if row["op"] == "release" {
            quota.give_back(amount);
        } else {
            let room = quota.left(spec) >= amount;
            equal(room, row["result"].as_bool().unwrap(), row)?;
            if room {
                quota.take(amount);
            }
        }
        equal(
            u64::from(quota.left(spec)),
            row["available"].as_u64().unwrap(),
            row,
        )
    })
}

/// Requests one after the other that are all answered alike, through a budget and a retry layer.
fn drained(budget: &RetryBudgetSpec, retry: &RetrySpec, case: &Value) -> Result<(), String> {
    let config = &case["config"];
    let answer = config["every_response"].as_str();
    let reply = match answer.or(config["errorType"].as_str()).unwrap() {
        "throttling" | "THROTTLING" => Reply::of(Outcome::RateLimited),
        "timeout" => Reply::of(Outcome::Timeout),
        "server_error" | "TRANSIENT" => Reply::of(Outcome::Transient),
        "SERVER_ERROR" => Reply::of_status(501),
        "CLIENT_ERROR" => Reply::of_status(400),
        other => return Err(format!("{other} is no answer")),
    };
    let mut state = RetryBudget::default();
    let calls: Vec<u64> = (0..config["requests"].as_u64().unwrap_or(1))
        .map(|_| calls(budget, retry, &mut state, reply))
        .collect();
    let expect = &case["expect"];
    let list = |key: &str| -> Option<Vec<u64>> {
        let list = expect[key].as_array()?;
        Some(list.iter().map(|n| n.as_u64().unwrap()).collect())
    };
    let retries: Vec<u64> = calls.iter().map(|n| n - 1).collect();
    if let Some(theirs) = list("calls_per_request") {
        equal(&calls, &theirs, config)?;
        equal(
            Some(calls.iter().sum()),
            expect["total_calls"].as_u64(),
            config,
        )?;
    }
    if let Some(theirs) = list("retries_per_request") {
        equal(&retries, &theirs, config)?;
    }
    if let Some(theirs) = expect["retries"].as_u64() {
        equal(retries[0], theirs, config)?;
    }
    if let Some(theirs) = expect["capacity_left"].as_u64() {
        let left = match (&state, budget) {
            (RetryBudget::Quota(quota), RetryBudgetSpec::Quota(spec)) => quota.left(spec),
            other => return Err(format!("{other:?}")),
        };
        equal(u64::from(left), theirs, config)?;
    }
    Ok(())
}

/// The calls of one request.
fn calls(
    budget: &RetryBudgetSpec,
    retry: &RetrySpec,
    state: &mut RetryBudget,
    reply: Reply,
) -> u64 {
    let mut tries = RetryState::begin(Time::ZERO);
    let (mut now, mut calls, mut held) = (Time::ZERO, 0, 0);
    loop {
        state.begun(budget, now, calls > 0);
        now += Span::MILLISECOND;
        calls += 1;
        state.ended(budget, now, &ended(calls > 1, reply.outcome, held));
        let Decision::RetryAfter(wait) = retry.decide(&mut tries, now, reply, 0.5) else {
            return calls;
        };
        if !state.has_room(budget, now, reply.outcome, Money::ZERO) {
            return calls;
        }
        held = state.take(budget, reply.outcome);
        now += wait;
        tries.again(now);
    }
}

/// `[t, op, allowed]`.
fn over_time(spec: &RetryBudgetSpec, case: &Value) -> Result<(), String> {
    let mut state = RetryBudget::default();
    let mut granted = 0;
    each(rows(case), |row| {
        let now = time(&row[0]);
        if row[1] == "deposit" {
            state.ended(spec, now, &ended(false, Outcome::Ok, 0));
            return Ok(());
        }
        let room = state.has_room(spec, now, Outcome::Transient, Money::ZERO);
        if room {
            state.take(spec, Outcome::Transient);
            granted += 1;
        }
        equal(room, row[2].as_bool().unwrap(), row)
    })?;
    let expect = &case["expect"];
    equal(
        Some(granted),
        expect["withdrawals_granted"].as_u64(),
        expect,
    )
}

/// What budgets of these shapes deposit, withdraw and hold in reserve.
fn amounts(kinds: &[LayerKind], case: &Value) -> Result<(), String> {
    let names = ["default", "ttl10_min0_pct0.1", "ttl5_min2_pct0"];
    for (kind, name) in kinds.iter().zip(names) {
        let LayerKind::RetryBudget(budget @ RetryBudgetSpec::Windowed(spec)) = kind else {
            return Err(format!("{kind:?}"));
        };
        let expect = &case["expect"][name];
        let (deposit, withdrawal) = spec.amounts();
        equal(Some(deposit), expect["deposit"].as_i64(), expect)?;
        equal(Some(withdrawal), expect["withdraw"].as_i64(), expect)?;
        equal(Some(spec.reserve()), expect["reserve"].as_i64(), expect)?;
        let Some(cold) = expect["retries_available_cold"].as_u64() else {
            continue;
        };
        let mut state = RetryBudget::default();
        let mut granted = 0;
        while state.has_room(budget, Time::ZERO, Outcome::Transient, Money::ZERO) {
            state.take(budget, Outcome::Transient);
            granted += 1;
        }
        equal(granted, cold, expect)?;
    }
    Ok(())
}

/// `[requests, accepts, K, p]`.
fn probabilities(kinds: &[LayerKind], case: &Value) -> Result<(), String> {
    each(rows(case), |row| {
        let number = |i: usize| row[i].as_f64().unwrap();
        let specs = kinds.iter().filter_map(|kind| match kind {
            LayerKind::AdaptiveThrottle(spec) => Some(spec),
            _ => None,
        });
        let spec = specs.into_iter().find(|spec| spec.k == number(2));
        let spec = spec.ok_or_else(|| format!("{row}: no such K"))?;
        let ours = spec.rejects(number(0) as u64, number(1) as u64);
        // Seven digits are recorded.
        equal((ours - number(3)).abs() < 1e-6, true, row)
    })
}

/// `[t, cells, result, wait_s]`: nobody waits, and what is denied takes nothing.
fn cells(spec: &ClientLimitSpec, case: &Value) -> Result<(), String> {
    let mut limit = ClientLimit::default();
    each(rows(case), |row| {
        let (now, cells) = (time(&row[0]), row[1].as_u64().unwrap());
        let wait = limit.wait(spec, now, cells);
        let ours = match wait {
            Span::ZERO => "allowed",
            Span::MAX => "never (n exceeds burst)",
            _ => "denied",
        };
        equal(ours, row[2].as_str().unwrap(), row)?;
        if ours == "allowed" {
            limit.take(spec, now, cells);
        } else if ours == "denied" {
            equal(wait, span(&row[3]), row)?;
        }
        Ok(())
    })
}

/// What one client has slept in all after each call. The recorder put another clock in the place of
/// sleeping, by which the library's timer does not go: so it never ran.
fn minutes(spec: &ClientLimitSpec, case: &Value) -> Result<(), String> {
    let theirs = case["expect"]["cumulative_sleep_after_each"]
        .as_array()
        .unwrap();
    equal(
        Some(theirs.len() as u64),
        case["config"]["requests"].as_u64(),
        case,
    )?;
    let mut window = SleepingWindow::default();
    let mut now = Time::ZERO;
    each(theirs, |slept| {
        now += window.ask(spec.rate.count, spec.rate.per, now);
        equal(now, time(slept), slept)
    })
}

/// A cubic curve, asked at times and told of throttling.
fn curve(case: &Value) -> Result<(), String> {
    let config = &case["config"];
    let mut cubic = Cubic {
        highest: config["starting_max_rate"].as_f64().unwrap(),
        since: time(&config["start_time"]),
    };
    each(case["expect"]["trace"].as_array().unwrap(), |row| {
        let now = time(&row["t"]);
        let ours = match row["current_rate"].as_f64() {
            Some(rate) => cubic.throttled(rate, now),
            None => cubic.rate(now),
        };
        near(ours, row["rate"].as_f64().unwrap(), 0.0, row)
    })
}

/// Seven digits are recorded; next to zero there are none.
fn near(ours: f64, theirs: f64, slack: f64, at: &Value) -> Result<(), String> {
    if (ours - theirs).abs() <= (theirs.abs() * 1e-6).max(1e-6).max(slack) {
        return Ok(());
    }
    Err(format!("{at}: {ours} in place of {theirs}"))
}

/// `[t, waited_s, throttled, measured_rate, fill_rate, capacity]`: one client sends at a steady rate
/// and has each reply at once; every so many rows are kept. The recording began at its 100 s.
fn adaptive(spec: &AdaptiveLimitSpec, case: &Value) -> Result<(), String> {
    /// \[s\]; to the last digit that is recorded.
    const STEP: f64 = 1.1e-6;
    let (config, expect) = (&case["config"], &case["expect"]);
    let kept_every = config["kept_every"].as_u64().unwrap();
    let (begin, seconds) = (100.0, config["seconds"].as_f64().unwrap());
    let until = match case["id"].as_str() {
        Some("adaptive.one_throttle_at_5s") => 5.05,
        _ => 10.0,
    };
    let interval = 1.0 / config["offered_rps"].as_f64().unwrap();
    // The recorder's clock is a double, and falls a hair short of round times.
    let clock = |seconds: f64| Time((seconds * 1e9) as u64);
    let mut limit = AdaptiveLimit::<()>::default();
    let (mut now, mut due, mut sent) = (begin, begin, 0);
    let mut kept = rows(case).iter();
    while now < begin + seconds {
        now = f64::max(now, due);
        let came = now;
        loop {
            let wait = limit.ask(clock(now)).as_seconds();
            if wait == 0.0 {
                break;
            }
            now += wait;
        }
        let throttled = (5.0..until).contains(&(now - begin));
        let outcome = if throttled {
            Outcome::RateLimited
        } else {
            Outcome::Ok
        };
        limit.heard(spec, clock(now), outcome, |()| false);
        let hold = |row: &Value| {
            let (measured, rate, left) = limit.gauges();
            let ours = [now - begin, now - came, measured, rate, left];
            equal(Some(throttled), row[2].as_bool(), row)?;
            // Where rounding leaves a waiter a hair short, the recorder's clock moves by a
            // microsecond; that much time, and what comes in it, is chance.
            let slack = [STEP, STEP, 0.0, 0.0, STEP * rate];
            for (i, column) in [0, 1, 3, 4, 5].into_iter().enumerate() {
                let theirs = row[column].as_f64().unwrap();
                near(ours[i], theirs, slack[i], row)?;
            }
            Ok::<(), String>(())
        };
        if sent % kept_every == 0 {
            hold(kept.next().ok_or("more sent than recorded")?)?;
        }
        sent += 1;
        if now >= begin + seconds {
            hold(&expect["last"])?;
        }
        due = f64::max(due, came) + interval;
    }
    equal(Some(sent), expect["sent"].as_u64(), expect)
}

/// Limiters that stand at a server.
fn server(id: &str, case: &Value) -> Result<(), String> {
    let limiter = |quota, window, algorithm, counts_rejected| {
        Limiter::new(&LimitSpec {
            unit: LimitUnit::Tokens,
            quota,
            window: Span::seconds(window),
            algorithm,
            counts_rejected,
            retry_after: RetryAfterHint::Silent,
            per: LimitPer::Account,
        })
    };
    match id {
        "redis-cell.burst15_30per60" => {
            // The cell holds one more than its `max_burst`.
            cell(
                limiter(30, 60, Algorithm::Gcra { burst: 16 }, false),
                16,
                case,
            )
        }
        "incr_expire.5_per_10s" => {
            let algorithm = Algorithm::IncrExpire { refresh_ttl: false };
            counter(limiter(5, 10, algorithm, true), 5, case)
        }
        "sliding_window_counter.5_per_10s" => {
            let mut limiter = limiter(5, 10, Algorithm::SlidingWindow, false);
            each(rows(case), |row| {
                let now = time(&row[0]);
                let room = (5.0 - row[1].as_f64().unwrap()).floor() as u64;
                equal(fit(&mut limiter, now, 5), room, row)?;
                allowed(&mut limiter, now, 1, row)
            })
        }
        other => Err(format!("no limiter is {other}")),
    }
}

/// Tries, and holds the verdict against `row[2]`.
fn allowed(limiter: &mut Limiter, now: Time, cost: u64, row: &Value) -> Result<(), String> {
    let ours = limiter.tries(now, cost).is_ok();
    equal(ours, row[2] == "allowed", row)
}

/// How many would be admitted together.
fn fit(limiter: &mut Limiter, now: Time, quota: u64) -> u64 {
    let fits = |n: &u64| limiter.check(now, *n).is_ok();
    (1..=quota).take_while(fits).count() as u64
}

/// `[t, quantity, result, retry_after_s, reset_after_s]`.
fn cell(mut limiter: Limiter, burst: u64, case: &Value) -> Result<(), String> {
    each(rows(case), |row| {
        let (now, cost) = (time(&row[0]), row[1].as_u64().unwrap());
        let wait = limiter.check(now, cost).err();
        allowed(&mut limiter, now, cost, row)?;
        // -1 stands for no wait, and for one that never ends.
        if row[3].as_f64().unwrap() >= 0.0 {
            equal(wait, Some(span(&row[3])), row)?;
        } else {
            equal(wait.is_none_or(|w| w == Span::MAX), true, row)?;
        }
        let reset = limiter.check(now, burst).err().unwrap_or(Span::ZERO);
        equal(reset, span(&row[4]), row)
    })
}

/// `[t, counter, result, ttl_s]`; beyond the limit the counter does not show.
fn counter(mut limiter: Limiter, limit: u64, case: &Value) -> Result<(), String> {
    each(rows(case), |row| {
        let now = time(&row[0]);
        allowed(&mut limiter, now, 1, row)?;
        let count = row[1].as_u64().unwrap().min(limit);
        equal(limit - fit(&mut limiter, now, limit), count, row)?;
        let ttl = limiter.check(now, limit).err();
        equal(ttl, Some(span(&row[3])), row)
    })
}
