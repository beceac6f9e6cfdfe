//! Queues: batches, what comes back to them, what stops them.

use crate::{calls, expect, play};

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

#[test]
fn dead_letters_come_back_at_the_cron_s_times() {
    // Both fail at 100 and 200 and come back at 1 s, together; then at 2 s for the second and last
    // time. The retry inside counts anew each time (one more attempt, 300 ms later).
    let dead = "fleet: [{dead_letter: {resubmit: {every: 1s, times: 2}}}]";
    expect(
        &calls(DOWN, "1", "count: 2", dead),
        &[
            "0 tool 0..100 transient",
            "1 tool 100..200 transient",
            "0 tool 1000..1100 transient",
            "1 tool 1100..1200 transient",
            "0 tool 2000..2100 transient",
            "0 ends at 2100 transient",
            "1 tool 2100..2200 transient",
            "1 ends at 2200 transient",
        ],
    );
}

#[test]
fn a_task_back_from_the_dead_has_all_its_retries_again() {
    // 0..100, a retry at 400, dead at 500; back at 1 s, again two attempts, and no more.
    let dead = "fleet: [{retry: {attempts: 2, delay: 300ms}}, \
                {dead_letter: {resubmit: {every: 1s, times: 1}}}]";
    expect(
        &calls(DOWN, "1", "count: 1", dead),
        &[
            "0 tool 0..100 transient",
            "0 tool 400..500 transient",
            "0 tool 1000..1100 transient",
            "0 tool 1400..1500 transient",
            "0 ends at 1500 transient",
        ],
    );
}

#[test]
fn what_dies_between_two_times_of_the_cron_stampedes_at_the_next() {
    // Three arrive and die at 1100, 2100 and 3100; all are submitted at 5 s, when the tool is up.
    let tool = "latency: 100ms, outages: [{at: 0, for: 4s}]";
    let dead = "fleet: [{dead_letter: {resubmit: {every: 5s, times: unlimited}}}]";
    expect(
        &calls(tool, "unlimited", "arrivals: {every: 1/s}, count: 3", dead),
        &[
            "0 tool 1000..1100 transient",
            "1 tool 2000..2100 transient",
            "2 tool 3000..3100 transient",
            "0 tool 5000..5100 ok",
            "1 tool 5000..5100 ok",
            "2 tool 5000..5100 ok",
            "0 ends at 5100 ok",
            "1 ends at 5100 ok",
            "2 ends at 5100 ok",
        ],
    );
}

#[test]
fn a_batch_stopped_for_good_leaves_its_dead_letters_where_they_are() {
    // Task 0 dies at 100, task 1 at 200 and stops the batch: nothing comes back at 1 s.
    let dead = "fleet: [{dead_letter: {resubmit: {every: 1s, times: 9}}}, \
                {circuit_breaker: {failures: 2}}]";
    expect(
        &calls(DOWN, "1", "count: 3", dead),
        &[
            "0 tool 0..100 transient",
            "1 tool 100..200 transient",
            "2 - at 200 circuit_open",
            "0 - at 200 circuit_open",
            "1 - at 200 circuit_open",
            "2 ends at 200 circuit_open",
            "0 ends at 200 circuit_open",
            "1 ends at 200 circuit_open",
        ],
    );
}

#[test]
fn a_decorrelated_queue_grows_from_its_last_delay() {
    // Between the base and three times the delay before. Bounded to the base of 1 s it is always 1 s:
    // attempts of 100 ms begin every 1,100 ms.
    let text = |max: &str| {
        format!(
            "fleet: [{{retry: {{attempts: 30, backoff: {{decorrelated: {{base: 1s{max}}}}}}}}}]"
        )
    };
    let (_, bounded) = play(&calls(DOWN, "1", "count: 1", &text(", max: 1s")));
    for (i, attempt) in bounded.iter().enumerate() {
        assert_eq!(attempt.begin.0, i as u64 * 1_100_000_000);
    }
    let (_, free) = play(&calls(DOWN, "1", "count: 1", &text("")));
    let waits: Vec<u64> = free.windows(2).map(|w| w[1].begin.0 - w[0].end.0).collect();
    let mut last = 1_000_000_000;
    for wait in &waits {
        assert!((1_000_000_000..=3 * last).contains(wait), "{waits:?}");
        last = *wait;
    }
    // Drawn from the base alone no delay would pass three seconds.
    assert!(waits.iter().any(|wait| *wait > 3_000_000_000), "{waits:?}");
}
