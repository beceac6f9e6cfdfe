//! A second implementation of the simulation, slow and naive, written from `docs/scenario.md`
//! alone, and held against squall event by event.
//!
//! Here a task is a coroutine, a layer is a function around what is inside it, a client that gives
//! up drops what it waited for, and a rate limit is computed from the log of everything it has
//! seen. Nothing of squall's own simulation is used but the checked scenario that both read.
//! Scenarios have no luck in them, so that both must agree to the nanosecond and the pico-dollar.

mod client;
mod clock;
mod compare;
mod fleet;
mod gate;
mod generate;
mod limits;
mod server;
mod sim;

use compare::agree;

/// How many random scenarios are played, unless `SQUALL_ORACLE_CASES` says otherwise.
const CASES: u64 = 400;

#[test]
fn random_scenarios_agree() {
    let cases = std::env::var("SQUALL_ORACLE_CASES");
    let cases = cases.map_or(CASES, |n| n.parse().expect("a number"));
    let mut attempts = 0;
    for seed in 0..cases {
        attempts += agree(&generate::scenario(seed));
    }
    // The scenarios are no good if nothing happens in them.
    assert!(attempts as u64 > 20 * cases, "{attempts} attempts in {cases} scenarios");
}
