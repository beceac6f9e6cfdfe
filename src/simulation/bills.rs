//! What attempts use and cost, and what budgets set aside for them.

use crate::engine::Queue;
use crate::random::{Distribution, unit_open};
use crate::scenario::model::{Arrivals, Tokens};
use crate::units::{Money, Time};
use crate::wire::Outcome;
use crate::world::BillingRule;
use crate::world::price::Usage;

use super::agent::{AgentId, Prepaid, Purse};
use super::attempts::Closing;
use super::observer::Observer;
use super::program::{Call, CallKind, Guard, Kind, Scope};
use super::run::Run;
use super::shared::Sharer;

/// What an attempt used and costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bill {
    pub(super) usage: Usage,
    pub(super) charged: Usage,
    pub(super) cost: Money,
}

impl Bill {
    pub(super) const NOTHING: Bill = Bill {
        usage: Usage::NONE,
        charged: Usage::NONE,
        cost: Money::ZERO,
    };
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// What an attempt costs.
    #[inline(always)]
    pub(super) fn bill(&self, a: AgentId, call: &Call, closing: Closing) -> Bill {
        let spec = &self.scenario.targets[usize::from(call.target.0)];
        let rule = match closing {
            Closing::Replied => spec
                .billing
                .rule(self.agents.all[a as usize].flight.outcome),
            Closing::Abandoned | Closing::Open(_) => self.abandoned_rule(a),
        };
        let usage = self.agents.talks.of(a).usage;
        match rule {
            BillingRule::FULL => Bill {
                usage,
                charged: usage,
                cost: spec.price.in_full(usage),
            },
            BillingRule::FREE => Bill {
                usage,
                ..Bill::NOTHING
            },
            _ => Bill {
                usage,
                charged: charged(usage, rule),
                cost: spec.price.cost(usage, rule),
            },
        }
    }

    /// The provider keeps the prompt of an answered attempt in its cache.
    #[inline(never)]
    pub(super) fn note_cached(&mut self, a: AgentId, call: &Call, usage: Usage, end: Time) {
        let spec = &self.scenario.targets[usize::from(call.target.0)];
        if let (Some(cache), CallKind::Llm(step)) = (&spec.cache, &call.kind)
            && !step.fresh
            && usage.input >= cache.min_prefix
        {
            let detour = self.detour_of(a);
            let prepaid = &mut self.agents.prepaid[a as usize];
            prepaid.prefix = usage.input;
            prepaid.until = end + cache.ttl;
            prepaid.detour = detour;
        }
    }

    /// What giving up on an attempt costs: what was going to be charged in full goes on at the
    /// server and is charged as a timeout; what was failing anyway is charged as that.
    fn abandoned_rule(&self, a: AgentId) -> BillingRule {
        let agent = &self.agents.all[a as usize];
        let target = self.call_of(a).target;
        let billing = &self.scenario.targets[usize::from(target.0)].billing;
        match agent.flight.outcome {
            Outcome::Ok | Outcome::Invalid => billing.rule(Outcome::Timeout),
            // Dropped on the way in: nobody works on it.
            Outcome::Timeout => BillingRule::FREE,
            failing => billing.rule(failing),
        }
    }

    /// The tokens of an attempt; `bits` is the luck of the output's length.
    #[inline]
    pub(super) fn usage(&self, a: AgentId, call: &Call, bits: u32) -> Usage {
        let CallKind::Llm(step) = &call.kind else {
            return Usage::default();
        };
        let prompt = self.tokens(a, call.step, &step.prompt);
        let talk = self.agents.talks[a as usize];
        let history = if step.fresh { 0 } else { talk.context };
        let input = history.saturating_add(prompt).saturating_add(talk.grown);
        let output = match &step.output {
            Tokens::Drawn(tokens) => tokens.quantile(unit_open(bits)) as u32,
            recorded => self.tokens(a, call.step, recorded),
        };
        let mut usage = Usage {
            input,
            output,
            ..Usage::default()
        };
        let spec = &self.scenario.targets[usize::from(call.target.0)];
        if let Some(cache) = &spec.cache
            && !step.fresh
            && input >= cache.min_prefix
        {
            let Prepaid {
                prefix,
                until,
                detour,
                ..
            } = self.agents.prepaid[a as usize];
            if self.agenda.now() < until && detour == self.detour_of(a) {
                usage.cached = prefix.min(input);
            }
            usage.written = input - usage.cached;
        }
        usage
    }

    /// A number of tokens that is drawn once a step, or recorded.
    #[inline]
    pub(super) fn tokens(&self, a: AgentId, step: u16, tokens: &Tokens) -> u32 {
        let agent = &self.agents.all[a as usize];
        let row = || match &self.scenario.fleets[usize::from(agent.fleet)]
            .tasks
            .arrivals
        {
            Arrivals::Trace(rows) => rows[agent.task as usize],
            _ => unreachable!("checked: trace tokens come with a trace"),
        };
        match tokens {
            Tokens::Drawn(Distribution::Constant(tokens)) => *tokens as u32,
            Tokens::Drawn(tokens) => tokens.quantile(self.step_luck(a, step)) as u32,
            Tokens::TraceContext => row().context,
            Tokens::TraceGenerated => row().generated,
        }
    }

    /// What budgets set aside for an attempt: its price in full, with the output as long as it may
    /// become ([`Distribution::high`]).
    pub(super) fn estimate(&self, a: AgentId, call: &Call, usage: Usage) -> Money {
        if !call.is_guarded {
            return Money::ZERO;
        }
        let mut usage = usage;
        if let CallKind::Llm(step) = &call.kind {
            usage.output = match &step.output {
                Tokens::Drawn(_) => call.longest_output,
                recorded => self.tokens(a, call.step, recorded),
            };
        }
        let price = &self.scenario.targets[usize::from(call.target.0)].price;
        // Through the purse that it will be kept in, so that what is released is what was reserved.
        Purse::from(price.cost(usage, BillingRule::FULL)).money()
    }

    /// The estimate of the attempt that a retry would make, for retry budgets; nothing where it
    /// would do more than repeat one call.
    pub(super) fn next_estimate(&self, a: AgentId) -> Money {
        let agent = &self.agents.all[a as usize];
        let block = &self.program.blocks[usize::from(agent.block)];
        if block.scope != Scope::Call {
            return Money::ZERO;
        }
        let call = self.call_of(a);
        self.estimate(a, call, self.usage(a, call, 0))
    }

    /// Sets the estimate aside in every budget around the call, or in none.
    #[inline(never)]
    fn reserve(&mut self, a: AgentId, call: &Call, estimate: Money) -> bool {
        let program = self.program;
        let budgets = &program.guards[usize::from(call.budgets.0)..usize::from(call.budgets.1)];
        for (n, guard) in budgets.iter().enumerate() {
            let layer = &program.layers[usize::from(guard.layer)];
            let Kind::Budget(limit) = layer.kind else {
                unreachable!("budgets of a call are budgets")
            };
            let sharer = self.guard_sharer(a, *guard);
            if self
                .shared
                .accounts
                .of(layer.group, sharer)
                .reserve(limit, estimate)
            {
                continue;
            }
            self.observer.acted(layer.id);
            for guard in &budgets[..n] {
                let group = program.layers[usize::from(guard.layer)].group;
                let sharer = self.guard_sharer(a, *guard);
                self.shared.accounts.of(group, sharer).release(estimate);
            }
            return false;
        }
        true
    }

    /// Charges the true cost to every budget around the call.
    #[inline(never)]
    pub(super) fn settle(&mut self, a: AgentId, call: &Call, cost: Money) {
        let program = self.program;
        for guard in &program.guards[usize::from(call.budgets.0)..usize::from(call.budgets.1)] {
            let group = program.layers[usize::from(guard.layer)].group;
            let sharer = self.guard_sharer(a, *guard);
            self.shared
                .accounts
                .of(group, sharer)
                .commit(self.agents.prepaid[a as usize].estimate.money(), cost);
        }
    }

    /// Sets aside in budgets what an attempt may cost; false, and told, if they have not enough.
    #[inline(never)]
    pub(super) fn set_aside(&mut self, a: AgentId, call: &Call, usage: Usage) -> bool {
        let estimate = self.estimate(a, call, usage);
        if !self.reserve(a, call, estimate) {
            self.deny(a, Outcome::BudgetExceeded);
            return false;
        }
        if let Some(prepaid) = self.agents.prepaid.get_mut(a) {
            prepaid.estimate = Purse::from(estimate);
        }
        true
    }

    /// Whose state a guard's is: beyond forks that of the agent that made the outermost of them.
    pub(super) fn guard_sharer(&self, a: AgentId, guard: Guard) -> Sharer {
        let mut sharer = self.sharer(a);
        for _ in 0..guard.forks {
            sharer.agent = self.agents.families[sharer.agent as usize].parent;
        }
        sharer
    }
}

/// The tokens that are charged under a billing rule.
#[inline(never)]
fn charged(usage: Usage, rule: BillingRule) -> Usage {
    Usage {
        input: rule.input.of(usage.input),
        cached: rule.input.of(usage.cached),
        written: rule.input.of(usage.written),
        output: rule.output.of(usage.output),
    }
}
