//! Exact sums of floating-point numbers, the same in any order.
//!
//! A [`Sum`] is one long fixed-point number that spans the whole range of `f64`, kept in limbs of 32
//! bits with room for carries (the "small superaccumulator" of Radford M. Neal, Fast exact summation
//! using small and large superaccumulators, 2015, section 3). Nothing is rounded until
//! [`Sum::value`], so sums that were made in parts and merged are the sums made in one go.

use serde::{Deserialize, Serialize};

/// Bits of a limb.
const LIMB: usize = 32;
/// The place of the lowest bit: the least subnormal number is 2^−1074.
const LOWEST: i32 = -1074;
/// Limbs: 2,098 bits for `f64`, and 14 and the sign of the last one for carries out of them.
const LIMBS: usize = 67;
/// How many numbers are added before carries are passed on: each adds less than 2^32 to a limb.
const MOST_ADDED: u32 = 1 << 30;

/// An exact sum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sum {
    limbs: Vec<i64>,
    added: u32,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum {
            limbs: vec![0; LIMBS],
            added: 0,
        }
    }
}

impl Sum {
    /// Adds a number. One that is not finite is not added.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() || value == 0.0 {
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, place) = match exponent {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, exponent - 1),
        };
        let sign = if value < 0.0 { -1 } else { 1 };
        let mut rest = u128::from(mantissa) << (place % LIMB);
        let mut limb = place / LIMB;
        while rest != 0 {
            self.limbs[limb] += sign * (rest as u32 as i64);
            rest >>= LIMB;
            limb += 1;
        }
        self.count(1);
    }

    /// Adds the product of two numbers, exactly (but for digits below the least subnormal number).
    pub fn add_product(&mut self, a: f64, b: f64) {
        let product = a * b;
        self.add(product);
        self.add(libm::fma(a, b, -product));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Sum) {
        let mut other = other.clone();
        other.carry();
        for (limb, more) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb += more;
        }
        self.count(1);
    }

    /// The sum, rounded to the nearest number.
    pub fn value(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        let Some(top) = sum.limbs.iter().rposition(|limb| *limb != 0) else {
            return 0.0;
        };
        let lowest = top.saturating_sub(2);
        let high = sum.limbs[lowest..=top].iter().rev();
        let mut digits = high.fold(0u128, |digits, limb| digits << LIMB | *limb as u128);
        // What lies below decides only whether a half is more than a half.
        let below = sum.limbs[..lowest].iter().any(|limb| *limb != 0);
        digits = digits << 1 | u128::from(below);
        let place = (lowest * LIMB) as i32 + LOWEST - 1;
        let size = libm::scalbn(digits as f64, place);
        if negative { -size } else { size }
    }

    /// Numbers that add up to the sum exactly, the largest first.
    pub fn parts(&self) -> Vec<f64> {
        let mut rest = self.clone();
        let mut parts = vec![];
        // Each part takes 53 bits away, so that there are fewer than limbs.
        while parts.len() < LIMBS {
            let part = rest.value();
            if part == 0.0 || !part.is_finite() {
                break;
            }
            parts.push(part);
            rest.add(-part);
        }
        parts
    }

    fn count(&mut self, n: u32) {
        self.added += n;
        if self.added >= MOST_ADDED {
            self.carry();
        }
    }

    /// Brings all limbs but the last, which has the sign, between 0 and 2^32.
    fn carry(&mut self) {
        for i in 0..LIMBS - 1 {
            let over = self.limbs[i] >> LIMB;
            self.limbs[i] -= over << LIMB;
            self.limbs[i + 1] += over;
        }
        self.added = 1;
    }
}

/// Equal if they are the same number.
impl PartialEq for Sum {
    fn eq(&self, other: &Sum) -> bool {
        let (mut a, mut b) = (self.clone(), other.clone());
        a.carry();
        b.carry();
        a.limbs == b.limbs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|v| sum.add(*v));
        sum
    }

    #[test]
    fn nothing_is_lost_between_large_and_small() {
        assert_eq!(of(&[1e300, 1.0, -1e300]).value(), 1.0);
        assert_eq!(of(&[1e16, 1.0, 1.0]).value(), 1e16 + 2.0);
        assert_eq!(of(&[]).value(), 0.0);
        assert_eq!(of(&[0.5, -0.5]).value(), 0.0);
        assert_eq!(of(&[-3.25, 1.0]).value(), -2.25);
        assert_eq!(of(&[f64::NAN, f64::INFINITY, 2.0]).value(), 2.0);
    }

    #[test]
    fn single_numbers_come_back() {
        let least = f64::from_bits(1);
        for value in [least, 1e-310, f64::MIN_POSITIVE, 0.1, 1.0, 1e22, f64::MAX] {
            assert_eq!(of(&[value]).value(), value);
            assert_eq!(of(&[-value]).value(), -value);
        }
    }

    #[test]
    fn halves_are_rounded_to_even_unless_something_lies_below() {
        let one = 1.0 + f64::EPSILON;
        let half = f64::EPSILON / 2.0;
        assert_eq!(of(&[1.0, half]).value(), 1.0);
        assert_eq!(of(&[one, half]).value(), one + f64::EPSILON);
        assert_eq!(of(&[1.0, half, 1e-300]).value(), one);
        assert_eq!(of(&[1.0, half, -1e-300]).value(), 1.0);
    }

    #[test]
    fn a_product_is_added_whole() {
        let mut sum = Sum::default();
        sum.add_product(1.0 + f64::EPSILON, 1.0 + f64::EPSILON);
        sum.add(-1.0);
        sum.add(-2.0 * f64::EPSILON);
        assert_eq!(sum.value(), f64::EPSILON * f64::EPSILON);
    }

    #[test]
    fn parts_add_up() {
        let sum = of(&[1e100, 3.0, -1e-50]);
        let mut rest = sum.clone();
        let parts = sum.parts();
        assert_eq!(parts, [1e100, 3.0, -1e-50]);
        parts.iter().for_each(|part| rest.add(-part));
        assert_eq!(rest, Sum::default());
    }

    #[test]
    fn carries_reach_across_every_limb() {
        let mut many = Sum::default();
        let ones = of(&[f64::from_bits(u64::MAX >> 12)]);
        for _ in 0..100 {
            many.merge(&ones);
        }
        assert_eq!(many.value(), 100.0 * f64::from_bits(u64::MAX >> 12));
        many.added = MOST_ADDED - 1;
        many.add(1.0);
        assert_eq!((many.added, many.value()), (1, 1.0));
    }

    #[test]
    fn order_and_split_do_not_matter() {
        let value = |i: u64| {
            let size = (i % 40) as f64 - 20.0;
            let noise = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64;
            libm::exp2(size) * (noise - 2.0_f64.sqrt() * 1e15)
        };
        let values: Vec<f64> = (0..10_000).map(value).collect();
        let whole = of(&values);
        let mut merged = of(&values[7_000..]);
        merged.merge(&of(&values[..7_000]));
        let reversed: Vec<f64> = values.into_iter().rev().collect();
        assert_eq!(whole, merged);
        assert_eq!(whole.value(), of(&reversed).value());
    }

    #[test]
    fn nothing_has_no_parts_and_neither_has_what_no_number_can_say() {
        assert!(of(&[]).parts().is_empty());
        let beyond = of(&[f64::MAX, f64::MAX]);
        assert_eq!(beyond.value(), f64::INFINITY);
        assert!(beyond.parts().is_empty());
    }

    #[test]
    fn sums_of_other_numbers_differ() {
        assert_ne!(of(&[1.0]), of(&[2.0]));
        assert_eq!(of(&[0.5, 0.5]), of(&[1.0]));
    }
}
