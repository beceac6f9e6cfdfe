//! What attempts cost: prices, caches, budgets, growing prompts.

use squall::units::Money;
use squall::wire::Outcome;

use crate::{bill, expect, play};

/// A turn of a model call and a tool call that fails twice; a second each.
fn turn(policy: &str) -> String {
    format!(
        "
        models: {{m: {{price: {{per_call: $0.05}}, latency: 1s}}}}
        tools: {{tool: {{latency: 1s, script: {{outcomes: [fail, fail, ok]}}}}}}
        fleets:
          f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: m, output: 10}}, {{tool: tool}}]}}
        policies: {{p: {{{policy}: [{{retry: {{attempts: 3, delay: 0}}}}]}}}}
        "
    )
}

#[test]
fn a_retry_of_the_tool_pays_for_the_model_once() {
    expect(
        &turn("tool"),
        &[
            "0 m 0..1000 ok $0.05",
            "0 tool 1000..2000 transient",
            "0 tool 2000..3000 transient",
            "0 tool 3000..4000 ok",
            "0 ends at 4000 ok",
        ],
    );
}

#[test]
fn a_retry_of_the_turn_pays_for_the_model_each_time() {
    expect(
        &turn("turn"),
        &[
            "0 m 0..1000 ok $0.05",
            "0 tool 1000..2000 transient",
            "0 m 2000..3000 ok $0.05",
            "0 tool 3000..4000 transient",
            "0 m 4000..5000 ok $0.05",
            "0 tool 5000..6000 ok",
            "0 ends at 6000 ok",
        ],
    );
}

#[test]
fn a_hundred_dollars_are_2_000_calls_of_five_cents() {
    let (lines, attempts) = play(
        "
        models: {m: {price: {per_call: $0.05}, latency: 1ms}}
        fleets: {f: {agents: 1, tasks: {count: 2001}, plan: [{llm: m, output: 10}]}}
        policies: {p: {task: [{budget: {limit: $100, shared: all}}]}}
        ",
    );
    assert_eq!(attempts.len(), 2_000);
    let total: Money = attempts.iter().map(|a| a.cost).sum();
    assert_eq!(total, Money(100 * Money::PER_DOLLAR));
    let denied = "2000 m at 2000 budget_exceeded".to_owned();
    assert!(lines.contains(&denied));
    assert_eq!(lines.last().unwrap(), "2000 ends at 2000 budget_exceeded");
}

#[test]
fn a_turn_inside_a_turn_is_charged_once_to_the_budget_of_both() {
    // $0.05 for the turn's own call, $0.05 for its sub-agent's: exactly ten cents.
    expect(
        "
        models: {m: {price: {per_call: $0.05}, latency: 100ms}}
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan:
              - {llm: m, output: 10}
              - parallel: 1
                steps: [{llm: m, output: 10}]
        policies: {p: {turn: [{budget: {limit: $0.10, shared: all}}]}}
        ",
        &[
            "0 m 0..100 ok $0.05",
            "0 m 100..200 ok $0.05",
            "0 ends at 200 ok",
        ],
    );
}

#[test]
fn ten_growing_prompts_cost_1_325_dollars() {
    // 500, 1,000, ... 5,000 tokens; $0.05 + (0.0675 + 0.085 + 0.1025 + 0.12) up to 2,500, then
    // 0.14 + 0.16 + 0.18 + 0.20 + 0.22.
    let (attempts, total) = bill(
        "
        models:
          m:
            price: {by_prompt: {500: $0.05, 2500: $0.12, 5000: $0.22}}
            latency: 1s
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan: [{llm: m, prompt: 500, output: 10, validate: 0%}]
        policies: {p: {llm: [{retry: {attempts: 10, delay: 0, grow_prompt: 500}}]}}
        ",
    );
    let prompts: Vec<u32> = attempts.iter().map(|a| a.usage.input).collect();
    let expected = [500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000];
    assert_eq!(prompts, expected);
    assert!(attempts.iter().all(|a| a.outcome == Some(Outcome::Invalid)));
    assert_eq!(total, Money(1_325_000_000_000));
}

#[test]
fn what_was_said_is_sent_again() {
    // 100; 100 + 50 + 30 (the result) + 100; without the conversation; and with it again, of which
    // the fresh step is no part: 280 + 50 + 100.
    let (attempts, _) = bill(
        "
        models: {m: {price: {per_call: $0.01}, latency: 1s}}
        tools: {tool: {latency: 1s}}
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan:
              - {llm: m, prompt: 100, output: 50}
              - {tool: tool, result_tokens: 30}
              - {llm: m, prompt: 100, output: 50}
              - {llm: m, prompt: 70, output: 50, context: fresh}
              - {llm: m, prompt: 100, output: 50}
        policies: {p: {}}
        ",
    );
    let inputs: Vec<u32> = attempts.iter().map(|a| a.usage.input).collect();
    assert_eq!(inputs, [100, 0, 280, 70, 430]);
}

#[test]
fn a_conversation_outgrows_the_context_window() {
    // 600 + 100 + 600 = 1,300 of 1,000; the answer takes as long as a first token, 200 ms.
    expect(
        "
        models:
          m:
            price: {per_call: $0.01}
            latency: {first_token: 200ms, tokens_per_second: 100}
            context_window: 1000
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan:
              - {llm: m, prompt: 600, output: 100}
              - {llm: m, prompt: 600, output: 100}
        policies: {p: {llm: [{retry: {attempts: 3, delay: 0}}]}}
        ",
        &[
            "0 m 0..1200 ok $0.01",
            "0 m 1200..1400 context_overflow",
            "0 ends at 1400 context_overflow",
        ],
    );
}

/// Two calls of a model that caches; the second fails once and tries again after `delay`.
fn cached(delay: &str) -> Vec<(u32, u32, Money)> {
    let (attempts, _) = bill(&format!(
        "
        models:
          m:
            price: {{input: $2/M, cached_input: $1/M, cache_write: $3/M, output: $10/M}}
            latency: 1s
            cache: {{min_prefix: 1024, ttl: 5m}}
            script: {{outcomes: [ok, fail, ok]}}
        fleets:
          f:
            agents: 1
            tasks: {{count: 1}}
            plan: [{{llm: m, prompt: 2000, output: 100}}, {{llm: m, output: 100}}]
        policies: {{p: {{llm: [{{retry: {{attempts: 2, delay: {delay}}}}}]}}}}
        "
    ));
    let row = |a: &squall::simulation::Attempt| (a.usage.cached, a.usage.written, a.cost);
    attempts.iter().map(row).collect()
}

/// So many micro-dollars.
fn micro(n: i128) -> Money {
    Money(n * 1_000_000)
}

#[test]
fn a_short_backoff_reads_the_cache() {
    // 2,000 written at 3 and 100 out at 10 micro-dollars; then 2,000 read at 1, 100 written at 3.
    assert_eq!(
        cached("1m"),
        [
            (0, 2000, micro(7_000)),
            (2000, 100, micro(0)),
            (2000, 100, micro(3_300)),
        ]
    );
}

#[test]
fn a_backoff_longer_than_the_cache_lives_writes_it_anew() {
    // 2,100 written at 3 and 100 out at 10: more than twice the price.
    assert_eq!(
        cached("6m"),
        [
            (0, 2000, micro(7_000)),
            (2000, 100, micro(0)),
            (0, 2100, micro(7_300)),
        ]
    );
}

#[test]
fn what_is_open_at_the_horizon_is_charged_as_a_timeout() {
    for (billing, cost) in [("", "0.05"), ("billing: {timeout: {call: 50%}}", "0.025")] {
        let price = "price: {per_call: $0.05}, latency: 2s";
        let fleet = "{agents: 1, tasks: {count: 1}, plan: [{llm: m, output: 10}]}";
        let text = format!(
            "horizon: 1s\n\
             models: {{m: {{{price}, {billing}}}}}\n\
             fleets: {{f: {fleet}}}\n\
             policies: {{p: {{}}}}\n"
        );
        expect(&text, &[&format!("0 m 0..1000 open ${cost}")]);
    }
}
