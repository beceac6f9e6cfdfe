//! An observer that writes everything down, in order.

use squall::scenario::TargetId;
use squall::simulation::{Attempt, Denial, LayerId, Observer, TaskEnd};
use squall::units::{Money, Time};

/// Something that a run told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Begun(Time, TargetId, bool),
    Attempt(Attempt),
    Denied(Denial),
    Acted(LayerId),
    Wasted(u8, Money),
    Task(TaskEnd),
    Arrived(u8, u64),
    Unfinished(u8, Time),
}

/// Everything that a run told, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub entries: Vec<Entry>,
}

impl Log {
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.entries.iter().filter_map(|e| match e {
            Entry::Attempt(attempt) => Some(attempt),
            _ => None,
        })
    }

    pub fn tasks(&self) -> impl Iterator<Item = &TaskEnd> {
        self.entries.iter().filter_map(|e| match e {
            Entry::Task(task) => Some(task),
            _ => None,
        })
    }

    pub fn denials(&self) -> impl Iterator<Item = &Denial> {
        self.entries.iter().filter_map(|e| match e {
            Entry::Denied(denial) => Some(denial),
            _ => None,
        })
    }

    /// When each attempt began, at what, and whether it was a first one.
    pub fn begun(&self) -> impl Iterator<Item = (Time, TargetId, bool)> {
        self.entries.iter().filter_map(|e| match *e {
            Entry::Begun(at, target, first) => Some((at, target, first)),
            _ => None,
        })
    }

    pub fn arrived(&self) -> u64 {
        let arrived = |e: &Entry| if let Entry::Arrived(_, n) = e { *n } else { 0 };
        self.entries.iter().map(arrived).sum()
    }

    pub fn unfinished(&self) -> u64 {
        let unfinished = |e: &&Entry| matches!(e, Entry::Unfinished(..));
        self.entries.iter().filter(unfinished).count() as u64
    }

    pub fn wasted(&self) -> Money {
        let wasted = |e: &Entry| match e {
            Entry::Wasted(_, money) => *money,
            _ => Money::ZERO,
        };
        self.entries.iter().map(wasted).sum()
    }

    /// What was wasted in a fleet.
    pub fn wasted_in(&self, fleet: usize) -> Money {
        let wasted = |e: &Entry| match e {
            Entry::Wasted(f, money) if usize::from(*f) == fleet => *money,
            _ => Money::ZERO,
        };
        self.entries.iter().map(wasted).sum()
    }

    /// How often a layer acted.
    pub fn acted(&self, layer: LayerId) -> u64 {
        let acted = |e: &&Entry| **e == Entry::Acted(layer);
        self.entries.iter().filter(acted).count() as u64
    }
}

impl Observer for Log {
    fn begun(&mut self, now: Time, target: TargetId, first: bool) {
        self.entries.push(Entry::Begun(now, target, first));
    }
    fn attempt(&mut self, attempt: &Attempt) {
        self.entries.push(Entry::Attempt(*attempt));
    }
    fn denied(&mut self, denial: &Denial) {
        self.entries.push(Entry::Denied(*denial));
    }
    fn acted(&mut self, layer: LayerId) {
        self.entries.push(Entry::Acted(layer));
    }
    fn wasted(&mut self, fleet: u8, money: Money) {
        self.entries.push(Entry::Wasted(fleet, money));
    }
    fn task(&mut self, task: &TaskEnd) {
        self.entries.push(Entry::Task(*task));
    }
    fn arrived(&mut self, fleet: u8, tasks: u64) {
        self.entries.push(Entry::Arrived(fleet, tasks));
    }
    fn unfinished(&mut self, fleet: u8, ready: Time) {
        self.entries.push(Entry::Unfinished(fleet, ready));
    }
}
