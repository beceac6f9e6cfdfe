//! The storm lint: each rule fires at its place, and not on a near miss.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use squall::scenario::{self, lint};

/// A scenario around one policy, which begins on line 17.
fn scenario_of(policy: &str) -> String {
    let head = "name: x
horizon: 1h
models:
  planner:
    latency: {first_token: 2s, tokens_per_second: 100}
    price: {input: $2/M, cached_input: $1/M, output: $8/M}
    cache: {ttl: 1m}
tools:
  sandbox:
    latency: 500ms
    outages: [{at: 1m, for: 20s}]
    limits: [{requests: 10/s, retry_after: 8s}]
fleets:
  workers: {agents: 20, tasks: {count: 100}, plan: [{llm: planner, output: 300}, {tool: sandbox}]}
policies:
  p:
";
    format!("{head}    {policy}\n")
}

/// What is found, one `line:column rule` each.
fn found(policy: &str) -> Vec<String> {
    let text = scenario_of(policy);
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
    let place =
        |f: &lint::Finding| format!("{}:{} {}", f.diagnostic.line, f.diagnostic.column, f.rule);
    loaded.lint.iter().map(place).collect()
}

const GOOD: &str = "attempts: 3, backoff: {exponential: {base: 1s, max: 20s}, jitter: full}";

/// For each rule a policy that it catches, where, and a near miss.
fn cases() -> Vec<(&'static str, usize, String, String)> {
    let good = format!("{{{GOOD}}}");
    let tool = |layers: &str| format!("tool: [{layers}]");
    let with = |more: &str| format!("tool: [{{retry: {{{GOOD}, {more}}}}}]");
    let backoff = |attempts: u32, backoff: &str| {
        format!("llm: [{{retry: {{attempts: {attempts}, backoff: {backoff}}}}}]")
    };
    let unlimited = GOOD.replace("attempts: 3", "attempts: unlimited");
    let breaker = |keys: &str| tool(&format!("{{circuit_breaker: {{{keys}}}}}"));
    vec![
        (
            "no-cap",
            13,
            tool(&format!("{{retry: {{{unlimited}}}}}")),
            tool(&format!("{{retry: {{{unlimited}, deadline: 1m}}}}")),
        ),
        (
            "no-backoff",
            13,
            tool("{retry: {attempts: 3}}"),
            tool("{retry: {attempts: 3, on: [invalid]}}"),
        ),
        (
            "uncapped-backoff",
            12,
            backoff(15, "{exponential: {base: 1s}, jitter: full}"),
            backoff(5, "{exponential: {base: 1s}, jitter: full}"),
        ),
        (
            "no-jitter",
            13,
            tool("{retry: {attempts: 3, delay: 1s}}"),
            tool("{retry: {attempts: 3, backoff: {fixed: 1s, jitter: equal}}}"),
        ),
        (
            "backoff-outlives-cache",
            12,
            backoff(4, "{fixed: 2m, jitter: equal}"),
            backoff(4, "{fixed: 50s, jitter: equal}"),
        ),
        (
            "ignores-retry-after",
            13,
            with("retry_after: ignore"),
            with("retry_after: ignore, on: [transient]"),
        ),
        (
            "retry-after-too-long",
            13,
            with("longest_retry_after: 7s"),
            with("longest_retry_after: 8s"),
        ),
        (
            "permanent-retried",
            13,
            with("on: any"),
            with("on: [transient]"),
        ),
        (
            "turn-repeats-tools",
            13,
            format!("turn: [{{retry: {good}}}]"),
            format!("turn: [{{retry: {{{GOOD}, on: [invalid]}}}}]"),
        ),
        (
            "layers-multiply",
            13,
            format!(
                "task: [{{retry: {{{}}}}}]\n    tool: [{{retry: {good}}}]",
                GOOD.replace("3,", "4,")
            ),
            format!("task: [{{retry: {good}}}]\n    tool: [{{retry: {good}}}]"),
        ),
        (
            "timeout-below-p50",
            12,
            "llm: [{timeout: 4s}]".to_owned(),
            "llm: [{timeout: 6s}]".to_owned(),
        ),
        (
            "breaker-never-trips",
            13,
            breaker("failures: 2, open_for: 10s, shared: task"),
            breaker("failures: 1, open_for: 10s, shared: task"),
        ),
        (
            "breaker-outlasts-outage",
            13,
            breaker("failures: 5, open_for: 21s"),
            breaker("failures: 5, open_for: 20s"),
        ),
        (
            "half-open-for-all",
            13,
            breaker("failures: 5, open_for: 5s, half_open: all"),
            breaker("failures: 5, open_for: 5s, half_open: one"),
        ),
        (
            "slot-held-asleep",
            13,
            tool(&format!("{{concurrency: {{max: 5}}}}, {{retry: {good}}}")),
            tool(&format!("{{retry: {good}}}, {{concurrency: {{max: 5}}}}")),
        ),
        (
            "limiter-per-client",
            13,
            tool("{rate_limit: {rate: 1/s, shared: agent}}"),
            tool("{rate_limit: {rate: 1/2s, shared: agent}}"),
        ),
    ]
}

#[test]
fn each_rule_fires_at_its_place_and_not_on_a_near_miss() {
    let cases = cases();
    for (rule, column, caught, missed) in &cases {
        assert_eq!(found(caught), [format!("17:{column} {rule}")], "{caught}");
        assert_eq!(found(missed), [""; 0], "{missed}");
    }
    let covered: Vec<&str> = cases.iter().map(|(rule, ..)| *rule).collect();
    let rules: Vec<&str> = lint::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(covered, rules);
}

#[test]
fn an_allow_silences_one_rule_and_says_so_when_it_never_acts() {
    let hot = "tool: [{retry: {attempts: 3}}]";
    assert_eq!(found(&format!("allow: [no-backoff]\n    {hot}")), [""; 0]);
    let text = scenario_of(&format!("allow: [no-cap]\n    {hot}"));
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
    let told = &loaded.warnings[0];
    assert_eq!((told.line, told.column), (17, 13));
    assert!(told.message.contains("never acts"), "{told}");
    let text = scenario_of("allow: [no-capp]");
    let told = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap_err();
    assert!(
        told.to_string().contains("17:13: unknown rule `no-capp`"),
        "{told}"
    );
}

#[test]
fn the_page_lists_each_rule() {
    let page = include_str!("../docs/lint.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let row = |rule: &lint::Rule| format!("| `{}` | {} | {} |", rule.id, rule.finds, rule.advice);
    let rules: Vec<String> = lint::RULES.iter().map(row).collect();
    assert_eq!(rows, rules);
}
