//! The layers of a policy.

use super::breaker::breaker;
use super::capacity::queue;
use super::dead_letters::dead_letter;
use super::distributions;
use super::fields::Fields;
use super::hedge::hedge;
use super::lint::allowing;
use super::model::{FleetBreaker, FleetLayers, Layer, LayerKind, Shared, Via};
use super::presets::with_preset;
use super::reader::Reader;
use super::retry::{outcomes, retry};
use super::retry_budgets::retry_budget;
use super::routes::{fallback, route};
use super::stacks::stacked;
use super::stores::via;

use super::tree::{Key, Kind, Node, Place};
use crate::presets::LayerKind as PresetOf;
use crate::resilience::{
    AdaptiveLimitSpec, AdaptiveThrottleSpec, AimdSpec, BreakerSpec, ClientLimitSpec, Pace,
    RetrySpec, SemaphoreSpec,
};
use crate::units::{Share, Span};

const KINDS: [&str; 11] = [
    "retry",
    "timeout",
    "circuit_breaker",
    "concurrency",
    "rate_limit",
    "adaptive_throttle",
    "retry_budget",
    "budget",
    "hedge",
    "fallback",
    "route",
];

/// A layer and where it stands in the file.
pub(super) type Placed = (Layer, Place);

/// A list of layers at a scope, outermost first; `label` is "by-the-book.tool" or the like.
pub(super) fn layers(node: &Node, scope: &str, label: &str, r: &mut Reader) -> Option<Vec<Placed>> {
    if is_a_layer(node) {
        not_a_list(node, r);
        return None;
    }
    let items = r.list(node, "a list of layers")?;
    let mut layers = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let label = format!("{label}[{i}]");
        match &item.kind {
            Kind::Map(keys) if keys.len() == 1 && keys[0].0.text == "stack" => {
                let stack = stacked(&keys[0].1, r);
                layers.extend(stack.into_iter().flat_map(|s| s.item(scope, &label, r)));
            }
            _ => layers.extend(placed(item, &label, r)),
        }
    }
    Some(layers)
}

/// Whether this is written as one layer, where a list of them is due.
pub(super) fn is_a_layer(node: &Node) -> bool {
    let names_one = |entries: &[(Key, Node)]| {
        (entries.iter()).any(|(key, _)| KINDS.contains(&key.text.as_str()))
    };
    matches!(&node.kind, Kind::Map(entries) if names_one(entries))
}

/// Says so.
pub(super) fn not_a_list(node: &Node, r: &mut Reader) {
    let help =
        "begin each with a dash, outermost first: `[{retry: {attempts: 3}}, {timeout: 10s}]`";
    r.error_help(
        node.owner,
        "layers are a list, also where there is one",
        help,
    );
}

/// One layer, by itself.
pub(super) fn one(node: &Node, label: &str, r: &mut Reader) -> Option<Layer> {
    Some(placed(node, label, r)?.0)
}

/// One layer and its place; its label is `label` and its kind.
pub(super) fn placed(item: &Node, label: &str, r: &mut Reader) -> Option<Placed> {
    let item = &*allowing(item, r);
    let (key, value) = r.variant(item, "a layer", &KINDS)?;
    let (kind, shared, via) = match key {
        "circuit_breaker" => {
            let shared = |f: &mut Fields, usual, r: &mut Reader| shared(f, "shared", usual, r);
            let (spec, shared, via) = breaker(value, shared, r)?;
            (LayerKind::CircuitBreaker(spec), shared, via)
        }
        "rate_limit" => rate_limit(value, r)?,
        _ => {
            let (kind, shared) = layer(key, value, r)?;
            (kind, shared, None)
        }
    };
    let layer = Layer {
        kind,
        shared,
        via,
        label: format!("{label} {key}"),
    };
    Some((layer, value.owner))
}

fn layer(key: &str, node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    match key {
        "retry" => Some((LayerKind::Retry(Box::new(retry(node, r)?)), Shared::Task)),
        "timeout" => Some((timeout(node, r)?, Shared::Task)),
        "concurrency" => concurrency(node, r),
        "adaptive_throttle" => adaptive_throttle(node, r),
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

/// `30s`, or a distribution that is not always zero.
fn timeout(node: &Node, r: &mut Reader) -> Option<LayerKind> {
    if let Kind::Scalar { .. } = node.kind {
        return Some(LayerKind::Timeout(r.positive_time(node)?));
    }
    let time = distributions::times(node, r)?;
    if time.mean() > 0.0 {
        return Some(LayerKind::Patience(time));
    }
    r.error(node.place, "expected a time above zero");
    None
}

fn concurrency(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a concurrency limit", r)?;
    let aimd = f.get("aimd");
    let max = match (f.get("max"), aimd) {
        (Some(max), Some(_)) => {
            let message = "a concurrency limit has either `max` or `aimd`, not both";
            r.error(max.owner, message);
            None
        }
        (_, Some(own)) => aimd_of(own, r).map(|(initial, spec)| (initial, Some(spec))),
        (_, None) => {
            let max = f.required("max", r, |n, r| r.count32(n, 1));
            max.map(|max| (max, None))
        }
    };
    let queue = f.optional("queue", r, queue);
    let longest_wait = longest_wait(&mut f, r);
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let (max, aimd) = max?;
    let spec = SemaphoreSpec {
        max,
        aimd,
        queue: queue.flatten(),
        longest_wait,
    };
    Some((LayerKind::Concurrency(spec), shared))
}

/// How many slots at first, and how their number moves.
fn aimd_of(node: &Node, r: &mut Reader) -> Option<(u32, AimdSpec)> {
    let mut f = Fields::of(node, "an AIMD limit", r)?;
    let count = |f: &mut Fields, key, usual, r: &mut Reader| {
        let read = f.optional(key, r, |n, r| r.count32(n, 1));
        read.unwrap_or(usual)
    };
    let (min, max) = (count(&mut f, "min", 20, r), count(&mut f, "max", 200, r));
    let initial = count(&mut f, "initial", min, r);
    let backoff = f.optional("backoff", r, |n, r| {
        let backoff = r.factor(n)?;
        if (0.5..1.0).contains(&backoff) {
            return Some(Share((backoff * f64::from(Share::ALL.0) + 0.5) as u32));
        }
        r.error(n.place, "expected at least 0.5 and less than 1");
        None
    });
    let timeout = f.optional("timeout", r, |n, r| r.positive_time(n));
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    f.finish(r);
    if !(min..=max).contains(&initial) {
        let message =
            format!("`initial` must be from `min` to `max`: {min} to {max}, not {initial}");
        r.error(node.owner, message);
    }
    let spec = AimdSpec {
        min,
        max,
        backoff: backoff.unwrap_or(Share(900_000)),
        timeout: timeout.unwrap_or(Span::seconds(5)),
        on: on.unwrap_or(AimdSpec::DEFAULT_ON),
    };
    Some((initial, spec))
}

fn rate_limit(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared, Option<Via>)> {
    let node = &*with_preset(node, PresetOf::RateLimit, r)?;
    let mut f = Fields::of(node, "a rate limit", r)?;
    if let Some(own) = f.get("adaptive") {
        let spec = adaptive_limit(own, r);
        if f.get("rate").is_some() {
            let message = "a rate limit has either `rate` or `adaptive`, not both";
            r.error(own.owner, message);
        }
        let shared = shared(&mut f, "shared", Shared::Fleet, r);
        f.finish(r);
        return Some((LayerKind::AdaptiveLimit(spec?), shared, None));
    }
    let rate = f.required("rate", r, |n, r| r.positive_rate(n));
    let paces = [
        ("even", Pace::Even),
        ("sleeping_window", Pace::SleepingWindow),
    ];
    let pace = f.optional("pace", r, |n, r| r.choice(n, &paces));
    let burst = f.optional("burst", r, |n, r| {
        Some((n.owner, r.count_in(n, 1, u64::from(u32::MAX))?))
    });
    if let (Some((place, _)), Some(Pace::SleepingWindow)) = (burst, pace) {
        r.error_help(place, "a `sleeping_window` has no `burst`", "leave it out");
    }
    let longest_wait = longest_wait(&mut f, r);
    let via = via(&mut f, r);
    let usual = if f.get("via").is_some() {
        Shared::All
    } else {
        Shared::Fleet
    };
    let shared = shared(&mut f, "shared", usual, r);
    f.finish(r);
    let spec = ClientLimitSpec {
        pace: pace.unwrap_or_default(),
        rate: rate?,
        burst: burst.map_or(1, |(_, burst)| burst),
        longest_wait,
    };
    Some((LayerKind::RateLimit(spec), shared, via))
}

fn adaptive_limit(node: &Node, r: &mut Reader) -> Option<AdaptiveLimitSpec> {
    let mut f = Fields::of(node, "an adaptive rate limit", r)?;
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    f.finish(r);
    let on = on.unwrap_or(AdaptiveLimitSpec::DEFAULT_ON);
    Some(AdaptiveLimitSpec { on })
}

/// How long who must wait waits before it is refused.
fn longest_wait(f: &mut Fields, r: &mut Reader) -> Span {
    let read = f.optional("longest_wait", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(Span::MAX),
        _ => r.time(n),
    });
    read.unwrap_or(Span::MAX)
}

fn adaptive_throttle(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let node = &*with_preset(node, PresetOf::AdaptiveThrottle, r)?;
    let mut f = Fields::of(node, "an adaptive throttle", r)?;
    let k = f.optional("k", r, |n, r| r.positive_factor(n));
    let window = f.optional("window", r, |n, r| r.positive_time(n));
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let spec = AdaptiveThrottleSpec {
        k: k.unwrap_or(2.0),
        window: window.unwrap_or(Span::seconds(120)),
        on: on.unwrap_or(BreakerSpec::DEFAULT_ON),
    };
    Some((LayerKind::AdaptiveThrottle(spec), shared))
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
    const FLEET: [&str; 3] = ["retry", "circuit_breaker", "dead_letter"];
    let mut layers = FleetLayers::default();
    let mut seen: Vec<&str> = Vec::new();
    let items = r.list(node, "a list of layers")?.iter();
    let items: Vec<_> = items.map(|item| allowing(item, r)).collect();
    for item in &items {
        if let Kind::Map(entries) = &item.kind
            && let [(key, _)] = &entries[..]
            && KINDS.contains(&key.text.as_str())
            && !FLEET.contains(&key.text.as_str())
        {
            let message = format!("`{}` makes no sense at `fleet` scope", key.text);
            let help = "only `retry`, `circuit_breaker` and `dead_letter` stand there; see `task`";
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
            "retry" => {
                layers.retry = fleet_retry(value, r);
                r.marks.fleet_retry = Some(value.owner);
            }
            "dead_letter" => layers.dead_letter = dead_letter(value, r),
            _ => layers.breaker = fleet_breaker(value, r),
        }
    }
    Some(layers)
}

fn fleet_retry(node: &Node, r: &mut Reader) -> Option<RetrySpec> {
    let spec = retry(node, r)?;
    if spec.waits_after_last {
        let help = "add `waits_after_last: false`";
        r.error_help(node.owner, "a queue does not wait after the last try", help);
    }
    if spec.wait_limit.is_some() {
        let message = "a queue does not know its waits, nor when the last try began";
        let help = "write `deadline` or `give_up_after`";
        r.error_help(node.owner, message, help);
    }
    if spec.only_in_first {
        let message = "no retry layer stands outside a queue";
        r.error_help(node.owner, message, "leave out `only_in_first_attempt`");
    }
    if spec.restarts {
        let message = "a queue's backoff does not begin anew";
        r.error_help(node.owner, message, "leave out `restart_backoff`");
    }
    Some(spec)
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
    use crate::random::Distribution;
    use crate::resilience::RetryBudgetSpec;
    use crate::units::Money;

    fn first(yaml: &str) -> Result<Layer, String> {
        let list = read(&format!("[{yaml}]"), |node, r| {
            layers(node, "tool", "p.tool", r)
        })?;
        Ok(list.into_iter().next().unwrap().0)
    }

    #[test]
    fn layers_have_the_defaults_of_the_manual() {
        let breaker = first("{circuit_breaker: {failures: 5, open_for: 60s}}").unwrap();
        let LayerKind::CircuitBreaker(spec) = &breaker.kind else {
            panic!("{breaker:?}")
        };
        assert_eq!(*spec, BreakerSpec::consecutive(5, Span::seconds(60)));
        assert_eq!(
            (breaker.shared, breaker.label.as_str()),
            (Shared::Fleet, "p.tool[0] circuit_breaker")
        );
        let limit = first("{concurrency: {max: 5}}").unwrap();
        assert_eq!(
            limit.kind,
            LayerKind::Concurrency(SemaphoreSpec {
                max: 5,
                aimd: None,
                queue: None,
                longest_wait: Span::MAX,
            })
        );
        let own = first(
            "{concurrency: {aimd: {initial: 20, min: 20, max: 200, backoff: 0.9, timeout: 5s}}}",
        );
        assert_eq!(first("{concurrency: {aimd: {}}}"), own);
        let told = |aimd: &str| first(&format!("{{concurrency: {{{aimd}}}}}")).unwrap_err();
        assert_eq!(
            told("aimd: {initial: 5}"),
            "`initial` must be from `min` to `max`: 20 to 200, not 5"
        );
        assert_eq!(
            told("aimd: {backoff: 1}"),
            "expected at least 0.5 and less than 1"
        );
        assert_eq!(
            told("max: 3, aimd: {}"),
            "a concurrency limit has either `max` or `aimd`, not both"
        );
        let LayerKind::RateLimit(limit) = first("{rate_limit: {rate: 10/s}}").unwrap().kind else {
            panic!("a rate limit");
        };
        assert_eq!((limit.burst, limit.longest_wait), (1, Span::MAX));
        let adaptive = first("{rate_limit: {adaptive: {}}}").unwrap();
        assert_eq!(
            first("{rate_limit: botocore-adaptive-limiter}").unwrap(),
            adaptive
        );
        assert_eq!(
            first("{rate_limit: {adaptive: {}, rate: 10/s}}").unwrap_err(),
            "a rate limit has either `rate` or `adaptive`, not both"
        );
        let throttle = first("{adaptive_throttle: {}}").unwrap();
        assert_eq!(first("{adaptive_throttle: sre}").unwrap(), throttle);
        let spec = AdaptiveThrottleSpec {
            k: 2.0,
            window: Span::seconds(120),
            on: BreakerSpec::DEFAULT_ON,
        };
        assert_eq!(throttle.kind, LayerKind::AdaptiveThrottle(spec));
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
        assert_eq!(
            first("{timeout: {exponential: {mean: 30s}}}").unwrap().kind,
            LayerKind::Patience(Distribution::Exponential { mean: 30e9 })
        );
        let told = |timeout: &str| first(&format!("{{timeout: {timeout}}}")).unwrap_err();
        assert_eq!(told("0"), "expected a time above zero");
        assert_eq!(told("{uniform: [0, 0]}"), "expected a time above zero");
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
