//! Plans and policies, compiled into one flat program.
//!
//! A plan becomes a list of [`Op`]s that an agent steps through; each scope that can hold layers
//! (task, turn, call) becomes a [`Block`]; the layers of all blocks lie in one array, outermost
//! first, with the place of their state worked out in advance. So the hot path follows indices and
//! knows neither names nor nested lists.
//!
//! ```text
//! Open(task) ── Open(turn) ── Call(llm) ── Call(tool) ── Close(turn) ── … ── Close(task)
//!    │ layers      │ layers      │ layers
//! ```

use crate::random::Distribution;
use crate::resilience::{
    AdaptiveLimitSpec, AdaptiveThrottleSpec, BreakerSpec, ClientLimitSpec, HedgeSpec,
    RetryBudgetSpec, RetrySpec, RouterSpec, SemaphoreSpec,
};
use crate::scenario::model::{
    DeadLetter, FleetBreaker, FleetLayers, LlmStep, OnFailure, Policy, Scenario, Shared, TargetId,
    ToolStep, Via,
};
use crate::units::{Money, Span};
use crate::wire::OutcomeSet;

use super::compile::Compiler;
use super::memory::Memory;
use super::strides::Onward;

/// Index of an [`Op`].
pub type Pc = u16;
/// Index of a [`Block`].
pub type BlockId = u16;
/// Index of a written layer of the policy, as reports count them.
pub type LayerId = u16;

/// The [`LayerId`] of no layer: the cause of first attempts.
pub const NO_LAYER: LayerId = LayerId::MAX;
/// The [`CompiledLayer::route`] of a retry layer that decides alone.
pub const NO_ROUTE: u16 = u16::MAX;
/// The [`CompiledLayer::first_of`] of a layer that acts whenever it is asked.
pub const NO_WORD: u16 = u16::MAX;
/// The [`BlockId`] of no block.
pub const NO_BLOCK: BlockId = BlockId::MAX;

/// A scenario's plans under one policy.
#[derive(Debug)]
pub struct Program {
    /// The code of all fleets and branches.
    pub ops: Vec<Op>,
    /// Every scope that can hold layers.
    pub blocks: Vec<Block>,
    /// The layers of all blocks.
    pub layers: Vec<CompiledLayer>,
    /// Layers that watch over others: ranges are named by layers and calls.
    pub guards: Vec<Guard>,
    /// Calls, one a model or tool step, each followed by those at other targets that layers may
    /// make instead.
    pub calls: Vec<Call>,
    /// Groups of layers whose calls may be made elsewhere: one for each of the call's targets.
    pub detours: Vec<u16>,
    /// Think times.
    pub waits: Vec<(Distribution, u16)>,
    /// Loops.
    pub loops: Vec<Loop>,
    /// Forks.
    pub forks: Vec<Fork>,
    /// One entry a fleet.
    pub fleets: Vec<FleetProgram>,
    /// How far inside each written layer stands, by [`LayerId`]: by scope, then by its place.
    pub ranks: Vec<u32>,
    /// What reports call each written layer, by [`LayerId`].
    pub labels: Vec<String>,
    /// 32-bit words of layer state an agent needs.
    pub words: usize,
    /// Whether anything is paid for in advance: a prompt cache, a budget.
    pub prepays: bool,
    /// Whether a script tells calls apart, so that the attempts of each are counted.
    pub counts_calls: bool,
    /// Whether turns may be tried again, which then begin as they did.
    pub turns_repeat: bool,
    /// Whether [`steps_come_once`](super::memory::steps_come_once): then nobody has counters.
    pub once: bool,
    /// 32-bit counters an agent needs.
    pub counters: usize,
    /// The groups of shared layer state.
    pub groups: Groups,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Enter a task or turn.
    Open(BlockId),
    /// Its body has succeeded.
    Close(BlockId),
    /// Enter a call.
    Call(BlockId),
    /// Think.
    Wait(u16),
    /// Begin a loop.
    LoopBegin(u16),
    /// Go round again, or on.
    LoopEnd(u16),
    /// Start sub-agents and wait for them.
    Fork(u16),
}

/// The scope of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// A whole task, or a sub-agent's whole branch.
    Task = 0,
    /// A turn.
    Turn = 1,
    /// A call.
    Call = 2,
}

/// A scope that can hold layers.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Its scope.
    pub scope: Scope,
    /// Its first layer.
    pub first: u16,
    /// One past its last layer.
    pub end: u16,
    /// The block around it; [`NO_BLOCK`] for tasks and branches.
    pub parent: BlockId,
    /// The scope of that block.
    pub around: Scope,
    /// Where the layers of that block end.
    pub outside: u16,
    /// First op of its body.
    pub body: Pc,
    /// The op after it.
    pub after: Pc,
    /// Of a call: index in [`Program::calls`].
    pub call: u16,
    /// Of a turn that may be tried again: the first of the four words of its snapshot.
    pub word: u16,
    /// What happens when it fails for good.
    pub on_failure: OnFailure,
    /// Whether no layer of it has anything to do when it succeeds.
    pub quiet: bool,
}

/// A layer, ready to run.
#[derive(Clone, Debug)]
pub struct CompiledLayer {
    /// What it does.
    pub kind: Kind,
    /// Its number in reports.
    pub id: LayerId,
    /// Who shares its state.
    pub shared: Shared,
    /// Which group of shared state.
    pub group: u16,
    /// Inside of detours: where [`Program::detours`] names its groups by target.
    pub detours: Option<u16>,
    /// Its first word of the agent's state.
    pub word: u16,
    /// Of a retry layer: what it remembers, and where.
    pub memory: Memory,
    /// Of a retry layer: the route inside it that has a say in its waits, or [`NO_ROUTE`].
    pub route: u16,
    /// Of a retry layer: the word in which the retry layer counts its attempts within whose first one
    /// alone this one acts, or [`NO_WORD`].
    pub first_of: u16,
    /// Of a retry or hedge layer: the retry budgets outside it, a range of [`Program::guards`].
    pub guards: (u16, u16),
}

/// What a compiled layer does.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the layer of that name")]
pub enum Kind {
    Retry(Box<RetrySpec>),
    Timeout(Span),
    Patience(Box<Patience>),
    Breaker(BreakerSpec),
    Stored(Box<Stored>),
    Concurrency(SemaphoreSpec),
    RateLimit(ClientLimitSpec),
    AdaptiveLimit(AdaptiveLimitSpec),
    AdaptiveThrottle(AdaptiveThrottleSpec),
    RetryBudget(RetryBudgetSpec),
    Budget(Money),
    Hedge(HedgeSpec),
    /// With the detours to its targets.
    Fallback(Box<[u8]>, OutcomeSet),
    Route(Box<RouteLayer>),
}

/// A router, ready to run.
#[derive(Clone, Debug)]
pub struct RouteLayer {
    /// What it does.
    pub spec: RouterSpec,
    /// The detours to its deployments.
    pub detours: Vec<u8>,
    /// The word of the fallback around it, if there is one.
    pub fallback: Option<u16>,
}

/// A timeout that is drawn, ready to run.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long it is \[ns\].
    pub time: Distribution,
    /// Whose luck it has: the number of its call's step, or of the first one inside it.
    pub step: u16,
    /// Tells it from others that begin with that step.
    pub salt: u32,
    /// Which counter counts how often it was entered; those after it, by the hedges outside it.
    pub counter: u16,
}

/// A layer whose state is kept in a store that has to be asked.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is kept there.
    pub kind: StoredKind,
    /// How it is asked.
    pub via: Via,
    /// The first of the three words that the asking takes.
    pub word: u16,
}

/// What may be kept in a store.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the layer of that name")]
pub enum StoredKind {
    Breaker(BreakerSpec),
    RateLimit(ClientLimitSpec),
}

/// A layer that watches over calls or retries inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Index in [`Program::layers`].
    pub layer: u16,
    /// How many forks stand between: its state is that of the agent so many further up.
    pub forks: u8,
    /// How far inside it stands; what a retry layer of a higher rank asks for is a retry to it.
    pub rank: u32,
}

/// A model or tool step.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub target: TargetId,
    /// The step's number in the fleet's plan, for draws and logs.
    pub step: u16,
    /// The same among the steps of all fleets' plans, one after the other.
    pub page: u16,
    /// Which counter counts its attempts; those after it count its hedges.
    pub counter: u16,
    /// How many counters those are: one, and one for each hedge that may go out.
    pub lanes: u16,
    /// What kind of step.
    pub kind: CallKind,
    /// Of a model step with drawn output: how long that may become, for estimates.
    pub longest_output: u32,
    /// The budgets around it, a range of [`Program::guards`].
    pub budgets: (u16, u16),
    /// The retry budgets around it that hear of its attempts, a range of [`Program::guards`].
    pub payers: (u16, u16),
    /// Whether it never costs money or tokens.
    pub free: bool,
    /// Whether budgets, or retry budgets that hear of attempts, stand around it.
    pub is_guarded: bool,
    /// Whether it is free, not guarded, and nothing but luck decides how its target answers.
    pub is_simple: bool,
    /// What comes after its success, where nothing can hold that up.
    pub onward: Onward,
}

/// A call's own parameters.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the step of that name")]
pub enum CallKind {
    Llm(LlmStep),
    Tool(ToolStep),
}

/// A loop.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    /// How often.
    pub times: u32,
    /// First op of the body.
    pub body: Pc,
    /// Counter of rounds done; the next one counts how often the loop was begun.
    pub counter: u16,
    /// Counters that begin anew each round, a range.
    pub inner: (u16, u16),
}

/// A fork.
#[derive(Clone, Debug)]
pub struct Fork {
    /// For each sub-agent the block of its branch.
    pub branches: Vec<BlockId>,
    /// The op after the branches.
    pub after: Pc,
    /// Which counter counts how often it was made.
    pub counter: u16,
    /// Tokens that each report adds.
    pub result_tokens: u32,
    /// What happens when a sub-agent fails.
    pub on_failure: OnFailure,
}

/// A fleet's entry.
#[derive(Clone, Debug)]
pub struct FleetProgram {
    /// Where a task begins.
    pub entry: Pc,
    /// Whether it may submit tasks again.
    pub comes_back: bool,
    /// The queue's retry layer.
    pub retry: Option<(RetrySpec, LayerId)>,
    /// The batch's breaker.
    pub breaker: Option<(FleetBreaker, LayerId)>,
    /// The dead-letter queue.
    pub dead_letter: Option<(DeadLetter, LayerId)>,
    /// The first word of what an agent keeps of its task for the queue.
    pub word: u16,
}

/// How many groups of shared state there are of each kind, and who shares each.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "one list a kind of layer")]
pub struct Groups {
    pub breakers: Vec<(Shared, BreakerSpec)>,
    pub semaphores: Vec<(Shared, ())>,
    pub limits: Vec<(Shared, ())>,
    pub adaptive_limits: Vec<(Shared, ())>,
    pub throttles: Vec<(Shared, ())>,
    pub retry_budgets: Vec<(Shared, ())>,
    pub accounts: Vec<(Shared, ())>,
    pub latencies: Vec<(Shared, ())>,
    pub routers: Vec<(Shared, ())>,
}

impl Program {
    /// Compiles the scenario's plans under `policy`.
    pub fn new(scenario: &Scenario, policy: &Policy) -> Program {
        Compiler::new(scenario, policy).compile()
    }

    /// The targets that these ops may call, those of detours too.
    pub fn targets_of(&self, ops: std::ops::Range<usize>) -> impl Iterator<Item = TargetId> {
        let blocks = self.ops[ops].iter().filter_map(|op| match op {
            Op::Call(block) => Some(&self.blocks[usize::from(*block)]),
            _ => None,
        });
        let calls = self.blocks.iter().filter(|b| b.scope == Scope::Call);
        let begins: Vec<u16> = calls.map(|b| b.call).collect();
        blocks.flat_map(move |b| {
            let next = begins.iter().filter(|begin| **begin > b.call).min();
            let end = next.map_or(self.calls.len(), |end| usize::from(*end));
            let of_step = &self.calls[usize::from(b.call)..end];
            of_step.iter().map(|call| call.target)
        })
    }

    /// Whether an agent may have others that work for it.
    pub fn has_families(&self) -> bool {
        let hedges = |layer: &CompiledLayer| matches!(layer.kind, Kind::Hedge(_));
        !self.forks.is_empty() || self.layers.iter().any(hedges)
    }
}

impl Call {
    /// Which of an agent's counters counts its attempts, or the hedges of this number.
    #[inline]
    pub fn counter_of(&self, hedge: u8) -> usize {
        usize::from(self.counter) + usize::from(hedge)
    }
}

impl FleetProgram {
    /// How many words of agent state the queue needs: the delay before the latest submission, and
    /// how often the task came back from the dead-letter queue.
    pub fn words(fleet: &FleetLayers) -> usize {
        let delay = fleet.retry.as_ref().is_some_and(RetrySpec::remembers_delay);
        let returns = fleet.dead_letter.is_some_and(|d| d.resubmit.is_some());
        if delay || returns { 3 } else { 0 }
    }

    /// Whether its tasks come once each, and nothing but the agents' number holds them up.
    pub fn is_plain(&self) -> bool {
        !self.comes_back && self.breaker.is_none()
    }

    /// Whether it needs them.
    pub fn keeps_tries(&self) -> bool {
        let delay = self
            .retry
            .as_ref()
            .is_some_and(|(spec, _)| spec.remembers_delay());
        delay || self.dead_letter.is_some_and(|(d, _)| d.resubmit.is_some())
    }
}

impl Kind {
    /// Whether it gives up waiting after a time.
    #[inline]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Kind::Timeout(_) | Kind::Patience(_))
    }
}

impl CompiledLayer {
    /// Whether agents stand in line before it.
    pub fn has_line(&self) -> bool {
        matches!(self.kind, Kind::Concurrency(_) | Kind::AdaptiveLimit(_))
    }

    /// Whether it has nothing to do when what is inside it succeeds.
    pub fn ignores_success(&self) -> bool {
        match self.kind {
            Kind::Retry(_) => self.guards.0 == self.guards.1,
            Kind::RateLimit(_) | Kind::RetryBudget(_) | Kind::Budget(_) => true,
            _ => false,
        }
    }
}
