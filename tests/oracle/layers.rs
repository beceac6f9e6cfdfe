//! The layers of a policy, each a function around what is inside it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::resilience::{
    BackoffKind, BreakerSpec, ClientLimitSpec, HalfOpen, HedgeAfter, HedgeSpec, Limit, OpenFor,
    QuotaSpec, RetryAfterRule, RetryBudgetSpec, RetrySpec, Trip, WhenTooLong, WindowSpec,
};
use squall::scenario::{Layer, LayerKind};
use squall::units::Span;
use squall::wire::{Outcome, Reply};

use squall::world::Order;

use super::attempt::{Call, full_price};
use super::client::Env;
use super::clock::{Fut, TimeLimit, first_of, race};
use super::gate::Gate;
use super::server::certain;

/// What is inside a layer.
pub type Inner = Rc<dyn Fn(Env) -> Fut<Reply>>;

/// A retry budget's books.
pub struct RetryBudget {
    pub spec: RetryBudgetSpec,
    pub retries: u32,
    pub first: i128,
    pub again: i128,
    /// First attempts of calls.
    pub calls: u32,
    /// What is left of a bucket; of a throttle in thousandths.
    pub left: u32,
}

/// A retry budget around something.
#[derive(Clone)]
pub struct Bound {
    pub books: Rc<RefCell<RetryBudget>>,
    /// Whether what is done now was asked for by a retry inside the budget.
    pub retry: bool,
    /// What this agent's latest retry took.
    pub held: Rc<Cell<u32>>,
}

impl RetryBudget {
    fn new(spec: RetryBudgetSpec) -> RetryBudget {
        RetryBudget {
            spec,
            retries: 0,
            first: 0,
            again: 0,
            calls: 0,
            left: match spec {
                RetryBudgetSpec::Throttle(it) => it.max * 1000,
                RetryBudgetSpec::Quota(it) => it.capacity,
                _ => 0,
            },
        }
    }

    fn allows(&self, after: Outcome, price: i128) -> bool {
        match self.spec {
            RetryBudgetSpec::Count(most) => self.retries < most,
            RetryBudgetSpec::Cost { factor } => {
                self.again + price <= (self.first as f64 * factor) as i128
            }
            RetryBudgetSpec::Ratio(share) => {
                let most = u64::from(self.calls) * u64::from(share.0) / 1_000_000;
                u64::from(self.retries) < most
            }
            RetryBudgetSpec::Throttle(it) => self.left > it.max * 500,
            RetryBudgetSpec::Quota(it) => self.left >= price_of(&it, after),
            other => panic!("{other:?} is not in these scenarios"),
        }
    }

    /// Notes how an attempt ended.
    fn heard(&mut self, outcome: Outcome, retry: bool, held: &Cell<u32>) {
        match self.spec {
            RetryBudgetSpec::Throttle(it) => {
                if outcome == Outcome::Ok {
                    self.left = (self.left + it.ratio).min(it.max * 1000);
                } else if it.on.has(outcome) {
                    self.left = self.left.saturating_sub(1000);
                }
            }
            RetryBudgetSpec::Quota(it) if outcome == Outcome::Ok => {
                let back = match held.replace(0) {
                    taken if retry && taken > 0 => taken,
                    _ => it.success,
                };
                self.left = (self.left + back).min(it.capacity);
            }
            _ => {}
        }
    }
}

impl Bound {
    /// An attempt begins inside it.
    pub fn begun(&self) {
        if !self.retry {
            self.books.borrow_mut().calls += 1;
            self.held.set(0);
        }
    }

    /// An attempt has ended inside it; `first` of its step, and no hedge.
    pub fn ended(&self, first: bool, outcome: Outcome, cost: i128) {
        let mut books = self.books.borrow_mut();
        match first {
            true => books.first += cost,
            false => books.again += cost,
        }
        books.heard(outcome, self.retry, &self.held);
    }
}

fn price_of(quota: &QuotaSpec, after: Outcome) -> u32 {
    match after {
        Outcome::RateLimited => quota.throttled,
        Outcome::Timeout => quota.timeout,
        _ => quota.cost,
    }
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
        LayerKind::Timeout(span) => Box::pin(timeout(env, span.0, inside)),
        LayerKind::Patience(time) => Box::pin(timeout(env, certain(time) as u64, inside)),
        LayerKind::CircuitBreaker(spec) => {
            let state = sim.state(layer, &env, target, RefCell::<Breaker>::default);
            Box::pin(breaker(env, spec, state, target, inside))
        }
        LayerKind::Concurrency(spec) => {
            let queue = match spec.longest_wait {
                Span::ZERO => Some(0),
                _ => spec.queue,
            };
            let gate = || Gate::new(&sim.clock, spec.max, queue, Order::Fifo);
            let gate = sim.state(layer, &env, target, gate);
            Box::pin(async move {
                let Some(ticket) = gate.ask().map(Rc::new) else {
                    return env.refuse(target, Outcome::Rejected);
                };
                if ticket.is_in_line() {
                    let here = (sim.clock.now(), env.fleet);
                    sim.log.borrow_mut().resting.push(here);
                }
                env.waits();
                if spec.longest_wait == Span::MAX {
                    ticket.turn().await;
                } else {
                    let limit = sim.clock.timer(spec.longest_wait.0);
                    let mine = ticket.clone();
                    let turn = async move { mine.turn().await };
                    if race(Box::pin(turn), limit).await.is_none() {
                        return env.refuse(target, Outcome::Rejected);
                    }
                }
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
                    env.sleep(wait).await;
                }
                inside(env).await
            })
        }
        LayerKind::AdaptiveLimit(_) => panic!("not in these scenarios"),
        LayerKind::AdaptiveThrottle(_) => panic!("a throttle draws: not certain"),
        LayerKind::RetryBudget(spec) => {
            let new = || RefCell::new(RetryBudget::new(*spec));
            let books = sim.state(layer, &env, None, new);
            let mut env = env;
            // A turn inside a turn asks once.
            if !env
                .retry_budgets
                .iter()
                .any(|b| Rc::ptr_eq(&b.books, &books))
            {
                env.retry_budgets.push(Bound {
                    books,
                    retry: false,
                    held: Rc::default(),
                });
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

/// What is inside ends after so long.
async fn timeout(env: Env, span: u64, inside: Inner) -> Reply {
    let mut env = env;
    let limit = Rc::new(TimeLimit::new(&env.sim.clock, span));
    env.timeouts.push(limit.clone());
    let reply = race(inside(env), limit.signal()).await;
    reply.unwrap_or(Reply::of(Outcome::Timeout))
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
    let mut held: Vec<Vec<Rc<Cell<u32>>>> = vec![];
    // Whose answer it is has what it took, and what it added to the prompt.
    let (whole, of) = (env.clone(), call.clone());
    let answer = |lane: usize, held: &[Vec<Rc<Cell<u32>>>], reply| {
        of.grown[0].set(of.grown[lane].get());
        for (bound, taken) in whole.retry_budgets.iter().zip(&held[lane - 1]) {
            bound.held.set(taken.get());
        }
        reply
    };
    loop {
        if send {
            let mut env = env.clone();
            for bound in &mut env.retry_budgets {
                // What was taken for an attempt is its own.
                bound.held = Rc::new(Cell::new(bound.held.get()));
            }
            if sent == 0 || may_go(&mut env, Some(&call), Outcome::Timeout) {
                sent += 1;
                env.lane = sent as usize;
                let beside = whole.timeouts.iter().map(|limit| limit.beside().into());
                env.timeouts = beside.collect();
                let taken = env.retry_budgets.iter().map(|b| b.held.clone());
                held.push(taken.collect());
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
            whole.waits();
            next = (sent <= spec.most).then(|| clock.timer(after.0));
        }
        let over = match last {
            Some(reply) if open.is_empty() => Some(reply),
            _ => None,
        };
        if let Some((lane, reply)) = over {
            return answer(lane, &held, reply);
        }
        let Some((lane, reply)) = first_of(&mut open, next.as_ref()).await else {
            send = true;
            continue;
        };
        if reply.outcome == Outcome::Ok || spec.fatal.has(reply.outcome) {
            return answer(lane, &held, reply);
        }
        last = Some((lane, reply));
        send = sent <= spec.most && spec.next_on.has(reply.outcome);
        if open.is_empty() && !send {
            return answer(lane, &held, reply);
        }
    }
}

/// Whether the retry budgets around let one more attempt go after `outcome`; then they have counted
/// it, and what is done next in `env` is a retry to them.
fn may_go(env: &mut Env, call: Option<&Call>, outcome: Outcome) -> bool {
    let price = call.map_or(0, |c| full_price(env, c).0);
    let allows = |b: &Bound| b.books.borrow().allows(outcome, price);
    if !env.retry_budgets.iter().all(allows) {
        return false;
    }
    for bound in &mut env.retry_budgets {
        let mut books = bound.books.borrow_mut();
        books.retries += 1;
        if let RetryBudgetSpec::Quota(it) = books.spec {
            let price = price_of(&it, outcome);
            books.left -= price;
            bound.held.set(price);
        }
        bound.retry = true;
    }
    true
}

async fn retry(
    mut env: Env,
    spec: &'static RetrySpec,
    call: Option<Rc<Call>>,
    inside: Inner,
) -> Reply {
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
        if !may_go(&mut env, call.as_deref(), reply.outcome) {
            return reply;
        }
        env.sleep(delay).await;
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

#[derive(Clone, Default)]
struct Breaker {
    /// Failures in a row while closed.
    failures: u32,
    /// Closed unless set; open until then, half-open afterwards.
    open_until: Option<u64>,
    probing: u32,
    /// Every call since it last closed: when it ended, and whether it failed.
    calls: Vec<(u64, bool)>,
}

impl Breaker {
    fn opened(until: u64) -> Breaker {
        Breaker {
            open_until: Some(until),
            ..Breaker::default()
        }
    }

    /// Whether what has ended by now is enough to open it.
    fn trips(&self, trip: &Trip, now: u64) -> bool {
        let trip = match trip {
            Trip::Consecutive(most) => return self.failures >= *most,
            Trip::Window(trip) => trip,
        };
        let counts: Vec<bool> = match trip.window {
            WindowSpec::All => self.calls.iter().map(|c| c.1).collect(),
            WindowSpec::Calls(n) => self
                .calls
                .iter()
                .rev()
                .take(n as usize)
                .map(|c| c.1)
                .collect(),
            WindowSpec::Time(buckets) => {
                let of = |t: u64| t / buckets.each.0;
                let lives = |c: &&(u64, bool)| of(c.0) + u64::from(buckets.count) > of(now);
                self.calls.iter().filter(lives).map(|c| c.1).collect()
            }
        };
        let failed = counts.iter().filter(|f| **f).count() as u64;
        let all = counts.len() as u64;
        let many = match trip.failures.expect("not in these scenarios") {
            Limit::Count(n) => failed >= u64::from(n),
            Limit::AtLeast(share) => failed * 1_000_000 >= all * u64::from(share.0),
            Limit::Above(share) => failed * 1_000_000 > all * u64::from(share.0),
        };
        all >= u64::from(trip.minimum_calls) && many
    }
}

async fn breaker(
    env: Env,
    spec: &'static BreakerSpec,
    state: Rc<RefCell<Breaker>>,
    target: Option<usize>,
    inside: Inner,
) -> Reply {
    let sim = env.sim.clone();
    let mut now = state.borrow().clone();
    let OpenFor::Fixed(open_for) = spec.open_for else {
        panic!("not in these scenarios")
    };
    let probe = match now.open_until {
        None => false,
        Some(until) if sim.clock.now() < until => return env.refuse(target, Outcome::CircuitOpen),
        Some(_) if spec.half_open == HalfOpen::ONE && now.probing > 0 => {
            return env.refuse(target, Outcome::CircuitOpen);
        }
        Some(_) => true,
    };
    now.probing += u32::from(probe);
    let period = now.open_until;
    *state.borrow_mut() = now;
    let done = Leave {
        state: state.clone(),
        probe: probe.then_some(period),
    };
    let reply = inside(env).await;
    drop(done);
    let mut now = state.borrow().clone();
    if now.open_until != period {
        // It has opened or closed meanwhile.
        if now.open_until.is_some() {
            return reply;
        }
    }
    let fails = spec.on.has(reply.outcome);
    let open = sim.clock.now().saturating_add(open_for.0);
    if now.open_until.is_some() {
        if reply.outcome == Outcome::Ok {
            now = Breaker::default();
        } else if fails {
            now = Breaker::opened(open);
        }
    } else if reply.outcome == Outcome::Ok || fails {
        now.failures = if fails { now.failures + 1 } else { 0 };
        now.calls.push((sim.clock.now(), fails));
        if now.trips(&spec.trip, sim.clock.now()) {
            now = Breaker::opened(open);
        }
    }
    *state.borrow_mut() = now;
    reply
}

/// Takes back a probe, whether it was answered or left.
struct Leave {
    state: Rc<RefCell<Breaker>>,
    probe: Option<Option<u64>>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut now = self.state.borrow_mut();
        if self.probe == Some(now.open_until) {
            now.probing -= 1;
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
