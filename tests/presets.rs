//! Presets at work: what the stacks of real libraries make of a failure, in the simulator.

mod common;

use common::log::Log;
use common::scenario;
use squall::experiment::observe;
use squall::random::Weather;
use squall::units::Time;

/// The begins of the attempts of one call whose model answers so every time.
fn begins(answer: &str, layers: &str) -> Vec<f64> {
    let text = format!(
        "name: presets
horizon: 10h
models:
  m:
    latency: 1s
    script: {{outcomes: [{answer}], then: repeat}}
fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: m, output: 10}}]}}}}
policies: {{p: {layers}}}
"
    );
    let scenario = scenario(&text);
    let mut log = Log::default();
    let policy = &scenario.policies[0];
    let end = observe(&scenario, policy, Weather::new(1, 0), &mut log);
    assert_eq!(end.cut, None, "{layers}");
    log.attempts().map(|a| seconds(a.begin)).collect()
}

fn seconds(time: Time) -> f64 {
    time.as_seconds()
}

fn attempts(answer: &str, layers: &str) -> usize {
    begins(answer, layers).len()
}

/// One logical call on a constant 429, as counted with the real libraries.
#[test]
fn stacks_multiply_as_they_do_in_the_wild() {
    let stacks = [
        ("{llm: [{retry: google-genai}]}", 1),
        ("{llm: [{retry: openai-python}]}", 3),
        ("{llm: [{retry: vercel-ai-sdk}]}", 3),
        ("{llm: [{retry: botocore-legacy}]}", 5),
        ("{llm: [{retry: botocore-standard}]}", 3),
        (
            "{llm: [{retry: langchain-with-retry}, {retry: openai-python}]}",
            9,
        ),
        (
            "{llm: [{retry: llama-index}, {retry: {preset: openai-python, attempts: 4}}]}",
            12,
        ),
        (
            "{task: [{retry: crewai-agent}], \
             llm: [{retry: crewai-rate-limit}, {retry: openai-python}]}",
            27,
        ),
        (
            "{turn: [{retry: langgraph}], \
             llm: [{retry: langchain-with-retry}, {retry: openai-python}]}",
            27,
        ),
    ];
    for (stack, expected) in [
        ("crewai", 27),
        ("langgraph", 27),
        ("llama-index", 12),
        ("langchain", 9),
        ("langchain-agents", 9),
        ("openai-agents", 3),
        ("openai-agents-retry", 6),
        ("litellm", 5),
        ("instructor", 3),
        ("pydantic-ai", 3),
    ] {
        let layers = format!("{{stack: {stack}}}");
        assert_eq!(attempts("rate_limited", &layers), expected, "{layers}");
    }
    for (layers, expected) in stacks {
        assert_eq!(attempts("rate_limited", layers), expected, "{layers}");
    }
    let crew = stacks[7].0;
    assert_eq!(
        attempts("transient", crew),
        9,
        "its 429 layer acts only on 429"
    );
    assert_eq!(attempts("permanent", "{llm: [{retry: openai-python}]}"), 1);
    let deaf = "{llm: [{retry: langchain-with-retry}, {retry: openai-python}]}";
    assert_eq!(attempts("permanent", deaf), 3, "it retries a 400");
}

/// The stacks whose inner layers act only at first, or that count in the agent's life.
#[test]
fn stacks_do_the_same_of_later_calls_and_count_for_later_tasks() {
    let attempts_of_tasks = |layers: &str| {
        let text = format!(
            "name: presets
horizon: 10h
models: {{m: {{latency: 1s, failures: 100%}}}}
fleets:
  f: {{agents: 1, tasks: {{count: 3}}, plan: [{{llm: m, output: 1, on_failure: continue}}, {{llm: m, output: 1}}]}}
policies: {{p: {layers}}}
"
        );
        let scenario = scenario(&text);
        let mut log = Log::default();
        observe(
            &scenario,
            &scenario.policies[0],
            Weather::new(1, 0),
            &mut log,
        );
        [0, 1, 2].map(|task| log.attempts().filter(|a| a.task == task).count())
    };
    // Two calls a task, of 5 and of 6 attempts.
    assert_eq!(attempts_of_tasks("{stack: litellm}"), [10, 10, 10]);
    assert_eq!(
        attempts_of_tasks("{stack: openai-agents-retry}"),
        [12, 12, 12]
    );
    // Three runs of the first task, one of each later one: of two calls of 3 attempts.
    assert_eq!(attempts_of_tasks("{stack: crewai}"), [18, 6, 6]);
    let renewed = "{stack: {preset: crewai, retry_budget: none}}";
    assert_eq!(attempts_of_tasks(renewed), [18, 18, 18]);
}

/// Told to come back in 90 s, one version waits, one gives up, one is back in half a second.
#[test]
fn versions_differ_over_a_long_retry_after() {
    let told = |preset: &str| {
        let layers = format!("{{llm: [{{retry: {preset}}}]}}");
        let begins = begins("{rate_limited: 90s}", &layers);
        let gaps = begins.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.collect::<Vec<f64>>()
    };
    for stubborn in ["openai-python@1", "anthropic-python@0.75", "openai-node@7"] {
        let gaps = told(stubborn);
        assert_eq!(gaps.len(), 2, "{stubborn}");
        assert!(gaps.iter().all(|gap| *gap < 3.0), "{stubborn}: {gaps:?}");
    }
    for patient in ["openai-python@3", "anthropic-python@2", "anthropic-ts@1"] {
        let gaps = told(patient);
        assert_eq!(gaps.len(), 2, "{patient}");
        assert!(gaps.iter().all(|gap| *gap >= 90.0), "{patient}: {gaps:?}");
    }
    let layers = "{llm: [{retry: openai-python@3}]}";
    assert_eq!(
        attempts("{rate_limited: 121s}", layers),
        1,
        "above 120 s it gives up"
    );
}
