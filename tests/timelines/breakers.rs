//! Circuit breakers of every kind, and layers that ask a store.

use crate::{calls, expect};

/// One agent, tasks one after the other, each one call of a tool that fails as scripted.
fn tasks(n: u32, tool: &str, layers: &str) -> String {
    calls(
        tool,
        "1",
        &format!("count: {n}"),
        &format!("tool: [{layers}]"),
    )
}

#[test]
fn a_rate_is_decided_at_the_minimum() {
    // Two of three are enough for half, but four calls are needed: the fourth, which succeeds,
    // makes it two of four, which is half.
    let tool = "latency: 10ms, script: {outcomes: [fail, fail, ok, ok], then: normal}";
    let breaker = "failure_rate: 50%, window: {calls: 10}, minimum_calls: 4, open_for: 1s";
    expect(
        &tasks(5, tool, &format!("{{circuit_breaker: {{{breaker}}}}}")),
        &[
            "0 tool 0..10 transient",
            "0 ends at 10 transient",
            "1 tool 10..20 transient",
            "1 ends at 20 transient",
            "2 tool 20..30 ok",
            "2 ends at 30 ok",
            "3 tool 30..40 ok",
            "4 tool at 40 circuit_open",
            "3 ends at 40 ok",
            "4 ends at 40 circuit_open",
        ],
    );
}

/// Agents 10 ms apart knock every 500 ms at a breaker that opens at 100 for a second.
fn knocking(agents: u32, outage: &str, half_open: &str) -> String {
    calls(
        &format!("latency: 100ms, outages: [{{at: 0, for: {outage}}}]"),
        &format!("{agents}, start: {{every: 10ms}}"),
        &format!("count: {agents}"),
        &format!(
            "tool: [{{retry: {{attempts: 6, delay: 500ms, on: any}}}}, \
             {{circuit_breaker: {{failures: 1, open_for: 1s, half_open: {half_open}}}}}]"
        ),
    )
}

#[test]
fn two_probes_must_succeed() {
    // Open from 100 to 1,100. Tasks 0 and 1 are the probes, 2 finds both places taken. The first
    // success at 1,200 is not enough, the second at 1,210 closes it.
    expect(
        &knocking(3, "1s", "{probes: 2, successes: 2}"),
        &[
            "0 tool 0..100 transient",
            "1 tool 10..110 transient",
            "2 tool 20..120 transient",
            "0 tool at 600 circuit_open",
            "1 tool at 610 circuit_open",
            "2 tool at 620 circuit_open",
            "2 tool at 1120 circuit_open",
            "0 tool 1100..1200 ok",
            "0 ends at 1200 ok",
            "1 tool 1110..1210 ok",
            "1 ends at 1210 ok",
            "2 tool 1620..1720 ok",
            "2 ends at 1720 ok",
        ],
    );
}

#[test]
fn everybody_probes_and_the_first_failure_opens_it_again() {
    // All three probe a tool that is still down: a stampede. The first failure at 1,200 opens it
    // until 2,200; the two others are stragglers then.
    expect(
        &knocking(3, "2s", "everybody"),
        &[
            "0 tool 0..100 transient",
            "1 tool 10..110 transient",
            "2 tool 20..120 transient",
            "0 tool at 600 circuit_open",
            "1 tool at 610 circuit_open",
            "2 tool at 620 circuit_open",
            "0 tool 1100..1200 transient",
            "1 tool 1110..1210 transient",
            "2 tool 1120..1220 transient",
            "0 tool at 1700 circuit_open",
            "1 tool at 1710 circuit_open",
            "2 tool at 1720 circuit_open",
            "0 tool 2200..2300 ok",
            "0 ends at 2300 ok",
            "1 tool 2210..2310 ok",
            "1 ends at 2310 ok",
            "2 tool 2220..2320 ok",
            "2 ends at 2320 ok",
        ],
    );
}

#[test]
fn the_open_time_doubles() {
    // Knocks every 100 ms after a refusal or a failure. It opens at 10 for 100 ms: 110 is the probe,
    // fails at 120, and 200 ms follow; 320 is the probe, fails at 330; 400 ms.
    let tool = "latency: 10ms, outages: [{at: 0, for: 500ms}]";
    let retry = "{retry: {attempts: unlimited, delay: 100ms, on: any}}";
    let breaker = "{failures: 1, open_for: {exponential: {base: 100ms}}}";
    expect(
        &tasks(1, tool, &format!("{retry}, {{circuit_breaker: {breaker}}}")),
        &[
            "0 tool 0..10 transient",
            "0 tool 110..120 transient",
            "0 tool at 220 circuit_open",
            "0 tool 320..330 transient",
            "0 tool at 430 circuit_open",
            "0 tool at 530 circuit_open",
            "0 tool at 630 circuit_open",
            "0 tool 730..740 ok",
            "0 ends at 740 ok",
        ],
    );
}

#[test]
fn slow_successes_open_it() {
    // The second call takes 300 ms, three times as long, because it begins in the slowdown.
    let tool = "latency: 100ms, slowdowns: [{at: 50ms, for: 100ms, factor: 3x}]";
    let slow = "slow_calls: {longer_than: 200ms, rate: 50%}, window: {calls: 2}, open_for: 1s";
    expect(
        &tasks(3, tool, &format!("{{circuit_breaker: {{{slow}}}}}")),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 100..400 ok",
            "2 tool at 400 circuit_open",
            "1 ends at 400 ok",
            "2 ends at 400 circuit_open",
        ],
    );
}

/// A store of 5 ms that is away from 100 to 200 ms, before two tasks of one agent.
fn through_redis(tasks: u32, tool: &str, layer: &str) -> String {
    format!(
        "stores: {{redis: {{latency: 5ms, fails_after: 20ms, outages: [{{at: 100ms, for: 100ms}}]}}}}\n{}",
        self::tasks(tasks, tool, layer)
    )
}

#[test]
fn a_store_is_asked_and_told() {
    // 5 ms to ask, 50 ms of work, 5 ms to tell: the breaker is open from 60 on, and says so after
    // 5 ms more.
    let layer = "{circuit_breaker: {failures: 1, open_for: 1s, via: redis}}";
    expect(
        &through_redis(2, "latency: 50ms, failures: 100%", layer),
        &[
            "0 tool 5..55 transient",
            "0 ends at 60 transient",
            "1 tool at 65 circuit_open",
            "1 ends at 65 circuit_open",
        ],
    );
}

#[test]
fn a_store_that_is_away_lets_calls_through_or_refuses_them() {
    // Asking from 0 to 5; the work ends at 95, telling at 100. At 100 the store is away, which takes
    // 20 ms to find out: open passes, and cannot tell at 210 - but it can, the outage has ended.
    let layer = |when: &str| {
        format!("{{circuit_breaker: {{failures: 1, open_for: 1s, via: redis{when}}}}}")
    };
    let tool = "latency: 90ms, script: {outcomes: [ok, fail], then: normal}";
    expect(
        &through_redis(3, tool, &layer("")),
        &[
            "0 tool 5..95 ok",
            "0 ends at 100 ok",
            "1 tool 120..210 transient",
            "1 ends at 215 transient",
            "2 tool at 220 circuit_open",
            "2 ends at 220 circuit_open",
        ],
    );
    // Closed refuses after the same 20 ms, or after its time limit of 8 ms.
    let closed = |limit: &str| layer(&format!(", when_away: closed{limit}"));
    expect(
        &through_redis(2, tool, &closed("")),
        &[
            "0 tool 5..95 ok",
            "0 ends at 100 ok",
            "1 tool at 120 circuit_open",
            "1 ends at 120 circuit_open",
        ],
    );
    expect(
        &through_redis(2, tool, &closed(", time_limit: 8ms")),
        &[
            "0 tool 5..95 ok",
            "0 ends at 100 ok",
            "1 tool at 108 circuit_open",
            "1 ends at 108 circuit_open",
        ],
    );
}

#[test]
fn a_limit_in_a_store_is_decided_when_the_answer_comes() {
    // One in 40 ms. The first is asked for from 0 to 5 and leaves at 5; the second from 15 to 20
    // and leaves 40 after the first, at 45; the third from 55 to 60, and leaves 40 after 45.
    let layer = "{rate_limit: {rate: 25/s, via: redis}}";
    expect(
        &through_redis(3, "latency: 10ms", layer),
        &[
            "0 tool 5..15 ok",
            "0 ends at 15 ok",
            "1 tool 45..55 ok",
            "1 ends at 55 ok",
            "2 tool 85..95 ok",
            "2 ends at 95 ok",
        ],
    );
}
