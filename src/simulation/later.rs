//! Failed tasks that wait for their time, out of the hands of agents: in a queue's backoff, in its line,
//! or among its dead letters.

use super::queues::Entry;

/// Failed tasks of all fleets that wait for their time, by slot, and how often each has attempted
/// each of its steps. A slot is held until its task begins again.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) slots: Vec<Option<Entry>>,
    counters: Vec<u32>,
    stride: usize,
    free: Vec<u32>,
}

impl Later {
    /// No tasks yet, of agents with so many counters.
    pub(super) fn new(stride: usize) -> Later {
        Later {
            slots: vec![],
            counters: vec![],
            stride,
            free: vec![],
        }
    }

    /// A slot for a task with these counters.
    pub(super) fn hold(&mut self, counters: &[u32]) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.counters.resize(self.slots.len() * self.stride, 0);
            (self.slots.len() - 1) as u32
        });
        let from = slot as usize * self.stride;
        self.counters[from..from + self.stride].copy_from_slice(counters);
        slot
    }

    /// The counters of the task in a slot, which is free from now on.
    pub(super) fn release(&mut self, slot: u32) -> &[u32] {
        self.free.push(slot);
        let from = slot as usize * self.stride;
        &self.counters[from..from + self.stride]
    }
}
