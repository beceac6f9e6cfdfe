//! The queue of a fleet: which tasks are in line, and which agents wait for some.

use std::collections::VecDeque;

use crate::scenario::model::{Agents as FleetSize, Fleet};
use crate::units::{Span, Time};

use super::agent::AgentId;
use super::arrivals::ArrivalTimes;
use super::dead_letters::{DeadLetters, Tries};
use super::program::{BlockId, FleetProgram, NO_BLOCK, Op, Pc, Program};

/// The queue of one fleet.
#[derive(Debug)]
pub(super) struct TaskQueue<'a> {
    pub spec: &'a Fleet,
    pub arrivals: ArrivalTimes<'a>,
    /// Whether more tasks will arrive.
    pub open: bool,
    /// Where each agent repeats the batch: how many of its tasks each has had.
    pub had: Vec<u32>,
    /// Tasks of a batch that nobody has taken.
    pub batch_left: u64,
    /// The number of the next fresh task.
    pub next_task: u32,
    /// When the fresh tasks in line arrived.
    pub fresh: VecDeque<Time>,
    /// Failed tasks in line.
    pub again: VecDeque<Entry>,
    /// Agents without a task, longest idle first.
    pub idle: VecDeque<AgentId>,
    /// Its dead letters.
    pub dead: DeadLetters,
    /// The first agent of the fleet.
    pub first_agent: AgentId,
    /// Arrived tasks that have not ended.
    pub unended: u64,
    /// Whether a breaker judges its tasks.
    pub judged: bool,
    /// Whether it may submit tasks again.
    pub comes_back: bool,
    /// Where a task begins.
    pub entry: Entrance,
    /// Failures that the batch's breaker has counted, and until when it is open.
    pub failures: u32,
    pub open_until: Time,
}

/// Where a fleet's tasks begin: at the op that opens them, or behind it, where that would do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance {
    pub pc: Pc,
    pub block: BlockId,
    pub layer: u16,
}

impl Entrance {
    fn of(program: &Program, fleet: &FleetProgram) -> Entrance {
        let opens = match program.ops[usize::from(fleet.entry)] {
            Op::Open(block) => Some((block, &program.blocks[usize::from(block)])),
            _ => None,
        };
        match opens {
            Some((block, b)) if b.first == b.end => Entrance {
                pc: b.body,
                block,
                layer: b.first,
            },
            _ => Entrance {
                pc: fleet.entry,
                block: NO_BLOCK,
                layer: 0,
            },
        }
    }
}

/// A task in line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub fleet: u8,
    pub task: u32,
    pub ready: Time,
    pub tries: Tries,
    pub queued: Time,
    /// Where its counters are, in [`Later`].
    pub slot: u32,
}

impl<'a> TaskQueue<'a> {
    pub(super) fn new(
        spec: &'a Fleet,
        program: &Program,
        origin: (u64, u64),
        number: u8,
        horizon: Span,
    ) -> TaskQueue<'a> {
        let of_fleet = &program.fleets[usize::from(number)];
        TaskQueue {
            spec,
            arrivals: ArrivalTimes::new(&spec.tasks, origin, number, horizon),
            open: false,
            had: vec![],
            batch_left: 0,
            next_task: 0,
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            idle: VecDeque::new(),
            dead: DeadLetters::default(),
            first_agent: 0,
            unended: 0,
            judged: of_fleet.breaker.is_some(),
            comes_back: of_fleet.comes_back,
            entry: Entrance::of(program, of_fleet),
            failures: 0,
            open_until: Time::ZERO,
        }
    }

    /// Whether every task that ever arrives has ended.
    pub(super) fn done(&self) -> bool {
        !self.open && self.unended == 0
    }

    /// Whether no further task begins, ever.
    pub(super) fn stopped_for_good(&self) -> bool {
        self.open_until == Time::NEVER
    }

    pub(super) fn stopped(&self, now: Time) -> bool {
        now < self.open_until
    }

    /// The next task that nobody has had, for this agent of the fleet, and when it was ready.
    #[inline(always)]
    pub(super) fn fresh_task(&mut self, a: AgentId, now: Time) -> Option<(u32, Time)> {
        if !self.had.is_empty() {
            return Some((self.own_task(a)?, now));
        }
        let ready = if self.batch_left > 0 {
            self.batch_left -= 1;
            now
        } else {
            self.fresh.pop_front()?
        };
        self.next_task += 1;
        Some((self.next_task - 1, ready))
    }

    /// The next task of the batch that each agent has of its own.
    #[inline(never)]
    fn own_task(&mut self, a: AgentId) -> Option<u32> {
        let count = self.spec.tasks.count.unwrap_or(0);
        let number = a - self.first_agent;
        let had = &mut self.had[number as usize];
        if *had == count || self.batch_left == 0 {
            return None;
        }
        *had += 1;
        self.batch_left -= 1;
        Some(number * count + *had - 1)
    }

    /// The tasks that nobody has begun where each agent has a batch of its own.
    pub(super) fn unbegun_of_each_agent(&self) -> Vec<u32> {
        let count = self.spec.tasks.count.unwrap_or(0);
        let FleetSize::Count(agents) = self.spec.agents else {
            return vec![];
        };
        let of_agent = |i: u32| i * count + self.had[i as usize]..(i + 1) * count;
        (0..agents).flat_map(of_agent).collect()
    }
}
