//! Calls that are made elsewhere.

use crate::expect;

/// One call of `a`, with `b` and `c` beside it.
fn calls(a: &str, b: &str, c: &str, tasks: u32, layers: &str) -> String {
    format!(
        "
        tools:
          a: {{latency: 100ms, price: $1, {a}}}
          b: {{latency: 200ms, price: $2, {b}}}
          c: {{latency: 400ms, price: $4, {c}}}
        fleets: {{f: {{agents: 1, tasks: {{count: {tasks}}}, plan: [{{tool: a}}]}}}}
        policies: {{p: {{tool: [{layers}]}}}}
        "
    )
}

const DOWN: &str = "failures: 100%";

#[test]
fn each_fallback_has_a_retry_of_its_own() {
    // As a LiteLLM fallback group: a twice, 10 ms apart; then b twice; then c, which works. A
    // failure costs nothing, and takes as long as success.
    let layers = "{fallback: {to: [b, c]}}, {retry: {attempts: 2, delay: 10ms}}";
    expect(
        &calls(DOWN, DOWN, "", 1, layers),
        &[
            "0 a 0..100 transient",
            "0 a 110..210 transient",
            "0 b 210..410 transient",
            "0 b 420..620 transient",
            "0 c 620..1020 ok $4.00",
            "0 ends at 1020 ok",
        ],
    );
}

#[test]
fn what_a_fallback_asks_for_is_a_first_attempt_to_a_retry_budget() {
    // Half a retry for each first attempt: none at a, which is the first; b is the second, and has
    // one.
    let budget = |share| format!("{{retry_budget: {{ratio: {share}, per: task}}}}");
    let (retry, fallback) = ("{retry: {attempts: 3, delay: 10ms}}", "{fallback: {to: b}}");
    expect(
        &calls(
            DOWN,
            DOWN,
            "",
            1,
            &format!("{}, {fallback}, {retry}", budget("50%")),
        ),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 transient",
            "0 b 310..510 transient",
            "0 ends at 510 transient",
        ],
    );
    // A retry around the fallback asks for both attempts of its second round: with two first ones
    // there is one retry, of a third there would be two.
    expect(
        &calls(
            DOWN,
            DOWN,
            "",
            1,
            &format!("{}, {retry}, {fallback}", budget("67%")),
        ),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 transient",
            "0 a 310..410 transient",
            "0 b 410..610 transient",
            "0 ends at 610 transient",
        ],
    );
}

#[test]
fn a_route_inside_a_hedge_leaves_a_fallback_alone() {
    // a fails at 100; c is the fallback, and the route to a inside the hedge must not turn it back.
    let layers = "{fallback: {to: c}}, {hedge: {after: 5s}}, \
                  {route: {deployments: [a, b], strategy: first}}";
    expect(
        &calls(DOWN, DOWN, "", 1, layers),
        &[
            "0 a 0..100 transient",
            "0 c 100..500 ok $4.00",
            "0 ends at 500 ok",
        ],
    );
}

#[test]
fn a_fallback_is_for_its_outcomes_only() {
    let permanent = "failures: {rate: 100%, outcome: permanent}";
    expect(
        &calls(permanent, "", "", 1, "{fallback: {to: b}}"),
        &["0 a 0..100 permanent", "0 ends at 100 permanent"],
    );
    let layers = "{fallback: {to: b, on: [permanent]}}";
    expect(
        &calls(permanent, "", "", 1, layers),
        &[
            "0 a 0..100 permanent",
            "0 b 100..300 ok $2.00",
            "0 ends at 300 ok",
        ],
    );
}

#[test]
fn a_retry_around_begins_with_the_plans_own_target() {
    let layers = "{retry: {attempts: 2, delay: 10ms}}, {fallback: {to: b}}";
    expect(
        &calls(DOWN, DOWN, "", 1, layers),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 transient",
            "0 a 310..410 transient",
            "0 b 410..610 transient",
            "0 ends at 610 transient",
        ],
    );
}

#[test]
fn each_target_has_a_breaker_of_its_own() {
    // The first failure opens a's breaker; b's is another one.
    let layers = "{fallback: {to: b}}, {circuit_breaker: {failures: 1, open_for: 60s}}";
    expect(
        &calls(DOWN, "", "", 2, layers),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 ok $2.00",
            "1 a at 300 circuit_open",
            "0 ends at 300 ok",
            "1 b 300..500 ok $2.00",
            "1 ends at 500 ok",
        ],
    );
}

#[test]
fn a_timeout_inside_is_each_targets_own() {
    let layers = "{fallback: {to: [b, c]}}, {timeout: 150ms}";
    expect(
        &calls(DOWN, "", "", 1, layers),
        &[
            "0 a 0..100 transient",
            "0 b 100..250 timeout $2.00",
            "0 c 250..400 timeout $4.00",
            "0 ends at 400 timeout",
        ],
    );
}

#[test]
fn a_route_takes_turns_and_rests_who_fails() {
    // Two failures of a rest it for a second: they end at 100 and at 500, and it is back at 1,500.
    let cooldown = "cooldown: {after: 2, for: 1s}";
    let route = format!("{{route: {{deployments: [a, b], strategy: round_robin, {cooldown}}}}}");
    let layers = format!("{{retry: {{attempts: 4, delay: 100ms}}}}, {route}");
    expect(
        &calls(DOWN, "", "", 4, &layers),
        &[
            "0 a 0..100 transient",
            "0 b 200..400 ok $2.00",
            "0 ends at 400 ok",
            "1 a 400..500 transient",
            "1 b 600..800 ok $2.00",
            "1 ends at 800 ok",
            "2 b 800..1000 ok $2.00",
            "2 ends at 1000 ok",
            "3 b 1000..1200 ok $2.00",
            "3 ends at 1200 ok",
        ],
    );
}

#[test]
fn with_all_deployments_resting_a_call_is_refused() {
    // One 429 is enough for each, and then there is none left: LiteLLM's RouterRateLimitError.
    let limited = "failures: {rate: 100%, outcome: rate_limited, latency: 10ms}";
    let cooldown = "cooldown: {after: 9, for: 5s, at_once_on: [rate_limited]}";
    let route = format!("{{route: {{deployments: [a, b, c], strategy: first, {cooldown}}}}}");
    let retry = "{retry: {attempts: 5, delay: 0}}";
    expect(
        &calls(limited, limited, limited, 2, &format!("{retry}, {route}")),
        &[
            "0 a 0..10 rate_limited",
            "0 b 10..20 rate_limited",
            "0 c 20..30 rate_limited",
            "0 a at 30 rejected",
            "1 a at 30 rejected",
            "0 ends at 30 rejected",
            "1 ends at 30 rejected",
        ],
    );
}

#[test]
fn a_fallback_leaves_the_route() {
    // Both deployments fail in turn; c is none of them.
    let route = "{route: {deployments: [a, b], strategy: round_robin}}";
    let layers = format!("{{fallback: {{to: c}}}}, {{retry: {{attempts: 2, delay: 0}}}}, {route}");
    expect(
        &calls(DOWN, DOWN, "", 1, &layers),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 transient",
            "0 c 300..700 ok $4.00",
            "0 ends at 700 ok",
        ],
    );
}

#[test]
fn another_model_has_its_own_window_and_price() {
    expect(
        "
        models:
          small: {latency: 100ms, price: {input: $1/M, output: $1/M}, context_window: 1000}
          large: {latency: 300ms, price: {input: $10/M, output: $10/M}}
        fleets:
          f: {agents: 1, tasks: {count: 1}, plan: [{llm: small, prompt: 2000, output: 100}]}
        policies: {p: {llm: [{fallback: {to: large}}]}}
        ",
        &[
            "0 small 0..100 context_overflow",
            "0 large 100..400 ok $0.021",
            "0 ends at 400 ok",
        ],
    );
}

#[test]
fn the_wait_after_the_last_attempt_holds_the_task() {
    // As LiteLLM's Router: fails at 100 and 1,200, and only at 2,200 says so.
    let retry = "{retry: {attempts: 2, delay: 1s, waits_after_last: true}}";
    expect(
        &calls(DOWN, "", "", 1, retry),
        &[
            "0 a 0..100 transient",
            "0 a 1100..1200 transient",
            "0 ends at 2200 transient",
        ],
    );
    let bounded = format!("{{timeout: 1500ms}}, {retry}");
    expect(
        &calls(DOWN, "", "", 1, &bounded),
        &[
            "0 a 0..100 transient",
            "0 a 1100..1200 transient",
            "0 ends at 1500 timeout",
        ],
    );
}

#[test]
fn a_retry_is_at_once_while_another_deployment_is_up() {
    // Each failure cools its deployment down, and with the third none is left to try: no wait.
    let layers = "{retry: {attempts: 5, delay: 10s, waits_after_last: true}}, \
                  {route: {deployments: [a, b, c], strategy: first, retry_elsewhere: at_once, \
                  cooldown: {after: 9, for: 1h, at_once_on: [transient]}}}";
    expect(
        &calls(DOWN, DOWN, DOWN, 1, layers),
        &[
            "0 a 0..100 transient",
            "0 b 100..300 transient",
            "0 c 300..700 transient",
            "0 ends at 700 transient",
        ],
    );
    // One deployment is never cooled down so, and waits: 10 s before the second attempt.
    let alone = "{retry: {attempts: 2, delay: 10s}}, \
                 {route: {deployments: [a], retry_elsewhere: at_once, \
                 cooldown: {after: 9, for: 1h, at_once_on: [transient]}}}";
    expect(
        &calls(DOWN, "", "", 1, alone),
        &[
            "0 a 0..100 transient",
            "0 a 10100..10200 transient",
            "0 ends at 10200 transient",
        ],
    );
}

#[test]
fn a_deployment_rests_when_too_large_a_share_of_its_calls_fails() {
    // Task 0 succeeds and tasks 1 and 2 fail: of three calls two are more than 60 %.
    let layers = "{route: {deployments: [a, b], strategy: first, \
                  cooldown: {above: 60%, at_least: 2, for: 1h}}}";
    let a = "script: {outcomes: [ok, fail, fail], then: last}";
    expect(
        &calls(a, "", "", 4, layers),
        &[
            "0 a 0..100 ok $1.00",
            "0 ends at 100 ok",
            "1 a 100..200 transient",
            "1 ends at 200 transient",
            "2 a 200..300 transient",
            "2 ends at 300 transient",
            "3 b 300..500 ok $2.00",
            "3 ends at 500 ok",
        ],
    );
}
