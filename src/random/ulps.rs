//! What the tests of the functions in [`super::math`] have in common: points to try, and an
//! exponential and a normal distribution to thirty digits.

use super::fixed::{LN_2, ONE, exp, times};
use super::{philox, unit_open};

/// The ends of the luck that 32 bits can hold, what lies beside one half and beside the places where
/// the quantile's formula changes, and so many more at random.
pub(super) fn lucks(more: u32) -> impl Iterator<Item = f64> {
    let places = [0.0, 0.075, 0.25, 0.5, 0.75, 0.925, 1.0].map(|p| (p * 4_294_967_296.0) as u64);
    let beside = places
        .into_iter()
        .flat_map(|p| p.saturating_sub(64)..p + 64);
    let beside = beside.filter_map(|bits| u32::try_from(bits).ok());
    let keys = philox::keys([1, 2]);
    let random = (0..more).map(move |i| philox::block(&keys, [i, 0, 0, 0])[0]);
    beside.chain(random).map(unit_open)
}

/// A number in ±2^16 with all its bits, if it is no smaller than 2^-57.
pub(super) fn fixed(x: f64) -> i128 {
    let high = (x * libm::exp2(36.0)).trunc();
    let low = x * libm::exp2(36.0) - high;
    high as i128 * (ONE >> 36) + (low * libm::exp2(74.0)) as i128
}

/// `e^x` as a power of two and a number in \[1, 2).
pub(super) fn exp_of(x: f64) -> (i32, i128) {
    let x = fixed(x);
    (x.div_euclid(LN_2) as i32, exp(x.rem_euclid(LN_2)))
}

/// The density of the standard normal distribution at `z`, and the probability of what lies between
/// 0 and `z`; for `z` in \[0, 7\].
///
/// The latter is the density times the sum of `z^(2n+1)/(1·3·…·(2n+1))`, none of which is negative.
pub(super) fn normal(z: f64) -> (i128, i128) {
    let z = fixed(z);
    let half_square = times(z, z) / 2;
    let (powers, rest) = (half_square / LN_2, half_square % LN_2);
    let density = times(
        times(inverse_of_root_of_two_pi(), ONE / 2),
        exp(LN_2 - rest),
    ) >> powers;
    let (mut sum, mut term, mut n) = (0, times(density, z), 1);
    while term != 0 {
        sum += term;
        n += 2;
        term = times(times(term, z), z) / n;
    }
    (density, sum)
}

/// `1/√(2π)`: π by Machin's formula, the root by Newton's rule.
fn inverse_of_root_of_two_pi() -> i128 {
    let arctan_of_one_in = |q: i128| {
        let (mut power, mut sum, mut n) = (ONE / q, 0, 1);
        while power != 0 {
            sum += power / n;
            power /= -q * q;
            n += 2;
        }
        sum
    };
    let two_pi = 8 * (4 * arctan_of_one_in(5) - arctan_of_one_in(239));
    let rough = (1.0 / std::f64::consts::TAU.sqrt() * libm::exp2(52.0)) as i128 * (ONE >> 52);
    let better = |c: i128| times(c, (3 * ONE - times(two_pi, times(c, c))) / 2);
    better(better(rough))
}
