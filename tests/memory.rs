//! Memory does not grow with the number of replications, nor with the horizon.
//!
//! Reads the peak of the process from Linux, so it runs there only.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Open arrivals for as long as it lasts, a limiter, a breaker: everything that keeps state.
const OPEN: &str = "name: open
horizon: 10m
models:
  model: {latency: {exponential: {mean: 1s}}, price: gpt-4o, limits: [{requests: 120/min}]}
tools:
  tool: {latency: 100ms, failures: 10%, episodes: {mean_up: 10m, mean_down: 10s}}
fleets:
  f:
    agents: unlimited
    tasks: {arrivals: {poisson: 1/s}}
    plan: [{llm: model, prompt: 500, output: 100}, {tool: tool}]
policies:
  none: {}
  careful:
    tool: [{retry: {attempts: 3, delay: 1s}}, {circuit_breaker: {failures: 5, open_for: 10s}}]
    llm: [{retry: {attempts: 3, backoff: {exponential: {base: 1s}, jitter: full}}}]
";

/// The most memory that a run holds at once \[kB\].
fn peak(args: &[&str]) -> u64 {
    let folder = TempDir::new().unwrap();
    let scenario = folder.path().join("open.yaml");
    fs::write(&scenario, OPEN).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_squall"))
        .arg("run")
        .arg(&scenario)
        .args(["--threads", "1", "--quiet", "--output"])
        .arg(folder.path())
        .args(args)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        peak = kilobytes.unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak > 0, "the run was too short to be looked at");
    peak
}

/// Ten times as many replications: 4 MB more, where a list of them would take 7 MB (26 numbers of
/// 16 bytes, 18,000 times) and the series of each 400 MB.
#[test]
#[ignore = "a minute; .ci/nightly runs it"]
fn replications_take_no_memory() {
    let short = ["--set", "horizon=20s"];
    let few = peak(&[&short[..], &["--replications", "2000"]].concat());
    let many = peak(&[&short[..], &["--replications", "20000"]].concat());
    println!("2,000 replications: {few} kB, 20,000: {many} kB");
    assert!(many < few + 4_000, "{few} kB, {many} kB");
}

/// Ten days instead of ten minutes: 1,440 times as many tasks, attempts and dollars. What grows at
/// first and then no more are the sketches of task times, of 1.1 MB at the most for each run.
#[test]
#[ignore = "a minute; .ci/nightly runs it"]
fn a_horizon_takes_no_memory() {
    let two = ["--replications", "2", "--set", "max_events=1000000000"];
    let short = peak(&two);
    let long = peak(&[&two[..], &["--set", "horizon=10d"]].concat());
    println!("10 minutes: {short} kB, 10 days: {long} kB");
    assert!(long < short + 12_000, "{short} kB, {long} kB");
}
