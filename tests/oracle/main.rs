//! A second implementation of the simulation, slow and naive, written from `docs/scenario.md`
//! alone, and held against squall event by event.
//!
//! Here a task is a coroutine, a layer is a function around what is inside it, a client that gives
//! up drops what it waited for, and a rate limit is computed from the log of everything it has
//! seen. Nothing of squall's own simulation is used but the checked scenario that both read.
//! Scenarios have no luck in them, so that both must agree to the nanosecond and the pico-dollar.

mod attempt;
mod client;
mod clock;
mod compare;
mod fleet;
mod gate;
mod generate;
mod layers;
mod limits;
mod server;
mod sharing;
mod sim;
mod working;

use std::ops::Range;

use compare::{Verdict, compare};
use generate::WITH_GAPS;

/// How many random scenarios are played, unless `SQUALL_ORACLE_CASES` says otherwise
/// (`400`, or `17..18` for one).
const CASES: Range<u64> = 0..400;

/// How many more in which tasks come several at once and after gaps.
const GAPS: u64 = 100;

/// Scenarios in which they parted once, played in the usual run too: whom a dead letter finds idle, a
/// batch that stops while they come back (2229), attempts of a fallback inside a retry budget (2699),
/// a step of a `parallel` that is begun anew (5865), what a hedge took from a quota (5765), in which
/// order agents come back to a batch that stopped twice (9637), timeouts of two tasks that end together
/// (3376), and inside a hedge (5360), an arrival beside a call that waits its turn (15583), who began
/// first of two that share (3746), whose an agent's budget is two forks further in (21531), whether what
/// a sub-agent's turn asks for is a retry to a budget in the turn around it (33736), or what it does in
/// a turn that is one (20027), what the quotas of two agents took for one attempt (179107), and
/// took before it (288136), an attempt given up at a fallback's target (251672), tasks of an open loop
/// that wait for a stopped batch (286910), what leaves a full target when it is stale (366283), a
/// fallback after a retry inside it, in a sub-agent (469482).
const PARTED_ONCE: [u64; 26] = [
    603, 2229, 2349, 2699, 3376, 3746, 4362, 4588, 5013, 5360, 5765, 5819, 5865, 9637, 10924,
    15583, 20027, 21531, 22120, 33736, 179107, 251672, 286910, 288136, 366283, 469482,
];

#[test]
fn random_scenarios_agree() {
    let usual = std::env::var("SQUALL_ORACLE_CASES").is_err();
    let cases = std::env::var("SQUALL_ORACLE_CASES").map_or(CASES, |text| {
        let number = |text: &str| text.parse().expect("a number");
        match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&text),
        }
    });
    let (mut attempts, mut taste, mut parted) = (0, 0, vec![]);
    let again = PARTED_ONCE.into_iter().chain(WITH_GAPS..WITH_GAPS + GAPS);
    let again = again.filter(|_| usual);
    for case in cases.clone().chain(again) {
        match compare(&generate::scenario(case)) {
            Verdict::Agree(n) => attempts += n as u64,
            Verdict::Taste => taste += 1,
            Verdict::Part => parted.push(case),
        }
    }
    let all = cases.end - cases.start;
    eprintln!("{all} scenarios, {attempts} attempts, {taste} a matter of taste");
    assert!(parted.is_empty(), "they part in cases {parted:?}");
    // The scenarios are no good if nothing happens in them, or everything at once.
    if all < 100 {
        return;
    }
    assert!(attempts > 20 * all, "only {attempts} attempts");
    assert!(taste * 10 < all, "{taste} of {all} are a matter of taste");
}
