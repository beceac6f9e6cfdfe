//! How numbers and names are written for people.
//!
//! Files for programs keep full precision; tables and charts round. Nothing here depends on a
//! locale.

use unicode_width::UnicodeWidthChar;

/// What stands where there is no value.
pub const NO_VALUE: &str = "–";

/// Dollars: three digits below ten, then cents, whole dollars from a hundred thousand, M/B/T from
/// ten million. Halves are rounded up: `$1.125` is `$1.13`.
pub fn money(dollars: f64) -> String {
    let sign = if dollars < 0.0 { "-" } else { "" };
    let size = dollars.abs();
    let digits = if !size.is_finite() {
        return NO_VALUE.to_owned();
    } else if size == 0.0 {
        "0.00".to_owned()
    } else if size < 9_999_999.5 {
        grouped(size, money_decimals(size))
    } else {
        magnitude(size)
    };
    format!("{sign}${digits}")
}

/// Half the width of an interval of dollars, as `±…` with as many decimals as its mean has, or more
/// where it would read as nothing; empty where it is nothing: all replications agree.
pub fn money_spread(mean: f64, half: f64) -> String {
    if half <= 0.0 || !half.is_finite() {
        return String::new();
    }
    let decimals = money_decimals(mean.abs());
    match half < 0.5 / scale(decimals) {
        true => format!("±{}", grouped(half, first_digit(half))),
        false => format!("±{}", grouped(half, decimals)),
    }
}

/// How many decimals a sum of dollars is written with.
fn money_decimals(size: f64) -> usize {
    match size {
        0.0 => 2,
        s if s < 9.995 => first_digit(s) + 2,
        s if s < 99_999.995 => 2,
        _ => 0,
    }
}

/// Dollars with a sign, for differences.
pub fn money_change(dollars: f64) -> String {
    match dollars {
        d if d > 0.0 => format!("+{}", money(d)),
        d => money(d),
    }
}

/// A count or a mean of counts.
pub fn count(n: f64) -> String {
    let sign = if n < 0.0 { "-" } else { "" };
    let size = n.abs();
    if !size.is_finite() {
        NO_VALUE.to_owned()
    } else if size < 99.95 && (size * 10.0).round() % 10.0 != 0.0 {
        format!("{sign}{size:.1}")
    } else if size < 9_999.5 {
        format!("{sign}{}", grouped(size, 0))
    } else {
        format!("{sign}{}", magnitude(size))
    }
}

/// So many things, with a word for one and a word for more: `1 policy`, `10 policies`.
pub fn counted(n: usize, one: &str, more: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {more}"),
    }
}

/// A share as a percentage. 100 % and 0 % are only written where they are exact.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return NO_VALUE.to_owned();
    }
    if share == 0.0 || share == 1.0 {
        return format!("{:.0}%", share * 100.0);
    }
    if share > 0.0 && share < 0.0005 {
        return "<0.1%".to_owned();
    }
    if share < 1.0 && share > 0.9995 {
        return ">99.9%".to_owned();
    }
    format!("{:.1}%", share * 100.0)
}

/// A ratio such as amplification.
pub fn ratio(r: f64) -> String {
    match r {
        r if !r.is_finite() => NO_VALUE.to_owned(),
        r if r.abs() < 99.995 => format!("{r:.2}×"),
        r => format!("{}×", count(r)),
    }
}

/// A length of time with three digits or to the second: `850 ms`, `5.10 s`, `4m 10s`, `1h 05m`.
pub fn seconds(s: f64) -> String {
    if !s.is_finite() {
        return NO_VALUE.to_owned();
    }
    if s < 0.0 {
        return format!("-{}", seconds(-s));
    }
    if s == 0.0 {
        "0 s".to_owned()
    } else if s < 0.9995 {
        format!("{} ms", three_digits(s * 1000.0))
    } else if s < 59.95 {
        format!("{} s", three_digits(s))
    } else if s < 3599.5 {
        let whole = s.round() as u64;
        format!("{}m {:02}s", whole / 60, whole % 60)
    } else if s < 359_970.0 {
        let minutes = (s / 60.0).round() as u64;
        format!("{}h {:02}m", minutes / 60, minutes % 60)
    } else {
        format!("{} h", grouped(s / 3600.0, 0))
    }
}

/// A name that shows what is in it: control characters, and characters that reorder or hide
/// text, are written as escapes. Private-use characters too, which [`super::table`] marks with.
pub fn visible(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || hides(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The text cut to that many terminal columns, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    let width = |c: char| c.width().unwrap_or(0);
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let mut out: String = text
        .chars()
        .take_while(|c| {
            let fits = width(*c) <= room;
            room = room.saturating_sub(width(*c));
            fits
        })
        .collect();
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Characters that change how their neighbours look: bidirectional controls, joiners, fillers,
/// line separators, the byte-order mark, non-characters and the private use area.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}'
        | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

/// Which decimal of a number below ten is its first digit that is not zero; 0 is the whole part.
fn first_digit(size: f64) -> usize {
    let mut decimals = 0;
    let mut scaled = size;
    while scaled < 0.9995 && decimals < 12 {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals
}

/// Three significant digits of a positive number below a thousand.
fn three_digits(size: f64) -> String {
    let decimals = match size {
        s if s < 9.995 => 2,
        s if s < 99.95 => 1,
        _ => 0,
    };
    format!("{size:.decimals$}")
}

/// Ten to that power.
fn scale(decimals: usize) -> f64 {
    (0..decimals).fold(1.0, |power, _| power * 10.0)
}

/// Rounded to that many decimals, halves up, with commas between thousands.
fn grouped(size: f64, decimals: usize) -> String {
    let power = scale(decimals);
    let text = format!("{:.decimals$}", (size * power).round() / power);
    let (digits, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + fraction
}

/// Three digits and a suffix, from a thousand on.
fn magnitude(size: f64) -> String {
    let steps = [(1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];
    let (unit, suffix) = steps
        .into_iter()
        .find(|(unit, _)| size < unit * 999.5)
        .unwrap_or(steps[3]);
    format!("{}{suffix}", three_digits(size / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_of_every_size() {
        let cases = [
            (0.0, "$0.00"),
            (0.000_123_4, "$0.000123"),
            (0.022_5, "$0.0225"),
            (0.099_96, "$0.100"),
            (1.125, "$1.13"),
            (9.996, "$10.00"),
            (12.345, "$12.35"),
            (999.999, "$1,000.00"),
            (13_250.0, "$13,250.00"),
            (99_999.996, "$100,000"),
            (1_234_567.0, "$1,234,567"),
            (12_345_678.0, "$12.3M"),
            (-3.0, "-$3.00"),
        ];
        for (dollars, text) in cases {
            assert_eq!(money(dollars), text);
        }
        assert_eq!(money(f64::NAN), NO_VALUE);
        assert_eq!(money_change(0.5), "+$0.500");
    }

    #[test]
    fn a_spread_has_the_decimals_of_its_mean_and_is_never_nothing() {
        assert_eq!(money_spread(12.0, 0.25), "±0.25");
        assert_eq!(money_spread(1.5, 0.012_34), "±0.01");
        assert_eq!(money_spread(1_500.0, 1_234.5), "±1,234.50");
        assert_eq!(money_spread(12.0, 0.000_4), "±0.0004");
        assert_eq!(money_spread(12.0, 0.0), "");
    }

    #[test]
    fn counts_shares_and_ratios() {
        assert_eq!(count(7.0), "7");
        assert_eq!(count(7.25), "7.2");
        assert_eq!(count(1_234.0), "1,234");
        assert_eq!(count(12_345.0), "12.3k");
        assert_eq!(count(999_900.0), "1.00M");
        assert_eq!(counted(1, "policy", "policies"), "1 policy");
        assert_eq!(counted(0, "policy", "policies"), "0 policies");
        assert_eq!(percent(0.999_99), ">99.9%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(percent(0.0001), "<0.1%");
        assert_eq!(ratio(1.5), "1.50×");
    }

    #[test]
    fn times_with_three_digits() {
        let cases = [
            (0.0, "0 s"),
            (0.000_123, "0.12 ms"),
            (0.85, "850 ms"),
            (5.1, "5.10 s"),
            (12.34, "12.3 s"),
            (59.96, "1m 00s"),
            (250.0, "4m 10s"),
            (3_900.0, "1h 05m"),
            (720_000.0, "200 h"),
        ];
        for (s, text) in cases {
            assert_eq!(seconds(s), text);
        }
    }

    #[test]
    fn names_hide_nothing_and_fit() {
        assert_eq!(
            visible("a\nb\u{1b}[31m\u{202e}x"),
            "a\\nb\\u{1b}[31m\\u{202e}x"
        );
        assert_eq!(cut("policy", 6), "policy");
        assert_eq!(cut("policies", 6), "polic…");
        assert_eq!(cut("日本語", 4), "日…");
    }
}
