//! The same bytes for ever: result documents of a few fixed scenarios, by their SHA-256.
//!
//! The hashes hold in debug and release builds and on every platform; `.ci/run` checks both. A
//! change that is meant to change numbers changes them here too, and says so in its commit
//! (`Results:`).

mod common;

use common::generator::World;
use common::scenario;
use common::trials::{Quiet, samples};
use sha2::{Digest, Sha256};
use squall::experiment::document::Document;
use squall::experiment::{Metric, Plan, run};

/// The result document of a scenario, but for squall's version.
fn documented(text: &str) -> Document {
    let plan = Plan {
        seed: 7,
        replications: 3,
        source: String::new(),
        overrides: vec![],
        scenario_hash: String::new(),
    };
    let (mut document, _) = run(&scenario(text), &plan, &Quiet).expect("nobody interrupts");
    document.version.clear();
    document
}

/// The first digits of the SHA-256 of a few documents.
fn digest(documents: &[Document]) -> String {
    let mut hash = Sha256::new();
    for document in documents {
        hash.update(serde_json::to_vec(document).expect("a document can be written"));
    }
    let digits = hash.finalize();
    digits.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn hash(text: &str) -> String {
    let document = documented(text);
    assert!(
        document
            .policies
            .iter()
            .all(|p| p.metric(Metric::Attempts).mean.is_some_and(|n| n > 50.0))
    );
    digest(&[document])
}

#[test]
fn a_tool_hiccup() {
    assert_eq!(
        hash(include_str!("data/tool-hiccup.yaml")),
        "8b1e7a8caf6e0ba8"
    );
}

#[test]
fn every_distribution_behind_a_network_and_a_queue() {
    let text = "name: distributions
models:
  model:
    latency: {first_token: {lognormal: {p50: 450ms, p99: 2s}}, tokens_per_second: 100}
    price: {input: $3/M, cached_input: $0.3/M, cache_write: $3.75/M, output: $15/M}
    cache: {min_prefix: 0, ttl: 10s}
    network: {normal: {mean: 20ms, stdev: 10ms}}
    failures: {rate: 5%, outcome: overloaded, latency: {uniform: [10ms, 1s]}}
tools:
  tool:
    latency: {pareto: {min: 100ms, shape: 1.5}}
    capacity: {servers: 3, queue: 5}
    hangs: {rate: 1%, for: {exponential: {mean: 1m}}}
    rejection_latency: {empirical: [1ms, 2ms, 50ms]}
fleets:
  f:
    agents: unlimited
    tasks: {arrivals: {poisson: 3/s}, count: 300}
    plan:
      - {llm: model, prompt: {uniform: [100, 900]}, output: {lognormal: {p50: 150, p99: 600}}}
      - {tool: tool, result_tokens: {exponential: {mean: 200}}}
      - {wait: {exponential: {mean: 1s}}}
      - {llm: model, output: 50, validate: {passes: 90%, never: 2%}}
policies:
  careful:
    tool: [{retry: {attempts: 4, backoff: {decorrelated: {base: 100ms, max: 10s}}}}, {timeout: 5s}]
    llm: [{retry: {attempts: 3, backoff: {exponential: {base: 500ms}, jitter: full}}}]
  none: {}
";
    assert_eq!(hash(text), "58cd00980e2907cd");
}

#[test]
fn a_storm_of_sub_agents_against_every_limiter() {
    let text = "name: storm
horizon: 2m
models:
  model:
    latency: {exponential: {mean: 500ms}}
    price: gpt-4o
    limits: [{requests: 20/s}, {tokens: 100k/min, algorithm: token_bucket, burst: 20k, retry_after: reset}]
tools:
  tool:
    latency: 50ms
    price: $0.001
    episodes: {mean_up: 20s, mean_down: 5s}
    limits:
      - {requests: 30/s, algorithm: sliding_log, counts_rejected: true, retry_after: {jittered: 2s}}
      - {requests: 50/s, algorithm: gcra, burst: 10}
      - {requests: 500/10s, algorithm: sliding_window}
      - {requests: 300/10s, algorithm: incr_expire, refresh_ttl: true}
      - {concurrent: 20}
fleets:
  f:
    agents: 10
    start: {within: 5s}
    tasks: {arrivals: {ramps: [{at: 0s, rate: 1/10s}, {at: 1m, rate: 4/s}]}}
    plan:
      - {llm: model, output: 100}
      - parallel: 3
        steps:
          - repeat: 3
            steps: [{llm: model, output: 50}, {tool: tool, result_tokens: 500}]
        result_tokens: 100
policies:
  hot: {tool: [{retry: {attempts: unlimited, delay: 0, on: any}}], turn: [{retry: {attempts: 3}}]}
  guarded:
    tool:
      - concurrency: {max: 5, queue: 10}
      - rate_limit: {rate: 25/s, burst: 5, longest_wait: 2s}
      - retry_budget: {retries: 20, per: task}
      - retry: {attempts: 6, backoff: {linear: {base: 100ms, step: 1s}, jitter: equal}}
      - circuit_breaker: {failures: 5, open_for: 2s}
    task: [{budget: {limit: $0.05}}, {timeout: 1m}]
    fleet: [{retry: {attempts: 2, delay: 5s}}, {circuit_breaker: {failures: 3, count: consecutive, open_for: 10s}}]
";
    assert_eq!(hash(text), "27f687095c6e156f");
}

#[test]
fn two_hundred_random_scenarios() {
    let texts = samples(200, World::Any);
    let documents: Vec<Document> = texts.iter().map(|text| documented(text)).collect();
    let happens = |d: &&Document| {
        let attempts = d.policies.iter().map(|p| p.metric(Metric::Attempts).mean);
        attempts.flatten().sum::<f64>() > 10.0
    };
    assert!(documents.iter().filter(happens).count() > 100);
    // Of the generator too: whoever teaches it something new finds another hash here.
    assert_eq!(digest(&documents), "16a148129d75208e");
}
