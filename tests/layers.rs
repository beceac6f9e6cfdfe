//! What the layers of a policy promise, in every run of random scenarios (see `properties.rs`).

mod common;

use std::collections::BTreeMap;

use common::trials::{for_all_runs, parallels_around};
use proptest::prelude::*;
use squall::random::Distribution;
use squall::resilience::{Pace, RetryBudgetSpec};
use squall::scenario::{Layer, LayerKind, Policy, Scenario, Shared, Step, TargetId, Tokens};
use squall::simulation::Attempt;
use squall::units::{Money, Time};

/// The layers around calls of a target, with the ids that reports give them.
fn call_layers<'p>(
    scenario: &Scenario,
    policy: &'p Policy,
    target: TargetId,
) -> Vec<(u16, &'p Layer)> {
    let is_model = scenario.targets[usize::from(target.0)].is_model();
    let mut id = 0;
    let mut found = vec![];
    for (calls, models) in [(&policy.tool, false), (&policy.llm, true)] {
        let special = calls.of.iter().any(|(t, _)| *t == target);
        let lists = [(None, &calls.others)];
        let of = calls.of.iter().map(|(t, list)| (Some(*t), list));
        for (of, list) in lists.into_iter().chain(of) {
            let applies = if special {
                of == Some(target)
            } else {
                of.is_none()
            };
            for layer in list {
                if applies && models == is_model {
                    found.push((id, layer));
                }
                id += 1;
            }
        }
    }
    found
}

/// Whether a policy's calls may be made at other targets than the plan says: then a layer of one
/// target's list meets attempts at another.
fn makes_detours(policy: &Policy) -> bool {
    let lists = [&policy.tool, &policy.llm].into_iter();
    let mut layers = lists.flat_map(|c| c.others.iter().chain(c.of.iter().flat_map(|(_, l)| l)));
    layers.any(|l| matches!(l.kind, LayerKind::Fallback(..) | LayerKind::Route(..)))
}

/// The product of the attempts that these layers may make of one; `None` is any number.
fn product<'l>(layers: impl Iterator<Item = &'l Layer>) -> Option<u64> {
    let mut product = 1;
    for layer in layers {
        if let LayerKind::Retry(spec) = &layer.kind {
            product *= u64::from(spec.attempts?);
        }
        if let LayerKind::Hedge(spec) = &layer.kind {
            product *= 1 + u64::from(spec.most);
        }
        if let LayerKind::Fallback(to, _) = &layer.kind {
            product *= 1 + to.len() as u64;
        }
    }
    Some(product)
}

#[test]
fn retries_never_exceed_the_product_of_their_layers() {
    for_all_runs(|scenario, policy, log, _| {
        let mut counts: BTreeMap<(u8, u32, u16, u32), (TargetId, u64)> = BTreeMap::new();
        for a in log.attempts() {
            let step = counts.entry((a.fleet, a.task, a.step, a.round));
            step.or_insert((a.target, 0)).1 += 1;
        }
        let turn = product(policy.turn.iter());
        let task = product(policy.task.iter());
        let retry = policy.fleet.retry.as_ref().map_or(Some(1), |r| r.attempts);
        let cron = policy.fleet.dead_letter.and_then(|d| d.resubmit);
        let returns = cron.map_or(Some(0), |c| c.times);
        let queue = retry.zip(returns).map(|(n, times)| n * (times + 1));
        for (step, (target, count)) in counts {
            // With detours the first attempt may have been at another target than the plan's.
            let is_model = scenario.targets[usize::from(target.0)].is_model();
            let alike = |t: &TargetId| {
                let other = &scenario.targets[usize::from(t.0)];
                *t == target || (makes_detours(policy) && other.is_model() == is_model)
            };
            let all = (0..scenario.targets.len() as u16).map(TargetId);
            let products = all.filter(alike).map(|t| {
                let layers = call_layers(scenario, policy, t);
                product(layers.iter().map(|(_, layer)| *layer))
            });
            let calls = products.collect::<Option<Vec<u64>>>();
            let calls = calls.map(|all| all.into_iter().max().unwrap_or(1));
            // Sub-agents have turns of their own within the turn that started them.
            let turns = parallels_around(scenario, step.0)[usize::from(step.2)] + 1;
            if let (Some(turn), Some(task), Some(queue), Some(calls)) = (turn, task, queue, calls) {
                let most = turn.pow(turns) * task * u64::from(queue) * calls;
                prop_assert!(count <= most, "{count} > {most} at {step:?}");
            }
        }
        Ok(())
    });
}

/// Most of these intervals that hold one instant; they are half open.
fn most_at_once<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> u32 {
    let mut edges: Vec<(Time, i32)> = vec![];
    for a in attempts.filter(|a| a.begin < a.end) {
        edges.push((a.begin, 1));
        edges.push((a.end, -1));
    }
    edges.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, step) in edges {
        now += step;
        most = most.max(now);
    }
    most as u32
}

/// Attempts by who shares a layer's state.
fn by_sharer<'a>(
    shared: Shared,
    attempts: impl Iterator<Item = &'a Attempt>,
) -> Vec<Vec<&'a Attempt>> {
    let mut groups: BTreeMap<(u8, u32), Vec<&Attempt>> = BTreeMap::new();
    for a in attempts {
        let key = match shared {
            Shared::Task => (a.fleet, a.task),
            Shared::Agent => (a.fleet, a.agent),
            Shared::Fleet => (a.fleet, 0),
            Shared::All => (0, 0),
        };
        groups.entry(key).or_default().push(a);
    }
    groups.into_values().collect()
}

#[test]
fn concurrency_layers_keep_their_bound() {
    for_all_runs(|scenario, policy, log, _| {
        for t in 0..scenario.targets.len() {
            let target = TargetId(t as u16);
            let layers = call_layers(scenario, policy, target);
            for (i, (_, layer)) in layers.iter().enumerate() {
                let LayerKind::Concurrency(spec) = &layer.kind else {
                    continue;
                };
                // One slot outside a hedge is for all of its attempts.
                let hedges = |(_, l): &(u16, &Layer)| matches!(l.kind, LayerKind::Hedge(_));
                if makes_detours(policy) || layers[i..].iter().any(hedges) {
                    continue;
                }
                let attempts = log.attempts().filter(|a| a.target == target);
                for group in by_sharer(layer.shared, attempts) {
                    prop_assert!(
                        most_at_once(group.into_iter()) <= spec.max,
                        "{}",
                        layer.label
                    );
                }
            }
        }
        Ok(())
    });
}

/// Whether what a step's attempts cost is known before they are made.
fn is_bounded(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Llm(llm) => matches!(
            &llm.output,
            Tokens::Drawn(
                Distribution::Constant(_)
                    | Distribution::Uniform { .. }
                    | Distribution::Empirical(_)
            )
        ),
        Step::Tool(_) | Step::Wait(_) => true,
        Step::Repeat { steps, .. } => is_bounded(steps),
        Step::Parallel(p) => p.branches.iter().all(|b| is_bounded(&b.steps)),
    })
}

#[test]
fn budgets_are_never_exceeded_where_estimates_are_bounds() {
    for_all_runs(|scenario, policy, log, _| {
        if !scenario.fleets.iter().all(|f| is_bounded(&f.plan)) {
            return Ok(());
        }
        let mut budgets: Vec<(&Layer, Option<TargetId>)> = vec![];
        budgets.extend(policy.task.iter().map(|l| (l, None)));
        for t in 0..scenario.targets.len() {
            let target = TargetId(t as u16);
            let layers = call_layers(scenario, policy, target);
            budgets.extend(layers.into_iter().map(|(_, l)| (l, Some(target))));
        }
        for (layer, target) in budgets {
            let LayerKind::Budget(limit) = layer.kind else {
                continue;
            };
            // A task that is submitted again has a new budget, and a slot that is used again is a
            // new sub-agent, with one of its own.
            let again = policy.fleet.retry.is_some() || policy.fleet.dead_letter.is_some();
            let renewed = again && layer.shared == Shared::Task;
            if renewed || layer.shared == Shared::Agent {
                continue;
            }
            // A detour's attempts stand in the layers of the target that the plan names.
            if target.is_some() && makes_detours(policy) {
                continue;
            }
            let of = |a: &&Attempt| target.is_none_or(|t| a.target == t);
            for group in by_sharer(layer.shared, log.attempts().filter(of)) {
                let spent = group.iter().map(|a| a.cost).sum::<Money>();
                prop_assert!(spent <= limit, "{}: {spent:?} of {limit:?}", layer.label);
            }
        }
        Ok(())
    });
}

/// All layers of a policy in report order, their index being their id; how many of them stand around
/// calls, and how many around calls and turns.
fn written(policy: &Policy) -> (Vec<&Layer>, usize, usize) {
    let calls = [&policy.tool, &policy.llm];
    let lists = calls
        .into_iter()
        .flat_map(|c| std::iter::once(&c.others).chain(c.of.iter().map(|(_, l)| l)));
    let mut layers: Vec<&Layer> = lists.flatten().collect();
    let calls = layers.len();
    layers.extend(&policy.turn);
    let turns = layers.len();
    layers.extend(&policy.task);
    (layers, calls, turns)
}

#[test]
fn retry_budgets_bound_the_retries_inside_them() {
    for_all_runs(|scenario, policy, log, _| {
        let (layers, _, turns) = written(policy);
        let one_fleet = scenario.fleets.len() == 1;
        for (i, layer) in layers.iter().enumerate().skip(turns) {
            let LayerKind::RetryBudget(RetryBudgetSpec::Count(most)) = layer.kind else {
                continue;
            };
            if !(layer.shared == Shared::All || layer.shared == Shared::Fleet && one_fleet) {
                continue;
            }
            let is_retry = |id: &usize| matches!(layers[*id].kind, LayerKind::Retry(_));
            let inside = (0..turns).chain(i + 1..layers.len()).filter(is_retry);
            let retries: u64 = inside.map(|id| log.acted(id as u16)).sum();
            prop_assert!(retries <= u64::from(most), "{retries} of {most}");
        }
        Ok(())
    });
}

#[test]
fn client_rate_limits_keep_their_rate() {
    for_all_runs(|scenario, policy, log, _| {
        for t in 0..scenario.targets.len() {
            let target = TargetId(t as u16);
            let layers = call_layers(scenario, policy, target);
            let Some((_, layer)) = layers.last() else {
                continue;
            };
            let LayerKind::RateLimit(spec) = &layer.kind else {
                continue;
            };
            // Who has slept through a sleeping window passes, whatever the count.
            let bounds = spec.pace == Pace::Even && layer.shared == Shared::All;
            if !bounds || makes_detours(policy) {
                continue;
            }
            let times: Vec<u64> = log
                .begun()
                .filter(|b| b.1 == target)
                .map(|b| b.0.0)
                .collect();
            let interval = spec.rate.interval().0;
            for (i, from) in times.iter().enumerate() {
                for (n, to) in times[i..].iter().enumerate() {
                    let most = spec.burst + (to - from) / interval;
                    prop_assert!((n as u64) < most, "{} from {from} to {to}", n + 1);
                }
            }
        }
        Ok(())
    });
}
