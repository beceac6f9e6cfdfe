//! Prices: what an attempt costs before billing shares.

use crate::units::{Money, Price, Span};

use super::BillingRule;

/// What a target charges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// For each call.
    pub per_call: Money,
    /// For each token.
    pub tokens: Option<TokenPrices>,
    /// For a call by the size of its prompt: (tokens, price) in ascending order of tokens, linear
    /// between the points, constant beyond the ends. Empty where there is no such table.
    pub by_prompt: Vec<(u32, Money)>,
    /// Where the prices are from ("gpt-4o, table of 2026-11-22", "scenario"), for the report.
    pub source: String,
}

/// Prices per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// For an input token.
    pub input: Price,
    /// For an input token read from the prompt cache.
    pub cached_input: Price,
    /// For an input token written to the prompt cache.
    pub cache_write: Price,
    /// For an output token.
    pub output: Price,
}

/// How a model's prompt cache works. It is per conversation: each task has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// The shortest prompt that is cached \[tokens\].
    pub min_prefix: u32,
    /// How long a prefix stays cached after it was last read or written.
    pub ttl: Span,
}

/// The tokens of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, cached ones included.
    pub input: u32,
    /// Input tokens that were read from the cache.
    pub cached: u32,
    /// Input tokens that were written to the cache.
    pub written: u32,
    /// Output tokens.
    pub output: u32,
}

impl Usage {
    /// No tokens.
    pub const NONE: Usage = Usage {
        input: 0,
        cached: 0,
        written: 0,
        output: 0,
    };
}

impl PriceList {
    /// What an attempt with this usage costs under this billing rule.
    #[inline(never)]
    pub fn cost(&self, usage: Usage, rule: BillingRule) -> Money {
        let (input, output) = self.of_tokens(usage);
        let call = self.of_call(usage);
        input.share(rule.input) + output.share(rule.output) + call.share(rule.call)
    }

    /// What an attempt with this usage costs that is charged in full.
    #[inline]
    pub fn in_full(&self, usage: Usage) -> Money {
        let (input, output) = self.of_tokens(usage);
        input + output + self.of_call(usage)
    }

    /// What the tokens going in and coming out cost.
    #[inline]
    fn of_tokens(&self, usage: Usage) -> (Money, Money) {
        let Some(prices) = &self.tokens else {
            return (Money::ZERO, Money::ZERO);
        };
        let mut input = prices
            .input
            .times(usage.input - usage.cached - usage.written);
        if usage.cached | usage.written != 0 {
            input += prices.cached_input.times(usage.cached);
            input += prices.cache_write.times(usage.written);
        }
        (input, prices.output.times(usage.output))
    }

    /// What the call itself costs.
    #[inline]
    fn of_call(&self, usage: Usage) -> Money {
        match self.by_prompt.is_empty() {
            true => self.per_call,
            false => self.per_call + self.table_price(usage.input),
        }
    }

    /// Whether nothing is ever charged.
    #[inline]
    pub fn is_nothing(&self) -> bool {
        self.per_call == Money::ZERO && self.tokens.is_none() && self.by_prompt.is_empty()
    }

    /// The price by the size of the prompt, where there is such a table.
    #[inline(never)]
    fn table_price(&self, prompt: u32) -> Money {
        let Some(after) = self.by_prompt.iter().position(|(at, _)| *at >= prompt) else {
            return self
                .by_prompt
                .last()
                .map_or(Money::ZERO, |(_, price)| *price);
        };
        let (high, high_price) = self.by_prompt[after];
        if after == 0 || high == prompt {
            return high_price;
        }
        let (low, low_price) = self.by_prompt[after - 1];
        let rise = (high_price - low_price).0;
        Money(low_price.0 + rise * i128::from(prompt - low) / i128::from(high - low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growing() -> PriceList {
        PriceList {
            by_prompt: vec![
                (500, Money::cents(5)),
                (2_500, Money::cents(12)),
                (5_000, Money::cents(22)),
            ],
            ..PriceList::default()
        }
    }

    #[test]
    fn ten_growing_prompts_cost_1_325_dollars() {
        let prompt = |k: u32| Usage {
            input: 500 * k,
            ..Usage::default()
        };
        let total: Money = (1..=10)
            .map(|k| growing().cost(prompt(k), BillingRule::FULL))
            .sum();
        assert_eq!(total, Money(1_325_000_000_000));
    }

    #[test]
    fn the_table_is_constant_beyond_its_ends() {
        assert_eq!(growing().table_price(1), Money::cents(5));
        assert_eq!(growing().table_price(9_999), Money::cents(22));
    }

    #[test]
    fn cached_tokens_cost_the_cached_price() {
        let list = PriceList {
            tokens: Some(TokenPrices {
                input: Price(3_000_000),
                cached_input: Price(300_000),
                cache_write: Price(3_750_000),
                output: Price(15_000_000),
            }),
            ..PriceList::default()
        };
        let usage = Usage {
            input: 3_000,
            cached: 1_000,
            written: 2_000,
            output: 100,
        };
        let expected = 1_000 * 300_000 + 2_000 * 3_750_000 + 100 * 15_000_000;
        assert_eq!(list.cost(usage, BillingRule::FULL), Money(expected));
    }
}
