//! Retry: whether to try again, and after how long.

use super::{Backoff, HeaderRules, Predicate, RetryAfterRule, Told, WaitLimit};
use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet, Reply};

/// A retry layer as the scenario describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySpec {
    /// How many attempts in all, the first included; `None` is any number.
    pub attempts: Option<u32>,
    /// How long to wait between them.
    pub backoff: Backoff,
    /// How long to wait after `rate_limited`, where that is another backoff.
    ///
    /// Source: botocore 1.44, `standard` mode (1 s in place of 50 ms).
    pub throttled: Option<Backoff>,
    /// Which replies are tried again.
    pub when: Predicate,
    /// What is done with a server's `Retry-After`.
    pub headers: HeaderRules,
    /// No attempt begins later than this after the first one began.
    pub deadline: Option<Span>,
    /// An attempt that ends so long after the first one began, or later, was the last.
    ///
    /// Source: tenacity 9.2.1, `stop_after_delay`.
    pub give_up_after: Option<Span>,
    /// What bounds its waits together.
    pub wait_limit: Option<WaitLimit>,
    /// Whether the backoff begins anew after a wait that a server asked for.
    ///
    /// Source: gRFC A6, pushback.
    pub restarts: bool,
    /// Whether it tries again only within the first attempt of the retry layer next outside it in its
    /// list.
    ///
    /// Source: LiteLLM 1.106, `main.completion_with_retries`; openai-agents 0.20, `models/retry.py`
    /// (later calls tell the SDK to retry nothing).
    pub only_in_first: bool,
    /// Whether it waits once more after its last attempt, for nothing, before the outcome stands.
    ///
    /// Source: LiteLLM 1.106, `Router.async_function_with_retries`.
    pub waits_after_last: bool,
    /// Tokens that each retry after `invalid` adds to the prompt of the call.
    pub grow_prompt: u32,
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
    /// What the backoff remembers.
    pub memory: Span,
    /// All waits so far, where something bounds them together.
    pub waited: Span,
    /// The attempts after which the backoff began anew; 0 if it never did.
    pub restarted: u32,
}

/// What a retry layer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The outcome stands.
    GiveUp,
    /// Try again after so long.
    RetryAfter(Span),
    /// The outcome stands, but only after so long.
    GiveUpAfter(Span),
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
        let told = self.headers.told(&reply);
        let last = self.attempts.is_some_and(|n| state.attempts >= n);
        let waits = self.waits_after_last && state.attempts > 1;
        if (last && !waits)
            || told == Told::GiveUp
            || !self.when.wants(&reply, self.headers.hears(&reply))
            || self
                .give_up_after
                .is_some_and(|d| now.since(state.begun) >= d)
        {
            return Decision::GiveUp;
        }
        let delay = match told {
            Told::Wait(asked) => match self.headers.rule {
                RetryAfterRule::Within(_) => {
                    let backoff = self.backed_off(state, &reply, u);
                    self.headers.wait(asked, backoff, u)
                }
                _ => {
                    if self.restarts {
                        (state.restarted, state.memory) = (state.attempts, Span::ZERO);
                    }
                    self.headers.wait(asked, Span::ZERO, u)
                }
            },
            Told::WaitIfShorter(asked) => {
                let backoff = self.backed_off(state, &reply, u);
                asked.min(backoff)
            }
            Told::Nothing | Told::GiveUp => self.backed_off(state, &reply, u),
        };
        let delay = match self.wait_limit {
            None => delay,
            Some(limit) => match limit.grants(state, delay) {
                Some(granted) => granted,
                None => return Decision::GiveUp,
            },
        };
        let earliest = state.latest + Self::LEAST_PERIOD;
        let delay = delay.max(earliest.since(now));
        if (self.deadline).is_some_and(|d| (now + delay).since(state.begun) > d) {
            return Decision::GiveUp;
        }
        match last {
            true => Decision::GiveUpAfter(delay),
            false => Decision::RetryAfter(delay),
        }
    }

    #[inline]
    fn backed_off(&self, state: &mut RetryState, reply: &Reply, u: f64) -> Span {
        let backoff = self.backoff_after(reply);
        backoff.delay(state.attempts - state.restarted, &mut state.memory, u)
    }

    #[inline]
    fn backoff_after(&self, reply: &Reply) -> &Backoff {
        match &self.throttled {
            Some(throttled) if reply.outcome == Outcome::RateLimited => throttled,
            _ => &self.backoff,
        }
    }

    /// Whether the decision after this reply depends on luck.
    #[inline]
    pub fn draws(&self, reply: &Reply) -> bool {
        if self.headers.replace_backoff(reply) {
            self.headers.draws()
        } else {
            self.backoff_after(reply).draws()
        }
    }

    /// Whether a decision depends on earlier delays.
    pub fn remembers_delay(&self) -> bool {
        self.backoff.remembers() || self.throttled.as_ref().is_some_and(Backoff::remembers)
    }

    /// Whether a decision depends on when the first attempt began.
    pub fn remembers_begin(&self) -> bool {
        self.deadline.is_some()
            || self.give_up_after.is_some()
            || matches!(self.wait_limit, Some(WaitLimit::LastBegin(_)))
    }

    /// Whether a decision depends on what few layers remember: the sum of all waits, or when the
    /// backoff began anew.
    #[inline]
    pub fn remembers_more(&self) -> bool {
        self.restarts || self.sums_waits()
    }

    /// Whether a decision depends on the sum of all waits.
    #[inline]
    pub fn sums_waits(&self) -> bool {
        matches!(self.wait_limit, Some(WaitLimit::Total(_)))
    }
}

impl RetryState {
    /// The state at the begin of the first attempt.
    pub fn begin(now: Time) -> RetryState {
        RetryState::after(1, now)
    }

    /// The state of a layer that remembers no more than this: so many attempts have begun, the latest
    /// then.
    pub fn after(attempts: u32, latest: Time) -> RetryState {
        RetryState {
            attempts,
            begun: latest,
            latest,
            memory: Span::ZERO,
            waited: Span::ZERO,
            restarted: 0,
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
            backoff: Backoff::NONE,
            throttled: None,
            when: Predicate::by_outcome(RetrySpec::DEFAULT_ON),
            headers: HeaderRules::HONOR,
            deadline: None,
            give_up_after: None,
            wait_limit: None,
            restarts: false,
            only_in_first: false,
            waits_after_last: false,
            grow_prompt: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BackoffKind, WhenTooLong};
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
        Reply::of(Outcome::RateLimited).asking(Some(Span::seconds(seconds)))
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
            assert!(waits.len() < 9, "{waits:?}");
            now += wait;
            state.again(now);
        }
        assert_eq!(waits, [Span::seconds(1), Span::seconds(2)]);
    }

    #[test]
    fn a_wait_after_the_last_attempt_leads_to_nothing() {
        let spec = RetrySpec {
            waits_after_last: true,
            ..spec()
        };
        let mut state = RetryState::begin(Time::ZERO);
        let decide = |state: &mut RetryState| spec.decide(state, Time(1), FAILED, 0.0);
        for waited in [1, 2] {
            let wait = Decision::RetryAfter(Span::seconds(waited));
            assert_eq!(decide(&mut state), wait);
            state.again(Time(1));
        }
        let wait = Decision::GiveUpAfter(Span::seconds(4));
        assert_eq!(decide(&mut state), wait);
        // Who may try only once does not wait.
        let once = RetrySpec {
            attempts: Some(1),
            ..spec
        };
        let mut state = RetryState::begin(Time::ZERO);
        let decision = once.decide(&mut state, Time(1), FAILED, 0.0);
        assert_eq!(decision, Decision::GiveUp);
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
        spec.headers.rule = RetryAfterRule::HonorPlus(Span::SECOND);
        assert_eq!(
            wait(&spec, &mut state),
            Decision::RetryAfter(Span::seconds(8))
        );
        spec.headers.rule = RetryAfterRule::Ignore;
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
            spec.headers.longest = Some((Span::seconds(60), rule));
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
        spec.when.on = RetrySpec::ANY;
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

    #[test]
    fn rate_limited_replies_may_have_a_backoff_of_their_own() {
        let spec = RetrySpec {
            throttled: Some(Backoff {
                kind: BackoffKind::Fixed {
                    delay: Span::seconds(9),
                },
                ..Backoff::NONE
            }),
            ..spec()
        };
        let mut state = RetryState::begin(Time::ZERO);
        let mut wait = |reply| spec.decide(&mut state, Time(1), reply, 0.0);
        assert_eq!(wait(FAILED), Decision::RetryAfter(Span::seconds(1)));
        let limited = Reply::of(Outcome::RateLimited);
        assert_eq!(wait(limited), Decision::RetryAfter(Span::seconds(9)));
    }

    #[test]
    fn an_attempt_that_ends_late_was_the_last() {
        let spec = RetrySpec {
            give_up_after: Some(Span::seconds(5)),
            ..spec()
        };
        let mut state = RetryState::begin(Time::ZERO);
        let before = Time::ZERO + Span::millis(4_999);
        assert_eq!(
            spec.decide(&mut state, before, FAILED, 0.0),
            Decision::RetryAfter(Span::SECOND)
        );
        let after = Time::ZERO + Span::seconds(5);
        assert_eq!(
            spec.decide(&mut state, after, FAILED, 0.0),
            Decision::GiveUp
        );
    }

    #[test]
    fn a_backoff_may_begin_anew_after_a_wait_that_was_asked_for() {
        let waits = |restarts| {
            let spec = RetrySpec {
                attempts: Some(9),
                restarts,
                ..spec()
            };
            let mut state = RetryState::begin(Time::ZERO);
            let replies = [FAILED, FAILED, told(7), FAILED, FAILED];
            replies.map(|reply| {
                let Decision::RetryAfter(wait) = spec.decide(&mut state, Time(1), reply, 0.0)
                else {
                    panic!("{reply:?}");
                };
                state.again(Time(1));
                wait.0 / 1_000_000_000
            })
        };
        assert_eq!(waits(true), [1, 2, 7, 1, 2]);
        assert_eq!(waits(false), [1, 2, 7, 8, 16]);
    }

    #[test]
    fn a_header_above_the_limit_counts_where_the_backoff_is_longer() {
        let mut spec = spec();
        spec.headers.longest = Some((Span::SECOND, WhenTooLong::Shorter));
        let mut state = RetryState::begin(Time::ZERO);
        let reply = told(1).asking(Some(Span::millis(1500)));
        let mut wait = |attempts| {
            state.attempts = attempts;
            spec.decide(&mut state, Time(1), reply, 0.0)
        };
        assert_eq!(wait(1), Decision::RetryAfter(Span::SECOND));
        assert_eq!(wait(2), Decision::RetryAfter(Span::millis(1500)));
    }

    #[test]
    fn a_header_within_bounds_is_held_against_the_backoff() {
        let mut spec = spec();
        spec.headers.rule = RetryAfterRule::Within(Span::seconds(5));
        let wait = |asked| {
            let mut state = RetryState::begin(Time::ZERO);
            spec.decide(&mut state, Time(1), asked, 0.0)
        };
        // The backoff is a second: that at least, and at most five more.
        assert_eq!(wait(told(20)), Decision::RetryAfter(Span::seconds(6)));
        assert_eq!(wait(told(3)), Decision::RetryAfter(Span::seconds(3)));
        let soon = told(1).asking(Some(Span::millis(500)));
        assert_eq!(wait(soon), Decision::RetryAfter(Span::SECOND));
    }
}
