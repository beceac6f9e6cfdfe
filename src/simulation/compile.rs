//! The compiler from plans and policies to a [`Program`].

use crate::scenario::model::{
    CallLayers, Fleet, Layer, LlmStep, OnFailure, ParallelStep, Policy, Scenario, Step, TargetId,
    Tokens,
};
use crate::scenario::nesting::begins_turn;

use super::attach::targets_of;
use super::memory::{counts_calls, is_retry, steps_come_once, words_of};
use super::pages::Needs;
use super::plain::Plain;
use super::program::{
    Block, BlockId, Call, CallKind, FleetProgram, Fork, Groups, Kind, LayerId, Loop, NO_BLOCK, Op,
    Pc, Program, Scope,
};
use super::strides::{Onward, look_onward};

pub(super) struct Compiler<'a> {
    scenario: &'a Scenario,
    pub(super) policy: &'a Policy,
    pub(super) program: Program,
    /// The number of the fleet's next step, and how many the fleets before it have.
    pub(super) next_step: u16,
    steps_before: u16,
    counters: u16,
    /// Groups already made: (layer id, target) → group.
    pub(super) made: Vec<((LayerId, Option<TargetId>), u16)>,
    pub(super) call_words: u16,
    pub(super) turn_words: u16,
    pub(super) task_words: u16,
    /// For each branch the block around its fork.
    pub(super) around: Vec<(BlockId, BlockId)>,
}

/// Words of the snapshot of a turn that may be tried again: context, round, and what was kept (two).
const SNAPSHOT_WORDS: u16 = 4;

/// Where the compiler is.
#[derive(Clone, Copy)]
struct Place {
    /// The innermost block of this agent.
    parent: BlockId,
    /// Whether a turn may be opened here (not inside one).
    turns: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(scenario: &'a Scenario, policy: &'a Policy) -> Compiler<'a> {
        let mut labels: Vec<String> = policy.written_layers().map(|l| l.label.clone()).collect();
        if policy.fleet.retry.is_some() {
            labels.push("fleet retry".to_owned());
        }
        if policy.fleet.breaker.is_some() {
            labels.push("fleet circuit_breaker".to_owned());
        }
        if policy.fleet.dead_letter.is_some() {
            labels.push("fleet dead_letter".to_owned());
        }
        Compiler {
            scenario,
            policy,
            program: Program {
                ops: vec![],
                blocks: vec![],
                layers: vec![],
                guards: vec![],
                detours: vec![],
                calls: vec![],
                waits: vec![],
                loops: vec![],
                forks: vec![],
                fleets: vec![],
                ranks: ranks(policy),
                labels,
                words: 0,
                prepays: false,
                counts_calls: scenario.targets.iter().any(counts_calls),
                turns_repeat: policy.turn.iter().any(is_retry),
                once: steps_come_once(scenario, policy),
                counters: 0,
                groups: Groups::default(),
            },
            next_step: 0,
            steps_before: 0,
            counters: 0,
            made: vec![],
            call_words: 0,
            turn_words: 0,
            task_words: 0,
            around: vec![],
        }
    }

    pub(super) fn compile(mut self) -> Program {
        self.lay_out_words();
        for fleet in &self.scenario.fleets {
            self.steps_before += self.next_step;
            self.next_step = 0;
            self.counters = 0;
            let entry = self.pc();
            let block = self.block(Scope::Task, NO_BLOCK, OnFailure::Fail);
            self.attach(block, &self.policy.task, None);
            self.program.ops.push(Op::Open(block));
            self.body(block, &fleet.plan);
            let id = |back: usize| (self.program.labels.len() - back) as LayerId;
            let (breaker, dead) = (self.policy.fleet.breaker, self.policy.fleet.dead_letter);
            let (breakers, dead_letters) =
                (usize::from(breaker.is_some()), usize::from(dead.is_some()));
            let retry = self.policy.fleet.retry.clone();
            let fleet = FleetProgram {
                entry,
                comes_back: retry.is_some() || dead.is_some(),
                retry: retry.map(|r| (r, id(1 + breakers + dead_letters))),
                breaker: breaker.map(|b| (b, id(1 + dead_letters))),
                dead_letter: dead.map(|d| (d, id(1))),
                word: self.task_words + self.turn_words + self.call_words,
            };
            self.program.fleets.push(fleet);
            if !self.program.once {
                self.program.counters = self.program.counters.max(usize::from(self.counters));
            }
        }
        let needs = Needs::of(self.scenario, &self.program);
        look_onward(&mut self.program, &needs);
        self.program
    }

    /// Task layers first, then the turn's snapshot and layers, then the widest call's: calls share
    /// their words, because an agent makes one call at a time.
    fn lay_out_words(&mut self) {
        let once = self.program.once;
        let words = |layers: &[Layer]| -> u16 {
            (0..layers.len()).map(|i| words_of(layers, i, once)).sum()
        };
        let widest = |calls: &CallLayers| {
            let own = calls.of.iter().map(|(_, l)| words(l)).max();
            words(&calls.others).max(own.unwrap_or(0))
        };
        self.task_words = words(&self.policy.task);
        let has_turns = |fleet: &Fleet| fleet.plan.iter().any(holds_turn);
        if self.scenario.fleets.iter().any(has_turns) {
            self.turn_words = self.snapshot_words() + words(&self.policy.turn);
        }
        self.call_words = widest(&self.policy.tool).max(widest(&self.policy.llm));
        let all = self.task_words + self.turn_words + self.call_words;
        self.program.words = usize::from(all) + FleetProgram::words(&self.policy.fleet);
    }

    pub(super) fn snapshot_words(&self) -> u16 {
        u16::from(self.program.turns_repeat) * SNAPSHOT_WORDS
    }

    fn pc(&self) -> Pc {
        self.program.ops.len() as Pc
    }

    fn block(&mut self, scope: Scope, parent: BlockId, on_failure: OnFailure) -> BlockId {
        let first = self.program.layers.len() as u16;
        let around = self.program.blocks.get(usize::from(parent));
        let (around, outside) = around.map_or((Scope::Task, 0), |b| (b.scope, b.end));
        self.program.blocks.push(Block {
            scope,
            first,
            end: first,
            parent,
            around,
            outside,
            body: 0,
            after: 0,
            call: 0,
            word: self.task_words,
            on_failure,
            quiet: true,
        });
        (self.program.blocks.len() - 1) as BlockId
    }

    /// The body of a task or branch: its steps, then `Close`.
    fn body(&mut self, block: BlockId, steps: &[Step]) {
        self.program.blocks[usize::from(block)].body = self.pc();
        let place = Place {
            parent: block,
            turns: true,
        };
        self.steps(steps, place);
        self.close(block);
    }

    fn close(&mut self, block: BlockId) {
        self.program.ops.push(Op::Close(block));
        self.program.blocks[usize::from(block)].after = self.pc();
    }

    fn steps(&mut self, steps: &[Step], place: Place) {
        let mut rest = steps;
        while let Some(step) = rest.first() {
            let n = if place.turns && matches!(step, Step::Llm(_)) {
                self.turn(rest, place)
            } else {
                self.step(step, place);
                1
            };
            rest = &rest[n..];
        }
    }

    /// A turn: the model step at the head of `steps` and what follows, up to the next model step.
    /// Returns how many steps it took.
    fn turn(&mut self, steps: &[Step], place: Place) -> usize {
        let more = steps[1..].iter().position(begins_turn);
        let n = 1 + more.unwrap_or(steps.len() - 1);
        let block = self.block(Scope::Turn, place.parent, OnFailure::Fail);
        self.attach(block, &self.policy.turn, None);
        self.program.ops.push(Op::Open(block));
        self.program.blocks[usize::from(block)].body = self.pc();
        let inside = Place {
            parent: block,
            turns: false,
        };
        for step in &steps[..n] {
            self.step(step, inside);
        }
        self.close(block);
        n
    }

    fn step(&mut self, step: &Step, place: Place) {
        match step {
            Step::Llm(llm) => self.call(
                CallKind::Llm(llm.clone()),
                llm.target,
                llm.on_failure,
                place,
            ),
            Step::Tool(tool) => self.call(
                CallKind::Tool(tool.clone()),
                tool.target,
                tool.on_failure,
                place,
            ),
            Step::Wait(time) => {
                let number = self.number();
                self.program.waits.push((time.clone(), number));
                let wait = (self.program.waits.len() - 1) as u16;
                self.program.ops.push(Op::Wait(wait));
            }
            Step::Repeat { times, steps } => self.repeat(*times, steps, place),
            Step::Parallel(parallel) => self.fork(parallel, place),
        }
    }

    fn number(&mut self) -> u16 {
        self.next_step += 1;
        self.next_step - 1
    }

    pub(super) fn counter(&mut self, n: u16) -> u16 {
        self.counters += n;
        self.counters - n
    }

    fn call(&mut self, kind: CallKind, target: TargetId, on_failure: OnFailure, place: Place) {
        let layers = match kind {
            CallKind::Llm(_) => &self.policy.llm,
            CallKind::Tool(_) => &self.policy.tool,
        };
        let own = layers.of.iter().find(|(t, _)| *t == target);
        let layers = own.map_or(&layers.others, |(_, l)| l);
        let block = self.block(Scope::Call, place.parent, on_failure);
        self.attach(block, layers, Some(target));
        let budgets = self.guards(block, u16::MAX, |_, k| matches!(k, Kind::Budget(_)));
        let payers = self.guards(
            block,
            u16::MAX,
            |_, k| matches!(k, Kind::RetryBudget(spec) if spec.watches()),
        );
        let targets = targets_of(target, layers);
        let mut all = targets.iter();
        let caches = all.any(|t| self.scenario.targets[usize::from(t.0)].cache.is_some());
        self.program.prepays |= caches || budgets.0 != budgets.1;
        let lanes = 1 + self.hedges_of(block);
        let (step, counter) = (self.number(), self.counter(lanes));
        let longest_output = match &kind {
            CallKind::Llm(LlmStep {
                output: Tokens::Drawn(tokens),
                ..
            }) => tokens.high() as u32,
            _ => 0,
        };
        let call = self.program.calls.len() as u16;
        for target in targets {
            let spec = &self.scenario.targets[usize::from(target.0)];
            let is_guarded = budgets.0 != budgets.1 || payers.0 != payers.1;
            let free = spec.price.is_nothing() && matches!(kind, CallKind::Tool(_));
            self.program.calls.push(Call {
                is_guarded,
                free,
                is_simple: free && !is_guarded && Plain::of(spec).is_some(),
                onward: Onward::Plan,
                longest_output,
                target,
                step,
                page: self.steps_before + step,
                counter,
                lanes,
                kind: kind.clone(),
                budgets,
                payers,
            });
        }
        self.program.ops.push(Op::Call(block));
        let after = self.pc();
        let block = &mut self.program.blocks[usize::from(block)];
        block.call = call;
        block.after = after;
    }

    fn repeat(&mut self, times: u32, steps: &[Step], place: Place) {
        let counter = self.counter(2);
        let number = self.program.loops.len() as u16;
        self.program.loops.push(Loop {
            times,
            body: 0,
            counter,
            inner: (0, 0),
        });
        self.program.ops.push(Op::LoopBegin(number));
        let body = self.pc();
        let from = self.counters;
        self.steps(steps, place);
        let inner = (from, self.counters);
        self.program.ops.push(Op::LoopEnd(number));
        let this = &mut self.program.loops[usize::from(number)];
        this.body = body;
        this.inner = inner;
    }

    fn fork(&mut self, parallel: &ParallelStep, place: Place) {
        let number = self.program.forks.len();
        let counter = self.counter(1);
        self.program.forks.push(Fork {
            branches: vec![],
            after: 0,
            counter,
            result_tokens: parallel.result_tokens,
            on_failure: parallel.on_failure,
        });
        // The branches stand behind the fork; who forks goes on after them.
        self.program.ops.push(Op::Fork(number as u16));
        let mut branches = vec![];
        for branch in &parallel.branches {
            let block = self.block(Scope::Task, NO_BLOCK, OnFailure::Fail);
            self.around.push((block, place.parent));
            self.body(block, &branch.steps);
            branches.extend((0..branch.agents).map(|_| block));
        }
        self.program.forks[number].after = self.pc();
        self.program.forks[number].branches = branches;
    }
}

/// How far inside each layer stands, in the order of [`written_layers`]; the layers of the fleet's
/// queue, outside them all, come last.
fn ranks(policy: &Policy) -> Vec<u32> {
    const OUTSIDE: u32 = 0;
    let list = |layers: &[Layer], scope: Scope| -> Vec<u32> {
        let first = (scope as u32 + 1) << 24;
        (first..).take(layers.len()).collect()
    };
    let mut ranks = vec![];
    for calls in [&policy.tool, &policy.llm] {
        ranks.extend(list(&calls.others, Scope::Call));
        for (_, layers) in &calls.of {
            ranks.extend(list(layers, Scope::Call));
        }
    }
    ranks.extend(list(&policy.turn, Scope::Turn));
    ranks.extend(list(&policy.task, Scope::Task));
    ranks.extend([OUTSIDE; 3]);
    ranks
}

/// Whether there is a turn in a step, or in what it starts.
fn holds_turn(step: &Step) -> bool {
    match step {
        Step::Parallel(fork) => {
            let mut steps = fork.branches.iter().flat_map(|branch| &branch.steps);
            steps.any(holds_turn)
        }
        Step::Repeat { steps, .. } => steps.iter().any(holds_turn),
        Step::Llm(_) | Step::Tool(_) | Step::Wait(_) => begins_turn(step),
    }
}
