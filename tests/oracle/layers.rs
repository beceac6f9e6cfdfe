//! The layers of a policy, each a function around what is inside it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::resilience::{
    BackoffKind, BreakerSpec, ClientLimitSpec, HalfOpen, HedgeAfter, HedgeSpec, RetryAfterRule,
    RetryBudgetSpec, RetrySpec, WhenTooLong,
};
use squall::scenario::{Layer, LayerKind};
use squall::units::Span;
use squall::wire::{Outcome, Reply};

use super::attempt::{Call, full_price};
use super::client::Env;
use super::clock::{Fut, first_of, race};
use super::gate::Gate;

/// What is inside a layer.
pub type Inner = Rc<dyn Fn(Env) -> Fut<Reply>>;

/// A retry budget's books.
pub struct RetryBudget {
    pub spec: RetryBudgetSpec,
    pub retries: u32,
    pub first: i128,
    pub again: i128,
}

/// A budget's books; what open attempts may cost counts as gone.
pub struct Purse {
    pub limit: i128,
    pub gone: Cell<i128>,
}

/// Runs `inner` inside these layers.
pub fn through(
    env: Env,
    layers: &'static [Layer],
    call: Option<Rc<Call>>,
    inner: Inner,
) -> Fut<Reply> {
    let Some((layer, rest)) = layers.split_first() else {
        return inner(env);
    };
    let target = call.as_ref().map(|c| env.elsewhere.unwrap_or(c.target));
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
        LayerKind::Hedge(spec) => {
            let call = call.expect("a hedge stands around calls");
            Box::pin(hedge(env, spec, call, inside))
        }
        LayerKind::Fallback(to, on) => {
            let own = target;
            Box::pin(async move {
                let mut reply = inside(env.clone()).await;
                for target in to.iter().map(|t| usize::from(t.0)) {
                    if Some(target) == own {
                        continue;
                    }
                    if !on.has(reply.outcome) {
                        break;
                    }
                    let mut env = env.clone();
                    env.elsewhere = Some(target);
                    reply = inside(env).await;
                }
                reply
            })
        }
        LayerKind::Route(..) => panic!("not in these scenarios"),
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

/// One attempt, and more beside it when it is late.
async fn hedge(env: Env, spec: &'static HedgeSpec, call: Rc<Call>, inside: Inner) -> Reply {
    let HedgeAfter::Time(after) = spec.after else {
        panic!("not certain")
    };
    let clock = env.sim.clock.clone();
    let mut open: Vec<(usize, Fut<Reply>)> = vec![];
    let (mut sent, mut next, mut last): (u32, _, Option<(usize, Reply)>) = (0, None, None);
    let mut send = true;
    loop {
        if send {
            if sent == 0 || may_go(&env, Some(&call)) {
                sent += 1;
                let mut env = env.clone();
                env.lane = sent as usize;
                call.grown[env.lane].set(call.grown[0].get());
                let (inside, start) = (inside.clone(), clock.timer(0));
                let attempt = async move {
                    start.wait().await;
                    inside(env).await
                };
                open.push((sent as usize, Box::pin(attempt)));
            } else {
                sent = spec.most + 1;
            }
            next = (sent <= spec.most).then(|| clock.timer(after.0));
        }
        let over = match last {
            Some(reply) if open.is_empty() => Some(reply),
            _ => None,
        };
        if let Some((lane, reply)) = over {
            call.grown[0].set(call.grown[lane].get());
            return reply;
        }
        let Some((lane, reply)) = first_of(&mut open, next.as_ref()).await else {
            send = true;
            continue;
        };
        if reply.outcome == Outcome::Ok || spec.fatal.has(reply.outcome) {
            call.grown[0].set(call.grown[lane].get());
            return reply;
        }
        last = Some((lane, reply));
        send = sent <= spec.most && spec.next_on.has(reply.outcome);
        if open.is_empty() && !send {
            call.grown[0].set(call.grown[lane].get());
            return reply;
        }
    }
}

/// Whether the retry budgets around let one more attempt go; then they have counted it.
fn may_go(env: &Env, call: Option<&Call>) -> bool {
    let price = call.map_or(0, |c| full_price(env, c).0);
    let allows = |books: &RetryBudget| match books.spec {
        RetryBudgetSpec::Count(most) => books.retries < most,
        RetryBudgetSpec::Cost { factor } => {
            books.again + price <= (books.first as f64 * factor) as i128
        }
    };
    if !env.retry_budgets.iter().all(|b| allows(&b.borrow())) {
        return false;
    }
    for books in &env.retry_budgets {
        books.borrow_mut().retries += 1;
    }
    true
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
            let grown = &call.grown[env.lane];
            grown.set(grown.get() + spec.grow_prompt);
        }
        if !may_go(&env, call.as_deref()) {
            return reply;
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
