//! Rules about when a retry ends and how long it waits.

use super::view::{Scope, Site, Used, View, retry_of};
use super::{Hit, Rule};
use crate::resilience::{Backoff, BackoffKind, Jitter, RetryAfterRule, RetrySpec};
use crate::scenario::model::LayerKind;
use crate::units::Span;
use crate::wire::{Outcome, Reply};
use crate::world::RetryAfterHint;

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
    check: |view| {
        hits(view, |site, spec| {
            let ends = spec.attempts.is_some()
                || spec.deadline.is_some()
                || spec.give_up_after.is_some()
                || site.around.iter().any(|layer| {
                    matches!(
                        layer.kind,
                        LayerKind::RetryBudget(_) | LayerKind::Budget(_) | LayerKind::Timeout(_)
                    )
                });
            (!ends).then(|| {
                "this retries for ever: nothing bounds its attempts or its time".to_owned()
            })
        })
    },
};

pub(super) const NO_BACKOFF: Rule = Rule {
    id: "no-backoff",
    finds: "a retry that waits for nothing",
    why: "A target that fails because it has too much to do is asked again at once, by everybody. \
          Source: Google, \"Site Reliability Engineering\", chapter 22, Addressing Cascading Failures.",
    advice: "add `backoff: {exponential: {base: 1s, max: 60s}, jitter: full}`",
    check: |view| {
        hits(view, |site, spec| {
            let spaced = site
                .inside
                .iter()
                .chain(site.around.iter().copied())
                .any(|layer| matches!(layer.kind, LayerKind::RateLimit(_)));
            (passing(spec) && !spaced && longest(&spec.backoff, spec.attempts) == Span::ZERO)
                .then(|| "this tries again at once".to_owned())
        })
    },
};

pub(super) const UNCAPPED_BACKOFF: Rule = Rule {
    id: "uncapped-backoff",
    finds: "a backoff that grows past ten minutes without a cap",
    why: "After an outage the agents sleep on for as long again as it lasted, and nobody sees why.",
    advice: "add `max` to the backoff, as in `{exponential: {base: 1s, max: 60s}}`",
    check: |view| {
        hits(view, |_, spec| {
            let bounded = spec.deadline.is_some() || spec.give_up_after.is_some();
            let open = spec.backoff.cap == Span::MAX
                && !matches!(
                    spec.backoff.kind,
                    BackoffKind::Fixed { .. } | BackoffKind::Table(_)
                );
            (open && !bounded && longest(&spec.backoff, spec.attempts) > LONG)
                .then(|| "this backoff grows past ten minutes, without a `max`".to_owned())
        })
    },
};

pub(super) const NO_JITTER: Rule = Rule {
    id: "no-jitter",
    finds: "a backoff without jitter on a target that several agents call",
    why: "Those that failed together come back together, and fail together again. Source: M. Brooker, \
          \"Exponential Backoff And Jitter\", AWS Architecture Blog, 2015.",
    advice: "add `jitter: full` (or `equal`) beside the growth",
    check: |view| {
        hits(view, |site, spec| {
            let backoff = &spec.backoff;
            let jitters = backoff.jitter != Jitter::None
                || matches!(
                    backoff.kind,
                    BackoffKind::Decorrelated { .. }
                        | BackoffKind::DecorrelatedRedis { .. }
                        | BackoffKind::DecorrelatedV2 { .. }
                );
            let target = site.targets.iter().find(|used| used.agents > 1)?;
            let waits = longest(backoff, spec.attempts) > Span::ZERO;
            (passing(spec) && waits && !jitters).then(|| {
                format!(
                    "this waits without jitter, and {} call `{}`",
                    crowd(target),
                    target.target.name
                )
            })
        })
    },
};

pub(super) const BACKOFF_OUTLIVES_CACHE: Rule = Rule {
    id: "backoff-outlives-cache",
    finds: "a backoff longer than the prompt cache lives",
    why: "The retry pays for the whole conversation at the full price of input.",
    advice: "lower the backoff's `max` below the cache's `ttl`, or count the cold prompt in",
    check: |view| {
        hits(view, |site, spec| {
            let wait = longest(&spec.backoff, spec.attempts);
            let cold = |used: &&&Used| {
                used.target
                    .cache
                    .as_ref()
                    .is_some_and(|cache| wait > cache.ttl)
            };
            let target = site.targets.iter().find(cold)?;
            (site.scope == Scope::Call).then(|| {
                format!(
                    "this waits up to {} s: the prompt cache of `{}` does not live so long",
                    wait.as_seconds(),
                    target.target.name
                )
            })
        })
    },
};

pub(super) const IGNORES_RETRY_AFTER: Rule = Rule {
    id: "ignores-retry-after",
    finds: "429 treated as any error, where the target says when to come back",
    why: "The target knows when it has room. Who comes earlier is turned away again, and where \
          rejected requests count moves the moment further off.",
    advice: "write `retry_after: honor`",
    check: |view| {
        hits(view, |site, spec| {
            let told = |used: &&&Used| sent(used).is_some();
            let target = site.targets.iter().find(told)?;
            let deaf = spec.headers.rule == RetryAfterRule::Ignore;
            (site.scope == Scope::Call && deaf && wants(spec, Outcome::RateLimited)).then(|| {
                format!(
                    "this ignores the Retry-After that `{}` sends",
                    target.target.name
                )
            })
        })
    },
};

pub(super) const RETRY_AFTER_TOO_LONG: Rule = Rule {
    id: "retry-after-too-long",
    finds: "a Retry-After that the target sends, longer than the client accepts",
    why: "Libraries differ in what they do then: give up, come back at once, use their own backoff. \
          None of it is what the target asked for.",
    advice: "raise `longest_retry_after`, or say with `if_longer` what is meant",
    check: |view| {
        hits(view, |site, spec| {
            let (longest, _) = spec.headers.longest?;
            let longer = |used: &&&Used| sent(used).is_some_and(|wait| wait > longest);
            let target = site.targets.iter().find(longer)?;
            (site.scope == Scope::Call && wants(spec, Outcome::RateLimited)).then(|| {
                format!(
                    "`{}` may send a longer Retry-After than the {} s accepted here",
                    target.target.name,
                    longest.as_seconds()
                )
            })
        })
    },
};

/// One hit for each retry for which `judge` has something to say.
pub(super) fn hits(view: &View, judge: impl Fn(&Site, &RetrySpec) -> Option<String>) -> Vec<Hit> {
    let retries = view.retries();
    let judged = retries.iter().filter_map(|(site, spec)| {
        debug_assert!(retry_of(site.layer).is_some(), "retries are retry layers");
        Some((site.layer.label.clone(), judge(site, spec)?))
    });
    judged.collect()
}

/// Whether a retry tries again what ended like this.
pub(super) fn wants(spec: &RetrySpec, outcome: Outcome) -> bool {
    spec.when.wants(&Reply::of(outcome), false)
}

/// "20 agents", or "any number of agents" in an open loop.
pub(super) fn crowd(used: &Used) -> String {
    match used.agents {
        u64::MAX => "any number of agents".to_owned(),
        n => format!("{n} agents"),
    }
}

/// Whether a retry tries again what passes when the load falls.
fn passing(spec: &RetrySpec) -> bool {
    let passing = [
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
    ];
    passing.into_iter().any(|outcome| wants(spec, outcome))
}

/// The longest wait that a backoff comes to, with little luck.
fn longest(backoff: &Backoff, attempts: Option<u32>) -> Span {
    const LITTLE_LUCK: f64 = 0.999;
    let retries = attempts.map_or(LOOKED_AT, |n| n.saturating_sub(1).min(LOOKED_AT));
    let mut memory = Span::ZERO;
    let waits = (1..=retries).map(|k| backoff.delay(k, &mut memory, LITTLE_LUCK));
    waits.max().unwrap_or(Span::ZERO)
}

/// The longest Retry-After with which a target's limits refuse.
fn sent(used: &Used) -> Option<Span> {
    let limits = used.target.limits.iter();
    let waits = limits.filter_map(|limit| match limit.retry_after {
        RetryAfterHint::Silent => None,
        RetryAfterHint::Fixed(wait) => Some(wait),
        RetryAfterHint::ToReset => Some(limit.window),
        RetryAfterHint::Jittered(more) => Some(Span(limit.window.0.saturating_add(more.0))),
    });
    waits.max()
}
