//! Load at work: what a target's curves say of as many attempts as there are.

use std::collections::VecDeque;

use crate::random::unit;
use crate::units::Time;
use crate::wire::Outcome;
use crate::world::{Curve, LoadBy, LoadFailures, RetryAfterHint, UnderLoad};

/// What load does to a target during one run.
#[derive(Debug)]
pub(super) struct Pressure<'a> {
    latency: Option<Gauge<'a>>,
    failures: Option<(Gauge<'a>, &'a LoadFailures)>,
}

/// How much a target has to do, with the attempt that asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Attempts let in and not worked off.
    pub in_flight: u64,
    /// Attempts in line, without the one that asks.
    pub waiting: u64,
    /// Attempts on a server.
    pub serving: u64,
}

/// A curve, and when the attempts came that it counts, if it counts those that came.
#[derive(Debug)]
struct Gauge<'a> {
    curve: &'a Curve,
    came: VecDeque<Time>,
}

impl<'a> Pressure<'a> {
    /// What the scenario says of load, if it says anything.
    pub(super) fn of(spec: &'a UnderLoad) -> Option<Box<Pressure<'a>>> {
        let gauge = |curve| Gauge {
            curve,
            came: VecDeque::new(),
        };
        if spec.latency.is_none() && spec.failures.is_none() {
            return None;
        }
        Some(Box::new(Pressure {
            latency: spec.latency.as_ref().map(gauge),
            failures: (spec.failures.as_ref()).map(|failures| (gauge(&failures.rate), failures)),
        }))
    }

    /// An attempt is let in.
    pub(super) fn note(&mut self, now: Time) {
        if let Some(gauge) = &mut self.latency {
            gauge.note(now);
        }
        if let Some((gauge, _)) = &mut self.failures {
            gauge.note(now);
        }
    }

    /// By which factor work takes longer that begins now, of an attempt that was let in.
    pub(super) fn slows(&self, now: Time, standing: Standing) -> f64 {
        let at = |gauge: &Gauge| gauge.curve.at(gauge.load(now, standing, 0));
        self.latency.as_ref().map_or(1.0, at)
    }

    /// How load ends an attempt that arrives, if it does, and what is told with it.
    pub(super) fn fails(
        &self,
        now: Time,
        standing: Standing,
        coin: impl FnOnce() -> u32,
    ) -> Option<(Outcome, &'a RetryAfterHint)> {
        let (gauge, failures) = self.failures.as_ref()?;
        let rate = gauge.curve.at(gauge.load(now, standing, 1));
        let fails = rate > 0.0 && unit(coin()) < rate;
        fails.then_some((failures.outcome, &failures.retry_after))
    }
}

impl Gauge<'_> {
    fn note(&mut self, now: Time) {
        let LoadBy::Arrivals(window) = self.curve.by else {
            return;
        };
        while self.came.front().is_some_and(|came| *came + window <= now) {
            self.came.pop_front();
        }
        self.came.push_back(now);
    }

    /// The load now; of those that came, `more` have not been noted.
    fn load(&self, now: Time, standing: Standing, more: u64) -> u64 {
        match self.curve.by {
            LoadBy::InFlight => standing.in_flight,
            LoadBy::Others => standing.in_flight - 1,
            LoadBy::Waiting => standing.waiting,
            LoadBy::Serving => standing.serving,
            LoadBy::Arrivals(window) => {
                let gone = self.came.partition_point(|came| *came + window <= now);
                (self.came.len() - gone) as u64 + more
            }
        }
    }
}
