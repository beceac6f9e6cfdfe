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
            Arrivals::Varying { points, ramp } => self.warped(points, *ramp)?,
            Arrivals::Trace(rows) => rows.get(self.given as usize)?.at,
        };
        self.given += 1;
        (at < self.horizon).then_some(at)
    }

    /// A Poisson process of changing rate: between two arrivals as many are expected as an exponential
    /// draw of mean 1 says. One draw each, however long nobody comes.
    fn warped(&mut self, points: &[(Time, f64)], ramp: bool) -> Option<Time> {
        let mut left = self.stream.exponential(1.0);
        loop {
            let stretch = Stretch::at(points, ramp, self.last);
            let at = self.last + stretch.until_expected(left);
            if at < stretch.end {
                self.last = at;
                return Some(Time(at as u64));
            }
            if stretch.end >= self.horizon.0 as f64 {
                return None;
            }
            left = (left - stretch.expected()).max(0.0);
            self.last = stretch.end;
        }
    }
}

/// A time in which a rate changes evenly, or not at all.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// From where on it is looked at, and where it ends \[ns\].
    begin: f64,
    end: f64,
    /// The rate there \[per ns\], and by how much it grows \[per ns²\].
    rate: f64,
    growth: f64,
}

impl Stretch {
    /// What is left, from this time on, of the stretch that holds it.
    fn at(points: &[(Time, f64)], ramp: bool, begin: f64) -> Stretch {
        let after = points.partition_point(|(t, _)| t.0 as f64 <= begin);
        let next = points.get(after);
        let end = next.map_or(f64::INFINITY, |(t, _)| t.0 as f64);
        let Some((from, rate)) = after.checked_sub(1).map(|i| points[i]) else {
            let (rate, growth) = (0.0, 0.0);
            return Stretch {
                begin,
                end,
                rate,
                growth,
            };
        };
        let growth = match next {
            Some((_, next)) if ramp => (next - rate) / (end - from.0 as f64),
            _ => 0.0,
        };
        Stretch {
            begin,
            end,
            rate: rate + growth * (begin - from.0 as f64),
            growth,
        }
    }

    /// How many arrivals are expected in it.
    fn expected(&self) -> f64 {
        let length = self.end - self.begin;
        match self.rate + self.growth * length {
            0.0 if self.rate == 0.0 => 0.0,
            last => (self.rate + last) / 2.0 * length,
        }
    }

    /// How long until so many are expected \[ns\]; infinite if never.
    fn until_expected(&self, arrivals: f64) -> f64 {
        // The root of growth/2 · t² + rate · t = arrivals, written so that nothing cancels.
        let root = self.rate * self.rate + 2.0 * self.growth * arrivals;
        match root > 0.0 {
            true => 2.0 * arrivals / (self.rate + root.sqrt()),
            false => f64::INFINITY,
        }
    }
}

/// The time of the `n`-th of evenly spaced events, without accumulated rounding.
fn nth(rate: Rate, n: u64) -> Time {
    let at = u128::from(rate.per.0) * u128::from(n) / u128::from(rate.count);
    Time(u64::try_from(at).unwrap_or(u64::MAX))
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
    fn a_peak_costs_no_time_after_it() {
        // A million a second for a second, then none until tomorrow, when there is one more second.
        let second = |s| Time::ZERO + Span::seconds(s);
        let points = vec![
            (second(0), 1e-3),
            (second(1), 0.0),
            (second(86_400), 1e-9),
            (second(86_401), 0.0),
        ];
        let varying = Arrivals::Varying {
            points,
            ramp: false,
        };
        let all = times(&tasks(varying, None), Span::seconds(100_000_000));
        let (peak, rest) = all.split_at(all.partition_point(|t| *t < second(1)));
        assert!((peak.len() as f64 - 1e6).abs() < 4e3, "{}", peak.len());
        assert!(rest.len() < 10, "{}", rest.len());
        let late = |t: &Time| (second(86_400)..second(86_401)).contains(t);
        assert!(rest.iter().all(late), "{rest:?}");
    }

    #[test]
    fn arrivals_on_a_ramp_are_where_the_rate_is() {
        // The rate grows from 0: half of the arrivals of ten seconds come in the last 2.93 of them.
        let second = |s| Time::ZERO + Span::seconds(s);
        let points = vec![(second(0), 0.0), (second(10), 2e-5), (second(10), 0.0)];
        let varying = Arrivals::Varying { points, ramp: true };
        let all = times(&tasks(varying, None), Span::seconds(10));
        let n = all.len() as f64;
        assert!((n - 1e5).abs() < 4.0 * 316.3, "{n}");
        let half = Time((10e9 * 0.5_f64.sqrt()) as u64);
        let early = all.iter().filter(|t| **t < half).count() as f64;
        assert!(
            (early - n / 2.0).abs() < 4.0 * n.sqrt() / 2.0,
            "{early} of {n}"
        );
    }

    #[test]
    fn a_count_bounds_them() {
        let few = tasks(Arrivals::Poisson(THREE_A_SECOND), Some(5));
        assert_eq!(times(&few, Span::seconds(1_000)).len(), 5);
    }
}
