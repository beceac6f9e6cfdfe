//! Attempts: launching one, ending it, giving up on it.

use crate::engine::Queue;
use crate::random::{Purpose, Spot, unit_open};
use crate::scenario::model::{Agents, TargetId};
use crate::units::{Money, Share, Span, Time};
use crate::wire::{Outcome, Reply};
use crate::world::price::Usage;

use super::agent::{Agent, AgentId, Doing, Flight};
use super::bills::Bill;
use super::drive::Next;
use super::observer::{Attempt, Observer};
use super::pages::{Told, Whereabouts};
use super::program::{Call, CallKind, NO_LAYER};
use super::run::Run;
use super::server::{Request, Server, Verdict};

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
            self.launch_simple(a, call);
            return Next::Wait;
        }
        let place = self.agents.whereabouts.of(a);
        let (teller, hedge) = match place.lane {
            0 => (a, 0),
            lane => (self.principal(a), lane - 1),
        };
        let attempt = match self.program.once {
            true => self.agents.all[a as usize].flight.attempt.wrapping_add(1),
            false => *self.agents.counter(teller, call.counter_of(hedge)),
        };
        let spot = Spot {
            hedge,
            ..self.spot(a, place, call.step, attempt)
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
                let from = self.agents.whereabouts[a as usize].call_from;
                self.made(teller, call).wrapping_sub(from)
            }
            false => 0,
        };
        if !self.program.once {
            *self.agents.counter(teller, call.counter_of(hedge)) = attempt.wrapping_add(1);
        }
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
        self.agents.stamp(a);
        let request = Request {
            spot,
            luck,
            usage,
            passes: self.passes(a, call),
            of_call,
            client: match self.servers[usize::from(call.target.0)].knows_agents {
                true => self.client(a),
                false => 0,
            },
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
    #[inline(always)]
    fn launch_simple(&mut self, a: AgentId, call: &Call) {
        let attempt = match self.program.once {
            true => self.agents.all[a as usize].flight.attempt.wrapping_add(1),
            false => {
                let counter = self.agents.counter(a, call.counter_of(0));
                *counter = counter.wrapping_add(1);
                counter.wrapping_sub(1)
            }
        };
        let spot = self.spot(a, self.agents.whereabouts.of(a), call.step, attempt);
        let now = self.agenda.now();
        let server = &mut self.servers[usize::from(call.target.0)];
        let luck = self.weather.draw(spot, Purpose::Attempt);
        self.observer.begun(now, call.target, attempt == 0);
        let (flight, work) = take_off(server, (now, attempt), &luck);
        self.agents.all[a as usize].flight = flight;
        self.agents.stamp(a);
        self.wait(a, Doing::InFlight, flight.begin + work);
    }

    /// How many attempts of a call's step an agent has made, or how many times the hedge of this number
    /// went out.
    #[inline]
    pub(super) fn made_of(&mut self, a: AgentId, call: &Call, hedge: u8) -> u32 {
        if self.program.once {
            return self.agents.all[a as usize].flight.attempt.wrapping_add(1);
        }
        let teller = self.principal(a);
        *self.agents.counter(teller, call.counter_of(hedge))
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
                server.end_of_work(now, work, request, &self.weather)
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
        self.agents.told.set(a, Told(told.unwrap_or(Span::MAX)));
        self.wait(a, Doing::InFlight, until);
        Next::Wait
    }

    /// The end of an attempt has come.
    #[inline]
    pub(super) fn end_flight(&mut self, a: AgentId, call: &Call) -> Next {
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
        let Told(after) = *self.agents.told.get(a)?;
        (after != Span::MAX).then_some(after)
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
        let (usage, cost) = (bill.usage, bill.cost);
        if call.is_guarded {
            self.settle(a, call, cost);
            self.tell_ended(a, call, outcome, cost);
        }
        let retry_after = match closing {
            Closing::Replied => self.retry_after(a),
            _ => None,
        };
        let agent = &self.agents.all[a as usize];
        self.observer.attempt(&Attempt {
            outcome,
            retry_after,
            ..attempt_of((a, agent, self.agents.whereabouts.of(a)), call, end, bill)
        });
        match outcome {
            Some(Outcome::Ok) => {
                if let Some(kept) = self.agents.kept.get_mut(a) {
                    *kept = kept.with(cost);
                }
            }
            Some(_) if cost != Money::ZERO => {
                let fleet = self.agents.all[a as usize].fleet;
                self.observer.wasted(fleet, cost);
            }
            _ => {}
        }
        if self.program.prepays && matches!(flight.outcome, Outcome::Ok | Outcome::Invalid) {
            self.note_cached(a, call, usage, end);
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
        self.agents.stamp(a);
    }

    /// The place of a draw for an agent.
    #[inline]
    fn spot(&self, a: AgentId, place: Whereabouts, step: u16, attempt: u32) -> Spot {
        let agent = &self.agents.all[a as usize];
        Spot {
            fleet: agent.fleet,
            task: agent.task,
            step,
            round: place.round,
            attempt,
            hedge: 0,
        }
    }

    /// Who an agent is to the targets that it calls: its number, that of the agent it is a part of, in
    /// its fleet; in an open loop, where each task has an agent of its own, the task's.
    #[inline(never)]
    fn client(&self, a: AgentId) -> u32 {
        let agent = &self.agents.all[a as usize];
        let queue = &self.queues[usize::from(agent.fleet)];
        match queue.spec.agents {
            Agents::Unlimited => agent.task,
            Agents::Count(_) => self.agents.root(a) - queue.first_agent,
        }
    }

    /// One draw for a step as a whole, whatever its attempts do, in (0, 1).
    pub(super) fn step_luck(&self, a: AgentId, step: u16) -> f64 {
        let spot = self.spot(a, self.agents.whereabouts.of(a), step, 0);
        unit_open(self.weather.draw(spot, Purpose::Step)[0])
    }

    /// The share of answers to this call that pass validation.
    fn passes(&self, a: AgentId, call: &Call) -> Share {
        let CallKind::Llm(step) = &call.kind else {
            return Share::ALL;
        };
        if step.never != Share::NONE {
            let spot = self.spot(a, self.agents.whereabouts.of(a), call.step, 0);
            let coin = self.weather.draw(spot, Purpose::Document)[0];
            if step.never.hits(coin) {
                return Share::NONE;
            }
        }
        step.passes
    }
}

/// An attempt arrives at a tool that is always there: how it will end, and after how long.
#[inline(always)]
pub(super) fn take_off(
    server: &mut Server,
    (begin, attempt): (Time, u32),
    luck: &[u32; 4],
) -> (Flight, Span) {
    let Some(plain) = &server.plain else {
        unreachable!("what a tool keeps of its clients beside luck is on their pages");
    };
    let (outcome, work) = plain.answer(luck);
    server.admit();
    let flight = Flight {
        begin,
        outcome,
        attempt,
        admitted: true,
        counted: false,
    };
    (flight, work)
}

/// What is told of the attempt of an agent that has ended well, at `end`.
#[inline(always)]
pub(super) fn attempt_of(
    (a, agent, place): (AgentId, &Agent, Whereabouts),
    call: &Call,
    end: Time,
    bill: Bill,
) -> Attempt {
    let hedge = place.lane.saturating_sub(1);
    let first = agent.flight.attempt == 0 && hedge == 0;
    Attempt {
        begin: agent.flight.begin,
        end,
        agent: a,
        fleet: agent.fleet,
        task: agent.task,
        step: call.step,
        page: call.page,
        round: place.round,
        number: agent.flight.attempt.wrapping_add(1),
        hedge,
        cause: if first { NO_LAYER } else { agent.cause },
        target: call.target,
        outcome: Some(Outcome::Ok),
        retry_after: None,
        usage: bill.usage,
        charged: bill.charged,
        cost: bill.cost,
    }
}
