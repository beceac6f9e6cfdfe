//! What a failing or full target says of when to come back; windows that come again.

use crate::{calls, expect};

const TWICE: &str = "tool: [{retry: {attempts: 2, delay: 0}}]";

#[test]
fn a_failure_may_tell_when_to_come_back() {
    // An `overloaded` answer takes 10 ms; the wait begins when it is there.
    let failures = "failures: {rate: 100%, outcome: overloaded, retry_after: 2s}";
    expect(
        &calls(&format!("latency: 1s, {failures}"), "1", "count: 1", TWICE),
        &[
            "0 tool 0..10 overloaded",
            "0 tool 2010..2020 overloaded",
            "0 ends at 2020 overloaded",
        ],
    );
}

#[test]
fn an_outage_tells_a_time_or_its_end() {
    // The end is 4,950 ms away when the first attempt arrives, after 50 ms on its way. The answer is
    // there at 110, so the second sets out at 5,060, and works from 5,110.
    let told = |retry_after| {
        format!(
            "latency: 100ms, network: 50ms, \
             outages: [{{at: 0, for: 5s, outcome: overloaded, retry_after: {retry_after}}}]"
        )
    };
    expect(
        &calls(&told("reset"), "1", "count: 1", TWICE),
        &[
            "0 tool 0..110 overloaded",
            "0 tool 5060..5260 ok",
            "0 ends at 5260 ok",
        ],
    );
    expect(
        &calls(&told("1s"), "1", "count: 1", TWICE),
        &[
            "0 tool 0..110 overloaded",
            "0 tool 1110..1220 overloaded",
            "0 ends at 1220 overloaded",
        ],
    );
}

#[test]
fn a_retry_after_may_be_drawn() {
    // Whoever tells it: a failure, an outage, a limit, a full queue, load. All answer at once, so the
    // second attempt begins after what was told, and what was told is what the text allows.
    let tools = [
        "latency: 1s, rejection_latency: 0, failures: {rate: 100%, outcome: overloaded, retry_after: DRAWN}",
        "latency: 1s, rejection_latency: 0, outages: [{at: 0, for: 1h, outcome: overloaded, retry_after: DRAWN}]",
        "latency: 1s, rejection_latency: 0, limits: [{concurrent: 1, retry_after: DRAWN}]",
        "latency: 1s, rejection_latency: 0, capacity: {servers: 1, queue: 0, retry_after: DRAWN}",
        "latency: 1s, rejection_latency: 0, under_load: {failures: {steps: {2: 100%}, retry_after: DRAWN}}",
    ];
    for tool in tools {
        let tool = tool.replace("DRAWN", "{uniform: [2s, 4s]}");
        let (_, attempts) = crate::play(&calls(&tool, "20", "count: 20", TWICE));
        let told: Vec<u64> = (attempts.iter())
            .filter_map(|a| (a.number == 1).then_some(a.retry_after?.0))
            .collect();
        assert!(told.len() >= 19, "{tool}");
        let low = told
            .iter()
            .filter(|t| (2_000_000_000..3_000_000_000).contains(*t));
        let high = told
            .iter()
            .filter(|t| (3_000_000_000..=4_000_000_000).contains(*t));
        let (low, high) = (low.count(), high.count());
        assert!(
            low + high == told.len() && low > 2 && high > 2,
            "{tool}: {told:?}"
        );
        for again in attempts.iter().filter(|a| a.number == 2) {
            let first = attempts
                .iter()
                .find(|a| a.number == 1 && a.task == again.task);
            let told = first.unwrap().retry_after.unwrap();
            assert_eq!(again.begin.since(first.unwrap().end), told, "{tool}");
        }
    }
}

#[test]
fn an_outage_without_words_of_its_own_fails_as_its_target_does() {
    // The first outage takes outcome and Retry-After from `failures`; the second has its own outcome,
    // and so says nothing of when to come back: the retry waits for its own delay.
    let tool = "latency: 100ms, failures: {rate: 0%, outcome: rate_limited, retry_after: 3s}, \
                outages: [{at: 0, for: 1s}, {at: 3s, for: 1s, outcome: overloaded}]";
    let policy = "tool: [{retry: {attempts: 3, delay: 1s}}]";
    expect(
        &calls(tool, "1", "count: 1", policy),
        &[
            "0 tool 0..10 rate_limited",
            "0 tool 3010..3020 overloaded",
            "0 tool 4020..4120 ok",
            "0 ends at 4120 ok",
        ],
    );
}

#[test]
fn a_full_server_may_tell_when_to_come_back() {
    // The second agent finds the only server taken, and comes back 1.5 s after it has heard so.
    let tool = "latency: 1s, capacity: {servers: 1, queue: 0, retry_after: 1500ms}";
    expect(
        &calls(tool, "2", "count: 2", TWICE),
        &[
            "1 tool 0..10 overloaded",
            "0 tool 0..1000 ok",
            "0 ends at 1000 ok",
            "1 tool 1510..2510 ok",
            "1 ends at 2510 ok",
        ],
    );
}

#[test]
fn a_pause_may_come_again_for_ever() {
    // From 50 to 150, from 250 to 350, from 450 to 550 …: what would begin at 100 begins at 150, what
    // would begin at 250 begins at 350, what would begin at 450 begins at 550.
    let tool = "latency: 100ms, pauses: [{at: 50ms, for: 100ms, every: 200ms}]";
    expect(
        &calls(tool, "1", "count: 4", ""),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 100..250 ok",
            "1 ends at 250 ok",
            "2 tool 250..450 ok",
            "2 ends at 450 ok",
            "3 tool 450..650 ok",
            "3 ends at 650 ok",
        ],
    );
}

#[test]
fn an_outage_comes_as_often_as_it_says() {
    // Down from 0 to 150 and from 300 to 450, and not from 600 on.
    let tool = "latency: 100ms, outages: [{at: 0, for: 150ms, every: 300ms, count: 2}]";
    let policy = "tool: [{retry: {attempts: 3, delay: 0}}]";
    expect(
        &calls(tool, "1", "count: 4", policy),
        &[
            "0 tool 0..100 transient",
            "0 tool 100..200 transient",
            "0 tool 200..300 ok",
            "0 ends at 300 ok",
            "1 tool 300..400 transient",
            "1 tool 400..500 transient",
            "1 tool 500..600 ok",
            "1 ends at 600 ok",
            "2 tool 600..700 ok",
            "2 ends at 700 ok",
            "3 tool 700..800 ok",
            "3 ends at 800 ok",
        ],
    );
}

#[test]
fn a_single_window_counts_before_one_that_comes_again() {
    // Twice as slow in every other 100 ms; from 200 to 300 ten times. What begins at 0 takes 20, as
    // does what begins after it, until 100; then 10 each, until 200; the next one 100.
    let tool = "latency: 10ms, slowdowns: [{at: 0, for: 100ms, every: 200ms, factor: 2x}, \
                {at: 200ms, for: 100ms, factor: 10x}]";
    let (_, attempts) = crate::play(&calls(tool, "1", "count: 17", ""));
    let took: Vec<u64> = attempts
        .iter()
        .map(|a| a.end.since(a.begin).0 / 1_000_000)
        .collect();
    assert_eq!(took[..5], [20; 5]);
    assert_eq!(took[5..15], [10; 10]);
    assert_eq!(took[15..], [100, 10]);
}
