//! Calls with attempts side by side.

use crate::{calls, expect, play};

/// A call of a tool that takes 100 ms, but ten times as long if begun in the first 200 ms.
fn slow_start(layers: &str) -> String {
    let tool = "latency: 100ms, price: $1, slowdowns: [{at: 0, for: 200ms, factor: 10x}]";
    calls(tool, "1", "count: 1", &format!("tool: [{layers}]"))
}

#[test]
fn the_hedge_wins_and_the_first_is_given_up() {
    // The first would take until 1,000. The hedge goes out at 300 and is back at 400; the first is
    // given up then, and charged as a timeout, which is in full.
    expect(
        &slow_start("{hedge: {after: 300ms}}"),
        &[
            "0 tool 300..400 ok $1.00",
            "0 tool 0..400 timeout $1.00",
            "0 ends at 400 ok",
        ],
    );
}

#[test]
fn an_answer_in_time_sends_no_hedge() {
    let layers = "{hedge: {after: 300ms}}";
    let tool = calls(
        "latency: 100ms",
        "1",
        "count: 1",
        &format!("tool: [{layers}]"),
    );
    expect(&tool, &["0 tool 0..100 ok", "0 ends at 100 ok"]);
}

#[test]
fn each_hedge_goes_out_after_the_one_before_it() {
    // At 80 and at 160, both slow too; at 240 there is none left to send. All would end at 1,000 or
    // later; the timeout around them ends at 500.
    expect(
        &slow_start("{timeout: 500ms}, {hedge: {after: 80ms, most: 2}}"),
        &[
            "0 tool 160..500 timeout $1.00",
            "0 tool 80..500 timeout $1.00",
            "0 tool 0..500 timeout $1.00",
            "0 ends at 500 timeout",
        ],
    );
}

#[test]
fn an_answer_at_the_very_timeout_is_too_late() {
    // The hedge would be back at 400, the timeout was there first.
    expect(
        &slow_start("{timeout: 400ms}, {hedge: {after: 300ms}}"),
        &[
            "0 tool 300..400 timeout $1.00",
            "0 tool 0..400 timeout $1.00",
            "0 ends at 400 timeout",
        ],
    );
}

/// A call of a tool that takes 100 ms and answers its calls' attempts in this order.
fn scripted(outcomes: &str, layers: &str) -> String {
    let script = format!("{{outcomes: [{outcomes}], per: call}}");
    calls(
        &format!("latency: 100ms, script: {script}"),
        "1",
        "count: 1",
        &format!("tool: [{layers}]"),
    )
}

#[test]
fn a_failure_waits_for_what_is_under_way() {
    // The first fails at 100, the hedge of 40 is good at 140.
    expect(
        &scripted("fail, ok", "{hedge: {after: 40ms}}"),
        &[
            "0 tool 0..100 transient",
            "0 tool 40..140 ok",
            "0 ends at 140 ok",
        ],
    );
}

#[test]
fn a_failure_before_the_hedge_is_the_answer() {
    // So that a retry outside begins a new hedge: 100 + 50, and its hedge 400 ms later never comes.
    let layers = "{retry: {attempts: 2, delay: 50ms}}, {hedge: {after: 400ms}}";
    expect(
        &scripted("fail, ok", layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 150..250 ok",
            "0 ends at 250 ok",
        ],
    );
}

#[test]
fn a_non_fatal_failure_sends_the_next_at_once() {
    // As gRFC A6 has it: the next one moves up, and the one after it comes 400 ms after that.
    let layers = "{hedge: {after: 400ms, most: 2, next_on: [transient]}}";
    expect(
        &scripted("fail, fail, fail", layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 100..200 transient",
            "0 tool 200..300 transient",
            "0 ends at 300 transient",
        ],
    );
}

#[test]
fn a_fatal_failure_gives_up_the_others() {
    expect(
        &scripted("permanent, ok", "{hedge: {after: 40ms}}"),
        &[
            "0 tool 0..100 permanent",
            "0 tool 40..100 timeout",
            "0 ends at 100 permanent",
        ],
    );
}

#[test]
fn a_retry_inside_belongs_to_each_attempt() {
    // The first fails at 100 and tries again at 150; the hedge of 40 fails at 140 and tries again
    // at 190. The first is good at 250.
    let layers = "{hedge: {after: 40ms}}, {retry: {attempts: 2, delay: 50ms}}";
    expect(
        &scripted("fail, fail, ok, ok", layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 40..140 transient",
            "0 tool 150..250 ok",
            "0 tool 190..250 timeout",
            "0 ends at 250 ok",
        ],
    );
}

#[test]
fn a_retry_budget_denies_hedges_too() {
    let budget = "{retry_budget: {retries: 1}}";
    let layers = format!("{budget}, {{hedge: {{after: 20ms, most: 3}}}}");
    expect(
        &slow_start(&format!("{{timeout: 300ms}}, {layers}")),
        &[
            "0 tool 20..300 timeout $1.00",
            "0 tool 0..300 timeout $1.00",
            "0 ends at 300 timeout",
        ],
    );
}

#[test]
fn a_hedge_that_wins_gives_back_what_it_took_from_a_quota() {
    // Both tasks begin while the tool is slow. The quota of 10 covers one hedge of 8, and the second
    // only because the first gave its 8 back.
    let tool = "latency: 100ms, slowdowns: [{at: 0, for: 200ms, factor: 10x}, \
                {at: 400ms, for: 200ms, factor: 10x}]";
    let layers = "tool: [{retry_budget: {quota: {capacity: 10, cost: 5, timeout: 8, success: 0}, \
                  per: agent}}, {hedge: {after: 300ms}}, {retry: {attempts: 1}}]";
    expect(
        &calls(tool, "1", "count: 2", layers),
        &[
            "0 tool 300..400 ok",
            "0 tool 0..400 timeout",
            "0 ends at 400 ok",
            "1 tool 700..800 ok",
            "1 tool 400..800 timeout",
            "1 ends at 800 ok",
        ],
    );
}

#[test]
fn a_retried_attempt_inside_a_hedge_gives_back_what_the_retry_took() {
    // Each task needs the whole quota for its retry; the second has it because the first gave it
    // back.
    let layers = "{retry_budget: {quota: {capacity: 5, cost: 5, success: 0}, per: agent}}, \
                  {retry: {attempts: 2, delay: 100ms}}, {hedge: {after: 5s}}";
    let tool = "latency: 100ms, script: {outcomes: [fail, ok], then: repeat}";
    let policy = format!("tool: [{layers}]");
    expect(
        &calls(tool, "1", "count: 2", &policy),
        &[
            "0 tool 0..100 transient",
            "0 tool 200..300 ok",
            "0 ends at 300 ok",
            "1 tool 300..400 transient",
            "1 tool 500..600 ok",
            "1 ends at 600 ok",
        ],
    );
}

#[test]
fn a_slot_inside_is_one_for_each_attempt() {
    // One slot: the hedge waits in line, and gets it when the first has failed.
    let layers = "{hedge: {after: 40ms}}, {concurrency: {max: 1}}";
    expect(
        &scripted("fail, ok", layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 100..200 ok",
            "0 ends at 200 ok",
        ],
    );
}

#[test]
fn what_a_hedge_learns_the_conversation_has() {
    // Both calls are slow at first, so that hedges win; the second prompt has the first answer.
    let (lines, attempts) = play(
        "
        models:
          m:
            latency: 100ms
            price: {input: $1/M, output: $1/M}
            slowdowns: [{at: 0, for: 50ms, factor: 10x}]
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan: [{llm: m, prompt: 100, output: 10}, {llm: m, prompt: 5, output: 1}]
        policies: {p: {llm: [{hedge: {after: 60ms}}]}}
        ",
    );
    let inputs: Vec<u32> = attempts.iter().map(|a| a.usage.input).collect();
    assert_eq!(inputs, [100, 100, 115, 115], "{lines:?}");
    assert_eq!(lines.last().unwrap(), "0 ends at 260 ok");
}

#[test]
fn a_quantile_says_nothing_until_a_hundred_have_been_seen() {
    // 150 calls of 100 ms, then the outlier: a pause from the 151st on, which begins at 15,000.
    let tool = "latency: 100ms, slowdowns: [{at: 15s, for: 50ms, factor: 20x}]";
    let (lines, attempts) = play(&calls(
        tool,
        "1",
        "count: 151",
        "tool: [{hedge: {after: p95}}]",
    ));
    // 100 ms lie in a bucket that begins at 99,614,720 ns and is 2^20 wide: 95 % into it.
    let hedge = attempts.iter().find(|a| a.hedge == 1).unwrap();
    let p95 = 99_614_720 + ((1 << 20) - 1) * 95 / 100;
    assert_eq!(hedge.begin.0, 15_000_000_000 + p95);
    assert_eq!(attempts.len(), 152, "{lines:?}");
}
