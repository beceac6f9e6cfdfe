//! What retry budgets hear: attempts that begin and end inside them, and retries that are asked for.

use std::cmp::Ordering;

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit};
use crate::resilience::{AttemptEnd, RetryBudgetSpec};
use crate::units::Money;
use crate::wire::Outcome;

use super::agent::AgentId;
use super::observer::Observer;
use super::program::{Call, CompiledLayer, Guard, Kind, NO_LAYER, Program, Scope};
use super::run::Run;

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Tells the retry budgets around a call that an attempt of it begins.
    #[inline]
    pub(super) fn tell_begun(&mut self, a: AgentId, call: &Call) {
        let program = self.program;
        let guards = &program.guards[usize::from(call.payers.0)..usize::from(call.payers.1)];
        for guard in guards {
            let (layer, spec) = retry_budget(program, guard);
            let retry = self.is_retry(a, guard);
            if spec.remembers() && !self.is_retry_to_any(a, guards, layer.word) {
                *self.agents.word(a, layer.word) = 0;
            }
            let (sharer, now) = (self.guard_sharer(a, *guard), self.agenda.now());
            let budget = self.shared.retry_budgets.of(layer.group, sharer);
            budget.begun(spec, now, retry);
        }
    }

    /// Whether the agent's attempt is a retry to any of these budgets that remembers in this word what
    /// was taken: where a turn of a sub-agent is inside a turn, two agents' budgets of one layer do.
    fn is_retry_to_any(&self, a: AgentId, guards: &[Guard], word: u16) -> bool {
        let shares = |guard: &&Guard| retry_budget(self.program, guard).0.word == word;
        (guards.iter().filter(shares)).any(|guard| self.is_retry(a, guard))
    }

    /// Tells the retry budgets around a call how an attempt of it ended; `None` is at the horizon.
    #[inline]
    pub(super) fn tell_ended(
        &mut self,
        a: AgentId,
        call: &Call,
        outcome: Option<Outcome>,
        cost: Money,
    ) {
        let program = self.program;
        for guard in &program.guards[usize::from(call.payers.0)..usize::from(call.payers.1)] {
            let (layer, spec) = retry_budget(program, guard);
            let outcome = outcome.unwrap_or(Outcome::Timeout);
            let held = match spec.remembers() {
                true => self.agents.word_of(a, layer.word),
                false => 0,
            };
            let end = AttemptEnd {
                retry: self.is_retry(a, guard),
                first_of_step: self.agents.all[a as usize].flight.attempt == 0
                    && self.agents.lane(a) <= 1,
                outcome,
                cost,
                held,
            };
            let (sharer, now) = (self.guard_sharer(a, *guard), self.agenda.now());
            let budget = self.shared.retry_budgets.of(layer.group, sharer);
            budget.ended(spec, now, &end);
        }
        if outcome == Some(Outcome::Ok) {
            self.forget_taken(a, call);
        }
    }

    /// What was taken for an attempt is given back once; only when all have heard of it is it forgotten.
    fn forget_taken(&mut self, a: AgentId, call: &Call) {
        let program = self.program;
        for guard in &program.guards[usize::from(call.payers.0)..usize::from(call.payers.1)] {
            let (layer, spec) = retry_budget(program, guard);
            if spec.remembers() {
                *self.agents.word(a, layer.word) = 0;
            }
        }
    }

    /// Asks all retry budgets outside a retry layer for one retry after `outcome`.
    pub(super) fn may_retry(
        &mut self,
        a: AgentId,
        layer: &CompiledLayer,
        outcome: Outcome,
    ) -> bool {
        let (from, to) = layer.guards;
        if from == to {
            return true;
        }
        self.retries_over(a, layer);
        let granted = self.ask_budgets(a, layer, outcome);
        if !granted {
            // What this layer holds is given back; leaving it gives nothing more.
            *self.agents.word(a, layer.word) = 1;
        }
        granted
    }

    /// Asks all retry budgets outside a hedge for one more attempt, after none has answered in time.
    /// A hedge takes no place among the retries under way (`active`).
    pub(super) fn may_hedge(&mut self, a: AgentId, layer: &CompiledLayer) -> bool {
        let granted = self.ask_budgets(a, layer, Outcome::Timeout);
        if granted {
            self.give_back(a, layer);
        }
        granted
    }

    /// What was taken for a helper's attempt, and not given back, was taken for its principal's.
    pub(super) fn hand_over_taken(&mut self, helper: AgentId, a: AgentId) {
        let (program, call) = (self.program, self.call_of(helper));
        for guard in &program.guards[usize::from(call.payers.0)..usize::from(call.payers.1)] {
            let (layer, spec) = retry_budget(program, guard);
            if spec.remembers() {
                *self.agents.word(a, layer.word) = *self.agents.word(helper, layer.word);
            }
        }
    }

    /// Whether all retry budgets outside a layer grant one more attempt after `outcome`; they have
    /// counted it then.
    fn ask_budgets(&mut self, a: AgentId, layer: &CompiledLayer, outcome: Outcome) -> bool {
        let (from, to) = layer.guards;
        let estimate = self.next_estimate(a);
        let (program, now) = (self.program, self.agenda.now());
        let guards = &program.guards[usize::from(from)..usize::from(to)];
        for guard in guards {
            let (watch, spec) = retry_budget(program, guard);
            let sharer = self.guard_sharer(a, *guard);
            let budget = self.shared.retry_budgets.of(watch.group, sharer);
            if !budget.has_room(spec, now, outcome, estimate) {
                self.observer.acted(watch.id);
                return false;
            }
        }
        // A retry that one of them denies costs the others nothing.
        for guard in guards {
            let (watch, spec) = retry_budget(program, guard);
            let sharer = self.guard_sharer(a, *guard);
            let budget = self.shared.retry_budgets.of(watch.group, sharer);
            let taken = budget.take(spec, outcome);
            if spec.remembers() {
                *self.agents.word(a, watch.word) = taken;
            }
        }
        true
    }

    /// A retry layer with budgets outside it is asked again, left or abandoned: the retry that it
    /// asked for, if it did, is over.
    pub(super) fn retries_over(&mut self, a: AgentId, layer: &CompiledLayer) {
        let began = *self.agents.word(a, layer.word);
        if began > 1 {
            self.give_back(a, layer);
        }
    }

    /// One attempt that a layer's budgets have granted is over.
    fn give_back(&mut self, a: AgentId, layer: &CompiledLayer) {
        let program = self.program;
        for guard in &program.guards[usize::from(layer.guards.0)..usize::from(layer.guards.1)] {
            let (watch, _) = retry_budget(program, guard);
            let sharer = self.guard_sharer(a, *guard);
            self.shared.retry_budgets.of(watch.group, sharer).over();
        }
    }

    /// Luck of a request at an adaptive throttle: keyed by the layer and by the time, because what
    /// is rejected makes no attempt that could tell it from the next request.
    pub(super) fn throttle_luck(&self, a: AgentId, layer: &CompiledLayer) -> f64 {
        let agent = &self.agents.all[a as usize];
        let now = self.agenda.now().0;
        let spot = Spot {
            fleet: agent.fleet,
            task: agent.task,
            step: layer.id,
            round: self.agents.round(a),
            hedge: self.agents.lane(a).saturating_sub(1),
            attempt: (now ^ (now >> 32)) as u32,
        };
        unit(self.weather.draw(spot, Purpose::Throttle)[0])
    }

    /// Whether the agent's attempt is one that a retry layer inside this guard asked for.
    fn is_retry(&self, a: AgentId, guard: &Guard) -> bool {
        let (cause, asked_by) = (self.agents.all[a as usize].cause, self.asked_by(a));
        if cause == NO_LAYER || asked_by == NO_LAYER {
            return false;
        }
        let place = self.agents.whereabouts.of(a);
        match place.caused_above[Scope::Call as usize].cmp(&guard.forks) {
            // What a sub-agent's own layers ask for is inside whatever stands around the fork.
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => {
                let inside = |id: u16| self.program.ranks[usize::from(id)] > guard.rank;
                inside(cause) && inside(asked_by)
            }
        }
    }
}

/// The retry budget of a guard that is one.
fn retry_budget<'p>(
    program: &'p Program,
    guard: &Guard,
) -> (&'p CompiledLayer, &'p RetryBudgetSpec) {
    let layer = &program.layers[usize::from(guard.layer)];
    let Kind::RetryBudget(spec) = &layer.kind else {
        unreachable!("guards of a retry layer, and who hears of a call, are retry budgets")
    };
    (layer, spec)
}
