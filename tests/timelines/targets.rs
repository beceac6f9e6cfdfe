//! What the world does: queues, networks, pauses, load, limits.

use crate::{calls, expect};

#[test]
fn a_dropped_request_is_never_answered() {
    // One server, no room to wait: the second agent hears nothing until its timeout, and pays nothing.
    let tool = "latency: 1s, price: $0.05, capacity: {servers: 1, queue: 0, when_full: drop}";
    expect(
        &calls(tool, "2", "count: 2", "tool: [{timeout: 2s}]"),
        &[
            "0 tool 0..1000 ok $0.05",
            "0 ends at 1000 ok",
            "1 tool 0..2000 timeout",
            "1 ends at 2000 timeout",
        ],
    );
}

/// One server, a second a request, a timeout of 1.3 s: A comes at 0, B at 400, C at 1,600.
fn queue(cancels: bool) -> String {
    format!(
        "
        tools: {{tool: {{latency: 1s, capacity: {{servers: 1}}, cancels: {cancels}}}}}
        fleets:
          ab: {{agents: 2, start: {{every: 400ms}}, tasks: {{count: 2}}, plan: [{{tool: tool}}]}}
          c: {{agents: 1, start: 1600ms, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}
        policies: {{p: {{tool: [{{timeout: 1300ms}}]}}}}
        "
    )
}

#[test]
fn a_target_that_does_not_cancel_works_for_nobody() {
    // B is served from 1,000 to 2,000 although it left at 1,700; C from 2,000, too late for 2,900.
    expect(
        &queue(false),
        &[
            "0 tool 0..1000 ok",
            "0 ends at 1000 ok",
            "1 tool 400..1700 timeout",
            "1 ends at 1700 timeout",
            "0 tool 1600..2900 timeout",
            "0 ends at 2900 timeout",
        ],
    );
}

#[test]
fn a_target_that_cancels_is_free_for_the_next() {
    // C is served from 1,700.
    expect(
        &queue(true),
        &[
            "0 tool 0..1000 ok",
            "0 ends at 1000 ok",
            "1 tool 400..1700 timeout",
            "1 ends at 1700 timeout",
            "0 tool 1600..2700 ok",
            "0 ends at 2700 ok",
        ],
    );
}

#[test]
fn the_network_delays_both_ways() {
    // There 50, work 100, back 50. Down from 40 to 60: what leaves at 0 arrives in it.
    let tool = "latency: 100ms, network: 50ms, outages: [{at: 40ms, for: 20ms}]";
    expect(
        &calls(
            tool,
            "1",
            "count: 1",
            "tool: [{retry: {attempts: 2, delay: 0}}]",
        ),
        &[
            "0 tool 0..200 transient",
            "0 tool 200..400 ok",
            "0 ends at 400 ok",
        ],
    );
}

#[test]
fn work_waits_for_the_end_of_pauses() {
    // One from 50 to 1,050, the next from there to 1,550: what would begin at 100 begins at 1,550.
    let tool = "latency: 100ms, pauses: [{at: 50ms, for: 1s}, {at: 1050ms, for: 500ms}]";
    expect(
        &calls(tool, "1", "count: 2", ""),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 100..1650 ok",
            "1 ends at 1650 ok",
        ],
    );
}

#[test]
fn load_slows_what_comes_next() {
    // Nobody, one, and two others in flight.
    expect(
        &calls(
            "latency: 100ms, capacity: {slows_by: 50ms}",
            "3",
            "count: 3",
            "",
        ),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..150 ok",
            "1 ends at 150 ok",
            "2 tool 0..200 ok",
            "2 ends at 200 ok",
        ],
    );
}

/// A call every 400 ms after the last, against two in a second as Redis counts them.
fn incr_expire(refresh: bool) -> String {
    let limit = format!("{{requests: 2/s, algorithm: incr_expire, refresh_ttl: {refresh}}}");
    format!(
        "
        tools: {{tool: {{latency: 100ms, limits: [{limit}]}}}}
        fleets:
          f:
            agents: 1
            tasks: {{count: 1}}
            plan:
              - repeat: 5
                steps: [{{tool: tool, on_failure: continue}}, {{wait: 400ms}}]
        policies: {{p: {{}}}}
        "
    )
}

#[test]
fn a_counter_expires_a_window_after_its_first_request() {
    // From 0 to 1,000 two, from 1,000 to 2,000 two, and one more.
    expect(
        &incr_expire(false),
        &[
            "0 tool 0..100 ok",
            "0 tool 500..600 ok",
            "0 tool 1000..1100 ok",
            "0 tool 1500..1600 ok",
            "0 tool 2000..2100 ok",
            "0 ends at 2500 ok",
        ],
    );
}

#[test]
fn a_counter_whose_expiry_each_call_moves_never_expires() {
    // The call at 500 moves it to 1,500, the refused one at 1,000 to 2,000, at 1,410 to 2,410, ...
    expect(
        &incr_expire(true),
        &[
            "0 tool 0..100 ok",
            "0 tool 500..600 ok",
            "0 tool 1000..1010 rate_limited",
            "0 tool 1410..1420 rate_limited",
            "0 tool 1820..1830 rate_limited",
            "0 ends at 2230 ok",
        ],
    );
}

#[test]
fn a_scripted_429_is_as_fast_as_any() {
    // 5 ms, not the 300 of a real answer; honoured to the millisecond.
    let script = "{outcomes: [{rate_limited: 2s}, ok]}";
    let tool = format!("latency: 300ms, rejection_latency: 5ms, script: {script}");
    expect(
        &calls(
            &tool,
            "1",
            "count: 1",
            "tool: [{retry: {attempts: 2, delay: 0}}]",
        ),
        &[
            "0 tool 0..5 rate_limited",
            "0 tool 2005..2305 ok",
            "0 ends at 2305 ok",
        ],
    );
}

#[test]
fn what_a_full_target_turns_away_has_used_its_quota() {
    // Two in a second, one server, no line: the second is overloaded, and the third, which its agent
    // takes at 30, is one too many.
    let capacity = "capacity: {servers: 1, queue: 0}, limits: [{requests: 2/s}]";
    let tool = format!("latency: 100ms, {capacity}");
    expect(
        &calls(&tool, "2, start: {every: 20ms}", "count: 3", ""),
        &[
            "1 tool 20..30 overloaded",
            "1 ends at 30 overloaded",
            "2 tool 30..40 rate_limited",
            "2 ends at 40 rate_limited",
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
        ],
    );
}

#[test]
fn who_writes_second_has_worked_for_nothing() {
    // A hop takes 10, the work 5. Both read version 0 at 10 and write at 35, the first to have read
    // first: version 1. The other knows at 45, waits 100, reads at 155 and writes at 180.
    let tool = "latency: 5ms, network: 10ms, contention: optimistic";
    expect(
        &calls(
            tool,
            "2",
            "count: 2",
            "tool: [{retry: {attempts: 3, delay: 100ms}}]",
        ),
        &[
            "0 tool 0..45 ok",
            "1 tool 0..45 transient",
            "0 ends at 45 ok",
            "1 tool 145..190 ok",
            "1 ends at 190 ok",
        ],
    );
}

#[test]
fn a_target_that_writes_by_itself_needs_no_second_round_trip() {
    // Read on arrival at 10, written when the work is done at 15; the conflict may have any name.
    let tool = "latency: 5ms, network: 10ms, contention: {optimistic: {writes: target, outcome: permanent}}";
    expect(
        &calls(tool, "2", "count: 2", ""),
        &[
            "0 tool 0..25 ok",
            "1 tool 0..25 permanent",
            "0 ends at 25 ok",
            "1 ends at 25 permanent",
        ],
    );
}

#[test]
fn who_has_gone_writes_nothing_unless_the_target_does() {
    // The first reads at 10 and would work for 200; it gives up at 60. The second reads at 205.
    let text = "
        tools: {tool: {latency: 10ms, network: 10ms, slowdowns: [{at: 0s, for: 50ms, factor: 20x}], contention: HOW}}
        fleets:
          a: {agents: 1, tasks: {count: 1}, plan: [{tool: tool}]}
          b: {agents: 1, start: 195ms, tasks: {count: 1}, plan: [{tool: tool}]}
        policies: {p: {tool: [{timeout: 60ms}]}}
        ";
    // The write of the first, due at 230, is never sent: the second writes at 235.
    expect(
        &text.replace("HOW", "optimistic"),
        &[
            "0 tool 0..60 timeout",
            "0 ends at 60 timeout",
            "0 tool 195..245 ok",
            "0 ends at 245 ok",
        ],
    );
    // The target goes on and writes at 210, between the second's read at 205 and write at 215.
    expect(
        &text.replace("HOW", "{optimistic: {writes: target}}"),
        &[
            "0 tool 0..60 timeout",
            "0 ends at 60 timeout",
            "0 tool 195..225 transient",
            "0 ends at 225 transient",
        ],
    );
}

#[test]
fn a_long_line_may_be_served_from_its_end() {
    // Five come together. When the first is done, four wait, more than two: the last one is next; so
    // too of three. Of two the first one is next.
    let tool = "latency: 100ms, capacity: {servers: 1, order: {lifo_beyond: 2}}";
    expect(
        &calls(tool, "5", "count: 5", ""),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "4 tool 0..200 ok",
            "4 ends at 200 ok",
            "3 tool 0..300 ok",
            "3 ends at 300 ok",
            "1 tool 0..400 ok",
            "1 ends at 400 ok",
            "2 tool 0..500 ok",
            "2 ends at 500 ok",
        ],
    );
}

#[test]
fn who_has_waited_too_long_is_turned_away_when_the_turn_comes() {
    // Served from 0, 100 and 200, as 200 ms of waiting are not longer than 200 ms. At 300 both who are
    // left have waited longer: they hear so 10 ms later, and come back 500 ms after that.
    let tool = "latency: 100ms, capacity: {servers: 1, stale_after: 200ms, retry_after: 500ms}";
    let policy = "tool: [{retry: {attempts: 2, delay: 0}}]";
    expect(
        &calls(tool, "5", "count: 5", policy),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..200 ok",
            "1 ends at 200 ok",
            "2 tool 0..300 ok",
            "2 ends at 300 ok",
            "3 tool 0..310 overloaded",
            "4 tool 0..310 overloaded",
            "3 tool 810..910 ok",
            "3 ends at 910 ok",
            "4 tool 810..1010 ok",
            "4 ends at 1010 ok",
        ],
    );
}

#[test]
fn who_is_dropped_from_the_line_hears_nothing() {
    // The third has waited for 200 ms when its turn comes; nobody says so, and nobody charges it.
    let tool = "latency: 100ms, price: $0.05, \
                capacity: {servers: 1, stale_after: 150ms, when_stale: drop}";
    expect(
        &calls(tool, "3", "count: 3", "tool: [{timeout: 1s}]"),
        &[
            "0 tool 0..100 ok $0.05",
            "0 ends at 100 ok",
            "1 tool 0..200 ok $0.05",
            "1 ends at 200 ok",
            "2 tool 0..1000 timeout",
            "2 ends at 1000 timeout",
        ],
    );
}

#[test]
fn a_line_may_be_served_from_its_end() {
    // Four come together: the first is served, then of those who wait the last one first.
    let tool = "latency: 100ms, capacity: {servers: 1, order: lifo}";
    expect(
        &calls(tool, "4", "count: 4", ""),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "3 tool 0..200 ok",
            "3 ends at 200 ok",
            "2 tool 0..300 ok",
            "2 ends at 300 ok",
            "1 tool 0..400 ok",
            "1 ends at 400 ok",
        ],
    );
}
