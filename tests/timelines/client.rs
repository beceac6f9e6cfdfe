//! Layers around calls, turns and tasks.

use crate::{calls, expect, play};

/// One call of a tool that takes 60 ms and is down for the first five seconds.
fn hiccup(layers: &str) -> String {
    let tool = "latency: 60ms, outages: [{at: 0, for: 5s}]";
    calls(tool, "1", "count: 1", &format!("tool: [{layers}]"))
}

#[test]
fn a_hot_loop_needs_85_attempts() {
    // Attempt k begins at 60(k-1) ms; the first that begins at 5,000 or later is k = 85: 5,040.
    let (lines, attempts) = play(&hiccup("{retry: {attempts: unlimited, delay: 0}}"));
    assert_eq!(attempts.len(), 85);
    assert_eq!(lines[84..], ["0 tool 5040..5100 ok", "0 ends at 5100 ok"]);
}

#[test]
fn a_tenth_of_a_second_between_them_needs_33() {
    // Attempt k begins at 160(k-1) ms: k = 33 at 5,120.
    let (lines, attempts) = play(&hiccup("{retry: {attempts: unlimited, delay: 100ms}}"));
    assert_eq!(attempts.len(), 33);
    assert_eq!(lines[32..], ["0 tool 5120..5180 ok", "0 ends at 5180 ok"]);
}

#[test]
fn doubling_from_a_second_needs_4() {
    // 60 + 1,000; 1,120 + 2,000; 3,180 + 4,000.
    let backoff = "{exponential: {base: 1s, factor: 2}}";
    let layers = format!("{{retry: {{attempts: 5, backoff: {backoff}}}}}");
    expect(
        &hiccup(&layers),
        &[
            "0 tool 0..60 transient",
            "0 tool 1060..1120 transient",
            "0 tool 3120..3180 transient",
            "0 tool 7180..7240 ok",
            "0 ends at 7240 ok",
        ],
    );
}

#[test]
fn five_failures_open_a_breaker() {
    // The fifth ends at 5 x 60 = 300; the retry that follows is refused, and that is not retried.
    let retry = "{retry: {attempts: unlimited, delay: 0}}";
    let layers = format!("{retry}, {{circuit_breaker: {{failures: 5, open_for: 60s}}}}");
    expect(
        &hiccup(&layers),
        &[
            "0 tool 0..60 transient",
            "0 tool 60..120 transient",
            "0 tool 120..180 transient",
            "0 tool 180..240 transient",
            "0 tool 240..300 transient",
            "0 tool at 300 circuit_open",
            "0 ends at 300 circuit_open",
        ],
    );
}

/// Three agents, 10 ms apart, call a tool of 100 ms that is down for a second, and knock every
/// half second.
fn half_open(whom: &str) -> String {
    let breaker = format!("{{failures: 1, open_for: 1s, half_open: {whom}}}");
    calls(
        "latency: 100ms, outages: [{at: 0, for: 1s}]",
        "3, start: {every: 10ms}",
        "count: 3",
        &format!(
            "tool: [{{retry: {{attempts: 5, delay: 500ms, on: any}}}}, {{circuit_breaker: {breaker}}}]"
        ),
    )
}

#[test]
fn a_half_open_breaker_lets_one_through() {
    // Task 0 opens it at 100 until 1,100; 1 and 2 were under way, and are not counted. They knock at
    // 600, 610 and 620. At 1,100 task 0 is the probe; 1 and 2 are refused at 1,110 and 1,120, and
    // find it closed half a second later.
    expect(
        &half_open("one"),
        &[
            "0 tool 0..100 transient",
            "1 tool 10..110 transient",
            "2 tool 20..120 transient",
            "0 tool at 600 circuit_open",
            "1 tool at 610 circuit_open",
            "2 tool at 620 circuit_open",
            "1 tool at 1110 circuit_open",
            "2 tool at 1120 circuit_open",
            "0 tool 1100..1200 ok",
            "0 ends at 1200 ok",
            "1 tool 1610..1710 ok",
            "1 ends at 1710 ok",
            "2 tool 1620..1720 ok",
            "2 ends at 1720 ok",
        ],
    );
}

#[test]
fn a_half_open_breaker_lets_everybody_through() {
    expect(
        &half_open("all"),
        &[
            "0 tool 0..100 transient",
            "1 tool 10..110 transient",
            "2 tool 20..120 transient",
            "0 tool at 600 circuit_open",
            "1 tool at 610 circuit_open",
            "2 tool at 620 circuit_open",
            "0 tool 1100..1200 ok",
            "0 ends at 1200 ok",
            "1 tool 1110..1210 ok",
            "1 ends at 1210 ok",
            "2 tool 1120..1220 ok",
            "2 ends at 1220 ok",
        ],
    );
}

#[test]
fn a_timeout_cuts_an_attempt() {
    // Two attempts of 400 ms each, of a call that would take a second.
    let layers = "tool: [{retry: {attempts: 2, delay: 100ms}}, {timeout: 400ms}]";
    expect(
        &calls("latency: 1s", "1", "count: 1", layers),
        &[
            "0 tool 0..400 timeout",
            "0 tool 500..900 timeout",
            "0 ends at 900 timeout",
        ],
    );
}

#[test]
fn a_timeout_cuts_a_backoff() {
    // It fails at 1,000 and would try again at 3,000; the timeout is at 2,500.
    let tool = "latency: 1s, failures: 100%";
    let layers = "tool: [{timeout: 2500ms}, {retry: {attempts: 5, delay: 2s}}]";
    expect(
        &calls(tool, "1", "count: 1", layers),
        &["0 tool 0..1000 transient", "0 ends at 2500 timeout"],
    );
}

#[test]
fn the_outer_timeout_cuts_the_last_attempt_short() {
    let layers = "tool: [{timeout: 1s}, {retry: {attempts: 9, delay: 0}}, {timeout: 400ms}]";
    expect(
        &calls("latency: 10s", "1", "count: 1", layers),
        &[
            "0 tool 0..400 timeout",
            "0 tool 400..800 timeout",
            "0 tool 800..1000 timeout",
            "0 ends at 1000 timeout",
        ],
    );
}

#[test]
fn at_the_outer_timeout_no_further_attempt_begins() {
    // Both fire at 800; the outer one was set first.
    let layers = "tool: [{timeout: 800ms}, {retry: {attempts: 9, delay: 0}}, {timeout: 400ms}]";
    expect(
        &calls("latency: 10s, price: $0.05", "1", "count: 1", layers),
        &[
            "0 tool 0..400 timeout $0.05",
            "0 tool 400..800 timeout $0.05",
            "0 ends at 800 timeout",
        ],
    );
}

#[test]
fn an_answer_at_the_very_timeout_is_too_late() {
    // Whether the end is known at once (no servers) or not (one server).
    for capacity in ["infinite", "{servers: 1}"] {
        let tool = format!("latency: 400ms, capacity: {capacity}");
        expect(
            &calls(&tool, "1", "count: 1", "tool: [{timeout: 400ms}]"),
            &["0 tool 0..400 timeout", "0 ends at 400 timeout"],
        );
    }
}

/// Two agents, one slot; each call fails once and succeeds a second later.
fn one_slot(layers: &str) -> String {
    let script = "{outcomes: [fail, ok], then: last, per: call}";
    let tool = format!("latency: 100ms, script: {script}");
    calls(&tool, "2", "count: 2", &format!("tool: [{layers}]"))
}

const SLOT: &str = "{concurrency: {max: 1}}";
const AGAIN: &str = "{retry: {attempts: 2, delay: 1s}}";

#[test]
fn a_slot_outside_the_retry_is_held_while_sleeping() {
    expect(
        &one_slot(&format!("{SLOT}, {AGAIN}")),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 ok",
            "0 ends at 1200 ok",
            "1 tool 1200..1300 transient",
            "1 tool 2300..2400 ok",
            "1 ends at 2400 ok",
        ],
    );
}

#[test]
fn a_slot_inside_the_retry_is_not() {
    expect(
        &one_slot(&format!("{AGAIN}, {SLOT}")),
        &[
            "0 tool 0..100 transient",
            "1 tool 100..200 transient",
            "0 tool 1100..1200 ok",
            "0 ends at 1200 ok",
            "1 tool 1200..1300 ok",
            "1 ends at 1300 ok",
        ],
    );
}

#[test]
fn a_retry_budget_is_shared_by_the_fleet() {
    // Three retries in all: task 0 takes them, task 1 has none.
    let budget = "{retry_budget: {retries: 3, per: fleet}}";
    let layers = format!("tool: [{budget}, {{retry: {{attempts: 10, delay: 0}}}}]");
    expect(
        &calls("latency: 100ms, failures: 100%", "1", "count: 2", &layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 100..200 transient",
            "0 tool 200..300 transient",
            "0 tool 300..400 transient",
            "0 ends at 400 transient",
            "1 tool 400..500 transient",
            "1 ends at 500 transient",
        ],
    );
}

#[test]
fn a_retry_that_one_budget_denies_costs_the_other_nothing() {
    // A task may retry once, the fleet three times: one retry each for three of four tasks. Had the
    // fleet's budget been asked first and charged each time, two tasks would have emptied it.
    let budgets = "{retry_budget: {retries: 3, per: fleet}}, {retry_budget: {retries: 1}}";
    let layers = format!("tool: [{budgets}, {{retry: {{attempts: 10, delay: 0}}}}]");
    let (_, attempts) = play(&calls(
        "latency: 100ms, failures: 100%",
        "1",
        "count: 4",
        &layers,
    ));
    let of_task = |t| attempts.iter().filter(|a| a.task == t).count();
    assert_eq!([0, 1, 2, 3].map(of_task), [2, 2, 2, 1]);
}

#[test]
fn each_call_reads_a_script_of_its_own() {
    // The task begins anew, and with it the call: it fails again, and succeeds again at its second.
    let script = "{outcomes: [fail, ok, permanent], then: last, per: call}";
    expect(
        &format!(
            "
            tools:
              a: {{latency: 100ms, script: {script}}}
              b: {{latency: 100ms, script: {{outcomes: [fail, ok]}}}}
            fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{tool: a}}, {{tool: b}}]}}}}
            policies:
              p:
                tool: {{a: [{{retry: {{attempts: 2, delay: 0}}}}]}}
                task: [{{retry: {{attempts: 2, delay: 0}}}}]
            "
        ),
        &[
            "0 a 0..100 transient",
            "0 a 100..200 ok",
            "0 b 200..300 transient",
            "0 a 300..400 transient",
            "0 a 400..500 ok",
            "0 b 500..600 ok",
            "0 ends at 600 ok",
        ],
    );
}

const TWO_BRANCHES: &str = "
    tools:
      fast: {latency: 100ms, failures: 100%}
      slow: {latency: 1s}
    fleets:
      f:
        agents: 1
        tasks: {count: 1}
        plan:
          - parallel:
              - {agents: 1, steps: [{tool: fast}]}
              - {agents: 1, steps: [{tool: slow}]}
    policies:
";

#[test]
fn a_fork_waits_for_all_even_if_one_has_failed() {
    expect(
        &format!("{TWO_BRANCHES}      p: {{}}\n"),
        &[
            "0 fast 0..100 transient",
            "0 slow 0..1000 ok",
            "0 ends at 1000 transient",
        ],
    );
}

#[test]
fn a_task_timeout_takes_its_sub_agents_with_it() {
    expect(
        &format!("{TWO_BRANCHES}      p: {{task: [{{timeout: 500ms}}]}}\n"),
        &[
            "0 fast 0..100 transient",
            "0 slow 0..500 timeout",
            "0 ends at 500 timeout",
        ],
    );
}

#[test]
fn a_quarter_of_the_first_attempts_may_be_retried() {
    // Four calls in a row on a dead tool: the fourth first attempt, at 180, pays for one retry.
    let layers = "tool: [{retry_budget: {ratio: 25%}}, {retry: {attempts: 9, delay: 100ms}}]";
    let tool = "latency: 60ms, failures: 100%";
    expect(
        &calls(tool, "1", "count: 4", layers),
        &[
            "0 tool 0..60 transient",
            "0 ends at 60 transient",
            "1 tool 60..120 transient",
            "1 ends at 120 transient",
            "2 tool 120..180 transient",
            "2 ends at 180 transient",
            "3 tool 180..240 transient",
            "3 tool 340..400 transient",
            "3 ends at 400 transient",
        ],
    );
}

#[test]
fn a_throttle_closes_at_half_of_its_tokens() {
    // Of four tokens each failure takes one; after the second only two are left, and half is not
    // enough.
    let throttle = "{retry_budget: {throttle: {tokens: 4, ratio: 0.1}}}";
    let layers = format!("tool: [{throttle}, {{retry: {{attempts: 9, delay: 100ms}}}}]");
    expect(
        &calls("latency: 60ms, failures: 100%", "1", "count: 1", &layers),
        &[
            "0 tool 0..60 transient",
            "0 tool 160..220 transient",
            "0 ends at 220 transient",
        ],
    );
}

#[test]
fn who_stands_in_line_too_long_gives_up() {
    // Three agents, one slot for a second: the others wait for 600 ms and leave together.
    let layers = "tool: [{concurrency: {max: 1, longest_wait: 600ms}}]";
    expect(
        &calls("latency: 1s", "3", "count: 3", layers),
        &[
            "1 tool at 600 rejected",
            "2 tool at 600 rejected",
            "1 ends at 600 rejected",
            "2 ends at 600 rejected",
            "0 tool 0..1000 ok",
            "0 ends at 1000 ok",
        ],
    );
}

#[test]
fn an_adaptive_limit_is_off_until_it_is_throttled() {
    // Both are throttled at 100, within the first half second, so the measured rate is 0 and tokens
    // come at the slowest rate, one in two seconds; 0.1 of one was there. Both wait 0.9 / 0.5 s, and
    // task 1 is the first to ask again (the second 429 has had task 0 ask at once, for nothing):
    // it leaves at 1,900 with the only token. Its reply, the third within two seconds, makes the measured rate 0.8 x 1.5 = 1.2
    // and the rate twice that (the cubic would say 0.4 x 1.9^3 = 2.7). It has task 0 ask again at
    // 2,000, when 0.05 are there: 0.95 / 2.4 s more, in place of until 3,900.
    let tool = "latency: 100ms, rejection_latency: 100ms, script: {outcomes: [rate_limited, rate_limited, ok]}";
    let layers = "tool: [{retry: {attempts: 2, delay: 0}}, {rate_limit: {adaptive: {}}}]";
    expect(
        &calls(tool, "2", "count: 2", layers),
        &[
            "0 tool 0..100 rate_limited",
            "1 tool 0..100 rate_limited",
            "1 tool 1900..2000 ok",
            "1 ends at 2000 ok",
            "0 tool 2395833334ns..2495833334ns ok",
            "0 ends at 2495833334ns ok",
        ],
    );
}

#[test]
fn an_aimd_limit_goes_up_by_one_and_down_by_half() {
    // Two slots at first, 0.1 s a call. At 100 the good end of task 0 makes them three, so that 2
    // and 3 begin, and that of task 1 four: 4 and 5. The third request is refused at 110, which halves them: of
    // the four that are held one is given back, and 6 and 7 stay in line. The good end of task 3 at 200 makes them three
    // again, of which two are held: 6 begins; that of task 4 four, and 7 begins too.
    let tool = "latency: 100ms, script: {outcomes: [ok, ok, rate_limited, ok], then: last}";
    let aimd = "{initial: 2, min: 1, max: 4, backoff: 0.5}";
    let layers = format!("tool: [{{concurrency: {{aimd: {aimd}}}}}]");
    expect(
        &calls(tool, "8", "count: 8", &layers),
        &[
            "0 tool 0..100 ok",
            "1 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 ends at 100 ok",
            "2 tool 100..110 rate_limited",
            "2 ends at 110 rate_limited",
            "3 tool 100..200 ok",
            "4 tool 100..200 ok",
            "5 tool 100..200 ok",
            "3 ends at 200 ok",
            "4 ends at 200 ok",
            "5 ends at 200 ok",
            "6 tool 200..300 ok",
            "7 tool 200..300 ok",
            "6 ends at 300 ok",
            "7 ends at 300 ok",
        ],
    );
}

#[test]
fn a_retry_after_is_for_its_own_attempt() {
    // What the first tool was told (7 s) is no business of the second, which has no limits at all:
    // its retry waits for 50 ms.
    expect(
        "
        tools:
          limited: {latency: 100ms, script: {outcomes: [{rate_limited: 7s}], then: last}}
          plain: {latency: 100ms, failures: 100%}
        fleets:
          f:
            agents: 1
            tasks: {count: 1}
            plan: [{tool: limited, on_failure: continue}, {tool: plain}]
        policies: {p: {tool: {plain: [{retry: {attempts: 2, delay: 50ms}}]}}}
        ",
        &[
            "0 limited 0..10 rate_limited",
            "0 plain 10..110 transient",
            "0 plain 160..260 transient",
            "0 ends at 260 transient",
        ],
    );
}
