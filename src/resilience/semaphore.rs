//! Concurrency: at most so many at once, the others wait in line or are refused.

use std::collections::VecDeque;

use crate::units::Span;

/// A semaphore as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemaphoreSpec {
    /// How many slots; at least 1.
    pub max: u32,
    /// How many may wait; `None` is any number, 0 refuses at once.
    pub queue: Option<u32>,
    /// How long one waits before it gives up; zero refuses at once.
    pub longest_wait: Span,
}

/// Slots and the line before them. `T` names a waiter.
#[derive(Clone, Debug)]
pub struct Semaphore<T> {
    held: u32,
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
            line: VecDeque::new(),
            gone: 0,
        }
    }
}

impl<T: Copy> Semaphore<T> {
    /// Asks for a slot for `who`.
    pub fn enter(&mut self, spec: &SemaphoreSpec, who: T) -> Entry {
        if self.held < spec.max {
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
    /// returned and now holds it.
    pub fn leave(&mut self, still_waits: impl Fn(T) -> bool) -> Option<T> {
        while let Some(who) = self.line.pop_front() {
            if still_waits(who) {
                return Some(who);
            }
            self.gone -= 1;
        }
        self.held -= 1;
        None
    }

    /// Notes that one who waited has gone; `still_waits` must be false for it from now on.
    pub fn abandon(&mut self) {
        self.gone += 1;
    }

    /// How many slots are held.
    pub fn held(&self) -> u32 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_handed_on_in_order_past_those_who_left() {
        let spec = SemaphoreSpec {
            max: 1,
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
        assert_eq!(s.leave(|w| w != 'b'), Some('c'));
        assert_eq!(s.leave(|_| true), Some('e'));
        assert_eq!(s.leave(|_| true), None);
        assert_eq!(s.held(), 0);
    }

    #[test]
    fn who_would_not_wait_is_refused() {
        let spec = SemaphoreSpec {
            max: 1,
            queue: None,
            longest_wait: Span::ZERO,
        };
        let mut s = Semaphore::default();
        assert_eq!(s.enter(&spec, 'a'), Entry::Granted);
        assert_eq!(s.enter(&spec, 'b'), Entry::Refused);
    }
}
