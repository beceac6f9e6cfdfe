//! The plain queue: a binary heap that anyone can read.
//!
//! The reference that [`Wheel`](super::Wheel) is held against, and as fast below about a hundred
//! events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Key, Queue};

/// A binary heap of keys.
#[derive(Clone, Debug, Default)]
pub struct Heap(BinaryHeap<Reverse<Key>>);

impl Queue for Heap {
    #[inline]
    fn push(&mut self, key: Key) {
        self.0.push(Reverse(key));
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        self.0.pop().map(|Reverse(key)| key)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_key_comes_first() {
        let mut heap = Heap::default();
        for key in [5, 1, 4, 1 << 64, 2] {
            heap.push(Key(key));
        }
        assert_eq!(heap.len(), 5);
        let popped: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|k| k.0).collect();
        assert_eq!(popped, [1, 2, 4, 5, 1 << 64]);
        assert!(heap.is_empty());
    }
}
