//! Circuit breaker: after too many failures it refuses calls for a while.
//!
//! Closed, it counts; open, it refuses everything until its time has passed; half-open, it lets
//! probes through, and closes or opens again by how they end.
//! Source: M. Nygard, "Release It!", 2nd ed. 2018, chapter 5.
//!
//! ```text
//!             too many              time is up             probes succeed
//! closed ─────────────────► open ─────────────► half-open ───────────────► closed
//!                            ▲                     │ a probe fails
//!                            └─────────────────────┘
//! ```

mod spec;
mod window;

pub use spec::{BreakerSpec, Decides, HalfOpen, Limit, OpenFor, Slow, Trip, WindowTrip};
pub use window::{Begin, Buckets, Tally, Window, WindowSpec};

use crate::units::{Span, Time};
use crate::wire::Outcome;

/// What a breaker remembers.
#[derive(Debug, Default)]
pub struct Breaker {
    state: BreakerState,
    /// Probes under way while half-open.
    probes: u32,
    /// How often it has been half-open; the number of the latest probing.
    probing: u32,
    /// How often it has opened since it last closed.
    openings: u32,
    /// Probes of the latest probing that have ended.
    sample: Tally,
    /// What a growing open time remembers of the one before.
    memory: Span,
    /// The calls that it looks at, unless it counts failures in a row.
    window: Option<Box<Window>>,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass; so many have failed in a row.
    Closed {
        /// Failures in a row, where those are counted.
        failures: u32,
    },
    /// Calls are refused until then.
    Open {
        /// When it becomes half-open.
        until: Time,
    },
    /// Probes pass.
    HalfOpen,
}

/// Whether a call may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As usual.
    Pass,
    /// As a probe of this probing, from 1; it must be reported back with [`Breaker::record`] or
    /// [`Breaker::forget`].
    Probe(u32),
    /// No.
    Refuse,
}

/// How a call that a breaker admitted ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it had been admitted.
    pub admission: Admission,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took; only slow-call limits look at it.
    pub took: Span,
}

impl Default for BreakerState {
    fn default() -> BreakerState {
        BreakerState::Closed { failures: 0 }
    }
}

impl Breaker {
    /// A closed breaker; all the room that it will ever need is taken here.
    pub fn new(spec: &BreakerSpec) -> Breaker {
        let window = match &spec.trip {
            Trip::Consecutive(_) => None,
            Trip::Window(trip) => Some(Box::new(Window::new(trip.window))),
        };
        Breaker {
            window,
            ..Breaker::default()
        }
    }

    /// Makes it as good as new, in the room that it has.
    pub fn renew(&mut self) {
        let mut window = self.window.take();
        if let Some(window) = &mut window {
            window.clear();
        }
        *self = Breaker {
            window,
            ..Breaker::default()
        };
    }

    /// The current state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Asks whether a call may pass now. `luck` gives a uniform number in \[0, 1) for the jitter of
    /// a growing open time, by how often the breaker has been half-open.
    #[inline]
    pub fn admit(
        &mut self,
        spec: &BreakerSpec,
        now: Time,
        luck: impl FnOnce(u32) -> f64,
    ) -> Admission {
        match &spec.trip {
            Trip::Consecutive(_) => self.gate(spec, now),
            Trip::Window(trip) => self.admit_counted(spec, trip, now, luck),
        }
    }

    /// [`Breaker::admit`], of one with a window.
    fn admit_counted(
        &mut self,
        spec: &BreakerSpec,
        trip: &WindowTrip,
        now: Time,
        luck: impl FnOnce(u32) -> f64,
    ) -> Admission {
        self.decide_by_buckets(spec, trip, now, luck);
        let admission = self.gate(spec, now);
        let counts = match admission {
            Admission::Refuse => trip.counts_refused,
            Admission::Pass | Admission::Probe(_) => trip.counts_at_start,
        };
        if counts && let Some(window) = &mut self.window {
            window.add(now, Tally::one(false, false));
        }
        admission
    }

    /// Whom the state lets through.
    #[inline]
    fn gate(&mut self, spec: &BreakerSpec, now: Time) -> Admission {
        match self.state {
            BreakerState::Closed { .. } => return Admission::Pass,
            BreakerState::Open { until } if now < until => return Admission::Refuse,
            BreakerState::Open { .. } => {
                self.state = BreakerState::HalfOpen;
                self.probes = 0;
                self.sample = Tally::default();
                self.probing = self.probing.wrapping_add(1).max(1);
            }
            BreakerState::HalfOpen => {}
        }
        let full = match spec.half_open {
            HalfOpen::Probes { at_once, .. } => self.probes >= at_once,
            HalfOpen::Sample(most) => self.probes + self.sample.calls >= most,
        };
        if full {
            return Admission::Refuse;
        }
        self.probes += 1;
        Admission::Probe(self.probing)
    }

    /// Reports the end of a call that was admitted. Returns true if this opened the breaker.
    ///
    /// While it is open or half-open, stragglers admitted before, be it as probes, say nothing about
    /// the present: they move nothing, but a window that is kept counts them.
    #[inline]
    pub fn record(
        &mut self,
        spec: &BreakerSpec,
        now: Time,
        ended: Ended,
        luck: impl Fn(u32) -> f64,
    ) -> bool {
        let Trip::Consecutive(most) = spec.trip else {
            return self.record_counted(spec, now, ended, luck);
        };
        let BreakerState::Closed { failures } = &mut self.state else {
            return self.record_probe(spec, now, ended, luck);
        };
        if spec.on.has(ended.outcome) {
            *failures += 1;
            if *failures >= most {
                self.open(spec, now, luck);
                return true;
            }
        } else if spec.well.has(ended.outcome) {
            *failures = 0;
        }
        false
    }

    /// [`Breaker::record`], of one with a window.
    fn record_counted(
        &mut self,
        spec: &BreakerSpec,
        now: Time,
        ended: Ended,
        luck: impl Fn(u32) -> f64,
    ) -> bool {
        let Trip::Window(trip) = &spec.trip else {
            unreachable!("whoever calls this has looked")
        };
        if self.decide_by_buckets(spec, trip, now, &luck) {
            return true;
        }
        let closed = matches!(self.state, BreakerState::Closed { .. });
        if spec.hears(ended.outcome) && (closed || trip.kept) {
            let mut call = self.tally_of(spec, ended);
            call.calls = u32::from(!trip.counts_at_start);
            let window = self.window.as_mut().expect("made with the breaker");
            window.add(now, call);
            let decides = match trip.decides {
                Decides::EachCall => true,
                Decides::EachFailure => call.failed + call.slow > 0,
                Decides::EachBucket => false,
            };
            if closed && decides && trip.exceeded(&window.tally()) {
                self.open(spec, now, luck);
                return true;
            }
        }
        !closed && self.record_probe(spec, now, ended, luck)
    }

    /// Opens a closed breaker that decides by whole buckets, at the instant at which one that was
    /// full showed too many. Returns true if this opened it.
    fn decide_by_buckets(
        &mut self,
        spec: &BreakerSpec,
        trip: &WindowTrip,
        now: Time,
        luck: impl FnOnce(u32) -> f64,
    ) -> bool {
        if trip.decides != Decides::EachBucket || !matches!(self.state, BreakerState::Closed { .. })
        {
            return false;
        }
        let window = self.window.as_mut().expect("made with the breaker");
        let Some(at) = window.advance(now, |tally| trip.exceeded(tally)) else {
            return false;
        };
        self.open(spec, at, luck);
        true
    }

    /// The end of a call while the breaker is open or half-open.
    fn record_probe(
        &mut self,
        spec: &BreakerSpec,
        now: Time,
        ended: Ended,
        luck: impl FnOnce(u32) -> f64,
    ) -> bool {
        let probe = ended.admission == Admission::Probe(self.probing);
        self.forget(ended.admission);
        if !probe || self.state != BreakerState::HalfOpen || !spec.hears(ended.outcome) {
            return false;
        }
        let probe = self.tally_of(spec, ended);
        self.sample.add(probe);
        let (fails, closes) = match spec.half_open {
            HalfOpen::Probes { successes, .. } => {
                let fails = probe.failed + probe.slow > 0;
                (fails, self.sample.calls >= successes)
            }
            HalfOpen::Sample(most) => {
                let all = self.sample.calls >= most;
                (all && spec.trip.too_many(&self.sample), all)
            }
        };
        if fails {
            self.open(spec, now, luck);
        } else if closes {
            self.close(spec);
        }
        fails
    }

    /// What a call adds to what is counted.
    fn tally_of(&self, spec: &BreakerSpec, ended: Ended) -> Tally {
        let slow = spec.slow().is_some_and(|s| ended.took > s.longer_than);
        Tally::one(spec.on.has(ended.outcome), slow)
    }

    /// Reports that an admitted call was abandoned and says nothing.
    pub fn forget(&mut self, admission: Admission) {
        if admission == Admission::Probe(self.probing) {
            self.probes = self.probes.saturating_sub(1);
        }
    }

    fn open(&mut self, spec: &BreakerSpec, now: Time, luck: impl FnOnce(u32) -> f64) {
        self.openings = self.openings.saturating_add(1);
        let open_for = match &spec.open_for {
            OpenFor::Fixed(span) => *span,
            OpenFor::Growing(backoff) => {
                let luck = if backoff.draws() {
                    luck(self.probing)
                } else {
                    0.0
                };
                backoff.delay(self.openings, &mut self.memory, luck)
            }
        };
        self.state = BreakerState::Open {
            until: now + open_for,
        };
    }

    fn close(&mut self, spec: &BreakerSpec) {
        self.state = BreakerState::default();
        self.openings = 0;
        self.memory = Span::ZERO;
        if let (Trip::Window(trip), Some(window)) = (&spec.trip, &mut self.window)
            && !trip.kept
        {
            window.clear();
        }
    }
}

#[cfg(test)]
mod tests;
