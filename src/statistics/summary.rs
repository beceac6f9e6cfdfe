//! One metric over the replications: mean with its interval, quantiles, extremes.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A metric over the replications that have a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many replications have a value.
    pub n: u32,
    /// Mean; `None` where no replication has a value.
    pub mean: Option<f64>,
    /// 95 % t interval of the mean; `None` with fewer than two values.
    pub ci95: Option<[f64; 2]>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

/// Summarises one value per replication, in replication order.
///
/// A replication without a value (`None`, or a number that is not finite) is left out and not
/// counted in `n`. Accepts `&[f64]` as well as `&[Option<f64>]`.
pub fn summarise<T: Copy + Into<Option<f64>>>(values: &[T]) -> Summary {
    let mut present: Vec<f64> = values
        .iter()
        .filter_map(|v| (*v).into())
        .filter(|v| v.is_finite())
        .collect();
    let Some(mean) = mean(&present) else {
        return Summary::default();
    };
    let ci95 = interval(&present, mean);
    present.sort_by(f64::total_cmp);
    Summary {
        n: present.len() as u32,
        mean: Some(mean),
        ci95,
        p50: quantile(&present, 0.50),
        p95: quantile(&present, 0.95),
        p99: quantile(&present, 0.99),
        min: present.first().copied(),
        max: present.last().copied(),
    }
}

/// The mean: a serial sum from first to last, divided by the count; `None` without values.
///
/// Equal values give that value exactly, whatever rounding the sum would suffer.
pub fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    if values.iter().all(|v| *v == first) {
        return Some(first);
    }
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// The quantile `q` in \[0, 1\] of values sorted ascending; `None` without values.
///
/// Linear interpolation between the closest ranks: `h = (n − 1)·q`, and the value at `h` on the
/// line through the order statistics around it. This is type 7 of Hyndman & Fan (1996), the
/// default of NumPy and R.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let h = last as f64 * q.clamp(0.0, 1.0);
    let below = h.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (sorted[below], sorted[above]);
    if low == high {
        return Some(low);
    }
    Some(low + (h - below as f64) * (high - low))
}

/// The 95 % t interval of the mean: `mean ± t(0.975, n − 1)·s/√n`, with `s` the sample standard
/// deviation. `[mean, mean]` where all values are equal, `None` with fewer than two values.
pub(super) fn interval(values: &[f64], mean: f64) -> Option<[f64; 2]> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let deviation = (squares / (n - 1) as f64).sqrt();
    let half = student_t_975(n - 1) * deviation / (n as f64).sqrt();
    Some([mean - half, mean + half])
}

/// The 0.975 quantile of Student's t with that many degrees of freedom (at least one).
///
/// Rounded to nine decimals: the library's own last digits depend on the platform's mathematics,
/// and result files must not. Beyond a thousand degrees of freedom the library loses digits, and
/// three terms of the Cornish-Fisher expansion (Abramowitz & Stegun, 26.7.5) are right to eleven.
pub fn student_t_975(degrees: usize) -> f64 {
    let v = degrees.max(1) as f64;
    let t = if degrees > 1000 {
        let z = 1.959_963_984_540_054;
        let z2 = z * z;
        let first = z * (z2 + 1.0) / 4.0;
        let second = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
        let third = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
        z + (first + (second + third / v) / v) / v
    } else {
        StudentsT::new(0.0, 1.0, v)
            .expect("a positive number of degrees of freedom is a valid parameter")
            .inverse_cdf(0.975)
    };
    (t * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn t_quantiles_agree_with_the_printed_table() {
        // NIST/SEMATECH e-Handbook, section 1.3.6.7.2, column 0.975.
        let table = [
            (1, 12.706),
            (2, 4.303),
            (4, 2.776),
            (9, 2.262),
            (29, 2.045),
            (100, 1.984),
        ];
        for (degrees, t) in table {
            assert!(
                (student_t_975(degrees) - t).abs() < 5e-4,
                "{degrees} degrees of freedom"
            );
        }
        assert!((student_t_975(1_000_000) - 1.959_966_4).abs() < 1e-7);
    }

    #[test]
    fn t_quantiles_are_right_to_nine_decimals_in_both_methods() {
        // The root of the regularized incomplete beta function, found with 40 digits and rounded.
        let exact = [
            (1, 12.706_204_736),
            (7, 2.364_624_252),
            (99, 1.984_216_952),
            (999, 1.962_341_461),
            (1000, 1.962_339_081),
            (1001, 1.962_336_705),
            (1003, 1.962_331_968),
            (1008, 1.962_320_209),
            (1025, 1.962_281_084),
            (2000, 1.961_150_826),
            (9999, 1.960_201_264),
        ];
        for (degrees, t) in exact {
            assert_eq!(student_t_975(degrees), t, "{degrees} degrees of freedom");
        }
    }

    #[test]
    fn a_small_sample_by_hand() {
        // Deviations from 5: squares 9+1+1+1+0+0+4+16 = 32, s = sqrt(32/7), t(7) = 2.364624.
        let s = summarise(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((s.n, s.mean, s.p50), (8, Some(5.0), Some(4.5)));
        let [lo, hi] = s.ci95.unwrap();
        close(
            hi - lo,
            2.0 * 2.364_624_252 * (32.0_f64 / 7.0).sqrt() / 8.0_f64.sqrt(),
        );
        close(s.p95.unwrap(), 8.3); // numpy.quantile(..., 0.95)
        close(s.p99.unwrap(), 8.86);
        assert_eq!((s.min, s.max), (Some(2.0), Some(9.0)));
    }

    #[test]
    fn missing_values_are_left_out() {
        let s = summarise(&[None, Some(1.0), None, Some(3.0), Some(f64::NAN)]);
        assert_eq!((s.n, s.mean), (2, Some(2.0)));
        assert_eq!(summarise::<Option<f64>>(&[None]), Summary::default());
        assert_eq!(summarise::<f64>(&[]), Summary::default());
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let s = summarise(&[0.1; 10]);
        assert_eq!(s.mean, Some(0.1));
        assert_eq!(s.ci95, Some([0.1, 0.1]));
        assert_eq!(s.p99, Some(0.1));
    }

    #[test]
    fn one_value_has_no_interval() {
        let s = summarise(&[7.0]);
        assert_eq!(
            (s.n, s.mean, s.ci95, s.p99),
            (1, Some(7.0), None, Some(7.0))
        );
    }

    #[test]
    fn quantiles_interpolate_between_ranks() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 0.5), Some(2.5));
        assert_eq!(quantile(&sorted, 1.0), Some(4.0));
        close(quantile(&sorted, 0.95).unwrap(), 3.85);
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn deviations_survive_a_mean_that_dwarfs_them() {
        // Two numbers 2^-22, one unit in the last place, off 2^30: half of the interval is
        // t(1) = 12.7 such units, each end rounded to one.
        let (mean, unit) = ((1 << 30) as f64, 1.0 / (1 << 22) as f64);
        let [low, high] = summarise(&[mean - unit, mean + unit]).ci95.unwrap();
        let width = (high - low) / unit;
        assert!((25.0..=26.0).contains(&width), "{width} units");
    }
}
