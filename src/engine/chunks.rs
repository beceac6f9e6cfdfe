//! Lists of keys in chunks from one slab, for the wheel's slots.
//!
//! A list that grows takes a chunk of sixteen from the slab, one that is emptied gives its chunks
//! back, so all slots together hold memory for what is in them at most at one time. A list keeps
//! the order in which its keys came.

use super::Key;

const CHUNK: usize = 16;
const NONE: u32 = u32::MAX;

/// A list of keys; its chunks are in a [`Slab`].
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
    pub(super) len: u32,
}

/// The chunks of many lists.
#[derive(Clone, Debug)]
pub(super) struct Slab {
    chunks: Vec<[Key; CHUNK]>,
    /// The chunk behind each chunk, in its list or among the free ones.
    behind: Vec<u32>,
    free: u32,
}

impl List {
    pub(super) const EMPTY: List = List {
        first: NONE,
        last: NONE,
        len: 0,
    };
}

impl Slab {
    pub(super) const EMPTY: Slab = Slab {
        chunks: Vec::new(),
        behind: Vec::new(),
        free: NONE,
    };

    /// Adds a key at the end of a list.
    #[inline]
    pub(super) fn push(&mut self, list: &mut List, key: Key) {
        let place = list.len as usize % CHUNK;
        if place == 0 {
            let chunk = self.take_chunk();
            match list.last {
                NONE => list.first = chunk,
                last => self.behind[last as usize] = chunk,
            }
            list.last = chunk;
        }
        self.chunks[list.last as usize][place] = key;
        list.len += 1;
    }

    /// Takes the first chunk off a list: its keys, and how many of them there are.
    pub(super) fn pop_chunk(&mut self, list: &mut List) -> Option<([Key; CHUNK], usize)> {
        if list.len == 0 {
            return None;
        }
        let chunk = list.first;
        let count = list.len.min(CHUNK as u32);
        list.len -= count;
        list.first = self.behind[chunk as usize];
        if list.len == 0 {
            *list = List::EMPTY;
        }
        self.behind[chunk as usize] = self.free;
        self.free = chunk;
        Some((self.chunks[chunk as usize], count as usize))
    }

    /// How many chunks there are, in use or free.
    #[cfg(test)]
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn take_chunk(&mut self) -> u32 {
        let chunk = self.free;
        if chunk != NONE {
            self.free = self.behind[chunk as usize];
            self.behind[chunk as usize] = NONE;
            return chunk;
        }
        let chunk = u32::try_from(self.chunks.len()).expect("a slab has less than 2^32 chunks");
        self.chunks.push([Key::default(); CHUNK]);
        self.behind.push(NONE);
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(slab: &mut Slab, mut list: List) -> Vec<u128> {
        let mut keys = Vec::new();
        while let Some((chunk, count)) = slab.pop_chunk(&mut list) {
            keys.extend(chunk[..count].iter().map(|k| k.0));
        }
        keys
    }

    #[test]
    fn lists_keep_their_order_and_give_their_chunks_back() {
        let mut slab = Slab::EMPTY;
        for round in 0..3 {
            let (mut odd, mut even) = (List::EMPTY, List::EMPTY);
            for k in 0..100 {
                let list = if k % 2 == 0 { &mut even } else { &mut odd };
                slab.push(list, Key(k));
            }
            let evens: Vec<_> = (0..100).step_by(2).collect();
            assert_eq!(drain(&mut slab, even), evens, "round {round}");
            let odds: Vec<_> = (1..100).step_by(2).collect();
            assert_eq!(drain(&mut slab, odd), odds, "round {round}");
        }
        // Two lists of fifty: four chunks each, the same ones in each round.
        assert_eq!(slab.chunks.len(), 8);
    }
}
