//! Retry: whether to try again, and after how long.

use super::{Backoff, BackoffKind};
use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet, Reply};

/// A retry layer as the scenario describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySpec {
    /// How many attempts in all, the first included; `None` is any number.
    pub attempts: Option<u32>,
    /// How long to wait between them.
    pub backoff: Backoff,
    /// Which outcomes are tried again.
    pub on: OutcomeSet,
    /// What is done with a server's `Retry-After`.
    pub retry_after: RetryAfterRule,
    /// The longest `Retry-After` that is accepted, and what happens to a longer one.
    pub longest_retry_after: Option<(Span, WhenTooLong)>,
    /// No attempt begins later than this after the first one began.
    pub deadline: Option<Span>,
    /// Tokens that each retry after `invalid` adds to the prompt of the call.
    pub grow_prompt: u32,
}

/// What a retry layer does with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfterRule {
    /// Nothing: it backs off as ever.
    Ignore,
    /// It waits exactly so long, in place of its backoff.
    Honor,
    /// It waits so long and this much more.
    HonorPlus(Span),
}

/// What a retry layer does when told to wait longer than it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenTooLong {
    /// It gives up at once.
    GiveUp,
    /// It backs off as if it had not been told.
    Backoff,
    /// It waits for the longest time that it accepts.
    Cap,
}

/// What a retry layer remembers between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryState {
    /// Attempts begun.
    pub attempts: u32,
    /// When the first one began.
    pub begun: Time,
    /// When the latest one began.
    pub latest: Time,
    /// The last backoff.
    pub previous: Span,
}

/// What a retry layer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The outcome stands.
    GiveUp,
    /// Try again after so long.
    RetryAfter(Span),
}

impl RetrySpec {
    /// What is tried again unless the scenario says otherwise: whatever may pass.
    pub const DEFAULT_ON: OutcomeSet = OutcomeSet::of(&[
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
        Outcome::Invalid,
    ]);
    /// What `on: any` means: everything but success and a spent budget, which must be named.
    pub const ANY: OutcomeSet = OutcomeSet::of(&[
        Outcome::Transient,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Timeout,
        Outcome::Invalid,
        Outcome::Permanent,
        Outcome::ContextOverflow,
        Outcome::CircuitOpen,
        Outcome::Rejected,
    ]);
    /// The least time from one attempt's begin to the next one's.
    ///
    /// A loop without delay around something that fails in no time (an open breaker, a tool of zero
    /// latency) would spin for ever at one instant. Our assumption: a real hot loop turns about
    /// once a millisecond.
    pub const LEAST_PERIOD: Span = Span::MILLISECOND;

    /// Decides after an attempt that ended now with `reply`; `u` in \[0, 1) is the jitter's luck.
    ///
    /// A decision to retry is remembered in `state`; whoever enforces a retry budget asks it
    /// afterwards, and an outcome that then stands needs no more of this state.
    #[inline]
    pub fn decide(&self, state: &mut RetryState, now: Time, reply: Reply, u: f64) -> Decision {
        if !self.on.has(reply.outcome) || self.attempts.is_some_and(|n| state.attempts >= n) {
            return Decision::GiveUp;
        }
        let Some(told) = self.told(reply) else {
            return Decision::GiveUp;
        };
        let delay = match told {
            Some(delay) => delay,
            None => {
                state.previous = self.backoff.delay(state.attempts, state.previous, u);
                state.previous
            }
        };
        let earliest = state.latest + Self::LEAST_PERIOD;
        let delay = delay.max(earliest.since(now));
        if (self.deadline).is_some_and(|d| (now + delay).since(state.begun) > d) {
            return Decision::GiveUp;
        }
        Decision::RetryAfter(delay)
    }

    /// The delay that the server's `Retry-After` asks for: `Some(None)` where it does not matter,
    /// `None` where this layer gives up over it.
    fn told(&self, reply: Reply) -> Option<Option<Span>> {
        let extra = match self.retry_after {
            RetryAfterRule::Ignore => return Some(None),
            RetryAfterRule::Honor => Span::ZERO,
            RetryAfterRule::HonorPlus(extra) => extra,
        };
        let Some(asked) = reply.retry_after else {
            return Some(None);
        };
        match self.longest_retry_after {
            Some((longest, rule)) if asked > longest => match rule {
                WhenTooLong::GiveUp => None,
                WhenTooLong::Backoff => Some(None),
                WhenTooLong::Cap => Some(Some(longest + extra)),
            },
            _ => Some(Some(asked + extra)),
        }
    }
}

impl RetryState {
    /// The state at the begin of the first attempt.
    pub fn begin(now: Time) -> RetryState {
        RetryState {
            attempts: 1,
            begun: now,
            latest: now,
            previous: Span::ZERO,
        }
    }

    /// Notes that another attempt begins.
    pub fn again(&mut self, now: Time) {
        self.attempts = self.attempts.saturating_add(1);
        self.latest = now;
    }
}

impl Default for RetrySpec {
    /// One attempt, which is no retry at all: attempts and delay are the scenario's to say.
    fn default() -> RetrySpec {
        RetrySpec {
            attempts: Some(1),
            backoff: Backoff {
                kind: BackoffKind::Fixed { delay: Span::ZERO },
                ..Backoff::NONE
            },
            on: RetrySpec::DEFAULT_ON,
            retry_after: RetryAfterRule::Honor,
            longest_retry_after: None,
            deadline: None,
            grow_prompt: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RetrySpec {
        RetrySpec {
            attempts: Some(3),
            backoff: Backoff {
                kind: BackoffKind::Exponential {
                    base: Span::SECOND,
                    factor: 2.0,
                },
                ..Backoff::NONE
            },
            ..RetrySpec::default()
        }
    }

    fn told(seconds: u64) -> Reply {
        Reply {
            outcome: Outcome::RateLimited,
            retry_after: Some(Span::seconds(seconds)),
        }
    }

    const FAILED: Reply = Reply::of(Outcome::Transient);

    #[test]
    fn three_attempts_are_two_retries() {
        let spec = spec();
        let mut state = RetryState::begin(Time::ZERO);
        let mut now = Time::ZERO;
        let mut waits = vec![];
        while let Decision::RetryAfter(wait) = spec.decide(&mut state, now, FAILED, 0.0) {
            waits.push(wait);
            now += wait;
            state.again(now);
        }
        assert_eq!(waits, [Span::seconds(1), Span::seconds(2)]);
    }

    #[test]
    fn only_what_is_listed_is_tried_again() {
        let mut state = RetryState::begin(Time::ZERO);
        for outcome in [Outcome::Permanent, Outcome::BudgetExceeded, Outcome::Ok] {
            let decision = spec().decide(&mut state, Time(1), Reply::of(outcome), 0.0);
            assert_eq!(decision, Decision::GiveUp, "{outcome:?}");
        }
    }

    #[test]
    fn retry_after_replaces_the_backoff() {
        let mut state = RetryState::begin(Time::ZERO);
        let mut spec = spec();
        let wait =
            |spec: &RetrySpec, state: &mut RetryState| spec.decide(state, Time(1), told(7), 0.0);
        assert_eq!(
            wait(&spec, &mut state),
            Decision::RetryAfter(Span::seconds(7))
        );
        spec.retry_after = RetryAfterRule::HonorPlus(Span::SECOND);
        assert_eq!(
            wait(&spec, &mut state),
            Decision::RetryAfter(Span::seconds(8))
        );
        spec.retry_after = RetryAfterRule::Ignore;
        assert_eq!(
            wait(&spec, &mut state),
            Decision::RetryAfter(Span::seconds(1))
        );
    }

    #[test]
    fn a_retry_after_that_is_too_long_has_three_endings() {
        for (rule, decision) in [
            (WhenTooLong::GiveUp, Decision::GiveUp),
            (WhenTooLong::Backoff, Decision::RetryAfter(Span::seconds(1))),
            (WhenTooLong::Cap, Decision::RetryAfter(Span::seconds(60))),
        ] {
            let mut spec = spec();
            spec.longest_retry_after = Some((Span::seconds(60), rule));
            let mut state = RetryState::begin(Time::ZERO);
            assert_eq!(spec.decide(&mut state, Time(1), told(90), 0.0), decision);
        }
    }

    #[test]
    fn no_attempt_begins_after_the_deadline() {
        let mut spec = spec();
        spec.deadline = Some(Span::seconds(1));
        let mut state = RetryState::begin(Time::ZERO);
        assert_eq!(
            spec.decide(&mut state, Time::ZERO, FAILED, 0.0),
            Decision::RetryAfter(Span::SECOND)
        );
        assert_eq!(
            spec.decide(&mut state, Time(1), FAILED, 0.0),
            Decision::GiveUp
        );
    }

    #[test]
    fn a_hot_loop_turns_once_a_millisecond() {
        let mut spec = RetrySpec {
            attempts: None,
            ..RetrySpec::default()
        };
        spec.on = RetrySpec::ANY;
        let mut state = RetryState::begin(Time::ZERO);
        let refused = Reply::of(Outcome::CircuitOpen);
        assert_eq!(
            spec.decide(&mut state, Time::ZERO, refused, 0.0),
            Decision::RetryAfter(Span::MILLISECOND)
        );
        assert_eq!(
            spec.decide(&mut state, Time(60_000_000), FAILED, 0.0),
            Decision::RetryAfter(Span::ZERO)
        );
    }
}
