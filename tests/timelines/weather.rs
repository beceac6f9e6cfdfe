//! What a failing or full target says of when to come back.

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
