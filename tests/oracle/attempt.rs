//! Attempts: one request on the wire, until its answer comes or the client gives it up.

use std::cell::Cell;
use std::rc::Rc;

use squall::units::Money;
use squall::wire::{Outcome, Reply};
use squall::world::BillingRule;
use squall::world::price::Usage;

use super::client::Env;
use super::layers::Purse;
use super::server::{Request, serve};
use super::sim::Row;

/// One outside of hedges, and the most attempts inside one.
pub const LANES: usize = 10;

/// A call of a target.
pub struct Call {
    pub target: usize,
    pub input: u32,
    pub output: u32,
    pub passes: bool,
    pub attempts: Cell<u64>,
    /// What retries after `invalid` have added to the prompt [tokens].
    /// For whom stands outside of hedges, then for each attempt inside one.
    pub grown: [Cell<u32>; LANES],
}

fn usage(call: &Call, lane: usize) -> Usage {
    Usage {
        input: call.input + call.grown[lane].get(),
        output: call.output,
        ..Usage::default()
    }
}

/// What budgets expect an attempt to cost: all of it.
pub fn full_price(env: &Env, call: &Call) -> Money {
    let target = env.elsewhere.unwrap_or(call.target);
    let target = &env.sim.scenario.targets[target];
    env.sim
        .share_of_price(target, usage(call, env.lane), BillingRule::FULL)
}

/// An attempt on the wire; when dropped, the client has gone.
struct Open {
    env: Env,
    target: usize,
    begin: u64,
    number: u32,
    usage: Usage,
    estimate: Money,
    server: usize,
    request: Rc<Request>,
    ended: Cell<bool>,
}

impl Open {
    /// The attempt has ended; `billed` is what it is charged as, if at all.
    fn end(&self, reply: Reply, billed: Option<Outcome>) {
        self.ended.set(true);
        let sim = &self.env.sim;
        let cost = billed.map_or(Money::ZERO, |o| sim.cost(self.target, self.usage, o));
        for purse in &self.env.budgets {
            purse.gone.set(purse.gone.get() - self.estimate.0 + cost.0);
        }
        for bound in &self.env.retry_budgets {
            let first = self.number == 1 && self.env.lane <= 1 && !self.env.anew;
            bound.ended(first, reply.outcome, cost.0);
        }
        sim.log.borrow_mut().attempted(Row {
            end: sim.clock.now(),
            begin: self.begin,
            fleet: self.env.fleet,
            task: self.env.task,
            target: self.target,
            number: self.number,
            outcome: Some(reply.outcome),
            retry_after: reply.retry_after,
            input: self.usage.input,
            output: self.usage.output,
            cost,
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let sim = &self.env.sim;
        if self.ended.get() {
            return;
        }
        self.request.left.set(true);
        // What was failing anyway is charged as that; what was being answered goes on.
        let billed = match self.request.fate.get() {
            Some(Outcome::Ok | Outcome::Invalid) => Some(Outcome::Timeout),
            other => other,
        };
        self.end(Reply::of(Outcome::Timeout), billed);
        if sim.over.get() {
            let mut log = sim.log.borrow_mut();
            let row = log.attempts.last_mut().expect("just pushed");
            row.outcome = None;
            row.end = sim.scenario.horizon.0;
        } else if sim.scenario.targets[self.target].cancels {
            sim.clock.gives_up();
            sim.clock.kill(self.server);
        }
    }
}

pub async fn attempt(env: Env, call: Rc<Call>) -> Reply {
    let sim = env.sim.clone();
    let usage = usage(&call, env.lane);
    let estimate = full_price(&env, &call);
    let target = env.elsewhere.unwrap_or(call.target);
    let covers = |p: &Rc<Purse>| p.limit - p.gone.get() >= estimate.0;
    if !env.budgets.iter().all(covers) {
        return env.refuse(Some(target), Outcome::BudgetExceeded);
    }
    for purse in &env.budgets {
        purse.gone.set(purse.gone.get() + estimate.0);
    }
    let number = {
        let mut numbers = sim.numbers.borrow_mut();
        // What stands beside an attempt is counted by itself.
        let mut place = (env.fleet, env.task, env.path.clone());
        place
            .2
            .extend((env.lane > 1).then_some(u32::MAX - env.lane as u32));
        let number = numbers.entry(place).or_default();
        *number += 1;
        *number
    };
    for bound in &env.retry_budgets {
        bound.begun();
    }
    let begin = (sim.clock.now(), target, u32::MAX, None);
    sim.log.borrow_mut().order.push(begin);
    env.waits();
    let request = Rc::new(Request {
        target,
        fleet: env.fleet,
        input: usage.input,
        output: usage.output,
        passes: call.passes,
        fate: Cell::new(Some(Outcome::Ok)),
        of_call: call.attempts.replace(call.attempts.get() + 1),
        reply: Cell::new(None),
        arrived: sim.clock.signal(),
        left: Cell::new(false),
    });
    let server = sim
        .clock
        .spawn(Box::pin(serve(sim.clone(), request.clone())));
    let open = Open {
        target,
        begin: sim.clock.now(),
        number,
        usage,
        estimate,
        server,
        request: request.clone(),
        ended: Cell::new(false),
        env,
    };
    request.arrived.wait().await;
    let reply = request.reply.take().expect("fired by an answer");
    open.end(reply, Some(reply.outcome));
    reply
}
