//! Money and prices from text.

use super::decimal::{Fault, decimal};
use super::parse::{Parsed, faulty, quoted, wrong};
use crate::units::{Money, Price};

const MONEY_HELP: &str = "write dollars, such as `$0.05` or `$100`";
const PRICE_HELP: &str = "write dollars per million tokens, such as `$2.50/M`";

/// The most dollars that an amount in a file may have; keeps every sum far from overflow.
const MOST_DOLLARS: i128 = 1_000_000_000_000;

/// Money: `$0.05`, `$1,250`; of bare numbers only `0`.
///
/// # Errors
/// If it has no dollar sign, is negative, has more than twelve decimals, or is absurdly large.
pub fn parse_money(text: &str) -> Parsed<Money> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Money::ZERO);
    }
    let what = "an amount of money";
    let bad = |fault| faulty(fault, trimmed, what, "12 decimals of a dollar", MONEY_HELP);
    let Some(number) = trimmed.strip_prefix('$') else {
        if decimal(trimmed, 12).is_ok() {
            return wrong(
                format!("{} has no dollar sign", quoted(text)),
                &format!("write `${trimmed}`"),
            );
        }
        return bad(Fault::NotANumber);
    };
    let Some(number) = without_separators(number) else {
        return bad(Fault::NotANumber);
    };
    let amount = match decimal(&number, 12) {
        Ok(pico) => i128::try_from(pico).unwrap_or(i128::MAX),
        Err(fault) => return bad(fault),
    };
    if amount > MOST_DOLLARS * Money::PER_DOLLAR {
        return bad(Fault::TooLarge);
    }
    Ok(Money(amount))
}

/// `1,234,567.8` without its commas, if they stand where they belong.
fn without_separators(number: &str) -> Option<String> {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut groups = whole.split(',');
    let mut plain = groups.next().unwrap_or_default().to_owned();
    let grouped = whole.contains(',');
    if grouped && !(1..=3).contains(&plain.len()) {
        return None;
    }
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain + fraction)
}

/// A price: `$2.50/M`, dollars per million tokens.
///
/// # Errors
/// If it is not of that form, negative, or has more than six decimals.
pub fn parse_price(text: &str) -> Parsed<Price> {
    let trimmed = text.trim();
    let number = trimmed.strip_prefix('$').and_then(|t| t.strip_suffix("/M"));
    let Some(number) = number else {
        let message = match parse_money(trimmed) {
            Ok(_) => format!("{} does not say for how many tokens", quoted(text)),
            Err(_) => format!("{} is not a price", quoted(text)),
        };
        return wrong(message, PRICE_HELP);
    };
    // A million dollars per token would be 1e18.
    const MOST: u128 = 1_000_000_000_000_000;
    match decimal(number.trim_end(), 6) {
        Ok(micro) if micro <= MOST => Ok(Price(micro as u64)),
        Ok(_) => faulty(Fault::TooLarge, trimmed, "a price", "", PRICE_HELP),
        Err(fault) => {
            let finest = "six decimals of a dollar per million tokens";
            faulty(fault, trimmed, "a price", finest, PRICE_HELP)
        }
    }
}
