//! Servers that all requests share, and servers that break down.

use crate::{calls, expect};

#[test]
fn each_gets_an_equal_share_of_one_server() {
    // The first is alone until 60: 40 left. Then two share: it is through at 140. The second has had 40
    // by then, 60 are left, alone: 200.
    expect(
        "
        tools:
          tool: {latency: 100ms, capacity: {servers: 1, order: shared}}
        fleets:
          f: {agents: 2, start: {every: 60ms}, tasks: {count: 2}, plan: [{tool: tool}]}
        policies: {p: {}}
        ",
        &[
            "0 tool 0..140 ok",
            "0 ends at 140 ok",
            "1 tool 60..200 ok",
            "1 ends at 200 ok",
        ],
    );
}

#[test]
fn nobody_gets_more_than_a_server() {
    // Three at two servers get two thirds each, 150 ms; two would take 100.
    let shared = "latency: 100ms, capacity: {servers: 2, order: shared}";
    let ends = [
        "0 tool 0..150 ok",
        "1 tool 0..150 ok",
        "2 tool 0..150 ok",
        "0 ends at 150 ok",
        "1 ends at 150 ok",
        "2 ends at 150 ok",
    ];
    expect(&calls(shared, "3", "count: 3", ""), &ends);
    let ends = [
        "0 tool 0..100 ok",
        "1 tool 0..100 ok",
        "0 ends at 100 ok",
        "1 ends at 100 ok",
    ];
    expect(&calls(shared, "2", "count: 2", ""), &ends);
}

#[test]
fn who_is_given_up_frees_a_share_only_where_the_target_cancels() {
    // Two come at 0, a third at 90. At 90 the two have had 45 each, at 150, when they are given up, 65,
    // and the third 20. If the target cancels, it has the server for the other 80: 230. If not, it
    // has had 50 at 240, its own timeout.
    let of = |cancels: bool| {
        format!(
            "
            tools:
              tool: {{latency: 100ms, capacity: {{servers: 1, order: shared}}, cancels: {cancels}}}
            fleets:
              f: {{agents: 2, tasks: {{count: 2}}, plan: [{{tool: tool}}]}}
              g: {{agents: 1, start: 90ms, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}
            policies: {{p: {{tool: [{{timeout: 150ms}}]}}}}
            "
        )
    };
    let early = [
        "0 tool 0..150 timeout",
        "1 tool 0..150 timeout",
        "0 ends at 150 timeout",
        "1 ends at 150 timeout",
    ];
    let with = |late: [&'static str; 2]| early.into_iter().chain(late).collect::<Vec<_>>();
    expect(&of(true), &with(["0 tool 90..230 ok", "0 ends at 230 ok"]));
    expect(
        &of(false),
        &with(["0 tool 90..240 timeout", "0 ends at 240 timeout"]),
    );
}

#[test]
fn so_many_share_and_others_wait() {
    // Two share, the third waits, the fourth finds the line full. At 200 both are through; the third has
    // the server alone.
    let shared = "latency: 100ms, capacity: {servers: 1, order: {shared: 2}, queue: 1}";
    expect(
        &calls(shared, "4", "count: 4", ""),
        &[
            "3 tool 0..10 overloaded",
            "3 ends at 10 overloaded",
            "0 tool 0..200 ok",
            "1 tool 0..200 ok",
            "0 ends at 200 ok",
            "1 ends at 200 ok",
            "2 tool 0..300 ok",
            "2 ends at 300 ok",
        ],
    );
}

#[test]
fn who_would_begin_in_a_pause_takes_no_share_until_its_end() {
    // The first goes on alone. The two that come in the pause share from 150 on, twice as slowly as
    // they would without the slowdown: 100 each becomes 200, and 400 together.
    expect(
        "
        tools:
          tool:
            latency: 100ms
            capacity: {servers: 1, order: shared}
            pauses: [{at: 50ms, for: 100ms}]
            slowdowns: [{at: 150ms, for: 1ms, factor: 2x}]
        fleets:
          f: {agents: 1, tasks: {count: 1}, plan: [{tool: tool}]}
          g: {agents: 2, start: 60ms, tasks: {count: 2}, plan: [{tool: tool}]}
        policies: {p: {}}
        ",
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "0 tool 60..550 ok",
            "1 tool 60..550 ok",
            "0 ends at 550 ok",
            "1 ends at 550 ok",
        ],
    );
}

#[test]
fn a_place_is_held_between_read_and_write_but_no_share() {
    // Two read at 10, share until 210, and travel there and back, 20. The third has its turn then.
    expect(
        &calls(
            "latency: 100ms, network: 10ms, contention: {optimistic: {rows: 1000, outcome: transient}}, \
             capacity: {servers: 1, order: {shared: 2}}",
            "3",
            "count: 3",
            "",
        ),
        &[
            "0 tool 0..240 ok",
            "1 tool 0..240 ok",
            "0 ends at 240 ok",
            "1 ends at 240 ok",
            "2 tool 0..360 ok",
            "2 ends at 360 ok",
        ],
    );
}

#[test]
fn work_under_way_stands_still_in_a_breakdown() {
    // Down from 150 to 200, from 350 to 400, … The first works from 0 to 100, the second from 100 to 150
    // and from 200 to 250, the third to 350: it is through at the begin of a breakdown.
    let breaks = "latency: 100ms, breakdowns: {up: 150ms, down: 50ms}";
    let tool = format!("{breaks}, capacity: {{servers: 1}}");
    expect(
        &calls(&tool, "4", "count: 4", ""),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..250 ok",
            "1 ends at 250 ok",
            "2 tool 0..350 ok",
            "2 ends at 350 ok",
            "3 tool 0..500 ok",
            "3 ends at 500 ok",
        ],
    );
    // Shared by two: 75 each at 150, 25 each to do, 50 together.
    let tool = format!("{breaks}, capacity: {{servers: 1, order: shared}}");
    expect(
        &calls(&tool, "2", "count: 2", ""),
        &[
            "0 tool 0..250 ok",
            "1 tool 0..250 ok",
            "0 ends at 250 ok",
            "1 ends at 250 ok",
        ],
    );
    // With servers for all: the first has 90 until 150 and would be through at 210, but gives up at 200;
    // who comes in a breakdown is worked on from its end.
    expect(
        &format!(
            "
            tools: {{tool: {{{breaks}}}}}
            fleets:
              f: {{agents: 1, start: 60ms, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}
              g: {{agents: 1, start: 170ms, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}
            policies: {{p: {{tool: [{{timeout: 140ms}}]}}}}
            "
        ),
        &[
            "0 tool 60..200 timeout",
            "0 ends at 200 timeout",
            "0 tool 170..300 ok",
            "0 ends at 300 ok",
        ],
    );
}
