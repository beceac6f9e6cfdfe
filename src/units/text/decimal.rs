//! Decimal text as a scaled integer, exactly.

/// Why text is not a number that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not written as a number.
    NotANumber,
    /// It begins with a zero that says nothing, which other readers take for octal.
    LeadingZero,
    /// It has more decimals than the unit can hold.
    TooFine,
    /// It is too large.
    TooLarge,
}

/// The number in `text` times `10^places`, if that is whole.
///
/// The text is digits, with `_` between digits where that helps reading, and perhaps a point with
/// digits on both sides. No sign, no exponent.
pub(super) fn decimal(text: &str, places: u32) -> Result<u128, Fault> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(Fault::NotANumber),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let tidy = |part: &str| {
        let digits = part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        digits && !part.starts_with('_') && !part.ends_with('_')
    };
    if whole.is_empty() || !tidy(whole) || !tidy(fraction) {
        return Err(Fault::NotANumber);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Fault::LeadingZero);
    }
    let mut value = 0u128;
    for digit in whole.bytes().filter(u8::is_ascii_digit) {
        value = push(value, digit)?;
    }
    let fraction = fraction.trim_end_matches(['0', '_']);
    let mut left = places;
    for digit in fraction.bytes().filter(u8::is_ascii_digit) {
        left = left.checked_sub(1).ok_or(Fault::TooFine)?;
        value = push(value, digit)?;
    }
    let scale = 10u128.checked_pow(left).ok_or(Fault::TooLarge)?;
    value.checked_mul(scale).ok_or(Fault::TooLarge)
}

fn push(value: u128, digit: u8) -> Result<u128, Fault> {
    let tens = value.checked_mul(10).ok_or(Fault::TooLarge)?;
    tens.checked_add(u128::from(digit - b'0'))
        .ok_or(Fault::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal("0.1", 12), Ok(100_000_000_000));
        assert_eq!(decimal("1_000", 0), Ok(1000));
        assert_eq!(decimal("2.500", 1), Ok(25));
        assert_eq!(decimal("0", 0), Ok(0));
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", ".", "1.", ".5", "1e3", "-1", "+1", "_1", "1_", "1.2.3", "0x10", "1,0",
        ] {
            assert_eq!(decimal(text, 3), Err(Fault::NotANumber), "{text}");
        }
        assert_eq!(decimal("007", 0), Err(Fault::LeadingZero));
        assert_eq!(decimal("0.12", 1), Err(Fault::TooFine));
        assert_eq!(decimal(&"9".repeat(40), 0), Err(Fault::TooLarge));
        assert_eq!(decimal(&"9".repeat(38), 6), Err(Fault::TooLarge));
    }
}
