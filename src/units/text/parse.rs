//! Quantities from text.

use super::decimal::{Fault, decimal};
use super::{HOURS, MINUTES, TIME_UNITS};
use crate::units::{Rate, Share, Span};

/// Why text is not the quantity that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QuantityError {
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// An example of the right form.
    pub help: String,
}

pub(super) type Parsed<T> = Result<T, QuantityError>;

const TIME_HELP: &str = "write a time with its unit, such as `60ms`, `5s`, `1m 30s` or `2h`";
const SHARE_HELP: &str = "write a share in percent, from `0%` to `100%`, such as `12.5%`";
const COUNT_HELP: &str = "write a whole number, such as `500`, `30k` or `1.5M`";
const RATE_HELP: &str = "write a rate, such as `10/s`, `500/min`, `300k/min` or `5/10s`";
const FACTOR_HELP: &str = "write a number, such as `2`, `2x` or `1.5`";

pub(super) fn wrong<T>(message: String, help: &str) -> Parsed<T> {
    let help = help.to_owned();
    Err(QuantityError { message, help })
}

/// The text for a message, without its bulk.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Turns a [`Fault`] of the number in `text` into words; `what` is "a time", `finest` the unit's
/// last step.
pub(super) fn faulty<T>(
    fault: Fault,
    text: &str,
    what: &str,
    finest: &str,
    help: &str,
) -> Parsed<T> {
    let shown = quoted(text);
    let negative = text.trim_start_matches('$').starts_with('-') || text.starts_with("-$");
    wrong(
        match fault {
            Fault::NotANumber if text.trim().is_empty() => {
                format!("expected {what}, found nothing")
            }
            Fault::NotANumber if negative => format!("{shown} is negative"),
            Fault::NotANumber => format!("{shown} is not {what}"),
            Fault::LeadingZero => format!("{shown} begins with a needless zero"),
            Fault::TooFine => format!("{shown} is finer than {finest}"),
            Fault::TooLarge => format!("{shown} is too large"),
        },
        help,
    )
}

/// A time: `60ms`, `1.5s`, `1m 30s`, `2h`; of bare numbers only `0`.
///
/// # Errors
/// If it has no unit, is negative, finer than a nanosecond, or longer than 584 years.
pub fn parse_span(text: &str) -> Parsed<Span> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Span::ZERO);
    }
    if decimal(trimmed, 9).is_ok() {
        return wrong(format!("{} has no unit of time", quoted(text)), TIME_HELP);
    }
    let bad = |fault| faulty(fault, trimmed, "a time", "a nanosecond", TIME_HELP);
    let mut rest = trimmed;
    let mut total = 0u64;
    let mut shorter_than = u64::MAX;
    loop {
        let (term, after) = match time_term(rest) {
            Ok(parsed) => parsed,
            Err(fault) => return bad(fault),
        };
        if term.unit >= shorter_than {
            return wrong(
                format!("the units in {} do not go from long to short", quoted(text)),
                TIME_HELP,
            );
        }
        shorter_than = term.unit;
        // The very last value means "for ever" and cannot be written.
        match total.checked_add(term.nanos).filter(|t| *t < u64::MAX) {
            Some(sum) => total = sum,
            None => return bad(Fault::TooLarge),
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(Span(total));
        }
    }
}

struct TimeTerm {
    nanos: u64,
    unit: u64,
}

/// The first `30s` of a time, and what follows.
fn time_term(text: &str) -> Result<(TimeTerm, &str), Fault> {
    let numeric = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
    let (number, rest) = text.split_at(text.find(|c| !numeric(c)).unwrap_or(text.len()));
    let rest = rest.trim_start();
    let (name, rest) = rest.split_at(
        rest.find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len()),
    );
    let unit = match name {
        "min" => MINUTES,
        "hour" | "hours" => HOURS,
        "µs" | "μs" => super::MICROS,
        _ => {
            let known = TIME_UNITS.iter().find(|(unit, _)| *unit == name);
            known.ok_or(Fault::NotANumber)?.1
        }
    };
    const NANO: u128 = 1_000_000_000;
    // Printed times pad their last term: `2 h 05 m`.
    let number = match number.as_bytes() {
        [b'0', b'0'..=b'9'] => &number[1..],
        _ => number,
    };
    let scaled = decimal(number, 9)?
        .checked_mul(u128::from(unit))
        .ok_or(Fault::TooLarge)?;
    if scaled % NANO != 0 {
        return Err(Fault::TooFine);
    }
    let nanos = u64::try_from(scaled / NANO).map_err(|_| Fault::TooLarge)?;
    Ok((TimeTerm { nanos, unit }, rest))
}

/// A share: `10%`, `0.5%`; of bare numbers only `0`.
///
/// # Errors
/// If it has no `%`, is negative, above 100 %, or finer than one part per million.
pub fn parse_share(text: &str) -> Parsed<Share> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Share::NONE);
    }
    let Some(number) = trimmed.strip_suffix('%') else {
        let percent = trimmed
            .parse::<f64>()
            .ok()
            .filter(|x| (0.0..=1.0).contains(x));
        return match percent {
            Some(x) => {
                // Rounded for the example only.
                let example = ((x * 1e6) + 0.5) as u32;
                let example = super::share(Share(example));
                wrong(
                    format!("{} has no percent sign", quoted(text)),
                    &format!("write `{example}`"),
                )
            }
            None => wrong(format!("{} is not a share", quoted(text)), SHARE_HELP),
        };
    };
    match decimal(number.trim_end(), 4) {
        Ok(ppm) if ppm <= u128::from(Share::ALL.0) => Ok(Share(ppm as u32)),
        Ok(_) => wrong(format!("{} is more than 100%", quoted(text)), SHARE_HELP),
        Err(fault) => faulty(
            fault,
            trimmed,
            "a share",
            "one part per million",
            SHARE_HELP,
        ),
    }
}

/// A whole number, with `k` for thousands and `M` for millions: `500`, `30k`, `1.5M`.
///
/// # Errors
/// If it is negative, not whole, or does not fit 64 bits.
pub fn parse_count(text: &str) -> Parsed<u64> {
    let trimmed = text.trim();
    let (number, places) = match trimmed.char_indices().next_back() {
        Some((at, 'k')) => (&trimmed[..at], 3),
        Some((at, 'M')) => (&trimmed[..at], 6),
        _ => (trimmed, 0),
    };
    let number = decimal(number, places);
    match number.and_then(|n| u64::try_from(n).map_err(|_| Fault::TooLarge)) {
        Ok(n) => Ok(n),
        Err(Fault::TooFine) => wrong(format!("{} is not whole", quoted(text)), COUNT_HELP),
        Err(fault) => faulty(fault, trimmed, "a whole number", "one", COUNT_HELP),
    }
}

/// A rate: `10/s`, `500/min`, `300k/min`, `5/10s`.
///
/// # Errors
/// If the number is not whole, or the time is zero or no time.
pub fn parse_rate(text: &str) -> Parsed<Rate> {
    let Some((number, time)) = text.split_once('/') else {
        return wrong(format!("{} is not a rate", quoted(text)), RATE_HELP);
    };
    let count = match parse_count(number) {
        Ok(count) => count,
        Err(e) if e.message.ends_with("is not whole") => {
            return wrong(
                format!("the number in {} is not whole", quoted(text)),
                "write whole numbers over a longer time: `1/2s` in place of `0.5/s`",
            );
        }
        Err(e) => return wrong(e.message, RATE_HELP),
    };
    let time = time.trim();
    let per = match time.starts_with(|c: char| c.is_ascii_digit()) {
        true => parse_span(time),
        false => parse_span(&format!("1{time}")),
    };
    match per {
        Ok(per) if per > Span::ZERO => Ok(Rate { count, per }),
        _ => wrong(format!("{} is not a rate", quoted(text)), RATE_HELP),
    }
}

/// A factor: `2`, `2x`, `1.5`.
///
/// # Errors
/// If it is not a plain number, negative, or above a thousand million.
pub fn parse_factor(text: &str) -> Parsed<f64> {
    let trimmed = text.trim();
    let number = trimmed.strip_suffix('x').unwrap_or(trimmed);
    match decimal(number, 18) {
        Ok(_) | Err(Fault::TooFine) => {}
        Err(fault) => return faulty(fault, trimmed, "a number", "", FACTOR_HELP),
    }
    match number.replace('_', "").parse::<f64>() {
        Ok(x) if x <= 1e9 => Ok(x),
        _ => faulty(Fault::TooLarge, trimmed, "a number", "", FACTOR_HELP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::text::{parse_money, parse_price};
    use crate::units::{Money, Price};
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_manual_are_understood() {
        assert_eq!(parse_span("60ms"), Ok(Span::millis(60)));
        assert_eq!(parse_span("1.5s"), Ok(Span::millis(1500)));
        assert_eq!(parse_span("0.5ms"), Ok(Span(500_000)));
        for text in ["2us", "2µs", "2μs"] {
            assert_eq!(parse_span(text), Ok(Span(2_000)), "{text}");
        }
        assert_eq!(parse_span("1 hour"), Ok(Span::seconds(3600)));
        assert_eq!(parse_span("2 hours"), Ok(Span::seconds(7200)));
        assert_eq!(parse_span("1m 30s"), Ok(Span::seconds(90)));
        assert_eq!(parse_span("12 m 30 s"), Ok(Span::seconds(750)));
        assert_eq!(parse_span("2h"), Ok(Span::seconds(7200)));
        assert_eq!(parse_span("0"), Ok(Span::ZERO));
        assert_eq!(parse_share("10%"), Ok(Share(100_000)));
        assert_eq!(parse_share("0.5%"), Ok(Share(5_000)));
        assert_eq!(parse_share("100%"), Ok(Share::ALL));
        assert_eq!(parse_count("1.5M"), Ok(1_500_000));
        assert_eq!(parse_count("30k"), Ok(30_000));
        assert_eq!(parse_money("$0.05"), Ok(Money::cents(5)));
        assert_eq!(parse_money("$13,250.00"), Ok(Money::cents(1_325_000)));
        assert_eq!(parse_price("$2.50/M"), Ok(Price(2_500_000)));
        assert_eq!(parse_price("$0.0375/M"), Ok(Price(37_500)));
        assert_eq!(parse_factor("2x"), Ok(2.0));
        assert_eq!(parse_factor("1.5"), Ok(1.5));
    }

    #[test]
    fn rates_keep_the_unit_in_which_they_were_written() {
        let rate = |count, seconds| {
            Ok(Rate {
                count,
                per: Span::seconds(seconds),
            })
        };
        assert_eq!(parse_rate("10/s"), rate(10, 1));
        assert_eq!(parse_rate("300k/min"), rate(300_000, 60));
        assert_eq!(parse_rate("5/10s"), rate(5, 10));
        assert_eq!(parse_rate("7/h"), rate(7, 3600));
    }

    #[test]
    fn mistakes_are_named() {
        let cases: [(Option<QuantityError>, &str); 21] = [
            (parse_span(" ").err(), "expected a time, found nothing"),
            (parse_span("30").err(), "`30` has no unit of time"),
            (parse_span("-5s").err(), "`-5s` is negative"),
            (parse_span("5 parsecs").err(), "`5 parsecs` is not a time"),
            (
                parse_span("0.1ns").err(),
                "`0.1ns` is finer than a nanosecond",
            ),
            (
                parse_span("30s 1m").err(),
                "the units in `30s 1m` do not go from long to short",
            ),
            (parse_span("900000d").err(), "`900000d` is too large"),
            (parse_span("ms").err(), "`ms` is not a time"),
            (parse_span("5M").err(), "`5M` is not a time"),
            (parse_share("120%").err(), "`120%` is more than 100%"),
            (parse_share("-1%").err(), "`-1%` is negative"),
            (parse_share("0.1").err(), "`0.1` has no percent sign"),
            (parse_count("1.5").err(), "`1.5` is not whole"),
            (
                parse_count("007").err(),
                "`007` begins with a needless zero",
            ),
            (
                parse_rate("0.5/s").err(),
                "the number in `0.5/s` is not whole",
            ),
            (
                parse_rate("007/s").err(),
                "`007` begins with a needless zero",
            ),
            (parse_rate("5/0s").err(), "`5/0s` is not a rate"),
            (parse_money("5").err(), "`5` has no dollar sign"),
            (parse_money("$-5").err(), "`$-5` is negative"),
            (
                parse_money("$0.0000000000001").err(),
                "`$0.0000000000001` is finer than 12 decimals of a dollar",
            ),
            (
                parse_price("$2.50").err(),
                "`$2.50` does not say for how many tokens",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.map(|e| e.message).as_deref(), Some(message));
        }
        assert_eq!(parse_share("0.1").unwrap_err().help, "write `10%`");
    }

    #[test]
    fn limits_are_the_last_that_can_be_written() {
        // 2^64 - 2 ns; the very last value means "for ever".
        let longest = "213503d 23h 34m 33s 709ms 551us 614ns";
        assert_eq!(parse_span(longest), Ok(Span(u64::MAX - 1)));
        assert!(parse_span(&longest.replace("614ns", "615ns")).is_err());
        assert_eq!(
            parse_money("$1,000,000,000,000"),
            Ok(Money(1_000_000_000_000 * Money::PER_DOLLAR))
        );
        assert!(parse_money("$1000000000000.000000000001").is_err());
        assert!(parse_money("$1000000000001").is_err());
        assert_eq!(
            parse_price("$1000000000/M"),
            Ok(Price(1_000_000_000_000_000))
        );
        assert!(parse_price("$1000000000.000001/M").is_err());
        assert_eq!(parse_factor("1000000000"), Ok(1e9));
        let message = parse_factor("1000000001").unwrap_err().message;
        assert_eq!(message, "`1000000001` is too large");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC*", short in "[-$0-9._,kMx%/ msunhdµ]{0,12}") {
            for text in [text, short] {
                let _ = parse_span(&text);
                let _ = parse_share(&text);
                let _ = parse_count(&text);
                let _ = parse_rate(&text);
                let _ = parse_money(&text);
                let _ = parse_price(&text);
                let _ = parse_factor(&text);
            }
        }
    }
}
