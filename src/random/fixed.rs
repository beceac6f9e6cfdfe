//! Numbers with 110 binary places: what the tables of [`super::logarithm`] and [`super::exponential`]
//! are worked out in while squall is compiled, and what tests hold the functions against.
//!
//! Everything is a series of additions, and of multiplications and divisions by small numbers, so
//! that the last of the places is off by some dozens at most: a relative 1e-31.

/// One, as a fixed-point number.
pub(super) const ONE: i128 = 1 << PLACES;
const PLACES: u32 = 110;

/// The logarithm of `numerator / denominator`; both positive, at most 1024, their ratio in \[1/2, 2\].
///
/// `ln(a/b) = 2·artanh((a − b)/(a + b))`, by its power series.
pub(super) const fn ln_of_ratio(numerator: i128, denominator: i128) -> i128 {
    let (up, down) = (numerator - denominator, numerator + denominator);
    let mut power = 2 * ONE / down * up;
    let mut sum = 0;
    let mut n = 1;
    while power != 0 {
        sum += power / n;
        power = power * up / down * up / down;
        n += 2;
    }
    sum
}

/// The logarithm of two.
pub(super) const LN_2: i128 = ln_of_ratio(2, 1);

/// The exponential of `x` in \[0, 1), by its power series.
pub(super) const fn exp(x: i128) -> i128 {
    let mut term = ONE;
    let mut sum = 0;
    let mut n = 1;
    while term != 0 {
        sum += term;
        term = times(term, x) / n;
        n += 1;
    }
    sum
}

/// The product of two numbers in \[0, 16).
pub(super) const fn times(a: i128, b: i128) -> i128 {
    const HALF: u32 = PLACES / 2;
    const LOW: i128 = (1 << HALF) - 1;
    let (a1, a0) = (a >> HALF, a & LOW);
    let (b1, b0) = (b >> HALF, b & LOW);
    a1 * b1 + ((a1 * b0 + a0 * b1 + ((a0 * b0) >> HALF)) >> HALF)
}

/// The nearest `f64`.
pub(super) const fn nearest(x: i128) -> f64 {
    x as f64 / ONE as f64
}

/// A number as the sum of two: the first a multiple of 2^-`places`, the second what is left.
pub(super) const fn split(x: i128, places: u32) -> (f64, f64) {
    let cut = PLACES - places;
    let high = ((x + (1 << (cut - 1))) >> cut) << cut;
    (nearest(high), nearest(x - high))
}
