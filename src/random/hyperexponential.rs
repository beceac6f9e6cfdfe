//! Mixtures of exponentials by inversion: what varies more than one exponential does.

use super::math;

/// Exponentials with their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperexponential {
    /// Weight and mean of each; the weights are above zero and come to 1. Never empty.
    parts: Vec<(f64, f64)>,
}

/// Newton's steps after which it stops; see the tests for how many it takes.
const MOST_STEPS: u32 = 200;
/// Where the steps get smaller than this part of the value, the error is below the last digit; so it
/// is where the tail cannot be told from that asked for.
const SMALL_STEP: f64 = 1e-9;

impl Hyperexponential {
    /// So many exponentials, as pairs of weight and mean.
    pub fn new(parts: Vec<(f64, f64)>) -> Hyperexponential {
        Hyperexponential { parts }
    }

    /// Two exponentials with this mean and this coefficient of variation, at least 1, of which each
    /// makes up half of the mean ("balanced means").
    ///
    /// Source: H. Tijms, "A First Course in Stochastic Models" (2003), appendix B.
    pub fn balanced(mean: f64, cv: f64) -> Hyperexponential {
        let square = cv * cv;
        let share = (1.0 + ((square - 1.0) / (square + 1.0)).sqrt()) / 2.0;
        let of = |share: f64| (share, mean / (2.0 * share));
        Hyperexponential::new(vec![of(share), of(1.0 - share)])
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.parts.iter().map(|(weight, mean)| weight * mean).sum()
    }

    /// The quantile at `u` in (0, 1). The logarithm of the tail is convex, so that from the left
    /// every one of Newton's steps falls short.
    #[inline(never)]
    pub fn quantile(&self, u: f64) -> f64 {
        let target = math::ln(1.0 - u);
        // The tail is at least that of each part alone.
        let alone = |(weight, mean): &(f64, f64)| mean * (math::ln(*weight) - target);
        let mut x = self.parts.iter().map(alone).fold(0.0, f64::max);
        for _ in 0..MOST_STEPS {
            let (mut tail, mut density) = (0.0, 0.0);
            for (weight, mean) in &self.parts {
                let part = weight * math::exp(-x / mean);
                tail += part;
                density += part / mean;
            }
            let gap = math::ln(tail) - target;
            let step = gap * tail / density;
            x += step;
            if step.abs() <= SMALL_STEP * x || gap.abs() <= f64::EPSILON {
                break;
            }
        }
        x.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit_open;
    use super::*;

    #[test]
    fn quantiles_are_those_of_many_digits() {
        // By bisection in mpmath 1.3 with 40 digits.
        let known = [
            (0, 1.292067944888428e-11),
            (42949672, 0.0011160761075186371),
            (2147483648, 0.08089181042484261),
            (4080218931, 6.931471819569292),
            (4294967295, 205.7127186548415),
        ];
        let two = Hyperexponential::new(vec![(0.9, 0.1), (0.1, 10.0)]);
        for (bits, known) in known {
            let found = two.quantile(unit_open(bits));
            // The tail is known to its last digit, which is much where it has hardly begun to fall.
            assert!(
                (found - known).abs() < 1e-13 * known + 1e-16,
                "{bits}: {found}"
            );
        }
    }

    #[test]
    fn one_exponential_is_that_exponential() {
        let one = Hyperexponential::new(vec![(0.25, 3.0), (0.75, 3.0)]);
        for u in [1e-6, 0.1, 0.5, 0.99, 1.0 - 1e-9] {
            let exact = -3.0 * math::ln(1.0 - u);
            assert!((one.quantile(u) / exact - 1.0).abs() < 1e-9, "{u}");
        }
    }

    #[test]
    fn two_have_the_mean_and_the_variation_that_were_asked_for() {
        for cv in [1.0, 1.5, 4.0, 100.0] {
            let two = Hyperexponential::balanced(7.0, cv);
            let moment = |of: fn(f64) -> f64| -> f64 {
                two.parts
                    .iter()
                    .map(|(weight, mean)| weight * of(*mean))
                    .sum()
            };
            assert!((two.mean() / 7.0 - 1.0).abs() < 1e-12);
            let second = moment(|mean| 2.0 * mean * mean);
            let variance = second / 49.0 - 1.0;
            assert!(
                (variance / (cv * cv) - 1.0).abs() < 1e-9,
                "{cv}: {variance}"
            );
        }
    }

    #[test]
    fn quantiles_rise_with_luck_and_have_the_mean() {
        let two = Hyperexponential::balanced(1e9, 3.0);
        let n = 400_000u32;
        let cell = |i: u32| two.quantile((f64::from(i) + 0.5) / f64::from(n));
        let all: Vec<f64> = (0..n).map(cell).collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        let mean = all.iter().sum::<f64>() / f64::from(n);
        assert!((mean / 1e9 - 1.0).abs() < 1e-4, "{mean}");
    }
}
