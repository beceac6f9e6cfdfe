//! The compiler from plans and policies to a [`Program`].

use crate::scenario::model::{
    CallLayers, Fleet, Layer, LayerKind, LlmStep, OnFailure, ParallelStep, Policy, Scenario,
    Shared, Step, TargetId, Tokens,
};
use crate::scenario::nesting::begins_turn;

use super::memory::{Memory, counts_calls, is_retry, own_words, steps_come_once, words_of};
use super::pages::Needs;
use super::patience::Patience;
use super::plain::Plain;
use super::program::{
    Block, BlockId, Call, CallKind, CompiledLayer, FleetProgram, Fork, Groups, Kind, LayerId, Loop,
    NO_BLOCK, NO_ROUTE, Op, Pc, Program, RouteLayer, Scope, Stored, StoredKind,
};
use super::strides::{Onward, look_onward};

pub(super) struct Compiler<'a> {
    scenario: &'a Scenario,
    policy: &'a Policy,
    pub(super) program: Program,
    /// The number of the fleet's next step, and how many the fleets before it have.
    next_step: u16,
    steps_before: u16,
    counters: u16,
    /// Groups already made: (layer id, target) → group.
    made: Vec<((LayerId, Option<TargetId>), u16)>,
    call_words: u16,
    turn_words: u16,
    task_words: u16,
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

    fn snapshot_words(&self) -> u16 {
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

    fn counter(&mut self, n: u16) -> u16 {
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

    /// Compiles `layers` as those of `block`, which must be the newest.
    fn attach(&mut self, block: BlockId, layers: &'a [Layer], target: Option<TargetId>) {
        let scope = self.program.blocks[usize::from(block)].scope;
        let mut word = match scope {
            Scope::Task => 0,
            Scope::Turn => self.task_words + self.snapshot_words(),
            Scope::Call => self.task_words + self.turn_words,
        };
        let targets = target.map_or(vec![], |own| targets_of(own, layers));
        let mut detours = false;
        let mut fallback = None;
        for (i, layer) in layers.iter().enumerate() {
            let id = self.id(layer);
            let group = self.group(layer, id, target);
            let groups = match detours {
                true => self.groups(layer, id, &targets),
                false => None,
            };
            let at = self.program.layers.len() as u16;
            let kind = match &layer.kind {
                LayerKind::Patience(time) => {
                    let first = usize::from(self.program.blocks[usize::from(block)].first);
                    let lanes = 1 + self.hedges_of(block);
                    let counter = self.counter(lanes);
                    let outside = (scope, &self.program.layers[first..]);
                    let patience = Patience::new(time, outside, self.next_step, counter);
                    Kind::Patience(Box::new(patience))
                }
                _ => compiled(layer, word, &targets, fallback),
            };
            detours |= kind.makes_detours();
            if matches!(kind, Kind::Fallback(..)) {
                fallback = Some(word);
            }
            self.program.layers.push(CompiledLayer {
                kind,
                detours: groups,
                id,
                shared: layer.shared,
                group,
                word,
                memory: Memory::of(layers, i, self.program.once),
                guards: (0, 0),
                route: NO_ROUTE,
                first_of: self.first_of(block, layer),
            });
            self.tell_retry_of_route(block, at);
            self.program.blocks[usize::from(block)].end = at + 1;
            if matches!(layer.kind, LayerKind::Retry(_) | LayerKind::Hedge(_)) {
                let guards = self.retry_guards(block, at);
                self.program.layers[usize::from(at)].guards = guards;
            }
            word += words_of(layers, i, self.program.once);
        }
        let b = &mut self.program.blocks[usize::from(block)];
        let own = &self.program.layers[usize::from(b.first)..usize::from(b.end)];
        b.quiet = own.iter().all(CompiledLayer::ignores_success);
    }

    /// The retry layer next outside a route hears from it whether another deployment is up.
    fn tell_retry_of_route(&mut self, block: BlockId, at: u16) {
        let first = usize::from(self.program.blocks[usize::from(block)].first);
        let (outside, inside) = self.program.layers.split_at_mut(usize::from(at));
        let Kind::Route(route) = &inside[0].kind else {
            return;
        };
        let mut outside = outside[first..].iter_mut().rev();
        let retry = outside.find(|layer| matches!(layer.kind, Kind::Retry(_)));
        if let (true, Some(retry)) = (route.spec.elsewhere_at_once, retry) {
            retry.route = at;
        }
    }

    /// The groups of a layer for each target of a call that may be made elsewhere.
    fn groups(&mut self, layer: &Layer, id: LayerId, targets: &[TargetId]) -> Option<u16> {
        let groups: Vec<u16> = targets
            .iter()
            .map(|target| self.group(layer, id, Some(*target)))
            .collect();
        let from = self.program.detours.len() as u16;
        self.program.detours.extend(groups);
        Some(from)
    }

    /// How many hedges may go out beside an attempt in this block.
    fn hedges_of(&self, block: BlockId) -> u16 {
        let b = self.program.blocks[usize::from(block)];
        let layers = &self.program.layers[usize::from(b.first)..usize::from(b.end)];
        let most = layers.iter().map(|layer| match &layer.kind {
            Kind::Hedge(spec) => spec.most as u16,
            _ => 0,
        });
        most.max().unwrap_or(0)
    }

    fn id(&self, layer: &Layer) -> LayerId {
        let same = |l: &Layer| std::ptr::eq(l, layer);
        let found = self.policy.written_layers().position(same);
        found.expect("the layer is one of the policy's") as LayerId
    }

    /// The group of shared state of a layer. Breakers, semaphores and limits around calls have one
    /// for each target; budgets have one for all.
    fn group(&mut self, layer: &Layer, id: LayerId, target: Option<TargetId>) -> u16 {
        let per_target = match layer.kind {
            LayerKind::CircuitBreaker(_)
            | LayerKind::Concurrency(_)
            | LayerKind::RateLimit(_)
            | LayerKind::AdaptiveLimit(_)
            | LayerKind::AdaptiveThrottle(_)
            | LayerKind::Hedge(_)
            | LayerKind::Route(..) => true,
            LayerKind::RetryBudget(_) | LayerKind::Budget(_) => false,
            LayerKind::Retry(_)
            | LayerKind::Timeout(_)
            | LayerKind::Patience(_)
            | LayerKind::Fallback(..) => return 0,
        };
        let key = (id, target.filter(|_| per_target));
        if let Some((_, group)) = self.made.iter().find(|(k, _)| *k == key) {
            return *group;
        }
        let all = &mut self.program.groups;
        let group = match &layer.kind {
            LayerKind::CircuitBreaker(spec) => added(&mut all.breakers, layer, spec.clone()),
            LayerKind::Concurrency(_) => added(&mut all.semaphores, layer, ()),
            LayerKind::RateLimit(_) => added(&mut all.limits, layer, ()),
            LayerKind::RetryBudget(_) => added(&mut all.retry_budgets, layer, ()),
            LayerKind::Budget(_) => added(&mut all.accounts, layer, ()),
            LayerKind::AdaptiveLimit(_) => added(&mut all.adaptive_limits, layer, ()),
            LayerKind::AdaptiveThrottle(_) => added(&mut all.throttles, layer, ()),
            LayerKind::Hedge(_) => added(&mut all.latencies, layer, ()),
            LayerKind::Route(..) => added(&mut all.routers, layer, ()),
            LayerKind::Retry(_)
            | LayerKind::Timeout(_)
            | LayerKind::Patience(_)
            | LayerKind::Fallback(..) => return 0,
        };
        self.made.push((key, group));
        group
    }
}

/// The targets at which a call may be made, its own first: how far down this list is a detour.
fn targets_of(own: TargetId, layers: &[Layer]) -> Vec<TargetId> {
    let mut targets = vec![own];
    for layer in layers {
        let (LayerKind::Fallback(more, _) | LayerKind::Route(more, _)) = &layer.kind else {
            continue;
        };
        for target in more {
            if !targets.contains(target) {
                targets.push(*target);
            }
        }
    }
    targets
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

/// The number of a new group that shares as `layer` says.
fn added<S>(groups: &mut Vec<(Shared, S)>, layer: &Layer, spec: S) -> u16 {
    groups.push((layer.shared, spec));
    (groups.len() - 1) as u16
}

/// What a layer does whose first word is `word`, around a call that may be made at `targets`; inside
/// the fallback whose word is `fallback`.
fn compiled(layer: &Layer, word: u16, targets: &[TargetId], fallback: Option<u16>) -> Kind {
    let detour = |target: &TargetId| {
        let at = targets.iter().position(|t| t == target);
        at.expect("a layer's targets are the call's") as u8
    };
    if let Some(via) = layer.via {
        let kind = match &layer.kind {
            LayerKind::CircuitBreaker(spec) => StoredKind::Breaker(spec.clone()),
            LayerKind::RateLimit(spec) => StoredKind::RateLimit(*spec),
            other => unreachable!("{other:?} goes through no store"),
        };
        let word = word + own_words(&layer.kind, Memory::Latest);
        return Kind::Stored(Box::new(Stored { kind, via, word }));
    }
    match &layer.kind {
        // Falling back to the target that has just failed is no fallback.
        LayerKind::Fallback(to, on) => {
            Kind::Fallback(to.iter().map(detour).filter(|d| *d != 0).collect(), *on)
        }
        LayerKind::Route(deployments, spec) => Kind::Route(Box::new(RouteLayer {
            spec: *spec,
            detours: deployments.iter().map(detour).collect(),
            fallback,
        })),
        LayerKind::Retry(spec) => Kind::Retry(spec.clone()),
        LayerKind::Timeout(after) => Kind::Timeout(*after),
        LayerKind::Patience(_) => unreachable!("it has a counter of the compiler's"),
        LayerKind::CircuitBreaker(spec) => Kind::Breaker(spec.clone()),
        LayerKind::Concurrency(spec) => Kind::Concurrency(*spec),
        LayerKind::RateLimit(spec) => Kind::RateLimit(*spec),
        LayerKind::AdaptiveLimit(spec) => Kind::AdaptiveLimit(*spec),
        LayerKind::AdaptiveThrottle(spec) => Kind::AdaptiveThrottle(*spec),
        LayerKind::RetryBudget(spec) => Kind::RetryBudget(*spec),
        LayerKind::Budget(limit) => Kind::Budget(*limit),
        LayerKind::Hedge(spec) => Kind::Hedge(*spec),
    }
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
