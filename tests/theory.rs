//! Closed forms: what queueing theory and probability say exactly, the simulator must say too.
//!
//! Each test plays a scenario text through the public API with an observer of its own. A mean over
//! replications is held against its formula by its own standard error (or by the exact one, where
//! the distribution is known): more than [`MOST_ERRORS`] of them is a failure. Seeds are fixed, so
//! a test that passes once passes always.

use std::path::Path;

use squall::experiment::observe;
use squall::random::Weather;
use squall::random::math::{exp, ln, normal_quantile, pow};
use squall::scenario::{self, Scenario};
use squall::simulation::{Attempt, Observer, TaskEnd};
use squall::units::{Span, Time};
use squall::wire::Outcome;

/// How many standard errors an estimate may be off. With 20 replications, t has 19 degrees of
/// freedom and exceeds 4 with probability 0.0008.
const MOST_ERRORS: f64 = 4.0;
const SEED: u64 = 11;

fn scenario(text: &str) -> Scenario {
    match scenario::parse(text, "theory.yaml", Path::new("."), &[]) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// Everything that a run told.
#[derive(Default)]
struct Log {
    attempts: Vec<Attempt>,
    tasks: Vec<TaskEnd>,
    arrived: u64,
}

impl Observer for Log {
    fn attempt(&mut self, attempt: &Attempt) {
        self.attempts.push(*attempt);
    }
    fn task(&mut self, task: &TaskEnd) {
        self.tasks.push(*task);
    }
    fn arrived(&mut self, _fleet: u8, tasks: u64) {
        self.arrived += tasks;
    }
}

/// One run of the first policy.
fn play(scenario: &Scenario, replication: u64) -> Log {
    let mut log = Log::default();
    let weather = Weather::new(SEED, replication);
    observe(scenario, &scenario.policies[0], weather, &mut log);
    log
}

/// Mean and its standard error.
fn estimate(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// One number from each of so many replications.
fn replicate(text: &str, replications: u64, number: impl Fn(&Log) -> f64) -> Vec<f64> {
    let scenario = scenario(text);
    (0..replications)
        .map(|i| number(&play(&scenario, i)))
        .collect()
}

fn assert_near(what: &str, measured: f64, theory: f64, error: f64) {
    let errors = (measured - theory) / error;
    assert!(
        errors.abs() < MOST_ERRORS,
        "{what}: {measured} where theory says {theory}: {errors:.1} standard errors of {error}"
    );
}

/// The mean over replications is what theory says.
fn assert_mean(what: &str, values: &[f64], theory: f64) {
    let (mean, error) = estimate(values);
    assert!(
        error < 0.05 * theory,
        "{what}: {mean} ± {error} is too rough to say anything"
    );
    assert_near(what, mean, theory, error);
}

fn tool_queue(agents: &str, tasks: &str, latency: &str, capacity: &str) -> String {
    format!(
        "name: queue
horizon: 10000h
tools:
  tool: {{latency: {latency}, capacity: {capacity}}}
fleets:
  f: {{agents: {agents}, tasks: {tasks}, plan: [{{tool: tool}}]}}
policies: {{none: {{}}}}
"
    )
}

/// Arrivals by a Poisson process at one tool with so many servers.
fn open_queue(rate: &str, latency: &str, capacity: &str) -> String {
    let tasks = format!("{{arrivals: {{poisson: {rate}}}, count: 20000}}");
    tool_queue("unlimited", &tasks, latency, capacity)
}

/// Mean time in the system, without the first tasks, which met an empty one.
fn mean_sojourn(log: &Log) -> f64 {
    let warm: Vec<f64> = log
        .tasks
        .iter()
        .filter(|t| t.task >= 2_000)
        .map(|t| t.end.since(t.ready).as_seconds())
        .collect();
    assert_eq!(warm.len(), 18_000);
    warm.iter().sum::<f64>() / warm.len() as f64
}

/// Erlang's B: the share of arrivals lost by `servers` servers under `load` erlangs.
fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b))
}

/// Erlang's C: the share of arrivals that wait.
fn erlang_c(servers: u32, load: f64) -> f64 {
    let b = erlang_b(servers, load);
    b / (1.0 - load / f64::from(servers) * (1.0 - b))
}

const EXPONENTIAL: &str = "{exponential: {mean: 1s}}";

#[test]
fn one_server_is_an_m_m_1_queue() {
    let text = open_queue("8/10s", EXPONENTIAL, "{servers: 1, queue: unlimited}");
    // W = 1/(mu - lambda).
    assert_mean("M/M/1", &replicate(&text, 20, mean_sojourn), 5.0);
}

#[test]
fn five_servers_are_an_m_m_5_queue() {
    let text = open_queue("4/s", EXPONENTIAL, "{servers: 5, queue: unlimited}");
    let theory = 1.0 + erlang_c(5, 4.0) / (5.0 - 4.0);
    assert_mean("M/M/5", &replicate(&text, 20, mean_sojourn), theory);
}

#[test]
fn servers_without_a_queue_lose_what_erlang_says() {
    let text = open_queue("4/s", EXPONENTIAL, "{servers: 5, queue: 0}");
    let lost = |log: &Log| {
        let lost = |t: &&TaskEnd| t.outcome == Outcome::Overloaded;
        log.tasks.iter().filter(lost).count() as f64 / log.tasks.len() as f64
    };
    assert_mean("M/M/5/5", &replicate(&text, 20, lost), erlang_b(5, 4.0));
}

#[test]
fn the_loss_does_not_depend_on_the_shape_of_the_service_time() {
    let latency = "{lognormal: {p50: 606.53066ms, sigma: 1}}"; // mean 1 s
    let text = open_queue("4/s", latency, "{servers: 5, queue: 0}");
    let lost = |log: &Log| {
        let lost = |t: &&TaskEnd| t.outcome == Outcome::Overloaded;
        log.tasks.iter().filter(lost).count() as f64 / log.tasks.len() as f64
    };
    assert_mean("M/G/5/5", &replicate(&text, 20, lost), erlang_b(5, 4.0));
}

#[test]
fn a_constant_service_time_halves_the_wait() {
    let text = open_queue("8/10s", "1s", "{servers: 1, queue: unlimited}");
    // Pollaczek and Khinchine: Wq = rho/(2 mu (1 - rho)).
    let theory = 1.0 + 0.8 / (2.0 * 0.2);
    assert_mean("M/D/1", &replicate(&text, 20, mean_sojourn), theory);
}

#[test]
fn a_lognormal_service_time_lengthens_the_wait() {
    let latency = "{lognormal: {p50: 500ms, sigma: 1}}";
    let text = open_queue("7/10s", latency, "{servers: 1, queue: unlimited}");
    let mean = 0.5 * exp(0.5);
    let second_moment = mean * mean * exp(1.0);
    let theory = mean + 0.7 * second_moment / (2.0 * (1.0 - 0.7 * mean));
    assert_mean("M/G/1", &replicate(&text, 30, mean_sojourn), theory);
}

#[test]
fn the_network_adds_its_delays_and_no_more() {
    // Delays before and behind the queue leave the arrivals Poisson: W = 5 s and twice 2 s.
    let text = open_queue("8/10s", EXPONENTIAL, "{servers: 1, queue: unlimited}");
    let text = text.replace("capacity", "network: {exponential: {mean: 2s}}, capacity");
    assert_mean("network", &replicate(&text, 20, mean_sojourn), 9.0);
}

#[test]
fn agents_that_think_are_machines_to_repair() {
    // Six machines run for 4 s on average, one repairer needs 1 s.
    let text = "name: repair
horizon: 20000s
tools:
  tool: {latency: {exponential: {mean: 1s}}, capacity: {servers: 1, queue: unlimited}}
fleets:
  f:
    agents: 6
    tasks: {count: 1M}
    plan: [{wait: {exponential: {mean: 4s}}}, {tool: tool}]
policies: {none: {}}
";
    let warm = Time::ZERO + Span::seconds(200);
    let throughput = |log: &Log| {
        let done = log.tasks.iter().filter(|t| t.end >= warm).count();
        done as f64 / 19_800.0
    };
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 0..6 {
        term *= f64::from(6 - k) / 4.0;
        sum += term;
    }
    let theory = 1.0 - 1.0 / sum;
    assert_mean("repair", &replicate(text, 20, throughput), theory);
}

#[test]
fn the_closed_loop_keeps_littles_law() {
    // Ten agents without think time at three servers: always ten in the system.
    let text = tool_queue(
        "10",
        "{count: 20000}",
        EXPONENTIAL,
        "{servers: 3, queue: unlimited}",
    );
    let sojourn = |log: &Log| {
        let warm = log.attempts.iter().skip(100);
        let times: Vec<f64> = warm.map(|a| a.end.since(a.begin).as_seconds()).collect();
        times.iter().sum::<f64>() / times.len() as f64
    };
    assert_mean("N = XW", &replicate(&text, 20, sojourn), 10.0 / 3.0);
}

/// Tasks of one call that fails with 30 %, under a retry layer of so many attempts.
fn unlucky_calls(attempts: &str) -> Log {
    let text = format!(
        "name: unlucky
tools: {{tool: {{latency: 1ms, failures: 30%}}}}
fleets: {{f: {{agents: 5, tasks: {{count: 50000}}, plan: [{{tool: tool}}]}}}}
policies: {{retry: {{tool: [{{retry: {{attempts: {attempts}, delay: 0}}}}]}}}}
"
    );
    play(&scenario(&text), 0)
}

#[test]
fn attempts_until_success_are_geometric() {
    let log = unlucky_calls("unlimited");
    let n = log.tasks.len() as f64;
    assert!(log.tasks.iter().all(|t| t.outcome == Outcome::Ok));
    // Mean 1/(1-p), variance p/(1-p)².
    let error = 0.3f64.sqrt() / 0.7 / n.sqrt();
    assert_near("attempts", log.attempts.len() as f64 / n, 1.0 / 0.7, error);
}

#[test]
fn three_attempts_succeed_and_cost_as_they_should() {
    let log = unlucky_calls("3");
    let n = log.tasks.len() as f64;
    let ok = log
        .tasks
        .iter()
        .filter(|t| t.outcome == Outcome::Ok)
        .count() as f64;
    let success = 1.0 - 0.027;
    let error = (success * (1.0 - success) / n).sqrt();
    assert_near("success", ok / n, success, error);
    // One attempt with 0.7, two with 0.21, three with 0.09.
    let load = 1.0 + 0.3 + 0.09;
    let error = ((0.7 + 4.0 * 0.21 + 9.0 * 0.09 - load * load) / n).sqrt();
    assert_near("load", log.attempts.len() as f64 / n, load, error);
}

/// Attempts at the model and at the tool under three nested layers of so many attempts each.
fn nested(attempts: u32) -> (usize, usize) {
    let retry = format!("[{{retry: {{attempts: {attempts}, delay: 10ms}}}}]");
    let text = format!(
        "name: nested
models: {{model: {{latency: 1s, price: {{per_call: $0.01}}}}}}
tools: {{dead: {{latency: 1ms, failures: 100%}}}}
fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: model, output: 1}}, {{tool: dead}}]}}}}
policies: {{nested: {{tool: {retry}, turn: {retry}, task: {retry}}}}}
"
    );
    let log = play(&scenario(&text), 0);
    let models = log.attempts.iter().filter(|a| a.target.0 == 0).count();
    (models, log.attempts.len() - models)
}

#[test]
fn nested_retries_multiply() {
    assert_eq!(nested(4), (16, 64));
    assert_eq!(nested(3), (9, 27));
}

#[test]
fn poisson_arrivals_are_poisson() {
    let text = "name: arrivals
horizon: 1000s
tools: {tool: {latency: 1ms}}
fleets: {f: {agents: unlimited, tasks: {arrivals: {poisson: 5/s}}, plan: [{tool: tool}]}}
policies: {none: {}}
";
    let counts = replicate(text, 40, |log| log.arrived as f64);
    let (mean, _) = estimate(&counts);
    assert_near("arrivals", mean, 5_000.0, (5_000.0f64 / 40.0).sqrt());
    // Variance over mean times 39 is chi-squared with 39 degrees of freedom: 39 ± sqrt(78).
    let squares: f64 = counts.iter().map(|n| (n - mean) * (n - mean)).sum();
    assert_near("dispersion", squares / mean, 39.0, 78.0f64.sqrt());
}

#[test]
fn episodes_take_their_share_of_time() {
    let text = "name: episodes
horizon: 4000s
tools: {tool: {latency: 1ms, episodes: {mean_up: 30s, mean_down: 10s}}}
fleets: {f: {agents: unlimited, tasks: {arrivals: {every: 4/s}}, plan: [{tool: tool}]}}
policies: {none: {}}
";
    let failed = |log: &Log| {
        let failed = |t: &&TaskEnd| t.outcome == Outcome::Transient;
        log.tasks.iter().filter(failed).count() as f64 / log.tasks.len() as f64
    };
    // A two-state chain that begins up: P(down at t) = d/(u+d)·(1 - exp(-t/tau)), averaged.
    let tau = 1.0 / (1.0 / 30.0 + 1.0 / 10.0);
    let theory = 0.25 * (1.0 - tau / 4_000.0);
    assert_mean("episodes", &replicate(text, 40, failed), theory);
}

#[test]
fn latencies_have_their_quantiles() {
    let text = "name: latency
tools: {tool: {latency: {lognormal: {p50: 300ms, p99: 2s}}}}
fleets: {f: {agents: 50, tasks: {count: 50000}, plan: [{tool: tool}]}}
policies: {none: {}}
";
    let log = play(&scenario(text), 0);
    let n = log.attempts.len() as f64;
    let sigma = ln(2.0 / 0.3) / normal_quantile(0.99);
    for q in [0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
        let bound = 0.3 * exp(sigma * normal_quantile(q));
        let below = |a: &&Attempt| a.end.since(a.begin).as_seconds() <= bound;
        let share = log.attempts.iter().filter(below).count() as f64 / n;
        assert_near("quantile", share, q, (q * (1.0 - q) / n).sqrt());
    }
}

#[test]
fn failures_of_neighbouring_attempts_are_independent() {
    // The chance that the first two attempts both fail is p²: luck is not shared between attempts.
    let log = unlucky_calls("unlimited");
    let n = log.tasks.len() as f64;
    let third = log.attempts.iter().filter(|a| a.number == 3).count() as f64;
    assert_near("third", third / n, 0.09, (0.09 * 0.91 / n).sqrt());
    let tenth = log.attempts.iter().filter(|a| a.number == 6).count() as f64;
    let p = pow(0.3, 5.0);
    assert_near("sixth", tenth / n, p, (p * (1.0 - p) / n).sqrt());
}

/// When attempts were admitted, under three times the load that the limit of 10/s allows \[ns\].
fn admitted(limit: &str) -> Vec<u64> {
    let text = format!(
        "name: limited
horizon: 200s
tools: {{tool: {{latency: 50ms, limits: [{{requests: 10/s, {limit}}}]}}}}
fleets: {{f: {{agents: unlimited, tasks: {{arrivals: {{poisson: 30/s}}}}, plan: [{{tool: tool}}]}}}}
policies: {{none: {{}}}}
"
    );
    let log = play(&scenario(&text), 0);
    let refused = |a: &&Attempt| a.outcome == Some(Outcome::RateLimited);
    assert!(log.attempts.iter().filter(refused).count() > 3_000);
    // At the horizon some are open, and whether they were admitted is not told.
    let last = Time::ZERO + Span::seconds(199);
    let admitted = log
        .attempts
        .iter()
        .filter(|a| !refused(a) && a.begin < last);
    let mut times: Vec<u64> = admitted.map(|a| a.begin.0).collect();
    times.sort_unstable();
    times
}

const SECOND: u64 = 1_000_000_000;

/// Most of `times` in any window of this length that begins with one of them.
fn most_in(times: &[u64], window: u64) -> usize {
    let of = |i: usize| times[i..].partition_point(|t| *t < times[i] + window);
    (0..times.len()).map(of).max().unwrap_or(0)
}

#[test]
fn a_fixed_window_admits_its_quota_in_each_window_of_the_clock() {
    let times = admitted("algorithm: fixed_window");
    let mut windows = vec![0; 199];
    for t in &times {
        windows[(t / SECOND) as usize] += 1;
    }
    assert_eq!(windows.iter().max(), Some(&10));
    // Fewer than ten of thirty arrive in a second with probability 7e-6.
    assert_eq!(windows.iter().min(), Some(&10));
    // Its well-known weakness: two quotas within one second, across the edge.
    assert!(most_in(&times, SECOND) > 15);
}

#[test]
fn a_sliding_log_admits_its_quota_in_any_window() {
    let times = admitted("algorithm: sliding_log");
    assert_eq!(most_in(&times, SECOND), 10);
    assert!(times.len() > 1_800, "{}", times.len());
}

#[test]
fn a_sliding_window_admits_little_more_than_its_quota() {
    let times = admitted("algorithm: sliding_window");
    let mut windows = vec![0; 199];
    for t in &times {
        windows[(t / SECOND) as usize] += 1;
    }
    assert_eq!(windows.iter().max(), Some(&10));
    assert!(most_in(&times, SECOND) <= 20);
    assert!(times.len() > 1_500, "{}", times.len());
}

#[test]
fn a_bucket_and_a_cell_rate_admit_their_burst_and_their_rate() {
    for (limit, burst) in [
        ("algorithm: token_bucket", 10),
        ("algorithm: token_bucket, burst: 4", 4),
        ("algorithm: gcra, burst: 3", 3),
        ("algorithm: gcra", 1),
    ] {
        let times = admitted(limit);
        for length in 0..40u64 {
            // In a closed interval of `length` tenths, the burst and one for each tenth.
            let most = most_in(&times, length * SECOND / 10 + 1) as u64;
            assert!(most <= burst + length, "{limit}: {most} in {length}");
        }
        // A bucket of one wastes 1/(rate·interval) after each admission: 7.5/s here.
        assert!(times.len() > 1_400, "{limit}: {}", times.len());
    }
}

#[test]
fn an_expiring_counter_admits_its_quota_from_its_first_request() {
    let times = admitted("algorithm: incr_expire");
    let (mut i, mut most) = (0, 0);
    while i < times.len() {
        let n = times[i..].partition_point(|t| *t < times[i] + SECOND);
        most = most.max(n);
        i += n;
    }
    assert_eq!(most, 10);
    assert!(times.len() > 1_800, "{}", times.len());
}

/// Attempts of so many calls, one after the other, on a tool that is down for good.
fn on_a_dead_tool(calls: u32, layers: &str) -> usize {
    let text = format!(
        "name: dead
horizon: 100000h
tools:
  tool: {{latency: 1ms, failures: 100%}}
fleets:
  f: {{agents: 1, tasks: {{count: {calls}}}, plan: [{{tool: tool}}]}}
policies: {{p: {{tool: [{layers}]}}}}
"
    );
    play(&scenario(&text), 0).attempts.len()
}

#[test]
fn a_ratio_of_a_tenth_caps_load_at_eleven_tenths() {
    let layers = "{retry_budget: {ratio: 10%}}, {retry: {attempts: 4}}";
    assert_eq!(on_a_dead_tool(10_000, layers), 11_000);
}

#[test]
fn a_quota_of_500_pays_for_exactly_100_retries_of_5() {
    let quota = "{retry_budget: {quota: {capacity: 500, cost: 5}}}";
    let layers = format!("{quota}, {{retry: {{attempts: 3}}}}");
    assert_eq!(on_a_dead_tool(1_000, &layers), 1_100);
}

#[test]
fn immediate_retries_succeed_and_load_as_a_geometric_series_says() {
    // n retries against independent failures of probability p: a call fails with p^(n+1), and makes
    // (1 - p^(n+1)) / (1 - p) attempts.
    let (n, p, calls) = (3, 0.3, 4_000.0);
    let text = format!(
        "name: series
horizon: 1000h
tools:
  tool: {{latency: 10ms, failures: 30%}}
fleets:
  f: {{agents: 1, tasks: {{count: {calls}}}, plan: [{{tool: tool}}]}}
policies: {{p: {{tool: [{{retry: {{attempts: {}, delay: 0}}}}]}}}}
",
        n + 1
    );
    let lost = pow(p, f64::from(n + 1));
    let load = replicate(&text, 20, |log| log.attempts.len() as f64 / calls);
    assert_mean("load", &load, (1.0 - lost) / (1.0 - p));
    let done = |log: &Log| {
        log.tasks
            .iter()
            .filter(|t| t.outcome == Outcome::Ok)
            .count()
    };
    let success = replicate(&text, 20, |log| done(log) as f64 / calls);
    assert_mean("success", &success, 1.0 - lost);
}

/// Requests a second that a throttled client sends to a target that accepts 50 a second, and how
/// many its throttle rejected, from the 20th second to the 120th.
fn throttled(demand: &str) -> (Vec<f64>, Vec<f64>) {
    let text = format!(
        "name: throttled
horizon: 2m
tools:
  tool:
    latency: 1ms
    limits: [{{requests: 50/s, algorithm: token_bucket, burst: 50}}]
fleets:
  f: {{agents: unlimited, tasks: {{arrivals: {{poisson: {demand}}}}}, plan: [{{tool: tool}}]}}
policies: {{p: {{tool: [{{adaptive_throttle: {{window: 10s}}}}]}}}}
"
    );
    let late = |at: Time| at >= Time::ZERO + Span::seconds(20);
    let sent = |log: &Log| log.attempts.iter().filter(|a| late(a.begin)).count() as f64 / 100.0;
    let rejected = |log: &Log| {
        let is_rejected = |t: &&TaskEnd| t.outcome == Outcome::Rejected && late(t.end);
        log.tasks.iter().filter(is_rejected).count() as f64
    };
    (replicate(&text, 20, sent), replicate(&text, 20, rejected))
}

#[test]
fn an_adaptive_throttle_sends_twice_what_is_accepted_or_all() {
    let (sent, _) = throttled("400/s");
    assert_mean("sent under overload", &sent, 2.0 * 50.0);
    // Below twice the capacity nothing is held back, though a fifth of it is refused.
    let (sent, rejected) = throttled("60/s");
    assert_mean("sent under light overload", &sent, 60.0);
    assert_eq!(rejected, [0.0; 20]);
}
