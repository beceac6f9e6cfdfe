//! The ideal: the same scenario without anything that goes wrong.

use crate::scenario::model::{Scenario, Step};
use crate::units::Share;
use crate::world::{Calendar, Capacity, Target, UnderLoad};

/// The scenario without failures, hangs, outages, load, limits and queues; every answer is valid.
///
/// Latencies, tokens, prices, arrivals and the horizon stay, so a run of it under the empty policy
/// says what the work costs by itself.
pub fn ideal(scenario: &Scenario) -> Scenario {
    let mut ideal = scenario.clone();
    ideal.targets = scenario.targets.iter().map(without_trouble).collect();
    for fleet in &mut ideal.fleets {
        always_valid(&mut fleet.plan);
    }
    ideal
}

fn without_trouble(target: &Target) -> Target {
    let mut target = target.clone();
    target.failures.rate = Share::NONE;
    target.hangs = None;
    target.outages = Calendar::default();
    target.episodes = None;
    target.script = None;
    target.pauses = Calendar::default();
    target.slowdowns = Calendar::default();
    target.breakdowns = None;
    target.capacity = Capacity::Infinite;
    target.under_load = UnderLoad::default();
    target.contention = None;
    target.limits.clear();
    target
}

fn always_valid(steps: &mut [Step]) {
    for step in steps {
        match step {
            Step::Llm(llm) => {
                llm.passes = Share::ALL;
                llm.never = Share::NONE;
            }
            Step::Repeat { steps, .. } => always_valid(steps),
            Step::Parallel(parallel) => {
                for branch in &mut parallel.branches {
                    always_valid(&mut branch.steps);
                }
            }
            Step::Tool(_) | Step::Wait(_) => {}
        }
    }
}
