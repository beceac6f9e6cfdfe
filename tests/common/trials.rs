//! Holding properties against random scenarios.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use squall::experiment::{Progress, observe};
use squall::random::Weather;
use squall::scenario::{Policy, Scenario, Step};
use squall::simulation::RunEnd;

use super::generator::{BYTES, World, scenario_text};
use super::log::Log;
use super::{cases, scenario};

pub type Verdict = Result<(), TestCaseError>;

/// So many random scenarios, always the same.
pub fn samples(n: usize, world: World) -> Vec<String> {
    let mut runner = TestRunner::new_with_rng(Config::default(), rng());
    let strategy = vec(any::<u8>(), 0..BYTES);
    let mut one = || {
        let bytes = strategy.new_tree(&mut runner).expect("bytes can be drawn");
        scenario_text(&bytes.current(), world)
    };
    (0..n).map(|_| one()).collect()
}

fn rng() -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32])
}

/// Holds a property against so many random scenarios.
pub fn for_all(usual: u32, world: World, property: impl Fn(&str, &Scenario) -> Verdict) {
    let config = Config {
        cases: cases(usual),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng());
    let strategy = vec(any::<u8>(), 0..BYTES);
    let outcome = runner.run(&strategy, |bytes| {
        let text = scenario_text(&bytes, world);
        let scenario = scenario(&text);
        property(&text, &scenario)
    });
    if let Err(error) = outcome {
        let text = match &error {
            TestError::Fail(_, bytes) => scenario_text(bytes, world),
            TestError::Abort(_) => String::new(),
        };
        let reason = error.to_string();
        let reason = reason.split("minimal failing input").next().unwrap_or("");
        panic!("{reason}\n{text}");
    }
}

pub const SEED: u64 = 5;

pub fn play(scenario: &Scenario, policy: &Policy, replication: u64) -> (Log, RunEnd) {
    let mut log = Log::default();
    let end = observe(scenario, policy, Weather::new(SEED, replication), &mut log);
    (log, end)
}

/// Holds a property of single runs against every policy of every scenario.
pub fn for_all_runs(property: impl Fn(&Scenario, &Policy, &Log, &RunEnd) -> Verdict) {
    for_all(200, World::Any, |_, scenario| {
        for policy in &scenario.policies {
            let (log, end) = play(scenario, policy, 0);
            property(scenario, policy, &log, &end)?;
        }
        Ok(())
    });
}

/// Never stops, says nothing.
pub struct Quiet;
impl Progress for Quiet {}

/// For each step, by the number that the compiler gives it, how many `parallel`s are around it.
fn depths(steps: &[Step], around: u32, found: &mut Vec<u32>) {
    for step in steps {
        match step {
            Step::Llm(_) | Step::Tool(_) | Step::Wait(_) => found.push(around),
            Step::Repeat { steps, .. } => depths(steps, around, found),
            Step::Parallel(parallel) => {
                for branch in &parallel.branches {
                    depths(&branch.steps, around + 1, found);
                }
            }
        }
    }
}

pub fn parallels_around(scenario: &Scenario, fleet: u8) -> Vec<u32> {
    let mut found = vec![];
    depths(&scenario.fleets[usize::from(fleet)].plan, 0, &mut found);
    found
}
