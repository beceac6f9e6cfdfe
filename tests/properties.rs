//! What must hold in every run, on random scenarios.
//!
//! The scenarios come from `common::generator`; their seed is fixed, so the same ones are tried
//! each time. `SQUALL_CASES=10000 cargo test --release --test properties` tries more. A failure
//! prints the smallest scenario that proptest finds.

mod common;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use common::generator::{BYTES, MOST_EVENTS, World, scenario_text};
use common::log::{Entry, Log};
use common::{cases, scenario};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rayon::ThreadPoolBuilder;
use squall::engine::{Heap, Wheel};
use squall::experiment::document::Document;
use squall::experiment::{Plan, Progress, observe, play_one, run};
use squall::meter::Ledger;
use squall::random::{Distribution, Weather};
use squall::resilience::RetryBudgetSpec;
use squall::scenario::{Layer, LayerKind, Policy, Scenario, Shared, Step, TargetId, Tokens};
use squall::simulation::{Attempt, Cut, NO_LAYER, Program, RunEnd, run_on};
use squall::units::{Money, Time};
use squall::wire::Outcome;
use squall::world::{Algorithm, BillingRule, Capacity, LimitPer, LimitSpec, PriceList};

type Verdict = Result<(), TestCaseError>;

/// Holds a property against so many random scenarios.
fn for_all(usual: u32, world: World, property: impl Fn(&str, &Scenario) -> Verdict) {
    let config = Config {
        cases: cases(usual),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
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

const SEED: u64 = 5;

fn play(scenario: &Scenario, policy: &Policy, replication: u64) -> (Log, RunEnd) {
    let mut log = Log::default();
    let end = observe(scenario, policy, Weather::new(SEED, replication), &mut log);
    (log, end)
}

/// Holds a property of single runs against every policy of every scenario.
fn for_all_runs(property: impl Fn(&Scenario, &Policy, &Log, &RunEnd) -> Verdict) {
    for_all(200, World::Any, |_, scenario| {
        for policy in &scenario.policies {
            let (log, end) = play(scenario, policy, 0);
            property(scenario, policy, &log, &end)?;
        }
        Ok(())
    });
}

fn sum(money: impl Iterator<Item = Money>) -> Money {
    money.sum()
}

// Conservation.

#[test]
fn every_attempt_has_one_begin_and_one_end() {
    for_all_runs(|scenario, _, log, end| {
        for t in 0..scenario.targets.len() {
            let target = TargetId(t as u16);
            let begun = log.begun().filter(|b| b.1 == target).count();
            let ended: Vec<&Attempt> = log.attempts().filter(|a| a.target == target).collect();
            prop_assert_eq!(begun, ended.len());
            let first = log.begun().filter(|b| b.1 == target && b.2).count();
            prop_assert_eq!(first, ended.iter().filter(|a| a.number == 1).count());
        }
        for a in log.attempts() {
            prop_assert!(a.outcome.is_none_or(|o| !o.is_local()), "{a:?}");
            prop_assert!(a.outcome.is_some() || end.cut.is_some(), "{a:?}");
            prop_assert_eq!(a.cause == NO_LAYER, a.number == 1, "{:?}", a);
        }
        Ok(())
    });
}

#[test]
fn every_task_ends_once() {
    for_all_runs(|_, _, log, end| {
        let ended = log.tasks().count() as u64;
        prop_assert_eq!(log.arrived(), ended + log.unfinished());
        prop_assert!(end.cut.is_some() || log.unfinished() == 0);
        let mut seen = BTreeSet::new();
        let mut last = Time::ZERO;
        for task in log.tasks() {
            prop_assert!(seen.insert((task.fleet, task.task)), "twice: {task:?}");
            prop_assert!(task.ready <= task.end && last <= task.end, "{task:?}");
            last = task.end;
        }
        if end.cut.is_none() {
            prop_assert_eq!(end.end, last);
        }
        Ok(())
    });
}

#[test]
fn the_ledger_agrees_with_the_log() {
    for_all_runs(|scenario, policy, log, end| {
        let program = Program::new(scenario, policy);
        let (ledger, same) = play_one(scenario, &program, Weather::new(SEED, 0), &Quiet);
        prop_assert_eq!(&same, end);
        let spend = sum(log.attempts().map(|a| a.cost));
        prop_assert_eq!(ledger.spend(), spend);
        prop_assert_eq!(sum(ledger.causes.iter().map(|c| c.spend)), spend);
        prop_assert_eq!(sum(ledger.series.buckets().iter().map(|b| b.spend)), spend);
        let first = sum(log.attempts().filter(|a| a.number == 1).map(|a| a.cost));
        prop_assert_eq!(ledger.first_spend(), first);
        prop_assert_eq!(ledger.wasted, log.wasted());
        prop_assert_eq!(ledger.denied, log.denials().count() as u64);
        let attempts = log.attempts().count() as u64;
        prop_assert_eq!(
            ledger.causes.iter().map(|c| c.attempts).sum::<u64>(),
            attempts
        );
        let tasks = ledger.tasks_ok + ledger.tasks_failed + ledger.tasks_unfinished;
        prop_assert_eq!(ledger.tasks_arrived, tasks);
        check_pages(&ledger, log)
    });
}

fn check_pages(ledger: &Ledger, log: &Log) -> Verdict {
    for (t, page) in ledger.targets.iter().enumerate() {
        let of = |o: Option<Outcome>| {
            let these = log.attempts().filter(|a| usize::from(a.target.0) == t);
            these.filter(|a| a.outcome == o).count() as u64
        };
        let wire = Outcome::ALL.into_iter().filter(|o| !o.is_local());
        for outcome in wire {
            prop_assert_eq!(page.outcomes[outcome as usize], of(Some(outcome)));
        }
        prop_assert_eq!(page.outcomes[Outcome::COUNT], of(None));
        let ended: u64 = Outcome::ALL.iter().map(|o| of(Some(*o))).sum();
        prop_assert_eq!(page.attempts, ended + of(None));
    }
    Ok(())
}

/// The billing rule of an attempt: of its outcome; of one that the client gave up or that was open
/// at the end, the rule of what it would have been, which the log does not tell.
fn rules(scenario: &Scenario, a: &Attempt) -> Vec<BillingRule> {
    let billing = &scenario.targets[usize::from(a.target.0)].billing;
    match a.outcome {
        Some(Outcome::Timeout) | None => {
            let mut rules = Outcome::ALL.map(|o| billing.rule(o)).to_vec();
            rules.push(BillingRule::FREE);
            rules
        }
        Some(outcome) => vec![billing.rule(outcome)],
    }
}

/// What an attempt costs, worked out from the price list anew \[pico-dollars\].
fn recomputed(price: &PriceList, a: &Attempt, rule: BillingRule) -> i128 {
    let share = |money: i128, ppm: u32| money * i128::from(ppm) / 1_000_000;
    let (mut input, mut output) = (0, 0);
    if let Some(p) = &price.tokens {
        let plain = a.usage.input - a.usage.cached - a.usage.written;
        input = i128::from(plain) * i128::from(p.input.0)
            + i128::from(a.usage.cached) * i128::from(p.cached_input.0)
            + i128::from(a.usage.written) * i128::from(p.cache_write.0);
        output = i128::from(a.usage.output) * i128::from(p.output.0);
    }
    let x = i128::from(a.usage.input);
    let table = price
        .by_prompt
        .iter()
        .map(|(at, cost)| (i128::from(*at), cost.0));
    let below = table.clone().filter(|(at, _)| *at <= x).next_back();
    let above = table.clone().find(|(at, _)| *at >= x);
    let by_prompt = match (below, above) {
        (None, None) => 0,
        (Some((_, y)), None) | (None, Some((_, y))) => y,
        (Some((x0, y0)), Some((x1, _))) if x0 == x1 => y0,
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
    };
    let call = price.per_call.0 + by_prompt;
    share(input, rule.input.0) + share(output, rule.output.0) + share(call, rule.call.0)
}

#[test]
fn tokens_times_price_is_the_bill() {
    for_all_runs(|scenario, _, log, _| {
        for a in log.attempts() {
            let price = &scenario.targets[usize::from(a.target.0)].price;
            let fits = |rule: &BillingRule| {
                a.cost.0 == recomputed(price, a, *rule)
                    && a.charged.input == rule.input.of(a.usage.input)
                    && a.charged.output == rule.output.of(a.usage.output)
            };
            prop_assert!(rules(scenario, a).iter().any(fits), "{a:?}");
            prop_assert!(a.usage.cached + a.usage.written <= a.usage.input, "{a:?}");
        }
        Ok(())
    });
}

#[test]
fn what_is_wasted_lies_between_its_bounds() {
    for_all_runs(|_, _, log, end| {
        let failed = |a: &&Attempt| a.outcome.is_some_and(|o| o != Outcome::Ok);
        let worked = |a: &&Attempt| a.outcome == Some(Outcome::Ok);
        let lost: BTreeSet<(u8, u32)> = log
            .tasks()
            .filter(|t| t.outcome != Outcome::Ok)
            .map(|t| (t.fleet, t.task))
            .collect();
        let in_lost = |a: &&Attempt| lost.contains(&(a.fleet, a.task));
        let least = sum(log.attempts().filter(failed).map(|a| a.cost))
            + sum(log
                .attempts()
                .filter(worked)
                .filter(in_lost)
                .map(|a| a.cost));
        let most = sum(log
            .attempts()
            .filter(|a| a.outcome.is_some())
            .map(|a| a.cost));
        let wasted = log.wasted();
        prop_assert!(
            least <= wasted && wasted <= most,
            "{least:?} {wasted:?} {most:?}"
        );
        if end.cut.is_none() && log.tasks().all(|t| t.outcome != Outcome::Ok) {
            prop_assert_eq!(wasted, most);
        }
        Ok(())
    });
}

// Time.

#[test]
fn nothing_happens_outside_the_run() {
    for_all_runs(|scenario, _, log, end| {
        let horizon = Time::ZERO + scenario.horizon;
        prop_assert!(end.end <= horizon);
        prop_assert!(end.events <= MOST_EVENTS);
        for a in log.attempts() {
            prop_assert!(a.begin <= a.end && a.end <= end.end, "{a:?} {end:?}");
        }
        for t in log.tasks() {
            prop_assert!(t.end < horizon, "{t:?}");
        }
        Ok(())
    });
}

#[test]
fn an_agent_does_one_thing_at_a_time() {
    for_all_runs(|_, _, log, _| {
        let mut busy_until = BTreeMap::new();
        let mut attempts: Vec<&Attempt> = log.attempts().collect();
        attempts.sort_by_key(|a| (a.begin, a.end));
        for a in attempts {
            let before = busy_until.insert(a.agent, a.end);
            prop_assert!(before.is_none_or(|end| end <= a.begin), "{a:?}");
        }
        Ok(())
    });
}

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

fn parallels_around(scenario: &Scenario, fleet: u8) -> Vec<u32> {
    let mut found = vec![];
    depths(&scenario.fleets[usize::from(fleet)].plan, 0, &mut found);
    found
}

#[test]
fn who_waits_for_sub_agents_does_nothing_else() {
    for_all_runs(|scenario, _, log, _| {
        let mut tasks: BTreeMap<(u8, u32), Vec<&Attempt>> = BTreeMap::new();
        for a in log.attempts() {
            tasks.entry((a.fleet, a.task)).or_default().push(a);
        }
        for ((fleet, _), mut attempts) in tasks {
            let parallels = parallels_around(scenario, fleet);
            attempts.sort_by_key(|a| (a.begin, a.end));
            let (mut own_end, mut any_end) = (Time::ZERO, Time::ZERO);
            for a in attempts {
                let own = parallels[usize::from(a.step)] == 0;
                let free = if own { any_end } else { own_end };
                prop_assert!(free <= a.begin, "{a:?}");
                any_end = any_end.max(a.end);
                if own {
                    own_end = own_end.max(a.end);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn no_two_attempts_have_the_same_luck() {
    for_all_runs(|_, _, log, _| {
        let mut seen = BTreeSet::new();
        for a in log.attempts() {
            let spot = (a.fleet, a.task, a.step, a.round, a.number);
            prop_assert!(seen.insert(spot), "{a:?}");
        }
        Ok(())
    });
}

// Layers.

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

/// The product of the attempts of these retry layers; `None` is any number.
fn product<'l>(layers: impl Iterator<Item = &'l Layer>) -> Option<u64> {
    let mut product = 1;
    for layer in layers {
        if let LayerKind::Retry(spec) = &layer.kind {
            product *= u64::from(spec.attempts?);
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
        let queue = policy.fleet.retry.as_ref().map_or(Some(1), |r| r.attempts);
        for (step, (target, count)) in counts {
            let layers = call_layers(scenario, policy, target);
            let calls = product(layers.iter().map(|(_, layer)| *layer));
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
            for (_, layer) in call_layers(scenario, policy, target) {
                let LayerKind::Concurrency(spec) = &layer.kind else {
                    continue;
                };
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
            let renewed = policy.fleet.retry.is_some() && layer.shared == Shared::Task;
            if renewed || layer.shared == Shared::Agent {
                continue;
            }
            let of = |a: &&Attempt| target.is_none_or(|t| a.target == t);
            for group in by_sharer(layer.shared, log.attempts().filter(of)) {
                let spent = sum(group.iter().map(|a| a.cost));
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
            if layer.shared != Shared::All {
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
                    prop_assert!(n as u64 + 1 <= most, "{} from {from} to {to}", n + 1);
                }
            }
        }
        Ok(())
    });
}

// Servers.

#[test]
fn targets_never_hold_more_than_they_can() {
    for_all_runs(|scenario, _, _, end| {
        for (target, peak) in scenario.targets.iter().zip(&end.busy_peak) {
            if target.script.is_some() {
                continue;
            }
            if let Capacity::Servers {
                servers,
                queue: Some(queue),
                ..
            } = target.capacity
            {
                prop_assert!(*peak <= servers + queue, "{}: {peak}", target.name);
            }
            let counted = Outcome::ALL.iter().all(|o| target.billing.rule(*o).counted);
            let concurrent = |l: &&LimitSpec| l.algorithm == Algorithm::Concurrency;
            for limit in target.limits.iter().filter(concurrent) {
                let shares = match limit.per {
                    LimitPer::Account => 1,
                    LimitPer::Fleet => scenario.fleets.len() as u64,
                };
                if counted {
                    prop_assert!(u64::from(*peak) <= limit.quota * shares, "{}", target.name);
                }
            }
        }
        Ok(())
    });
}

// Determinism.

struct Quiet;
impl Progress for Quiet {}

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

fn luck_of(log: &Log) -> BTreeMap<(u8, u32, u16, u32, u32), Luck> {
    let by_itself = log.attempts().filter_map(|a| {
        let outcome = a.outcome.filter(|o| *o != Outcome::Timeout)?;
        let spot = (a.fleet, a.task, a.step, a.round, a.number);
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

#[test]
fn the_scenarios_use_what_there_is() {
    // The properties say nothing about what never happens: each outcome and each kind of end must occur.
    let outcomes = std::cell::RefCell::new(BTreeSet::new());
    let counts = std::cell::RefCell::new(BTreeMap::<&str, u64>::new());
    for_all(200, World::Any, |_, scenario| {
        for policy in &scenario.policies {
            let (log, end) = play(scenario, policy, 0);
            let mut outcomes = outcomes.borrow_mut();
            outcomes.extend(log.attempts().filter_map(|a| a.outcome));
            outcomes.extend(log.denials().map(|d| d.outcome));
            let mut counts = counts.borrow_mut();
            let mut count = |what, n| *counts.entry(what).or_insert(0) += n;
            count("attempts", log.attempts().count() as u64);
            count(
                "retries",
                log.attempts().filter(|a| a.number > 1).count() as u64,
            );
            count(
                "ok",
                log.tasks().filter(|t| t.outcome == Outcome::Ok).count() as u64,
            );
            count(
                "failed",
                log.tasks().filter(|t| t.outcome != Outcome::Ok).count() as u64,
            );
            count("unfinished", log.unfinished());
            count(
                "open",
                log.attempts().filter(|a| a.outcome.is_none()).count() as u64,
            );
            count(
                "cached",
                log.attempts().filter(|a| a.usage.cached > 0).count() as u64,
            );
            count("whole runs", u64::from(end.cut.is_none()));
            count(
                "cut at the horizon",
                u64::from(end.cut == Some(Cut::Horizon)),
            );
            count("cut by events", u64::from(end.cut == Some(Cut::Events)));
            let waited = log.entries.iter().filter(|e| matches!(e, Entry::Acted(_)));
            count("acted", waited.count() as u64);
        }
        Ok(())
    });
    let counts = counts.into_inner();
    println!("{counts:?}");
    for (what, n) in &counts {
        assert!(*n >= 5, "{what}: {n} in all scenarios");
    }
    assert_eq!(outcomes.into_inner().len(), Outcome::COUNT);
}
