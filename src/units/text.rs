//! How quantities are written: parsing from a scenario file, printing for people.
//!
//! Parsing is exact: decimal text becomes an integer in the quantity's unit without passing
//! through a float, and what does not fit is refused with an example of what does. Printing
//! comes in two kinds: short for people ([`money`], [`span`], [`count`]), and exact where it
//! must be read back ([`money_exact`], [`span_exact`], [`share`]).

mod decimal;
mod money;
mod parse;

use super::{Money, Share, Span};

pub use money::{parse_money, parse_price};
pub use parse::{QuantityError, parse_count, parse_factor, parse_rate, parse_share, parse_span};

const NANOS: u64 = 1;
const MICROS: u64 = 1_000;
const MILLIS: u64 = 1_000_000;
const SECONDS: u64 = 1_000_000_000;
const MINUTES: u64 = 60 * SECONDS;
const HOURS: u64 = 60 * MINUTES;
const DAYS: u64 = 24 * HOURS;

/// The units of time, longest first, with their length \[ns\].
const TIME_UNITS: [(&str, u64); 7] = [
    ("d", DAYS),
    ("h", HOURS),
    ("m", MINUTES),
    ("s", SECONDS),
    ("ms", MILLIS),
    ("us", MICROS),
    ("ns", NANOS),
];

/// A number with thousands separators: `1,234,567`.
pub fn count(n: u128) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Money for people: whole cents (`$13,250.00`), below a dollar three digits that count
/// (`$0.0521`).
pub fn money(amount: Money) -> String {
    let pico = amount.0.unsigned_abs();
    let places = if pico == 0 || pico >= Money::PER_DOLLAR.unsigned_abs() {
        2
    } else {
        // The first digit that counts stands at this decimal place.
        let first = 12 - pico.ilog10();
        (first + 2).clamp(2, 12)
    };
    let unit = 10u128.pow(12 - places);
    let rounded = pico.saturating_add(unit / 2) / unit;
    sign(amount) + &dollars(rounded, places, true)
}

/// Money to the last pico-dollar, without separators: `$13250.000000000001`.
pub fn money_exact(amount: Money) -> String {
    sign(amount) + &dollars(amount.0.unsigned_abs(), 12, false)
}

fn sign(amount: Money) -> String {
    String::from(if amount.0 < 0 { "-$" } else { "$" })
}

/// `amount / 10^places` with at least two decimals.
fn dollars(amount: u128, places: u32, grouped: bool) -> String {
    let one = 10u128.pow(places);
    let whole = amount / one;
    let mut decimals = format!("{:0width$}", amount % one, width = places as usize);
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    let whole = if grouped {
        count(whole)
    } else {
        whole.to_string()
    };
    format!("{whole}.{decimals}")
}

/// A time for people, to about three digits: `450 ms`, `5.10 s`, `12 m 30 s`, `2 h 05 m`.
pub fn span(time: Span) -> String {
    let ns = time.0;
    if time == Span::MAX {
        return "for ever".to_owned();
    }
    if ns < MICROS {
        return format!("{ns} ns");
    }
    for (unit, name, places) in [
        (MICROS, "us", 2),
        (MICROS, "us", 1),
        (MICROS, "us", 0),
        (MILLIS, "ms", 2),
        (MILLIS, "ms", 1),
        (MILLIS, "ms", 0),
    ] {
        if let Some(text) = scaled(ns, unit, places, 1000) {
            return format!("{text} {name}");
        }
    }
    if let Some(text) = scaled(ns, SECONDS, 2, 6000) {
        return format!("{text} s");
    }
    let pair = |big: u64, big_name: &str, small: u64, small_name: &str| {
        let rounded = ns.saturating_add(small / 2) / small;
        let each = big / small;
        let (high, low) = (rounded / each, rounded % each);
        format!("{high} {big_name} {low:02} {small_name}")
    };
    if ns < HOURS - SECONDS / 2 {
        pair(MINUTES, "m", SECONDS, "s")
    } else if ns < 2 * DAYS - MINUTES / 2 {
        pair(HOURS, "h", MINUTES, "m")
    } else {
        pair(DAYS, "d", HOURS, "h")
    }
}

/// `ns / unit` with `places` decimals, if the rounded digits stay below `limit`.
fn scaled(ns: u64, unit: u64, places: u32, limit: u64) -> Option<String> {
    let step = unit / 10u64.pow(places);
    let digits = ns.saturating_add(step / 2) / step;
    let one = 10u64.pow(places);
    let text = match places {
        0 => digits.to_string(),
        _ => format!(
            "{}.{:0width$}",
            digits / one,
            digits % one,
            width = places as usize
        ),
    };
    (digits < limit).then_some(text)
}

/// A time to the nanosecond, as a scenario would write it: `1m 30s 5ns`; zero is `0`.
pub fn span_exact(time: Span) -> String {
    let mut rest = time.0;
    let mut terms = Vec::new();
    for (name, unit) in TIME_UNITS {
        if rest >= unit {
            terms.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    match terms.is_empty() {
        true => "0".to_owned(),
        false => terms.join(" "),
    }
}

/// A share, exactly: `12.5%`.
pub fn share(share: Share) -> String {
    let decimals = format!("{:04}", share.0 % 10_000);
    let decimals = decimals.trim_end_matches('0');
    let dot = if decimals.is_empty() { "" } else { "." };
    format!("{}{dot}{decimals}%", share.0 / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn money_reads_well_at_every_size() {
        let cases = [
            (0, "$0.00"),
            (13_250_000_000_000_000, "$13,250.00"),
            (52_100_000_000, "$0.0521"),
            (50_000_000_000, "$0.05"),
            (500_000_000_000, "$0.50"),
            (125_000_000_000, "$0.125"),
            (5_214_000_000, "$0.00521"),
            (999_900_000_000, "$1.00"),
            (-1_234_567_000_000_000, "-$1,234.57"),
            (12, "$0.000000000012"),
        ];
        for (pico, text) in cases {
            assert_eq!(money(Money(pico)), text);
        }
        assert_eq!(
            money_exact(Money(13_250_000_000_000_001)),
            "$13250.000000000001"
        );
    }

    #[test]
    fn time_reads_well_at_every_size() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (2_000, "2.00 us"),
            (60_000_000, "60.0 ms"),
            (450_000_000, "450 ms"),
            (999_700_000, "1.00 s"),
            (5_100_000_000, "5.10 s"),
            (59_996_000_000, "1 m 00 s"),
            (750_000_000_000, "12 m 30 s"),
            (3_599_900_000_000, "1 h 00 m"),
            (7_500_000_000_000, "2 h 05 m"),
            (200 * HOURS, "8 d 08 h"),
            (u64::MAX, "for ever"),
        ];
        for (ns, text) in cases {
            assert_eq!(span(Span(ns)), text);
        }
    }

    #[test]
    fn time_changes_its_units_where_rounding_would_reach_the_next() {
        let cases = [
            (HOURS - SECONDS / 2 - 1, "59 m 59 s"),
            (HOURS - SECONDS / 2, "1 h 00 m"),
            (30 * HOURS, "30 h 00 m"),
            (2 * DAYS - MINUTES / 2 - 1, "47 h 59 m"),
            (2 * DAYS - MINUTES / 2, "2 d 00 h"),
        ];
        for (ns, text) in cases {
            assert_eq!(span(Span(ns)), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000_000), "1,000,000");
    }

    proptest! {
        #[test]
        fn exact_text_reads_back(pico in 0i128..1_000_000_000_000_000_000, ns in 0..u64::MAX, ppm in 0u32..=1_000_000) {
            prop_assert_eq!(parse_money(&money_exact(Money(pico))), Ok(Money(pico)));
            prop_assert_eq!(parse_span(&span_exact(Span(ns))), Ok(Span(ns)));
            prop_assert_eq!(parse_share(&share(Share(ppm))), Ok(Share(ppm)));
        }

        #[test]
        fn short_text_is_near_the_truth(pico in 1i128..1_000_000_000_000_000_000, ns in 1..200 * DAYS) {
            let read = parse_money(&money(Money(pico))).unwrap();
            prop_assert!((read.0 - pico).abs() <= (pico / 100).max(5_000_000_000).min(pico));
            let read = parse_span(&span(Span(ns))).unwrap();
            prop_assert!(read.0.abs_diff(ns) <= ns / 50, "{} for {ns}", span(Span(ns)));
        }
    }
}
