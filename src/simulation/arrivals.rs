//! When tasks arrive.

use crate::random::stream::{Process, Stream};
use crate::scenario::model::{Arrivals, OnOff, Tasks};
use crate::units::{Rate, Span, Time};

/// The arrivals of one fleet in one replication, one after the other. Random ones draw from the
/// fleet's own ChaCha8 stream, so no policy can disturb them.
#[derive(Debug)]
pub struct ArrivalTimes<'a> {
    tasks: &'a Tasks,
    stream: Stream,
    /// The last arrival \[ns\]; a float, so that gaps are not rounded one by one.
    last: f64,
    /// How many tasks have come, and how often some have.
    given: u32,
    times: u64,
    /// How many more come with the last one, and when that came.
    together: u32,
    at: Time,
    /// Of arrivals that are on and off: whether they are on, and until when \[ns\].
    on: bool,
    until: f64,
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
            times: 0,
            together: 0,
            at: Time::ZERO,
            on: false,
            until: 0.0,
            horizon: Time::ZERO + horizon,
        }
    }

    /// The next arrival, or `None` if there is no further one before the horizon.
    pub fn next(&mut self) -> Option<Time> {
        if self.tasks.count.is_some_and(|n| self.given >= n) {
            return None;
        }
        if self.together == 0 {
            self.at = self.next_time()?;
            self.times += 1;
            self.together = match &self.tasks.at_once {
                None => 1,
                Some(tasks) => tasks.quantile(self.stream.unit()).round().max(1.0) as u32,
            };
        }
        self.together -= 1;
        self.given += 1;
        (self.at < self.horizon).then_some(self.at)
    }

    /// When the next one comes, or several do.
    fn next_time(&mut self) -> Option<Time> {
        Some(match &self.tasks.arrivals {
            Arrivals::Batch => Time::ZERO,
            Arrivals::Even(rate) => nth(*rate, self.times + 1),
            Arrivals::Poisson(rate) => {
                self.last += self.stream.exponential(1.0 / rate.per_nanosecond());
                Time(self.last as u64)
            }
            Arrivals::Gaps(gaps) => {
                self.last += gaps.quantile(self.stream.unit());
                Time(self.last as u64)
            }
            Arrivals::OnOff(spec) => self.on_off(spec)?,
            Arrivals::Varying { points, ramp } => self.warped(points, *ramp)?,
            Arrivals::Trace(rows) => rows.get(self.times as usize)?.at,
        })
    }

    /// A Poisson process that is on and off in turn: as [`ArrivalTimes::warped`], but for when its rate
    /// changes.
    fn on_off(&mut self, spec: &OnOff) -> Option<Time> {
        let mut left = self.stream.exponential(1.0);
        loop {
            if self.last >= self.until {
                self.on = !self.on;
                let length = if self.on { &spec.on } else { &spec.off };
                self.until += length.quantile(self.stream.unit());
            }
            let rate = if self.on { spec.rate } else { spec.idle_rate };
            let expected = (self.until - self.last) * rate.per_nanosecond();
            if left < expected {
                self.last += left / rate.per_nanosecond();
                return Some(Time(self.last as u64));
            }
            if self.until >= self.horizon.0 as f64 {
                return None;
            }
            left -= expected.max(0.0);
            self.last = self.until;
        }
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
    use crate::random::Distribution;

    fn times(tasks: &Tasks, horizon: Span) -> Vec<Time> {
        let mut arrivals = ArrivalTimes::new(tasks, (7, 0), 0, horizon);
        std::iter::from_fn(|| arrivals.next()).collect()
    }

    fn tasks(arrivals: Arrivals, count: Option<u32>) -> Tasks {
        Tasks {
            arrivals,
            count,
            at_once: None,
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
    fn gaps_are_added_up() {
        let even = tasks(Arrivals::Gaps(Distribution::Constant(2.5e9)), None);
        let all = times(&even, Span::seconds(10));
        let nanos = |s: f64| Time((s * 1e9) as u64);
        assert_eq!(all, [nanos(2.5), nanos(5.0), nanos(7.5)]);
    }

    #[test]
    fn several_come_at_once_and_the_last_of_a_count_alone() {
        let mut fours = tasks(Arrivals::Even(THREE_A_SECOND), Some(10));
        fours.at_once = Some(Distribution::Constant(4.0));
        let all: Vec<u64> = (times(&fours, Span::seconds(9)).iter())
            .map(|t| t.0 * 3 / 999_999_999)
            .collect();
        assert_eq!(all, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
        let mut few = tasks(Arrivals::Even(THREE_A_SECOND), None);
        // From 0.6 to 3.4: one to three, a third of the time or a little more each.
        few.at_once = Some(Distribution::Uniform {
            low: 0.6,
            high: 3.4,
        });
        let all = times(&few, Span::seconds(10_000));
        let n = all.len() as f64 / 29_999.0;
        assert!((n - 2.0).abs() < 0.02, "{n}");
    }

    #[test]
    fn on_and_off_take_turns() {
        let second = 1e9;
        let rate = |count| Rate {
            count,
            per: Span::SECOND,
        };
        let on_off = Arrivals::OnOff(Box::new(OnOff {
            on: Distribution::Constant(2.0 * second),
            off: Distribution::Constant(8.0 * second),
            rate: rate(100),
            idle_rate: rate(5),
        }));
        let all = times(&tasks(on_off, None), Span::seconds(10_000));
        let (on, off): (Vec<Time>, Vec<Time>) = all
            .iter()
            .partition(|t| t.0 % 10_000_000_000 < 2_000_000_000);
        let near =
            |n: usize, mean: f64| assert!((n as f64 - mean).abs() < 4.0 * mean.sqrt(), "{n}");
        near(on.len(), 200_000.0);
        near(off.len(), 40_000.0);
    }

    #[test]
    fn a_count_bounds_them() {
        let few = tasks(Arrivals::Poisson(THREE_A_SECOND), Some(5));
        assert_eq!(times(&few, Span::seconds(1_000)).len(), 5);
    }
}
