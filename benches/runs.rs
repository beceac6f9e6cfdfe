//! Whole runs, with the ledger as observer, as `squall run` plays them: events a second.
//!
//! One iteration is one run. `hold` is the steady case, where nothing is contended; `storm` is the
//! hard one: a limiter that refuses most of what a fleet hurls at it, and a breaker that opens and
//! closes.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squall::experiment::{Progress, play_one};
use squall::random::Weather;
use squall::scenario;
use squall::simulation::Program;

const HOLD: &str = "name: hold
horizon: 60s
tools:
  tool: {latency: {exponential: {mean: 1s}}, failures: 10%, price: $0.001}
fleets:
  f: {agents: 10000, tasks: {count: 10M}, plan: [{tool: tool}]}
policies:
  backoff:
    tool: [{retry: {attempts: 5, backoff: {exponential: {base: 500ms, factor: 2}, jitter: full}}}]
";

const STORM: &str = "name: storm
horizon: 5m
models:
  model:
    price: gpt-4o
    latency: {first_token: {lognormal: {p50: 450ms, p99: 2s}}, tokens_per_second: 100}
    limits: [{requests: 300/s}, {tokens: 20M/min}]
tools:
  sandbox:
    latency: {lognormal: {p50: 60ms, p99: 900ms}}
    failures: 10%
    outages: [{at: 30s, for: 20s}]
    limits: [{requests: 200/s, algorithm: sliding_log, counts_rejected: true, retry_after: 1s}]
    capacity: {servers: 100, queue: 500}
fleets:
  f:
    agents: 2000
    tasks: {count: 20000}
    plan:
      - {llm: model, prompt: 1200, output: {lognormal: {p50: 150, p99: 600}}}
      - {tool: sandbox, result_tokens: 300}
      - {llm: model, output: 200, validate: 97%}
policies:
  storm:
    tool:
      - concurrency: {max: 300}
      - retry: {attempts: 8, backoff: {exponential: {base: 500ms, max: 10s}, jitter: full}}
      - circuit_breaker: {failures: 20, open_for: 2s}
      - timeout: 5s
    llm: [{retry: {attempts: 8, backoff: {exponential: {base: 500ms, max: 10s}, jitter: full}}}]
    turn: [{retry: {attempts: 3}}]
    task: [{budget: {limit: $0.10}}]
";

struct Quiet;
impl Progress for Quiet {}

fn runs(c: &mut Criterion) {
    let mut group = c.benchmark_group("runs");
    for (name, text) in [("hold", HOLD), ("storm", STORM)] {
        let loaded = scenario::parse(text, name, Path::new("."), &[]);
        let scenario = loaded.expect("the scenario is sound").scenario;
        let program = Program::new(&scenario, &scenario.policies[0]);
        let play = || play_one(&scenario, &program, Weather::new(7, 0), &Quiet);
        let (ledger, end) = play();
        let attempts: u64 = ledger.targets.iter().map(|t| t.attempts).sum();
        println!(
            "{name}: {} events, {attempts} attempts, {} tasks, {} bytes an agent",
            end.events, ledger.fleets[0].ok, end.bytes_per_agent
        );
        group.throughput(Throughput::Elements(end.events));
        group.bench_function(name, |b| b.iter(|| black_box(play())));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = runs
}
criterion_main!(benches);
