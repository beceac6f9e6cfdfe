//! The windows over which a breaker counts: the last calls, the last while, or everything.
//!
//! ```text
//! calls  │ok│ok│no│ok│…      a ring of calls, the oldest makes room
//! time   │7,1│9,0│8,4│…      a ring of buckets (calls, failures), the oldest are taken off the sums
//! ```
//!
//! A ring is made once, with its breaker, and the sums are kept beside it, so that a call costs the
//! same however long the window.

use crate::units::{Span, Time};

/// Which calls a breaker looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowSpec {
    /// All since it last closed.
    All,
    /// The last so many; at least 1.
    Calls(u32),
    /// Those of the last while, bucket by bucket.
    Time(Buckets),
}

/// How a window of time is cut into buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// How many, the one that is filling included; at least 1.
    pub count: u32,
    /// How long each is; at least a nanosecond.
    pub each: Span,
    /// When they begin.
    pub begin: Begin,
}

/// When the buckets of a window begin, and when the old ones are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the clock, at multiples of their length: a call is forgotten between `count - 1` and
    /// `count` lengths after it. Source: resilience4j 2.4, `SlidingTimeWindowMetrics` (epoch
    /// seconds); opossum 10.0.0, `lib/status.js` (an interval timer); Hystrix 1.5.18.
    Clock,
    /// With the first call after the one before has lasted its length; a bucket is forgotten
    /// `count` lengths after its beginning. Source: Polly 8.7.0, `RollingHealthMetrics`.
    Call,
    /// Likewise, but a bucket is forgotten only when `count` newer ones have begun, however long
    /// that takes: after an idle time the old calls still count.
    /// Source: cockatiel 4.0.0, `src/breaker/SamplingBreaker.ts`.
    CallInTurn,
}

/// Numbers of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow.
    pub slow: u32,
}

/// A window and what is in it.
#[derive(Debug)]
pub struct Window {
    ring: Ring,
    sums: Tally,
}

#[derive(Debug)]
enum Ring {
    All,
    Calls {
        /// What each call adds to `failed` (bit 0) and `slow` (bit 1).
        entries: Box<[u8]>,
        next: usize,
        filled: usize,
    },
    Time(TimeRing),
}

#[derive(Debug)]
struct TimeRing {
    spec: Buckets,
    buckets: Box<[Bucket]>,
    /// The bucket that is filling.
    head: usize,
    /// How many are in the window; the newest is `head`.
    filled: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    begin: Time,
    tally: Tally,
}

impl Tally {
    /// What one call adds that ended so.
    pub fn one(failed: bool, slow: bool) -> Tally {
        Tally {
            calls: 1,
            failed: u32::from(failed),
            slow: u32::from(slow),
        }
    }

    /// Adds `more`. A count of 2^32 calls stays there; no run has so many.
    pub fn add(&mut self, more: Tally) {
        self.calls = self.calls.saturating_add(more.calls);
        self.failed = self.failed.saturating_add(more.failed);
        self.slow = self.slow.saturating_add(more.slow);
    }

    fn take(&mut self, less: Tally) {
        self.calls -= less.calls;
        self.failed -= less.failed;
        self.slow -= less.slow;
    }
}

impl Window {
    /// An empty window; all its room is taken here.
    pub fn new(spec: WindowSpec) -> Window {
        let ring = match spec {
            WindowSpec::All => Ring::All,
            WindowSpec::Calls(n) => Ring::Calls {
                entries: vec![0; n as usize].into_boxed_slice(),
                next: 0,
                filled: 0,
            },
            WindowSpec::Time(spec) => Ring::Time(TimeRing {
                spec,
                buckets: vec![Bucket::default(); spec.count as usize].into_boxed_slice(),
                head: 0,
                filled: 0,
            }),
        };
        Window {
            ring,
            sums: Tally::default(),
        }
    }

    /// Forgets all calls.
    pub fn clear(&mut self) {
        self.sums = Tally::default();
        match &mut self.ring {
            Ring::All => {}
            Ring::Calls { filled, next, .. } => (*filled, *next) = (0, 0),
            Ring::Time(ring) => ring.filled = 0,
        }
    }

    /// Adds to the window, and forgets what is too old by then.
    pub fn add(&mut self, now: Time, more: Tally) {
        self.advance(now, |_| false);
        self.sums.add(more);
        match &mut self.ring {
            Ring::All => {}
            Ring::Calls {
                entries,
                next,
                filled,
            } => {
                if *filled == entries.len() {
                    let old = entries[*next];
                    self.sums.take(Tally::one(old & 1 != 0, old & 2 != 0));
                } else {
                    *filled += 1;
                }
                entries[*next] = (more.failed | more.slow << 1) as u8;
                *next = if *next + 1 == entries.len() {
                    0
                } else {
                    *next + 1
                };
            }
            Ring::Time(ring) => ring.buckets[ring.head].tally.add(more),
        }
    }

    /// What is in the window, as of the latest call of [`Window::add`] or [`Window::advance`].
    pub fn tally(&self) -> Tally {
        self.sums
    }

    /// Moves on to `now`. Whenever a bucket of a window that begins with the clock is full, `stop`
    /// is asked about the whole buckets in the window; where it says so, the way ends, and the
    /// instant is returned.
    pub fn advance(&mut self, now: Time, stop: impl Fn(&Tally) -> bool) -> Option<Time> {
        let Ring::Time(ring) = &mut self.ring else {
            return None;
        };
        match ring.spec.begin {
            Begin::Clock => ring.by_clock(now, &mut self.sums, stop),
            Begin::Call | Begin::CallInTurn => {
                ring.by_calls(now, &mut self.sums);
                None
            }
        }
    }
}

impl TimeRing {
    /// Begins the next bucket, in the place of the oldest if all are taken.
    fn begin(&mut self, begin: Time, sums: &mut Tally) {
        let most = self.buckets.len();
        if self.filled > 0 {
            self.head = if self.head + 1 == most {
                0
            } else {
                self.head + 1
            };
        }
        if self.filled == most {
            sums.take(self.buckets[self.head].tally);
        } else {
            self.filled += 1;
        }
        self.buckets[self.head] = Bucket {
            begin,
            tally: Tally::default(),
        };
    }

    fn by_clock(
        &mut self,
        now: Time,
        sums: &mut Tally,
        stop: impl Fn(&Tally) -> bool,
    ) -> Option<Time> {
        let each = self.spec.each.0;
        let here = Time(now.0 - now.0 % each);
        while self.filled > 0 && self.buckets[self.head].begin < here {
            let end = Time(self.buckets[self.head].begin.0 + each);
            if stop(sums) {
                return Some(end);
            }
            if *sums == Tally::default() {
                // Nothing is left to forget or to decide: straight to the present.
                self.filled = 0;
            } else {
                self.begin(end, sums);
            }
        }
        if self.filled == 0 {
            self.begin(here, sums);
        }
        None
    }

    fn by_calls(&mut self, now: Time, sums: &mut Tally) {
        let age = |bucket: &Bucket| now.since(bucket.begin);
        if self.filled == 0 || age(&self.buckets[self.head]) >= self.spec.each {
            self.begin(now, sums);
        }
        if self.spec.begin == Begin::CallInTurn {
            return;
        }
        let most = self.buckets.len();
        let window = self.spec.each.times(most as u64);
        while self.filled > 1 {
            let oldest = &self.buckets[(self.head + most + 1 - self.filled) % most];
            if age(oldest) < window {
                break;
            }
            sums.take(oldest.tally);
            self.filled -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const FAILED: Tally = Tally {
        calls: 1,
        failed: 1,
        slow: 0,
    };

    fn time(count: u32, begin: Begin) -> Window {
        Window::new(WindowSpec::Time(Buckets {
            count,
            each: Span(10),
            begin,
        }))
    }

    fn calls_at(window: &mut Window, at: u64) -> u32 {
        window.advance(Time(at), |_| false);
        window.tally().calls
    }

    /// A sequence without a pattern: the multiplicative generator of Park and Miller (1988).
    fn scattered() -> impl Iterator<Item = u64> {
        std::iter::successors(Some(1u64), |x| Some(x * 48_271 % 0x7FFF_FFFF))
    }

    #[test]
    fn the_last_calls_are_the_last_calls() {
        let mut window = Window::new(WindowSpec::Calls(7));
        let mut last = VecDeque::new();
        for (i, x) in scattered().take(500).enumerate() {
            let call = Tally::one(x % 3 == 0, x % 5 == 0);
            window.add(Time(i as u64), call);
            last.push_back(call);
            if last.len() > 7 {
                last.pop_front();
            }
            let mut sums = Tally::default();
            last.iter().for_each(|c| sums.add(*c));
            assert_eq!(window.tally(), sums);
        }
    }

    #[test]
    fn buckets_by_the_clock_are_those_of_the_last_whole_lengths() {
        let mut window = time(5, Begin::Clock);
        let mut all = vec![];
        let mut now = 3;
        for x in scattered().take(500) {
            now += x % 23;
            window.add(Time(now), Tally::one(x % 3 == 0, false));
            all.push((now / 10, x % 3 == 0));
            let live = all.iter().filter(|(bucket, _)| bucket + 5 > now / 10);
            let mut sums = Tally::default();
            live.for_each(|(_, failed)| sums.add(Tally::one(*failed, false)));
            assert_eq!(window.tally(), sums, "{now}");
        }
    }

    #[test]
    fn buckets_that_begin_with_a_call_are_forgotten_by_age() {
        let mut window = time(3, Begin::Call);
        window.add(Time(5), FAILED); // 5..15
        window.add(Time(14), FAILED);
        window.add(Time(22), FAILED); // 22..32
        assert_eq!(calls_at(&mut window, 34), 3);
        assert_eq!(calls_at(&mut window, 35), 1);
        assert_eq!(calls_at(&mut window, 52), 0);
    }

    #[test]
    fn an_idle_time_forgets_several_buckets_at_once() {
        let mut window = time(3, Begin::Call);
        window.add(Time(5), FAILED); // until 35
        window.add(Time(16), FAILED); // until 46
        assert_eq!(calls_at(&mut window, 46), 0);
    }

    #[test]
    fn buckets_in_turn_outlast_an_idle_time() {
        let mut window = time(3, Begin::CallInTurn);
        window.add(Time(5), FAILED);
        window.add(Time(900), FAILED);
        window.add(Time(9_000), FAILED);
        assert_eq!(window.tally().calls, 3);
        window.add(Time(9_010), FAILED);
        assert_eq!(window.tally().calls, 3);
    }

    #[test]
    fn a_full_bucket_is_asked_about_once_even_if_nobody_came() {
        // Three successes in 0..10, three failures in 30..40: once the first bucket is forgotten at
        // 50 all that remains has failed, though nobody calls then.
        let mut window = time(5, Begin::Clock);
        for at in [1, 2, 3] {
            window.add(Time(at), Tally::one(false, false));
        }
        for at in [31, 32, 33] {
            window.add(Time(at), FAILED);
        }
        let all_failed = |t: &Tally| t.calls >= 3 && t.failed == t.calls;
        assert_eq!(window.advance(Time(49), all_failed), None);
        assert_eq!(window.advance(Time(500), all_failed), Some(Time(60)));
    }

    #[test]
    fn a_cleared_window_begins_anew() {
        for spec in [
            WindowSpec::All,
            WindowSpec::Calls(2),
            WindowSpec::Time(Buckets {
                count: 2,
                each: Span(10),
                begin: Begin::Clock,
            }),
        ] {
            let mut window = Window::new(spec);
            window.add(Time(1), FAILED);
            window.add(Time(2), FAILED);
            window.clear();
            window.add(Time(3), Tally::one(false, true));
            assert_eq!(window.tally(), Tally::one(false, true));
        }
    }
}
