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

    /// Whether the next key goes into the last chunk.
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        !(self.len as usize).is_multiple_of(CHUNK)
    }
}

impl Slab {
    pub(super) const EMPTY: Slab = Slab {
        chunks: Vec::new(),
        behind: Vec::new(),
        free: NONE,
    };

    /// Adds a key at the end of a list whose last chunk has room for it.
    #[inline(always)]
    pub(super) fn push(&mut self, list: &mut List, key: Key) {
        self.chunks[list.last as usize][list.len as usize % CHUNK] = key;
        list.len += 1;
    }

    /// Adds a key at the end of a list that is empty, or full to its last chunk.
    pub(super) fn push_chunk(&mut self, list: &mut List, key: Key) {
        let chunk = self.take_chunk();
        if list.len == 0 {
            list.first = chunk;
        } else {
            self.behind[list.last as usize] = chunk;
        }
        list.last = chunk;
        self.push(list, key);
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
        self.behind[chunk as usize] = self.free;
        self.free = chunk;
        Some((self.chunks[chunk as usize], count as usize))
    }

    /// The keys of a list, a chunk at a time.
    #[inline]
    pub(super) fn chunks_of(&self, list: List) -> impl Iterator<Item = &[Key]> {
        let mut rest = list;
        std::iter::from_fn(move || {
            let count = rest.len.min(CHUNK as u32);
            let chunk = rest.first as usize;
            if count == 0 {
                return None;
            }
            rest.len -= count;
            rest.first = self.behind[chunk];
            Some(&self.chunks[chunk][..count as usize])
        })
    }

    /// Gives all chunks of a list back.
    pub(super) fn free(&mut self, list: List) {
        if list.len > 0 {
            self.behind[list.last as usize] = self.free;
            self.free = list.first;
        }
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

    fn add(slab: &mut Slab, list: &mut List, key: Key) {
        if list.has_room() {
            slab.push(list, key);
        } else {
            slab.push_chunk(list, key);
        }
    }

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
                add(&mut slab, list, Key(k));
            }
            let evens: Vec<_> = (0..100).step_by(2).collect();
            assert_eq!(drain(&mut slab, even), evens, "round {round}");
            let odds: Vec<_> = (1..100).step_by(2).map(Key).collect();
            let read: Vec<_> = slab.chunks_of(odd).flatten().copied().collect();
            assert_eq!(read, odds, "round {round}");
            slab.free(odd);
        }
        slab.free(List::EMPTY);
        // Two lists of fifty: four chunks each, the same ones in each round.
        assert_eq!(slab.chunks.len(), 8);
    }
}
