//! The agents: flat records in one array, with their layer state beside them.
//!
//! An agent waits for one event at a time. The event names only the agent; what it means stands in
//! the agent's own record, and an event that the agent no longer waits for is known by its key
//! (`wake`) and ignored. Sub-agents of `parallel` steps are agents too; slots are used again.

use crate::units::{Money, Time};
use crate::wire::Outcome;

use super::pages::{Needs, Page, Talk, Timed, Told, Whereabouts};
use super::program::{BlockId, LayerId, NO_BLOCK, NO_LAYER, Pc, Scope};

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
    /// It waits for a token of an adaptive rate limit, to ask again.
    AwaitsToken,
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

/// One agent: what every program needs. The rest is in [`Page`]s.
///
/// Its first and last bytes are fields of their own, so that reading both brings the whole record
/// into the cache ([`Agents::touch`]).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Agent {
    /// The low half of the key of the one event that may wake it; 0 for none.
    pub wake: u64,
    /// When the task was ready.
    pub ready: Time,
    /// Its attempt under way.
    pub flight: Flight,
    /// Its task's number.
    pub task: u32,
    /// The call that it makes, at the target where it makes it, in a block of a call.
    pub call: u16,
    /// The next op, of an agent between blocks.
    pub pc: Pc,
    /// The innermost block that it is in.
    pub block: BlockId,
    /// The next layer of that block to enter; those before it are entered.
    pub layer: u16,
    /// Which layer caused the attempt at the call that it makes; [`NO_LAYER`] for none.
    pub cause: LayerId,
    /// Its fleet.
    pub fleet: u8,
    /// What it is doing.
    pub doing: Doing,
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

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// When it began.
    pub begin: Time,
    /// How it will end if nobody gives up on it.
    pub outcome: Outcome,
    /// Which attempt of its step it is, from 0; [`Flight::NONE_YET`] before the first.
    pub attempt: u32,
    /// Whether it takes up room at the target (was admitted).
    pub admitted: bool,
    /// Whether it counts toward the target's limits.
    pub counted: bool,
}

impl Flight {
    /// One before the first attempt.
    pub const NONE_YET: u32 = u32::MAX;
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
    /// Which agent holds the task: itself, unless it is a sub-agent or a helper.
    pub root: AgentId,
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

impl Default for Family {
    fn default() -> Family {
        Family::NONE
    }
}

impl Family {
    /// Of an agent alone.
    pub const NONE: Family = Family {
        root: NOBODY,
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
/// The counts inside loops inside loops begin from scattered numbers themselves, so a mere shift
/// would bring them back to where others have been.
pub fn begun_anew(before: u32) -> u32 {
    scattered(before)
}

/// The finaliser of MurmurHash3 (A. Appleby, 2011): a bijection that keeps 0 and scatters the rest.
pub fn scattered(mut h: u32) -> u32 {
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}

impl Agent {
    /// An agent without a task.
    pub fn new(fleet: u8) -> Agent {
        Agent {
            wake: 0,
            doing: Doing::Idle,
            fleet,
            call: 0,
            pc: 0,
            block: NO_BLOCK,
            layer: 0,
            cause: NO_LAYER,
            task: 0,
            ready: Time::ZERO,
            flight: Flight {
                begin: Time::ZERO,
                outcome: Outcome::Ok,
                attempt: 0,
                admitted: false,
                counted: false,
            },
        }
    }
}

/// Counts from nothing again. Where there is nothing to count, nothing is filled (`Agents::forget_words` says why).
#[inline(always)]
pub fn reset(counters: &mut [u32]) {
    match counters {
        [] => {}
        [only] => *only = 0,
        counters => counters.fill(0),
    }
}

/// So few words are seldom in two lines of the cache.
const WORDS_AT_ONCE: usize = 4;

/// All agents of a run.
#[derive(Debug, Default)]
pub struct Agents {
    /// The records.
    pub all: Vec<Agent>,
    /// Words of layer state, and behind them the counters, `stride` an agent.
    words: Vec<u32>,
    /// How long their attempts last.
    pub timed: Page<Timed>,
    /// Money for successful attempts of the task that have not been thrown away.
    pub kept: Page<Purse>,
    /// Where they are among several.
    pub whereabouts: Page<Whereabouts>,
    /// What they have said to models.
    pub talks: Page<Talk>,
    /// What their attempts will be told.
    pub told: Page<Told>,
    /// Links between agents.
    pub families: Page<Family>,
    /// What is paid for in advance.
    pub prepaid: Page<Prepaid>,
    /// Whether there are any pages but their whereabouts.
    pub has_pages: bool,
    stride: usize,
    /// Where the counters of an agent begin in its words.
    counters: usize,
    free: Vec<AgentId>,
    /// Most slots in use at once.
    in_use: u32,
    peak: u32,
}

impl Agents {
    /// No agents, each to have so many words and counters, and these pages.
    pub fn new(words: usize, counters: usize, needs: Needs) -> Agents {
        Agents {
            has_pages: needs.more_than_whereabouts(),
            stride: words + counters,
            counters: words,
            timed: Page::new(needs.timed),
            kept: Page::new(needs.kept),
            whereabouts: Page::new(needs.whereabouts),
            talks: Page::new(needs.talks),
            told: Page::new(needs.told),
            families: Page::new(needs.families),
            prepaid: Page::new(needs.prepaid),
            ..Agents::default()
        }
    }

    /// Adds an agent, in a free slot if there is one.
    pub fn add(&mut self, fleet: u8) -> AgentId {
        self.in_use += 1;
        self.peak = self.peak.max(self.in_use);
        if let Some(id) = self.free.pop() {
            self.all[id as usize] = Agent::new(fleet);
            if let Some(whereabouts) = self.whereabouts.get_mut(id) {
                whereabouts.forget();
            }
            self.forget_words(id);
            self.renew(id);
            self.families.set(id, Family::NONE);
            return id;
        }
        self.all.push(Agent::new(fleet));
        self.timed.push();
        self.kept.push();
        self.whereabouts.push();
        self.talks.push();
        self.told.push();
        self.families.push();
        self.prepaid.push();
        if self.stride > 0 {
            self.words.resize(self.words.len() + self.stride, 0);
        }
        (self.all.len() - 1) as AgentId
    }

    /// Filling nothing is not for free: the address of an empty list is that of no memory, and
    /// processors take long over a masked store to that, even if it is masked out as a whole.
    fn forget_words(&mut self, id: AgentId) {
        if self.stride > 0 {
            let words = id as usize * self.stride;
            self.words[words..words + self.stride].fill(0);
        }
    }

    /// Makes room for so many more agents, who come in any case.
    pub fn expect(&mut self, more: usize) {
        self.all.reserve(more);
        self.timed.expect(more);
        self.kept.expect(more);
        self.whereabouts.expect(more);
        self.talks.expect(more);
        self.told.expect(more);
        self.families.expect(more);
        self.prepaid.expect(more);
        self.words.reserve(more * self.stride);
    }

    /// Whether an agent still waits for a token as it did when it had this ticket.
    pub fn awaits_token(&self, (id, ticket): (AgentId, u32)) -> bool {
        let agent = &self.all[id as usize];
        agent.doing == Doing::AwaitsToken && self.ticket(id) == ticket
    }

    /// So many words of an agent's layer state from `word` on.
    #[inline]
    pub fn words_from<const N: usize>(&mut self, id: AgentId, word: u16) -> &mut [u32; N] {
        let at = id as usize * self.stride + usize::from(word);
        let words = (&mut self.words[at..at + N]).try_into();
        words.expect("that many were asked for")
    }

    /// An agent's record, the words of its layer state, and its counters.
    #[inline]
    pub fn whole(&mut self, id: AgentId) -> (&mut Agent, &mut [u32], &mut [u32]) {
        let from = id as usize * self.stride;
        let state = &mut self.words[from..from + self.stride];
        let (words, counters) = state.split_at_mut(self.counters);
        (&mut self.all[id as usize], words, counters)
    }

    /// Forgets what an agent's pages say about its task: it begins another.
    #[inline]
    pub fn renew(&mut self, id: AgentId) {
        self.timed.set(id, Timed::default());
        self.kept.set(id, Purse::EMPTY);
        self.talks.set(id, Talk::default());
        self.told.set(id, Told::default());
        self.prepaid.set(id, Prepaid::default());
    }

    /// What an agent's pages say about its task, another's say too.
    pub fn hand_down(&mut self, from: AgentId, to: AgentId) {
        self.timed.set(to, self.timed.of(from));
        self.talks.set(to, self.talks.of(from));
        self.told.set(to, self.told.of(from));
        self.prepaid.set(to, self.prepaid.of(from));
    }

    /// What layers remember of an agent, they remember of another too: it stands where that stands.
    pub fn copy_words(&mut self, from: AgentId, to: AgentId) {
        let (from, to) = (from as usize * self.stride, to as usize * self.stride);
        self.words.copy_within(from..from + self.counters, to);
    }

    /// Reads a bit of what is kept of an agent, so that it is in the cache soon after.
    #[inline]
    pub fn touch(&self, id: AgentId) -> u64 {
        let record = self
            .all
            .get(id as usize)
            .map_or(0, |agent| agent.wake ^ agent.doing as u64);
        let words = id as usize * self.stride;
        let word = |at: usize| u64::from(self.words.get(at).copied().unwrap_or_default());
        let mut sum = record ^ word(words);
        if self.stride > WORDS_AT_ONCE {
            sum ^= word(words + self.stride - 1);
        }
        if self.has_pages {
            sum ^= self.timed.of(id).until.0 ^ self.kept.of(id).bits();
            sum ^= u64::from(self.talks.of(id).context) ^ self.told.of(id).0.0;
        }
        sum
    }

    /// Which agent holds the task that an agent works on.
    #[inline]
    pub fn root(&self, id: AgentId) -> AgentId {
        self.families.get(id).map_or(id, |family| family.root)
    }

    /// Which round of loops and which branch an agent is in.
    #[inline]
    pub fn round(&self, id: AgentId) -> u32 {
        self.whereabouts.get(id).map_or(0, |place| place.round)
    }

    /// How often an agent's task was submitted again before.
    #[inline]
    pub fn resubmitted(&self, id: AgentId) -> u32 {
        self.whereabouts
            .get(id)
            .map_or(0, |place| place.resubmitted)
    }

    /// Of a helper inside a hedge: which one, from 1. Otherwise 0.
    #[inline]
    pub fn lane(&self, id: AgentId) -> u8 {
        self.whereabouts.get(id).map_or(0, |place| place.lane)
    }

    /// What names an agent's latest attempt or place in a line; what answers to an older one comes
    /// too late.
    #[inline]
    pub fn ticket(&self, id: AgentId) -> u32 {
        self.whereabouts.get(id).map_or(0, |place| place.ticket)
    }

    /// From now on an agent has another ticket, which is returned.
    #[inline]
    pub fn stamp(&mut self, id: AgentId) -> u32 {
        let Some(place) = self.whereabouts.get_mut(id) else {
            return 0;
        };
        place.ticket = place.ticket.wrapping_add(1);
        place.ticket
    }

    /// Which layer caused what an agent does now in a block of this scope.
    #[inline]
    pub fn cause(&self, id: AgentId, scope: Scope) -> LayerId {
        match scope {
            Scope::Call => self.all[id as usize].cause,
            outer => (self.whereabouts.get(id)).map_or(NO_LAYER, |p| p.cause[outer as usize]),
        }
    }

    /// Notes which layer caused it.
    #[inline]
    pub fn set_cause(&mut self, id: AgentId, scope: Scope, layer: LayerId) {
        match scope {
            Scope::Call => self.all[id as usize].cause = layer,
            outer => self.whereabouts[id as usize].cause[outer as usize] = layer,
        }
        if let Some(place) = self.whereabouts.get_mut(id) {
            place.caused_above[scope as usize] = 0;
        }
    }

    /// An agent enters a turn or call: what caused what is around it causes it too.
    #[inline]
    pub fn inherit_cause(&mut self, id: AgentId, around: Scope, entered: Scope) {
        let cause = self.cause(id, around);
        match (entered, self.whereabouts.get_mut(id)) {
            (Scope::Call, _) => self.all[id as usize].cause = cause,
            (outer, Some(place)) => place.cause[outer as usize] = cause,
            (_, None) => {}
        }
        if let Some(place) = self.whereabouts.get_mut(id) {
            place.caused_above[entered as usize] = place.caused_above[around as usize];
        }
    }

    /// Frees a slot.
    pub fn remove(&mut self, id: AgentId) {
        let agent = &mut self.all[id as usize];
        agent.doing = Doing::Free;
        agent.wake = 0;
        self.stamp(id);
        self.in_use -= 1;
        self.free.push(id);
    }

    /// Word `word` of an agent's layer state.
    #[inline]
    pub fn word(&mut self, id: AgentId, word: u16) -> &mut u32 {
        &mut self.words[id as usize * self.stride + usize::from(word)]
    }

    /// What stands in a word of an agent's layer state.
    #[inline]
    pub fn word_of(&self, id: AgentId, word: u16) -> u32 {
        self.words[id as usize * self.stride + usize::from(word)]
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

    /// Counter `counter` of an agent.
    #[inline]
    pub fn counter(&mut self, id: AgentId, counter: usize) -> &mut u32 {
        &mut self.words[id as usize * self.stride + self.counters + counter]
    }

    /// The counters of an agent.
    #[inline]
    pub fn counters_of(&mut self, id: AgentId) -> &mut [u32] {
        let from = id as usize * self.stride;
        &mut self.words[from + self.counters..from + self.stride]
    }

    /// Most agents at once, sub-agents included.
    pub fn peak(&self) -> u32 {
        self.peak
    }

    /// Bytes that each agent holds in these arrays.
    pub fn bytes_each(&self) -> usize {
        let pages = [
            self.timed.bytes(),
            self.kept.bytes(),
            self.whereabouts.bytes(),
            self.talks.bytes(),
            self.told.bytes(),
            self.families.bytes(),
            self.prepaid.bytes(),
        ];
        size_of::<Agent>() + 4 * self.stride + pages.iter().sum::<usize>()
    }
}
