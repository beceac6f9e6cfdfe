//! What only some programs need to know of each agent: pages beside the agents' own records.
//!
//! A page that a program does not need is empty and reads as if nothing were on it; so a scenario
//! without timeouts, models or money pays neither room nor time for them.

use std::ops::{Index, IndexMut};

use crate::scenario::model::Scenario;
use crate::units::{Span, Time};
use crate::world::price::Usage;
use crate::world::{Capacity, Target};

use super::agent::{AgentId, NOBODY};
use super::program::{CallKind, CompiledLayer, Kind, LayerId, NO_LAYER, Program};

/// One kind of page: an entry for each agent, or none at all.
#[derive(Clone, Debug, Default)]
pub struct Page<T> {
    needed: bool,
    all: Vec<T>,
}

/// Which pages a program needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub timed: bool,
    pub kept: bool,
    pub whereabouts: bool,
    pub talks: bool,
    pub told: bool,
    pub families: bool,
    pub prepaid: bool,
}

/// How long what an agent does may last; where there are timeouts, or others that give up on it.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// When what it waits for is done; [`Time::NEVER`] if others will tell.
    pub until: Time,
    /// The earliest of its active timeouts.
    pub deadline: Time,
}

/// Where an agent is among several: rounds, hedges, places in line, causes. Where each step is made
/// once, nothing is tried again as a whole, and nobody answers later than is known at once, there is
/// only one place to be.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// Which round of loops and which branch it is in.
    pub round: u32,
    /// Names its latest attempt or place in a line; what answers to an older one comes too late.
    pub ticket: u32,
    /// Which layers caused what is done now in its task and in its turn.
    pub cause: [LayerId; 2],
    /// For each scope, how many forks further up the agent is in whose blocks that layer stands.
    pub caused_above: [u8; 3],
    /// The job that will bring the reply, while the agent awaits one.
    pub job: u32,
    /// What the step's attempts had been counted to when this call began.
    pub call_from: u32,
    /// How often the task was submitted again before.
    pub resubmitted: u32,
    /// Of a helper inside a hedge: which one, from 1. Otherwise 0.
    pub lane: u8,
}

/// What an agent has said to models; where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Talk {
    /// Tokens of the attempt under way.
    pub usage: Usage,
    /// Tokens of the conversation.
    pub context: u32,
    /// Tokens that retries after `invalid` have added to the prompt of this call.
    pub grown: u32,
}

/// The `Retry-After` that will come with the attempt under way, [`Span::MAX`] for none; where targets
/// send any.
#[derive(Clone, Copy, Debug)]
pub struct Told(pub Span);

impl Needs {
    /// What a program of this scenario needs.
    pub fn of(scenario: &Scenario, program: &Program) -> Needs {
        let families = program.has_families();
        let times = Kind::is_timeout;
        let targets = &scenario.targets;
        Needs {
            timed: families || program.layers.iter().any(|layer| times(&layer.kind)),
            whereabouts: !program.once
                || program.layers.iter().any(CompiledLayer::has_line)
                || !targets.iter().all(is_direct),
            kept: targets.iter().any(|target| !target.price.is_nothing()),
            talks: (program.calls.iter()).any(|call| matches!(call.kind, CallKind::Llm(_))),
            told: targets.iter().any(sends_retry_after),
            families,
            prepaid: program.prepays,
        }
    }
}

/// Whether it knows at once when it will answer.
pub fn is_direct(target: &Target) -> bool {
    target.network.is_none()
        && target.contention.is_none()
        && !matches!(target.capacity, Capacity::Servers { .. })
}

/// Whether `Retry-After` comes with any of its answers.
fn sends_retry_after(target: &Target) -> bool {
    target.script.is_some() || !target.limits.is_empty() || target.hints().next().is_some()
}

impl Needs {
    /// Whether any page is needed beside that of whereabouts.
    pub fn more_than_whereabouts(self) -> bool {
        let others = Needs {
            whereabouts: false,
            ..self
        };
        others != Needs::default()
    }
}

impl Whereabouts {
    /// In no loop, fork, hedge or line, and asked for by nobody.
    pub const ALONE: Whereabouts = Whereabouts {
        round: 0,
        ticket: 0,
        cause: [NO_LAYER; 2],
        caused_above: [0; 3],
        job: NOBODY,
        call_from: 0,
        resubmitted: 0,
        lane: 0,
    };

    /// The agent begins a task, or another takes its slot: only the ticket stays, so that what comes
    /// for an older one is known to be late.
    #[inline]
    pub fn forget(&mut self) {
        *self = Whereabouts {
            ticket: self.ticket,
            ..Whereabouts::ALONE
        };
    }
}

impl Default for Whereabouts {
    fn default() -> Whereabouts {
        Whereabouts::ALONE
    }
}

impl Default for Timed {
    fn default() -> Timed {
        Timed {
            until: Time::NEVER,
            deadline: Time::NEVER,
        }
    }
}

impl Default for Told {
    fn default() -> Told {
        Told(Span::MAX)
    }
}

impl<T: Copy + Default> Page<T> {
    /// A page without entries, which stays so if it is not `needed`.
    pub fn new(needed: bool) -> Page<T> {
        let all = vec![];
        Page { needed, all }
    }

    /// An entry for one more agent.
    pub fn push(&mut self) {
        if self.needed {
            self.all.push(T::default());
        }
    }

    /// Makes room for so many more entries.
    pub fn expect(&mut self, more: usize) {
        if self.needed {
            self.all.reserve(more);
        }
    }

    /// An agent's entry, if the page is needed.
    #[inline]
    pub fn get(&self, id: AgentId) -> Option<&T> {
        self.all.get(id as usize)
    }

    /// An agent's entry to write on, if the page is needed.
    #[inline]
    pub fn get_mut(&mut self, id: AgentId) -> Option<&mut T> {
        self.all.get_mut(id as usize)
    }

    /// What an agent's entry says; that of an empty one if the page is not needed.
    #[inline]
    pub fn of(&self, id: AgentId) -> T {
        self.get(id).copied().unwrap_or_default()
    }

    /// Writes an agent's entry, if the page is needed.
    #[inline]
    pub fn set(&mut self, id: AgentId, entry: T) {
        if let Some(slot) = self.get_mut(id) {
            *slot = entry;
        }
    }

    /// Bytes of an entry; none if the page is not needed.
    pub fn bytes(&self) -> usize {
        if self.needed { size_of::<T>() } else { 0 }
    }
}

/// Of a page that is needed.
impl<T> Index<usize> for Page<T> {
    type Output = T;

    fn index(&self, id: usize) -> &T {
        &self.all[id]
    }
}

impl<T> IndexMut<usize> for Page<T> {
    fn index_mut(&mut self, id: usize) -> &mut T {
        &mut self.all[id]
    }
}
