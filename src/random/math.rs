//! The transcendental functions, the same bits on every platform.
//!
//! The standard library's `ln`, `exp` and `powf` call the platform's and differ in the last bit in
//! 7 to 10 % of arguments. Those that every draw needs are our own ([`super::logarithm`],
//! [`super::exponential`]) and made to be quick; for others `libm` is one implementation for all.
//! Clippy bans the rest. None of them fuses a multiplication with an addition.

#![expect(
    clippy::excessive_precision,
    reason = "the coefficients stand as they were published"
)]

use super::{exponential, logarithm};

/// Natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    logarithm::ln(x)
}

/// Exponential function.
#[inline]
pub fn exp(x: f64) -> f64 {
    exponential::exp(x)
}

/// `x` to the power of a whole number; for 2, which backoffs like, by its bits alone.
#[inline]
pub fn pow_whole(x: f64, n: u32) -> f64 {
    if x == 2.0 && n < 1024 {
        return f64::from_bits(u64::from(1023 + n) << 52);
    }
    pow(x, f64::from(n))
}

/// `x` to the power `y`.
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// The quantile function of the standard normal distribution, to 6 units in the last place.
///
/// Source: M. Wichura, "Algorithm AS 241: the percentage points of the normal distribution",
/// Applied Statistics 37 (1988), routine PPND16. `p` must lie in (0, 1).
#[inline]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(r, &CENTRE_TOP, &CENTRE_BOTTOM);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail)).sqrt();
    let z = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE_TOP, &MIDDLE_BOTTOM)
    } else {
        ratio(r - 5.0, &FAR_TOP, &FAR_BOTTOM)
    };
    if q < 0.0 { -z } else { z }
}

fn ratio(r: f64, top: &[f64; 8], bottom: &[f64; 8]) -> f64 {
    // In pairs, pairs of pairs and halves (G. Estrin, 1960), so that no sum waits for the one before.
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let sum = |c: &[f64; 8]| {
        let low = (c[0] + c[1] * r) + (c[2] + c[3] * r) * r2;
        let high = (c[4] + c[5] * r) + (c[6] + c[7] * r) * r2;
        low + high * r4
    };
    sum(top) / sum(bottom)
}

const CENTRE_TOP: [f64; 8] = [
    3.387_132_872_796_366_608,
    133.141_667_891_784_377_45,
    1_971.590_950_306_551_442_7,
    13_731.693_765_509_461_125,
    45_921.953_931_549_871_457,
    67_265.770_927_008_700_853,
    33_430.575_583_588_128_105,
    2_509.080_928_730_122_672_7,
];
const CENTRE_BOTTOM: [f64; 8] = [
    1.0,
    42.313_330_701_600_911_252,
    687.187_007_492_057_908_3,
    5_394.196_021_424_751_107_7,
    21_213.794_301_586_595_867,
    39_307.895_800_092_710_61,
    28_729.085_735_721_942_674,
    5_226.495_278_852_854_561,
];
const MIDDLE_TOP: [f64; 8] = [
    1.423_437_110_749_683_577_34,
    4.630_337_846_156_545_295_9,
    5.769_497_221_460_691_405_5,
    3.647_848_324_763_204_605_04,
    1.270_458_252_452_368_382_58,
    0.241_780_725_177_450_611_77,
    0.022_723_844_989_269_184_583_3,
    7.745_450_142_783_414_076_4e-4,
];
const MIDDLE_BOTTOM: [f64; 8] = [
    1.0,
    2.053_191_626_637_758_821_87,
    1.676_384_830_183_803_849_4,
    0.689_767_334_985_100_004_55,
    0.148_103_976_427_480_074_59,
    0.015_198_666_563_616_457_197,
    5.475_938_084_995_344_946e-4,
    1.050_750_071_644_416_843_24e-9,
];
const FAR_TOP: [f64; 8] = [
    6.657_904_643_501_103_777_2,
    5.463_784_911_164_114_369_9,
    1.784_826_539_917_291_335_8,
    0.296_560_571_828_504_891_23,
    0.026_532_189_526_576_123_093,
    1.242_660_947_388_078_438_6e-3,
    2.711_555_568_743_487_578_15e-5,
    2.010_334_399_292_288_132_65e-7,
];
const FAR_BOTTOM: [f64; 8] = [
    1.0,
    0.599_832_206_555_887_937_69,
    0.136_929_880_922_735_805_31,
    0.014_875_361_290_850_614_852_5,
    7.868_691_311_456_132_591e-4,
    1.846_318_317_510_054_681_8e-5,
    1.421_511_758_316_445_888_7e-7,
    2.044_263_103_389_939_785_64e-15,
];

#[cfg(test)]
mod tests {
    use super::super::fixed::{self, ONE};
    use super::super::ulps::{fixed as fixed_of, lucks, normal};
    use super::*;

    #[test]
    fn normal_quantiles_match_the_published_check_values() {
        // AS 241, table of test values.
        assert!((normal_quantile(0.25) + 0.674_489_750_196_081_7).abs() < 1e-15);
        assert!((normal_quantile(0.001) + 3.090_232_306_167_813_5).abs() < 1e-14);
        assert!((normal_quantile(1e-20) + 9.262_340_089_798_408).abs() < 1e-14);
        assert_eq!(normal_quantile(0.5), 0.0);
    }

    #[test]
    fn normal_quantiles_are_off_by_a_few_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for u in lucks(200_000) {
            let z = normal_quantile(u);
            let (density, between) = normal(z.abs());
            let wrong = between - (fixed_of(u) - ONE / 2).abs();
            let unit = libm::scalbn(1.0, libm::ilogb(z) - 52);
            worst = worst.max((fixed::nearest(wrong) / fixed::nearest(density) / unit).abs());
        }
        assert!(worst < 5.5, "{worst}");
    }

    #[test]
    fn normal_quantiles_rise_from_luck_to_luck() {
        for u in lucks(1_000_000) {
            let next = u + 1.0 / 4_294_967_296.0;
            assert!(
                next >= 1.0 || normal_quantile(u) < normal_quantile(next),
                "{u}"
            );
        }
    }

    #[test]
    fn whole_powers_of_two_are_those_of_any_number() {
        for n in 0..1100 {
            assert_eq!(pow_whole(2.0, n), pow(2.0, f64::from(n)));
        }
        assert_eq!(pow_whole(3.0, 4), 81.0);
    }

    #[test]
    fn bits_are_frozen() {
        // One literal each, all correctly rounded: a bit that changes here changes every result file.
        assert_eq!(ln(0.3).to_bits(), 0xbff3_4378_fcbd_a721);
        assert_eq!(exp(1.7).to_bits(), 0x4015_e552_770d_f8a7);
        assert_eq!(pow(1.7, 3.3).to_bits(), 0x4017_0b0a_6f6e_ccfa);
    }
}
