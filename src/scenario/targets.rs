//! Models and tools.

use super::billing::billing;
use super::breakdowns::breakdowns;
use super::calendars;
use super::capacity::capacity;
use super::contention::contention;
use super::distributions::times;
use super::faults::{self, Failing};
use super::fields::Fields;
use super::limits::limits;
use super::load::under_load;
use super::prices::{self, ModelPrice};
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::random::Distribution;
use crate::units::Span;
use crate::world::{CachePolicy, Capacity, PriceList, Target, Work};

/// How long a rejection takes unless the scenario says otherwise \[ns\].
///
/// Our assumption: a gateway answers 429 about as fast as it can be reached.
const REJECTION_LATENCY: f64 = 10e6;
/// The shortest prompt that is cached unless the scenario says otherwise \[tokens\].
///
/// Source: OpenAI, "Prompt caching" guide, 2025; Anthropic's is the same for most models.
const MIN_PREFIX: u32 = 1024;
/// How long a prefix stays cached unless the scenario says otherwise.
///
/// Source: Anthropic, "Prompt caching" guide, 2025; OpenAI says five to ten minutes.
const CACHE_TTL: Span = Span::seconds(300);

/// A tool.
pub(super) fn tool(name: &str, node: &Node, r: &mut Reader) -> Option<Target> {
    let mut f = Fields::of(node, "a tool", r)?;
    let latency = f.required("latency", r, times);
    let price = f.optional("price", r, prices::of_tool).unwrap_or_default();
    let contention = f.optional("contention", r, contention);
    let work = latency.map(|latency| Work::Tool { latency });
    let tool = rest(name, f, work, price, None, r)?;
    Some(Target { contention, ..tool })
}

/// A model.
pub(super) fn model(name: &str, node: &Node, r: &mut Reader) -> Option<Target> {
    let mut f = Fields::of(node, "a model", r)?;
    let latency = f.required("latency", r, model_latency);
    let cache = f.optional("cache", r, |n, r| Some((n.owner, cache(n, r)?)));
    let has_price = f.get("price").is_some();
    let price = f.optional("price", r, prices::of_model);
    if !has_price {
        let help = "if that is meant, write `price: {per_call: $0}`";
        r.warn(
            node.owner,
            format!("model `{name}` has no price: its calls are free"),
            help,
        );
    }
    if let Some(price) = &price {
        cache_and_price_agree(cache.map(|(place, _)| place), price, r);
    }
    let context_window = f.optional("context_window", r, |n, r| r.count32(n, 1));
    let work = latency.map(|(first_token, per_token)| Work::Model {
        first_token,
        per_token,
        context_window,
    });
    let list = price.map(|price| price.list).unwrap_or_default();
    rest(name, f, work, list, cache.map(|(_, cache)| cache), r)
}

fn cache_and_price_agree(cache: Option<Place>, price: &ModelPrice, r: &mut Reader) {
    match (cache, price.cache_price_at) {
        (Some(place), _) if !price.has_cached => {
            let help = "give the price the key `cached_input`, or leave `cache` out";
            r.error_help(place, "a prompt cache needs a price for cached input", help);
        }
        (None, Some(place)) => {
            let help =
                "add `cache: {min_prefix: 1024, ttl: 5m}` to the model, or leave the price out";
            r.error_help(place, "a price for cached input needs a prompt cache", help);
        }
        _ => {}
    }
}

/// Reads the keys that tools and models share, and puts the target together.
fn rest(
    name: &str,
    mut f: Fields,
    work: Option<Work>,
    price: PriceList,
    cache: Option<CachePolicy>,
    r: &mut Reader,
) -> Option<Target> {
    let failing = f.optional("failures", r, faults::failures);
    let script_at = f.get("script").map(|n| n.owner);
    let mut script = f.optional("script", r, faults::script);
    let failures = match failing {
        Some(Failing::Independent(failures)) => failures,
        Some(Failing::Scripted(scripted)) => {
            if let Some(place) = script_at {
                r.error(place, "`failures` already is a script");
            }
            script = Some(scripted);
            faults::never()
        }
        None => faults::never(),
    };
    let hangs = f.optional("hangs", r, faults::hangs);
    let outages = f.optional("outages", r, |n, r| faults::outages(n, &failures, r));
    let episodes = f.optional("episodes", r, |n, r| faults::episodes(n, &failures, r));
    let pauses = f.optional("pauses", r, calendars::pauses);
    let slowdowns = f.optional("slowdowns", r, calendars::slowdowns);
    let breakdowns = f.optional("breakdowns", r, breakdowns);
    let network = f.optional("network", r, times);
    let rejection_latency = f.optional("rejection_latency", r, times);
    let capacity = f.optional("capacity", r, capacity);
    let loaded = capacity.unwrap_or(Capacity::Infinite);
    let under_load = f.optional("under_load", r, |n, r| under_load(n, &loaded, r));
    let cancels = f.optional("cancels", r, |n, r| r.boolean(n));
    let limits = f.optional("limits", r, limits);
    let billing = f.optional("billing", r, billing);
    f.finish(r);
    Some(Target {
        name: name.to_owned(),
        work: work?,
        failures,
        hangs,
        outages: outages.unwrap_or_default(),
        episodes,
        script,
        pauses: pauses.unwrap_or_default(),
        slowdowns: slowdowns.unwrap_or_default(),
        breakdowns,
        network: network.filter(|network| !network.is_zero()),
        rejection_latency: rejection_latency.unwrap_or(Distribution::Constant(REJECTION_LATENCY)),
        capacity: loaded,
        under_load: under_load.unwrap_or_default(),
        contention: None,
        cancels: cancels.unwrap_or(false),
        limits: limits.unwrap_or_default(),
        price,
        cache,
        billing: billing.unwrap_or_default(),
    })
}

/// The time to the first token, and the time for each token \[ns\].
fn model_latency(node: &Node, r: &mut Reader) -> Option<(Distribution, f64)> {
    let by_token = match &node.kind {
        Kind::Map(entries) => entries
            .iter()
            .any(|(key, _)| key.text == "first_token" || key.text == "tokens_per_second"),
        _ => false,
    };
    if !by_token {
        return Some((times(node, r)?, 0.0));
    }
    let mut f = Fields::of(node, "a model's latency", r)?;
    let first_token = f.required("first_token", r, times);
    let speed = f.required("tokens_per_second", r, |n, r| r.positive_factor(n));
    f.finish(r);
    Some((first_token?, 1e9 / speed?))
}

fn cache(node: &Node, r: &mut Reader) -> Option<CachePolicy> {
    let mut f = Fields::of(node, "a prompt cache", r)?;
    let min_prefix = f.optional("min_prefix", r, |n, r| r.count32(n, 0));
    let ttl = f.optional("ttl", r, |n, r| r.positive_time(n));
    f.finish(r);
    Some(CachePolicy {
        min_prefix: min_prefix.unwrap_or(MIN_PREFIX),
        ttl: ttl.unwrap_or(CACHE_TTL),
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn a_tool_has_the_defaults_of_the_manual() {
        let tool = read("{latency: 60ms, price: $0.01}", |n, r| tool("t", n, r)).unwrap();
        assert!(!tool.is_model() && !tool.cancels);
        assert_eq!(tool.capacity, Capacity::Infinite);
        assert_eq!(tool.rejection_latency, Distribution::Constant(1e7));
        assert_eq!(tool.price.per_call, crate::units::Money::cents(1));
        assert!(tool.network.is_none() && tool.hangs.is_none() && tool.limits.is_empty());
    }

    #[test]
    fn a_model_is_as_fast_as_its_tokens_or_takes_a_time() {
        let latency = "{first_token: 450ms, tokens_per_second: 100}";
        assert_eq!(
            read(latency, model_latency),
            Ok((Distribution::Constant(4.5e8), 1e7))
        );
        assert_eq!(
            read("2s", model_latency),
            Ok((Distribution::Constant(2e9), 0.0))
        );
        let yaml = "{price: claude-haiku-4-5, latency: 2s, context_window: 200k, cache: {}}";
        let model = read(yaml, |n, r| model("m", n, r)).unwrap();
        let cache = CachePolicy {
            min_prefix: 1024,
            ttl: Span::seconds(300),
        };
        assert_eq!(model.cache, Some(cache));
        assert_eq!(
            model.price.source,
            "claude-haiku-4-5, price table of 2026-11-22"
        );
    }

    #[test]
    fn failures_and_a_script_exclude_each_other() {
        let yaml = "{latency: 1s, failures: [fail], script: {outcomes: [ok]}}";
        let told = read(yaml, |n, r| tool("t", n, r)).unwrap_err();
        assert_eq!(told, "`failures` already is a script");
    }
}
