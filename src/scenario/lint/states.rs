//! Rules about layers with a state that several share: breakers, semaphores, limiters.

use super::Rule;
use super::calls::brief;
use super::view::{Hit, QUICK, Scope, Site, Used, View, retry_of};
use super::waits::crowd;

use crate::resilience::{Begin, BreakerSpec, HalfOpen, Limit, OpenFor, Trip, WindowSpec};
use crate::scenario::model::{Layer, LayerKind, Shared};
use crate::units::Span;
use crate::world::{Algorithm, LimitPer, LimitUnit};

pub(super) const BREAKER_NEVER_TRIPS: Rule = Rule {
    id: "breaker-never-trips",
    finds: "a breaker of one task or agent that sees too few calls to open",
    why: "With a state for each it counts only that one's failures, and the work ends, or the window forgets them, \
          before there are enough.",
    advice: "write `shared: fleet`, or lower `failures` (or `minimum_calls`)",
    alone: None,
    check: |view| {
        breakers(view, |site, spec| {
            let (who, calls): (_, fn(&Used) -> u64) = match site.layer.shared {
                Shared::Task => ("a task", |used| used.traffic.calls),
                Shared::Agent => ("an agent", |used| used.traffic.calls_of_one),
                Shared::Fleet | Shared::All => return None,
            };
            if site.scope != Scope::Call {
                return None;
            }
            let retries = site.around.iter().filter_map(|layer| retry_of(layer));
            let per_call = retries.fold(1_u64, |product, spec| {
                product.saturating_mul(spec.attempts.map_or(u64::MAX, u64::from))
            });
            let seen = site.targets.iter().map(|used| calls(used));
            let seen = seen.max()?.saturating_mul(per_call);
            let (needed, of_what) = fewest(spec);
            let too_few = |seen| seen < u64::from(needed);
            if too_few(seen) {
                return Some(format!(
                    "this opens after {needed} {of_what}, but {who} makes at most {seen} attempts"
                ));
            }
            let (window, at_once) = (forgets_after(spec)?, side_by_side(site));
            let within = site
                .targets
                .iter()
                .map(|used| at_once(used).saturating_mul(in_a_row(site, used, window)));
            let within = within.max().filter(|seen| too_few(*seen))?;
            let window = brief(window);
            Some(format!(
                "this opens after {needed} {of_what} within {window}, in which {who} makes at most {within}"
            ))
        })
    },
};

pub(super) const BREAKER_OUTLASTS_OUTAGE: Rule = Rule {
    id: "breaker-outlasts-outage",
    finds: "a breaker that stays open longer than the outages that it meets",
    why: "The target is back and nobody asks: a short outage becomes as long as the breaker stays open, and where \
          calls are refused at once their tasks fail.",
    advice: "set `open_for` to a fraction of the outages that you expect: a probe costs one call",
    alone: None,
    check: |view| {
        breakers(view, |site, spec| {
            let targets = site.targets.iter();
            let down = targets.filter_map(|used| Some((used, longest_outage(used)?)));
            let (used, down) = down.max_by_key(|(_, down)| *down)?;
            let name = &used.target.name;
            let open = match &spec.open_for {
                OpenFor::Fixed(time) => *time,
                OpenFor::Growing(backoff) => backoff.delay(1, &mut Span::ZERO.clone(), 0.0),
            };
            (open > down).then(|| {
                let after = match open {
                    Span::MAX => "one without end".to_owned(),
                    open => format!("one of {} or more", brief(open)),
                };
                format!(
                    "this turns an outage of `{name}` of {} into {after}",
                    brief(down)
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
    alone: None,
    check: |view| {
        breakers(view, |site, spec| {
            let wide = matches!(site.layer.shared, Shared::Fleet | Shared::All);
            let used = site.targets.iter().find(|used| used.traffic.agents > 1)?;
            let all = matches!(
                spec.half_open,
                HalfOpen::Probes {
                    at_once: u32::MAX,
                    ..
                }
            );
            (wide && all).then(|| {
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
    finds: "a concurrency limit around a retry, in its own list or in a scope inside: its slot is held \
            while the retry sleeps",
    why: "In an outage all slots are held by sleepers, and calls that would succeed wait behind them.",
    advice: "list `concurrency` after (inside) the `retry`",
    alone: None,
    check: |view| {
        view.each_site(|site| {
            let mut inside = site.inside.iter().chain(deeper(view, site.scope));
            let held = matches!(site.layer.kind, LayerKind::Concurrency(_))
                && inside.any(|layer| retry_of(layer).is_some());
            held.then(|| {
                "this slot is held through all attempts and waits of the retry inside it".to_owned()
            })
        })
    },
};

pub(super) const LIMITER_PER_CLIENT: Rule = Rule {
    id: "limiter-per-client",
    finds: "a limiter for each client or fleet, where the clients together exceed a shared quota",
    why: "Each keeps to its own rate, and all together are over the account's.",
    advice: "write `shared: all`, or divide the quota by the number of agents",
    alone: None,
    check: |view| {
        view.each_site(|site| {
            let LayerKind::RateLimit(spec) = &site.layer.kind else {
                return None;
            };
            let of_fleets = site.layer.shared == Shared::Fleet;
            let limiters = |used: &Used| match site.layer.shared {
                Shared::Task | Shared::Agent => used.traffic.agents,
                Shared::Fleet => used.traffic.fleets,
                Shared::All => 1,
            };
            let over = |used: &&&Used| {
                let all = limiters(used) as f64 * spec.rate.per_nanosecond();
                limiters(used) > 1 && quota(used).is_some_and(|quota| all > quota)
            };
            let used = site.targets.iter().find(over)?;
            let crowd = match of_fleets {
                true => format!("{} fleets", used.traffic.fleets),
                false => crowd(used),
            };
            let name = &used.target.name;
            Some(format!(
                "{crowd}, each at this rate, exceed the quota of `{name}`"
            ))
        })
    },
};

/// The layers of the scopes inside this one.
fn deeper<'a>(view: &View<'a>, scope: Scope) -> Vec<&'a Layer> {
    let policy = view.policy;
    let lists = [&policy.tool, &policy.llm].into_iter();
    let calls = lists.flat_map(|calls| {
        let of = calls.of.iter().flat_map(|(_, layers)| layers);
        calls.others.iter().chain(of)
    });
    match scope {
        Scope::Call | Scope::Fleet => vec![],
        Scope::Turn => calls.collect(),
        Scope::Task => policy.turn.iter().chain(calls).collect(),
    }
}

fn breakers(view: &View, judge: impl Fn(&Site, &BreakerSpec) -> Option<String>) -> Vec<Hit> {
    view.each_site(|site| match &site.layer.kind {
        LayerKind::CircuitBreaker(spec) => judge(site, spec),
        _ => None,
    })
}

/// After how long a breaker has forgotten a call, if it does.
fn forgets_after(spec: &BreakerSpec) -> Option<Span> {
    let Trip::Window(trip) = &spec.trip else {
        return None;
    };
    match trip.window {
        // These wait for a newer call, however long that takes.
        WindowSpec::Time(buckets) if buckets.begin != Begin::CallInTurn => {
            let window = buckets.each.0.saturating_mul(u64::from(buckets.count));
            Some(Span(window))
        }
        _ => None,
    }
}

/// How many calls of a target one state of a layer meets at once.
fn side_by_side(site: &Site) -> impl Fn(&Used) -> u64 + use<> {
    let hedges = site.around.iter().map(|layer| match &layer.kind {
        LayerKind::Hedge(spec) => u64::from(spec.most) + 1,
        _ => 1,
    });
    let hedges: u64 = hedges.product();
    let of_task = site.layer.shared == Shared::Task;
    move |used| hedges * if of_task { used.traffic.wide } else { 1 }
}

/// How many calls of a target, one after the other, may end within a time: as many as there would be
/// if nobody waited in between.
fn in_a_row(site: &Site, used: &Used, window: Span) -> u64 {
    let each = site
        .inside
        .iter()
        .fold(used.quickest(), |each, layer| match &layer.kind {
            LayerKind::Timeout(limit) => each.min(*limit),
            LayerKind::Patience(limit) => each.min(Span::from_nanos_f64(limit.quantile(QUICK))),
            LayerKind::Retry(_) | LayerKind::RetryBudget(_) => each,
            // Whatever else is inside may answer by itself, at once, or by another target.
            _ => Span::ZERO,
        });
    match each.0 {
        0 => u64::MAX,
        each => window.0 / each + 1,
    }
}

/// How few calls can open a breaker, and what they must be.
fn fewest(spec: &BreakerSpec) -> (u32, &'static str) {
    match &spec.trip {
        Trip::Consecutive(failures) => (*failures, "failures"),
        Trip::Window(window) => {
            let least = |limit: Limit| match limit {
                Limit::Count(n) => n,
                Limit::AtLeast(_) | Limit::Above(_) => 1,
            };
            let slow = window.slow.map(|slow| slow.limit);
            let limits = window.failures.into_iter().chain(slow).map(least);
            (limits.min().unwrap_or(1).max(window.minimum_calls), "calls")
        }
    }
}

/// The longest outage of a target, or the mean of its random ones if that is longer.
fn longest_outage(used: &Used) -> Option<Span> {
    let outages = used.target.outages.firsts();
    let windows = outages.map(|(window, _)| window.length());
    windows
        .chain(
            used.target
                .episodes
                .iter()
                .map(|episodes| episodes.mean_down),
        )
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
