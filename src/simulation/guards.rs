//! Which budgets stand around calls and retry layers, and which retry layers stand around each other:
//! worked out once, when a program is compiled.

use crate::resilience::RetryBudgetSpec;
use crate::scenario::model::{Layer, LayerKind, Shared};

use super::compile::Compiler;
use super::program::{BlockId, Guard, Kind, NO_BLOCK, NO_WORD};

impl Compiler<'_> {
    /// The retry budgets outside the newest layer of a block, a retry or a hedge, whose number is `at`.
    pub(super) fn retry_guards(&mut self, block: BlockId, at: u16) -> (u16, u16) {
        let is_retry = matches!(self.program.layers[usize::from(at)].kind, Kind::Retry(_));
        let from = is_retry.then(|| self.next_of(block));
        self.guards(block, at, |at, kind| match kind {
            // It is about the next retry layer of its list alone.
            Kind::RetryBudget(RetryBudgetSpec::NextCount(_)) => from.is_some_and(|f| at >= f),
            other => matches!(other, Kind::RetryBudget(_)),
        })
    }

    /// The place after the last retry layer before the newest layer of a block.
    fn next_of(&self, block: BlockId) -> u16 {
        let b = self.program.blocks[usize::from(block)];
        let retry = |at: &u16| {
            let layer = &self.program.layers[usize::from(*at)];
            matches!(layer.kind, Kind::Retry(_))
        };
        (b.first..b.end)
            .rev()
            .skip(1)
            .find(retry)
            .map_or(b.first, |at| at + 1)
    }

    /// Where the retry layer outside a new layer of a block counts, if that one acts only within its
    /// first attempt.
    pub(super) fn first_of(&self, block: BlockId, layer: &Layer) -> u16 {
        let only = matches!(&layer.kind, LayerKind::Retry(spec) if spec.only_in_first);
        let b = self.program.blocks[usize::from(block)];
        let layers = &self.program.layers[usize::from(b.first)..usize::from(b.end)];
        let outside = layers.iter().rfind(|l| matches!(l.kind, Kind::Retry(_)));
        outside.filter(|_| only).map_or(NO_WORD, |l| l.word)
    }

    /// Which of the guards from number `from` on has the state of this layer already: a turn of a
    /// sub-agent inside a turn has one layer twice, and yet only one state to ask and to charge.
    fn twin(&self, from: u16, layer: u16, forks: u8) -> Option<usize> {
        let layers = &self.program.layers;
        let this = &layers[usize::from(layer)];
        let is_twin = |guard: &Guard| {
            layers[usize::from(guard.layer)].group == this.group
                && (this.shared != Shared::Agent || guard.forks == forks)
        };
        let from = usize::from(from);
        let at = self.program.guards[from..].iter().position(is_twin)?;
        Some(from + at)
    }

    /// The layers outside layer `below` of `block` (outermost last) for which `wanted` holds.
    pub(super) fn guards(
        &mut self,
        block: BlockId,
        below: u16,
        wanted: impl Fn(u16, &Kind) -> bool,
    ) -> (u16, u16) {
        let from = self.program.guards.len() as u16;
        let (mut block, mut below, mut forks) = (block, below, 0);
        loop {
            let b = self.program.blocks[usize::from(block)];
            for layer in (b.first..b.end.min(below)).rev() {
                if !wanted(layer, &self.program.layers[usize::from(layer)].kind) {
                    continue;
                }
                let id = self.program.layers[usize::from(layer)].id;
                let rank = self.program.ranks[usize::from(id)];
                let guard = Guard { layer, forks, rank };
                match self.twin(from, layer, forks) {
                    // What is a retry to the outer one is a retry to the state of both.
                    Some(at) => self.program.guards[at] = guard,
                    None => self.program.guards.push(guard),
                }
            }
            below = u16::MAX;
            if b.parent != NO_BLOCK {
                block = b.parent;
                continue;
            }
            let Some((_, outer)) = self.around.iter().find(|(branch, _)| *branch == block) else {
                break;
            };
            (block, forks) = (*outer, forks + 1);
        }
        (from, self.program.guards.len() as u16)
    }
}
