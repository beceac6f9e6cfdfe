//! What load does: curves of latency, and failures that come with it.

use crate::{calls, expect};

#[test]
fn a_curve_counts_the_attempt_that_meets_it_unless_it_says_others() {
    // 1 + (n/2)², with n = 1, 2, 3: 1.25, 2, 3.25. Of others 0, 1, 2: 1, 1.25, 2.
    let of = |by| format!("latency: 100ms, under_load: {{latency: {{power: 2, full: 2{by}}}}}");
    let ends = |tool: &str, ends: [u32; 3]| {
        let lines = ends.map(|end| {
            (
                end,
                format!(" tool 0..{end} ok"),
                format!(" ends at {end} ok"),
            )
        });
        let of = |i: usize| [format!("{i}{}", lines[i].1), format!("{i}{}", lines[i].2)];
        let log: Vec<String> = (0..3).flat_map(of).collect();
        let log: Vec<&str> = log.iter().map(String::as_str).collect();
        expect(&calls(tool, "3", "count: 3", ""), &log);
    };
    ends(&of(""), [125, 200, 325]);
    ends(&of(", by: others"), [100, 125, 200]);
}

#[test]
fn servers_work_as_slowly_as_it_is_full_when_work_begins() {
    // One server. Twice as slow with three or more in flight. At 0 there is one, the other two come
    // at the same instant, but the first has begun. The second begins at 100 with one behind it, and
    // a fourth came at 50: 2, 3, 4 are there, so it takes 200; then two are there: 100, 100.
    expect(
        "
        tools:
          tool: {latency: 100ms, capacity: {servers: 1}, under_load: {latency: {steps: {3: 2x}}}}
        fleets:
          f: {agents: 3, tasks: {count: 3}, plan: [{tool: tool}]}
          g: {agents: 1, start: 50ms, tasks: {count: 1}, plan: [{tool: tool}]}
        policies: {p: {}}
        ",
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..300 ok",
            "1 ends at 300 ok",
            "2 tool 0..400 ok",
            "2 ends at 400 ok",
            "0 tool 50..500 ok",
            "0 ends at 500 ok",
        ],
    );
}

#[test]
fn the_line_may_be_the_load() {
    // With one behind it or more, work takes thrice as long: 100 for the first, who came alone, 300 for
    // each of the next two. The fourth finds two in line when it arrives, so it is going to fail; like
    // any failure it waits for its turn first, at 700, takes 10, and comes back a second later.
    let load = "{latency: {by: waiting, steps: {1: 3x}}, \
                failures: {by: waiting, steps: {2: 100%}, retry_after: 1s}}";
    let tool = format!("latency: 100ms, capacity: {{servers: 1}}, under_load: {load}");
    expect(
        &calls(
            &tool,
            "4",
            "count: 4",
            "tool: [{retry: {attempts: 2, delay: 0}}]",
        ),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..400 ok",
            "1 ends at 400 ok",
            "2 tool 0..700 ok",
            "2 ends at 700 ok",
            "3 tool 0..710 overloaded",
            "3 tool 1710..1810 ok",
            "3 ends at 1810 ok",
        ],
    );
}

#[test]
fn arrivals_count_for_a_window_that_is_half_open() {
    // A call every 100 ms against three in the last 300, itself counted: at 0, 100, 200 one, two,
    // three, at 300 that of 0 has just left. The first two take 50, all others 60.
    let load = "{latency: {by: {arrivals: 300ms}, steps: {3: 1.2x, 4: 9x}}}";
    expect(
        &format!(
            "
            tools: {{tool: {{latency: 50ms, under_load: {load}}}}}
            fleets:
              f: {{agents: unlimited, tasks: {{arrivals: {{every: 10/s}}, count: 4}}, plan: [{{tool: tool}}]}}
            policies: {{p: {{}}}}
            "
        ),
        &[
            "0 tool 100..150 ok",
            "0 ends at 150 ok",
            "1 tool 200..250 ok",
            "1 ends at 250 ok",
            "2 tool 300..360 ok",
            "2 ends at 360 ok",
            "3 tool 400..460 ok",
            "3 ends at 460 ok",
        ],
    );
}

#[test]
fn what_a_client_leaves_behind_is_load_for_its_retry() {
    // Alone it would take 100. The second agent finds two and would take 400, so that it gives up at
    // 150; what it left works until 400, and its retry at 150 meets that and itself: 400 again.
    let load = "under_load: {latency: {points: {1: 1x, 2: 4x}}}";
    let policy = "tool: [{retry: {attempts: 3, delay: 0}}, {timeout: 150ms}]";
    expect(
        &calls(&format!("latency: 100ms, {load}"), "2", "count: 2", policy),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..150 timeout",
            "1 tool 150..300 timeout",
            "1 tool 300..450 timeout",
            "1 ends at 450 timeout",
        ],
    );
    // One that cancels has forgotten it.
    let tool = format!("latency: 100ms, cancels: true, {load}");
    expect(
        &calls(&tool, "2", "count: 2", policy),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 0..150 timeout",
            "1 tool 150..250 ok",
            "1 ends at 250 ok",
        ],
    );
}
