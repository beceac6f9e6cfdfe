//! Attempts: launching one, ending it, giving up on it.

use crate::engine::Queue;
use crate::random::{Distribution, Purpose, Spot, unit_open};
use crate::scenario::model::{Arrivals, TargetId, Tokens};
use crate::units::{Money, Share, Span, Time};
use crate::wire::{Outcome, Reply};
use crate::world::BillingRule;
use crate::world::price::Usage;

use super::agent::{AgentId, Doing, Flight, Prepaid, Purse};
use super::drive::Next;
use super::observer::{Attempt, Observer};
use super::program::{Call, CallKind, Guard, Kind, NO_LAYER, Scope};
use super::run::Run;
use super::server::{Request, Verdict};
use super::shared::Sharer;

/// How an attempt is closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closing {
    /// With its reply.
    Replied,
    /// The client has given up on it.
    Abandoned,
    /// The run was cut off at this time.
    Open(Time),
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// All layers of a call are entered: the attempt goes out, unless a budget denies it.
    pub(super) fn launch(&mut self, a: AgentId) -> Next {
        let call = self.call_of(a);
        if call.is_simple && !self.agents.has_pages {
            return self.launch_simple(a, call);
        }
        let lane = self.agents.all[a as usize].lane;
        let (teller, hedge) = match lane {
            0 => (a, 0),
            _ => (self.principal(a), lane - 1),
        };
        let counter = usize::from(call.counter) + usize::from(hedge);
        let counter = self.agents.counter_at(teller, counter);
        let attempt = *self.agents.counter(counter);
        let spot = Spot {
            hedge,
            ..self.spot(a, call.step, attempt)
        };
        let luck = self.weather.draw(spot, Purpose::Attempt);
        let usage = match call.kind {
            CallKind::Llm(_) => self.usage(a, call, luck[2]),
            CallKind::Tool(_) => Usage::NONE,
        };
        if call.is_guarded && !self.set_aside(a, call, usage) {
            return Next::Leave(Reply::of(Outcome::BudgetExceeded));
        }
        let of_call = match self.program.counts_calls {
            true => {
                let from = self.agents.asides[a as usize].call_from;
                self.made(teller, call).wrapping_sub(from)
            }
            false => 0,
        };
        *self.agents.counter(counter) = attempt.wrapping_add(1);
        let now = self.agenda.now();
        if call.is_guarded {
            self.tell_begun(a, call);
        }
        self.observer
            .begun(now, call.target, attempt == 0 && hedge == 0);
        if let Some(talk) = self.agents.talks.get_mut(a) {
            talk.usage = usage;
        }
        let agent = &mut self.agents.all[a as usize];
        agent.flight.begin = now;
        agent.flight.attempt = attempt;
        agent.ticket = agent.ticket.wrapping_add(1);
        let server = &mut self.servers[usize::from(call.target.0)];
        if let (Some(plain), true) = (&server.plain, call.free) {
            let (outcome, work) = plain.answer(&luck);
            server.admit();
            agent.flight.outcome = outcome;
            agent.flight.admitted = true;
            agent.flight.counted = false;
            if let Some(aside) = self.agents.asides.get_mut(a) {
                aside.told = Span::MAX;
            }
            self.wait(a, Doing::InFlight, now + work);
            return Next::Wait;
        }
        let request = Request {
            spot,
            luck,
            usage,
            passes: self.passes(a, call),
            of_call,
        };
        if self.servers[usize::from(call.target.0)].is_direct() {
            self.fly(a, call.target, &request)
        } else {
            self.send(a, call.target, request);
            Next::Wait
        }
    }

    /// [`Run::launch`] of what costs nothing and nobody watches, by an agent of whom no more is known
    /// than its record: the same, without what would come to nothing.
    #[inline]
    fn launch_simple(&mut self, a: AgentId, call: &Call) -> Next {
        let counter = self.agents.counter_at(a, usize::from(call.counter));
        let counter = self.agents.counter(counter);
        let attempt = *counter;
        *counter = attempt.wrapping_add(1);
        let spot = self.spot(a, call.step, attempt);
        let luck = self.weather.draw(spot, Purpose::Attempt);
        let now = self.agenda.now();
        self.observer.begun(now, call.target, attempt == 0);
        let server = &mut self.servers[usize::from(call.target.0)];
        let Some(plain) = &server.plain else {
            unreachable!("what a tool keeps of its clients beside luck is on their pages");
        };
        let (outcome, work) = plain.answer(&luck);
        server.admit();
        let agent = &mut self.agents.all[a as usize];
        agent.ticket = agent.ticket.wrapping_add(1);
        agent.flight = Flight {
            begin: now,
            outcome,
            attempt,
            admitted: true,
            counted: false,
        };
        self.wait(a, Doing::InFlight, now + work);
        Next::Wait
    }

    /// Sets aside in budgets what an attempt may cost; false, and told, if they have not enough.
    #[inline(never)]
    fn set_aside(&mut self, a: AgentId, call: &Call, usage: Usage) -> bool {
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

    /// How many attempts of a call's step an agent has made, hedges included.
    pub(super) fn made(&mut self, a: AgentId, call: &Call) -> u32 {
        let from = usize::from(call.counter);
        let lanes = from..from + usize::from(call.lanes);
        let add = |sum: u32, made: &u32| sum.wrapping_add(*made);
        self.agents.counters_of(a)[lanes].iter().fold(0, add)
    }

    /// An attempt whose end is known at once.
    #[inline]
    fn fly(&mut self, a: AgentId, target: TargetId, request: &Request) -> Next {
        let now = self.agenda.now();
        let server = &mut self.servers[usize::from(target.0)];
        let flight = &mut self.agents.all[a as usize].flight;
        let told;
        let until = match server.arrive(now, request, &self.weather) {
            Verdict::Admitted {
                outcome,
                retry_after,
                work,
                counted,
            } => {
                flight.outcome = outcome;
                told = retry_after;
                flight.admitted = true;
                flight.counted = counted;
                server.end_of_work(now, work)
            }
            Verdict::Refused {
                outcome,
                retry_after,
                after,
            } => {
                flight.outcome = outcome;
                told = retry_after;
                flight.admitted = false;
                now + after
            }
            Verdict::Dropped => unreachable!("only a target with servers drops requests"),
        };
        if let Some(aside) = self.agents.asides.get_mut(a) {
            aside.told = told.unwrap_or(Span::MAX);
        }
        self.wait(a, Doing::InFlight, until);
        Next::Wait
    }

    /// The end of an attempt has come.
    #[inline]
    pub(super) fn end_flight(&mut self, a: AgentId) -> Next {
        let call = self.call_of(a);
        let agent = &self.agents.all[a as usize];
        if agent.flight.admitted {
            let server = &mut self.servers[usize::from(call.target.0)];
            server.finish(agent.fleet, agent.flight.counted);
        }
        self.replied(a, call)
    }

    /// The reply to an agent's attempt has come.
    #[inline(always)]
    pub(super) fn replied(&mut self, a: AgentId, call: &Call) -> Next {
        self.close_attempt(a, call, Closing::Replied);
        let agent = &self.agents.all[a as usize];
        if agent.flight.outcome != Outcome::Ok {
            return self.went_wrong(a);
        }
        let program = self.program;
        let b = &program.blocks[usize::from(agent.block)];
        if self.agents.has_pages {
            self.learn(a, call);
        }
        match b.quiet {
            true => self.go_on(a, b),
            false => Next::Leave(Reply::of(Outcome::Ok)),
        }
    }

    /// The reply to an attempt that has not succeeded.
    #[inline(never)]
    fn went_wrong(&mut self, a: AgentId) -> Next {
        let outcome = self.agents.all[a as usize].flight.outcome;
        Next::Leave(Reply::of(outcome).asking(self.retry_after(a)))
    }

    /// The `Retry-After` that comes with an agent's attempt.
    #[inline]
    fn retry_after(&self, a: AgentId) -> Option<Span> {
        let aside = self.agents.asides.get(a)?;
        (aside.told != Span::MAX).then_some(aside.told)
    }

    /// What an agent has after a success: the answer or the result joins its conversation.
    #[inline]
    fn learn(&mut self, a: AgentId, call: &Call) {
        match &call.kind {
            CallKind::Llm(step) if step.fresh => {}
            CallKind::Llm(_) => {
                let talk = &mut self.agents.talks[a as usize];
                let usage = talk.usage;
                talk.context = (usage.input - talk.grown).saturating_add(usage.output);
            }
            // Nobody hears of the result where there is no model.
            CallKind::Tool(_) if self.agents.talks.get(a).is_none() => {}
            CallKind::Tool(step) => {
                let result = self.tokens(a, call.step, &step.result_tokens);
                let talk = &mut self.agents.talks[a as usize];
                talk.context = talk.context.saturating_add(result);
            }
        }
    }

    /// Charges an attempt and tells the observer how it ended.
    #[inline]
    pub(super) fn close_attempt(&mut self, a: AgentId, call: &Call, closing: Closing) {
        match call.free {
            true => self.book(a, call, closing, Bill::NOTHING),
            false => self.book(a, call, closing, self.bill(a, call, closing)),
        }
    }

    /// Closes an attempt that comes to this bill. Inlined where the bill is nothing, so that what
    /// would be done with it is not.
    #[inline(always)]
    fn book(&mut self, a: AgentId, call: &Call, closing: Closing, bill: Bill) {
        let flight = self.agents.all[a as usize].flight;
        let (outcome, end) = match closing {
            Closing::Replied => (Some(flight.outcome), self.agenda.now()),
            Closing::Abandoned => (Some(Outcome::Timeout), self.agenda.now()),
            Closing::Open(end) => (None, end),
        };
        let Bill {
            usage,
            charged,
            cost,
        } = bill;
        if call.is_guarded {
            self.settle(a, call, cost);
            self.tell_ended(a, call, outcome, cost);
        }
        let agent = &self.agents.all[a as usize];
        let hedge = agent.lane.saturating_sub(1);
        let first = flight.attempt == 0 && hedge == 0;
        let cause = match agent.cause[Scope::Call as usize] {
            _ if first => NO_LAYER,
            cause => cause,
        };
        self.observer.attempt(&Attempt {
            begin: flight.begin,
            end,
            agent: a,
            fleet: agent.fleet,
            task: agent.task,
            step: call.step,
            round: agent.round,
            number: flight.attempt.wrapping_add(1),
            hedge,
            cause,
            target: call.target,
            outcome,
            retry_after: match closing {
                Closing::Replied => self.retry_after(a),
                _ => None,
            },
            usage,
            charged,
            cost,
        });
        match outcome {
            Some(Outcome::Ok) => {
                if let Some(kept) = self.agents.kept.get_mut(a) {
                    *kept = kept.with(cost);
                }
            }
            Some(_) if cost != Money::ZERO => self.observer.wasted(cost),
            _ => {}
        }
        if self.program.prepays && matches!(flight.outcome, Outcome::Ok | Outcome::Invalid) {
            self.note_cached(a, call, usage, end);
        }
    }

    /// What an attempt costs.
    #[inline(always)]
    fn bill(&self, a: AgentId, call: &Call, closing: Closing) -> Bill {
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
    fn note_cached(&mut self, a: AgentId, call: &Call, usage: Usage, end: Time) {
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

    /// The client gives up on an agent's attempt.
    pub(super) fn abandon_attempt(&mut self, a: AgentId) {
        let agent = self.agents.all[a as usize];
        self.close_attempt(a, self.call_of(a), Closing::Abandoned);
        if agent.doing == Doing::InFlight && agent.flight.admitted {
            let target = self.call_of(a).target;
            let until = self.agents.timed[a as usize].until;
            self.leave_behind(target, agent.fleet, agent.flight.counted, until);
        } else if agent.doing == Doing::AwaitsReply {
            self.cancel_job(a);
        }
        let agent = &mut self.agents.all[a as usize];
        agent.ticket = agent.ticket.wrapping_add(1);
    }

    /// The place of a draw for an agent.
    fn spot(&self, a: AgentId, step: u16, attempt: u32) -> Spot {
        let agent = &self.agents.all[a as usize];
        Spot {
            fleet: agent.fleet,
            task: agent.task,
            step,
            round: agent.round,
            attempt,
            hedge: 0,
        }
    }

    /// One draw for a step as a whole, whatever its attempts do, in (0, 1).
    pub(super) fn step_luck(&self, a: AgentId, step: u16) -> f64 {
        let spot = self.spot(a, step, 0);
        unit_open(self.weather.draw(spot, Purpose::Step)[0])
    }

    /// The share of answers to this call that pass validation.
    fn passes(&self, a: AgentId, call: &Call) -> Share {
        let CallKind::Llm(step) = &call.kind else {
            return Share::ALL;
        };
        if step.never != Share::NONE {
            let spot = self.spot(a, call.step, 0);
            let coin = self.weather.draw(spot, Purpose::Document)[0];
            if step.never.hits(coin) {
                return Share::NONE;
            }
        }
        step.passes
    }

    /// The tokens of an attempt; `bits` is the luck of the output's length.
    #[inline]
    fn usage(&self, a: AgentId, call: &Call, bits: u32) -> Usage {
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
    fn estimate(&self, a: AgentId, call: &Call, usage: Usage) -> Money {
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
    fn settle(&mut self, a: AgentId, call: &Call, cost: Money) {
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

    /// Whose state a guard's is: beyond a fork that of the agent that holds the task.
    pub(super) fn guard_sharer(&self, a: AgentId, guard: Guard) -> Sharer {
        let sharer = self.sharer(a);
        Sharer {
            agent: match guard.beyond_fork {
                true => sharer.root,
                false => sharer.agent,
            },
            ..sharer
        }
    }
}

/// What an attempt used and costs.
#[derive(Clone, Copy, Debug)]
struct Bill {
    usage: Usage,
    charged: Usage,
    cost: Money,
}

impl Bill {
    const NOTHING: Bill = Bill {
        usage: Usage::NONE,
        charged: Usage::NONE,
        cost: Money::ZERO,
    };
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
