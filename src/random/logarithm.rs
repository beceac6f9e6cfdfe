//! The natural logarithm, by a table of 128 cells and a short polynomial.
//!
//! `x = 2^k·z` with `z` in \[11/16, 11/8). The leading bits of `z` name a cell with a middle `c`, and
//! `ln x = k·ln 2 + ln c + ln(1 + r)` with `r = (z − c)/c`, at most 2^-7. That `z − c` is exact, and that
//! `c` is 1 for the cells beside 1, keeps the error below 1 unit in the last place (0.62 at the most
//! measured, 0.5 is perfect) without a fused multiplication, which would differ from build to build.
//!
//! Idea: P. Tang, "Table-driven implementation of the logarithm function in IEEE floating-point
//! arithmetic", ACM TOMS 16 (1990); the choice of cells as in Arm's Optimized Routines (S. Nagy, 2018).

use super::fixed;

/// What is known of a cell; one half of a line of the cache.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Cell {
    /// A number in its middle, with at most nine bits.
    middle: f64,
    /// One divided by it.
    inverse: f64,
    /// Its logarithm, to [`PLACES`] binary places.
    log_high: f64,
    /// What is missing of its logarithm.
    log_low: f64,
}

const CELLS: usize = 128;
/// Where the bits that name a cell end: below the seven leading ones of the fraction.
const CELL_BITS: u32 = 52 - 7;
/// The bits of 11/16, at which the first cell begins.
const FIRST: u64 = 0x3FE6_0000_0000_0000;
/// With so many, `k·ln 2 + ln c` is exact.
const PLACES: u32 = 42;
const LN_2: (f64, f64) = fixed::split(fixed::LN_2, PLACES);

static TABLE: [Cell; CELLS] = {
    let mut table = [cell(0); CELLS];
    let mut i = 1;
    while i < CELLS {
        table[i] = cell(i);
        i += 1;
    }
    table
};

const fn cell(i: usize) -> Cell {
    // In parts of 512: 80 cells of two parts up to 1, and 48 of four parts above it.
    let middle = match i {
        0..78 => 353 + 2 * i as i128,
        78..81 => 512,
        _ => 514 + 4 * (i as i128 - 80),
    };
    let (log_high, log_low) = fixed::split(fixed::ln_of_ratio(middle, 512), PLACES);
    Cell {
        middle: middle as f64 / 512.0,
        inverse: 512.0 / middle as f64,
        log_high,
        log_low,
    }
}

/// The natural logarithm; that of `libm` for what is not positive, finite and normal.
#[inline]
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let least = f64::MIN_POSITIVE.to_bits();
    if bits.wrapping_sub(least) >= f64::INFINITY.to_bits() - least {
        return unusual(x);
    }
    let above = bits.wrapping_sub(FIRST);
    let cell = &TABLE[(above >> CELL_BITS) as usize % CELLS];
    let k = (above as i64 >> 52) as f64;
    let z = f64::from_bits(bits.wrapping_sub(above & (0xFFF << 52)));

    let r = (z - cell.middle) * cell.inverse;
    let high = k * LN_2.0 + cell.log_high;
    let sum = high + r;
    let low = (high - sum + r) + (k * LN_2.1 + cell.log_low);

    // ln(1 + r) − r by the first terms of its series, summed in pairs so that no sum waits for long.
    let r2 = r * r;
    let near = (-1.0 / 2.0 + r * (1.0 / 3.0)) + r2 * (-1.0 / 4.0 + r * (1.0 / 5.0));
    let far = (-1.0 / 6.0 + r * (1.0 / 7.0)) + r2 * (-1.0 / 8.0);
    sum + (low + r2 * (near + r2 * r2 * far))
}

#[cold]
#[inline(never)]
fn unusual(x: f64) -> f64 {
    libm::log(x)
}

#[cfg(test)]
mod tests {
    use super::super::fixed::{ONE, times};
    use super::super::ulps::{exp_of, lucks};
    use super::*;

    /// By how many units in its last place `ln(x)` is off, for `x` in (0, 2).
    fn error(x: f64) -> f64 {
        let y = ln(x);
        // ln x − y = ln(x·e^-y), whose argument is 1 but for the error.
        let (power, part) = exp_of(-y);
        let (k, z) = (libm::ilogb(x), libm::scalbn(x, -libm::ilogb(x)));
        let mut ratio = times((z * libm::exp2(52.0)) as i128 * (ONE >> 52), part);
        let shift = k + power;
        ratio = if shift < 0 {
            ratio >> -shift
        } else {
            ratio << shift
        };
        let unit = libm::scalbn(1.0, libm::ilogb(y) - 52);
        fixed::nearest(ratio - ONE) / unit
    }

    #[test]
    fn it_is_within_one_unit_in_the_last_place() {
        let mut worst = 0.0_f64;
        for u in lucks(1_000_000) {
            worst = worst.max(error(u).abs()).max(error(1.0 - u).abs());
        }
        for i in 0..CELLS as u64 {
            let edge = FIRST + (i << CELL_BITS);
            for bits in [edge - 1, edge, edge + 1, edge + (1 << (CELL_BITS - 1))] {
                let x = f64::from_bits(bits);
                // Beside 1 the reference has too few places.
                if (x - 1.0).abs() > 1e-10 {
                    worst = worst.max(error(x).abs());
                }
            }
        }
        assert!(worst < 0.65, "{worst}");
    }

    #[test]
    fn it_rises_from_luck_to_luck_and_over_the_edges_of_cells() {
        for u in lucks(1_000_000) {
            let next = u + 1.0 / 4_294_967_296.0;
            assert!(next >= 1.0 || ln(u) < ln(next), "{u}");
        }
        for i in 0..CELLS as u64 {
            let edge = FIRST + (i << CELL_BITS);
            for bits in edge - 50..edge + 50 {
                assert!(ln(f64::from_bits(bits)) <= ln(f64::from_bits(bits + 1)));
            }
        }
    }

    #[test]
    fn what_is_special_is_that_of_libm_and_the_rest_is_next_to_it() {
        assert_eq!(ln(1.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(ln(f64::INFINITY), f64::INFINITY);
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan());
        assert_eq!(ln(5e-324), libm::log(5e-324));
        for exponent in -1022..1024 {
            let x = libm::scalbn(1.234_567_891_011_121, exponent);
            let apart = ln(x).to_bits().abs_diff(libm::log(x).to_bits());
            assert!(apart <= 1, "{x}");
        }
    }
}
