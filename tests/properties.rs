//! What must hold in every run, on random scenarios.
//!
//! The scenarios come from `common::generator`; their seed is fixed, so the same ones are tried
//! each time. `SQUALL_CASES=50 cargo test --release` tries fifty times
//! as many. A failure
//! prints the smallest scenario that proptest finds.

mod common;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use common::generator::{MOST_EVENTS, World};
use common::log::{Entry, Log};
use common::trials::{Quiet, SEED, Verdict, for_all, for_all_runs, parallels_around, play};
use proptest::prelude::*;
use squall::experiment::play_one;
use squall::meter::Ledger;
use squall::random::Weather;
use squall::scenario::{Scenario, TargetId};
use squall::simulation::{Attempt, Cut, NO_LAYER, Program};
use squall::units::{Money, Time};
use squall::wire::Outcome;
use squall::world::{Algorithm, BillingRule, Capacity, LimitPer, LimitSpec, PriceList};

/// Whether it is the first attempt of its step in its task.
fn is_first(a: &Attempt) -> bool {
    a.number == 1 && a.hedge == 0
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
            prop_assert_eq!(first, ended.iter().filter(|a| is_first(a)).count());
        }
        for a in log.attempts() {
            prop_assert!(a.outcome.is_none_or(|o| !o.is_local()), "{a:?}");
            prop_assert!(a.outcome.is_some() || end.cut.is_some(), "{a:?}");
            prop_assert_eq!(a.cause == NO_LAYER, is_first(a), "{:?}", a);
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
        let first = sum(log.attempts().filter(|a| is_first(a)).map(|a| a.cost));
        prop_assert_eq!(ledger.first_spend(), first);
        prop_assert_eq!(ledger.wasted(), log.wasted());
        prop_assert_eq!(ledger.denied, log.denials().count() as u64);
        let attempts = log.attempts().count() as u64;
        prop_assert_eq!(
            ledger.causes.iter().map(|c| c.attempts).sum::<u64>(),
            attempts
        );
        prop_assert_eq!(sum(ledger.fleets.iter().map(|page| page.spend)), spend);
        for (f, page) in ledger.fleets.iter().enumerate() {
            prop_assert_eq!(page.arrived, page.ok + page.failed + page.unfinished);
            prop_assert_eq!(page.times.len(), page.ok);
            let its = || log.attempts().filter(|a| usize::from(a.fleet) == f);
            prop_assert_eq!(ledger.attempts_of(f), its().count() as u64);
            let retries = its().filter(|a| !is_first(a)).map(|a| a.cost);
            prop_assert_eq!(page.retries, sum(retries));
            prop_assert_eq!(page.spend, sum(its().map(|a| a.cost)));
            prop_assert_eq!(page.wasted, log.wasted_in(f));
        }
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
    let below = table.clone().rfind(|(at, _)| *at <= x);
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
            // Hedges stand beside others on purpose.
            for a in attempts.into_iter().filter(|a| a.hedge == 0) {
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
            let spot = (a.fleet, a.task, a.step, a.round, a.number, a.hedge);
            prop_assert!(seen.insert(spot), "{a:?}");
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
            } = &target.capacity
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
                "hedges",
                log.attempts().filter(|a| a.hedge > 0).count() as u64,
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
