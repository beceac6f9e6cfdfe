//! Layers, compiled: their place and words, the state that they share, what they know of each other.

use crate::random::Distribution;
use crate::scenario::model::{Layer, LayerKind, Shared, TargetId};

use super::agent::scattered;
use super::compile::Compiler;
use super::memory::{Memory, own_words, words_of};
use super::program::{
    BlockId, CompiledLayer, Kind, LayerId, NO_ROUTE, Patience, RouteLayer, Scope, Stored,
    StoredKind,
};

impl<'a> Compiler<'a> {
    /// Compiles `layers` as those of `block`, which must be the newest.
    pub(super) fn attach(&mut self, block: BlockId, layers: &'a [Layer], target: Option<TargetId>) {
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
                LayerKind::Patience(time) => self.patience(block, i, time),
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

    /// A drawn timeout, the `i`-th layer of a block: its luck is told apart by scope and by how many
    /// drawn ones stand outside it in its list.
    fn patience(&mut self, block: BlockId, i: usize, time: &Distribution) -> Kind {
        let b = self.program.blocks[usize::from(block)];
        let outside = &self.program.layers[usize::from(b.first)..usize::from(b.first) + i];
        let drawn = |layer: &&CompiledLayer| matches!(layer.kind, Kind::Patience(_));
        let before = outside.iter().filter(drawn).count() as u32;
        let lanes = 1 + self.hedges_of(block);
        Kind::Patience(Box::new(Patience {
            time: time.clone(),
            step: self.next_step,
            salt: scattered(before << 2 | b.scope as u32),
            counter: self.counter(lanes),
        }))
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
    pub(super) fn hedges_of(&self, block: BlockId) -> u16 {
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
pub(super) fn targets_of(own: TargetId, layers: &[Layer]) -> Vec<TargetId> {
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
