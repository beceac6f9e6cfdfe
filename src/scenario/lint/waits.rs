//! Rules about when a retry ends and how long it waits.

use super::Rule;
use super::calls::{brief, passing};
use super::view::{Scope, Site, Used, View, wants};
use crate::resilience::{
    Backoff, BackoffKind, RetryAfterRule, RetryBudgetSpec, RetrySpec, WaitLimit, WhenTooLong,
};
use crate::scenario::model::LayerKind;
use crate::units::{Money, Span};
use crate::wire::Outcome;

/// From here on a bound is none: so many attempts, or an hour of them. Our assumption: in an
/// incident somebody looks before either has passed.
const AS_GOOD_AS_NEVER: u32 = 1000;
const AS_GOOD_AS_EVER: Span = Span::seconds(3600);
/// From here on a backoff without a cap is long. Our assumption: nobody waits ten minutes by
/// choice without having written so.
const LONG: Span = Span::seconds(600);
/// The most retries that are looked at one by one.
const LOOKED_AT: u32 = 1000;

pub(super) const NO_CAP: Rule = Rule {
    id: "no-cap",
    finds: "a retry without end",
    why: "While the target is down every call goes on for as long as the outage, and each new task \
          adds one more; nothing makes the load fall. Source: M. Brooker, \"Timeouts, retries, and \
          backoff with jitter\", Amazon Builders' Library.",
    advice: "bound `attempts`, add a `deadline`, or put a `retry_budget`, `budget` or `timeout` around it",
    alone: Some(|spec| !ends_itself(spec)),
    check: |view| {
        view.each_retry(|site, spec| {
            if ends(view, site, spec) {
                return None;
            }
            let budgeted = site.around.iter().any(|layer| counts_money(&layer.kind));
            let free = free_repeats(view, site, spec).filter(|_| budgeted);
            Some(match (spec.attempts, free) {
                (Some(n), _) => format!("{n} attempts are as good as no bound"),
                (None, Some((name, outcome))) => format!(
                    "the budget does not end this while `{name}` charges nothing for {}",
                    outcome.name()
                ),
                (None, None) => {
                    "nothing bounds its attempts, nor its time to less than an hour".to_owned()
                }
            })
        })
    },
};

/// Whether a retry ends by itself before long.
fn ends_itself(spec: &RetrySpec) -> bool {
    let mut times = spec.deadline.into_iter().chain(spec.give_up_after);
    let waits = match spec.wait_limit {
        Some(WaitLimit::LastBegin(limit)) => limit <= AS_GOOD_AS_EVER,
        // Waits of nothing never come to it.
        Some(WaitLimit::Total(limit)) => {
            let mut waits = backoffs(spec, &Outcome::ALL).map(|b| longest(b, spec.attempts));
            limit <= AS_GOOD_AS_EVER && waits.all(|wait| wait > Span::ZERO)
        }
        None => false,
    };
    waits
        || spec.attempts.is_some_and(|n| n <= AS_GOOD_AS_NEVER)
        || times.any(|time| time <= AS_GOOD_AS_EVER)
}

/// Whether something ends a retry before long.
fn ends(view: &View, site: &Site, spec: &RetrySpec) -> bool {
    ends_itself(spec)
        || site.around.iter().any(|layer| match &layer.kind {
            LayerKind::Timeout(time) => *time <= AS_GOOD_AS_EVER,
            // Who is more patient than that has little luck.
            LayerKind::Patience(time) => Span::from_nanos_f64(time.high()) <= AS_GOOD_AS_EVER,
            LayerKind::RetryBudget(RetryBudgetSpec::Count(n)) => *n <= AS_GOOD_AS_NEVER,
            // It may be about another layer.
            LayerKind::RetryBudget(RetryBudgetSpec::NextCount(_)) => false,
            // What is free takes nothing from them, however often it is repeated.
            kind if counts_money(kind) => free_repeats(view, site, spec).is_none(),
            LayerKind::RetryBudget(_) => true,
            _ => false,
        })
}

/// Whether a layer bounds attempts by what they cost.
fn counts_money(kind: &LayerKind) -> bool {
    matches!(
        kind,
        LayerKind::Budget(_) | LayerKind::RetryBudget(RetryBudgetSpec::Cost { .. })
    )
}

/// A target and an outcome that a retry repeats for nothing, if there is one.
fn free_repeats<'a>(view: &View, site: &Site<'a>, spec: &RetrySpec) -> Option<(&'a str, Outcome)> {
    site.targets.iter().find_map(|used| {
        let mut repeated = view.repeated(site, spec, used).into_iter();
        let free = repeated.find(|outcome| used.price(*outcome) == Money::ZERO)?;
        Some((used.target.name.as_str(), free))
    })
}

pub(super) const NO_BACKOFF: Rule = Rule {
    id: "no-backoff",
    finds: "a retry that waits for nothing",
    why: "A target that fails because it has too much to do is asked again at once, by everybody. \
          Source: Google, \"Site Reliability Engineering\", chapter 22, Addressing Cascading Failures.",
    advice: "add `backoff: {exponential: {base: 1s, max: 60s}, jitter: full}`",
    alone: Some(at_once),
    check: |view| {
        view.each_retry(|site, spec| {
            let spaced = site
                .inside
                .iter()
                .chain(site.around.iter().copied())
                .any(|layer| matches!(layer.kind, LayerKind::RateLimit(_)));
            (at_once(spec) && !spaced).then(|| "this tries again at once".to_owned())
        })
    },
};

pub(super) const UNCAPPED_BACKOFF: Rule = Rule {
    id: "uncapped-backoff",
    finds: "a backoff that grows past ten minutes without a cap",
    why: "After an outage the agents sleep on for as long again as it lasted, and nobody sees why.",
    advice: "add `max` to the backoff, as in `{exponential: {base: 1s, max: 60s}}`",
    alone: Some(grows_for_ever),
    check: |view| {
        view.each_retry(|_, spec| {
            let grown = || "this backoff grows past ten minutes, without a `max`".to_owned();
            grows_for_ever(spec).then(grown)
        })
    },
};

/// Whether a retry waits for nothing.
fn at_once(spec: &RetrySpec) -> bool {
    backoffs(spec, passing()).any(|backoff| longest(backoff, spec.attempts) == Span::ZERO)
}

/// Whether nothing bounds a backoff that grows long.
fn grows_for_ever(spec: &RetrySpec) -> bool {
    let bounded =
        spec.deadline.is_some() || spec.give_up_after.is_some() || spec.wait_limit.is_some();
    let grows = |backoff: &Backoff| {
        let constant = matches!(
            backoff.kind,
            BackoffKind::Fixed { .. } | BackoffKind::Table(_)
        );
        !constant && backoff.cap == Span::MAX && longest(backoff, spec.attempts) > LONG
    };
    !bounded && backoffs(spec, &Outcome::ALL).any(grows)
}

pub(super) const NO_JITTER: Rule = Rule {
    id: "no-jitter",
    finds: "a backoff without jitter on a target that several agents call",
    why: "Those that failed together come back together, and fail together again. Source: M. Brooker, \
          \"Exponential Backoff And Jitter\", AWS Architecture Blog, 2015.",
    advice: "add `jitter: full` (or `equal`) beside the growth; in place of `delay: 1s` write \
             `backoff: {fixed: 1s, jitter: full}`",
    alone: Some(in_step),
    check: |view| {
        view.each_retry(|site, spec| {
            let used = site.targets.iter().find(|used| used.traffic.agents > 1)?;
            let (crowd, name) = (crowd(used), &used.target.name);
            in_step(spec).then(|| format!("this waits without jitter, and {crowd} call `{name}`"))
        })
    },
};

/// Whether those that begin to wait together all wait as long.
fn in_step(spec: &RetrySpec) -> bool {
    backoffs(spec, passing())
        .any(|backoff| longest(backoff, spec.attempts) > Span::ZERO && !backoff.draws())
}

pub(super) const BACKOFF_OUTLIVES_CACHE: Rule = Rule {
    id: "backoff-outlives-cache",
    finds: "a backoff longer than the prompt cache lives",
    why: "The retry pays for the whole conversation at the full price of input.",
    advice: "lower the backoff's `max` below the cache's `ttl`, or count the cold prompt in",
    alone: None,
    check: |view| {
        view.each_retry(|site, spec| {
            let waits = backoffs(spec, &Outcome::ALL).map(|b| longest(b, spec.attempts));
            let wait = waits.max()?;
            let cold = |used: &&&Used| {
                used.target
                    .cache
                    .as_ref()
                    .is_some_and(|cache| wait > cache.ttl)
            };
            let target = site.targets.iter().find(cold)?;
            (site.scope == Scope::Call).then(|| {
                format!(
                    "this waits up to {}: the prompt cache of `{}` does not live so long",
                    brief(wait),
                    target.target.name
                )
            })
        })
    },
};

pub(super) const IGNORES_RETRY_AFTER: Rule = Rule {
    id: "ignores-retry-after",
    finds: "a failure treated as any, where the target says with it when to come back",
    why: "The target knows when it has room. Who comes earlier is turned away again, and where \
          rejected requests count moves the moment further off.",
    advice: "write `retry_after: honor`",
    alone: Some(deaf),
    check: |view| {
        view.each_retry(|site, spec| {
            let told = |used: &&&Used| sent(used, spec).is_some();
            let target = site.targets.iter().find(told)?;
            let deaf = spec.headers.rule == RetryAfterRule::Ignore;
            (site.scope == Scope::Call && deaf).then(|| {
                format!(
                    "this ignores the Retry-After that `{}` sends",
                    target.target.name
                )
            })
        })
    },
};

/// Whether a 429 is tried again whatever its Retry-After says.
fn deaf(spec: &RetrySpec) -> bool {
    spec.headers.rule == RetryAfterRule::Ignore && wants(spec, Outcome::RateLimited)
}

pub(super) const RETRY_AFTER_TOO_LONG: Rule = Rule {
    id: "retry-after-too-long",
    finds: "a Retry-After that the target sends, longer than the client accepts",
    why: "Libraries differ in what they do then: give up, come back at once, use their own backoff. \
          None of it is what the target asked for.",
    advice: "raise `longest_retry_after`, or say with `if_longer` what is meant",
    alone: Some(|spec| {
        // Who gives up, or waits for as long as it may, storms nobody.
        let then = spec.headers.longest.map(|(_, then)| then);
        !matches!(then, None | Some(WhenTooLong::GiveUp | WhenTooLong::Cap))
            && wants(spec, Outcome::RateLimited)
    }),
    check: |view| {
        view.each_retry(|site, spec| {
            let (longest, _) = spec.headers.longest?;
            let longer = |used: &&&Used| sent(used, spec).is_some_and(|wait| wait > longest);
            let target = site.targets.iter().find(longer)?;
            let then = match spec.headers.longest?.1 {
                WhenTooLong::GiveUp => "this gives up".to_owned(),
                WhenTooLong::Cap => format!("this comes back after {}", brief(longest)),
                WhenTooLong::AtOnce => "this comes back at once".to_owned(),
                WhenTooLong::Backoff | WhenTooLong::Shorter => {
                    "this comes back after its own backoff".to_owned()
                }
            };
            let told = sent(target, spec).unwrap_or(Span::ZERO);
            let hears = spec.headers.rule != RetryAfterRule::Ignore;
            (site.scope == Scope::Call && hears).then(|| {
                format!(
                    "told to wait up to {} by `{}`, {then}: it accepts {} at most",
                    brief(told),
                    target.target.name,
                    brief(longest)
                )
            })
        })
    },
};

/// "20 agents", or "any number of agents" in an open loop.
pub(super) fn crowd(used: &Used) -> String {
    match used.traffic.agents {
        u64::MAX => "any number of agents".to_owned(),
        n => format!("{n} agents"),
    }
}

/// The backoffs that a retry comes to after these outcomes: its own, or the one after throttling.
fn backoffs<'s>(spec: &'s RetrySpec, outcomes: &[Outcome]) -> impl Iterator<Item = &'s Backoff> {
    let wanted = outcomes.iter().filter(|outcome| wants(spec, **outcome));
    let (throttled, others): (Vec<&Outcome>, Vec<&Outcome>) =
        wanted.partition(|outcome| **outcome == Outcome::RateLimited && spec.throttled.is_some());
    let own = (!others.is_empty()).then_some(&spec.backoff);
    let slower = spec.throttled.iter().filter(move |_| !throttled.is_empty());
    own.into_iter().chain(slower)
}

/// The longest wait that a backoff comes to, with little luck.
fn longest(backoff: &Backoff, attempts: Option<u32>) -> Span {
    const LITTLE_LUCK: f64 = 0.999;
    let retries = attempts.map_or(LOOKED_AT, |n| n.saturating_sub(1).min(LOOKED_AT));
    let mut memory = Span::ZERO;
    let waits = (1..=retries).map(|k| backoff.delay(k, &mut memory, LITTLE_LUCK));
    waits.max().unwrap_or(Span::ZERO)
}

/// The longest Retry-After that a target sends with an outcome that is tried again.
fn sent(used: &Used, spec: &RetrySpec) -> Option<Span> {
    let hints = used.target.hints();
    let heard = hints.filter(|(outcome, _)| wants(spec, *outcome));
    heard.map(|(_, wait)| wait).max()
}
