//! Rules about layers with a state that several share: breakers, semaphores, limiters.

use super::view::{Scope, Site, Used, View, retry_of};
use super::waits::crowd;
use super::{Hit, Rule};
use crate::resilience::{BreakerSpec, HalfOpen};
use crate::scenario::model::{LayerKind, Shared};
use crate::units::Span;
use crate::world::{Algorithm, LimitPer, LimitUnit};

pub(super) const BREAKER_NEVER_TRIPS: Rule = Rule {
    id: "breaker-never-trips",
    finds: "a breaker of one task that sees too few calls to open",
    why: "With a state for each task it counts only that task's failures, and the task ends first.",
    advice: "write `shared: fleet`, or lower `failures`",
    check: |view| {
        breakers(view, |site, spec| {
            if site.layer.shared != Shared::Task || site.scope != Scope::Call {
                return None;
            }
            let retries = site.around.iter().filter_map(|layer| retry_of(layer));
            let per_call = retries.fold(1_u64, |product, spec| {
                product.saturating_mul(spec.attempts.map_or(u64::MAX, u64::from))
            });
            let seen = site
                .targets
                .iter()
                .map(|used| used.calls.saturating_mul(per_call))
                .max()?;
            (seen < u64::from(spec.failures)).then(|| {
                format!(
                    "this opens after {} failures, but a task makes at most {seen} attempts",
                    spec.failures
                )
            })
        })
    },
};

pub(super) const BREAKER_OUTLASTS_OUTAGE: Rule = Rule {
    id: "breaker-outlasts-outage",
    finds: "a breaker that stays open longer than the outages that it meets",
    why: "It turns a short outage into a longer one.",
    advice: "set `open_for` to a fraction of the outages that you expect",
    check: |view| {
        breakers(view, |site, spec| {
            let down = site
                .targets
                .iter()
                .filter_map(|used| Some((used, longest_outage(used)?)));
            let (used, down) = down.max_by_key(|(_, down)| *down)?;
            (spec.open_for > down).then(|| {
                let (open, down) = (spec.open_for.as_seconds(), down.as_seconds());
                format!(
                    "this stays open for {open} s: the outages of `{}` last {down} s",
                    used.target.name
                )
            })
        })
    },
};

pub(super) const HALF_OPEN_FOR_ALL: Rule = Rule {
    id: "half-open-for-all",
    finds: "a shared breaker that lets everybody through when it is half-open",
    why: "All who waited come back in the same instant, onto a target that has just recovered.",
    advice: "write `half_open: one`",
    check: |view| {
        breakers(view, |site, spec| {
            let wide = matches!(site.layer.shared, Shared::Fleet | Shared::All);
            let used = site.targets.iter().find(|used| used.agents > 1)?;
            (wide && spec.half_open == HalfOpen::All).then(|| {
                format!(
                    "half-open, this lets {} through to `{}` at once",
                    crowd(used),
                    used.target.name
                )
            })
        })
    },
};

pub(super) const SLOT_HELD_ASLEEP: Rule = Rule {
    id: "slot-held-asleep",
    finds: "a concurrency limit around a retry: its slot is held while the retry sleeps",
    why: "In an outage all slots are held by sleepers, and calls that would succeed wait behind them.",
    advice: "list `concurrency` after (inside) the `retry`",
    check: |view| {
        let sites = view.sites();
        let held = sites.iter().filter(|site| {
            let sleeps = |spec: &crate::resilience::RetrySpec| spec.attempts != Some(1);
            matches!(site.layer.kind, LayerKind::Concurrency(_))
                && site.inside.iter().filter_map(retry_of).any(sleeps)
        });
        let message = "this slot is held while the retry inside it waits";
        held.map(|site| (site.layer.label.clone(), message.to_owned()))
            .collect()
    },
};

pub(super) const LIMITER_PER_CLIENT: Rule = Rule {
    id: "limiter-per-client",
    finds: "a limiter for each client, where the clients together exceed a shared quota",
    why: "Each keeps to its own rate, and all together are over the account's.",
    advice: "write `shared: all`, or divide the quota by the number of agents",
    check: |view| {
        let mut hits = vec![];
        for site in view.sites() {
            let LayerKind::RateLimit(spec) = &site.layer.kind else {
                continue;
            };
            if !matches!(site.layer.shared, Shared::Task | Shared::Agent) {
                continue;
            }
            let over = site.targets.iter().find(|used| {
                let all = used.agents as f64 * spec.rate.per_nanosecond();
                used.agents > 1 && quota(used).is_some_and(|quota| all > quota)
            });
            if let Some(used) = over {
                let message = format!(
                    "{} at this rate each exceed the quota of `{}`",
                    crowd(used),
                    used.target.name
                );
                hits.push((site.layer.label.clone(), message));
            }
        }
        hits
    },
};

fn breakers(view: &View, judge: impl Fn(&Site, &BreakerSpec) -> Option<String>) -> Vec<Hit> {
    let sites = view.sites();
    let judged = sites.iter().filter_map(|site| match &site.layer.kind {
        LayerKind::CircuitBreaker(spec) => Some((site.layer.label.clone(), judge(site, spec)?)),
        _ => None,
    });
    judged.collect()
}

/// The longest outage of a target, or the mean of its random ones if that is longer.
fn longest_outage(used: &Used) -> Option<Span> {
    let windows = used
        .target
        .outages
        .iter()
        .map(|window| window.until.since(window.from));
    windows
        .chain(used.target.episodes.map(|episodes| episodes.mean_down))
        .max()
}

/// The smallest quota of requests that all clients of a target share \[1/ns\].
fn quota(used: &Used) -> Option<f64> {
    let limits = used.target.limits.iter().filter(|limit| {
        limit.unit == LimitUnit::Requests
            && limit.per == LimitPer::Account
            && limit.algorithm != Algorithm::Concurrency
    });
    limits
        .map(|limit| limit.quota as f64 / limit.window.0 as f64)
        .reduce(f64::min)
}
