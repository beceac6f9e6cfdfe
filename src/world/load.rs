//! Load: how much a target has to do, and what that does to its latency and its failures.
//!
//! A [`Curve`] turns a number of attempts into a factor or a share. Which attempts are counted is
//! its [`LoadBy`]; most shapes look at that number as a part of what the curve calls full.

use super::RetryAfterHint;
use crate::random::math;
use crate::units::Span;
use crate::wire::Outcome;

/// What load does to a target. Both are decided apart: each curve has a count of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnderLoad {
    /// The factor on the time that work takes, by the load when the work begins.
    pub latency: Option<Curve>,
    /// Failures beside the target's own, by the load when an attempt arrives.
    pub failures: Option<LoadFailures>,
}

/// Failures that come with load.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadFailures {
    /// The probability that an attempt fails.
    pub rate: Curve,
    /// What such a failure looks like.
    pub outcome: Outcome,
    /// When it says to come back; it knows of no end.
    pub retry_after: RetryAfterHint,
}

/// A number as a function of load.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Which attempts are the load.
    pub by: LoadBy,
    /// How it goes.
    pub shape: Shape,
    /// It never gives more than this.
    pub most: f64,
}

/// Which attempts are counted as load. The attempt that meets it counts, unless that is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBy {
    /// Those let in and not yet worked off, in line or at work, whether or not a client awaits them.
    InFlight,
    /// The same without the one that meets it.
    Others,
    /// Those in line for a server, without the one that meets it.
    Waiting,
    /// Those on a server.
    Serving,
    /// Those let in within the last so long.
    Arrivals(Span),
}

/// How a curve goes over the number `n` of attempts.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `from + times·((n - beyond)/full)^exponent`, where `n` counts as `beyond` below that.
    Power {
        /// What it is without load.
        from: f64,
        /// What is added at full load.
        times: f64,
        /// How steep it is.
        exponent: f64,
        /// Where it begins.
        beyond: f64,
        /// The load called full, from `beyond` on.
        full: f64,
    },
    /// 1 up to `full`, from there on `(n/full)^exponent`.
    Knee {
        /// How steep it is.
        exponent: f64,
        /// Where it begins.
        full: f64,
    },
    /// `base^((n - beyond)/full)`, 1 below `beyond`.
    Exponential {
        /// What it is multiplied by for each `full` more.
        base: f64,
        /// Where it begins.
        beyond: f64,
        /// The load that multiplies it once.
        full: f64,
    },
    /// `1/(1 - n/full)`; without bound from `full` on.
    Inverse {
        /// Where it has no bound.
        full: f64,
    },
    /// `share·(1 - full/n)` from `full` on, none before: of what is too much, that share.
    Excess {
        /// The share.
        share: f64,
        /// Where it begins.
        full: f64,
    },
    /// Straight lines between these points, level outside of them. Ascending, never empty.
    Points(Vec<(f64, f64)>),
    /// `from`, and from each of these loads on that value. Ascending.
    Steps {
        /// Before the first.
        from: f64,
        /// From where on it is what.
        steps: Vec<(f64, f64)>,
    },
}

impl Curve {
    /// What it gives for so many attempts.
    pub fn at(&self, attempts: u64) -> f64 {
        self.shape.at(attempts as f64).min(self.most)
    }
}

impl Shape {
    fn at(&self, n: f64) -> f64 {
        match self {
            Shape::Power {
                from,
                times,
                exponent,
                beyond,
                full,
            } => from + times * math::pow((n - beyond).max(0.0) / full, *exponent),
            Shape::Knee { full, .. } if n <= *full => 1.0,
            Shape::Knee { exponent, full } => math::pow(n / full, *exponent),
            Shape::Exponential { base, beyond, full } => {
                math::pow(*base, (n - beyond).max(0.0) / full)
            }
            Shape::Inverse { full } if n >= *full => f64::INFINITY,
            Shape::Inverse { full } => 1.0 / (1.0 - n / full),
            Shape::Excess { full, .. } if n <= *full => 0.0,
            Shape::Excess { share, full } => share * (1.0 - full / n),
            Shape::Points(points) => between(points, n),
            Shape::Steps { from, steps } => {
                let passed = steps.partition_point(|(load, _)| *load <= n);
                passed.checked_sub(1).map_or(*from, |last| steps[last].1)
            }
        }
    }
}

/// The value at `n` on straight lines between points.
fn between(points: &[(f64, f64)], n: f64) -> f64 {
    let next = points.partition_point(|(load, _)| *load <= n);
    let last = points.len() - 1;
    match next {
        0 => points[0].1,
        _ if next > last => points[last].1,
        _ => {
            let ((from, low), (upto, high)) = (points[next - 1], points[next]);
            low + (high - low) * ((n - from) / (upto - from))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(shape: Shape, most: f64, loads: &[u64]) -> Vec<f64> {
        let curve = Curve {
            by: LoadBy::InFlight,
            shape,
            most,
        };
        loads.iter().map(|n| curve.at(*n)).collect()
    }

    #[test]
    fn formulas_give_what_they_say() {
        let full = 100.0;
        let power = Shape::Power {
            from: 1.0,
            times: 3.0,
            exponent: 2.0,
            beyond: 50.0,
            full,
        };
        let loads = [0, 50, 100, 150, 1000];
        assert_eq!(values(power, 10.0, &loads), [1.0, 1.0, 1.75, 4.0, 10.0]);
        let exponent = 1.0;
        let knee = Shape::Knee { exponent, full };
        assert_eq!(values(knee, 99.0, &[0, 100, 150]), [1.0, 1.0, 1.5]);
        let (base, beyond) = (2.0, 100.0);
        let doubles = Shape::Exponential { base, beyond, full };
        assert_eq!(
            values(doubles, 99.0, &[0, 100, 200, 400]),
            [1.0, 1.0, 2.0, 8.0]
        );
        let inverse = Shape::Inverse { full };
        assert_eq!(
            values(inverse, 8.0, &[0, 50, 75, 100, 200]),
            [1.0, 2.0, 4.0, 8.0, 8.0]
        );
        let share = 0.5;
        let excess = Shape::Excess { share, full };
        assert_eq!(
            values(excess, 1.0, &[0, 100, 200, 400]),
            [0.0, 0.0, 0.25, 0.375]
        );
    }

    #[test]
    fn tables_are_level_outside_of_their_points() {
        let points = vec![(10.0, 1.0), (20.0, 3.0), (40.0, 4.0)];
        let lines = Shape::Points(points.clone());
        let loads = [0, 10, 15, 20, 30, 40, 99];
        assert_eq!(
            values(lines, 9.0, &loads),
            [1.0, 1.0, 2.0, 3.0, 3.5, 4.0, 4.0]
        );
        let (from, steps) = (0.0, points);
        let stairs = Shape::Steps { from, steps };
        let loads = [0, 9, 10, 19, 20, 40, 99];
        assert_eq!(
            values(stairs, 3.5, &loads),
            [0.0, 0.0, 1.0, 1.0, 3.0, 3.5, 3.5]
        );
    }
}
