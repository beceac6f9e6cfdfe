//! Rules about what retries and hedges cost, and about policies that say nothing new.

use super::Rule;
use super::view::{Hit, Scope, Site, Used, View, may_fail, wants};
use super::waits::crowd;
use crate::resilience::{HedgeAfter, RetrySpec};
use crate::scenario::model::{Layer, LayerKind, LlmStep, Policy};
use crate::units::{Money, text};
use crate::wire::Outcome;

/// The most paid answers to one question. Our assumption: where half of the answers pass, 97 % have
/// passed by then; what is still invalid will stay so.
const MOST_ANSWERS: u32 = 5;
/// From so many agents on they are a crowd, and from such a price on a call is expensive. Our
/// assumption: together a dollar for each second of one-second calls.
const CROWD: u64 = 100;
const EXPENSIVE: Money = Money::cents(1);

pub(super) const INVALID_WITHOUT_BUDGET: Rule = Rule {
    id: "invalid-without-budget",
    finds: "answers that fail validation, asked and paid for again and again without a budget",
    why: "Nothing is wrong with the provider, so no breaker opens and no alert fires: each answer is charged in full \
          and thrown away, and where the failed answer is sent along each costs more than the last. What has failed \
          five times will not pass.",
    advice: "ask at most five times, or put a `budget` or `retry_budget` around it",
    alone: None,
    check: |view| {
        view.each_retry(|site, spec| {
            let many = spec.attempts.is_none_or(|n| n > MOST_ANSWERS);
            if !many || !wants(spec, Outcome::Invalid) {
                return None;
            }
            let paid = |used: &&&Used| {
                let fails = |(step, _): &(&LlmStep, _)| may_fail(step);
                used.traffic.asks.iter().any(fails)
                    && used.price(Outcome::Invalid) > Money::ZERO
                    && !view.budgeted(used)
            };
            let used = site.targets.iter().find(paid)?;
            let times = spec
                .attempts
                .map_or("without end".to_owned(), |n| format!("up to {n} times"));
            let grows = match spec.grow_prompt {
                0 => String::new(),
                n => format!(", each time with {n} tokens more"),
            };
            let name = &used.target.name;
            Some(format!(
                "this pays `{name}` {times} for one answer{grows}, without a budget"
            ))
        })
    },
};

pub(super) const CROWD_WITHOUT_BUDGET: Rule = Rule {
    id: "crowd-without-budget",
    finds: "retries of paid calls of an expensive model by hundreds of agents, without a budget",
    why: "One bad hour multiplies by agents, attempts and price, and nothing stops it before the invoice does.",
    advice: "put a `budget` around the task or the fleet, or a `retry_budget` around the retries",
    alone: None,
    check: |view| {
        view.each_retry(|site, spec| {
            let dear = |used: &&&Used| {
                used.traffic.agents >= CROWD
                    && used.price(Outcome::Ok) >= EXPENSIVE
                    && repeats_paid_work(view, site, spec, used)
                    && !view.budgeted(used)
            };
            let used = site.targets.iter().find(dear)?;
            Some(format!(
                "this repeats calls of `{}` at {} each for {}, without a budget of any sort",
                used.target.name,
                text::money(used.price(Outcome::Ok)),
                crowd(used)
            ))
        })
    },
};

/// Whether what a retry repeats has been paid for.
fn repeats_paid_work(view: &View, site: &Site, spec: &RetrySpec, used: &Used) -> bool {
    let paid = |outcome| used.price(outcome) > Money::ZERO;
    site.scope != Scope::Call || view.repeated(site, spec, used).into_iter().any(paid)
}

pub(super) const HEDGE_WITHOUT_BUDGET: Rule = Rule {
    id: "hedge-without-budget",
    finds: "hedges that nothing bounds when everything is slow",
    why: "When a target slows down under load every call is late, every call is hedged, and the load doubles just \
          then. Source: J. Dean, L. Barroso, \"The Tail at Scale\", CACM 2013 (hedges after p95 add 5 % load; \
          that holds while the 95th percentile is that of now).",
    advice: "put a `retry_budget` around it",
    alone: None,
    check: |view| {
        view.each_site(|site| {
            let LayerKind::Hedge(spec) = &site.layer.kind else {
                return None;
            };
            // A quantile follows what is seen; a fixed time does not.
            let fixed = matches!(spec.after, HedgeAfter::Time(_));
            let bounded = |layer: &&Layer| matches!(layer.kind, LayerKind::RetryBudget(_));
            let used = site.targets.iter().find(|used| used.traffic.agents > 1)?;
            (fixed && !site.around.iter().any(bounded)).then(|| {
                format!(
                    "when `{}` is slow, this makes {} calls of each",
                    used.target.name,
                    spec.most + 1
                )
            })
        })
    },
};

pub(super) const HEDGE_TOO_EARLY: Rule = Rule {
    id: "hedge-too-early",
    finds: "a hedge that goes out before half of the good calls are back",
    why: "It doubles most calls while the target is well, for little: the slow ones are few.",
    advice: "write `after: p95`",
    alone: None,
    check: |view| {
        view.each_site(|site| {
            let LayerKind::Hedge(spec) = &site.layer.kind else {
                return None;
            };
            let HedgeAfter::Time(after) = spec.after else {
                return None;
            };
            let early = |used: &&&Used| used.latency(0.5) > after;
            let used = site.targets.iter().find(early)?;
            let (name, p50) = (&used.target.name, text::span(used.latency(0.5)));
            Some(format!(
                "this doubles more than half of the calls of `{name}`, whose p50 is {p50}"
            ))
        })
    },
};

pub(super) const SAME_AS_ANOTHER: Rule = Rule {
    id: "same-as-another",
    finds: "a policy that is equal to another",
    why: "Both meet the same weather, so their rows are equal to the last digit: a change that was meant was \
          forgotten, or undone by an override.",
    advice: "change it, or take it out",
    alone: None,
    check: |view| {
        let policies = &view.scenario.policies;
        let own = nameless(view.policy);
        let earlier = policies[..view.index].iter();
        let twin = earlier.into_iter().find(|policy| nameless(policy) == own);
        let hit = twin.map(|twin| Hit {
            layer: None,
            message: format!("`{}` is equal to `{}`", view.policy.name, twin.name),
            others: vec![],
        });
        hit.into_iter().collect()
    },
};

/// A policy's text without what does not act.
fn nameless(policy: &Policy) -> String {
    let mut policy = policy.clone();
    policy.name.clear();
    policy.about.clear();
    let calls = [&mut policy.tool, &mut policy.llm];
    let calls = calls.into_iter().flat_map(|calls| {
        [&mut calls.others]
            .into_iter()
            .chain(calls.of.iter_mut().map(|(_, l)| l))
    });
    let lists = calls.chain([&mut policy.turn, &mut policy.task]);
    lists.flatten().for_each(|layer| layer.label.clear());
    format!("{policy:?}")
}
