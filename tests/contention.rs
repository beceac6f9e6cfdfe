//! The contention of "Exponential Backoff And Jitter", once more: a small program of its own, with
//! nothing of squall's in it but the numbers that it must agree with.
//!
//! It follows the text of the post: a list of messages, the earliest next; clients that read, write,
//! and wait. Its random numbers are a generator of its own (SplitMix64) and the polar method.

use std::path::Path;

use squall::experiment::{Metric, Plan, Progress, run};

struct Dice(u64);

impl Dice {
    /// SplitMix64 (Steele, Lea, Flood, 2014), as a number in (0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A network delay in milliseconds: |Normal(10, 2)| by Marsaglia's polar method.
    fn hop(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                let normal = x * (-2.0 * libm::log(s) / s).sqrt();
                return (10.0 + 2.0 * normal).abs();
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Message {
    Read,
    Version(u32),
    Write(u32),
    Answer(bool),
}

/// A wait in milliseconds after the n-th failure; `last` is the wait before, 5 at first.
type Backoff = fn(u32, &mut f64, &mut Dice) -> f64;

fn exponential(n: u32) -> f64 {
    (5.0 * f64::from(1u32 << n.min(20))).min(2000.0)
}

const POLICIES: [(&str, Backoff); 5] = [
    ("none", |_, _, _| 0.0),
    ("exponential", |n, _, _| exponential(n)),
    ("equal-jitter", |n, _, dice| {
        exponential(n) / 2.0 * (1.0 + dice.unit())
    }),
    ("full-jitter", |n, _, dice| exponential(n) * dice.unit()),
    ("decorrelated", |_, last, dice| {
        *last = (5.0 + (3.0 * *last - 5.0) * dice.unit()).min(2000.0);
        *last
    }),
];

/// Calls, and milliseconds until the last client has its answer.
fn contend(clients: usize, backoff: Backoff, dice: &mut Dice) -> (f64, f64) {
    let mut messages: Vec<(f64, usize, Message)> = vec![];
    for client in 0..clients {
        messages.push((dice.hop(), client, Message::Read));
    }
    let mut failures = vec![0; clients];
    let mut last = vec![5.0; clients];
    let (mut version, mut calls, mut now) = (0, 0, 0.0);
    while let Some(next) =
        (0..messages.len()).min_by(|a, b| messages[*a].0.total_cmp(&messages[*b].0))
    {
        let (time, client, message) = messages.swap_remove(next);
        now = time;
        let mut after = dice.hop();
        let answer = match message {
            Message::Read => Message::Version(version),
            Message::Version(read) => Message::Write(read),
            Message::Write(read) => {
                calls += 1;
                let fits = read == version;
                version += u32::from(fits);
                Message::Answer(fits)
            }
            Message::Answer(true) => continue,
            Message::Answer(false) => {
                failures[client] += 1;
                after += backoff(failures[client], &mut last[client], dice);
                Message::Read
            }
        };
        messages.push((now + after, client, answer));
    }
    (f64::from(calls), now)
}

struct Quiet;
impl Progress for Quiet {}

/// Mean and its standard error.
fn estimate(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

#[test]
fn a_naive_program_counts_the_same() {
    const CLIENTS: usize = 40;
    const RUNS: u32 = 300;
    let set = vec![format!("fleets.clients.agents={CLIENTS}")];
    let file = Path::new("scenarios/validation/aws-backoff.yaml");
    let loaded = squall::scenario::load(file, &set).expect("the shipped scenario is sound");
    let plan = Plan {
        seed: 5,
        replications: RUNS,
        source: loaded.source,
        overrides: set,
        scenario_hash: String::new(),
    };
    let (document, _) = run(&loaded.scenario, &plan, &Quiet).expect("nobody interrupts");
    for (i, (name, backoff)) in POLICIES.into_iter().enumerate() {
        let mut dice = Dice(i as u64);
        let runs: Vec<(f64, f64)> = (0..RUNS)
            .map(|_| contend(CLIENTS, backoff, &mut dice))
            .collect();
        let ours = document.policies.iter().find(|p| p.name == name);
        let ours = ours.expect("both have these policies");
        let calls: Vec<f64> = runs.iter().map(|r| r.0).collect();
        let seconds: Vec<f64> = runs.iter().map(|r| r.1 / 1e3).collect();
        for (metric, theirs) in [(Metric::Attempts, calls), (Metric::End, seconds)] {
            let ours = ours.metric(metric);
            let (mean, [low, high]) = (ours.mean.expect("a mean"), ours.ci95.expect("an interval"));
            let (naive, error) = estimate(&theirs);
            let own_error = (high - low) / 2.0 / 1.96;
            let error = (error * error + own_error * own_error).sqrt();
            assert!(
                error < 0.04 * naive,
                "{name}: {naive} ± {error} is too rough"
            );
            let errors = (mean - naive) / error;
            assert!(
                errors.abs() < 4.0,
                "{name}: {mean} against {naive}: {errors:.1} errors"
            );
        }
    }
}
