//! A router: one of several deployments takes each attempt, and those that fail rest for a time.
//!
//! Source: LiteLLM's `Router` 1.106 (`router.py`, `router_utils/cooldown_handlers.py`): more than
//! `allowed_fails` failures within a minute, or one `429` beside other deployments, cool a
//! deployment down for five seconds; with all of them cooled down a call fails without an attempt.

use crate::units::{Share, Span, Time};
use crate::wire::{Outcome, OutcomeSet};

/// The most deployments of one router. Our limit, so that its state has a fixed size.
pub const MOST_DEPLOYMENTS: usize = 16;

/// A router as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterSpec {
    /// How many deployments it has, from 1 to [`MOST_DEPLOYMENTS`].
    pub deployments: u8,
    /// Which of those that are not cooled down takes an attempt.
    pub strategy: Strategy,
    /// Whether who tries again does so at once while another deployment is up, and not at all while
    /// all rest.
    ///
    /// Source: LiteLLM 1.106, `Router._time_to_sleep_before_retry`, `should_retry_this_error`.
    pub elsewhere_at_once: bool,
    /// When one is cooled down; `None` is never.
    pub cooldown: Option<Cooldown>,
}

/// How a router chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Any, equally likely.
    Shuffle,
    /// The one after the last one chosen.
    RoundRobin,
    /// The first in the list.
    First,
}

/// When a deployment rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooldown {
    /// How much must fail within [`Self::within`].
    pub trips: Trips,
    /// The window, which begins with the first call of a deployment that counts.
    pub within: Span,
    /// How long it rests.
    pub rest: Span,
    /// What is a failure.
    pub on: OutcomeSet,
    /// Failures of which one is enough, if there are other deployments.
    pub at_once_on: OutcomeSet,
}

/// What cools a deployment down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trips {
    /// So many failures; at least 1. Nothing else counts as a call.
    Failures(u32),
    /// More failures than this share of at least so many calls, if there are other deployments.
    ///
    /// Source: LiteLLM 1.106, `DEFAULT_FAILURE_THRESHOLD_PERCENT` (50 %),
    /// `DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS` (5).
    Share(Share, u32),
}

/// What a router remembers.
#[derive(Clone, Debug, Default)]
pub struct Router {
    deployments: [Health; MOST_DEPLOYMENTS],
    /// Where round robin goes on.
    next: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    calls: u32,
    failures: u32,
    since: Time,
    rests_until: Time,
}

impl RouterSpec {
    /// Whether choosing takes luck.
    pub fn draws(&self) -> bool {
        self.strategy == Strategy::Shuffle && self.deployments > 1
    }
}

impl Router {
    /// The deployment that takes an attempt now; `None` if all rest. `luck` in \[0, 1).
    pub fn choose(&mut self, spec: &RouterSpec, now: Time, luck: f64) -> Option<u8> {
        let up = |d: &u8| self.deployments[usize::from(*d)].rests_until <= now;
        let n = spec.deployments;
        let chosen = match spec.strategy {
            Strategy::First => (0..n).find(up),
            Strategy::RoundRobin => (0..n).map(|i| (self.next + i) % n).find(up),
            Strategy::Shuffle => {
                let healthy = (0..n).filter(up).count();
                let at = (luck * healthy as f64) as usize;
                (0..n).filter(up).nth(at)
            }
        }?;
        self.next = chosen + 1;
        Some(chosen)
    }

    /// How long to wait before another attempt whose own wait would be `delay`; `None` is not to make
    /// it, because all deployments rest.
    pub fn before_retry(&self, spec: &RouterSpec, now: Time, delay: Span) -> Option<Span> {
        if !spec.elsewhere_at_once || spec.deployments == 1 {
            return Some(delay);
        }
        let all = &self.deployments[..usize::from(spec.deployments)];
        let up = all.iter().any(|d| d.rests_until <= now);
        up.then_some(Span::ZERO)
    }

    /// An attempt at a deployment has ended. Whether it rests from now on.
    pub fn record(&mut self, spec: &RouterSpec, now: Time, deployment: u8, end: Outcome) -> bool {
        let Some(cooldown) = &spec.cooldown else {
            return false;
        };
        let failed = cooldown.on.has(end);
        let counts = match cooldown.trips {
            Trips::Failures(_) => failed,
            Trips::Share(..) => failed || end == Outcome::Ok,
        };
        if !counts {
            return false;
        }
        let health = &mut self.deployments[usize::from(deployment)];
        if health.rests_until > now {
            return false;
        }
        if health.calls == 0 || now >= health.since + cooldown.within {
            (health.calls, health.failures, health.since) = (0, 0, now);
        }
        health.calls = health.calls.saturating_add(1);
        health.failures += u32::from(failed);
        let beside_others = spec.deployments > 1;
        let at_once = beside_others && cooldown.at_once_on.has(end);
        let trips = match cooldown.trips {
            Trips::Failures(after) => health.failures >= after,
            Trips::Share(above, least) => {
                let allowed = u64::from(health.calls) * u64::from(above.0);
                let share = u64::from(health.failures) * 1_000_000;
                failed && beside_others && health.calls >= least && share > allowed
            }
        };
        if !at_once && !trips {
            return false;
        }
        (health.calls, health.failures) = (0, 0);
        health.rests_until = now + cooldown.rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Cooldown = Cooldown {
        trips: Trips::Failures(3),
        within: Span::seconds(60),
        rest: Span::seconds(5),
        on: OutcomeSet::of(&[Outcome::Transient, Outcome::RateLimited]),
        at_once_on: OutcomeSet::of(&[Outcome::RateLimited]),
    };

    fn spec(deployments: u8, strategy: Strategy) -> RouterSpec {
        RouterSpec {
            deployments,
            strategy,
            elsewhere_at_once: false,
            cooldown: Some(COOLDOWN),
        }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::seconds(seconds)
    }

    #[test]
    fn three_failures_in_a_minute_rest_for_five_seconds() {
        let (spec, mut router) = (spec(2, Strategy::First), Router::default());
        assert!(!router.record(&spec, at(0), 0, Outcome::Transient));
        assert!(!router.record(&spec, at(1), 0, Outcome::Transient));
        assert!(!router.record(&spec, at(2), 0, Outcome::Permanent));
        assert!(router.record(&spec, at(3), 0, Outcome::Transient));
        assert_eq!(router.choose(&spec, at(3), 0.0), Some(1));
        assert_eq!(router.choose(&spec, at(8), 0.0), Some(0));
    }

    #[test]
    fn a_window_that_is_over_does_not_count() {
        let (spec, mut router) = (spec(2, Strategy::First), Router::default());
        router.record(&spec, at(0), 0, Outcome::Transient);
        router.record(&spec, at(59), 0, Outcome::Transient);
        assert!(!router.record(&spec, at(60), 0, Outcome::Transient));
        assert!(!router.record(&spec, at(61), 0, Outcome::Transient));
        assert!(router.record(&spec, at(62), 0, Outcome::Transient));
    }

    #[test]
    fn one_429_is_enough_beside_others_only() {
        let (pair, one) = (spec(2, Strategy::First), spec(1, Strategy::First));
        let mut router = Router::default();
        assert!(!router.record(&one, at(0), 0, Outcome::RateLimited));
        assert!(router.record(&pair, at(0), 1, Outcome::RateLimited));
        assert!(router.record(&pair, at(0), 0, Outcome::RateLimited));
        assert_eq!(router.choose(&pair, at(1), 0.0), None);
    }

    #[test]
    fn more_than_half_of_five_calls_rest_beside_others_only() {
        let share = |deployments| RouterSpec {
            cooldown: Some(Cooldown {
                trips: Trips::Share(Share(500_000), 5),
                ..COOLDOWN
            }),
            ..spec(deployments, Strategy::First)
        };
        let (pair, one) = (share(2), share(1));
        let (mut router, mut alone) = (Router::default(), Router::default());
        let ends = [
            Outcome::Ok,
            Outcome::Transient,
            Outcome::Ok,
            Outcome::Transient,
        ];
        for end in ends {
            assert!(!router.record(&pair, at(0), 0, end));
            assert!(!alone.record(&one, at(0), 0, end));
        }
        // Three of five are 60 %.
        assert!(!alone.record(&one, at(1), 0, Outcome::Transient));
        assert!(router.record(&pair, at(1), 0, Outcome::Transient));
        assert_eq!(router.choose(&pair, at(1), 0.0), Some(1));
    }

    #[test]
    fn who_tries_again_waits_only_where_there_is_no_other_deployment() {
        let spec = |deployments| RouterSpec {
            elsewhere_at_once: true,
            ..spec(deployments, Strategy::First)
        };
        let (pair, one, mut router) = (spec(2), spec(1), Router::default());
        let wait = Some(Span::SECOND);
        assert_eq!(router.before_retry(&one, at(0), Span::SECOND), wait);
        router.record(&pair, at(0), 0, Outcome::RateLimited);
        let before = |router: &Router| router.before_retry(&pair, at(0), Span::SECOND);
        assert_eq!(before(&router), Some(Span::ZERO));
        router.record(&pair, at(0), 1, Outcome::RateLimited);
        assert_eq!(before(&router), None);
    }

    #[test]
    fn each_strategy_leaves_out_what_rests() {
        let mut router = Router::default();
        let round = spec(3, Strategy::RoundRobin);
        let chosen: Vec<_> = (0..4).map(|_| router.choose(&round, at(0), 0.0)).collect();
        assert_eq!(chosen, [Some(0), Some(1), Some(2), Some(0)]);
        router.record(&round, at(0), 1, Outcome::RateLimited);
        assert_eq!(router.choose(&round, at(0), 0.0), Some(2));
        let any = spec(3, Strategy::Shuffle);
        assert_eq!(router.choose(&any, at(0), 0.49), Some(0));
        assert_eq!(router.choose(&any, at(0), 0.51), Some(2));
    }

    #[test]
    fn only_a_choice_among_several_takes_luck() {
        assert!(spec(2, Strategy::Shuffle).draws());
        assert!(!spec(1, Strategy::Shuffle).draws());
        assert!(!spec(2, Strategy::First).draws());
        assert!(!spec(2, Strategy::RoundRobin).draws());
    }

    #[test]
    fn half_of_the_calls_are_not_more_than_half() {
        let spec = RouterSpec {
            cooldown: Some(Cooldown {
                trips: Trips::Share(Share(500_000), 5),
                ..COOLDOWN
            }),
            ..spec(2, Strategy::First)
        };
        let mut router = Router::default();
        for _ in 0..3 {
            router.record(&spec, at(0), 0, Outcome::Ok);
        }
        // One of four is too few calls; two of five, three of six, and at last four of seven.
        let rests = [(); 4].map(|()| router.record(&spec, at(1), 0, Outcome::Transient));
        assert_eq!(rests, [false, false, false, true]);
    }
}
