//! Timeouts that are drawn: how long a client waits this time.
//!
//! The luck belongs to a place in the plan and to how often the task has come there, so that a retry
//! meets another patience, and two policies that draw at the same place meet the same. A counter
//! beside those of attempts says how often; it begins anew with each round of a loop, as they do.

use crate::engine::Queue;
use crate::random::{Distribution, Purpose, Spot};
use crate::units::Span;

use super::agent::{AgentId, scattered};
use super::observer::Observer;
use super::program::{CompiledLayer, Kind, Scope};
use super::run::Run;

/// A timeout that is drawn, ready to run.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long it is \[ns\].
    time: Distribution,
    /// Whose luck it has: the number of its call's step, or of the first one inside it.
    step: u16,
    /// Tells it from others that begin with that step.
    salt: u32,
    /// Which counter counts how often it was entered; those after it, by hedges that it is inside of.
    counter: u16,
}

impl Patience {
    /// A layer inside those of `outside` in its list, in a block of this scope that begins with `step`.
    /// Scope and how many drawn ones stand outside tell it from the others there.
    pub fn new(
        time: &Distribution,
        (scope, outside): (Scope, &[CompiledLayer]),
        step: u16,
        counter: u16,
    ) -> Patience {
        let drawn = |layer: &&CompiledLayer| matches!(layer.kind, Kind::Patience(_));
        let before = outside.iter().filter(drawn).count() as u32;
        Patience {
            time: time.clone(),
            step,
            salt: scattered(before << 2 | scope as u32),
            counter,
        }
    }
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// How long a client waits this time, a nanosecond at least.
    #[inline(never)]
    pub(super) fn draw_patience(&mut self, a: AgentId, patience: &Patience) -> Span {
        let hedge = self.agents.lane(a).saturating_sub(1);
        let counter = usize::from(patience.counter) + usize::from(hedge);
        let entered = self.agents.counter(self.principal(a), counter);
        let before = *entered;
        *entered = before.wrapping_add(1);
        let agent = &self.agents.all[a as usize];
        let spot = Spot {
            fleet: agent.fleet,
            task: agent.task,
            step: patience.step,
            round: self.agents.round(a),
            attempt: before ^ patience.salt,
            hedge,
        };
        let luck = self.weather.draw(spot, Purpose::Patience)[0];
        Span::from_nanos_f64(patience.time.sample(luck)).max(Span(1))
    }
}
