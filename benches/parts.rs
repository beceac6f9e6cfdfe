//! What one part costs: a draw from each distribution, and a run of 2,000 attempts through each layer and each
//! limiter, beside the same run without.
//!
//! `cargo bench --bench parts [-- NAME]`.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use squall::experiment::{Progress, play_one};
use squall::random::{Distribution, Purpose, Spot, Weather, unit_open};
use squall::scenario;
use squall::simulation::Program;

struct Quiet;
impl Progress for Quiet {}

const LAYERS: [(&str, &str); 11] = [
    ("none", ""),
    ("retry", "{retry: {attempts: 3, delay: 1s}}"),
    ("timeout", "{timeout: 10s}"),
    (
        "breaker-consecutive",
        "{circuit_breaker: {failures: 5, open_for: 1s}}",
    ),
    (
        "breaker-rate",
        "{circuit_breaker: {failure_rate: 90%, window: {calls: 100}, open_for: 1s}}",
    ),
    ("concurrency", "{concurrency: {max: 5}}"),
    ("rate-limit", "{rate_limit: {rate: 1000/s}}"),
    (
        "adaptive-throttle",
        "{adaptive_throttle: {k: 2, window: 2m}}",
    ),
    (
        "retry-budget",
        "{retry_budget: {ratio: 10%}}, {retry: {attempts: 3, delay: 1s}}",
    ),
    ("budget", "{budget: {limit: $1000}}"),
    ("hedge", "{hedge: {after: 2s, most: 1}}"),
];

const LIMITS: [(&str, &str); 8] = [
    ("none", ""),
    ("fixed-window", "{requests: 100/s}"),
    ("sliding-log", "{requests: 100/s, algorithm: sliding_log}"),
    (
        "sliding-window",
        "{requests: 100/s, algorithm: sliding_window}",
    ),
    ("gcra", "{requests: 100/s, algorithm: gcra, burst: 100}"),
    (
        "token-bucket",
        "{requests: 100/s, algorithm: token_bucket, burst: 100}",
    ),
    ("incr-expire", "{requests: 100/s, algorithm: incr_expire}"),
    ("concurrent", "{concurrent: 100}"),
];

/// Plays a scenario of 2,000 tasks of one call with these layers and limits.
fn bench_run(c: &mut Criterion, group: &str, (name, layers, limits): (&str, &str, &str)) {
    let text = format!(
        "name: parts
tools: {{tool: {{latency: {{exponential: {{mean: 100ms}}}}, price: $0.001, failures: 10%, limits: [{limits}]}}}}
fleets: {{agents: {{agents: 10, tasks: {{count: 2000}}, plan: [{{tool: tool}}]}}}}
policies: {{p: {{tool: [{layers}]}}}}
"
    );
    let loaded = scenario::parse(&text, "parts", Path::new("."), &[]);
    let scenario = loaded.expect("the scenario is sound").scenario;
    let program = Program::new(&scenario, &scenario.policies[0]);
    let play = || play_one(&scenario, &program, Weather::new(1, 0), &Quiet);
    c.bench_function(&format!("{group}/{name}"), |b| b.iter(|| black_box(play())));
}

fn parts(c: &mut Criterion) {
    let weather = Weather::new(1, 0);
    let spot = Spot {
        fleet: 0,
        task: 1,
        step: 0,
        round: 0,
        attempt: 0,
        hedge: 0,
    };
    c.bench_function("draws/philox", |b| {
        b.iter(|| weather.draw(black_box(spot), Purpose::Attempt));
    });
    let of = |distribution: Distribution| move |bits: u32| distribution.quantile(unit_open(bits));
    let (mean, mu, sigma) = (1e8, 18.0, 0.8);
    let exponential = of(Distribution::Exponential { mean });
    let lognormal = of(Distribution::Lognormal { mu, sigma });
    c.bench_function("draws/exponential", |b| {
        b.iter(|| exponential(black_box(7_000_000)))
    });
    c.bench_function("draws/lognormal", |b| {
        b.iter(|| lognormal(black_box(7_000_000)))
    });
    for (name, layer) in LAYERS {
        bench_run(c, "layers", (name, layer, ""));
    }
    for (name, limit) in LIMITS {
        bench_run(c, "limits", (name, "", limit));
    }
}

criterion_group!(benches, parts);
criterion_main!(benches);
