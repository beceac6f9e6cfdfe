//! The layers of a policy.

use super::fields::Fields;
use super::hedge::hedge;
use super::model::{FleetBreaker, FleetLayers, Layer, LayerKind, Shared};
use super::presets::with_preset;
use super::reader::Reader;
use super::retry::{outcomes, retry};
use super::routes::{fallback, route};
use super::targets::queue;
use super::tree::{Kind, Node, Place};
use crate::presets::LayerKind as PresetOf;
use crate::resilience::{BreakerSpec, ClientLimitSpec, HalfOpen, RetryBudgetSpec, SemaphoreSpec};
use crate::units::Span;
use crate::wire::{Outcome, OutcomeSet};

const KINDS: [&str; 10] = [
    "retry",
    "timeout",
    "circuit_breaker",
    "concurrency",
    "rate_limit",
    "retry_budget",
    "budget",
    "hedge",
    "fallback",
    "route",
];

/// What a circuit breaker takes for a failure unless the scenario says otherwise.
///
/// Our assumption: what speaks of the target's health, and not of the request.
pub(super) const BREAKER_ON: OutcomeSet = OutcomeSet::of(&[
    Outcome::Transient,
    Outcome::RateLimited,
    Outcome::Overloaded,
    Outcome::Timeout,
]);

/// A layer and where it stands in the file.
pub(super) type Placed = (Layer, Place);

/// A list of layers, outermost first; `label` is "by-the-book.tool" or the like.
pub(super) fn layers(node: &Node, label: &str, r: &mut Reader) -> Option<Vec<Placed>> {
    let items = r.list(node, "a list of layers")?;
    let mut layers = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        if let Some((layer, place)) = placed(item, &format!("{label}[{i}]"), r) {
            layers.push((layer, place));
        }
    }
    Some(layers)
}

/// One layer, by itself.
pub(super) fn one(node: &Node, label: &str, r: &mut Reader) -> Option<Layer> {
    Some(placed(node, label, r)?.0)
}

fn placed(item: &Node, label: &str, r: &mut Reader) -> Option<Placed> {
    let (key, value) = r.variant(item, "a layer", &KINDS)?;
    let (kind, shared) = layer(key, value, r)?;
    let layer = Layer {
        kind,
        shared,
        label: format!("{label} {key}"),
    };
    Some((layer, value.owner))
}

fn layer(key: &str, node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    match key {
        "retry" => Some((LayerKind::Retry(Box::new(retry(node, r)?)), Shared::Task)),
        "timeout" => Some((LayerKind::Timeout(r.positive_time(node)?), Shared::Task)),
        "circuit_breaker" => circuit_breaker(node, r),
        "concurrency" => concurrency(node, r),
        "rate_limit" => rate_limit(node, r),
        "retry_budget" => retry_budget(node, r),
        "hedge" => hedge(node, r),
        "fallback" => fallback(node, r),
        "route" => route(node, r),
        _ => budget(node, r),
    }
}

pub(super) fn shared(f: &mut Fields, key: &'static str, default: Shared, r: &mut Reader) -> Shared {
    let choices = [
        ("task", Shared::Task),
        ("agent", Shared::Agent),
        ("fleet", Shared::Fleet),
        ("all", Shared::All),
    ];
    let read = f.optional(key, r, |n, r| r.choice(n, &choices));
    read.unwrap_or(default)
}

fn circuit_breaker(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let node = &*with_preset(node, PresetOf::CircuitBreaker, r)?;
    let mut f = Fields::of(node, "a circuit breaker", r)?;
    let failures = f.required("failures", r, |n, r| r.count32(n, 1));
    let open_for = f.required("open_for", r, |n, r| r.positive_time(n));
    let half_open = [("one", HalfOpen::One), ("all", HalfOpen::All)];
    let half_open = f.optional("half_open", r, |n, r| r.choice(n, &half_open));
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let spec = BreakerSpec {
        failures: failures?,
        open_for: open_for?,
        half_open: half_open.unwrap_or(HalfOpen::One),
        on: on.unwrap_or(BREAKER_ON),
    };
    Some((LayerKind::CircuitBreaker(spec), shared))
}

fn concurrency(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a concurrency limit", r)?;
    let max = f.required("max", r, |n, r| r.count32(n, 1));
    let queue = f.optional("queue", r, queue);
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let spec = SemaphoreSpec {
        max: max?,
        queue: queue.flatten(),
    };
    Some((LayerKind::Concurrency(spec), shared))
}

fn rate_limit(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a rate limit", r)?;
    let rate = f.required("rate", r, |n, r| r.positive_rate(n));
    let burst = f.optional("burst", r, |n, r| r.count_in(n, 1, u64::from(u32::MAX)));
    let longest_wait = f.optional("longest_wait", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(Span::MAX),
        _ => r.time(n),
    });
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let spec = ClientLimitSpec {
        rate: rate?,
        burst: burst.unwrap_or(1),
        longest_wait: longest_wait.unwrap_or(Span::MAX),
    };
    Some((LayerKind::RateLimit(spec), shared))
}

fn retry_budget(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a retry budget", r)?;
    let retries = f.optional("retries", r, |n, r| r.count32(n, 0));
    let cost = f.optional("cost", r, |n, r| Some((n.owner, r.factor(n)?)));
    let given = f.get("retries").is_some() || f.get("cost").is_some();
    let per = shared(&mut f, "per", Shared::Task, r);
    let spec = match (retries, cost) {
        (Some(_), Some((place, _))) => {
            r.error(
                place,
                "a retry budget has either `retries` or `cost`, not both",
            );
            None
        }
        (Some(retries), None) => Some(RetryBudgetSpec::Count(retries)),
        (None, Some((_, factor))) => Some(RetryBudgetSpec::Cost { factor }),
        (None, None) => {
            if !given {
                f.needs("the key `retries` or `cost`", r);
            }
            None
        }
    };
    f.finish(r);
    Some((LayerKind::RetryBudget(spec?), per))
}

fn budget(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a budget", r)?;
    let limit = f.required("limit", r, |n, r| r.money(n));
    let shared = shared(&mut f, "shared", Shared::Task, r);
    f.finish(r);
    Some((LayerKind::Budget(limit?), shared))
}

/// The layers at `fleet` scope.
pub(super) fn fleet_layers(node: &Node, r: &mut Reader) -> Option<FleetLayers> {
    const FLEET: [&str; 2] = ["retry", "circuit_breaker"];
    let mut layers = FleetLayers::default();
    let mut seen: Vec<&str> = Vec::new();
    for item in r.list(node, "a list of layers")? {
        if let Kind::Map(entries) = &item.kind
            && let [(key, _)] = &entries[..]
            && KINDS.contains(&key.text.as_str())
            && !FLEET.contains(&key.text.as_str())
        {
            let message = format!("`{}` makes no sense at `fleet` scope", key.text);
            let help = "only `retry` and `circuit_breaker` stand there; see `task`";
            r.error_help(key.place, message, help);
            continue;
        }
        let Some((key, value)) = r.variant(item, "a layer", &FLEET) else {
            continue;
        };
        if seen.contains(&key) {
            r.error(value.owner, format!("there is one `{key}` already"));
        }
        seen.push(key);
        match key {
            "retry" => layers.retry = retry(value, r),
            _ => layers.breaker = fleet_breaker(value, r),
        }
    }
    Some(layers)
}

fn fleet_breaker(node: &Node, r: &mut Reader) -> Option<FleetBreaker> {
    let mut f = Fields::of(node, "a fleet's circuit breaker", r)?;
    let failures = f.required("failures", r, |n, r| r.count32(n, 1));
    let count = [("total", false), ("consecutive", true)];
    let consecutive = f.optional("count", r, |n, r| r.choice(n, &count));
    let open_for = f.optional("open_for", r, |n, r| r.positive_time(n));
    f.finish(r);
    Some(FleetBreaker {
        failures: failures?,
        consecutive: consecutive.unwrap_or(false),
        open_for: open_for.unwrap_or(Span::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Money;

    fn first(yaml: &str) -> Result<Layer, String> {
        let list = read(&format!("[{yaml}]"), |node, r| layers(node, "p.tool", r))?;
        Ok(list.into_iter().next().unwrap().0)
    }

    #[test]
    fn layers_have_the_defaults_of_the_manual() {
        let breaker = first("{circuit_breaker: {failures: 5, open_for: 60s}}").unwrap();
        let LayerKind::CircuitBreaker(spec) = &breaker.kind else {
            panic!("{breaker:?}")
        };
        assert_eq!((spec.half_open, spec.on), (HalfOpen::One, BREAKER_ON));
        assert_eq!(
            (breaker.shared, breaker.label.as_str()),
            (Shared::Fleet, "p.tool[0] circuit_breaker")
        );
        let limit = first("{concurrency: {max: 5}}").unwrap();
        assert_eq!(
            limit.kind,
            LayerKind::Concurrency(SemaphoreSpec {
                max: 5,
                queue: None
            })
        );
        let LayerKind::RateLimit(limit) = first("{rate_limit: {rate: 10/s}}").unwrap().kind else {
            panic!("a rate limit");
        };
        assert_eq!((limit.burst, limit.longest_wait), (1, Span::MAX));
        let budget = first("{budget: {limit: $0.10, shared: all}}").unwrap();
        assert_eq!(
            (budget.kind, budget.shared),
            (LayerKind::Budget(Money::cents(10)), Shared::All)
        );
        let retries = first("{retry_budget: {cost: 2x, per: agent}}").unwrap();
        let kind = LayerKind::RetryBudget(RetryBudgetSpec::Cost { factor: 2.0 });
        assert_eq!((retries.kind, retries.shared), (kind, Shared::Agent));
        assert_eq!(
            first("{timeout: 30s}").unwrap().kind,
            LayerKind::Timeout(Span::seconds(30))
        );
    }

    #[test]
    fn a_fleet_has_layers_of_its_own() {
        let yaml =
            "[{retry: {attempts: 2}}, {circuit_breaker: {failures: 10, count: consecutive}}]";
        let fleet = read(yaml, fleet_layers).unwrap();
        assert_eq!(fleet.retry.unwrap().attempts, Some(2));
        let breaker = FleetBreaker {
            failures: 10,
            consecutive: true,
            open_for: Span::MAX,
        };
        assert_eq!(fleet.breaker, Some(breaker));
        let told = read("[{timeout: 1s}]", fleet_layers).unwrap_err();
        assert_eq!(told, "`timeout` makes no sense at `fleet` scope");
        let told = read(
            "[{retry: {attempts: 2}}, {retry: {attempts: 3}}]",
            fleet_layers,
        )
        .unwrap_err();
        assert_eq!(told, "there is one `retry` already");
    }
}
