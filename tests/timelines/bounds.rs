//! What bounds the retries of one layer: its waits together, the retry outside it, a budget of its own.

use crate::{calls, expect};

/// One call of a tool that takes 100 ms and always fails.
fn failing(layers: &str) -> String {
    calls(
        "latency: 100ms, failures: 100%",
        "1",
        "count: 1",
        &format!("tool: [{layers}]"),
    )
}

const DOUBLING: &str = "backoff: {exponential: {base: 1s}}";

#[test]
fn the_last_wait_is_cut_to_what_was_left_when_the_attempt_began() {
    // The second attempt begins at 1,100, of 2,500 there are 1,400 left then: from 1,200 to 2,600.
    let retry =
        format!("{{retry: {{attempts: unlimited, {DOUBLING}, last_begins_after: 2500ms}}}}");
    expect(
        &failing(&retry),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 2600..2700 transient",
            "0 ends at 2700 transient",
        ],
    );
}

#[test]
fn a_wait_that_would_pass_their_total_is_not_begun() {
    // 1 s and 2 s; 4 s more would be 7.
    let retry = format!("{{retry: {{attempts: unlimited, {DOUBLING}, total_delay: 6s}}}}");
    expect(
        &failing(&retry),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 3200..3300 transient",
            "0 ends at 3300 transient",
        ],
    );
}

#[test]
fn a_backoff_begins_anew_after_a_wait_that_was_asked_for() {
    // 1 s, 2 s, the 5 s of the 429 (whose rejection takes 10 ms), 1 s again.
    let script = "[fail, fail, {rate_limited: 5s}, fail, ok]";
    let tool = format!("latency: 100ms, script: {{outcomes: {script}}}");
    let retry = format!("tool: [{{retry: {{attempts: 9, {DOUBLING}, restart_backoff: true}}}}]");
    expect(
        &calls(&tool, "1", "count: 1", &retry),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 3200..3210 rate_limited",
            "0 tool 8210..8310 transient",
            "0 tool 9310..9410 ok",
            "0 ends at 9410 ok",
        ],
    );
}

#[test]
fn an_inner_retry_may_act_within_the_first_attempt_outside_alone() {
    // Inside: two tries 1 s apart; outside: three, 10 s apart. So 2 + 1 + 1, of each of two tasks.
    let inner = "{retry: {attempts: 2, delay: 1s, only_in_first_attempt: true}}";
    let layers = format!("tool: [{{retry: {{attempts: 3, delay: 10s}}}}, {inner}]");
    let tool = "latency: 100ms, failures: 100%";
    expect(
        &calls(tool, "1", "count: 2", &layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 11200..11300 transient",
            "0 tool 21300..21400 transient",
            "0 ends at 21400 transient",
            "1 tool 21400..21500 transient",
            "1 tool 22500..22600 transient",
            "1 tool 32600..32700 transient",
            "1 tool 42700..42800 transient",
            "1 ends at 42800 transient",
        ],
    );
}

#[test]
fn a_budget_may_be_about_the_next_retry_layer_alone() {
    // The task may be run once more in the agent's life; the calls' own retry is not counted.
    let budget = "{retry_budget: {next_retries: 1, per: agent}}";
    let layers = format!(
        "task: [{budget}, {{retry: {{attempts: 9, delay: 5s}}}}], \
         tool: [{{retry: {{attempts: 2, delay: 1s}}}}]"
    );
    expect(
        &calls("latency: 100ms, failures: 100%", "1", "count: 2", &layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 6200..6300 transient",
            "0 tool 7300..7400 transient",
            "0 ends at 7400 transient",
            "1 tool 7400..7500 transient",
            "1 tool 8500..8600 transient",
            "1 ends at 8600 transient",
        ],
    );
    // Of two in one list it is about the first, which is next to it.
    let outer = "{retry: {attempts: 9, delay: 5s}}";
    let inner = "{retry: {attempts: 2, delay: 1s}}";
    let layers = format!("{{retry_budget: {{next_retries: 1}}}}, {outer}, {inner}");
    expect(
        &failing(&layers),
        &[
            "0 tool 0..100 transient",
            "0 tool 1100..1200 transient",
            "0 tool 6200..6300 transient",
            "0 tool 7300..7400 transient",
            "0 ends at 7400 transient",
        ],
    );
}

#[test]
fn who_finds_a_window_full_sleeps_through_one_and_all_behind_it_wait() {
    // One a second. The second agent sleeps until 1,000; the third waits behind it, and passes then,
    // because the timer has set the count to none; the fourth finds it full and sleeps until 2,000.
    let limit = "tool: [{rate_limit: {rate: 1/s, pace: sleeping_window}}]";
    expect(
        &calls("latency: 100ms", "4", "count: 4", limit),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 1000..1100 ok",
            "2 tool 1000..1100 ok",
            "1 ends at 1100 ok",
            "2 ends at 1100 ok",
            "3 tool 2000..2100 ok",
            "3 ends at 2100 ok",
        ],
    );
}

#[test]
fn of_two_tasks_whose_timeouts_end_together_that_one_is_first_which_has_waited_longer() {
    // Both have a second. At 1,000 task 1 has waited since 0, task 0 since 210 only: so task 1 tries
    // again first and meets the script's next line. At 2,000 it is the other way round.
    let script = "[{rate_limited: 0s}, ok, ok, {rate_limited: 0s}, ok]";
    let tool = format!("latency: 5s, script: {{outcomes: {script}, then: last}}");
    let layers = "task: [{retry: {attempts: 2}}, {timeout: 1s}], \
                  tool: [{retry: {attempts: 2, delay: 200ms, retry_after: ignore}}]";
    expect(
        &calls(&tool, "2", "count: 2", layers),
        &[
            "0 tool 0..10 rate_limited",
            "1 tool 0..1000 timeout",
            "0 tool 210..1000 timeout",
            "1 tool 1000..1010 rate_limited",
            "0 tool 1000..2000 timeout",
            "1 tool 1210..2000 timeout",
            "0 ends at 2000 timeout",
            "1 ends at 2000 timeout",
        ],
    );
}
