//! Many numbers in little space: their mean and its interval exactly, their quantiles nearly.
//!
//! What [`Moments`] and [`Bins`] answer depends only on the numbers that they were given, never on
//! their order or on how they were split among merged ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::paired::Difference;
use super::sum::Sum;
use super::summary::{Summary, student_t_975};

/// Count, extremes, sum and sum of squares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    n: u32,
    range: Option<[f64; 2]>,
    sum: Sum,
    squares: Sum,
}

impl Moments {
    /// Adds a number. One that is not finite is left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.n += 1;
        self.cover([value; 2]);
        self.sum.add(value);
        self.squares.add_product(value, value);
    }

    /// Adds all numbers of another.
    pub fn merge(&mut self, other: &Moments) {
        self.n += other.n;
        if let Some(range) = other.range {
            self.cover(range);
        }
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    fn cover(&mut self, [least, most]: [f64; 2]) {
        let [low, high] = self.range.unwrap_or([least, most]);
        self.range = Some([low.min(least), high.max(most)]);
    }

    /// The mean: the exact sum, rounded, divided by the count; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        let [low, high] = self.range?;
        if low == high {
            return Some(low);
        }
        Some(self.sum.value() / f64::from(self.n))
    }

    /// The 95 % t interval of the mean, from the exact sum of squared deviations
    /// Σv² − 2·m·Σv + n·m²; `None` with fewer than two numbers.
    pub fn ci95(&self) -> Option<[f64; 2]> {
        let mean = self.mean()?;
        if self.n < 2 {
            return None;
        }
        let n = f64::from(self.n);
        let mut squares = self.squares.clone();
        for part in self.sum.parts() {
            squares.add_product(-2.0 * mean, part);
        }
        let high = n * mean;
        squares.add_product(high, mean);
        squares.add_product(libm::fma(n, mean, -high), mean);
        let [low, high] = self.range?;
        // Equal numbers do not deviate, whatever the last digit of a product says.
        let variance = if low == high {
            0.0
        } else {
            squares.value().max(0.0) / (n - 1.0)
        };
        let half = student_t_975(self.n as usize - 1) * variance.sqrt() / n.sqrt();
        Some([mean - half, mean + half])
    }

    /// As a paired difference.
    pub fn difference(&self) -> Difference {
        Difference {
            n: self.n,
            mean: self.mean(),
            ci95: self.ci95(),
        }
    }

    /// As a summary, with the quantiles of `bins`, which hold the same numbers.
    pub fn summary(&self, bins: &Bins) -> Summary {
        let quantile = |q: f64| {
            let [low, high] = self.range?;
            Some(bins.quantile(q)?.clamp(low, high))
        };
        Summary {
            n: self.n,
            mean: self.mean(),
            ci95: self.ci95(),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            min: self.range.map(|r| r[0]),
            max: self.range.map(|r| r[1]),
        }
    }
}

/// Mantissa bits that a bin drops: 10 of 52 stay, so a number is known to one part in 1,024, and
/// whole numbers up to 2,048 exactly.
const DROPPED: u32 = 42;

/// How many numbers there are in each bin of a logarithmic scale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bins {
    counts: BTreeMap<i32, u32>,
}

impl Bins {
    /// Adds a number. One that is not finite is left out.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            *self.counts.entry(bin(value)).or_default() += 1;
        }
    }

    /// Adds all numbers of another.
    pub fn merge(&mut self, other: &Bins) {
        for (bin, n) in &other.counts {
            *self.counts.entry(*bin).or_default() += n;
        }
    }

    /// The quantile `q` in \[0, 1\] by linear interpolation between the closest ranks, as
    /// [`super::quantile`], of the numbers rounded towards zero to their bins.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let n: u64 = self.counts.values().map(|n| u64::from(*n)).sum();
        let h = n.checked_sub(1)? as f64 * q.clamp(0.0, 1.0);
        let below = h.floor() as u64;
        let (low, high) = (self.ranked(below)?, self.ranked((below + 1).min(n - 1))?);
        Some(low + (h - below as f64) * (high - low))
    }

    /// The number of that rank, from 0.
    fn ranked(&self, rank: u64) -> Option<f64> {
        let mut passed = 0;
        let found = self.counts.iter().find(|(_, n)| {
            passed += u64::from(**n);
            passed > rank
        });
        found.map(|(bin, _)| edge(*bin))
    }
}

/// The bin of a number: its highest bits, in the order of numbers.
fn bin(value: f64) -> i32 {
    let size = (value.abs().to_bits() >> DROPPED) as i32;
    if value < 0.0 { -size } else { size }
}

/// The number of a bin that is closest to zero.
fn edge(bin: i32) -> f64 {
    let size = f64::from_bits(u64::from(bin.unsigned_abs()) << DROPPED);
    if bin < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::super::summary::summarise;
    use super::*;

    fn both(values: &[f64]) -> (Moments, Bins) {
        let (mut moments, mut bins) = (Moments::default(), Bins::default());
        for value in values {
            moments.add(*value);
            bins.add(*value);
        }
        (moments, bins)
    }

    fn noise(i: u64) -> f64 {
        let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn it_says_what_the_list_says() {
        let values: Vec<f64> = (0..5_000).map(|i| 3.0 + 100.0 * noise(i)).collect();
        let (moments, bins) = both(&values);
        let (ours, list) = (moments.summary(&bins), summarise(&values));
        assert_eq!((ours.n, ours.min, ours.max), (list.n, list.min, list.max));
        let near = |a: Option<f64>, b: Option<f64>, by: f64| {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!((a / b - 1.0).abs() < by, "{a} is not {b}");
        };
        near(ours.mean, list.mean, 1e-13);
        for side in [0, 1] {
            near(
                ours.ci95.map(|c| c[side]),
                list.ci95.map(|c| c[side]),
                1e-12,
            );
        }
        near(ours.p50, list.p50, 1e-3);
        near(ours.p95, list.p95, 1e-3);
        near(ours.p99, list.p99, 1e-3);
    }

    #[test]
    fn deviations_survive_a_mean_that_dwarfs_them() {
        let values: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i % 2) * 1e-4).collect();
        let (moments, _) = both(&values);
        let [low, high] = moments.ci95().unwrap();
        // s = 5e-5·sqrt(100/99) as far as 1e9 + 1e-4 can be written, t(99) = 1.984217.
        let step = (1e9 + 1e-4) - 1e9;
        let half = 1.984_216_952 * step / 2.0 * (100.0_f64 / 99.0).sqrt() / 10.0;
        assert!(((high - low) / 2.0 - half).abs() < 2.4e-7, "{low} {high}");
        let mut exact = moments.squares.clone();
        let mean = moments.mean().unwrap();
        assert!((mean - 1e9 - step / 2.0).abs() < 1.2e-7);
        exact.add(-1e20);
        assert!(exact.value() < 1e8);
    }

    #[test]
    fn whole_numbers_have_exact_quantiles() {
        let values: Vec<f64> = (0..2_000).map(f64::from).collect();
        let (_, bins) = both(&values);
        for q in [0.0, 0.25, 0.5, 0.99, 1.0] {
            assert_eq!(bins.quantile(q), super::super::quantile(&values, q));
        }
        assert_eq!(Bins::default().quantile(0.5), None);
    }

    #[test]
    fn numbers_below_zero_come_first() {
        let (moments, bins) = both(&[-8.0, 2.0, -1.0, 0.0, -0.0]);
        let at = |q| bins.quantile(q).unwrap();
        assert_eq!(
            [at(0.0), at(0.25), at(0.5), at(1.0)],
            [-8.0, -1.0, 0.0, 2.0]
        );
        let summary = moments.summary(&bins);
        assert_eq!((summary.min, summary.max), (Some(-8.0), Some(2.0)));
    }

    #[test]
    fn equal_numbers_have_an_interval_of_no_width() {
        let (moments, bins) = both(&[0.1; 10]);
        let summary = moments.summary(&bins);
        assert_eq!(summary, summarise(&[0.1; 10]));
    }

    #[test]
    fn what_is_no_number_is_left_out_and_few_have_no_interval() {
        let (moments, bins) = both(&[f64::NAN, 7.0, f64::INFINITY]);
        let one = moments.summary(&bins);
        assert_eq!((one.n, one.mean, one.ci95), (1, Some(7.0), None));
        assert_eq!(moments.difference().n, 1);
        assert_eq!(both(&[]).0.summary(&Bins::default()), Summary::default());
    }

    #[test]
    fn merging_does_not_depend_on_order_or_split() {
        let values: Vec<f64> = (0..3_000).map(|i| noise(i) - 0.3).collect();
        let (whole, whole_bins) = both(&values);
        let (mut moments, mut bins) = both(&values[1_000..]);
        let (first, first_bins) = both(&values[..1_000]);
        moments.merge(&first);
        bins.merge(&first_bins);
        moments.merge(&Moments::default());
        assert_eq!(moments, whole);
        assert_eq!(moments.summary(&bins), whole.summary(&whole_bins));
    }

    #[test]
    fn two_numbers_have_an_interval() {
        // s = sqrt(2), so half of it is t(1), 12.706204736.
        let [low, high] = both(&[1.0, 3.0]).0.ci95().unwrap();
        assert!((low - (2.0 - 12.706_204_736)).abs() < 1e-8, "{low}");
        assert!((high - (2.0 + 12.706_204_736)).abs() < 1e-8, "{high}");
    }
}
