//! The agents: flat records in one array, with their layer state beside them.
//!
//! An agent waits for one event at a time. The event names only the agent; what it means stands in
//! the agent's own record, and an event that the agent no longer waits for is known by its key
//! (`wake`) and ignored. Sub-agents of `parallel` steps are agents too; slots are used again.

use crate::units::{Money, Span, Time};
use crate::wire::Outcome;
use crate::world::price::Usage;

use super::program::{BlockId, LayerId, NO_BLOCK, NO_LAYER, Pc};

/// Index of an agent.
pub type AgentId = u32;
/// The [`AgentId`] of nobody.
pub const NOBODY: AgentId = AgentId::MAX;

/// What an agent is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing; its slot is free.
    #[default]
    Free,
    /// It has no task.
    Idle,
    /// It is about to take its first task.
    Starting,
    /// It waits before it enters the next layer (backoff, client-side rate limit, a slot that has
    /// just been handed to it).
    Sleeping,
    /// It stands in line before a semaphore.
    InLine,
    /// It asks a store on the way into a layer.
    Asks,
    /// It tells a store on the way out of a layer.
    Tells,
    /// Its attempt is under way, and when it will end is known.
    InFlight,
    /// Its attempt is under way, and the server will tell.
    AwaitsReply,
    /// It thinks.
    Thinks,
    /// It waits for its sub-agents.
    Joins,
    /// They have all ended.
    Joined,
    /// It waits for its helpers, and for the time to send one more.
    Hedges,
}

/// One agent.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    /// The low half of the key of the one event that may wake it; 0 for none.
    pub wake: u64,
    /// When what it waits for is done; [`Time::NEVER`] if others will tell.
    pub until: Time,
    /// The earliest of its active timeouts.
    pub deadline: Time,
    /// What it is doing.
    pub doing: Doing,
    /// Its fleet.
    pub fleet: u8,
    /// Of a helper inside a hedge: which one, from 1. Otherwise 0.
    pub lane: u8,
    /// How far from the plan's own target its call is made, in calls of the program.
    pub detour: u8,
    /// The next op, of an agent between blocks.
    pub pc: Pc,
    /// The innermost block that it is in.
    pub block: BlockId,
    /// The next layer of that block to enter; those before it are entered.
    pub layer: u16,
    /// For each scope, which layer caused what is done there now.
    pub cause: [LayerId; 3],
    /// Its task's number.
    pub task: u32,
    /// Which agent holds the task: itself, unless it is a sub-agent.
    pub root: AgentId,
    /// How often the task was submitted again before.
    pub resubmitted: u32,
    /// When the task was ready.
    pub ready: Time,
    /// Tokens of the conversation.
    pub context: u32,
    /// Tokens that retries after `invalid` have added to the prompt of this call.
    pub grown: u32,
    /// What the step's attempts had been counted to when this call began.
    pub call_from: u32,
    /// Which round of loops and which branch it is in.
    pub round: u32,
    /// Names its latest attempt or place in a line; what answers to an older one comes too late.
    pub ticket: u32,
    /// Money for successful attempts of this task that have not been thrown away.
    pub kept: Purse,
    /// Its attempt under way.
    pub flight: Flight,
}

/// Money in half the room: what one task can spend, up to 18 million dollars \[pico-dollars\].
///
/// More than that saturates. The books are kept in [`Money`] and do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purse(u64);

impl Purse {
    /// Nothing in it.
    pub const EMPTY: Purse = Purse(0);

    /// The money in it.
    #[inline]
    pub fn money(self) -> Money {
        Money(i128::from(self.0))
    }

    /// The purse with more in it.
    #[inline]
    pub fn with(self, more: Money) -> Purse {
        Purse::from(self.money() + more)
    }

    /// The purse as a pair of words of layer state.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The purse of a pair of words of layer state.
    pub fn from_bits(bits: u64) -> Purse {
        Purse(bits)
    }
}

impl From<Money> for Purse {
    fn from(money: Money) -> Purse {
        Purse(u64::try_from(money.0.max(0)).unwrap_or(u64::MAX))
    }
}

impl Flight {
    /// The `Retry-After` that will come with it.
    pub fn retry_after(&self) -> Option<Span> {
        (self.told != Span::MAX).then_some(self.told)
    }
}

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// When it began.
    pub begin: Time,
    /// Its tokens.
    pub usage: Usage,
    /// How it will end if nobody gives up on it.
    pub outcome: Outcome,
    /// The `Retry-After` that will come with it; [`Span::MAX`] for none.
    pub told: Span,
    /// Which attempt of its step it is, from 0.
    pub attempt: u32,
    /// Whether it takes up room at the target (was admitted).
    pub admitted: bool,
    /// Whether it counts toward the target's limits.
    pub counted: bool,
    /// The job that will bring the reply, while it awaits one.
    pub job: u32,
}

/// What is paid for in advance; kept apart, because few scenarios have caches or budgets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prepaid {
    /// What budgets have set aside for the attempt under way.
    pub estimate: Purse,
    /// The tokens of the conversation that the prompt cache holds.
    pub prefix: u32,
    /// Until when it holds them.
    pub until: Time,
    /// Whose cache that is: the detour of the call that filled it.
    pub detour: u8,
}

/// Links between a task's agents; kept apart, because few scenarios have sub-agents.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The agent that waits for it.
    pub parent: AgentId,
    /// The next sub-agent of the same parent.
    pub sibling: AgentId,
    /// Its first sub-agent.
    pub child: AgentId,
    /// How many sub-agents or helpers it waits for.
    pub waits_for: u32,
    /// The worst outcome of its sub-agents so far.
    pub worst: Outcome,
    /// The fork that it is in.
    pub fork: u16,
    /// Tokens that reports add when all have ended.
    pub reports: u32,
    /// How many helpers its hedge has sent.
    pub sent: u32,
}

impl Family {
    /// Of an agent alone.
    pub const NONE: Family = Family {
        parent: NOBODY,
        sibling: NOBODY,
        child: NOBODY,
        waits_for: 0,
        worst: Outcome::Ok,
        fork: 0,
        reports: 0,
        sent: 0,
    };
}

/// From where the attempts inside a loop or fork count that was begun so often before: from 0 at
/// first, later from where, as good as certainly, no earlier attempt has been.
///
/// The finaliser of MurmurHash3 (A. Appleby, 2011): a bijection that keeps 0 and scatters the rest.
/// The counts inside loops inside loops begin from scattered numbers themselves, so a mere shift
/// would bring them back to where others have been.
pub fn begun_anew(before: u32) -> u32 {
    let mut h = before;
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}

impl Agent {
    /// An agent without a task.
    pub fn new(fleet: u8) -> Agent {
        Agent {
            wake: 0,
            until: Time::NEVER,
            deadline: Time::NEVER,
            doing: Doing::Idle,
            fleet,
            lane: 0,
            detour: 0,
            pc: 0,
            block: NO_BLOCK,
            layer: 0,
            cause: [NO_LAYER; 3],
            task: 0,
            root: NOBODY,
            resubmitted: 0,
            ready: Time::ZERO,
            context: 0,
            grown: 0,
            call_from: 0,
            round: 0,
            ticket: 0,
            kept: Purse::EMPTY,
            flight: Flight {
                begin: Time::ZERO,
                usage: Usage::default(),
                outcome: Outcome::Ok,
                told: Span::MAX,
                attempt: 0,
                admitted: false,
                counted: false,
                job: NOBODY,
            },
        }
    }
}

/// All agents of a run.
#[derive(Debug, Default)]
pub struct Agents {
    /// The records.
    pub all: Vec<Agent>,
    /// Words of layer state, `words` an agent.
    words: Vec<u32>,
    /// Counters, `counters` an agent.
    pub counters: Vec<u32>,
    /// Links between agents; empty where no plan forks.
    pub families: Vec<Family>,
    /// What is paid for in advance; empty where nothing is.
    pub prepaid: Vec<Prepaid>,
    forks: bool,
    prepays: bool,
    stride: usize,
    counter_stride: usize,
    free: Vec<AgentId>,
    /// Most slots in use at once.
    in_use: u32,
    peak: u32,
}

impl Agents {
    /// No agents, each to have so many words and counters, links if plans fork, and a page of what
    /// is paid in advance if something is.
    pub fn new(words: usize, counters: usize, forks: bool, prepays: bool) -> Agents {
        Agents {
            forks,
            prepays,
            stride: words,
            counter_stride: counters,
            ..Agents::default()
        }
    }

    /// Adds an agent, in a free slot if there is one.
    pub fn add(&mut self, fleet: u8) -> AgentId {
        self.in_use += 1;
        self.peak = self.peak.max(self.in_use);
        if let Some(id) = self.free.pop() {
            let ticket = self.all[id as usize].ticket;
            self.all[id as usize] = Agent::new(fleet);
            self.all[id as usize].ticket = ticket;
            self.counters_of(id).fill(0);
            let words = id as usize * self.stride;
            self.words[words..words + self.stride].fill(0);
            if self.forks {
                self.families[id as usize] = Family::NONE;
            }
            self.renew_prepaid(id);
            return id;
        }
        self.all.push(Agent::new(fleet));
        if self.forks {
            self.families.push(Family::NONE);
        }
        if self.prepays {
            self.prepaid.push(Prepaid::default());
        }
        self.words.resize(self.words.len() + self.stride, 0);
        let counters = self.counters.len() + self.counter_stride;
        self.counters.resize(counters, 0);
        (self.all.len() - 1) as AgentId
    }

    /// Frees a slot.
    pub fn remove(&mut self, id: AgentId) {
        let agent = &mut self.all[id as usize];
        agent.doing = Doing::Free;
        agent.wake = 0;
        agent.ticket = agent.ticket.wrapping_add(1);
        self.in_use -= 1;
        self.free.push(id);
    }

    /// Forgets what was paid for in advance: the agent begins a task.
    #[inline]
    pub fn renew_prepaid(&mut self, id: AgentId) {
        if self.prepays {
            self.prepaid[id as usize] = Prepaid::default();
        }
    }

    /// Word `word` of an agent's layer state.
    #[inline]
    pub fn word(&mut self, id: AgentId, word: u16) -> &mut u32 {
        &mut self.words[id as usize * self.stride + usize::from(word)]
    }

    /// The two words from `word` of an agent's layer state, as one number.
    #[inline]
    pub fn pair(&self, id: AgentId, word: u16) -> u64 {
        let at = id as usize * self.stride + usize::from(word);
        u64::from(self.words[at]) | u64::from(self.words[at + 1]) << 32
    }

    /// Sets the two words from `word` of an agent's layer state.
    #[inline]
    pub fn set_pair(&mut self, id: AgentId, word: u16, value: u64) {
        let at = id as usize * self.stride + usize::from(word);
        self.words[at] = value as u32;
        self.words[at + 1] = (value >> 32) as u32;
    }

    /// The counters of an agent.
    #[inline]
    pub fn counters_of(&mut self, id: AgentId) -> &mut [u32] {
        let from = id as usize * self.counter_stride;
        &mut self.counters[from..from + self.counter_stride]
    }

    /// Most agents at once, sub-agents included.
    pub fn peak(&self) -> u32 {
        self.peak
    }

    /// Bytes that each agent holds in these arrays.
    pub fn bytes_each(&self) -> usize {
        let family = if self.forks { size_of::<Family>() } else { 0 };
        let prepaid = if self.prepays {
            size_of::<Prepaid>()
        } else {
            0
        };
        size_of::<Agent>() + family + prepaid + 4 * self.stride + 4 * self.counter_stride
    }
}
