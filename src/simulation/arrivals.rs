//! When tasks arrive.

use crate::random::stream::{Process, Stream};
use crate::scenario::model::{Arrivals, Tasks};
use crate::units::{Rate, Span, Time};

/// The arrivals of one fleet in one replication, one after the other. Random ones draw from the
/// fleet's own ChaCha8 stream, so no policy can disturb them.
#[derive(Debug)]
pub struct ArrivalTimes<'a> {
    tasks: &'a Tasks,
    stream: Stream,
    /// The last arrival \[ns\]; a float, so that gaps are not rounded one by one.
    last: f64,
    given: u32,
    horizon: Time,
}

impl<'a> ArrivalTimes<'a> {
    /// The arrivals of fleet number `fleet`, up to the horizon.
    pub fn new(
        tasks: &'a Tasks,
        (seed, replication): (u64, u64),
        fleet: u8,
        horizon: Span,
    ) -> ArrivalTimes<'a> {
        ArrivalTimes {
            tasks,
            stream: Stream::new(seed, replication, Process::Arrivals, u32::from(fleet)),
            last: 0.0,
            given: 0,
            horizon: Time::ZERO + horizon,
        }
    }

    /// The next arrival, or `None` if there is no further one before the horizon.
    pub fn next(&mut self) -> Option<Time> {
        if self.tasks.count.is_some_and(|n| self.given >= n) {
            return None;
        }
        let at = match &self.tasks.arrivals {
            Arrivals::Batch => Time::ZERO,
            Arrivals::Even(rate) => nth(*rate, u64::from(self.given) + 1),
            Arrivals::Poisson(rate) => {
                self.last += self.stream.exponential(1.0 / rate.per_nanosecond());
                Time(self.last as u64)
            }
            Arrivals::Varying { points, ramp } => self.thinned(points, *ramp)?,
            Arrivals::Trace(rows) => rows.get(self.given as usize)?.at,
        };
        self.given += 1;
        (at < self.horizon).then_some(at)
    }

    /// A Poisson process of changing rate, by thinning one of its highest rate (Lewis and Shedler,
    /// 1979): each candidate is kept with probability rate(t) / highest.
    fn thinned(&mut self, points: &[(Time, f64)], ramp: bool) -> Option<Time> {
        let highest = points
            .iter()
            .fold(0.0, |most: f64, (_, rate)| most.max(*rate));
        loop {
            self.last += self.stream.exponential(1.0 / highest);
            let at = Time(self.last as u64);
            if at >= self.horizon {
                return None;
            }
            if self.stream.unit() * highest < rate_at(points, ramp, at) {
                return Some(at);
            }
        }
    }
}

/// The time of the `n`-th of evenly spaced events, without accumulated rounding.
fn nth(rate: Rate, n: u64) -> Time {
    let at = u128::from(rate.per.0) * u128::from(n) / u128::from(rate.count);
    Time(u64::try_from(at).unwrap_or(u64::MAX))
}

fn rate_at(points: &[(Time, f64)], ramp: bool, at: Time) -> f64 {
    let after = points.partition_point(|(t, _)| *t <= at);
    let Some((from, rate)) = after.checked_sub(1).map(|i| points[i]) else {
        return 0.0;
    };
    match points.get(after) {
        Some((until, next)) if ramp => {
            let part = at.since(from).0 as f64 / until.since(from).0 as f64;
            rate + (next - rate) * part
        }
        _ => rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(tasks: &Tasks, horizon: Span) -> Vec<Time> {
        let mut arrivals = ArrivalTimes::new(tasks, (7, 0), 0, horizon);
        std::iter::from_fn(|| arrivals.next()).collect()
    }

    fn tasks(arrivals: Arrivals, count: Option<u32>) -> Tasks {
        Tasks {
            arrivals,
            count,
            each_agent: false,
        }
    }

    const THREE_A_SECOND: Rate = Rate {
        count: 3,
        per: Span::SECOND,
    };

    #[test]
    fn even_arrivals_do_not_drift() {
        let even = tasks(Arrivals::Even(THREE_A_SECOND), None);
        let all = times(&even, Span::seconds(1_000_001));
        assert_eq!(all[2], Time(1_000_000_000));
        assert_eq!(all[2_999_999], Time(1_000_000_000_000_000));
    }

    #[test]
    fn a_poisson_process_has_its_rate() {
        let poisson = tasks(Arrivals::Poisson(THREE_A_SECOND), None);
        let n = times(&poisson, Span::seconds(10_000)).len() as f64;
        // Mean 30,000, standard deviation 173.
        assert!((n - 30_000.0).abs() < 4.0 * 173.2, "{n}");
    }

    #[test]
    fn a_varying_rate_is_followed() {
        let second = |s| Time::ZERO + Span::seconds(s);
        let points = vec![
            (second(0), 1e-9),
            (second(10_000), 3e-9),
            (second(20_000), 0.0),
        ];
        let count = |ramp| {
            let varying = Arrivals::Varying {
                points: points.clone(),
                ramp,
            };
            let all = times(&tasks(varying, None), Span::seconds(30_000));
            let first = all.iter().filter(|t| **t < second(10_000)).count() as f64;
            (first, all.len() as f64 - first)
        };
        // Steps: 10,000 then 30,000. Ramps: mean rates 2 and 1.5.
        let near = |n: f64, mean: f64| assert!((n - mean).abs() < 4.0 * mean.sqrt(), "{n} {mean}");
        let (first, second) = count(false);
        near(first, 10_000.0);
        near(second, 30_000.0);
        let (first, second) = count(true);
        near(first, 20_000.0);
        near(second, 15_000.0);
    }

    #[test]
    fn a_count_bounds_them() {
        let few = tasks(Arrivals::Poisson(THREE_A_SECOND), Some(5));
        assert_eq!(times(&few, Span::seconds(1_000)).len(), 5);
    }
}
