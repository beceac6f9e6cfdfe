//! AWS's adaptive client rate limit: off until the target throttles, then a token bucket whose rate
//! grows along a cubic curve.
//!
//! Who finds too few tokens waits and asks again, because the rate may have changed meanwhile.

use crate::random::math;
use crate::units::{Span, Time};
use crate::wire::{Outcome, OutcomeSet};

/// An adaptive client rate limit as the scenario describes it.
///
/// Once a reply was in `on`, each call takes a token and waits for it. Each reply sets the rate at
/// which tokens come \[1/s\], with `measured` the rate of replies so far:
///
/// - in `on`: the rate so far w = min(`measured`, rate) (w = `measured` the first time) is kept as
///   the highest, and the rate becomes 0.7 w;
/// - otherwise: 0.4 (t - k)³ + w, t seconds after the last of those, k = ∛(0.3 w / 0.4); CUBIC, as
///   of TCP: fast back to w, slow around it, fast beyond it;
/// - at most twice `measured`, at least one token in two seconds. The bucket holds a second's tokens,
///   at least one.
///
/// `measured` is taken in half seconds, beginning with the clock, and smoothed: 0.8 of the newest.
///
/// Source: botocore 1.43.127 and 1.44.5, retries/adaptive.py, bucket.py and throttling.py, whose
/// constants cannot be set there either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveLimitSpec {
    /// Which outcomes say that the target throttles.
    pub on: OutcomeSet,
}

/// What an adaptive client rate limit remembers. `T` names a waiter.
#[derive(Clone, Debug)]
pub struct AdaptiveLimit<T> {
    state: Option<Pace>,
    /// Who waits for a token, or has waited.
    line: std::collections::VecDeque<T>,
}

/// The rate and what it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    enabled: bool,
    curve: Cubic,
    clocker: Clocker,
    bucket: Bucket,
}

/// The cubic curve.
#[derive(Clone, Copy, Debug)]
pub struct Cubic {
    /// The rate at which it was throttled last \[1/s\].
    pub highest: f64,
    /// When it was.
    pub since: Time,
}

/// The measured rate of replies.
#[derive(Clone, Copy, Debug)]
struct Clocker {
    rate: f64,
    count: u32,
    /// When the half second began that is counted.
    from: Time,
}

/// Tokens.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// How fast they come \[1/s\].
    rate: f64,
    most: f64,
    left: f64,
    filled: Time,
}

impl<T> Default for AdaptiveLimit<T> {
    fn default() -> AdaptiveLimit<T> {
        AdaptiveLimit {
            state: None,
            line: std::collections::VecDeque::new(),
        }
    }
}

impl AdaptiveLimitSpec {
    /// What throttles unless the scenario says otherwise.
    pub const DEFAULT_ON: OutcomeSet = OutcomeSet::of(&[Outcome::RateLimited]);
}

impl<T: Copy> AdaptiveLimit<T> {
    /// How long a call that comes now must wait before it asks again; with zero it has its token.
    pub fn ask(&mut self, now: Time) -> Span {
        let pace = self.state.get_or_insert_with(|| Pace::new(now));
        if pace.enabled {
            pace.bucket.take(now)
        } else {
            Span::ZERO
        }
    }

    /// Notes that `who` waits. Those of the line for whom `still_waits` does not hold are forgotten
    /// as they come to its head.
    pub fn wait(&mut self, who: T, still_waits: impl Fn(T) -> bool) {
        while self.line.front().is_some_and(|w| !still_waits(*w)) {
            self.line.pop_front();
        }
        self.line.push_back(who);
    }

    /// Hears a reply, which sets the rate. Who has waited longest is returned: it asks again at once.
    pub fn heard(
        &mut self,
        spec: &AdaptiveLimitSpec,
        now: Time,
        outcome: Outcome,
        still_waits: impl Fn(T) -> bool,
    ) -> Option<T> {
        if outcome.is_local() {
            return None;
        }
        let pace = self.state.get_or_insert_with(|| Pace::new(now));
        pace.heard(now, spec.on.has(outcome));
        while let Some(who) = self.line.pop_front() {
            if still_waits(who) {
                return Some(who);
            }
        }
        None
    }

    /// Measured rate \[1/s\], rate of tokens \[1/s\] and tokens left.
    pub fn gauges(&self) -> (f64, f64, f64) {
        self.state.map_or((0.0, 0.0, 0.0), |pace| {
            (pace.clocker.rate, pace.bucket.rate, pace.bucket.left)
        })
    }
}

impl Pace {
    fn new(now: Time) -> Pace {
        Pace {
            enabled: false,
            curve: Cubic {
                highest: 0.0,
                since: now,
            },
            clocker: Clocker {
                rate: 0.0,
                count: 0,
                from: Time(now.0 - now.0 % Span::SECOND.0),
            },
            bucket: Bucket {
                rate: 1.0,
                most: 1.0,
                left: 0.0,
                filled: now,
            },
        }
    }

    fn heard(&mut self, now: Time, throttled: bool) {
        /// How far above the measured rate it may go.
        const ABOVE: f64 = 2.0;
        let measured = self.clocker.record(now);
        let rate = if throttled {
            let rate = match self.enabled {
                true => measured.min(self.bucket.rate),
                false => measured,
            };
            self.enabled = true;
            self.curve.throttled(rate, now)
        } else {
            self.curve.rate(now)
        };
        self.bucket.set_rate(rate.min(ABOVE * measured), now);
    }
}

impl Cubic {
    const SCALE: f64 = 0.4;
    const BETA: f64 = 0.7;

    /// The rate now \[1/s\], if nothing throttles.
    pub fn rate(&self, now: Time) -> f64 {
        let k = math::pow(self.highest * (1.0 - Cubic::BETA) / Cubic::SCALE, 1.0 / 3.0);
        let t = now.since(self.since).as_seconds() - k;
        Cubic::SCALE * (t * t * t) + self.highest
    }

    /// The rate after it was throttled at `rate` \[1/s\].
    pub fn throttled(&mut self, rate: f64, now: Time) -> f64 {
        *self = Cubic {
            highest: rate,
            since: now,
        };
        rate * Cubic::BETA
    }
}

impl Clocker {
    fn record(&mut self, now: Time) -> f64 {
        const BUCKET: u64 = Span::SECOND.0 / 2;
        const SMOOTHING: f64 = 0.8;
        self.count += 1;
        let from = Time(now.0 - now.0 % BUCKET);
        if from > self.from {
            let newest = f64::from(self.count) / from.since(self.from).as_seconds();
            self.rate = newest * SMOOTHING + self.rate * (1.0 - SMOOTHING);
            self.count = 0;
            self.from = from;
        }
        self.rate
    }
}

impl Bucket {
    /// The slowest rate \[1/s\].
    const LEAST: f64 = 0.5;

    fn fill(&mut self, now: Time) {
        let more = now.since(self.filled).as_seconds() * self.rate;
        self.left = (self.left + more).min(self.most);
        self.filled = now;
    }

    fn set_rate(&mut self, rate: f64, now: Time) {
        self.fill(now);
        self.rate = rate.max(Bucket::LEAST);
        self.most = rate.max(1.0);
        self.left = self.left.min(self.most);
    }

    /// Takes a token, or says how long until there is one, should nobody else take it.
    fn take(&mut self, now: Time) -> Span {
        self.fill(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Span::ZERO;
        }
        let seconds = (1.0 - self.left) / self.rate;
        Span::from_nanos_f64((seconds * 1e9).ceil()).max(Span(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: AdaptiveLimitSpec = AdaptiveLimitSpec {
        on: AdaptiveLimitSpec::DEFAULT_ON,
    };

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::millis(millis)
    }

    #[test]
    fn it_is_off_until_it_is_throttled() {
        let mut limit = AdaptiveLimit::<u32>::default();
        for i in 0..100 {
            assert_eq!(limit.ask(at(i)), Span::ZERO);
            assert_eq!(limit.heard(&SPEC, at(i), Outcome::Ok, |_| true), None);
        }
        limit.heard(&SPEC, at(100), Outcome::RateLimited, |_| true);
        // Less than half a second measured: nothing, so the slowest rate, and next to no token yet.
        let (measured, rate, left) = limit.gauges();
        assert_eq!((measured, rate), (0.0, 0.5));
        let wait = limit.ask(at(100)).as_seconds();
        assert!((wait - (1.0 - left) / 0.5).abs() < 1e-8, "{wait}");
    }

    #[test]
    fn replies_that_never_came_are_not_heard() {
        let mut limit = AdaptiveLimit::<u32>::default();
        let spec = AdaptiveLimitSpec {
            on: OutcomeSet::of(&[Outcome::Rejected]),
        };
        limit.heard(&spec, at(0), Outcome::Rejected, |_| true);
        assert_eq!(limit.ask(at(0)), Span::ZERO);
    }

    #[test]
    fn a_reply_calls_the_first_who_still_waits() {
        let mut limit = AdaptiveLimit::default();
        for who in ['a', 'b', 'c'] {
            limit.wait(who, |_| true);
        }
        let heard = |limit: &mut AdaptiveLimit<char>| {
            limit.heard(&SPEC, at(0), Outcome::Ok, |who| who != 'a')
        };
        assert_eq!(heard(&mut limit), Some('b'));
        assert_eq!(heard(&mut limit), Some('c'));
        assert_eq!(heard(&mut limit), None);
    }

    #[test]
    fn who_waits_as_told_has_its_token() {
        let mut limit = AdaptiveLimit::<u32>::default();
        limit.heard(&SPEC, at(0), Outcome::RateLimited, |_| true);
        // Half a token a second, none there: two seconds.
        assert_eq!(limit.ask(at(0)), Span::seconds(2));
        assert_eq!(limit.ask(at(500)), Span::millis(1500));
        assert_eq!(limit.ask(at(2000)), Span::ZERO);
        assert_eq!(limit.ask(at(2000)), Span::seconds(2));
    }

    #[test]
    fn the_curve_is_cubic_and_centred_where_it_was_throttled() {
        // k is the cube root of 0.3·10/0.4 = 7.5, 1.957434 s: 0.7·10 at first, 10 at k, 13 at 2k.
        let mut curve = Cubic {
            highest: 0.0,
            since: Time::ZERO,
        };
        let begun = Time(5_000_000_000);
        assert_eq!(curve.throttled(10.0, begun), 7.0);
        let k = 1.957_433_820_584_431_7;
        for (seconds, rate) in [
            (0.0, 7.0),
            (1.0, 9.648_936_009_66),
            (k, 10.0),
            (2.0 * k, 13.0),
            (4.0, 13.408_697_022_224),
        ] {
            let at = begun + Span::from_nanos_f64(seconds * 1e9);
            assert!((curve.rate(at) - rate).abs() < 1e-8, "after {seconds} s");
        }
    }

    #[test]
    fn replies_set_the_rate_by_hand() {
        let mut limit = AdaptiveLimit::<u32>::default();
        let mut heard = |millis, outcome| {
            limit.heard(&SPEC, at(millis), outcome, |_| true);
            limit.gauges()
        };
        let near = |(measured, rate, _): (f64, f64, f64), expected: (f64, f64)| {
            let off = (measured - expected.0).abs().max((rate - expected.1).abs());
            assert!(off < 1e-9, "{measured} and {rate}, not {expected:?}");
        };
        for millis in [0, 100, 200, 300, 400] {
            near(heard(millis, Outcome::Ok), (0.0, 0.5));
        }
        // Six replies in half a second are 12/s, of which 0.8 count; 0.7 of that remains.
        near(heard(500, Outcome::RateLimited), (9.6, 6.72));
        // 0.4·(0.1 - ∛7.2)³ + 9.6.
        near(heard(600, Outcome::Ok), (9.6, 7.144_669_735_626_82));
        // Two replies in ten seconds: 0.8·0.2 + 0.2·9.6; the curve is far above twice as much.
        near(heard(10_500, Outcome::Ok), (2.08, 4.16));
        // The measured rate is the lower one, then that of the tokens is.
        near(heard(10_600, Outcome::RateLimited), (2.08, 1.456));
        near(heard(10_600, Outcome::RateLimited), (2.08, 1.0192));
    }
}
