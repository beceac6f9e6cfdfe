//! Money as integer pico-dollars.
//!
//! One pico-dollar per token is one micro-dollar per million tokens, so every list price is an
//! integer and a bill is exact to the last unit, whatever the order in which it was added up.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Share;

/// An amount of money \[pico-dollars, 1e-12 $\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i128);

/// A price for one token \[pico-dollars per token = micro-dollars per million tokens\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub u64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// How many of the unit make one dollar.
    pub const PER_DOLLAR: i128 = 1_000_000_000_000;

    /// An amount of whole cents.
    pub const fn cents(n: i128) -> Money {
        Money(n * 10_000_000_000)
    }

    /// Dollars, for people and files only.
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// The share of this amount, rounded down to the unit.
    #[inline]
    pub fn share(self, share: Share) -> Money {
        match share {
            Share::NONE => Money::ZERO,
            Share::ALL => self,
            Share(ppm) => Money(self.0 * i128::from(ppm) / i128::from(Share::ALL.0)),
        }
    }
}

/// Written as a decimal integer in quotes: readers of JSON take large bare numbers for floats.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Money).map_err(de::Error::custom)
    }
}

impl Price {
    /// What `tokens` cost at this price.
    #[inline]
    pub fn times(self, tokens: u32) -> Money {
        Money(i128::from(self.0) * i128::from(tokens))
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.0 += other.0;
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        self.0 -= other.0;
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_amount_is_written_and_read_back() {
        for amount in [0, -1, i128::MAX, i128::MIN, 1 << 64] {
            let text = serde_json::to_string(&Money(amount)).unwrap();
            assert_eq!(text, format!("\"{amount}\""));
            let back: Money = serde_json::from_str(&text).unwrap();
            assert_eq!(back, Money(amount));
        }
        assert!(serde_json::from_str::<Money>("\"ten\"").is_err());
    }

    #[test]
    fn a_list_price_times_tokens_is_exact() {
        // gpt-4o: $2.50 per million tokens in.
        assert_eq!(Price(2_500_000).times(1_000_000), Money(2_500_000_000_000));
        // $0.0375 per million: finer than nano-dollars can say.
        assert_eq!(Price(37_500).times(1), Money(37_500));
    }

    #[test]
    fn a_share_rounds_down_to_the_unit() {
        assert_eq!(Money(3).share(Share(500_000)), Money(1));
        assert_eq!(Money::cents(5).share(Share::ALL), Money::cents(5));
        assert_eq!(Money::cents(5).share(Share::NONE), Money::ZERO);
    }

    #[test]
    fn amounts_add_up_and_cancel() {
        let (three, five) = (Money(3), Money(5));
        assert_eq!(three - five, Money(-2));
        assert_eq!(-three, Money(-3));
        let mut purse = five;
        purse += three;
        assert_eq!(purse, Money(8));
        purse -= five;
        assert_eq!(purse, three);
        assert_eq!(
            [three, five, -Money(1)].into_iter().sum::<Money>(),
            Money(7)
        );
    }

    #[test]
    fn dollars_are_a_million_million_of_the_unit() {
        assert_eq!(Money::cents(250).as_dollars(), 2.5);
        assert_eq!(Money(-Money::PER_DOLLAR).as_dollars(), -1.0);
    }
}
