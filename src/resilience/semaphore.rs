//! Concurrency: at most so many at once, the others wait in line or are refused.

use std::collections::VecDeque;

use super::aimd::{AimdSpec, Sample};
use crate::units::Span;

/// A semaphore as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemaphoreSpec {
    /// How many slots, at least 1; with `aimd`, at first.
    pub max: u32,
    /// How their number moves, if it does.
    pub aimd: Option<AimdSpec>,
    /// How many may wait; `None` is any number, 0 refuses at once.
    pub queue: Option<u32>,
    /// How long one waits before it gives up; zero refuses at once.
    pub longest_wait: Span,
}

/// Slots and the line before them. `T` names a waiter.
#[derive(Clone, Debug)]
pub struct Semaphore<T> {
    held: u32,
    /// How many slots there are, once their number has moved.
    limit: Option<u32>,
    line: VecDeque<T>,
    /// Waiters still in `line` that have left.
    gone: u32,
}

/// What became of a request for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It holds a slot.
    Granted,
    /// It waits in line.
    Waits,
    /// It is refused.
    Refused,
}

impl<T> Default for Semaphore<T> {
    fn default() -> Semaphore<T> {
        Semaphore {
            held: 0,
            limit: None,
            line: VecDeque::new(),
            gone: 0,
        }
    }
}

impl<T: Copy> Semaphore<T> {
    /// Asks for a slot for `who`.
    pub fn enter(&mut self, spec: &SemaphoreSpec, who: T) -> Entry {
        if self.held < self.limit(spec) {
            self.held += 1;
            return Entry::Granted;
        }
        let waiting = self.line.len() as u32 - self.gone;
        let full = spec.queue.is_some_and(|room| waiting >= room);
        if full || spec.longest_wait == Span::ZERO {
            return Entry::Refused;
        }
        self.line.push_back(who);
        Entry::Waits
    }

    /// Gives a slot back. It goes to the first in line for whom `still_waits` holds, who is
    /// returned and now holds it. If there are fewer slots than before, it may go to nobody.
    pub fn leave(&mut self, spec: &SemaphoreSpec, still_waits: impl Fn(T) -> bool) -> Option<T> {
        self.held -= 1;
        self.admit(spec, still_waits)
    }

    /// Gives a free slot to the first in line for whom `still_waits` holds, who is returned.
    pub fn admit(&mut self, spec: &SemaphoreSpec, still_waits: impl Fn(T) -> bool) -> Option<T> {
        if self.held >= self.limit(spec) {
            return None;
        }
        while let Some(who) = self.line.pop_front() {
            if still_waits(who) {
                self.held += 1;
                return Some(who);
            }
            self.gone -= 1;
        }
        None
    }

    /// Notes that one who waited has gone; `still_waits` must be false for it from now on.
    pub fn abandon(&mut self) {
        self.gone += 1;
    }

    /// Hears how a call has ended that holds a slot; moves their number, of a semaphore whose does.
    pub fn heard(&mut self, spec: &SemaphoreSpec, sample: &Sample) {
        if let Some(aimd) = &spec.aimd {
            self.limit = Some(aimd.next(self.limit(spec), sample));
        }
    }

    /// How many slots there are.
    pub fn limit(&self, spec: &SemaphoreSpec) -> u32 {
        self.limit.unwrap_or(spec.max)
    }

    /// How many slots are held.
    pub fn held(&self) -> u32 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Outcome;

    #[test]
    fn slots_are_handed_on_in_order_past_those_who_left() {
        let spec = SemaphoreSpec {
            max: 1,
            aimd: None,
            queue: Some(2),
            longest_wait: Span::MAX,
        };
        let mut s = Semaphore::default();
        assert_eq!(s.enter(&spec, 'a'), Entry::Granted);
        assert_eq!(s.enter(&spec, 'b'), Entry::Waits);
        assert_eq!(s.enter(&spec, 'c'), Entry::Waits);
        assert_eq!(s.enter(&spec, 'd'), Entry::Refused);
        s.abandon(); // b has gone
        assert_eq!(s.enter(&spec, 'e'), Entry::Waits);
        assert_eq!(s.leave(&spec, |w| w != 'b'), Some('c'));
        assert_eq!(s.leave(&spec, |_| true), Some('e'));
        assert_eq!(s.leave(&spec, |_| true), None);
        assert_eq!(s.held(), 0);
    }

    #[test]
    fn who_would_not_wait_is_refused() {
        let spec = SemaphoreSpec {
            max: 1,
            aimd: None,
            queue: None,
            longest_wait: Span::ZERO,
        };
        let mut s = Semaphore::default();
        assert_eq!(s.enter(&spec, 'a'), Entry::Granted);
        assert_eq!(s.enter(&spec, 'b'), Entry::Refused);
    }

    #[test]
    fn who_left_the_line_takes_no_place_in_it_and_is_forgotten_once() {
        let spec = SemaphoreSpec {
            max: 1,
            aimd: None,
            queue: Some(1),
            longest_wait: Span::MAX,
        };
        let mut s = Semaphore::default();
        s.enter(&spec, 'a');
        assert_eq!(s.held(), 1);
        for (leaver, next) in [('b', 'c'), ('d', 'e')] {
            assert_eq!(s.enter(&spec, leaver), Entry::Waits);
            s.abandon();
            assert_eq!(s.enter(&spec, next), Entry::Waits);
            assert_eq!(s.enter(&spec, 'x'), Entry::Refused);
            assert_eq!(s.leave(&spec, |w| w != leaver), Some(next));
        }
    }

    #[test]
    fn a_limit_moves_with_what_it_hears() {
        let aimd = AimdSpec {
            min: 1,
            max: 9,
            backoff: crate::units::Share(500_000),
            timeout: Span::SECOND,
            on: AimdSpec::DEFAULT_ON,
        };
        let spec = SemaphoreSpec {
            max: 4,
            aimd: Some(aimd),
            queue: None,
            longest_wait: Span::MAX,
        };
        let mut s = Semaphore::default();
        assert_eq!(s.limit(&spec), 4);
        let mut sample = Sample {
            outcome: Outcome::Ok,
            took: Span::ZERO,
            held: 2,
        };
        s.heard(&spec, &sample);
        assert_eq!(s.limit(&spec), 5);
        sample.outcome = Outcome::Overloaded;
        s.heard(&spec, &sample);
        assert_eq!(s.limit(&spec), 2);
        // Three ask for two slots; a slot that is given back after the limit has fallen is gone.
        let entries = ['a', 'b', 'c'].map(|who| s.enter(&spec, who));
        assert_eq!(entries, [Entry::Granted, Entry::Granted, Entry::Waits]);
        s.heard(&spec, &sample);
        assert_eq!(s.leave(&spec, |_| true), None);
        assert_eq!(s.leave(&spec, |_| true), Some('c'));
        assert_eq!((s.limit(&spec), s.held()), (1, 1));
    }
}
