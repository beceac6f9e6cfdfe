//! The wheel's next keys, put in order.
//!
//! A slot's keys come in the order in which they were pushed, and agree in their times but for the
//! last bits. They are counted by the first of those bits, spread over as many parts, and then nearly
//! in order: insertion moves each of them a place or two. A comparison sort of a few hundred keys
//! costs twice as much. It stays for few keys, for ties, and for times so uneven that most fall
//! into few parts.

use super::Key;
use super::chunks::{List, Slab};

/// By how many bits of their times keys are spread. Measured with `benches/queue.rs`, as is `SOME`.
const PART_BITS: u32 = 7;
/// Over how many parts keys are spread.
const PARTS: usize = 1 << PART_BITS;
/// From how many keys on they are spread.
const SOME: u32 = 20;
/// How many places insertion may move keys on average. Keys in even parts move less than one.
const FAR: usize = 4;

/// Keys in descending order, taken from their end.
#[derive(Clone, Debug, Default)]
pub(super) struct Bottom {
    /// As many as there ever were at one time: the first `len` are in use.
    keys: Vec<Key>,
    len: usize,
}

impl Bottom {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The keys, in descending order.
    #[inline(always)]
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys[..self.len]
    }

    /// Removes the least key.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Key> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        Some(self.keys[last])
    }

    /// Removes the `count` greatest keys and returns them in descending order.
    pub(super) fn take_greatest(&mut self, count: usize) -> Vec<Key> {
        self.len -= count;
        self.keys.drain(..count).collect()
    }

    /// Takes in the keys of a list, which agree in all but the last `bits` bits of their times.
    /// Nothing may be left of those before.
    pub(super) fn fill(&mut self, slab: &Slab, list: List, bits: u32) {
        debug_assert!(self.len == 0, "keys would be lost");
        self.len = list.len as usize;
        if self.keys.len() < self.len {
            self.keys.resize(self.len, Key::default());
        }
        let keys = &mut self.keys[..self.len];
        if bits == 0 || list.len < SOME {
            let mut from = 0;
            for chunk in slab.chunks_of(list) {
                keys[from..from + chunk.len()].copy_from_slice(chunk);
                from += chunk.len();
            }
            keys.sort_unstable_by(|a, b| b.cmp(a));
        } else {
            spread(slab, list, keys, bits.saturating_sub(PART_BITS));
            settle(keys);
        }
    }
}

/// Spreads the keys of a list by the `PART_BITS` bits of their times above the `below` last: parts
/// in descending order, and in each of them what was pushed last comes first.
fn spread(slab: &Slab, list: List, keys: &mut [Key], below: u32) {
    let part = |key: &Key| (key.time().0 >> below) as usize % PARTS;
    let mut ends = [0u32; PARTS];
    for chunk in slab.chunks_of(list) {
        chunk.iter().for_each(|key| ends[part(key)] += 1);
    }
    let mut end = 0;
    for of_part in ends.iter_mut().rev() {
        end += *of_part;
        *of_part = end;
    }
    for chunk in slab.chunks_of(list) {
        for key in chunk {
            let end = &mut ends[part(key)];
            *end -= 1;
            keys[*end as usize] = *key;
        }
    }
}

/// Sorts keys that are nearly in descending order; in any other order it costs little more than an
/// ordinary sort.
fn settle(keys: &mut [Key]) {
    if !insert(keys) {
        keys.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Sorts by insertion. Gives up, with all keys still there, and returns false once keys have moved
/// more than `FAR` places on average.
fn insert(keys: &mut [Key]) -> bool {
    let mut moves = 0;
    for i in 1..keys.len() {
        let key = keys[i];
        if key < keys[i - 1] {
            continue;
        }
        let mut to = i;
        while to > 0 && keys[to - 1] < key {
            keys[to] = keys[to - 1];
            to -= 1;
        }
        keys[to] = key;
        moves += i - to;
        if moves > FAR * keys.len() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Time;

    /// Fills `bottom` with events at these times, which agree but for the last `bits` bits, and says
    /// what comes out, in the order in which it is popped.
    fn popped(times: &[u64], bits: u32) -> Vec<Key> {
        let mut slab = Slab::EMPTY;
        let mut list = List::EMPTY;
        for key in keys(times) {
            if list.has_room() {
                slab.push(&mut list, key);
            } else {
                slab.push_chunk(&mut list, key);
            }
        }
        let mut bottom = Bottom::default();
        bottom.fill(&slab, list, bits);
        assert_eq!(bottom.len(), times.len());
        std::iter::from_fn(|| bottom.pop()).collect()
    }

    fn keys(times: &[u64]) -> Vec<Key> {
        let keys = times.iter().zip(0..);
        keys.map(|(at, i)| Key::new(Time(*at), i, 0)).collect()
    }

    fn sorted(times: &[u64]) -> Vec<Key> {
        let mut keys = keys(times);
        keys.sort_unstable();
        keys
    }

    /// Times of every kind within the last `bits` bits, `count` of them.
    fn kinds(count: u64, bits: u32) -> Vec<(&'static str, Vec<u64>)> {
        let base = 5 << 60;
        let span = 1u64 << bits;
        let all = |time: &dyn Fn(u64) -> u64| (0..count).map(|i| base + time(i) % span).collect();
        vec![
            ("ties", all(&|_| span / 3)),
            ("ascending", all(&|i| span / count.min(span) * i)),
            ("descending", all(&|i| span / count.min(span) * (count - i))),
            ("one part, descending", all(&|i| count - i)),
            ("one part, mixed", all(&|i| i * 7_919 % count)),
            ("two instants in turns", all(&|i| i % 2 * (span - 1))),
            (
                "edges of parts",
                all(&|i| i * 89 % 128 * (span / 128).max(1)),
            ),
            (
                "beside edges",
                all(&|i| (i * 89 % 128 * (span / 128)).wrapping_sub(i % 2)),
            ),
            (
                "mixed",
                all(&|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 3),
            ),
        ]
    }

    #[test]
    fn what_is_popped_is_in_order_for_every_kind_of_times() {
        for bits in [0, 6, 12, 24, 60] {
            for count in [1, 2, 19, 20, 21, 128, 512, 5_000] {
                for (kind, times) in kinds(count, bits) {
                    assert_eq!(
                        popped(&times, bits),
                        sorted(&times),
                        "{kind}, {count}, {bits}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_was_there_before_leaves_no_trace() {
        let mut slab = Slab::EMPTY;
        let mut bottom = Bottom::default();
        for count in [40, 3, 0, 64] {
            let mut list = List::EMPTY;
            let times: Vec<_> = (0..count).rev().collect();
            for key in keys(&times) {
                if list.has_room() {
                    slab.push(&mut list, key);
                } else {
                    slab.push_chunk(&mut list, key);
                }
            }
            bottom.fill(&slab, list, 6);
            slab.free(list);
            let rest = bottom.take_greatest(count as usize / 2);
            let mut all: Vec<_> = std::iter::from_fn(|| bottom.pop()).collect();
            all.extend(rest.iter().rev());
            assert_eq!(all, sorted(&times));
        }
    }

    #[test]
    fn insertion_gives_up_on_keys_far_from_their_places() {
        let times: Vec<_> = (0..512).collect();
        let mut near = keys(&times);
        near.reverse();
        near.chunks_mut(8).for_each(<[Key]>::reverse);
        assert!(insert(&mut near));
        assert!(near.iter().rev().eq(&keys(&times)));
        let mut far = keys(&times);
        assert!(!insert(&mut far));
        far.sort_unstable();
        assert_eq!(far, keys(&times), "a key was lost");
    }
}
