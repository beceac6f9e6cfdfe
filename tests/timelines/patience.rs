//! Timeouts that are drawn.

use std::collections::BTreeSet;

use squall::simulation::Attempt;

use crate::{calls, expect, play};

/// How long attempts lasted, in the order of their ends [ns].
fn lengths(attempts: &[Attempt]) -> Vec<u64> {
    let length = |a: &Attempt| a.end.since(a.begin).0;
    attempts.iter().map(length).collect()
}

/// One call of a tool that does not answer.
fn hangs(layers: &str) -> Vec<u64> {
    let (_, attempts) = play(&calls(
        "latency: 1h",
        "1",
        "count: 1",
        &format!("tool: [{layers}]"),
    ));
    lengths(&attempts)
}

const DRAWN: &str = "{timeout: {uniform: [1s, 2s]}}";

#[test]
fn patience_goes_on_in_line_and_at_work() {
    // Both are patient for 150 ms. Task 0 has the slot until 100, task 1 from then on, and gives up.
    expect(
        &calls(
            "latency: 100ms",
            "2",
            "count: 2",
            "tool: [{timeout: {empirical: [150ms]}}, {concurrency: {max: 1}}]",
        ),
        &[
            "0 tool 0..100 ok",
            "0 ends at 100 ok",
            "1 tool 100..150 timeout",
            "1 ends at 150 timeout",
        ],
    );
}

#[test]
fn of_a_fixed_and_a_drawn_one_the_shorter_counts() {
    // Twice 40 ms inside, which the drawn one outside ends at 70.
    let layers =
        "{timeout: {empirical: [70ms]}}, {retry: {attempts: 3, delay: 0}}, {timeout: 40ms}";
    expect(
        &calls("latency: 1h", "1", "count: 1", &format!("tool: [{layers}]")),
        &[
            "0 tool 0..40 timeout",
            "0 tool 40..70 timeout",
            "0 ends at 70 timeout",
        ],
    );
}

#[test]
fn a_retry_meets_another_one() {
    let seen = hangs(&format!("{{retry: {{attempts: 50, delay: 0}}}}, {DRAWN}"));
    let different: BTreeSet<&u64> = seen.iter().collect();
    assert_eq!((seen.len(), different.len()), (50, 50));
    let bounds = 1_000_000_000..2_000_000_000;
    assert!(seen.iter().all(|length| bounds.contains(length)));
    let mean = seen.iter().sum::<u64>() / 50;
    // A deviation of 289 ms by the root of 50 is 41 ms; that three times.
    assert!(mean.abs_diff(1_500_000_000) < 123_000_000, "{mean}");
}

#[test]
fn whoever_draws_at_the_same_place_meets_the_same() {
    let plain = hangs(&format!("{{retry: {{attempts: 5, delay: 0}}}}, {DRAWN}"));
    let others = "{concurrency: {max: 1}}, {retry: {attempts: 5, delay: 1s}}, {timeout: 1h}";
    assert_eq!(plain, hangs(&format!("{others}, {DRAWN}")));
}

#[test]
fn of_two_in_a_list_each_has_its_own() {
    // The outer one is the one that stands alone; the inner one is shorter now and then.
    let of_twenty = |layers: &str| {
        let policy = format!("tool: [{layers}]");
        let (_, attempts) = play(&calls("latency: 1h", "1", "count: 20", &policy));
        lengths(&attempts)
    };
    let (alone, both) = (of_twenty(DRAWN), of_twenty(&format!("{DRAWN}, {DRAWN}")));
    let pairs = || alone.iter().zip(&both);
    assert!(pairs().all(|(alone, both)| both <= alone));
    let shorter = pairs().filter(|(alone, both)| both < alone).count();
    assert!((3..18).contains(&shorter), "{shorter}");
}

#[test]
fn who_gives_up_before_the_wire_meets_another_one_too() {
    // Fleet a has the token of this hour; b waits for the next one, and gives up so many times.
    let end_of_b = |attempts: u32| {
        let scenario = format!(
            "tools: {{tool: {{latency: 1ms}}}}\n\
             fleets:\n  \
               a: {{agents: 1, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}\n  \
               b: {{agents: 1, tasks: {{count: 1}}, plan: [{{tool: tool}}]}}\n\
             policies:\n  \
               p:\n    \
                 tool:\n      \
                   - retry: {{attempts: {attempts}, delay: 0}}\n      \
                   - timeout: {{uniform: [1s, 2s]}}\n      \
                   - rate_limit: {{rate: 1/1h, shared: all}}\n"
        );
        let (lines, attempts) = play(&scenario);
        assert_eq!(attempts.len(), 1, "b makes none");
        let end = lines[2].split(' ').nth(3).unwrap();
        end.strip_suffix("ns").unwrap().parse::<u64>().unwrap()
    };
    let ends: Vec<u64> = (1..=9).map(end_of_b).collect();
    let between = ends.windows(2).map(|pair| pair[1] - pair[0]);
    let different: BTreeSet<u64> = between.chain([ends[0]]).collect();
    assert_eq!(different.len(), 9);
    let bounds = 1_000_000_000..2_000_000_000;
    assert!(different.iter().all(|time| bounds.contains(time)));
}

#[test]
fn every_place_has_its_own() {
    // Two steps in three rounds by two sub-agents, each tried twice, by two tasks, submitted twice.
    let retry = format!("{{retry: {{attempts: 2, delay: 0}}}}, {DRAWN}");
    let step = "{tool: tool, on_failure: continue}";
    let scenario = format!(
        "tools: {{tool: {{latency: 1h}}}}\n\
         fleets:\n  \
           f:\n    \
             agents: 1\n    \
             tasks: {{count: 2}}\n    \
             plan:\n      \
               - parallel: 2\n        \
                 steps: [{{repeat: 3, steps: [{step}, {step}]}}]\n      \
               - tool: tool\n\
         policies: {{p: {{tool: [{retry}], fleet: [{{retry: {{attempts: 2}}}}]}}}}\n"
    );
    let seen = lengths(&play(&scenario).1);
    let different: BTreeSet<&u64> = seen.iter().collect();
    let all = 2 * 2 * (2 * 3 * 2 + 1) * 2;
    assert_eq!((seen.len(), different.len()), (all, all));
}

#[test]
fn turns_and_tasks_draw_too_and_hedges_each_for_itself() {
    // A task's and a turn's begin with the same step, and yet each has its own.
    let ends = |policy: &str| {
        let scenario = format!(
            "models: {{m: {{latency: 1h}}}}\n\
             fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: m, output: 1}}]}}}}\n\
             policies: {{p: {{{policy}}}}}\n"
        );
        lengths(&play(&scenario).1)
    };
    let each = ["llm", "turn", "task"].map(|scope| ends(&format!("{scope}: [{DRAWN}]"))[0]);
    assert!(
        each[0] != each[1] && each[1] != each[2] && each[0] != each[2],
        "{each:?}"
    );
    let all = ends(&format!("llm: [{DRAWN}], turn: [{DRAWN}], task: [{DRAWN}]"));
    assert_eq!(all, [*each.iter().min().unwrap()]);
    // The hedge that goes out at 100 ms meets other luck; the first attempt that of no hedge.
    let hedged = ends(&format!("llm: [{{hedge: {{after: 100ms}}}}, {DRAWN}]"));
    assert_eq!(hedged.len(), 2);
    assert!(
        hedged[0] != hedged[1] && hedged.contains(&each[0]),
        "{hedged:?}"
    );
}
