//! Circuit breaker: after enough failures in a row it refuses calls for a while.
//!
//! Closed, it counts consecutive failures; open, it refuses everything until `open_for` has passed;
//! half-open, it lets one probe or everybody through: a success closes it, a failure opens it again.
//! Source: M. Nygard, "Release It!", 2nd ed. 2018, chapter 5.

use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet};

/// A circuit breaker as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSpec {
    /// How many failures in a row open it; at least 1.
    pub failures: u32,
    /// How long it stays open; [`Span::MAX`] is for ever.
    pub open_for: Span,
    /// Whom it lets through when that time has passed.
    pub half_open: HalfOpen,
    /// Which outcomes are failures. Others, unless `ok`, are not its business.
    pub on: OutcomeSet,
}

/// Whom a half-open breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfOpen {
    /// One call at a time.
    One,
    /// Everybody, which is a small stampede.
    All,
}

/// What a breaker remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: BreakerState,
    /// Probes under way while half-open.
    probes: u32,
    /// How often it has been half-open; the number of the latest probing.
    probing: u32,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass; so many have failed in a row.
    Closed {
        /// Failures in a row.
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

impl BreakerSpec {
    /// What counts as a failure unless the scenario says otherwise.
    pub const DEFAULT_ON: OutcomeSet = OutcomeSet::of(&[
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
    ]);
}

impl Default for BreakerState {
    fn default() -> BreakerState {
        BreakerState::Closed { failures: 0 }
    }
}

impl Breaker {
    /// The current state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Asks whether a call may pass now.
    #[inline]
    pub fn admit(&mut self, spec: &BreakerSpec, now: Time) -> Admission {
        match self.state {
            BreakerState::Closed { .. } => return Admission::Pass,
            BreakerState::Open { until } if now < until => return Admission::Refuse,
            BreakerState::Open { .. } => {
                self.state = BreakerState::HalfOpen;
                self.probes = 0;
                self.probing = self.probing.wrapping_add(1).max(1);
            }
            BreakerState::HalfOpen => {}
        }
        if spec.half_open == HalfOpen::One && self.probes > 0 {
            return Admission::Refuse;
        }
        self.probes += 1;
        Admission::Probe(self.probing)
    }

    /// Reports the end of a call that was admitted like that. Returns true if this opened the
    /// breaker.
    ///
    /// While it is open or half-open, stragglers admitted before, be it as probes, say nothing about
    /// the present and are ignored.
    #[inline]
    pub fn record(
        &mut self,
        spec: &BreakerSpec,
        now: Time,
        admission: Admission,
        outcome: Outcome,
    ) -> bool {
        let failed = spec.on.has(outcome);
        let probe = admission == Admission::Probe(self.probing);
        self.forget(admission);
        match &mut self.state {
            BreakerState::Closed { failures } if failed => {
                *failures += 1;
                if *failures < spec.failures {
                    return false;
                }
                self.open(spec, now);
                true
            }
            BreakerState::Closed { failures } => {
                if outcome == Outcome::Ok {
                    *failures = 0;
                }
                false
            }
            BreakerState::HalfOpen if probe && failed => {
                self.open(spec, now);
                true
            }
            BreakerState::HalfOpen if probe && outcome == Outcome::Ok => {
                self.state = BreakerState::default();
                false
            }
            BreakerState::HalfOpen | BreakerState::Open { .. } => false,
        }
    }

    /// Reports that an admitted call was abandoned and says nothing.
    pub fn forget(&mut self, admission: Admission) {
        if admission == Admission::Probe(self.probing) {
            self.probes = self.probes.saturating_sub(1);
        }
    }

    fn open(&mut self, spec: &BreakerSpec, now: Time) {
        self.state = BreakerState::Open {
            until: now + spec.open_for,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: BreakerSpec = BreakerSpec {
        failures: 3,
        open_for: Span(100),
        half_open: HalfOpen::One,
        on: BreakerSpec::DEFAULT_ON,
    };
    const FAIL: Outcome = Outcome::Transient;

    fn opened(spec: &BreakerSpec) -> Breaker {
        let mut breaker = Breaker::default();
        for t in 0..3 {
            assert_eq!(breaker.admit(spec, Time(t)), Admission::Pass);
            assert_eq!(breaker.record(spec, Time(t), Admission::Pass, FAIL), t == 2);
        }
        breaker
    }

    #[test]
    fn a_success_resets_the_count() {
        let mut breaker = Breaker::default();
        for outcome in [FAIL, FAIL, Outcome::Ok, FAIL, FAIL] {
            assert!(!breaker.record(&SPEC, Time(0), Admission::Pass, outcome));
        }
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 2 });
    }

    #[test]
    fn open_refuses_until_its_time_and_then_probes_once() {
        let mut breaker = opened(&SPEC);
        assert_eq!(breaker.admit(&SPEC, Time(101)), Admission::Refuse);
        assert_eq!(breaker.admit(&SPEC, Time(102)), Admission::Probe(1));
        assert_eq!(breaker.admit(&SPEC, Time(102)), Admission::Refuse);
        assert!(breaker.record(&SPEC, Time(110), Admission::Probe(1), FAIL));
        assert_eq!(breaker.admit(&SPEC, Time(209)), Admission::Refuse);
        assert_eq!(breaker.admit(&SPEC, Time(210)), Admission::Probe(2));
        assert!(!breaker.record(&SPEC, Time(220), Admission::Probe(2), Outcome::Ok));
        assert_eq!(breaker.admit(&SPEC, Time(220)), Admission::Pass);
    }

    #[test]
    fn half_open_for_all_lets_everybody_through() {
        let spec = BreakerSpec {
            half_open: HalfOpen::All,
            ..SPEC
        };
        let mut breaker = opened(&spec);
        for _ in 0..10 {
            assert_eq!(breaker.admit(&spec, Time(102)), Admission::Probe(1));
        }
    }

    #[test]
    fn a_probe_of_an_earlier_probing_is_a_straggler() {
        let spec = BreakerSpec {
            half_open: HalfOpen::All,
            ..SPEC
        };
        let mut breaker = opened(&spec);
        let slow = breaker.admit(&spec, Time(102));
        let fast = breaker.admit(&spec, Time(102));
        assert!(breaker.record(&spec, Time(110), fast, FAIL));
        let next = breaker.admit(&spec, Time(210));
        assert!(!breaker.record(&spec, Time(211), slow, FAIL));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.record(&spec, Time(212), next, Outcome::Ok);
        assert_eq!(breaker.state(), BreakerState::default());
    }

    #[test]
    fn an_abandoned_probe_makes_room_for_the_next() {
        let mut breaker = opened(&SPEC);
        assert_eq!(breaker.admit(&SPEC, Time(102)), Admission::Probe(1));
        breaker.forget(Admission::Probe(1));
        assert_eq!(breaker.admit(&SPEC, Time(103)), Admission::Probe(1));
    }

    #[test]
    fn stragglers_do_not_move_an_open_breaker() {
        let mut breaker = opened(&SPEC);
        assert!(!breaker.record(&SPEC, Time(50), Admission::Pass, FAIL));
        assert!(!breaker.record(&SPEC, Time(51), Admission::Pass, Outcome::Ok));
        assert_eq!(breaker.state(), BreakerState::Open { until: Time(102) });
    }
}
