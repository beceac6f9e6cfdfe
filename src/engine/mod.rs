//! The clock and the event queue; nothing here knows of agents.
//!
//! **Order.** Events run in ascending order of time; events of one instant run in the order in
//! which they were scheduled. Nothing else matters: neither the entity's number, which would favour
//! low numbers at every window reset, nor the queue behind the trait. An event scheduled in the
//! past runs now, after everything that was already scheduled for now.
//!
//! An event carries no payload. What it means is in the state of its entity; an event that has been
//! overtaken by another is recognised by its [`Key::low`] and ignored by whoever handles it.
//!
//! ```text
//!   schedule(at, entity) ──► Key: time 64 │ sequence 36 │ entity 28 ──► Queue: Wheel, or Heap
//!          ▲                                                                 │
//!          └──────── whoever handles events ◄── next(): the clock moves ◄────┘
//! ```

mod bottom;
mod chunks;
mod heap;
mod wheel;

pub use heap::Heap;
pub use wheel::Wheel;

use crate::units::Time;

const ENTITY_BITS: u32 = 28;
const SEQUENCE_BITS: u32 = 36;

/// An event in 16 bytes: when \[ns, 64 bits\], in which order it was scheduled \[36 bits\], whose
/// it is \[28 bits\]. Keys compare in the order in which their events run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// How many events one run can schedule, 6.9e10.
    pub const SEQUENCES: u64 = 1 << SEQUENCE_BITS;
    /// How many entities there can be, 2.7e8.
    pub const ENTITIES: u32 = 1 << ENTITY_BITS;

    /// The event of `entity` at `at` that was scheduled as number `sequence`.
    #[inline]
    pub fn new(at: Time, sequence: u64, entity: u32) -> Key {
        assert!(sequence < Key::SEQUENCES, "too many events in one run");
        assert!(entity < Key::ENTITIES, "too many entities");
        let low = sequence << ENTITY_BITS | u64::from(entity);
        Key(u128::from(at.0) << 64 | u128::from(low))
    }

    /// When the event happens.
    #[inline]
    pub fn time(self) -> Time {
        Time((self.0 >> 64) as u64)
    }

    /// Whose event it is.
    #[inline]
    pub fn entity(self) -> u32 {
        self.0 as u32 & (Key::ENTITIES - 1)
    }

    /// Sequence number and entity: different for each event of a run.
    #[inline]
    pub fn low(self) -> u64 {
        self.0 as u64
    }
}

/// What holds the events to come.
pub trait Queue {
    /// Adds an event, not before the last one popped.
    fn push(&mut self, key: Key);

    /// Removes the least key.
    fn pop(&mut self) -> Option<Key>;

    /// How many events there are.
    fn len(&self) -> usize;

    /// Some of the events to come, at most `most`, as good as certainly the next ones; in any order,
    /// and none where that would take work to know.
    fn ahead(&self, _most: usize) -> &[Key] {
        &[]
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The clock and what is still to happen.
#[derive(Clone, Debug, Default)]
pub struct Agenda<Q> {
    queue: Q,
    now: Time,
    scheduled: u64,
    handled: u64,
}

impl<Q: Queue> Agenda<Q> {
    /// An agenda at time zero, its events held by `queue`, which must be empty.
    pub fn new(queue: Q) -> Agenda<Q> {
        assert!(queue.is_empty(), "an agenda begins with nothing on it");
        Agenda {
            queue,
            now: Time::ZERO,
            scheduled: 0,
            handled: 0,
        }
    }

    /// The time of the event that is being handled.
    #[inline]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Schedules an event of `entity`; one in the past happens now. Returns its [`Key::low`].
    ///
    /// # Panics
    ///
    /// If `entity` is not less than [`Key::ENTITIES`], or after [`Key::SEQUENCES`] events.
    #[inline(always)]
    pub fn schedule(&mut self, at: Time, entity: u32) -> u64 {
        let key = Key::new(at.max(self.now), self.scheduled, entity);
        self.scheduled += 1;
        self.queue.push(key);
        key.low()
    }

    /// Moves the clock to the next event and returns it.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "handling an event schedules others, which an iterator could not allow"
    )]
    pub fn next(&mut self) -> Option<Key> {
        let key = self.queue.pop()?;
        debug_assert!(key.time() >= self.now, "the clock went back");
        self.now = key.time();
        self.handled += 1;
        Some(key)
    }

    /// Some of the events to come: [`Queue::ahead`].
    #[inline]
    pub fn ahead(&self, most: usize) -> &[Key] {
        self.queue.ahead(most)
    }

    /// How many events are still to happen, overtaken ones included.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// How many events have happened.
    pub fn handled(&self) -> u64 {
        self.handled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_went_in() {
        let key = Key::new(Time(u64::MAX), Key::SEQUENCES - 1, Key::ENTITIES - 1);
        assert_eq!(key, Key(u128::MAX));
        let key = Key::new(Time(5), 3, 9);
        assert_eq!((key.time(), key.entity()), (Time(5), 9));
        assert_eq!(key.low(), 3 * 268_435_456 + 9);
    }

    fn runs_in_order<Q: Queue>(queue: Q) {
        let mut agenda = Agenda::new(queue);
        agenda.schedule(Time(20), 1);
        agenda.schedule(Time(10), 7);
        agenda.schedule(Time(20), 0);
        let low = agenda.schedule(Time(10), 2);
        let mut order = Vec::new();
        while let Some(key) = agenda.next() {
            order.push((agenda.now().0, key.entity()));
            if order.len() == 1 {
                // In the past: now, but behind entity 2, which was there before.
                agenda.schedule(Time(3), 5);
            }
            assert_eq!(key.low() == low, key.entity() == 2);
        }
        assert_eq!(order, [(10, 7), (10, 2), (10, 5), (20, 1), (20, 0)]);
        assert_eq!((agenda.handled(), agenda.pending()), (5, 0));
    }

    #[test]
    fn ties_run_in_the_order_of_scheduling() {
        runs_in_order(Heap::default());
        runs_in_order(Wheel::default());
    }
}
