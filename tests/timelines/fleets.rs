//! Queues: batches, what comes back to them, what stops them.

use crate::{calls, expect};

const DOWN: &str = "latency: 100ms, failures: 100%";

#[test]
fn each_agent_does_the_whole_batch() {
    // Tasks 0 and 1 are the first agent's, 2 and 3 the second's, who starts 30 ms later.
    expect(
        &calls(
            "latency: 100ms",
            "2, start: {every: 30ms}",
            "count: 2, each_agent: true",
            "",
        ),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "2 tool 30..130 ok",
            "2 ends at 130 ok",
            "1 tool 100..200 ok",
            "1 ends at 200 ok",
            "3 tool 130..230 ok",
            "3 ends at 230 ok",
        ],
    );
}

#[test]
fn a_failed_task_goes_back_and_holds_no_agent() {
    // While task 0 rests from 100 to 1,100, the only agent does task 1.
    expect(
        &calls(
            DOWN,
            "1",
            "count: 2",
            "fleet: [{retry: {attempts: 2, delay: 1s}}]",
        ),
        &[
            "0 tool 0..100 transient",
            "1 tool 100..200 transient",
            "0 tool 1100..1200 transient",
            "0 ends at 1200 transient",
            "1 tool 1200..1300 transient",
            "1 ends at 1300 transient",
        ],
    );
}

#[test]
fn a_batch_breaker_stops_the_batch_for_good() {
    expect(
        &calls(
            DOWN,
            "1",
            "count: 4",
            "fleet: [{circuit_breaker: {failures: 2}}]",
        ),
        &[
            "0 tool 0..100 transient",
            "0 ends at 100 transient",
            "1 tool 100..200 transient",
            "2 - at 200 circuit_open",
            "3 - at 200 circuit_open",
            "1 ends at 200 transient",
            "2 ends at 200 circuit_open",
            "3 ends at 200 circuit_open",
        ],
    );
}

#[test]
fn a_batch_breaker_opens_anew_after_as_many_failures_again() {
    // Open from 200 to 1,200 and from 1,400 to 2,400.
    let breaker = "fleet: [{circuit_breaker: {failures: 2, open_for: 1s}}]";
    expect(
        &calls(DOWN, "1", "count: 5", breaker),
        &[
            "0 tool 0..100 transient",
            "0 ends at 100 transient",
            "1 tool 100..200 transient",
            "1 ends at 200 transient",
            "2 tool 1200..1300 transient",
            "2 ends at 1300 transient",
            "3 tool 1300..1400 transient",
            "3 ends at 1400 transient",
            "4 tool 2400..2500 transient",
            "4 ends at 2500 transient",
        ],
    );
}

#[test]
fn what_was_under_way_when_a_batch_breaker_opened_is_not_counted() {
    // Four agents, 10 ms apart. Tasks 0 and 1 open it at 110; 2 and 3 fail while it is open. Then
    // the tool is up, and a success must not open it again. (The first agent took task 4 at 100.)
    let tool = "latency: 100ms, outages: [{at: 0, for: 1s}]";
    let breaker = "fleet: [{circuit_breaker: {failures: 2, open_for: 1s}}]";
    expect(
        &calls(tool, "4, start: {every: 10ms}", "count: 6", breaker),
        &[
            "0 tool 0..100 transient",
            "0 ends at 100 transient",
            "1 tool 10..110 transient",
            "1 ends at 110 transient",
            "2 tool 20..120 transient",
            "2 ends at 120 transient",
            "3 tool 30..130 transient",
            "3 ends at 130 transient",
            "4 tool 100..200 transient",
            "4 ends at 200 transient",
            "5 tool 1110..1210 ok",
            "5 ends at 1210 ok",
        ],
    );
}

#[test]
fn a_batch_breaker_in_an_open_loop_lets_all_that_waited_go_at_once() {
    // Tasks arrive at 1, 2 and 3 s; the first one's failure at 1,100 opens it until 3,600.
    let tool = "latency: 100ms, outages: [{at: 0, for: 1500ms}]";
    let breaker = "fleet: [{circuit_breaker: {failures: 1, open_for: 2500ms}}]";
    expect(
        &calls(
            tool,
            "unlimited",
            "arrivals: {every: 1/s}, count: 3",
            breaker,
        ),
        &[
            "0 tool 1000..1100 transient",
            "0 ends at 1100 transient",
            "1 tool 3600..3700 ok",
            "2 tool 3600..3700 ok",
            "1 ends at 3700 ok",
            "2 ends at 3700 ok",
        ],
    );
}
