//! The gamma distribution by inversion; with a whole shape it is Erlang's.
//!
//! Below `shape + 1` the series of the lower incomplete gamma function is solved, above it the
//! continued fraction of the upper one, each in logarithms, where Newton's steps cannot go astray.
//! Source: W. Press et al., "Numerical Recipes", 3rd ed. (2007), section 6.2, for both expansions.

use super::math;

/// A gamma distribution, with what its quantiles need worked out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    shape: f64,
    scale: f64,
    /// The logarithm of `Γ(shape)`.
    log_gamma: f64,
    /// The probability of at most `shape + 1` scales.
    split: f64,
}

/// The least and the greatest shape; beyond, the expansions take long or lose their last digits.
pub const SHAPES: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
/// Steps after which Newton's method stops; in a sweep over all shapes and lucks none took more than six.
const MOST_STEPS: u32 = 64;
/// Where Newton's steps get smaller than this the error is below the last digit: it is squared.
const SMALL_STEP: f64 = 1e-9;
/// Terms of an expansion after which it stops; in the same sweep none took more than 266.
const MOST_TERMS: u32 = 20_000;

impl Gamma {
    /// The distribution with this shape, which lies in [`SHAPES`], and this mean.
    pub fn new(shape: f64, mean: f64) -> Gamma {
        let mut gamma = Gamma {
            shape,
            scale: mean / shape,
            log_gamma: libm::lgamma(shape),
            split: 1.0,
        };
        let at = shape + 1.0;
        gamma.split = math::exp(gamma.log_lower(at, math::ln(at)).0);
        gamma
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.shape * self.scale
    }

    /// The quantile at `u` in (0, 1).
    #[inline(never)]
    pub fn quantile(&self, u: f64) -> f64 {
        let guess = self.wilson_hilferty(u);
        self.scale
            * match u <= self.split {
                true => self.in_lower_tail(u, guess),
                false => self.in_upper_tail(1.0 - u, guess),
            }
    }

    /// Source: E. Wilson, M. Hilferty, "The distribution of chi-square", PNAS 17 (1931). Near the
    /// quantile where the shape is not small.
    fn wilson_hilferty(&self, u: f64) -> f64 {
        let ninth = 1.0 / (9.0 * self.shape);
        let root = 1.0 - ninth + math::normal_quantile(u) * ninth.sqrt();
        self.shape * root * root * root
    }

    /// Where the lower tail is `p`, in the logarithm of x, in which that of the tail is concave: from
    /// the left every step falls short.
    fn in_lower_tail(&self, p: f64, guess: f64) -> f64 {
        let target = math::ln(p);
        // The tail is at most x^shape/Γ(shape + 1), so this lies on the left.
        let left = (target + self.log_gamma + math::ln(self.shape)) / self.shape;
        let most = math::ln(self.shape + 1.0);
        let mut y = left;
        if guess > 0.0 {
            y = math::ln(guess).clamp(left, most);
        }
        for _ in 0..MOST_STEPS {
            let (log_tail, slope) = self.log_lower(math::exp(y), y);
            let step = (target - log_tail) / slope;
            y = (y + step).clamp(left, most);
            if step.abs() < SMALL_STEP {
                break;
            }
        }
        math::exp(y)
    }

    /// Where the upper tail is `q`.
    fn in_upper_tail(&self, q: f64, guess: f64) -> f64 {
        let target = math::ln(q);
        let least = self.shape + 1.0;
        let mut x = guess.max(least);
        for _ in 0..MOST_STEPS {
            let (log_tail, slope) = self.log_upper(x);
            let step = (target - log_tail) / slope;
            x = (x + step).max(least);
            if step.abs() < SMALL_STEP * x {
                break;
            }
        }
        x
    }

    /// The logarithm of the lower tail at `x`, whose logarithm is `y`, and its slope over `y`.
    fn log_lower(&self, x: f64, y: f64) -> (f64, f64) {
        let (mut sum, mut term, mut n) = (1.0, 1.0, self.shape);
        for _ in 0..MOST_TERMS {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        let front = self.shape * y - x - self.log_gamma - math::ln(self.shape);
        (front + math::ln(sum), self.shape / sum)
    }

    /// The logarithm of the upper tail at `x`, at least `shape + 1`, and its slope. The continued
    /// fraction by the method of Lentz.
    fn log_upper(&self, x: f64) -> (f64, f64) {
        let mut b = x + 1.0 - self.shape;
        let mut c = 1.0 / f64::MIN_POSITIVE;
        let mut d = 1.0 / b;
        let mut fraction = d;
        for i in 1..MOST_TERMS {
            let a = f64::from(i) * (self.shape - f64::from(i));
            b += 2.0;
            d = 1.0 / (a * d + b);
            c = b + a / c;
            fraction *= c * d;
            if (c * d - 1.0).abs() <= f64::EPSILON {
                break;
            }
        }
        let front = self.shape * math::ln(x) - x - self.log_gamma;
        (front + math::ln(fraction), -1.0 / (x * fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit_open;
    use super::*;

    /// Quantiles of shapes at the luck that these bits give, as near as a number can be: by bisection on the
    /// regularized incomplete gamma function of mpmath 1.3 with 40 digits.
    const KNOWN: [(f64, u32, f64); 30] = [
        (0.05, 42949672, 5.844630805341939e-41),
        (0.05, 2147483648, 5.573878466701651e-07),
        (0.05, 4080218931, 0.26593230292998543),
        (0.05, 4294967295, 17.153613874939133),
        (0.5, 0, 1.0644129937770483e-20),
        (0.5, 42949672, 7.854392727231901e-05),
        (0.5, 2147483648, 0.22746821168333378),
        (0.5, 4080218931, 1.9207294115182645),
        (0.5, 4294967295, 20.762146091157895),
        (1.0, 0, 1.1641532183371108e-10),
        (1.0, 42949672, 0.010050335745317506),
        (1.0, 2147483648, 0.6931471807927759),
        (1.0, 4080218931, 2.9957322749509747),
        (1.0, 4294967295, 22.873856958478196),
        (2.5, 0, 0.00017181293618592062),
        (2.5, 42949672, 0.2771490370766944),
        (2.5, 2147483648, 2.1757300959725265),
        (2.5, 4080218931, 5.535248848565434),
        (2.5, 4294967295, 27.62082883539968),
        (3.0, 2147483648, 2.674060314195653),
        (20.0, 0, 3.0595086681842423),
        (20.0, 42949672, 11.082130614466077),
        (20.0, 2147483648, 19.667672424597956),
        (20.0, 4080218931, 27.87923964321679),
        (20.0, 4294967295, 62.43613819360337),
        (400.0, 0, 285.98918909355814),
        (400.0, 42949672, 354.94845705269336),
        (400.0, 2147483648, 399.6667161002978),
        (400.0, 4080218931, 433.4557010689783),
        (400.0, 4294967295, 540.092453356289),
    ];

    #[test]
    fn quantiles_are_those_of_many_digits() {
        for (shape, bits, known) in KNOWN {
            let found = Gamma::new(shape, shape).quantile(unit_open(bits));
            let wrong = (found / known - 1.0).abs();
            // A tail is known to a few units of its last digit; small shapes divide by themselves.
            let most = 1e-13 * (1.0 + 1.0 / shape);
            assert!(
                wrong < most,
                "{shape} {bits}: {found} for {known}, {wrong:e}"
            );
        }
    }

    #[test]
    fn quantiles_rise_with_luck_whatever_the_shape() {
        for shape in [0.01, 0.3, 0.99, 1.0, 1.7, 8.0, 77.0, 1000.0] {
            let gamma = Gamma::new(shape, 1e9);
            let steps = (0..=4000u32).map(|i| gamma.quantile(unit_open(i * 1_073_741)));
            let all: Vec<f64> = steps.collect();
            assert!(all.windows(2).all(|pair| pair[0] <= pair[1]), "{shape}");
            assert!(all.iter().all(|x| x.is_finite()), "{shape}");
        }
    }

    #[test]
    fn moments_are_those_of_the_shape() {
        for shape in [0.3, 1.0, 4.0, 50.0] {
            let gamma = Gamma::new(shape, 2.0);
            let n = 200_000u32;
            let cell = |i: u32| gamma.quantile((f64::from(i) + 0.5) / f64::from(n));
            let (mut mean, mut square) = (0.0, 0.0);
            for x in (0..n).map(cell) {
                mean += x / f64::from(n);
                square += x * x / f64::from(n);
            }
            // Middles of cells miss a little of the tail.
            assert!((mean / 2.0 - 1.0).abs() < 1e-4, "{shape}: {mean}");
            let variance = (square - mean * mean) * shape / 4.0;
            assert!((variance - 1.0).abs() < 2e-3, "{shape}: {variance}");
        }
    }
}
