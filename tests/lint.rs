//! The storm lint: each rule fires at its place, and not on a near miss.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

#[path = "lint/cases.rs"]
mod cases;

use std::path::Path;

use cases::{Case, GOOD};
use common::generator;
use proptest::prelude::*;
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
  workers: {agents: 20, tasks: {count: 100}, plan: [{llm: planner, output: 300, validate: 90%}, {tool: sandbox}]}
policies:
  p:
";
    format!("{head}    {policy}\n")
}

/// What is found, one `line:column rule` each.
fn found(policy: &str, set: &[&str]) -> Vec<String> {
    let text = scenario_of(policy);
    let set: Vec<String> = set.iter().map(|set| (*set).to_owned()).collect();
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &set).unwrap();
    assert_eq!(loaded.warnings, [], "{policy}");
    let place =
        |f: &lint::Finding| format!("{}:{} {}", f.diagnostic.line, f.diagnostic.column, f.rule);
    loaded.lint.iter().map(place).collect()
}

#[test]
fn each_rule_fires_at_its_place_and_not_on_a_near_miss() {
    let cases = cases::all();
    for Case {
        rule,
        caught,
        missed,
        set,
    } in &cases
    {
        let text = scenario_of(caught);
        let before = &text[..text.find('§').unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').unwrap();
        let plain = caught.replace('§', "");
        assert_eq!(
            found(&plain, set),
            [format!("{line}:{column} {rule}")],
            "{caught}"
        );
        assert_eq!(found(&missed.replace('§', ""), set), [""; 0], "{missed}");
    }
    let mut covered: Vec<&str> = cases.iter().map(|case| case.rule).collect();
    let rules: Vec<&str> = lint::RULES.iter().map(|rule| rule.id).collect();
    covered.dedup();
    assert_eq!(covered, rules);
}

/// More ways to be caught and to be fine than one of each.
#[test]
fn bounds_and_budgets_count_as_far_as_they_reach() {
    let tool = |around: &str| {
        let retry = GOOD.replace("attempts: 3", "attempts: unlimited");
        format!("tool: [{around}{{retry: {{{retry}}}}}]")
    };
    let rules = |policy: &str| -> Vec<String> {
        let found = found(policy, &[]);
        found
            .iter()
            .map(|f| f.split(' ').nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(rules(&tool("{timeout: 1h}, ")), [""; 0]);
    assert_eq!(rules(&tool("{timeout: 61m}, ")), ["no-cap"]);
    assert_eq!(rules(&tool("{retry_budget: {retries: 1000}}, ")), [""; 0]);
    assert_eq!(
        rules(&tool("{retry_budget: {retries: 1001}}, ")),
        ["no-cap"]
    );
    // A tool that costs nothing is never denied for its price.
    assert_eq!(rules(&tool("{budget: {limit: $1}}, ")), ["no-cap"]);
    let fleet = format!("fleet: [{{retry: {{{}}}}}]", GOOD.replace("3,", "2000,"));
    let expected = ["no-cap", "turn-repeats-tools", "invalid-without-budget"];
    assert_eq!(rules(&fleet), expected);
    let nested = |budget: &str| {
        let four = GOOD.replace("3,", "4,");
        format!("task: [{budget}{{retry: {{{four}}}}}]\n    tool: [{{retry: {{{four}}}}}]")
    };
    assert_eq!(rules(&nested("")), ["layers-multiply"]);
    assert_eq!(rules(&nested("{retry_budget: {retries: 5}}, ")), [""; 0]);
    assert_eq!(
        rules(&nested("{retry_budget: {retries: 50}}, ")),
        ["layers-multiply"]
    );
    // A share of the traffic bounds them too, but not one around another call.
    let ratio = "{retry_budget: {ratio: 10%}}";
    assert_eq!(rules(&nested(&format!("{ratio}, "))), [""; 0]);
    let slots = "task: [{concurrency: {max: 5}}]\n    tool:";
    let inside = format!("{slots} [{{retry: {{{GOOD}}}}}]");
    assert_eq!(rules(&inside), ["slot-held-asleep"]);
    assert_eq!(rules(&format!("{slots} [{{timeout: 50s}}]")), [""; 0]);
    let elsewhere = format!("{}\n    llm: [{ratio}, {{retry: {{{GOOD}}}}}]", nested(""));
    assert!(
        rules(&elsewhere)
            .iter()
            .any(|rule| rule == "layers-multiply")
    );
}

#[test]
fn nested_layers_are_named_with_their_lines() {
    let policy = format!(
        "task: [{{retry: {{{GOOD}}}}}]\n    turn: [{{retry: {{{GOOD}}}}}]\n    tool: [{{retry: {{{GOOD}}}}}]"
    );
    let text = scenario_of(&policy);
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
    let [finding] = &loaded.lint[..] else {
        panic!("{:?}", loaded.lint)
    };
    assert_eq!(finding.lines, [18, 19]);
    let told = finding.diagnostic.to_string();
    let expected = "s.yaml:17:13: layers-multiply: this and the 2 retries inside it make up to 27 \
                    attempts of one call of `sandbox`";
    assert!(told.starts_with(expected), "{told}");
    assert!(told.contains("the others are on lines 18, 19"), "{told}");
}

#[test]
fn what_several_policies_share_is_said_once() {
    let policy = "tool: &hot [{retry: {attempts: 3}}]\n  q: {tool: *hot, about: equal}\n  r: {tool: *hot, turn: [{timeout: 1m}]}";
    let text = scenario_of(policy);
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
    let rules: Vec<_> = loaded
        .lint
        .iter()
        .map(|f| (f.rule, f.policies.clone()))
        .collect();
    assert_eq!(
        rules,
        [("no-backoff", vec![0, 1, 2]), ("same-as-another", vec![1])]
    );
    let message = &loaded.lint[0].diagnostic.message;
    assert!(
        message.ends_with("(in `p` and 2 more policies)"),
        "{message}"
    );
}

#[test]
fn an_allow_beside_a_layer_is_for_that_layer() {
    let hot = "{retry: {attempts: 3}}";
    let calm = "{retry: {attempts: 3}, allow: [no-backoff]}";
    assert_eq!(
        found(&format!("tool: [{calm}]\n    llm: [{hot}]"), &[]),
        ["18:12 no-backoff"]
    );
    assert_eq!(
        found(&format!("llm: [{hot}]\n    tool: [{calm}]"), &[]),
        ["17:12 no-backoff"]
    );
    assert_eq!(
        found(
            "fleet: [{retry: {attempts: 2}, allow: [no-backoff, turn-repeats-tools]}]",
            &[]
        ),
        [""; 0]
    );
    let text = scenario_of("tool: [{timeout: 1m, allow: [no-jitter]}]");
    let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
    let told = &loaded.warnings[0];
    assert_eq!((told.line, told.column), (17, 34), "{told}");
}

/// The rules that each policy of a shipped scenario breaks.
fn shipped(name: &str) -> Vec<(String, Vec<&'static str>)> {
    let path = format!("scenarios/{name}.yaml");
    let loaded = scenario::load(Path::new(&path), &[]).unwrap();
    let policies = loaded.scenario.policies.iter().enumerate();
    let broken = |i: usize| {
        let mine = loaded.lint.iter().filter(|f| f.policies.contains(&i));
        mine.map(|f| f.rule).collect()
    };
    policies
        .map(|(i, policy)| (policy.name.clone(), broken(i)))
        .collect()
}

#[test]
fn shipped_policies_that_are_good_pass_and_bad_ones_are_caught() {
    // The SDK around the model in `all-together` waits in step: that warning is right.
    let good: [(&str, &[&str]); 7] = [
        ("retry-storm/all-together", &["no-jitter"]),
        ("fan-out/shared-breaker", &[]),
        ("fan-out/shared-semaphore", &[]),
        ("fan-out/coordinated", &[]),
        ("chat-trace/patient", &[]),
        ("chat-trace/shared-breaker", &[]),
        ("slow-tool/timeout-10s", &[]),
    ];
    let bad = [
        ("retry-storm/hand-rolled", "no-cap"),
        ("retry-storm/hand-rolled", "layers-multiply"),
        ("retry-storm/breaker", "breaker-outlasts-outage"),
        ("retry-storm/semaphore", "slot-held-asleep"),
        ("fan-out/independent", "layers-multiply"),
        ("fan-out/independent-breakers", "ignores-retry-after"),
        ("chat-trace/immediate", "no-backoff"),
        ("chat-trace/impatient", "timeout-too-short"),
        ("slow-tool/timeout-1s", "timeout-too-short"),
        ("slow-tool/turn-retry", "turn-repeats-tools"),
        ("slow-tool/impatient-with-the-model", "timeout-too-short"),
        ("tool-hiccup/zero-delay", "no-backoff"),
        ("tool-hiccup/breaker-in-hot-loop", "breaker-outlasts-outage"),
        ("budget-guard/unguarded", "invalid-without-budget"),
        (
            "growing-prompt/ten-attempts-growing",
            "invalid-without-budget",
        ),
        ("validation-retries/attempts-10", "invalid-without-budget"),
        (
            "fleet-multiplication/ten-attempts",
            "invalid-without-budget",
        ),
    ];
    let rules = |policy: &str| {
        let (file, name) = policy.split_once('/').unwrap();
        let found = shipped(file).into_iter().find(|(policy, _)| policy == name);
        found.unwrap().1
    };
    for (policy, expected) in good {
        assert_eq!(rules(policy), expected, "{policy}");
    }
    for (policy, rule) in bad {
        let rules = rules(policy);
        assert!(rules.contains(&rule), "{policy}: {rules:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(common::cases(300)))]

    /// Whatever a scenario holds: the lint finds places in the file, and what it finds can be
    /// allowed.
    #[test]
    fn any_scenario_is_read_and_all_that_is_found_can_be_allowed(
        bytes in proptest::collection::vec(any::<u8>(), 0..generator::BYTES),
    ) {
        let text = generator::scenario_text(&bytes, generator::World::Any);
        let loaded = scenario::parse(&text, "s.yaml", Path::new("."), &[]).unwrap();
        let mut set = vec![];
        for (i, policy) in loaded.scenario.policies.iter().enumerate() {
            let mut rules: Vec<&str> = vec![];
            for finding in loaded.lint.iter().filter(|f| f.policies.contains(&i)) {
                prop_assert!(finding.diagnostic.line > 0 && finding.diagnostic.column > 0);
                prop_assert!(!finding.diagnostic.render(false).is_empty());
                rules.push(finding.rule);
            }
            set.push(format!("policies.{}.allow=[{}]", policy.name, rules.join(", ")));
        }
        let allowed = scenario::parse(&text, "s.yaml", Path::new("."), &set).unwrap();
        prop_assert_eq!(&allowed.lint, &[]);
        let idle = allowed.warnings.iter().any(|w| w.message.contains("never acts"));
        prop_assert!(!idle, "{:?}", allowed.warnings);
    }
}

#[test]
fn an_allow_silences_one_rule_and_says_so_when_it_never_acts() {
    let hot = "tool: [{retry: {attempts: 3}}]";
    assert_eq!(
        found(&format!("allow: [no-backoff]\n    {hot}"), &[]),
        [""; 0]
    );
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
    let (page, _) = page.split_once("## For machines").unwrap();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let row = |rule: &lint::Rule| format!("| `{}` | {} | {} |", rule.id, rule.finds, rule.advice);
    let rules: Vec<String> = lint::RULES.iter().map(row).collect();
    assert_eq!(rows, rules);
}

/// The README shows what is really said.
#[test]
fn the_sample_in_the_readme_is_real() {
    let readme = include_str!("../README.md");
    let (_, sample) = readme.split_once("## Storm lint").unwrap();
    let sample = sample.split("```").nth(1).unwrap().trim();
    let loaded = scenario::load(Path::new("scenarios/slow-tool.yaml"), &[]).unwrap();
    let said = loaded.lint.iter().map(|f| f.diagnostic.render(false));
    let said: Vec<String> = said.collect();
    let said = said.join("\n\n");
    assert!(said.contains(sample), "{said}");
}

/// The layer's own rules are those that `squall presets show` tells.
#[test]
fn a_preset_breaks_the_rules_that_its_layer_breaks() {
    let broken = |retry: &str| -> Vec<&str> {
        let layer = scenario::layer(&format!("{{retry: {retry}}}")).unwrap();
        let scenario::LayerKind::Retry(spec) = layer.kind else {
            panic!("{retry}")
        };
        lint::storm_prone(&spec).map(|rule| rule.id).collect()
    };
    assert_eq!(broken("openai-python@3"), [""; 0]);
    assert_eq!(broken("openai-python@1"), ["retry-after-too-long"]);
    assert_eq!(
        broken("{attempts: 1, on: any, retry_after: ignore}"),
        [""; 0]
    );
    assert_eq!(broken("{attempts: 3, delay: 1s}"), ["no-jitter"]);
    let all = "{attempts: unlimited, on: any, retry_after: ignore}";
    let expected = [
        "no-cap",
        "no-backoff",
        "ignores-retry-after",
        "permanent-retried",
    ];
    assert_eq!(broken(all), expected);
}
