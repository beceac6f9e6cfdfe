//! Closed forms of queueing theory, in units of one mean service time where none is named.
//!
//! Source: L. Kleinrock, "Queueing Systems", volume 1, Wiley, 1975, chapters 3 and 5; the recursion
//! of Erlang's B is in R. B. Cooper, "Introduction to Queueing Theory", 2nd ed., 1981, section 3.5.

/// The mean time in an M/M/1 queue: `1/(mu - lambda)`.
pub(super) fn mm1(lambda: f64, mu: f64) -> f64 {
    1.0 / (mu - lambda)
}

/// Erlang's B: the share of arrivals that `servers` servers without a queue lose under `load`
/// erlangs, whatever the shape of the service time.
pub(super) fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b))
}

/// Erlang's C: the share of arrivals that wait at `servers` servers.
pub(super) fn erlang_c(servers: u32, load: f64) -> f64 {
    let b = erlang_b(servers, load);
    b / (1.0 - load / f64::from(servers) * (1.0 - b))
}

/// The mean time in an M/M/c queue with service of mean 1.
pub(super) fn mmc(servers: u32, load: f64) -> f64 {
    1.0 + erlang_c(servers, load) / (f64::from(servers) - load)
}

/// Erlang's A: the share of those who arrive, `arrive` in a unit, that leave the line of an M/M/c queue
/// before they are served, if each waiting one leaves at rate `leave`, and each server serves at rate
/// `serve`.
///
/// Source: C. Palm, "Research on telephone traffic carried by full availability groups", Tele 1, 1957.
pub(super) fn erlang_a(servers: u32, arrive: f64, serve: f64, leave: f64) -> f64 {
    const MOST: u32 = 10_000;
    let (mut weight, mut all, mut in_line) = (1.0, 1.0, 0.0);
    for n in 1..=MOST {
        let waiting = f64::from(n.saturating_sub(servers));
        weight *= arrive / (f64::from(n.min(servers)) * serve + waiting * leave);
        all += weight;
        in_line += weight * waiting;
    }
    leave * in_line / all / arrive
}

/// The mean time in an M/G/1 queue: Pollaczek and Khinchine, from the first two moments of the
/// service time.
pub(super) fn mg1(lambda: f64, mean: f64, second: f64) -> f64 {
    mean + lambda * second / (2.0 * (1.0 - lambda * mean))
}

/// The mean time in an M/M/1 queue at which `batch` arrive at once, `lambda` times in a unit.
pub(super) fn batches_mm1(lambda: f64, batch: f64) -> f64 {
    (1.0 + batch) / (2.0 * (1.0 - lambda * batch))
}

/// The mean time in a G/M/1 queue: `transform` is the Laplace transform of the time between
/// arrivals, and who arrives finds at least n there with the n-th power of the root of
/// `root = transform(1 - root)`.
pub(super) fn gm1(transform: impl Fn(f64) -> f64) -> f64 {
    // From 0 the iteration climbs to the lesser root, the one below 1.
    let mut root = 0.0;
    for _ in 0..10_000 {
        root = transform(1.0 - root);
    }
    1.0 / (1.0 - root)
}

/// The Laplace transform of an Erlang time of so many phases.
pub(super) fn erlang_transform(phases: u32, mean: f64) -> impl Fn(f64) -> f64 {
    let of_phase = move |s: f64| 1.0 / (1.0 + s * mean / f64::from(phases));
    move |s| (0..phases).fold(1.0, |of_all, _| of_all * of_phase(s))
}

/// The Laplace transform of the time between arrivals of a Poisson process of `rate` that is on and
/// off for exponential times, which end at the rates `end_on` and `end_off`.
///
/// Source: A. Kuczura, "The interrupted Poisson process as an overflow process", Bell System Technical
/// Journal 52(3), 1973.
pub(super) fn interrupted_transform(rate: f64, end_on: f64, end_off: f64) -> impl Fn(f64) -> f64 {
    // The denominator is (s + rate + end_on)·(s + end_off) - end_on·end_off, multiplied out.
    move |s| rate * (s + end_off) / (s * (s + rate + end_on + end_off) + rate * end_off)
}

/// The mean time at a server that all share, of work that takes `mean` alone, whatever its shape.
///
/// Source: L. Kleinrock, "Queueing Systems", volume 2, Wiley, 1976, section 4.4.
pub(super) fn mg1_shared(lambda: f64, mean: f64) -> f64 {
    mean / (1.0 - lambda * mean)
}

/// The mean time that a machine is down: `machines` that run for `think` on average, one repairer
/// who needs 1 on average. By mean value analysis, which is exact here.
pub(super) fn repairman(machines: u32, think: f64) -> f64 {
    let (mut down, mut waiting) = (1.0, 0.0);
    for n in 1..=machines {
        down = 1.0 + waiting;
        waiting = f64::from(n) / (think + down) * down;
    }
    down
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::math;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn the_forms_meet_where_they_must() {
        near(mm1(0.8, 1.0), 5.0);
        near(mmc(1, 0.8), mm1(0.8, 1.0));
        near(mg1(0.8, 1.0, 2.0), mm1(0.8, 1.0));
        near(batches_mm1(0.8, 1.0), mm1(0.8, 1.0));
        near(gm1(erlang_transform(1, 1.25)), mm1(0.8, 1.0));
        // Two phases at half the rate of service: root = 1/(2 - root)², a cubic with the root 1.
        let root = 1.0 - 1.0 / gm1(erlang_transform(2, 2.0));
        near(root, (3.0 - 5.0_f64.sqrt()) / 2.0);
        // Constant gaps: the root is that of root = exp((root - 1)/0.7).
        let root = 1.0 - 1.0 / gm1(|s| math::exp(-s / 0.7));
        near(math::ln(root) * 0.7, root - 1.0);
        // Hardly ever off, it is a Poisson process; always for a moment, one of half the rate.
        near(gm1(interrupted_transform(0.8, 1e-12, 1.0)), mm1(0.8, 1.0));
        let moments = gm1(interrupted_transform(1.6, 1e9, 1e9));
        assert!((moments - mm1(0.8, 1.0)).abs() < 1e-6, "{moments}");
        // Who leaves as fast as served: Poisson with mean 1, of whom 1 - (1 - 1/e) stand in line.
        near(erlang_a(1, 1.0, 1.0, 1.0), math::exp(-1.0));
        // Who never waits is lost as in Erlang's B.
        assert!((erlang_a(5, 4.0, 1.0, 1e9) - erlang_b(5, 4.0)).abs() < 1e-6);
        // Half the wait of M/M/1.
        near(mg1(0.8, 1.0, 1.0), 3.0);
        near(erlang_b(1, 0.5), 1.0 / 3.0);
        // A printed value: five servers under four erlangs lose 0.199067.
        assert!((erlang_b(5, 4.0) - 0.199_067).abs() < 1e-6);
        // In fractions, 128/231 of those who arrive wait.
        near(erlang_c(5, 4.0), 128.0 / 231.0);
        // One machine never waits; two, by the balance of three states.
        near(repairman(1, 4.0), 1.0);
        near(repairman(2, 4.0), 1.2);
    }
}
