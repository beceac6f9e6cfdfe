//! The fast queue: a hierarchical radix wheel.
//!
//! Times are numbers of eleven 6-bit digits. An event waits at the level of the highest digit in
//! which its time differs from the wheel's base, in the slot of that digit:
//!
//! ```text
//!   level 10 … 2   1   0          base = … 5 │ 3 │ 9        64 slots and a bitmap a level
//!             │    │   │          … 5 │ 3 │ 17  → level 0, slot 17
//!             ▼    ▼   ▼          … 5 │ 8 │  2  → level 1, slot 8
//!            slots of chunks      … 6 │ 0 │  0  → level 2, slot 6
//! ```
//!
//! All of a lower level is earlier than all of a higher one, so the next slot is the first of the
//! lowest level that has any. If it holds many events, or many of all there are, they cascade to the
//! levels below, relative to the least of them; if few, they are put in order at once (`bottom`) and
//! popped one by one. Until that is used up, events pushed into the slot's span of time (the window)
//! go to a small heap, `near`, or, if they are later than all of those before them, to a line,
//! `lane`: zero delays come so, one behind the other. A window that turns out too wide for what is
//! pushed into it is narrowed to the present instant, and the rest goes back to the slots.
//!
//! Why not a calendar queue: one tuned by the gap at its head collapses on what a retry storm
//! makes (60-s backoffs among 1-ms failures, whole crowds on a window's edge), 25 to 120 times
//! slower than a plain heap when we measured it. Source of the idea: G. Varghese, T. Lauck, "Hashed
//! and hierarchical timing wheels", SOSP 1987; the digit of the difference is that of a radix heap
//! (Ahuja, Mehlhorn, Orlin, Tarjan, JACM 37, 1990).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::bottom::Bottom;
use super::chunks::{List, Slab};
use super::{Key, Queue};

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 11;
/// How many events are put in order at once rather than moved a level down. Instructions for a pop
/// and a push among 20,000 exponential delays: a fifth more with 256, as many with 1,024.
const FEW: u32 = 512;
/// How many events are sorted at once however few others there are: between 8 and 32 what is gained
/// for a few exponential delays is lost for a few storms.
const HANDFUL: u32 = 32;
/// The part of all events that a slot may hold if it is to be sorted at once, one in so many. With
/// `HANDFUL`: a queue of 300 exponential delays needs 0.6 of the instructions that it needs if
/// every slot of `FEW` is sorted, since its pushes then meet a narrow window.
const SHARE: usize = 4;
/// How many events the near-heap takes before the window is narrowed: four sorted slots' worth, so
/// that narrowing is rare beside the pushes that lead to it. Our assumption.
const CROWD: usize = 2_048;
/// What an empty part of the window shows as its next key.
const LAST: Key = Key(u128::MAX);

/// A hierarchical radix wheel: 9 KiB when empty, and room for the most events that were ever in it
/// at one time.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// The earliest keys, in descending order.
    bottom: Bottom,
    /// Keys pushed into the current window, in any order.
    near: BinaryHeap<Reverse<Key>>,
    /// With how many keys in `near` the window is narrowed next.
    crowd: usize,
    /// Keys pushed into the current window, in ascending order.
    lane: VecDeque<Key>,
    /// The last instant of the current window.
    window_end: u64,
    /// The instant that all slots are relative to; not after the next event.
    base: u64,
    /// The time of the last key popped.
    popped: u64,
    slots: Box<[[List; SLOTS]; LEVELS]>,
    slab: Slab,
    /// Which slots of each level hold keys.
    occupied: [u64; LEVELS],
    /// Which levels hold keys.
    levels: u32,
    len: usize,
}

impl Default for Wheel {
    fn default() -> Wheel {
        Wheel {
            bottom: Bottom::default(),
            near: BinaryHeap::new(),
            crowd: CROWD,
            lane: VecDeque::new(),
            window_end: 0,
            base: 0,
            popped: 0,
            slots: Box::new([[List::EMPTY; SLOTS]; LEVELS]),
            slab: Slab::EMPTY,
            occupied: [0; LEVELS],
            levels: 0,
            len: 0,
        }
    }
}

impl Queue for Wheel {
    #[inline]
    fn push(&mut self, key: Key) {
        self.len += 1;
        if key.time().0 > self.window_end {
            self.place(key);
        } else {
            self.push_into_window(key);
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        let key = self.take_least()?;
        self.len -= 1;
        self.popped = key.time().0;
        Some(key)
    }

    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn ahead(&self, most: usize) -> &[Key] {
        let keys = self.bottom.keys();
        &keys[keys.len().saturating_sub(most)..]
    }
}

impl Wheel {
    #[inline]
    fn take_least(&mut self) -> Option<Key> {
        if self.near.is_empty() && self.lane.is_empty() {
            if self.bottom.len() == 0 && !self.advance() {
                return None;
            }
            return self.bottom.pop();
        }
        let bottom = self.bottom.keys().last().map_or(LAST, |key| *key);
        let near = self.near.peek().map_or(LAST, |key| key.0);
        let lane = self.lane.front().map_or(LAST, |key| *key);
        if bottom < near && bottom < lane {
            self.bottom.pop()
        } else if near < lane {
            self.near.pop().map(|key| key.0)
        } else {
            self.lane.pop_front()
        }
    }

    /// Puts a key that is later than the window into its slot.
    #[inline(always)]
    fn place(&mut self, key: Key) {
        let time = key.time().0;
        let level = (63 - ((time ^ self.base) | 1).leading_zeros()) / DIGIT_BITS;
        let digit = (time >> (level * DIGIT_BITS)) as usize % SLOTS;
        let list = &mut self.slots[level as usize][digit];
        if list.has_room() {
            self.slab.push(list, key);
        } else {
            self.place_in_new_chunk(level as usize, digit, key);
        }
    }

    #[inline(never)]
    fn place_in_new_chunk(&mut self, level: usize, digit: usize, key: Key) {
        self.slab.push_chunk(&mut self.slots[level][digit], key);
        self.occupied[level] |= 1 << digit;
        self.levels |= 1 << level;
    }

    #[inline(never)]
    fn push_into_window(&mut self, key: Key) {
        if self.lane.back().is_none_or(|last| *last < key) {
            self.lane.push_back(key);
        } else {
            self.near.push(Reverse(key));
            if self.near.len() > self.crowd {
                self.narrow();
            }
        }
    }

    /// Fills `bottom` from the next slot and makes its span of time the window. Returns false if
    /// all slots are empty.
    #[inline(never)]
    fn advance(&mut self) -> bool {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros();
            let digit = self.occupied[level as usize].trailing_zeros();
            let list = self.take_slot(level as usize, digit);
            let shift = level * DIGIT_BITS;
            if level > 0 && self.is_much(list) {
                self.cascade(list);
                continue;
            }
            let above = u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
            self.base = (self.base & above) | u64::from(digit) << shift;
            self.window_end = self.base | ((1 << shift) - 1);
            self.bottom.fill(&self.slab, list, shift);
            self.slab.free(list);
            return true;
        }
        false
    }

    /// Whether a slot holds too much to make its span the window: more than is sorted at once, or so
    /// many of all events that most of those to come would be pushed into the window.
    fn is_much(&self, list: List) -> bool {
        let most = (self.len / SHARE).clamp(HANDFUL as usize, FEW as usize);
        list.len as usize > most
    }

    /// Moves the keys of the next slot to the levels below. What is relative to the least of them
    /// goes down as far as it can: a crowd of one instant to level 0 at once.
    fn cascade(&mut self, mut list: List) {
        let times = self.slab.chunks_of(list).flatten().map(|key| key.time().0);
        self.base = times.min().expect("a slot in use holds a key");
        while let Some((keys, count)) = self.slab.pop_chunk(&mut list) {
            keys[..count].iter().for_each(|key| self.place(*key));
        }
    }

    fn take_slot(&mut self, level: usize, digit: u32) -> List {
        self.occupied[level] &= !(1 << digit);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        std::mem::replace(&mut self.slots[level][digit as usize], List::EMPTY)
    }

    /// Narrows the window to the present instant and puts all that is later into slots.
    ///
    /// The slots stay right: those in use are above the window's digit, in which all instants of
    /// the window agree.
    #[cold]
    fn narrow(&mut self) {
        self.base = self.base.max(self.popped);
        self.window_end = self.base;
        let later = |key: &Key| key.time().0 > self.base;

        let split = self.bottom.keys().partition_point(later);
        let of_bottom = self.bottom.take_greatest(split);
        let split = self.lane.partition_point(|key| !later(key));
        let of_lane = self.lane.split_off(split);
        let keys = std::mem::take(&mut self.near).into_iter();
        let (of_near, now): (Vec<_>, Vec<_>) = keys.partition(|key| later(&key.0));
        self.near = now.into();
        self.crowd = CROWD.max(2 * self.near.len());

        of_bottom.into_iter().rev().for_each(|key| self.place(key));
        of_lane.into_iter().for_each(|key| self.place(key));
        of_near.into_iter().for_each(|key| self.place(key.0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Agenda, Heap};
    use super::*;
    use crate::units::Time;

    const SECOND: u64 = 1_000_000_000;

    /// A shape of delays: from the present and two words of luck to the next time.
    type Shape = fn(now: u64, coin: u64, size: u64) -> u64;

    /// Halves as likely with each 0.69 s: an exponential of mean 1 s in steps.
    fn exponential(now: u64, _: u64, size: u64) -> u64 {
        let halvings = u64::from(size.leading_zeros());
        now.saturating_add(halvings * 693_147_181 + size % 693_147_181)
    }

    /// Fast failures among long backoffs.
    fn bimodal(now: u64, coin: u64, _: u64) -> u64 {
        now.saturating_add(if coin % 10 < 7 {
            1_000_000
        } else {
            60 * SECOND
        })
    }

    /// Everybody comes back on a window's edge.
    fn ties(now: u64, _: u64, size: u64) -> u64 {
        (now / SECOND + 1 + size % 3).saturating_mul(SECOND)
    }

    /// Half at once, half on a window's edge.
    fn storm(now: u64, coin: u64, size: u64) -> u64 {
        if coin.is_multiple_of(2) {
            now
        } else {
            ties(now, coin, size)
        }
    }

    /// Any order of magnitude.
    fn anything(now: u64, coin: u64, size: u64) -> u64 {
        now.saturating_add(size >> (coin % 64))
    }

    /// Up against the end of time.
    fn the_end(now: u64, coin: u64, size: u64) -> u64 {
        let from = now.max(u64::MAX - 1_000_000);
        from.saturating_add((size % 3_000) >> (coin % 12))
    }

    /// Exact multiples of powers of two: the first instants of slots and of parts.
    fn edges(now: u64, coin: u64, size: u64) -> u64 {
        let unit = 1 << (coin % 40);
        (now / unit * unit).saturating_add((1 + size % 5) * unit)
    }

    const SHAPES: [Shape; 7] = [exponential, bimodal, ties, storm, anything, the_end, edges];

    /// A plain generator for the tests' luck: SplitMix64.
    struct Luck(u64);

    impl Luck {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }
    }

    /// Plays `holds` rounds of "pop one, push one" with `size` events, then empties the queue.
    /// Returns a rolling hash of all that was popped.
    fn hold<Q: Queue>(queue: Q, shape: Shape, size: u32, holds: u32, seed: u64) -> u64 {
        let mut agenda = Agenda::new(queue);
        let mut luck = Luck(seed);
        let mut hash = 0u64;
        for entity in 0..size {
            agenda.schedule(Time(shape(0, luck.next(), luck.next())), entity);
        }
        for round in 0.. {
            let Some(key) = agenda.next() else { break };
            assert_eq!(key.time(), agenda.now());
            hash = (hash.rotate_left(5) ^ key.time().0 ^ key.low())
                .wrapping_mul(0x2545_F491_4F6C_DD1D);
            if round < holds {
                let at = shape(agenda.now().0, luck.next(), luck.next());
                agenda.schedule(Time(at), key.entity());
            }
        }
        assert_eq!(agenda.handled(), u64::from(size) + u64::from(holds));
        assert_eq!(agenda.pending(), 0);
        hash
    }

    #[test]
    fn the_wheel_pops_what_the_heap_pops_in_every_shape() {
        for (i, shape) in SHAPES.into_iter().enumerate() {
            for size in [1, 2, 100, 511, 513, 5_000, 40_000] {
                let seed = u64::from(size) + i as u64;
                let holds = 3 * size.max(1_000);
                assert_eq!(
                    hold(Wheel::default(), shape, size, holds, seed),
                    hold(Heap::default(), shape, size, holds, seed),
                    "shape {i}, {size} events"
                );
            }
        }
    }

    #[test]
    fn a_crowd_pushed_into_a_wide_window_is_narrowed_and_stays_in_order() {
        let mut wheel = Wheel::default();
        let mut heap = Heap::default();
        let push = |wheel: &mut Wheel, heap: &mut Heap, key| {
            wheel.push(key);
            heap.push(key);
        };
        // One event far ahead makes a window of a minute; then a crowd comes in backwards.
        push(&mut wheel, &mut heap, Key::new(Time(70 * SECOND), 0, 0));
        push(&mut wheel, &mut heap, Key::new(Time(80 * SECOND), 1, 0));
        assert_eq!(wheel.pop(), heap.pop());
        assert!(wheel.window_end > 80 * SECOND);
        for i in 0..10_000 {
            let at = Time(71 * SECOND + (10_000 - i) / 4);
            push(&mut wheel, &mut heap, Key::new(at, 2 + i, 0));
        }
        assert!(wheel.near.len() <= 2 * CROWD, "{}", wheel.near.len());
        while let Some(key) = heap.pop() {
            assert_eq!(wheel.pop(), Some(key));
        }
        assert_eq!(wheel.pop(), None);
    }

    #[test]
    fn windows_are_narrow_where_events_are_few() {
        let mut agenda = Agenda::new(Wheel::default());
        let mut luck = Luck(3);
        let mut inside = 0;
        for round in 0..20_000u32 {
            if round >= 300 {
                agenda.next();
            }
            let at = exponential(agenda.now().0, 0, luck.next());
            inside += u32::from(at <= agenda.queue.window_end);
            agenda.schedule(Time(at), 0);
        }
        assert!(inside < 20_000 / 5, "{inside}");
    }

    #[test]
    fn a_crowd_of_one_instant_falls_to_its_level_at_once() {
        let mut wheel = Wheel::default();
        let instant = Time(3_600 * SECOND + 7);
        for i in 0..1_000 {
            wheel.push(Key::new(instant, i, 0));
        }
        wheel.push(Key::new(Time(instant.0 + 1), 1_000, 0));
        let level = wheel.levels.trailing_zeros() as usize;
        let list = wheel.take_slot(level, wheel.occupied[level].trailing_zeros());
        wheel.cascade(list);
        assert_eq!((wheel.base, wheel.levels), (instant.0, 1));
        for i in 0..1_000 {
            assert_eq!(wheel.pop(), Some(Key::new(instant, i, 0)));
        }
        assert_eq!(wheel.pop().map(Key::time), Some(Time(instant.0 + 1)));
    }

    #[test]
    fn the_last_key_of_all_is_not_lost() {
        let mut wheel = Wheel::default();
        wheel.push(LAST);
        wheel.push(Key::default());
        assert_eq!(wheel.pop(), Some(Key::default()));
        assert_eq!(wheel.pop(), Some(LAST));
        wheel.push(LAST);
        assert_eq!(
            (wheel.pop(), wheel.pop(), wheel.len()),
            (Some(LAST), None, 0)
        );
    }

    #[test]
    fn memory_is_that_of_the_events_alive() {
        let mut agenda = Agenda::new(Wheel::default());
        let mut luck = Luck(7);
        for round in 0..200_000u32 {
            if round >= 1_000 {
                agenda.next();
            }
            let at = exponential(agenda.now().0, 0, luck.next());
            agenda.schedule(Time(at), 0);
        }
        // A thousand events alive: 63 full chunks and a part of one in each slot in use.
        let chunks = agenda.queue.slab.chunks();
        assert!(chunks < 500, "{chunks}");
    }

    proptest! {
        /// Bursts of pushes and pops in any mixture, delays of any shape.
        #[test]
        fn pushes_and_pops_in_any_order(
            bursts in prop::collection::vec((0..SHAPES.len(), 0u32..4_000, 0u32..4_000), 1..20),
            seed: u64,
        ) {
            let mut wheel = Agenda::new(Wheel::default());
            let mut heap = Agenda::new(Heap::default());
            let mut luck = Luck(seed);
            for (shape, pushes, pops) in bursts {
                for entity in 0..pushes {
                    let at = SHAPES[shape](heap.now().0, luck.next(), luck.next());
                    prop_assert_eq!(
                        wheel.schedule(Time(at), entity),
                        heap.schedule(Time(at), entity)
                    );
                }
                for _ in 0..pops {
                    prop_assert_eq!(wheel.next(), heap.next());
                    prop_assert_eq!(wheel.pending(), heap.pending());
                }
            }
            while let Some(key) = heap.next() {
                prop_assert_eq!(wheel.next(), Some(key));
            }
            prop_assert_eq!(wheel.next(), None);
        }
    }
}
