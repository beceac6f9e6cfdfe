//! Differences within replications: what a policy changes, with the weather's luck taken out.
//!
//! Two policies meet the same weather in the same replication, so their difference there varies
//! far less than either alone (common random numbers; Law, Simulation Modeling and Analysis,
//! section 11.2).

use super::summary::{interval, mean};
use serde::{Deserialize, Serialize};

/// A paired difference over the replications that have both values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// How many replications have both values.
    pub n: u32,
    /// Mean difference; `None` where no replication has both.
    pub mean: Option<f64>,
    /// Its 95 % t interval; `None` with fewer than two pairs.
    pub ci95: Option<[f64; 2]>,
}

/// The mean of `these[i] − those[i]` with its 95 % t interval.
///
/// Both slices hold one value per replication, in the same order. Pairs in which either value is
/// missing or not finite are left out.
///
/// # Panics
///
/// If the slices differ in length: then they are not of the same replications.
pub fn difference<T: Copy + Into<Option<f64>>>(these: &[T], those: &[T]) -> Difference {
    assert_eq!(these.len(), those.len(), "pairs need equal replications");
    let differences: Vec<f64> = these
        .iter()
        .zip(those)
        .filter_map(|(a, b)| Some((*a).into()? - (*b).into()?))
        .filter(|d| d.is_finite())
        .collect();
    match mean(&differences) {
        None => Difference::default(),
        Some(mean) => Difference {
            n: differences.len() as u32,
            mean: Some(mean),
            ci95: interval(&differences, mean),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_by_hand() {
        // Differences 1, 2, 3: mean 2, s = 1, t(2) = 4.302653, half width 4.302653/sqrt(3).
        let d = difference(&[11.0, 22.0, 33.0], &[10.0, 20.0, 30.0]);
        assert_eq!((d.n, d.mean), (3, Some(2.0)));
        let [lo, hi] = d.ci95.unwrap();
        assert!((lo - (2.0 - 2.484_138)).abs() < 1e-6);
        assert!((hi - (2.0 + 2.484_138)).abs() < 1e-6);
    }

    #[test]
    fn a_constant_shift_has_no_width_however_noisy_the_values() {
        let those = [1.0, 512.0, 3.0, 64.0];
        let these = those.map(|v| v + 8.0);
        let d = difference(&these, &those);
        assert_eq!(d.ci95, Some([8.0, 8.0]));
    }

    #[test]
    fn a_pair_needs_both() {
        let d = difference(&[Some(3.0), None, Some(5.0)], &[Some(1.0), Some(1.0), None]);
        assert_eq!((d.n, d.mean, d.ci95), (1, Some(2.0), None));
        assert_eq!(difference::<f64>(&[], &[]), Difference::default());
    }
}
