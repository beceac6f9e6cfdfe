//! Load and gamma service times against what theory says of them: Erlang's loss formula, which no
//! shape of the service time changes, the formula of Pollaczek and Khinchine, and the mean of a
//! polynomial of a Poisson number.

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
const SEED: u64 = 23;

/// Tasks of one call each, which come by a Poisson process.
fn open_loop(rate: &str, tool: &str) -> String {
    format!(
        "name: loaded
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

/// Mean of a number of the tasks that meet a warm system.
fn warm(log: &Log, number: impl Fn(&squall::simulation::TaskEnd) -> f64) -> f64 {
    let warm = log.tasks().filter(|task| task.task >= 2_000);
    let values: Vec<f64> = warm.map(number).collect();
    assert_eq!(values.len(), 18_000);
    values.iter().sum::<f64>() / values.len() as f64
}

/// Shapes of a time with a mean of 100 ms.
const SHAPES: [&str; 4] = [
    "{exponential: {mean: 100ms}}",
    "{gamma: {cv: 0.5, mean: 100ms}}",
    "{erlang: {phases: 3, mean: 100ms}}",
    "{hyperexponential: {mean: 100ms, cv: 2}}",
];

#[test]
fn what_fails_at_once_beyond_ten_in_flight_is_erlangs_loss() {
    // Ten are worked on at once, an eleventh fails in no time: M/G/10/10 at a load of 8.
    let load = "under_load: {failures: {steps: {11: 100%}}}, rejection_latency: 0";
    let mut lost = 1.0;
    for servers in 1..=10 {
        lost = 8.0 * lost / (f64::from(servers) + 8.0 * lost);
    }
    for latency in SHAPES {
        let text = open_loop("80/s", &format!("latency: {latency}, {load}"));
        assert_mean(&text, lost, |log| {
            warm(log, |task| {
                f64::from(u8::from(task.outcome == Outcome::Overloaded))
            })
        });
    }
}

#[test]
fn the_wait_before_one_server_follows_the_second_moment() {
    // Pollaczek and Khinchine: W = rho·s·(1 + cv²)/(2·(1 - rho)), at rho = 0.6 and s = 100 ms.
    let cv2 = [1.0, 0.25, 1.0 / 3.0, 4.0];
    for (latency, cv2) in SHAPES.into_iter().zip(cv2) {
        let text = open_loop(
            "6/s",
            &format!("latency: {latency}, capacity: {{servers: 1}}"),
        );
        let wait = 0.6 * 0.1 * (1.0 + cv2) / (2.0 * 0.4);
        assert_mean(&text, 0.1 + wait, |log| {
            warm(log, |task| task.end.since(task.ready).as_seconds())
        });
    }
}

#[test]
fn a_curve_over_poisson_arrivals_has_the_mean_of_its_polynomial() {
    // Beside the one that looks there are K in the last two seconds, Poisson with mean m = 20, so that
    // E[1 + ((1 + K)/10)²] = 1 + (1 + 3m + m²)/100; and E[K + 1] of a line through points.
    let m = 20.0;
    let sojourn = |log: &Log| warm(log, |task| task.end.since(task.ready).as_seconds());
    let by = "by: {arrivals: 2s}";
    let power = format!("latency: 10ms, under_load: {{latency: {{power: 2, full: 10, {by}}}}}");
    let theory = 0.01 * (1.0 + (1.0 + 3.0 * m + m * m) / 100.0);
    assert_mean(&open_loop("10/s", &power), theory, sojourn);
    let line =
        format!("latency: 10ms, under_load: {{latency: {{points: {{0: 1x, 1000: 101x}}, {by}}}}}");
    assert_mean(
        &open_loop("10/s", &line),
        0.01 * (1.0 + (m + 1.0) / 10.0),
        sojourn,
    );
}

#[test]
fn failures_by_load_come_at_the_rate_of_their_curve() {
    // In an infinite server the number in flight is Poisson with mean 5, whatever fails: what fails
    // takes as long. An arrival finds K, so it fails with probability E[(K + 1)/20] = 6/20; that
    // there are more than 20, where the curve ends, has a probability below one in a million.
    let load = "under_load: {failures: {power: 1, full: 20, outcome: transient}}";
    for latency in SHAPES {
        let text = open_loop("50/s", &format!("latency: {latency}, {load}"));
        assert_mean(&text, 0.3, |log| {
            warm(log, |task| {
                f64::from(u8::from(task.outcome == Outcome::Transient))
            })
        });
    }
}
