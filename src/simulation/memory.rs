//! What layers remember of an agent, and in how much room.
//!
//! Most of it is words beside the agent's record. Where each step is made once in a task, the
//! attempt under way says itself how many there have been, and a retry layer with nothing inside
//! that refuses needs no words: it reads when the latest attempt began, and which one it was, from
//! the record.

use crate::resilience::RetrySpec;
use crate::scenario::model::{Fleet, Layer, LayerKind, Policy, Scenario, Step};
use crate::world::Target;

/// What a retry layer remembers, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// How many attempts there were and when the latest began: that is the attempt in the agent's
    /// record.
    Flight,
    /// The same in words of its own, because an attempt may be refused before the wire, or is not
    /// counted from the layer's entry.
    Latest,
    /// More than that.
    More,
}

impl Memory {
    /// Of the `i`-th layer of a list, if it is a retry layer; `once` says that [`steps_come_once`].
    pub fn of(layers: &[Layer], i: usize, once: bool) -> Memory {
        let LayerKind::Retry(spec) = &layers[i].kind else {
            return Memory::Latest;
        };
        if words_of_retry(spec, Memory::More) > LATEST_WORDS {
            return Memory::More;
        }
        let enters_anew = |layer: &Layer| {
            matches!(
                layer.kind,
                LayerKind::Retry(_) | LayerKind::Fallback(..) | LayerKind::Route(..)
            )
        };
        let (outside, inside) = (&layers[..i], &layers[i + 1..]);
        let passes =
            |layer: &Layer| matches!(layer.kind, LayerKind::Timeout(_) | LayerKind::Patience(_));
        match once && inside.iter().all(passes) && !outside.iter().any(enters_anew) {
            true => Memory::Flight,
            false => Memory::Latest,
        }
    }
}

/// Whether each step is made once in a task, every attempt that is asked for goes out, no retry
/// budget keeps account of retries that have not gone out yet, and no timeout is drawn by how often
/// it was entered: so that the attempt under way tells how many there have been.
pub fn steps_come_once(scenario: &Scenario, policy: &Policy) -> bool {
    let plain = |step: &Step| matches!(step, Step::Llm(_) | Step::Tool(_) | Step::Wait(_));
    let straight = |fleet: &Fleet| fleet.plan.iter().all(plain);
    let interferes = |layer: &Layer| {
        matches!(
            layer.kind,
            LayerKind::Hedge(_)
                | LayerKind::Budget(_)
                | LayerKind::RetryBudget(_)
                | LayerKind::Patience(_)
        )
    };
    let mut outer = policy.turn.iter().chain(&policy.task);
    let fleet = &policy.fleet;
    scenario.fleets.iter().all(straight)
        && !policy.written_layers().any(interferes)
        && !outer.any(is_retry)
        && fleet.retry.is_none()
        && fleet.dead_letter.is_none()
        && !scenario.targets.iter().any(counts_calls)
}

/// How many words the `i`-th layer of a list needs beside the agent's record.
pub fn words_of(layers: &[Layer], i: usize, once: bool) -> u16 {
    // whether the store is away; a hash of what it is asked for, and how often before
    let asking = if layers[i].via.is_some() { 3 } else { 0 };
    own_words(&layers[i].kind, Memory::of(layers, i, once)) + asking
}

/// How many of them are for what the layer itself remembers.
pub fn own_words(kind: &LayerKind, memory: Memory) -> u16 {
    match kind {
        LayerKind::Retry(spec) => words_of_retry(spec, memory),
        // its own deadline; the one around it
        LayerKind::Timeout(_) | LayerKind::Patience(_) => 4,
        // whether the call is a probe; where that matters, when it began
        LayerKind::CircuitBreaker(spec) => 1 + 2 * u16::from(spec.slow().is_some()),
        // when it was entered
        LayerKind::Hedge(_) => 2,
        // when it got its slot, and how many were held then
        LayerKind::Concurrency(spec) if spec.aimd.is_some() => 3,
        // which target
        LayerKind::Fallback(..) | LayerKind::Route(..) => 1,
        // what the latest retry took
        LayerKind::RetryBudget(spec) => u16::from(spec.remembers()),
        _ => 0,
    }
}

/// How many attempts there were, and when the latest began.
const LATEST_WORDS: u16 = 3;

/// What comes behind those: where needed, when the first attempt began; the delay; all waits; after
/// which attempt the backoff began anew.
fn words_of_retry(spec: &RetrySpec, memory: Memory) -> u16 {
    let pairs = [
        spec.remembers_begin(),
        spec.remembers_delay(),
        spec.sums_waits(),
    ];
    match memory {
        Memory::Flight => 0,
        Memory::Latest => LATEST_WORDS,
        Memory::More => {
            let pairs = pairs.into_iter().map(u16::from).sum::<u16>();
            LATEST_WORDS + 2 * pairs + u16::from(spec.restarts)
        }
    }
}

/// Whether a layer tries again.
pub fn is_retry(layer: &Layer) -> bool {
    matches!(layer.kind, LayerKind::Retry(_))
}

/// Whether a target's script tells calls apart.
pub fn counts_calls(target: &Target) -> bool {
    target.script.as_ref().is_some_and(|script| script.per_call)
}
