//! Cases whose expectation is a table or a sentence of its own kind, and defaults.

use std::slice::from_ref;

use serde_json::Value;
use squall::experiment::observe;
use squall::random::Weather;
use squall::resilience::{BackoffKind, Jitter, RetrySpec, StatusSet};
use squall::scenario::LayerKind;
use squall::units::Span;
use squall::wire::Outcome;

use super::check::read;
use super::common::{log::Log, scenario};
use super::plan::{Case, Feed, Hold, Plan, retry};
use super::replay::{Response, Script, Talked, replay};

/// The plan of such a case.
pub fn plan(file: &str, case: &Case) -> Option<Plan> {
    let (layers, hold): (Vec<String>, Hold) = match (file, case.id()) {
        ("backon", "exponential.total_delay10") => {
            let attempts = case.number("max_times")? + 1.0;
            let total = case.time("total_delay", "s")?;
            let keys = format!("attempts: {attempts}, total_delay: {total}");
            (vec![retry("backon@1", &keys)], all_delays)
        }
        // Five calls, the most that a client makes, so that there is one after the pushback.
        ("grpc", "pushback") => (vec![retry("grpc@a6", "attempts: 5")], pushback),
        ("inngest", "retry_after") => (vec![retry("inngest@4", "")], clamped),
        ("pydantic-ai", id) if id.starts_with("agent.tool_ModelRetry") => {
            let stack = match case.number("retries") {
                Some(n) => format!(
                    "stack: {{preset: pydantic-ai@2, pydantic-ai-output: {{attempts: {}}}}}",
                    n + 1.0
                ),
                None => "stack: pydantic-ai@2".to_owned(),
            };
            (vec![stack], tool_asks_again)
        }
        ("temporal", "client_defaults") => {
            let layers = [retry("temporal@1", ""), retry("temporal-client@1", "")];
            (layers.to_vec(), temporal_defaults)
        }
        ("temporal", "retryable") => {
            let listed = "on: [transient, rate_limited, overloaded, timeout, invalid]";
            let keys = ["", "x_should_retry: obey", listed, "deadline: 30s"];
            let layers = keys.map(|keys| retry("temporal@1", keys));
            (layers.to_vec(), retryable)
        }
        ("urllib3", "requests.HTTPAdapter") => {
            let presets = ["requests@2", "urllib3@2", "urllib3-post@2"];
            (presets.map(|p| retry(p, "")).to_vec(), adapters)
        }
        _ => return None,
    };
    Some(Plan {
        layers,
        feed: Feed::Own(hold),
        whole_millis: false,
    })
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what}: {ours:?} in place of {theirs:?}"))
}

fn spec(layer: &str) -> Result<RetrySpec, String> {
    match read(layer)? {
        LayerKind::Retry(spec) => Ok(*spec),
        other => Err(format!("{other:?} is no retry")),
    }
}

/// What comes of these responses, the last of which repeats, with the luck of one half.
fn talk(layer: &str, responses: Vec<Response>) -> Result<Talked, String> {
    let script = Script {
        responses,
        u: 0.5,
        requests: 1,
        ..Script::default()
    };
    Ok(replay(from_ref(&read(layer)?), &script))
}

/// The waits before it gives up are all that are recorded.
fn all_delays(layers: &[String], case: &Value) -> Result<(), String> {
    let points = case["delays"].as_array().unwrap().iter();
    let theirs: Vec<f64> = points.map(|p| p["exact"].as_f64().unwrap()).collect();
    let ours = talk(&layers[0], vec![Response::default()])?.sleeps;
    same("waits", ours, theirs)
}

/// `{"grpc-retry-pushback-ms: 500": "retry after exactly 0.5 s, …", "negative_or_unparseable": …}`.
fn pushback(layers: &[String], case: &Value) -> Result<(), String> {
    const HEADER: &str = "grpc-retry-pushback-ms";
    let failed = || Response::status(503);
    for (what, told) in case["expect"].as_object().unwrap() {
        let told = told.as_str().unwrap();
        if what == "negative_or_unparseable" {
            same("words", told, "do not retry")?;
            for text in ["-1", "soon"] {
                let talked = talk(&layers[0], vec![failed().with(HEADER, text)])?;
                same(text, talked.calls, vec![1])?;
            }
            continue;
        }
        let text = what.strip_prefix("grpc-retry-pushback-ms: ").ok_or(what)?;
        let words = told.strip_prefix("retry after exactly ").ok_or(told)?;
        let (seconds, rest) = words.split_once(" s, ").ok_or(told)?;
        same("words", rest, "backoff restarts at initialBackoff")?;
        let backoff = spec(&layers[0])?.backoff;
        let delay = |k| backoff.delay(k, &mut Span::ZERO.clone(), 0.5).as_seconds();
        let theirs = [delay(1), delay(2), seconds.parse().unwrap(), delay(1)];
        let pushed = failed().with(HEADER, text);
        let answers = vec![failed(), failed(), pushed, failed(), Response::status(200)];
        same(what, talk(&layers[0], answers)?.sleeps, theirs.to_vec())?;
    }
    Ok(())
}

/// `{text of Retry-After: wait}`.
fn clamped(layers: &[String], case: &Value) -> Result<(), String> {
    for (text, wait) in case["expect"].as_object().unwrap() {
        let answers = vec![
            Response::status(429).with("retry-after", text),
            Response::status(200),
        ];
        let ours = talk(&layers[0], answers)?.sleeps;
        same(text, ours, vec![wait.as_f64().unwrap()])?;
    }
    Ok(())
}

/// The attempts at the model `m` and the tool `t`, and how the tasks end, of one agent under a policy.
fn run(policy: &str, world: &str, plan: &str) -> (usize, usize, Vec<Outcome>) {
    let text = format!(
        "name: run\nhorizon: 30d\n{world}\n\
         fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: {plan}}}}}\n\
         policies: {{p: {{{policy}}}}}\n"
    );
    let scenario = scenario(&text);
    let mut log = Log::default();
    observe(
        &scenario,
        &scenario.policies[0],
        Weather::new(1, 0),
        &mut log,
    );
    let of = |name: &str| {
        let name_of =
            |a: &squall::simulation::Attempt| &scenario.targets[usize::from(a.target.0)].name;
        log.attempts().filter(|a| name_of(a) == name).count()
    };
    let ends = log.tasks().map(|task| task.outcome).collect();
    (of("m"), of("t"), ends)
}

/// A tool that asks the model to call it again is `invalid`; the model is told, which is a turn more.
fn tool_asks_again(layers: &[String], case: &Value) -> Result<(), String> {
    let failures = case["config"]["tool_failures"].as_u64().unwrap() as usize;
    let script = format!("{}ok", "invalid, ".repeat(failures));
    let world = format!(
        "models: {{m: {{latency: 1s}}}}\n\
         tools: {{t: {{latency: 1s, script: {{outcomes: [{script}], then: last}}}}}}"
    );
    let plan = "[{llm: m, output: 1}, {tool: t}, {llm: m, output: 1}]";
    let (requests, runs, ends) = run(&layers[0], &world, plan);
    let expect = &case["expect"];
    let theirs = |key: &str| expect[key].as_u64().unwrap() as usize;
    same("model requests", requests, theirs("model_requests"))?;
    same("tool runs", runs, theirs("tool_runs"))?;
    let well = expect["outcome"] == "ok";
    let end = if well { Outcome::Ok } else { Outcome::Invalid };
    same("outcome", ends, vec![end])
}

/// `{way to fail: whether it is tried again}`.
fn retryable(layers: &[String], case: &Value) -> Result<(), String> {
    let [default, advised, listed, bounded] = layers else {
        return Err(format!("{layers:?}"));
    };
    let failed = |outcome| Response {
        code: Some(outcome),
        status: outcome.status(),
        ..Response::default()
    };
    // It succeeds when it is tried again, if it is.
    let again = |layer: &str, first: Response| {
        let talked = talk(layer, vec![first, Response::status(200)])?;
        Ok::<bool, String>(talked.calls[0] > 1)
    };
    for (way, theirs) in case["expect"].as_object().unwrap() {
        let ours = match way.as_str() {
            "application_error" => {
                let errors = [500, 429, 400].map(Response::status);
                let mut all = errors.into_iter().chain([failed(Outcome::Invalid)]);
                all.try_fold(true, |all, error| Ok(all & again(default, error)?))
                    .map_err(|e: String| e)?
            }
            "application_error.non_retryable" => again(
                advised,
                Response::status(500).with("x-should-retry", "false"),
            )?,
            "application_error.type_in_non_retryable_error_types" => {
                again(listed, Response::status(400))?
            }
            "timeout.start_to_close" | "timeout.heartbeat" => {
                again(default, failed(Outcome::Timeout))?
            }
            // No slot of a worker came free in time.
            "timeout.schedule_to_start" => again(default, failed(Outcome::Rejected))?,
            "timeout.schedule_to_close" => {
                let script = Script {
                    responses: vec![failed(Outcome::Timeout), Response::status(200)],
                    call_takes: Some(30.0),
                    requests: 1,
                    ..Script::default()
                };
                replay(from_ref(&read(bounded)?), &script).calls[0] > 1
            }
            // Whoever waits for all of it gives up, in the middle of an attempt.
            "canceled" | "terminated" => {
                let policy = format!("llm: [{{timeout: 5s}}, {default}]");
                let plan = "[{llm: m, output: 1}]";
                run(&policy, "models: {m: {latency: 1h}}", plan).0 > 1
            }
            other => return Err(format!("{other} is not held")),
        };
        same(way, Some(ours), theirs.as_bool())?;
    }
    Ok(())
}

/// An exponential backoff's base, factor, cap and jitter, times in seconds.
fn exponential(spec: &RetrySpec) -> Result<(f64, f64, f64, Jitter), String> {
    let BackoffKind::Exponential { base, factor } = spec.backoff.kind else {
        return Err(format!("{:?}", spec.backoff));
    };
    let (base, cap) = (base.as_seconds(), spec.backoff.cap.as_seconds());
    Ok((base, factor, cap, spec.backoff.jitter))
}

/// Those of a policy's `RetryPolicy` and of the calls of the server.
fn temporal_defaults(layers: &[String], case: &Value) -> Result<(), String> {
    let expect = &case["expect"];
    let number = |from: &Value, key: &str| from[key].as_f64().unwrap();
    let (own, client) = (spec(&layers[0])?, spec(&layers[1])?);
    let first = number(expect, "initial_interval");
    // The server's default where the client gives none.
    let longest = expect["maximum_interval"].as_f64().unwrap_or(100.0 * first);
    let coefficient = number(expect, "backoff_coefficient");
    let theirs = (first, coefficient, longest, Jitter::None);
    same("activities", exponential(&own)?, theirs)?;
    let most = expect["maximum_attempts"].as_u64().filter(|n| *n != 0);
    same("attempts", own.attempts.map(u64::from), most)?;
    let grpc = &expect["grpc"];
    let seconds = |key: &str| number(grpc, key) / 1000.0;
    let jitter = Jitter::Proportional(number(grpc, "randomization"));
    let theirs = (
        seconds("initial_ms"),
        number(grpc, "multiplier"),
        seconds("max_ms"),
        jitter,
    );
    same("calls", exponential(&client)?, theirs)?;
    let within = client.deadline.map(Span::as_seconds);
    same("deadline", within, Some(seconds("max_elapsed_ms")))?;
    // It stops once the number of the call, from 1, has come to this.
    let calls = client.attempts.map(u64::from);
    same("calls", calls, grpc["max_retries"].as_u64())
}

/// `{default: {total, read}, "max_retries=3": {total, read, backoff_factor, …}}`.
fn adapters(layers: &[String], case: &Value) -> Result<(), String> {
    let [default, three, post] = layers else {
        return Err(format!("{layers:?}"));
    };
    let (default, three, post) = (spec(default)?, spec(three)?, spec(post)?);
    let expect = &case["expect"];
    let calls = |from: &Value| from["total"].as_u64().map(|n| n as u32 + 1);
    let theirs = &expect["default"];
    same("calls", default.attempts, calls(theirs))?;
    // `read=False` is that no read error is tried again, `None` that `total` decides.
    let reads = |spec: &RetrySpec| spec.when.on.has(Outcome::Timeout);
    same("read", Some(reads(&default)), theirs["read"].as_bool())?;
    let theirs = &expect["max_retries=3"];
    same("calls", three.attempts, calls(theirs))?;
    same("read", reads(&three), theirs["read"].is_null())?;
    let (factor, ..) = exponential(&three)?;
    same("factor", Some(factor), theirs["backoff_factor"].as_f64())?;
    let listed = theirs["status_forcelist"].as_array().unwrap().iter();
    let listed = listed.map(|s| s.as_u64().unwrap() as u16);
    let listed = listed.fold(StatusSet::EMPTY, |set, s| set.with(s, s));
    same("statuses", three.when.statuses, Some(listed))?;
    let methods = theirs["allowed_methods"].as_array().unwrap();
    let posts = methods.iter().any(|m| m == "POST");
    same("POST", post.attempts > Some(1), posts)
}
