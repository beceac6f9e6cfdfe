//! Adaptive throttling: a client that hears many refusals sends less.

use std::collections::VecDeque;

use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet};

/// An adaptive throttle as the scenario describes it.
///
/// A request is rejected on the client's side with probability
/// `max(0, (requests - k · accepts) / (requests + 1))`, where `requests` counts all requests of the
/// last `window`, locally rejected ones included, and `accepts` those that the target accepted in
/// it. So a client sends about `k` times what the target accepts.
///
/// Source: Beyer et al., Site Reliability Engineering (2016), chapter 21, "Client-Side Throttling",
/// equation 21-1: `k` = 2 and two minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveThrottleSpec {
    /// How many requests are sent for each that is accepted.
    pub k: f64,
    /// How far back it looks.
    pub window: Span,
    /// Which outcomes say that the target did not accept a request. One that never reached it was
    /// not accepted either.
    pub on: OutcomeSet,
}

/// What an adaptive throttle remembers: when requests came and when they were accepted, in the last
/// window.
#[derive(Clone, Debug, Default)]
pub struct AdaptiveThrottle {
    requests: VecDeque<Time>,
    accepts: VecDeque<Time>,
}

impl AdaptiveThrottleSpec {
    /// The probability that the next request is rejected.
    pub fn rejects(&self, requests: u64, accepts: u64) -> f64 {
        let (requests, accepts) = (requests as f64, accepts as f64);
        ((requests - self.k * accepts) / (requests + 1.0)).max(0.0)
    }
}

impl AdaptiveThrottle {
    /// The probability that a request that comes now is rejected; the request is counted, for those
    /// after it.
    pub fn request(&mut self, spec: &AdaptiveThrottleSpec, now: Time) -> f64 {
        expire(&mut self.requests, spec.window, now);
        expire(&mut self.accepts, spec.window, now);
        let rejects = spec.rejects(self.requests.len() as u64, self.accepts.len() as u64);
        self.requests.push_back(now);
        rejects
    }

    /// Notes how a request that was sent has ended.
    pub fn ended(&mut self, spec: &AdaptiveThrottleSpec, now: Time, outcome: Outcome) {
        if !spec.on.has(outcome) && !outcome.is_local() {
            expire(&mut self.accepts, spec.window, now);
            self.accepts.push_back(now);
        }
    }
}

/// Forgets what is as old as the window: windows are half-open.
fn expire(log: &mut VecDeque<Time>, window: Span, now: Time) {
    while log.front().is_some_and(|t| *t + window <= now) {
        log.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: AdaptiveThrottleSpec = AdaptiveThrottleSpec {
        k: 2.0,
        window: Span::seconds(10),
        on: OutcomeSet::of(&[Outcome::RateLimited]),
    };

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::seconds(seconds)
    }

    #[test]
    fn a_client_that_is_served_is_never_rejected() {
        let mut throttle = AdaptiveThrottle::default();
        for s in 0..30 {
            let rejects = throttle.request(&SPEC, at(s));
            assert_eq!(rejects, 0.0);
            throttle.ended(&SPEC, at(s), Outcome::Permanent);
        }
    }

    #[test]
    fn refusals_are_requests_and_old_ones_are_forgotten() {
        let mut throttle = AdaptiveThrottle::default();
        let rejects: Vec<f64> = (0..3).map(|s| throttle.request(&SPEC, at(s))).collect();
        assert_eq!(rejects, [0.0, 1.0 / 2.0, 2.0 / 3.0]);
        for outcome in [Outcome::RateLimited, Outcome::CircuitOpen] {
            throttle.ended(&SPEC, at(3), outcome);
        }
        // The requests at 0 and 1 are out of the window at 11.
        assert_eq!(throttle.request(&SPEC, at(11)), 1.0 / 2.0);
        throttle.ended(&SPEC, at(11), Outcome::Ok);
        assert_eq!(throttle.request(&SPEC, at(11)), 0.0);
    }
}
