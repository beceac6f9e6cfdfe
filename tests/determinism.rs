//! Same seed, same bytes: whatever the threads, the neighbours, the queue; and one weather for all
//! policies. On random scenarios (see `properties.rs`).

mod common;

use std::collections::BTreeMap;

use common::generator::World;
use common::log::Log;
use common::scenario;
use common::trials::{Quiet, SEED, for_all, play};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use squall::engine::{Heap, Wheel};
use squall::experiment::document::Document;
use squall::experiment::{self, Plan};
use squall::meter::Ledger;
use squall::random::Weather;
use squall::scenario::Scenario;
use squall::simulation::{Program, run, run_on};
use squall::wire::Outcome;

fn documented(scenario: &Scenario, text: &str, replications: u32) -> Document {
    let plan = Plan {
        seed: SEED,
        replications,
        source: text.to_owned(),
        overrides: vec![],
        scenario_hash: String::new(),
    };
    let (document, _) = experiment::run(scenario, &plan, &Quiet).expect("nobody interrupts");
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

/// Scenarios of nothing but free tools, agents and retries, one for each number.
fn plain_scenario(number: u32) -> String {
    let choose = |place: u32, from: &[&str]| {
        let scattered = (number + 1)
            .wrapping_mul(0x9E37_79B9)
            .rotate_left(5 * place);
        from[(scattered.wrapping_mul(0x85EB_CA6B) >> 16) as usize % from.len()].to_owned()
    };
    let fleet = |at: u32| {
        let tasks = [
            "{count: 40}",
            "{count: 5, each_agent: true}",
            "{arrivals: {poisson: 2/s}, count: 60}",
        ];
        let plans = [
            "[{tool: a}]",
            "[{tool: a}, {tool: b}]",
            "[{tool: a}, {tool: a}, {wait: 1s}, {tool: b}]",
            "[{repeat: 3, steps: [{tool: b}, {tool: a}]}, {tool: a}]",
            "[{tool: b, on_failure: continue}, {tool: a}]",
        ];
        let (tasks, plan) = (choose(at, &tasks), choose(at + 1, &plans));
        format!(
            "{{agents: {}, tasks: {tasks}, plan: {plan}}}",
            2 + number % 5
        )
    };
    let layers = [
        "[]",
        "[{retry: {attempts: 3, backoff: {exponential: {base: 1s, factor: 2}, jitter: full}}}]",
        "[{retry: {attempts: 2, backoff: {fixed: 0s}}}]",
        "[{retry: {attempts: 4, backoff: {fixed: 1s}, deadline: 20s}}]",
        "[{timeout: 1s}, {retry: {attempts: 2, backoff: {fixed: 1s}}}]",
    ];
    format!(
        "name: plain\nhorizon: {}\ntools:\n  a: {{latency: {}, failures: {}}}\n  \
         b: {{latency: {{exponential: {{mean: 1s}}}}, failures: 20%}}\nfleets:\n  f: {}\n  g: {}\n\
         policies:\n  p: {{tool: {}}}\n  q: {{tool: {}}}\n",
        choose(0, &["1h", "20s"]),
        choose(1, &["100ms", "0s", "{uniform: [0s, 3s]}"]),
        choose(2, &["0%", "30%"]),
        fleet(3),
        fleet(5),
        choose(7, &layers),
        choose(8, &layers),
    )
}

#[test]
fn strides_change_no_run() {
    let mut taken = 0;
    for number in 0..300 {
        let scenario = scenario(&plain_scenario(number));
        for policy in &scenario.policies {
            let program = Program::new(&scenario, policy);
            taken += program.strides();
            let weather = Weather::new(SEED, u64::from(number));
            let play = |program: &Program| {
                let (mut log, mut ledger) = (Log::default(), Ledger::new(&scenario, program));
                let end = run(&scenario, program, weather, &mut log, &|| false);
                let booked = run(&scenario, program, weather, &mut ledger, &|| false);
                (log, format!("{ledger:?}"), end, booked)
            };
            let strides = play(&program);
            let steps = play(&program.without_strides());
            assert!(strides == steps, "strides change scenario {number}");
        }
    }
    assert!(taken > 300, "{taken} calls in strides are too few");
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
