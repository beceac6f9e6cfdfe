//! What a run tells whoever watches: the seam between simulating and measuring.
//!
//! An observer only listens. Nothing that it does can reach the run, so the same seed gives the
//! same events whoever watches.

use crate::scenario::model::TargetId;
use crate::units::{Money, Span, Time};
use crate::wire::Outcome;
use crate::world::price::Usage;

use super::program::LayerId;

/// Listens to a run. Every method does nothing unless it is overridden.
pub trait Observer {
    /// An attempt goes on the wire.
    fn begun(&mut self, _now: Time, _target: TargetId, _first: bool) {}
    /// An attempt has ended.
    fn attempt(&mut self, _attempt: &Attempt) {}
    /// The client refused an attempt before the wire.
    fn denied(&mut self, _denial: &Denial) {}
    /// A layer acted: it retried, fired, refused or made somebody wait.
    fn acted(&mut self, _layer: LayerId) {}
    /// A retry layer was entered: it makes its first try of whatever is inside it.
    fn entered(&mut self, _layer: LayerId) {}
    /// A retry layer waits so long before it tries again.
    fn waited(&mut self, _layer: LayerId, _wait: Span) {}
    /// The result of successful attempts of so much money was thrown away.
    fn wasted(&mut self, _fleet: u8, _money: Money) {}
    /// A task has ended.
    fn task(&mut self, _task: &TaskEnd) {}
    /// So many tasks have arrived.
    fn arrived(&mut self, _fleet: u8, _tasks: u64) {}
    /// A task was unfinished when the run was cut off; it had been ready since then.
    fn unfinished(&mut self, _fleet: u8, _ready: Time) {}
    /// A task stays in the dead-letter queue; that it failed or is unfinished is told besides.
    fn dead_lettered(&mut self, _fleet: u8) {}
}

/// An attempt that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub begin: Time,
    /// When the client knew its end.
    pub end: Time,
    /// The agent that made it.
    pub agent: u32,
    /// The agent's fleet.
    pub fleet: u8,
    /// The task, by its number within the fleet.
    pub task: u32,
    /// The step, by its number within the plan.
    pub step: u16,
    /// The same among the steps of all plans, the fleets' one after the other.
    pub page: u16,
    /// Which round of loops and which branch.
    pub round: u32,
    /// Which attempt of this step in this task, from 1. Of steps in loops and forks that were begun
    /// anew it goes on from some large number, which names the attempts' luck.
    pub number: u32,
    /// Which hedge beside that attempt, from 1; 0 is the attempt itself.
    pub hedge: u8,
    /// The layer that asked for it; [`super::program::NO_LAYER`] for first attempts.
    pub cause: LayerId,
    /// What was called.
    pub target: TargetId,
    /// How it ended; `None` if it was still open when the run was cut off.
    pub outcome: Option<Outcome>,
    /// The `Retry-After` that came with it.
    pub retry_after: Option<Span>,
    /// Its tokens.
    pub usage: Usage,
    /// The tokens that were charged.
    pub charged: Usage,
    /// What it cost.
    pub cost: Money,
}

/// An attempt that never went on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Time,
    /// Whose.
    pub agent: u32,
    /// The agent's fleet.
    pub fleet: u8,
    /// The task, by its number within the fleet.
    pub task: u32,
    /// The target that was not called; `None` where a turn or a task was refused.
    pub target: Option<TargetId>,
    /// Why: `circuit_open`, `rejected` or `budget_exceeded`.
    pub outcome: Outcome,
}

/// A task that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// Its fleet.
    pub fleet: u8,
    /// Its number within the fleet.
    pub task: u32,
    /// When it was ready: when it arrived, or, of a batch, when an agent took it first.
    pub ready: Time,
    /// When it ended.
    pub end: Time,
    /// How.
    pub outcome: Outcome,
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
