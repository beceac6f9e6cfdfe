//! Prices: from the dated table, or written in the scenario.
//!
//! The table is a snapshot of the list prices that LiteLLM publishes (see `data/README.md`), in
//! dollars per token. They become integers exactly: the shortest decimal text of each number is
//! what the table holds, and one pico-dollar per token is one unit of [`Price`].

use std::collections::BTreeMap;

use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::units::text::parse_count;
use crate::units::{Money, Price};
use crate::world::{PriceList, TokenPrices};

const TABLE: &str = include_str!("data/prices.json");
/// When the table was taken.
pub const TABLE_DATE: &str = "2026-11-22";

/// A model's prices as the scenario gives them, with what the checks need to know.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelPrice {
    pub(super) list: PriceList,
    /// Whether reading the prompt cache has a price of its own.
    pub(super) has_cached: bool,
    /// Where the scenario itself writes a cache price.
    pub(super) cache_price_at: Option<Place>,
}

/// One model of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    prices: TokenPrices,
    has_cached: bool,
}

/// The models of the dated table, by name.
pub fn table_names() -> Vec<String> {
    table().into_keys().collect()
}

fn table() -> BTreeMap<String, Listed> {
    let parsed: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(TABLE).expect("the embedded price table is JSON");
    let models = parsed
        .into_iter()
        .filter(|(name, _)| !name.starts_with('_'));
    models
        .filter_map(|(name, model)| Some((name, listed(&model)?)))
        .collect()
}

fn listed(model: &serde_json::Value) -> Option<Listed> {
    let price = |key: &str| per_token(model.get(key)?.as_f64()?);
    let input = price("input_cost_per_token")?;
    let cached = price("cache_read_input_token_cost");
    // Zero stands for "not charged apart from the input price".
    let written = price("cache_creation_input_token_cost").filter(|p| *p > Price(0));
    Some(Listed {
        prices: TokenPrices {
            input,
            cached_input: cached.unwrap_or(input),
            cache_write: written.unwrap_or(input),
            output: price("output_cost_per_token")?,
        },
        has_cached: cached.is_some(),
    })
}

/// Dollars per token as a price, if it is a whole number of pico-dollars.
fn per_token(dollars: f64) -> Option<Price> {
    // The shortest text that reads back as this number, such as `1.25e-6`.
    let text = format!("{dollars:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent.parse::<i32>().ok()? - fraction.len() as i32 + 12;
    if digits == 0 {
        return Some(Price(0));
    }
    let scale = 10u64.checked_pow(u32::try_from(exponent).ok()?)?;
    digits.checked_mul(scale).map(Price)
}

/// The prices of that model; a name without its provider will do where it is clear.
fn lookup(name: &str) -> Option<(String, Listed)> {
    let mut table = table();
    if let Some(listed) = table.remove(name) {
        return Some((name.to_owned(), listed));
    }
    let ending = format!("/{name}");
    let mut matches = table
        .into_iter()
        .filter(|(full, _)| full.ends_with(&ending));
    let only = matches.next()?;
    matches.next().is_none().then_some(only)
}

fn from_table(node: &Node, r: &mut Reader) -> Option<ModelPrice> {
    let name = r.text(node, "the name of a model")?;
    let Some((name, listed)) = lookup(name) else {
        let names = table_names();
        r.unknown(node.place, "price", name, names.iter().map(String::as_str));
        return None;
    };
    Some(ModelPrice {
        list: PriceList {
            tokens: Some(listed.prices),
            source: format!("{name}, price table of {TABLE_DATE}"),
            ..PriceList::default()
        },
        has_cached: listed.has_cached,
        cache_price_at: None,
    })
}

/// The price of a model: a name from the table, or a map.
pub(super) fn of_model(node: &Node, r: &mut Reader) -> Option<ModelPrice> {
    if let Kind::Scalar { text, .. } = &node.kind {
        if text.starts_with('$') {
            let help = "write `{per_call: $0.05}` or `{input: $2.50/M, output: $10/M}`";
            r.error_help(node.place, "this does not say what is charged", help);
            return None;
        }
        return from_table(node, r);
    }
    let mut f = Fields::of(node, "a model's price", r)?;
    let base = f.get("from").map(|n| from_table(n, r));
    let written_out = f.get("by_prompt").map(|n| (n, by_prompt(n, r)));
    let token_keys = ["input", "cached_input", "cache_write", "output"];
    let [input, cached, written, output] =
        token_keys.map(|key| f.optional(key, r, |n, r| Some((n.owner, r.price(n)?))));
    let has_tokens = token_keys.iter().any(|key| f.get(key).is_some());
    let per_call = f.optional("per_call", r, |n, r| r.money(n));
    let any = f.get("per_call").is_some() || has_tokens || base.is_some();
    let mut price = match base {
        Some(base) => base?,
        None => ModelPrice {
            list: PriceList {
                source: "scenario".to_owned(),
                ..PriceList::default()
            },
            ..ModelPrice::default()
        },
    };
    match written_out {
        Some((node, _)) if any => {
            r.error(node.owner, "`by_prompt` stands alone");
        }
        Some((_, points)) => price.list.by_prompt = points?,
        None if !any => f.needs("prices, such as `input` and `output`, or `per_call`", r),
        None => {}
    }
    if has_tokens {
        let known = price.list.tokens;
        let input = input.map(|(_, p)| p).or(known.map(|t| t.input));
        let output = output.map(|(_, p)| p).or(known.map(|t| t.output));
        match (input, output) {
            (Some(input), Some(output)) => {
                // A cache price that was the input price follows it.
                let same = |of: fn(TokenPrices) -> Price| {
                    let own = known.filter(|t| of(*t) != t.input);
                    own.map_or(input, of)
                };
                price.list.tokens = Some(TokenPrices {
                    input,
                    cached_input: cached.map_or(same(|t| t.cached_input), |(_, p)| p),
                    cache_write: written.map_or(same(|t| t.cache_write), |(_, p)| p),
                    output,
                });
            }
            _ if f.get("input").is_none() || f.get("output").is_none() => {
                f.needs("both `input` and `output`", r);
            }
            _ => {}
        }
    }
    if price.list.source != "scenario" && any {
        price.list.source += ", changed in the scenario";
    }
    price.list.per_call = per_call.unwrap_or_default();
    price.has_cached |= cached.is_some();
    price.cache_price_at = cached.or(written).map(|(place, _)| place);
    f.finish(r);
    Some(price)
}

fn by_prompt(node: &Node, r: &mut Reader) -> Option<Vec<(u32, Money)>> {
    let mut points = Vec::new();
    let entries = r.map(node, "a map from prompt tokens to prices")?;
    for (key, node) in entries {
        let tokens = match parse_count(&key.text).map(u32::try_from) {
            Ok(Ok(tokens)) => tokens,
            _ => {
                let help = "write prompt tokens, such as `500: $0.05`";
                r.error_help(key.place, "expected a number of tokens", help);
                continue;
            }
        };
        if points.last().is_some_and(|(last, _)| *last >= tokens) {
            r.error(key.place, "the numbers of tokens must ascend");
        }
        if let Some(price) = r.money(node) {
            points.push((tokens, price));
        }
    }
    if entries.is_empty() {
        r.error(node.place, "`by_prompt` needs at least one point");
    }
    Some(points)
}

/// The price of a tool: money per call.
pub(super) fn of_tool(node: &Node, r: &mut Reader) -> Option<PriceList> {
    let per_call = match &node.kind {
        Kind::Map(_) => {
            let mut f = Fields::of(node, "a tool's price", r)?;
            let per_call = f.required("per_call", r, |n, r| r.money(n));
            f.finish(r);
            per_call?
        }
        _ => r.money(node)?,
    };
    Some(PriceList {
        per_call,
        source: "scenario".to_owned(),
        ..PriceList::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2.5e-06` in pico-dollars, from its text alone.
    fn exact(text: &str) -> u64 {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let zeros = 12 + exponent.parse::<i32>().unwrap() - fraction.len() as i32;
        let digits: u64 = format!("{whole}{fraction}").parse().unwrap();
        if digits == 0 {
            0
        } else {
            digits * 10u64.pow(zeros.try_into().unwrap())
        }
    }

    #[test]
    fn every_price_of_the_table_is_exact() {
        let mut seen = 0;
        for line in TABLE
            .lines()
            .filter(|line| line.contains("_cost_per_token\"") || line.contains("token_cost\""))
        {
            let text = line.split(": ").nth(1).unwrap().trim_end_matches(',');
            assert_eq!(
                per_token(text.parse().unwrap()),
                Some(Price(exact(text))),
                "{line}"
            );
            seen += 1;
        }
        assert!(seen > 100, "{seen}");
        assert_eq!(table().len(), 36);
    }

    #[test]
    fn the_table_gives_known_prices() {
        let prices = lookup("gpt-4o").unwrap().1.prices;
        assert_eq!(prices.input, Price(2_500_000));
        assert_eq!(prices.cached_input, Price(1_250_000));
        assert_eq!(prices.cache_write, Price(2_500_000));
        assert_eq!(prices.output, Price(10_000_000));
        assert_eq!(
            lookup("claude-sonnet-4-5").unwrap().1.prices.cache_write,
            Price(3_750_000)
        );
        assert_eq!(lookup("gemini-2.5-pro").unwrap().0, "gemini/gemini-2.5-pro");
        assert!(lookup("gpt-4-").is_none());
    }
    #[test]
    fn a_listed_price_can_be_changed_in_part() {
        use super::super::reader::read;
        let tokens = |yaml: &str| read(yaml, of_model).unwrap().list.tokens.unwrap();
        let prices = tokens("{from: gpt-4o, input: $5/M}");
        assert_eq!(
            (prices.input, prices.output),
            (Price(5_000_000), Price(10_000_000))
        );
        // The table has a price for reading the cache, and none for writing it.
        assert_eq!(
            (prices.cached_input, prices.cache_write),
            (Price(1_250_000), Price(5_000_000))
        );
        let prices = tokens("{input: $2.50/M, output: $10/M, cached_input: $1.25/M}");
        assert_eq!(
            (prices.cached_input, prices.cache_write),
            (Price(1_250_000), Price(2_500_000))
        );
        let list = read("{by_prompt: {500: $0.05, 2500: $0.12}}", of_model)
            .unwrap()
            .list;
        assert_eq!(
            list.by_prompt,
            [(500, Money::cents(5)), (2500, Money::cents(12))]
        );
        assert_eq!(read("$0.05", of_tool).unwrap().per_call, Money::cents(5));
    }
}
