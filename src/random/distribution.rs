//! Distributions of quantities: latencies \[ns\], token counts, think times \[ns\].
//!
//! Each is sampled by inverting its distribution function on one uniform number, so a sample is
//! monotone in its luck: the same draw is a slow call under every policy.

use super::gamma::Gamma;
use super::hyperexponential::Hyperexponential;
use super::math;
use super::weather::unit_open;

/// A distribution of a non-negative quantity; a sample is one `f64` in the quantity's base unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(f64),
    /// Exponential with this mean.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Lognormal: `exp(mu + sigma·Z)`.
    Lognormal {
        /// Mean of the logarithm; `exp(mu)` is the median.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Uniform between two bounds.
    Uniform {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// The magnitude of a normal: `|mean + stdev·Z|`.
    Normal {
        /// Mean of the normal.
        mean: f64,
        /// Standard deviation of the normal.
        stdev: f64,
    },
    /// Pareto: at least `scale`, `P(X > x) = (scale/x)^shape`.
    Pareto {
        /// Smallest value.
        scale: f64,
        /// Tail index.
        shape: f64,
    },
    /// Weibull: `P(X > x) = exp(-(x/scale)^shape)`.
    Weibull {
        /// Its scale, the 63rd percentile.
        scale: f64,
        /// Its shape: below 1 heavier than exponential, above 1 lighter.
        shape: f64,
    },
    /// Gamma; with a whole shape Erlang: a sum of so many exponentials. Apart, for the size of the
    /// others.
    Gamma(Box<Gamma>),
    /// Exponentials with weights: more variable than one.
    Hyperexponential(Hyperexponential),
    /// Each of these with its weight; the weights ascend as sums, to 1. Never empty.
    ///
    /// A sample is not monotone in its luck: the lower luck is the earlier part's.
    Mixture(Vec<(f64, Distribution)>),
    /// Each of these values with the same probability, in ascending order; never empty.
    Empirical(Vec<f64>),
}

impl Distribution {
    /// The lognormal whose median is `p50` and whose 99th percentile is `p99`.
    pub fn lognormal_from_quantiles(p50: f64, p99: f64) -> Distribution {
        let mu = math::ln(p50);
        Distribution::Lognormal {
            mu,
            sigma: (math::ln(p99) - mu) / math::normal_quantile(0.99),
        }
    }

    /// The sample that belongs to 32 random bits: the quantile in the middle of their cell.
    #[inline]
    pub fn sample(&self, bits: u32) -> f64 {
        match self {
            Distribution::Exponential { mean } => exponential(*mean, bits),
            _ => self.quantile(unit_open(bits)),
        }
    }

    /// The quantile at `u` in (0, 1).
    #[inline]
    pub fn quantile(&self, u: f64) -> f64 {
        match self {
            Distribution::Constant(x) => *x,
            Distribution::Exponential { mean } => -mean * math::ln(1.0 - u),
            Distribution::Lognormal { mu, sigma } => {
                math::exp(mu + sigma * math::normal_quantile(u))
            }
            Distribution::Uniform { low, high } => low + (high - low) * u,
            Distribution::Normal { mean, stdev } => (mean + stdev * math::normal_quantile(u)).abs(),
            Distribution::Pareto { scale, shape } => scale / math::pow(1.0 - u, 1.0 / shape),
            Distribution::Weibull { scale, shape } => {
                scale * math::pow(-math::ln(1.0 - u), 1.0 / shape)
            }
            Distribution::Gamma(gamma) => gamma.quantile(u),
            Distribution::Hyperexponential(parts) => parts.quantile(u),
            Distribution::Mixture(parts) => of_mixture(parts, u),
            Distribution::Empirical(values) => {
                let i = (u * values.len() as f64) as usize;
                values[i.min(values.len() - 1)]
            }
        }
    }

    /// The mean; infinite where a Pareto tail is too heavy to have one.
    ///
    /// For [`Distribution::Normal`] (the magnitude) and [`Distribution::Weibull`] it is taken by
    /// quadrature.
    pub fn mean(&self) -> f64 {
        match self {
            Distribution::Constant(x) => *x,
            Distribution::Exponential { mean } => *mean,
            Distribution::Lognormal { mu, sigma } => math::exp(mu + sigma * sigma / 2.0),
            Distribution::Uniform { low, high } => (low + high) / 2.0,
            Distribution::Pareto { shape, .. } if *shape <= 1.0 => f64::INFINITY,
            Distribution::Pareto { scale, shape } => scale * shape / (shape - 1.0),
            Distribution::Gamma(gamma) => gamma.mean(),
            Distribution::Hyperexponential(parts) => parts.mean(),
            Distribution::Empirical(values) => values.iter().sum::<f64>() / values.len() as f64,
            Distribution::Mixture(parts) => {
                let mut from = 0.0;
                let of = |(upto, part): &(f64, Distribution)| {
                    let weight = upto - from;
                    from = *upto;
                    weight * part.mean()
                };
                parts.iter().map(of).sum()
            }
            Distribution::Weibull { .. } | Distribution::Normal { .. } => {
                const CELLS: u32 = 4096;
                let cell = |i: u32| self.quantile((f64::from(i) + 0.5) / f64::from(CELLS));
                (0..CELLS).map(cell).sum::<f64>() / f64::from(CELLS)
            }
        }
    }

    /// The largest value, of those that have one.
    pub fn most(&self) -> Option<f64> {
        match self {
            Distribution::Constant(x) => Some(*x),
            Distribution::Uniform { high, .. } => Some(*high),
            Distribution::Empirical(values) => values.last().copied(),
            Distribution::Mixture(parts) => {
                let each = parts.iter().map(|(_, part)| part.most());
                each.reduce(|a, b| Some(a?.max(b?))).flatten()
            }
            _ => None,
        }
    }

    /// An upper estimate: the largest value where there is one, else the 99th percentile.
    pub fn high(&self) -> f64 {
        match self {
            Distribution::Constant(x) => *x,
            Distribution::Uniform { high, .. } => *high,
            Distribution::Empirical(values) => values[values.len() - 1],
            Distribution::Mixture(parts) => {
                let highs = parts.iter().map(|(_, part)| part.high());
                highs.fold(0.0, f64::max)
            }
            other => other.quantile(0.99),
        }
    }

    /// Whether it is a constant zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Distribution::Constant(x) if *x == 0.0)
    }
}

/// The part that `u` falls in, at the place within it. Apart, so that the usual kinds stay quick.
#[inline(never)]
fn of_mixture(parts: &[(f64, Distribution)], u: f64) -> f64 {
    let last = parts.len() - 1;
    let i = parts[..last].partition_point(|(upto, _)| *upto <= u);
    let from = if i == 0 { 0.0 } else { parts[i - 1].0 };
    let (upto, part) = &parts[i];
    // At the very edge of a part the place must still be inside (0, 1).
    let place = (u - from) / (upto - from);
    part.quantile(place.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
}

/// An exponential sample. `1 − u` is taken from the bits at once; it is exact either way.
#[inline(never)]
fn exponential(mean: f64, bits: u32) -> f64 {
    let rest = (4_294_967_295.5 - f64::from(bits)) / 4_294_967_296.0;
    -mean * math::ln(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_quantile_of_its_luck() {
        let exponential = Distribution::Exponential { mean: 1.7e9 };
        let uniform = Distribution::Uniform {
            low: 3.0,
            high: 5.0,
        };
        let scattered = (0..100_000).map(|i: u32| i.wrapping_mul(0x9E37_79B9));
        for bits in scattered.chain([0, 1, u32::MAX - 1, u32::MAX]) {
            for distribution in [&exponential, &uniform] {
                let quantile = distribution.quantile(unit_open(bits));
                assert_eq!(distribution.sample(bits).to_bits(), quantile.to_bits());
            }
        }
    }

    #[test]
    fn lognormal_quantiles_are_those_asked_for() {
        let d = Distribution::lognormal_from_quantiles(300e6, 2e9);
        assert!((d.quantile(0.5) / 300e6 - 1.0).abs() < 1e-12);
        assert!((d.quantile(0.99) / 2e9 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn parts_of_a_mixture_have_their_weights() {
        let d = Distribution::Mixture(vec![
            (
                0.25,
                Distribution::Uniform {
                    low: 0.0,
                    high: 4.0,
                },
            ),
            (1.0, Distribution::Constant(9.0)),
        ]);
        assert!((d.quantile(0.125) - 2.0).abs() < 1e-12);
        assert_eq!(d.quantile(0.25), 9.0);
        assert_eq!((d.quantile(0.999), d.high(), d.mean()), (9.0, 9.0, 7.25));
    }

    #[test]
    fn a_weibull_of_shape_two_has_its_known_mean() {
        // Gamma(3/2) = sqrt(pi)/2.
        let d = Distribution::Weibull {
            scale: 2.0,
            shape: 2.0,
        };
        assert!((d.mean() / std::f64::consts::PI.sqrt() - 1.0).abs() < 1e-4);
        assert!((d.quantile(1.0 - math::exp(-1.0)) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_most_is_there_where_there_is_one() {
        let uniform = Distribution::Uniform {
            low: 3.0,
            high: 5.0,
        };
        let part = |upto, of: &Distribution| (upto, of.clone());
        let four = Distribution::Constant(4.0);
        let bounded = Distribution::Mixture(vec![part(0.5, &uniform), part(1.0, &four)]);
        let endless = Distribution::Exponential { mean: 1.0 };
        let mixed = Distribution::Mixture(vec![part(0.5, &endless), part(1.0, &four)]);
        assert_eq!((uniform.most(), bounded.most()), (Some(5.0), Some(5.0)));
        assert_eq!((endless.most(), mixed.most()), (None, None));
        assert_eq!(Distribution::Empirical(vec![1.0, 6.0]).most(), Some(6.0));
    }

    #[test]
    fn the_mean_is_the_integral_of_the_quantiles() {
        let all = [
            Distribution::Constant(3.0),
            Distribution::Exponential { mean: 2.0 },
            Distribution::Lognormal {
                mu: 0.5,
                sigma: 0.7,
            },
            Distribution::Uniform {
                low: 1.0,
                high: 4.0,
            },
            Distribution::Normal {
                mean: 10.0,
                stdev: 2.0,
            },
            Distribution::Pareto {
                scale: 1.0,
                shape: 3.0,
            },
            Distribution::Empirical(vec![1.0, 2.0, 6.0]),
            Distribution::Weibull {
                scale: 2.0,
                shape: 2.0,
            },
            Distribution::Gamma(Box::new(Gamma::new(2.5, 3.0))),
            Distribution::Hyperexponential(Hyperexponential::balanced(3.0, 2.0)),
            Distribution::Mixture(vec![
                (0.9, Distribution::Constant(1.0)),
                (1.0, Distribution::Exponential { mean: 10.0 }),
            ]),
        ];
        for d in all {
            let n = 300_000;
            let cell = |i| d.quantile((f64::from(i) + 0.5) / f64::from(n));
            let integral = (0..n).map(cell).sum::<f64>() / f64::from(n);
            assert!((integral / d.mean() - 1.0).abs() < 1e-3, "{d:?}");
        }
    }
}
