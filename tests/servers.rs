//! Servers that all requests share, and servers that break down, against what theory says of them.
//!
//! Sources: L. Kleinrock, "Queueing Systems", volume 2, 1976, section 4.4 (the mean time in a shared
//! system does not depend on the shape of the work, and who brings more stays longer in proportion);
//! H. White and L. S. Christie, "Queuing with Preemptive Priorities or with Breakdown", Operations
//! Research 6(1), 1958.

mod common;

use squall::experiment::observe;
use squall::random::Weather;
use squall::wire::Outcome;

use common::log::Log;
use common::scenario;

/// How many standard errors an estimate may be off; with 20 replications exceeded once in a thousand
/// times. Seeds are fixed, so that a test that passes once passes always.
const MOST_ERRORS: f64 = 4.0;
const REPLICATIONS: u64 = 20;
const SEED: u64 = 29;

/// Tasks of one call each, which come by a Poisson process.
fn open_loop(rate: &str, tool: &str) -> String {
    format!(
        "name: shared
horizon: 10000h
tools: {{tool: {{{tool}}}}}
fleets:
  f: {{agents: unlimited, tasks: {{arrivals: {{poisson: {rate}}}, count: 20000}}, plan: [{{tool: tool}}]}}
policies: {{none: {{}}}}
"
    )
}

/// The mean over replications of a number of each is what theory says.
fn assert_mean(text: &str, theory: f64, number: impl Fn(&Log) -> f64) {
    let scenario = scenario(text);
    let values: Vec<f64> = (0..REPLICATIONS)
        .map(|i| {
            let mut log = Log::default();
            let weather = Weather::new(SEED, i);
            observe(&scenario, &scenario.policies[0], weather, &mut log);
            number(&log)
        })
        .collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    assert!(error < 0.05 * theory, "{mean} ± {error} is too rough");
    let errors = (mean - theory) / error;
    assert!(
        errors.abs() < MOST_ERRORS,
        "{mean} where theory says {theory}: {errors:.1} standard errors of {error}\n{text}"
    );
}

/// Mean time in the system of the tasks that meet a warm one.
fn sojourn(log: &Log) -> f64 {
    let warm = log.tasks().filter(|task| task.task >= 2_000);
    let times: Vec<f64> = warm.map(|t| t.end.since(t.ready).as_seconds()).collect();
    assert_eq!(times.len(), 18_000);
    times.iter().sum::<f64>() / times.len() as f64
}

/// Shapes of a time with a mean of 100 ms.
const SHAPES: [&str; 5] = [
    "100ms",
    "{exponential: {mean: 100ms}}",
    "{erlang: {phases: 3, mean: 100ms}}",
    "{hyperexponential: {mean: 100ms, cv: 2}}",
    "{uniform: [0s, 200ms]}",
];

#[test]
fn the_mean_does_not_depend_on_the_shape_of_the_work() {
    for latency in SHAPES {
        let tool = format!("latency: {latency}, capacity: {{servers: 1, order: shared}}");
        assert_mean(&open_loop("7/s", &tool), 0.1 / (1.0 - 0.7), sojourn);
    }
}

#[test]
fn several_servers_share_as_erlang_waits() {
    // Any number share two servers: the numbers there are those of M/M/2, whatever the shape.
    let load: f64 = 1.4;
    let b = (load * load / 2.0) / (1.0 + load + load * load / 2.0);
    let waits = b / (1.0 - load / 2.0 * (1.0 - b));
    let theory = 0.1 + waits * 0.1 / (2.0 - load);
    for latency in &SHAPES[..4] {
        let tool = format!("latency: {latency}, capacity: {{servers: 2, order: shared}}");
        assert_mean(&open_loop("14/s", &tool), theory, sojourn);
    }
}

#[test]
fn who_brings_more_work_stays_longer_in_proportion() {
    // Work of 50 ms and of 250 ms, three to one: 100 ms on average. Each stays x / (1 - rho).
    let latency = "{mixture: [{share: 75%, of: 50ms}, {share: 25%, of: 250ms}]}";
    let tool = format!("latency: {latency}, capacity: {{servers: 1, order: shared}}");
    let text = open_loop("6/s", &tool);
    // Who had which work is told by a run in which each has a server.
    let alone = scenario(&text.replace("servers: 1,", "servers: 20000,"));
    let shared = scenario(&text);
    for (work, theory) in [(0.05, 0.125), (0.25, 0.625)] {
        let means: Vec<f64> = (0..REPLICATIONS)
            .map(|i| {
                let weather = || Weather::new(SEED, i);
                let (mut of, mut log) = (Log::default(), Log::default());
                observe(&alone, &alone.policies[0], weather(), &mut of);
                observe(&shared, &shared.policies[0], weather(), &mut log);
                let mut brought = vec![0.0; 20_000];
                for task in of.tasks() {
                    brought[task.task as usize] = task.end.since(task.ready).as_seconds();
                }
                let theirs = log.tasks().filter(|task| {
                    task.task >= 2_000 && (brought[task.task as usize] - work).abs() < 1e-6
                });
                let times: Vec<f64> = theirs.map(|t| t.end.since(t.ready).as_seconds()).collect();
                assert!(times.len() > 4_000);
                times.iter().sum::<f64>() / times.len() as f64
            })
            .collect();
        let n = means.len() as f64;
        let mean = means.iter().sum::<f64>() / n;
        let squares: f64 = means.iter().map(|v| (v - mean) * (v - mean)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        assert!(error < 0.05 * theory, "{mean} ± {error} is too rough");
        assert!(
            (mean - theory).abs() < MOST_ERRORS * error,
            "{mean} ± {error}, {theory}"
        );
    }
}

#[test]
fn so_many_at_most_lose_what_a_line_as_long_loses() {
    // M/M/1/5: the numbers there do not depend on who is served. Also M/G/1/5 of shared servers.
    let rho: f64 = 0.8;
    let weights: Vec<f64> = (0..6)
        .scan(1.0, |w, _| Some(std::mem::replace(w, *w * rho)))
        .collect();
    let theory = weights[5] / weights.iter().sum::<f64>();
    let lost = |log: &Log| {
        let lost = |t: &&squall::simulation::TaskEnd| t.outcome == Outcome::Overloaded;
        log.tasks().filter(lost).count() as f64 / log.tasks().count() as f64
    };
    for latency in &SHAPES[..4] {
        let capacity = "{servers: 1, order: {shared: 5}, queue: 0}";
        let tool = format!("latency: {latency}, capacity: {capacity}");
        assert_mean(&open_loop("8/s", &tool), theory, lost);
    }
}

/// Mean time in an M/M/1 queue whose server breaks down, busy or not, at rate `xi`, and is repaired at
/// rate `eta`; work under way goes on afterwards.
fn broken(lambda: f64, mu: f64, xi: f64, eta: f64) -> f64 {
    let both = xi + eta;
    (both * both + mu * xi) / (both * (mu * eta - lambda * both))
}

/// Up for two seconds, down for half a second, on average.
const BREAKS: &str =
    "breakdowns: {up: {exponential: {mean: 2s}}, down: {exponential: {mean: 500ms}}}";

#[test]
fn a_server_that_breaks_down_makes_wait_as_long_as_theory_says() {
    // It works for four fifths of the time: 5 of 8 a second that it could do.
    let theory = broken(5.0, 10.0, 0.5, 2.0);
    for order in ["fifo", "shared"] {
        // With exponential work the numbers there are the same.
        let latency = "{exponential: {mean: 100ms}}";
        let tool =
            format!("latency: {latency}, capacity: {{servers: 1, order: {order}}}, {BREAKS}");
        assert_mean(&open_loop("5/s", &tool), theory, sojourn);
    }
}

#[test]
fn a_server_without_a_moments_rest_does_what_it_is_there_for() {
    // Three agents always want more: 10 a second while it works, four fifths of the time, whatever the
    // shapes of the times between.
    let breaks = "breakdowns: {up: {uniform: [1s, 3s]}, down: {gamma: {shape: 3, mean: 500ms}}}";
    for order in ["fifo", "shared"] {
        let text = format!(
            "name: busy
horizon: 2000s
tools: {{tool: {{latency: {{exponential: {{mean: 100ms}}}}, capacity: {{servers: 1, order: {order}}}, {breaks}}}}}
fleets: {{f: {{agents: 3, tasks: {{count: 1M}}, plan: [{{tool: tool}}]}}}}
policies: {{none: {{}}}}
"
        );
        let per_second = |log: &Log| log.tasks().count() as f64 / 2_000.0;
        assert_mean(&text, 8.0, per_second);
    }
}

#[test]
fn all_policies_meet_the_same_breakdowns() {
    // Whoever calls however often: an attempt that is under way at a time ends at the same time.
    let text = format!(
        "name: same
horizon: 1h
tools: {{tool: {{latency: 100ms, capacity: {{servers: 1}}, {BREAKS}}}}}
fleets: {{f: {{agents: 1, tasks: {{count: 500}}, plan: [{{wait: 900ms}}, {{tool: tool}}]}}}}
policies: {{none: {{}}, some: {{tool: [{{timeout: 10m}}, {{retry: {{attempts: 3}}}}]}}}}
"
    );
    let scenario = scenario(&text);
    let ends = |policy: usize, replication| {
        let mut log = Log::default();
        let weather = Weather::new(SEED, replication);
        observe(&scenario, &scenario.policies[policy], weather, &mut log);
        log.tasks().map(|task| task.end).collect::<Vec<_>>()
    };
    assert_eq!(ends(0, 0), ends(1, 0));
    assert_ne!(ends(0, 0), ends(0, 1));
}
