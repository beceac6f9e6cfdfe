//! The shipped scenarios print what they promise, end to end: exact money, attempts and times.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use squall::experiment::document::{Document, PolicyResult};
use squall::experiment::{Metric, Plan, Progress, observe, run};
use squall::random::Weather;
use squall::scenario::model::Scenario;
use squall::simulation::{Attempt, Observer};
use squall::units::Money;
use squall::wire::Outcome;

struct Quiet;

impl Progress for Quiet {}

fn load(name: &str, overrides: &[&str]) -> Scenario {
    let path = Path::new("scenarios").join(name);
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    match squall::scenario::load(&path, &overrides) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

fn play(scenario: &Scenario, replications: u32) -> Document {
    let plan = Plan {
        seed: scenario.seed,
        replications,
        source: String::new(),
        overrides: vec![],
        scenario_hash: String::new(),
    };
    run(scenario, &plan, &Quiet).unwrap().0
}

fn policy<'d>(document: &'d Document, name: &str) -> &'d PolicyResult {
    let found = document.policies.iter().find(|p| p.name == name);
    found.unwrap_or_else(|| panic!("no policy {name}"))
}

fn mean(document: &Document, name: &str, metric: Metric) -> f64 {
    let mean = policy(document, name).metric(metric).mean;
    mean.unwrap_or_else(|| panic!("{name} has no {metric:?}"))
}

/// Dollars to the cent.
fn cents(document: &Document, name: &str, metric: Metric) -> i64 {
    let cents = mean(document, name, metric) * 100.0;
    assert!(
        (cents - cents.round()).abs() < 1e-6,
        "{name}: {cents} cents"
    );
    cents.round() as i64
}

/// The attempts of one run.
#[derive(Default)]
struct Attempts(Vec<Attempt>);

impl Observer for Attempts {
    fn attempt(&mut self, attempt: &Attempt) {
        self.0.push(*attempt);
    }
}

fn attempts(scenario: &Scenario, policy: &str) -> Vec<Attempt> {
    let policy = scenario.policies.iter().find(|p| p.name == policy).unwrap();
    let mut attempts = Attempts::default();
    observe(
        scenario,
        policy,
        Weather::new(scenario.seed, 0),
        &mut attempts,
    );
    attempts.0
}

#[test]
fn documents_that_never_pass_cost_what_the_attempts_cost() {
    let document = play(&load("validation-retries.yaml", &[]), 1);
    for (name, dollars) in [
        ("attempts-1", 50),
        ("attempts-5", 250),
        ("attempts-10", 500),
    ] {
        assert_eq!(cents(&document, name, Metric::Spend), dollars * 100);
        assert_eq!(cents(&document, name, Metric::Wasted), dollars * 100);
        assert_eq!(mean(&document, name, Metric::SuccessRate), 0.0);
    }
    let ten_times = load(
        "validation-retries.yaml",
        &["fleets.workers.tasks.count=10000"],
    );
    let document = play(&ten_times, 1);
    assert_eq!(cents(&document, "attempts-10", Metric::Spend), 500_000);
}

#[test]
fn ten_growing_prompts_cost_13_250_dollars() {
    let scenario = load("growing-prompt.yaml", &[]);
    let document = play(&scenario, 1);
    let result = policy(&document, "ten-attempts-growing");
    assert_eq!(result.targets[0].spend_usd, 13_250.0);
    // 27,500 tokens in at $2.50/M and 2,000 out at $10/M, 10,000 times.
    assert!((result.targets[1].spend_usd - 887.5).abs() < 1e-9);
    let first: Vec<Money> = attempts(&scenario, "ten-attempts-growing")
        .iter()
        .filter(|a| a.fleet == 0 && a.task == 0)
        .map(|a| a.cost)
        .collect();
    assert_eq!(first.len(), 10);
    assert_eq!(
        first.iter().copied().sum::<Money>(),
        Money(1_325_000_000_000)
    );
}

#[test]
fn a_fleet_multiplies_the_rate_or_the_total() {
    let scenario = load("fleet-multiplication.yaml", &[]);
    let result = play(&scenario, 1);
    let targets = &policy(&result, "ten-attempts").targets;
    let dollars: Vec<f64> = targets.iter().map(|t| t.spend_usd).collect();
    assert_eq!(dollars, [500.0, 500.0, 10_000.0]);
    // The same total in a twentieth of the time: 20,000 s alone, 1,000 s shared.
    let end = |fleet: u8| {
        let all = attempts(&scenario, "ten-attempts");
        let of_fleet = all.iter().filter(|a| a.fleet == fleet);
        of_fleet.map(|a| a.end.as_seconds()).fold(0.0, f64::max)
    };
    assert_eq!((end(0), end(1), end(2)), (20_000.0, 1_000.0, 20_000.0));
}

#[test]
fn a_five_second_hiccup_under_each_way_to_wait() {
    let scenario = load("tool-hiccup.yaml", &[]);
    let document = play(&scenario, 1);
    for (name, attempts, done) in [
        ("zero-delay", 85.0, 5.10),
        ("fixed-100ms", 33.0, 5.18),
        ("exponential", 4.0, 7.24),
    ] {
        assert_eq!(mean(&document, name, Metric::ToolAttempts), attempts);
        assert_eq!(mean(&document, name, Metric::End), done);
        assert_eq!(mean(&document, name, Metric::SuccessRate), 1.0);
    }
    let starts: Vec<f64> = attempts(&scenario, "exponential")
        .iter()
        .map(|a| a.begin.as_seconds())
        .collect();
    assert_eq!(starts, [0.0, 1.06, 3.12, 7.18]);
    // The breaker opens with the fifth failure, and the call is refused then.
    let last = attempts(&scenario, "breaker");
    assert_eq!(last.len(), 5);
    assert_eq!(last[4].end.as_seconds(), 0.30);
    assert_eq!(mean(&document, "breaker", Metric::Denied), 1.0);
}

#[test]
fn the_storm_makes_500_calls_and_300_000_tokens_for_nothing() {
    let scenario = load("retry-storm.yaml", &[]);
    let all = attempts(&scenario, "hand-rolled");
    let answered: Vec<&Attempt> = all
        .iter()
        .filter(|a| scenario.targets[usize::from(a.target.0)].is_model())
        .filter(|a| a.outcome == Some(Outcome::Ok))
        .collect();
    assert_eq!(answered.len(), 500);
    let tokens = |a: &&Attempt| u64::from(a.charged.input) + u64::from(a.charged.output);
    assert_eq!(answered.iter().map(tokens).sum::<u64>(), 300_000);
    let early = |a: &&&Attempt| a.begin.as_seconds() < 3.0;
    assert_eq!(answered.iter().filter(early).count(), 50);
    let document = play(&scenario, 3);
    assert_eq!(mean(&document, "hand-rolled", Metric::TasksOk), 0.0);
    assert_eq!(
        mean(&document, "hand-rolled", Metric::TasksUnfinished),
        10.0
    );
    assert_eq!(mean(&document, "hand-rolled", Metric::End), 600.0);
    // Ten tasks in 0.6 s with 10 calls are what it would have been without the hiccup.
    assert_eq!(mean(&document, "hand-rolled", Metric::IdealRatio), 50.0);
    assert_eq!(mean(&document, "all-together", Metric::SuccessRate), 1.0);
    assert_eq!(mean(&document, "all-together", Metric::IdealRatio), 1.0);
}

#[test]
fn without_the_hiccup_there_is_no_storm() {
    let scenario = load("retry-storm.yaml", &["tools.sandbox.outages=[]"]);
    let document = play(&scenario, 1);
    for result in &document.policies {
        assert_eq!(mean(&document, &result.name, Metric::SuccessRate), 1.0);
        assert_eq!(mean(&document, &result.name, Metric::LlmAttempts), 10.0);
        // 0.54 s of model and 60 ms of tool; five at a time take the tool twice as long.
        let in_two_rounds = ["semaphore", "all-together"].contains(&result.name.as_str());
        let end = if in_two_rounds { 0.66 } else { 0.6 };
        assert_eq!(mean(&document, &result.name, Metric::End), end);
    }
}

#[test]
fn coordination_saves_the_fan_out_its_rejections() {
    let document = play(&load("fan-out.yaml", &[]), 10);
    let rejected = |name| mean(&document, name, Metric::RateLimited);
    assert!(rejected("coordinated") * 20.0 < rejected("independent"));
    let success = |name| mean(&document, name, Metric::SuccessRate);
    assert!(success("coordinated") > success("independent-breakers"));
}

#[test]
fn budgets_stop_where_they_say() {
    let scenario = load("budget-guard.yaml", &[]);
    let document = play(&scenario, 1);
    for (name, dollars, calls) in [
        ("unguarded", 500, 10_000.0),
        ("batch-budget", 100, 2_000.0),
        ("document-budget", 100, 2_000.0),
        ("twice-the-first", 150, 3_000.0),
    ] {
        assert_eq!(cents(&document, name, Metric::Spend), dollars * 100);
        assert_eq!(mean(&document, name, Metric::Attempts), calls);
    }
    // Call 2,001 and every one after it is denied.
    let target = &policy(&document, "batch-budget").targets[0];
    assert!(target.outcomes[Outcome::BudgetExceeded as usize] > 0.0);
    // 20 documents of ten attempts, and the 19 that the other workers had begun.
    assert_eq!(mean(&document, "batch-breaker", Metric::Attempts), 390.0);
    assert_eq!(
        mean(&document, "batch-breaker", Metric::TasksFailed),
        1_000.0
    );
}

#[test]
fn a_hanging_tool_is_dear_in_time_and_a_timeout_in_work() {
    let document = play(&load("slow-tool.yaml", &[]), 10);
    let p99 = |name| mean(&document, name, Metric::TaskP99);
    assert!(p99("no-timeout") > 600.0);
    assert!(p99("timeout-10s") < 60.0);
    let spend = |name| mean(&document, name, Metric::SpendPerSuccess);
    assert!(spend("impatient-with-the-model") > 1.5 * spend("timeout-10s"));
}

#[test]
fn the_ideal_chat_is_the_recorded_one() {
    let document = play(&load("chat-trace.yaml", &[]), 2);
    for result in &document.policies {
        let ideal = result.metric(Metric::Ideal);
        // 2,209,565 × $2.50/M + 529,807 × $10/M.
        assert_eq!(ideal.min, Some(10.821_982_5));
        assert_eq!(ideal.max, Some(10.821_982_5));
    }
    let calm = load(
        "chat-trace.yaml",
        &[
            "models.chat.failures=0%",
            "models.chat.episodes={mean_up: 1000h, mean_down: 1s}",
            "models.chat.limits=[]",
        ],
    );
    let document = play(&calm, 1);
    assert_eq!(mean(&document, "no-retry", Metric::TokensIn), 2_209_565.0);
    assert_eq!(mean(&document, "no-retry", Metric::TokensOut), 529_807.0);
}

#[test]
fn three_layers_of_three_are_27_attempts_or_hardly_one() {
    let whole = "sdk-framework-engine";
    let outage = play(&load("nested-stacks.yaml", &[]), 1);
    let tasks = 2000.0;
    for (name, tool, model) in [
        ("sdk", 3.0, 1.0),
        ("sdk-framework", 9.0, 3.0),
        (whole, 27.0, 9.0),
    ] {
        assert_eq!(mean(&outage, name, Metric::ToolAttempts), tool * tasks);
        assert_eq!(mean(&outage, name, Metric::LlmAttempts), model * tasks);
    }
    // What each layer's own log shows of the 27: the tool's SDK, the framework, the engine.
    let result = policy(&outage, whole);
    let shown = |label: &str| {
        let layer = result.layers.iter().find(|l| l.label == label).unwrap();
        (layer.attempts_visible.unwrap(), layer.attempts_caused)
    };
    // Caused: the SDK two of three, the framework two of nine, at the model and at the tool.
    assert_eq!(shown("tool[0] retry"), (27.0 * tasks, 18.0 * tasks));
    assert_eq!(shown("turn[0] retry").0, 9.0 * tasks);
    assert_eq!(shown("task[0] retry").0, 3.0 * tasks);
    let tool = result.nesting.iter().find(|n| n.target == 1).unwrap();
    assert_eq!((tool.worst_attempts, tool.most_attempts), (Some(27), 27));

    let overrides = ["tools.search.outages=[]", "tools.search.failures=30%"];
    let noise = play(&load("nested-stacks.yaml", &overrides), 20);
    let sampled = |metric, expected: f64| {
        let summary = policy(&noise, whole).metric(metric);
        let [low, high] = summary.ci95.unwrap();
        let per_task = expected * tasks;
        // Twice the 95 % interval: 1 in 10,000.
        let slack = high - low;
        assert!(
            (summary.mean.unwrap() - per_task).abs() <= slack,
            "{summary:?} {per_task}"
        );
    };
    // Attempts of at most `n`, each failing with probability `p`: 1 + p + p² + …
    let geometric = |p: f64, n: i32| (0..n).rev().fold(0.0, |sum, _| 1.0 + p * sum);
    let p: f64 = 0.3;
    sampled(Metric::ToolAttempts, geometric(p, 27));
    let turns = geometric(p * p * p, 9);
    assert_eq!((turns * 100.0).round(), 103.0);
    sampled(Metric::LlmAttempts, turns);
}

#[test]
fn only_durable_executors_come_through_an_outage_of_74_minutes() {
    let document = play(&load("defaults-showdown.yaml", &[]), 2);
    assert!(document.policies.len() > 12);
    let success = |name| mean(&document, name, Metric::SuccessRate);
    assert_eq!(success("temporal"), 1.0);
    for name in ["openai-python", "langgraph", "llama-index", "crewai"] {
        assert!(success(name) < 0.9, "{name}");
    }
    // Told to wait for minutes: one waits, one gives up beyond two, one beyond one.
    assert!(success("anthropic-python") > success("openai-python"));
    assert!(success("openai-python") > success("openai-python-1"));
    assert!(success("openai-python-1") > success("no-retry"));
    let attempts = |name| mean(&document, name, Metric::Attempts);
    assert!(attempts("crewai") > 1.5 * attempts("openai-python"));
}

#[test]
fn every_shipped_scenario_is_tested_here() {
    let text = include_str!("scenarios.rs");
    for entry in std::fs::read_dir("scenarios").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".yaml") {
            assert!(text.contains(&format!("\"{name}\"")), "no test of {name}");
        }
    }
}
