//! The exponential function, by a table of 128 roots of two and a short polynomial.
//!
//! `e^x = 2^(k/128)·e^r` with `k` whole and `r` at most `ln 2 / 256`. The table has the powers of two
//! with what rounding takes from them, so that the error stays below 1 unit in the last place (0.51 at
//! the most measured, 0.5 is perfect) without a fused multiplication.
//!
//! Idea: P. Tang, "Table-driven implementation of the exponential function in IEEE floating-point
//! arithmetic", ACM TOMS 15 (1989); rounding by a large addend as in Arm's Optimized Routines
//! (S. Nagy, 2018).

use super::fixed;

/// A root of two: 2^(i/128).
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Root {
    /// The bits of the nearest number.
    bits: u64,
    /// By how much the root is larger, as a share of it.
    rest: f64,
}

const ROOTS: usize = 128;
/// The root of two's logarithm; with so many places the first part times `k` is exact.
const STEP: (f64, f64) = fixed::split(fixed::LN_2 / ROOTS as i128, 43);
const STEPS_IN_ONE: f64 = ROOTS as f64 / std::f64::consts::LN_2;
/// Added to a small number it leaves the nearest whole one in the last bits.
const ROUNDING: f64 = 1.5 / f64::EPSILON;
/// Beyond it a result may overflow or lose bits.
const USUAL: f64 = 708.0;

static TABLE: [Root; ROOTS] = {
    let mut table = [root(0); ROOTS];
    let mut i = 1;
    while i < ROOTS {
        table[i] = root(i);
        i += 1;
    }
    table
};

const fn root(i: usize) -> Root {
    let exact = fixed::exp(fixed::LN_2 / ROOTS as i128 * i as i128);
    let (high, low) = fixed::split(exact, 52);
    Root {
        bits: high.to_bits(),
        rest: low / high,
    }
}

/// The exponential function; that of `libm` beyond ±708 and for what is no number.
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    // Written so that what is no number fails.
    let usual = x.abs() < USUAL;
    if !usual {
        return unusual(x);
    }
    let rounded = x * STEPS_IN_ONE + ROUNDING;
    let k = rounded.to_bits();
    let steps = rounded - ROUNDING;
    let r = (x - steps * STEP.0) - steps * STEP.1;
    let root = &TABLE[k as usize % ROOTS];
    let scale = f64::from_bits(root.bits.wrapping_add((k / ROOTS as u64) << 52));

    // e^r − 1 by the first terms of its series, summed in pairs so that no sum waits for long.
    let r2 = r * r;
    let near = (root.rest + r) + r2 * (1.0 / 2.0 + r * (1.0 / 6.0));
    let far = 1.0 / 24.0 + r * (1.0 / 120.0);
    scale + scale * (near + r2 * r2 * far)
}

#[cold]
#[inline(never)]
fn unusual(x: f64) -> f64 {
    libm::exp(x)
}

#[cfg(test)]
mod tests {
    use super::super::ulps::{exp_of, lucks};
    use super::*;

    /// By how many units in its last place `exp(x)` is off, for `x` in ±32.
    fn error(x: f64) -> f64 {
        let (power, part) = exp_of(x);
        let found = libm::scalbn(exp(x), 52 - power) as i128 * (fixed::ONE >> 52);
        fixed::nearest(found - part) / f64::EPSILON
    }

    #[test]
    fn it_is_within_one_unit_in_the_last_place() {
        let mut worst = 0.0_f64;
        for u in lucks(1_000_000) {
            worst = worst.max(error(64.0 * (u - 0.5)).abs());
        }
        for step in -3000..3000 {
            // Where one root of two takes over from the next.
            let edge = (f64::from(step) + 0.5) / STEPS_IN_ONE;
            for x in [
                edge * (1.0 - f64::EPSILON),
                edge,
                edge * (1.0 + f64::EPSILON),
            ] {
                worst = worst.max(error(x).abs());
            }
        }
        assert!(worst < 0.52, "{worst}");
    }

    #[test]
    fn it_does_not_fall_over_the_edges_of_its_steps() {
        for step in -3000..3000 {
            let edge = ((f64::from(step) + 0.5) / STEPS_IN_ONE).to_bits();
            for bits in edge - 50..edge + 50 {
                let (near, far) = (f64::from_bits(bits), f64::from_bits(bits + 1));
                let (less, more) = (near.min(far), near.max(far));
                assert!(exp(less) <= exp(more), "{near}");
            }
        }
    }

    #[test]
    fn what_is_special_is_that_of_libm_and_the_rest_is_next_to_it() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(1e-300), 1.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert!(exp(f64::NAN).is_nan());
        for x in -7450..7100 {
            let x = f64::from(x) / 10.0 + 0.012_345;
            let apart = exp(x).to_bits().abs_diff(libm::exp(x).to_bits());
            assert!(apart <= 1, "{x}");
        }
    }
}
