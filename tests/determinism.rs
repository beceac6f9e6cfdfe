//! Same seed, same bytes: whatever the threads, the neighbours, the queue; and one weather for all
//! policies. On random scenarios (see `properties.rs`).

mod common;

use std::collections::BTreeMap;

use common::generator::World;
use common::log::Log;
use common::trials::{Quiet, SEED, for_all, play};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use squall::engine::{Heap, Wheel};
use squall::experiment::document::Document;
use squall::experiment::{Plan, run};
use squall::random::Weather;
use squall::scenario::Scenario;
use squall::simulation::{Program, run_on};
use squall::wire::Outcome;

fn documented(scenario: &Scenario, text: &str, replications: u32) -> Document {
    let plan = Plan {
        seed: SEED,
        replications,
        source: text.to_owned(),
        overrides: vec![],
        scenario_hash: String::new(),
    };
    let (document, _) = run(scenario, &plan, &Quiet).expect("nobody interrupts");
    document
}

fn bytes(document: &Document) -> String {
    serde_json::to_string(document).expect("a document can be written")
}

#[test]
fn the_document_is_the_same_on_any_number_of_threads() {
    let pools = [1, 2, 7].map(|n| {
        let pool = ThreadPoolBuilder::new().num_threads(n);
        pool.build().expect("threads can be started")
    });
    for_all(30, World::Any, |text, scenario| {
        let on = |pool: &rayon::ThreadPool| pool.install(|| documented(scenario, text, 5));
        let first = on(&pools[0]);
        for pool in &pools {
            let other = on(pool);
            prop_assert!(
                bytes(&first) == bytes(&other),
                "threads change the document"
            );
        }
        Ok(())
    });
}

#[test]
fn neighbours_change_no_policys_numbers() {
    for_all(30, World::Any, |text, scenario| {
        let all = documented(scenario, text, 3);
        let mut turned = scenario.clone();
        turned.policies.reverse();
        let turned = documented(&turned, text, 3);
        let mut alone = scenario.clone();
        alone.policies.drain(..1);
        let alone = documented(&alone, text, 3);
        for other in [turned, alone] {
            for policy in &other.policies {
                let same = all.policies.iter().find(|p| p.name == policy.name);
                let same = same.expect("it is one of them");
                prop_assert_eq!(&policy.metrics, &same.metrics);
                prop_assert_eq!(&policy.targets, &same.targets);
                prop_assert_eq!(&policy.layers, &same.layers);
                prop_assert_eq!(&policy.spend_by_cause, &same.spend_by_cause);
                prop_assert_eq!(&policy.spend_samples, &same.spend_samples);
            }
        }
        Ok(())
    });
}

#[test]
fn heap_and_wheel_give_the_same_run() {
    for_all(100, World::Any, |_, scenario| {
        for policy in &scenario.policies {
            let program = Program::new(scenario, policy);
            let weather = Weather::new(SEED, 1);
            let (mut by_heap, mut by_wheel) = (Log::default(), Log::default());
            let stop = || false;
            let heap = Heap::default();
            let one = run_on(heap, scenario, &program, weather, &mut by_heap, &stop);
            let wheel = Wheel::default();
            let other = run_on(wheel, scenario, &program, weather, &mut by_wheel, &stop);
            prop_assert_eq!(one, other);
            prop_assert!(by_heap == by_wheel, "the logs differ");
        }
        Ok(())
    });
}

/// What the weather alone decides of an attempt that ended by itself: outcome, length, output.
type Luck = (Outcome, u64, u32);

/// A place in the plan, and the target at which its call was made.
type Place = (u8, u32, u16, u32, u32, u8, u16);

fn luck_of(log: &Log) -> BTreeMap<Place, Luck> {
    let by_itself = log.attempts().filter_map(|a| {
        let outcome = a.outcome.filter(|o| *o != Outcome::Timeout)?;
        let target = a.target.0;
        let spot = (a.fleet, a.task, a.step, a.round, a.number, a.hedge, target);
        Some((spot, (outcome, a.end.since(a.begin).0, a.usage.output)))
    });
    by_itself.collect()
}

#[test]
fn all_policies_meet_the_same_weather() {
    let mut compared = std::cell::Cell::new(0u64);
    for_all(300, World::Stateless, |_, scenario| {
        let logs: Vec<Log> = scenario
            .policies
            .iter()
            .map(|p| play(scenario, p, 0).0)
            .collect();
        let first = luck_of(&logs[0]);
        for log in &logs[1..] {
            for (spot, luck) in luck_of(log) {
                if let Some(same) = first.get(&spot) {
                    prop_assert_eq!(*same, luck, "{:?}", spot);
                    compared.set(compared.get() + 1);
                }
            }
        }
        Ok(())
    });
    assert!(
        *compared.get_mut() > 10_000,
        "{compared:?}: too few to say anything"
    );
}
