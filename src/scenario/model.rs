//! The checked scenario: plain data, every name resolved to an index, every value possible.

use serde::{Deserialize, Serialize};

use crate::random::Distribution;
use crate::resilience::{
    AdaptiveLimitSpec, AdaptiveThrottleSpec, BreakerSpec, ClientLimitSpec, HedgeSpec,
    RetryBudgetSpec, RetrySpec, RouterSpec, SemaphoreSpec,
};
use crate::units::{Money, Rate, Share, Span, Time};
use crate::wire::OutcomeSet;
use crate::world::{Store, Target};

/// One scenario file, read and found sound.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name; also the name of its output folder. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// One or more sentences for the reader.
    pub about: String,
    /// The seed of all its randomness.
    pub seed: u64,
    /// When a run is cut off.
    pub horizon: Span,
    /// How many replications unless the command line says otherwise.
    pub replications: u32,
    /// The most events that one run may handle before it is cut off.
    pub max_events: u64,
    /// Models and tools, in the order written (models first).
    pub targets: Vec<Target>,
    /// Stores that layers keep their state in, in the order written.
    pub stores: Vec<Store>,
    /// The fleets, in the order written.
    pub fleets: Vec<Fleet>,
    /// The policies, in the order written. The first is the baseline of comparisons.
    pub policies: Vec<Policy>,
    /// What must hold for the run to count as passed.
    pub thresholds: Vec<Threshold>,
    /// The files that it names, in the order in which they were read.
    pub files: Vec<NamedFile>,
}

/// A file that a scenario names, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFile {
    /// Its path, as written in the scenario.
    pub name: String,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub sha256: String,
}

/// Index of a target in [`Scenario::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId(pub u16);

/// A group of agents with the same work.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Its name.
    pub name: String,
    /// How many agents.
    pub agents: Agents,
    /// When they start.
    pub start: Start,
    /// Where their tasks come from.
    pub tasks: Tasks,
    /// What a task consists of.
    pub plan: Vec<Step>,
}

/// How many agents a fleet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agents {
    /// So many, each with one task at a time (closed loop).
    Count(u32),
    /// One for each task that arrives, at once (open loop).
    Unlimited,
}

/// When the agents of a fleet start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All at once.
    At(Time),
    /// One after the other: agent `i` at `i` times this.
    Every(Span),
    /// Each at a uniform random time within this.
    Within(Span),
}

/// Where tasks come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Tasks {
    /// When they come.
    pub arrivals: Arrivals,
    /// How many there are; `None` is as many as arrive before the horizon.
    pub count: Option<u32>,
    /// How many come at once, rounded, at least one; one at a time if `None`.
    pub at_once: Option<Distribution>,
    /// Whether each agent repeats the whole batch instead of sharing it. Only with
    /// [`Arrivals::Batch`] and a count.
    pub each_agent: bool,
}

/// When tasks come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// All are there from the start.
    Batch,
    /// Evenly spaced, the first one interval after the start.
    Even(Rate),
    /// A Poisson process.
    Poisson(Rate),
    /// A renewal process: the times from one to the next are drawn \[ns\].
    Gaps(Distribution),
    /// A Poisson process that is on and off in turn.
    OnOff(Box<OnOff>),
    /// A Poisson process whose rate changes: points in ascending time.
    Varying {
        /// (time, tasks per nanosecond).
        points: Vec<(Time, f64)>,
        /// Whether the rate runs linearly from point to point (ramps), or holds until the next
        /// (steps). Before the first point it is zero, after the last it holds.
        ramp: bool,
    },
    /// Recorded requests, in ascending time.
    Trace(Vec<TraceRow>),
}

/// Arrivals that are on at first, then off, and so on, for drawn times.
#[derive(Clone, Debug, PartialEq)]
pub struct OnOff {
    /// How long they are on \[ns\].
    pub on: Distribution,
    /// How long they are off \[ns\].
    pub off: Distribution,
    /// Their rate while on.
    pub rate: Rate,
    /// Their rate while off; may be zero.
    pub idle_rate: Rate,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// When it came, counted from the first row.
    pub at: Time,
    /// Input tokens.
    pub context: u32,
    /// Output tokens.
    pub generated: u32,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub enum Step {
    /// Ask a model.
    Llm(LlmStep),
    /// Call a tool.
    Tool(ToolStep),
    /// Do nothing for a while (think time) \[ns\].
    Wait(Distribution),
    /// Do the steps several times.
    Repeat {
        /// How often; at least 1.
        times: u32,
        /// What.
        steps: Vec<Step>,
    },
    /// Several sub-agents at once; the step ends when all have ended.
    Parallel(ParallelStep),
}

/// Ask a model. The input is the conversation so far and the prompt; the answer joins the
/// conversation.
#[derive(Clone, Debug)]
pub struct LlmStep {
    /// Which model.
    pub target: TargetId,
    /// What is added to the conversation before asking \[tokens\].
    pub prompt: Tokens,
    /// How long the answer is \[tokens\].
    pub output: Tokens,
    /// Whether the conversation so far is left out of the input, and the answer out of it.
    pub fresh: bool,
    /// The probability that an answer passes validation.
    pub passes: Share,
    /// The share of tasks whose answers never pass.
    pub never: Share,
    /// What happens when the call fails for good.
    pub on_failure: OnFailure,
}

/// Call a tool. Its result joins the conversation.
#[derive(Clone, Debug)]
pub struct ToolStep {
    /// Which tool.
    pub target: TargetId,
    /// How long the result is \[tokens\].
    pub result_tokens: Tokens,
    /// What happens when the call fails for good.
    pub on_failure: OnFailure,
}

/// Sub-agents, each with an empty conversation of its own.
#[derive(Clone, Debug)]
pub struct ParallelStep {
    /// The plans of the sub-agents, one each, at least one.
    pub branches: Vec<Branch>,
    /// What each sub-agent's report adds to the conversation \[tokens\].
    pub result_tokens: u32,
    /// What happens when a sub-agent fails for good.
    pub on_failure: OnFailure,
}

/// Sub-agents with the same plan.
#[derive(Clone, Debug)]
pub struct Branch {
    /// How many; at least 1.
    pub agents: u32,
    /// What each does.
    pub steps: Vec<Step>,
}

/// What happens when a step fails for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The turn fails, and with it the task, unless a layer tries again.
    Fail,
    /// The plan goes on, as when an agent is told of the error.
    Continue,
}

/// How many tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Tokens {
    /// Drawn; of a prompt or result once a step, of an output once an attempt.
    Drawn(Distribution),
    /// The trace row's `ContextTokens`.
    TraceContext,
    /// The trace row's `GeneratedTokens`.
    TraceGenerated,
}

/// A named retry strategy: layers around calls, per scope, outermost first.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// One or more sentences for the reader.
    pub about: String,
    /// Around each tool call.
    pub tool: CallLayers,
    /// Around each model call.
    pub llm: CallLayers,
    /// Around each turn.
    pub turn: Vec<Layer>,
    /// Around each task.
    pub task: Vec<Layer>,
    /// In the queue that hands tasks out.
    pub fleet: FleetLayers,
}

impl Policy {
    /// All written layers but the fleet's, in report order.
    pub fn written_layers(&self) -> impl Iterator<Item = &Layer> {
        let calls = [&self.tool, &self.llm];
        let calls = calls
            .into_iter()
            .flat_map(|c| c.others.iter().chain(c.of.iter().flat_map(|(_, l)| l)));
        calls.chain(&self.turn).chain(&self.task)
    }

    /// A layer's label without the policy's name before it ("tool\[2\] retry").
    pub fn short_label<'a>(&self, label: &'a str) -> &'a str {
        let rest = label.strip_prefix(self.name.as_str());
        rest.and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(label)
    }
}

/// Layers around calls: the same for all targets, or some for each.
#[derive(Clone, Debug, Default)]
pub struct CallLayers {
    /// Around calls of targets that are not listed.
    pub others: Vec<Layer>,
    /// Around calls of these targets.
    pub of: Vec<(TargetId, Vec<Layer>)>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What it does.
    pub kind: LayerKind,
    /// Who shares its state. Call layers of kind `circuit_breaker`, `concurrency`, `rate_limit`
    /// and `hedge` have a state for each target besides; budgets have one for all targets.
    pub shared: Shared,
    /// Where its state is kept, if it has to be asked for: of breakers and rate limits.
    pub via: Option<Via>,
    /// Where it stands in the file (`by-the-book.tool[2] retry`), for reports.
    pub label: String,
}

impl LayerKind {
    /// Whether it gives up waiting after a time, fixed or drawn.
    pub fn is_timeout(&self) -> bool {
        matches!(self, LayerKind::Timeout(_) | LayerKind::Patience(_))
    }
}

/// How a layer asks the store that keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via {
    /// Which: index in [`Scenario::stores`].
    pub store: u16,
    /// What it does without an answer.
    pub when_away: WhenAway,
    /// How long it waits for one; [`Span::MAX`] is until it comes.
    pub time_limit: Span,
}

/// What a layer does when its store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAway {
    /// Lets every call through (fails open).
    Open,
    /// Refuses every call (fails closed).
    Closed,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerKind {
    /// Tries again.
    Retry(Box<RetrySpec>),
    /// Gives up waiting after so long.
    Timeout(Span),
    /// The same after a time that is drawn anew each time it is entered \[ns\].
    Patience(Distribution),
    /// Refuses after failures.
    CircuitBreaker(BreakerSpec),
    /// Limits how many at once.
    Concurrency(SemaphoreSpec),
    /// Limits how many in a time.
    RateLimit(ClientLimitSpec),
    /// Limits how many in a time, by whether the target throttles.
    AdaptiveLimit(AdaptiveLimitSpec),
    /// Rejects some, by how many the target accepts.
    AdaptiveThrottle(AdaptiveThrottleSpec),
    /// Bounds the retries of the retry layers inside it.
    RetryBudget(RetryBudgetSpec),
    /// Bounds the spend of the attempts inside it.
    Budget(Money),
    /// Sends a second attempt when the first is late.
    Hedge(HedgeSpec),
    /// Makes a call that ended so at these targets instead, one after the other.
    Fallback(Vec<TargetId>, OutcomeSet),
    /// Makes each attempt at one of these targets.
    Route(Vec<TargetId>, RouterSpec),
}

/// Who shares a layer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Each task has its own, sub-agents included.
    Task,
    /// Each agent has its own, and so has each sub-agent.
    Agent,
    /// Each fleet has its own.
    Fleet,
    /// There is one.
    All,
}

/// What the queue of a fleet does with tasks that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetLayers {
    /// Submits a failed task again; no agent is held meanwhile.
    pub retry: Option<RetrySpec>,
    /// Stops the whole batch: after so many tasks have failed for good no further one begins.
    pub breaker: Option<FleetBreaker>,
    /// Keeps what the queue would not submit again.
    pub dead_letter: Option<DeadLetter>,
}

/// The dead-letter queue of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When what is in it goes back; `None` is never.
    pub resubmit: Option<Resubmit>,
}

/// A cron that submits all that is in a dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resubmit {
    /// At multiples of this.
    pub every: Span,
    /// Each task at most so often; `None` is without end.
    pub times: Option<u32>,
}

/// The breaker of a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetBreaker {
    /// How many failed tasks open it; at least 1.
    pub failures: u32,
    /// Whether they must follow each other.
    pub consecutive: bool,
    /// How long it stays open; [`Span::MAX`] stops the batch for good: what remains fails with
    /// `circuit_open`.
    pub open_for: Span,
}

/// A condition on the results: `policy.metric.statistic < bound`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// As it was written.
    pub text: String,
    /// Index of the policy.
    pub policy: usize,
    /// Index of the fleet that it is about; `None` is all of them.
    pub fleet: Option<usize>,
    /// Key of the metric in `summary.json`.
    pub metric: String,
    /// Which statistic of it.
    pub statistic: Statistic,
    /// How it must compare.
    pub comparison: Comparison,
    /// With what, in the metric's unit.
    pub bound: f64,
}

/// A statistic over replications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Statistic {
    Mean,
    P50,
    P95,
    P99,
    Min,
    Max,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
