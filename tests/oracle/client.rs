//! The client: plans, layers and attempts, each layer a function around what is inside it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::resilience::{
    BackoffKind, BreakerSpec, ClientLimitSpec, HalfOpen, RetryAfterRule, RetryBudgetSpec,
    RetrySpec, WhenTooLong,
};
use squall::scenario::{Layer, LayerKind, LlmStep, OnFailure, ParallelStep, Step, Tokens};
use squall::units::{Money, Share, Span};
use squall::wire::{Outcome, Reply};
use squall::world::BillingRule;
use squall::world::price::Usage;

use super::clock::{Fut, all, race};
use super::gate::Gate;
use super::server::{Request, certain, serve};
use super::sim::{Row, Sim};

/// Where a piece of a plan runs: for whom, and inside which layers.
#[derive(Clone)]
pub struct Env {
    pub sim: Rc<Sim>,
    pub fleet: usize,
    pub task: u32,
    /// How often the task was submitted again before.
    pub run: u32,
    pub agent: u64,
    /// The conversation so far [tokens].
    pub conversation: Rc<Cell<u32>>,
    /// Where in the plan: steps, rounds, branches.
    pub path: Vec<u32>,
    /// The retry budgets around this.
    pub retry_budgets: Vec<Rc<RefCell<RetryBudget>>>,
    /// The budgets around this.
    pub budgets: Vec<Rc<Purse>>,
}

/// A retry budget's books.
pub struct RetryBudget {
    spec: RetryBudgetSpec,
    retries: u32,
    first: i128,
    again: i128,
}

/// A budget's books; what open attempts may cost counts as gone.
pub struct Purse {
    limit: i128,
    gone: Cell<i128>,
}

/// What is inside a layer.
type Inner = Rc<dyn Fn(Env) -> Fut<Reply>>;

/// A call of a target.
struct Call {
    target: usize,
    input: u32,
    output: u32,
    passes: bool,
    attempts: Cell<u64>,
    /// What retries after `invalid` have added to the prompt [tokens].
    grown: Cell<u32>,
}

impl Env {
    fn at(&self, place: u32) -> Env {
        let mut env = self.clone();
        env.path.push(place);
        env
    }

    fn refuse(&self, target: Option<usize>, outcome: Outcome) -> Reply {
        let now = self.sim.clock.now();
        let row = (now, self.fleet, self.task, target, outcome);
        self.sim.log.borrow_mut().refusals.push(row);
        Reply::of(outcome)
    }
}

fn tokens(tokens: &Tokens) -> u32 {
    match tokens {
        Tokens::Drawn(distribution) => certain(distribution) as u32,
        other => panic!("{other:?} is not certain"),
    }
}

// ---------------------------------------------------------------- plans

/// Runs a whole task, its layers around it.
pub fn task(env: Env, plan: &'static [Step]) -> Fut<Reply> {
    let inner: Inner = Rc::new(move |env: Env| {
        env.conversation.set(0);
        steps(env, plan)
    });
    through(env.clone(), &env.sim.policy.task, None, inner)
}

/// Whether there is a model step here, sub-agents aside.
fn thinks(step: &Step) -> bool {
    match step {
        Step::Llm(_) => true,
        Step::Repeat { steps, .. } => steps.iter().any(thinks),
        _ => false,
    }
}

/// Runs steps, turn by turn.
fn steps(env: Env, plan: &'static [Step]) -> Fut<Reply> {
    Box::pin(async move {
        let mut i = 0;
        while i < plan.len() {
            let from = i;
            i += 1;
            let reply = if matches!(plan[from], Step::Llm(_)) {
                while i < plan.len() && !thinks(&plan[i]) {
                    i += 1;
                }
                turn(env.clone(), &plan[from..i], from as u32).await
            } else {
                step(env.at(from as u32), &plan[from]).await
            };
            if reply.outcome != Outcome::Ok {
                return reply;
            }
        }
        Reply::of(Outcome::Ok)
    })
}

/// Runs a turn, its layers around it.
fn turn(env: Env, plan: &'static [Step], from: u32) -> Fut<Reply> {
    let before = env.conversation.get();
    let inner: Inner = Rc::new(move |env: Env| {
        env.conversation.set(before);
        Box::pin(async move {
            for (i, each) in plan.iter().enumerate() {
                let reply = step(env.at(from + i as u32), each).await;
                if reply.outcome != Outcome::Ok {
                    return reply;
                }
            }
            Reply::of(Outcome::Ok)
        })
    });
    through(env.clone(), &env.sim.policy.turn, None, inner)
}

fn step(env: Env, step: &'static Step) -> Fut<Reply> {
    match step {
        Step::Llm(it) => Box::pin(llm(env, it)),
        Step::Tool(it) => Box::pin(async move {
            let target = usize::from(it.target.0);
            let call = Call {
                target,
                input: 0,
                output: 0,
                passes: true,
                attempts: Cell::new(0),
                grown: Cell::new(0),
            };
            let reply = self::call(env.clone(), call).await;
            if reply.outcome == Outcome::Ok {
                let result = tokens(&it.result_tokens);
                env.conversation.set(env.conversation.get() + result);
            }
            forgive(reply, it.on_failure)
        }),
        Step::Wait(span) => Box::pin(async move {
            env.sim.clock.sleep(certain(span) as u64).await;
            Reply::of(Outcome::Ok)
        }),
        Step::Repeat { times, steps: plan } => Box::pin(async move {
            for round in 0..*times {
                let reply = steps(env.at(round), plan).await;
                if reply.outcome != Outcome::Ok {
                    return reply;
                }
            }
            Reply::of(Outcome::Ok)
        }),
        Step::Parallel(it) => Box::pin(parallel(env, it)),
    }
}

fn forgive(reply: Reply, on_failure: OnFailure) -> Reply {
    match on_failure {
        OnFailure::Continue => Reply::of(Outcome::Ok),
        OnFailure::Fail => reply,
    }
}

async fn llm(env: Env, it: &'static LlmStep) -> Reply {
    let before = match it.fresh {
        true => 0,
        false => env.conversation.get(),
    };
    let (input, output) = (before + tokens(&it.prompt), tokens(&it.output));
    let certain = |share: Share| match share {
        Share::ALL => true,
        Share::NONE => false,
        other => panic!("{other:?} is not certain"),
    };
    let call = Call {
        target: usize::from(it.target.0),
        input,
        output,
        passes: certain(it.passes) && !certain(it.never),
        attempts: Cell::new(0),
        grown: Cell::new(0),
    };
    let reply = self::call(env.clone(), call).await;
    if reply.outcome == Outcome::Ok && !it.fresh {
        env.conversation.set(input + output);
    }
    forgive(reply, it.on_failure)
}

async fn parallel(env: Env, it: &'static ParallelStep) -> Reply {
    let mut children: Vec<Fut<bool>> = vec![];
    let first_bad: Rc<Cell<Option<Outcome>>> = Rc::default();
    for branch in &it.branches {
        for _ in 0..branch.agents {
            let mut child = env.at(children.len() as u32);
            child.conversation = Rc::default();
            child.agent = env.sim.new_agent();
            let first_bad = first_bad.clone();
            children.push(Box::pin(async move {
                // It begins when its parent has begun all of them.
                child.sim.clock.sleep(0).await;
                let reply = steps(child, &branch.steps).await;
                let ok = reply.outcome == Outcome::Ok;
                if !ok && first_bad.get().is_none() {
                    first_bad.set(Some(reply.outcome));
                }
                ok
            }));
        }
    }
    let good = all(children).await.into_iter().filter(|ok| *ok).count();
    let report = it.result_tokens * good as u32;
    env.conversation.set(env.conversation.get() + report);
    let outcome = first_bad.get().unwrap_or(Outcome::Ok);
    forgive(Reply::of(outcome), it.on_failure)
}

/// A call, its layers around it.
fn call(env: Env, call: Call) -> Fut<Reply> {
    let sim = env.sim.clone();
    let layers = match sim.scenario.targets[call.target].is_model() {
        true => &sim.policy.llm,
        false => &sim.policy.tool,
    };
    let own = layers
        .of
        .iter()
        .find(|(t, _)| usize::from(t.0) == call.target);
    let layers = own.map_or(&layers.others, |(_, layers)| layers);
    let call = Rc::new(call);
    let inner: Inner = Rc::new({
        let call = call.clone();
        move |env| Box::pin(attempt(env, call.clone()))
    });
    through(env, layers, Some(call), inner)
}

// ---------------------------------------------------------------- layers

/// Runs `inner` inside these layers.
fn through(env: Env, layers: &'static [Layer], call: Option<Rc<Call>>, inner: Inner) -> Fut<Reply> {
    let Some((layer, rest)) = layers.split_first() else {
        return inner(env);
    };
    let target = call.as_ref().map(|c| c.target);
    let inside: Inner = Rc::new({
        let call = call.clone();
        move |env| through(env, rest, call.clone(), inner.clone())
    });
    let sim = env.sim.clone();
    match &layer.kind {
        LayerKind::Retry(spec) => Box::pin(retry(env, spec, call, inside)),
        LayerKind::Timeout(span) => Box::pin(async move {
            let limit = sim.clock.timer(span.0);
            let reply = race(inside(env), limit).await;
            reply.unwrap_or(Reply::of(Outcome::Timeout))
        }),
        LayerKind::CircuitBreaker(spec) => {
            let state = sim.state(layer, &env, target, Cell::<Breaker>::default);
            Box::pin(breaker(env, spec, state, target, inside))
        }
        LayerKind::Concurrency(spec) => {
            let gate = || Gate::new(&sim.clock, spec.max, spec.queue);
            let gate = sim.state(layer, &env, target, gate);
            Box::pin(async move {
                let Some(ticket) = gate.ask() else {
                    return env.refuse(target, Outcome::Rejected);
                };
                ticket.turn().await;
                inside(env).await
            })
        }
        LayerKind::RateLimit(spec) => {
            let log = sim.state(layer, &env, target, RefCell::<Vec<u64>>::default);
            Box::pin(async move {
                let now = sim.clock.now();
                let Some(wait) = reserve(&mut log.borrow_mut(), spec, now) else {
                    return env.refuse(target, Outcome::Rejected);
                };
                if wait > 0 {
                    sim.clock.sleep(wait).await;
                }
                inside(env).await
            })
        }
        LayerKind::RetryBudget(spec) => {
            let new = || {
                RefCell::new(RetryBudget {
                    spec: *spec,
                    retries: 0,
                    first: 0,
                    again: 0,
                })
            };
            let books = sim.state(layer, &env, None, new);
            let mut env = env;
            // A turn inside a turn asks once.
            if !env.retry_budgets.iter().any(|b| Rc::ptr_eq(b, &books)) {
                env.retry_budgets.push(books);
            }
            inside(env)
        }
        LayerKind::Budget(limit) => {
            let new = || Purse {
                limit: limit.0,
                gone: Cell::new(0),
            };
            let purse = sim.state(layer, &env, None, new);
            let mut env = env;
            if !env.budgets.iter().any(|p| Rc::ptr_eq(p, &purse)) {
                env.budgets.push(purse);
            }
            inside(env)
        }
    }
}

async fn retry(env: Env, spec: &'static RetrySpec, call: Option<Rc<Call>>, inside: Inner) -> Reply {
    let begun = env.sim.clock.now();
    let mut attempts = 1;
    loop {
        let latest = env.sim.clock.now();
        let reply = inside(env.clone()).await;
        let now = env.sim.clock.now();
        if reply.outcome == Outcome::Ok {
            return reply;
        }
        let Some(delay) = pause(spec, attempts, begun, latest, now, reply) else {
            return reply;
        };
        if let Some(call) = &call
            && reply.outcome == Outcome::Invalid
        {
            call.grown.set(call.grown.get() + spec.grow_prompt);
        }
        let price = call.as_ref().map_or(0, |c| full_price(&env.sim, c).0);
        let allows = |books: &RetryBudget| match books.spec {
            RetryBudgetSpec::Count(most) => books.retries < most,
            RetryBudgetSpec::Cost { factor } => {
                books.again + price <= (books.first as f64 * factor) as i128
            }
        };
        if !env.retry_budgets.iter().all(|b| allows(&b.borrow())) {
            return reply;
        }
        for books in &env.retry_budgets {
            books.borrow_mut().retries += 1;
        }
        env.sim.clock.sleep(delay).await;
        attempts += 1;
    }
}

/// How long to wait before one more attempt; `None` to give up.
pub fn pause(
    spec: &RetrySpec,
    attempts: u32,
    begun: u64,
    latest: u64,
    now: u64,
    reply: Reply,
) -> Option<u64> {
    if !spec.when.on.has(reply.outcome) || spec.attempts.is_some_and(|most| attempts >= most) {
        return None;
    }
    let retries = u64::from(attempts - 1);
    let grown = match spec.backoff.kind {
        BackoffKind::Fixed { delay } => delay.0,
        BackoffKind::Linear { base, step } => base.0 + retries * step.0,
        BackoffKind::Exponential { base, factor } => {
            let mut delay = base.0 as f64;
            for _ in 0..retries {
                delay *= factor;
            }
            delay as u64
        }
        _ => panic!("not certain"),
    };
    let mut delay = grown.min(spec.backoff.cap.0);
    let told = reply.retry_after.and_then(|told| match spec.headers.rule {
        RetryAfterRule::Ignore => None,
        RetryAfterRule::Honor => Some((told, told)),
        RetryAfterRule::HonorPlus(more) => Some((told, Span(told.0 + more.0))),
        _ => panic!("not in these scenarios"),
    });
    if let Some((told, with_more)) = told {
        match spec.headers.longest {
            Some((longest, then)) if told > longest => match then {
                WhenTooLong::GiveUp => return None,
                WhenTooLong::Backoff => {}
                WhenTooLong::Cap => delay = longest.0 + with_more.0 - told.0,
                _ => panic!("not in these scenarios"),
            },
            _ => delay = with_more.0,
        }
    }
    // A hot loop turns once a millisecond.
    delay = delay.max((latest + 1_000_000).saturating_sub(now));
    let late = |deadline: Span| now + delay > begun + deadline.0;
    match spec.deadline.is_some_and(late) {
        true => None,
        false => Some(delay),
    }
}

#[derive(Clone, Copy, Default)]
struct Breaker {
    /// Failures in a row while closed.
    failures: u32,
    /// Closed unless set; open until then, half-open afterwards.
    open_until: Option<u64>,
    probing: u32,
}

async fn breaker(
    env: Env,
    spec: &'static BreakerSpec,
    state: Rc<Cell<Breaker>>,
    target: Option<usize>,
    inside: Inner,
) -> Reply {
    let sim = env.sim.clone();
    let mut now = state.get();
    let probe = match now.open_until {
        None => false,
        Some(until) if sim.clock.now() < until => return env.refuse(target, Outcome::CircuitOpen),
        Some(_) if spec.half_open == HalfOpen::One && now.probing > 0 => {
            return env.refuse(target, Outcome::CircuitOpen);
        }
        Some(_) => true,
    };
    now.probing += u32::from(probe);
    state.set(now);
    let period = now.open_until;
    let done = Leave {
        state: state.clone(),
        probe: probe.then_some(period),
    };
    let reply = inside(env).await;
    drop(done);
    let mut now = state.get();
    if now.open_until != period {
        // It has opened or closed meanwhile.
        if now.open_until.is_some() {
            return reply;
        }
    }
    let fails = spec.on.has(reply.outcome);
    let open = Some(sim.clock.now().saturating_add(spec.open_for.0));
    if now.open_until.is_some() {
        if reply.outcome == Outcome::Ok {
            now = Breaker::default();
        } else if fails {
            now = Breaker {
                open_until: open,
                ..Breaker::default()
            };
        }
    } else if reply.outcome == Outcome::Ok {
        now.failures = 0;
    } else if fails {
        now.failures += 1;
        if now.failures >= spec.failures {
            now = Breaker {
                open_until: open,
                ..Breaker::default()
            };
        }
    }
    state.set(now);
    reply
}

/// Takes back a probe, whether it was answered or left.
struct Leave {
    state: Rc<Cell<Breaker>>,
    probe: Option<Option<u64>>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut now = self.state.get();
        if self.probe == Some(now.open_until) {
            now.probing -= 1;
            self.state.set(now);
        }
    }
}

/// The wait of a call that comes now; `log` holds when each earlier one left or leaves.
fn reserve(log: &mut Vec<u64>, spec: &ClientLimitSpec, now: u64) -> Option<u64> {
    let interval = spec.rate.per.0 / spec.rate.count;
    // After each call that leaves at t, one more falls due an interval later at the earliest.
    let mut due = 0;
    for left in log.iter() {
        due = due.max(*left) + interval;
    }
    let leaves = due.saturating_sub((spec.burst - 1) * interval).max(now);
    if leaves - now > spec.longest_wait.0 {
        return None;
    }
    log.push(leaves);
    Some(leaves - now)
}

// ---------------------------------------------------------------- attempts

fn usage(call: &Call) -> Usage {
    Usage {
        input: call.input + call.grown.get(),
        output: call.output,
        ..Usage::default()
    }
}

/// What budgets expect an attempt to cost: all of it.
fn full_price(sim: &Sim, call: &Call) -> Money {
    let target = &sim.scenario.targets[call.target];
    sim.share_of_price(target, usage(call), BillingRule::FULL)
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
        for books in &self.env.retry_budgets {
            let mut books = books.borrow_mut();
            match self.number {
                1 => books.first += cost.0,
                _ => books.again += cost.0,
            }
        }
        sim.log.borrow_mut().attempts.push(Row {
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
            sim.clock.kill(self.server);
        }
    }
}

async fn attempt(env: Env, call: Rc<Call>) -> Reply {
    let sim = env.sim.clone();
    let usage = usage(&call);
    let estimate = full_price(&sim, &call);
    let covers = |p: &Rc<Purse>| p.limit - p.gone.get() >= estimate.0;
    if !env.budgets.iter().all(covers) {
        return env.refuse(Some(call.target), Outcome::BudgetExceeded);
    }
    for purse in &env.budgets {
        purse.gone.set(purse.gone.get() + estimate.0);
    }
    let number = {
        let mut numbers = sim.numbers.borrow_mut();
        let place = (env.fleet, env.task, env.path.clone());
        let number = numbers.entry(place).or_default();
        *number += 1;
        *number
    };
    let request = Rc::new(Request {
        target: call.target,
        fleet: env.fleet,
        input: usage.input,
        output: usage.output,
        passes: call.passes,
        fate: Cell::new(Some(Outcome::Ok)),
        of_call: call.attempts.replace(call.attempts.get() + 1),
        reply: Cell::new(None),
        arrived: sim.clock.signal(),
    });
    let server = sim
        .clock
        .spawn(Box::pin(serve(sim.clone(), request.clone())));
    let open = Open {
        target: call.target,
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
