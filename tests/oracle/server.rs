//! Targets: what happens to a request from the moment it leaves the client.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::random::Distribution;
use squall::units::{Share, Span};
use squall::wire::{Outcome, Reply};
use squall::world::{
    Algorithm, Calendar, Capacity, Curve, LimitPer, LoadBy, Order, RetryAfterHint, Shape, Target,
    WhenFull, Work,
};

use super::clock::Signal;
use super::gate::Gate;
use super::limits::{Limit, cost};
use super::sharing::Sharing;
use super::sim::Sim;
use super::working;

/// What a target remembers.
pub struct Server {
    /// One for each limit, for each fleet (or only the first is used).
    limits: Vec<Vec<RefCell<Limit>>>,
    gate: Option<Gate>,
    sharing: Option<Rc<Sharing>>,
    in_flight: Cell<u64>,
    scripted: Cell<u64>,
    /// When it let requests in, all of them.
    let_in: RefCell<Vec<u64>>,
}

/// A request under way.
pub struct Request {
    pub target: usize,
    pub fleet: usize,
    pub input: u32,
    pub output: u32,
    /// Whether its answer would pass validation.
    pub passes: bool,
    /// How it ends if nobody gives up on it, as far as is known; `None` if it was dropped.
    pub fate: Cell<Option<Outcome>>,
    /// Which attempt of its call, from 0.
    pub of_call: u64,
    pub reply: Cell<Option<Reply>>,
    pub arrived: Signal,
    /// Whether its client has gone.
    pub left: Cell<bool>,
}

/// Calls something when dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The value of a distribution that has no luck in it.
pub fn certain(distribution: &Distribution) -> f64 {
    match distribution {
        Distribution::Constant(x) => *x,
        Distribution::Empirical(values) if values.len() == 1 => values[0],
        other => panic!("{other:?} is not certain"),
    }
}

fn nanos(distribution: &Distribution) -> u64 {
    certain(distribution) as u64
}

fn always(share: Share) -> bool {
    match share {
        Share::ALL => true,
        Share::NONE => false,
        other => panic!("{other:?} is not certain"),
    }
}

/// When the window ends that holds a time, and what is about it: found by going from one to the next.
fn within<T>(calendar: &Calendar<T>, now: u64) -> Option<(u64, &T)> {
    for (window, about) in &calendar.once {
        if window.from.0 <= now && now < window.until.0 {
            return Some((window.until.0, about));
        }
    }
    for (recurring, about) in &calendar.again {
        let (mut from, mut until) = (recurring.first.from.0, recurring.first.until.0);
        let mut left = recurring.times.map_or(u64::MAX, u64::from);
        while from <= now && left > 0 {
            if now < until {
                return Some((until, about));
            }
            from += recurring.every.0;
            until += recurring.every.0;
            left -= 1;
        }
    }
    None
}

impl Server {
    pub fn new(sim_clock: &Rc<super::clock::Clock>, target: &Target, fleets: usize) -> Server {
        let of_fleets = |_| (0..fleets).map(|_| RefCell::default()).collect();
        let gate = match &target.capacity {
            Capacity::Servers {
                servers,
                queue,
                order,
                stale,
                ..
            } => {
                let places = match order {
                    Order::Shared(most) => most.unwrap_or(u32::MAX),
                    _ => *servers,
                };
                let gate = Gate::new(sim_clock, places, *queue, *order);
                if let Some(stale) = stale {
                    gate.lose_patience(stale.after.0);
                }
                Some(gate)
            }
            _ => None,
        };
        let sharing = match target.capacity {
            Capacity::Servers {
                servers,
                order: Order::Shared(_),
                ..
            } => Some(Rc::new(Sharing::new(
                sim_clock,
                servers,
                target.breakdowns.clone(),
            ))),
            _ => None,
        };
        Server {
            limits: target.limits.iter().map(of_fleets).collect(),
            gate,
            sharing,
            in_flight: Cell::new(0),
            scripted: Cell::new(0),
            let_in: RefCell::default(),
        }
    }

    fn limit(&self, target: &Target, i: usize, fleet: usize) -> &RefCell<Limit> {
        match target.limits[i].per {
            LimitPer::Account => &self.limits[i][0],
            LimitPer::Fleet => &self.limits[i][fleet],
        }
    }

    /// Asks all limits; counts nothing unless all admit.
    fn admit(&self, target: &Target, request: &Request, now: u64) -> Result<(), Option<Span>> {
        let of = |i: usize| {
            let spec = &target.limits[i];
            (spec, cost(spec, request.input, request.output))
        };
        let all = 0..target.limits.len();
        let refusing: Vec<usize> = all
            .clone()
            .filter(|i| {
                let (spec, cost) = of(*i);
                let limit = self.limit(target, *i, request.fleet).borrow();
                !limit.admits(spec, now, cost)
            })
            .collect();
        for i in all {
            let (spec, cost) = of(i);
            let mut limit = self.limit(target, i, request.fleet).borrow_mut();
            match refusing.is_empty() {
                true => limit.take(now, cost),
                false => limit.reject(spec, now, cost),
            }
        }
        if refusing.is_empty() {
            return Ok(());
        }
        // The one that takes longest speaks; the first of those that take equally long.
        let mut worst: Option<(u64, Option<Span>)> = None;
        for i in refusing {
            let (spec, cost) = of(i);
            let limit = self.limit(target, i, request.fleet).borrow();
            let wait = match spec.algorithm {
                Algorithm::Concurrency => Some(0),
                _ => limit.wait(spec, now, cost),
            };
            let hint = told(&spec.retry_after, wait.filter(|w| *w > 0));
            let wait = wait.unwrap_or(u64::MAX);
            if worst.is_none_or(|(longest, _)| wait > longest) {
                worst = Some((wait, hint));
            }
        }
        Err(worst.and_then(|(_, hint)| hint))
    }

    /// What a curve says; `new` requests are there that have not been let in.
    fn pressed(&self, curve: &Curve, now: u64, new: u64) -> f64 {
        let (waiting, serving, servers) = match &self.gate {
            Some(gate) => gate.census(),
            None => (0, 0, u64::MAX),
        };
        let n = match curve.by {
            LoadBy::InFlight => self.in_flight.get() + new,
            LoadBy::Others => self.in_flight.get() + new - 1,
            LoadBy::Waiting => waiting,
            LoadBy::Serving => (serving + new).min(servers),
            LoadBy::Arrivals(window) => {
                let recent = |came: &&u64| **came + window.0 > now;
                self.let_in.borrow().iter().filter(recent).count() as u64 + new
            }
        };
        let value = match &curve.shape {
            Shape::Points(points) => along(points, n as f64),
            Shape::Steps { from, steps } => {
                let passed = steps.iter().rev().find(|(load, _)| *load <= n as f64);
                passed.map_or(*from, |(_, value)| *value)
            }
            other => panic!("{other:?} is for closed forms"),
        };
        value.min(curve.most)
    }

    /// The script's line for a request, while it speaks.
    fn line(&self, target: &Target, request: &Request) -> Option<Reply> {
        let script = target.script.as_ref()?;
        let n = match script.per_call {
            true => request.of_call,
            false => self.scripted.get(),
        };
        let line = script.reply(n)?;
        self.scripted.set(self.scripted.get() + 1);
        Some(Reply::of(line.outcome).asking(line.retry_after))
    }
}

/// What a hint tells where the reason is known to go away after so long.
fn told(hint: &RetryAfterHint, reset: Option<u64>) -> Option<Span> {
    match hint {
        RetryAfterHint::Silent => None,
        RetryAfterHint::Fixed(wait) => Some(*wait),
        RetryAfterHint::ToReset => reset.map(Span),
        other => panic!("{other:?} is not certain"),
    }
}

/// On the straight lines between points, found by walking along them.
fn along(points: &[(f64, f64)], n: f64) -> f64 {
    let mut at = points[0].1;
    for pair in points.windows(2) {
        let [(from, low), (upto, high)] = [pair[0], pair[1]];
        if n >= upto {
            at = high;
        } else if n > from {
            at = low + (high - low) * ((n - from) / (upto - from));
        }
    }
    at
}

/// How a request that arrived then ends, if there is room for it.
fn nature(target: &Target, server: &Server, request: &Request, arrived: u64) -> Reply {
    if let Some((until, outage)) = within(&target.outages, arrived) {
        let told = told(&outage.retry_after, Some(until - arrived));
        return Reply::of(outage.outcome).asking(told);
    }
    if let Some(loaded) = &target.under_load.failures {
        let rate = server.pressed(&loaded.rate, arrived, 1);
        assert!(rate == 0.0 || rate == 1.0, "{rate} is not certain");
        if rate == 1.0 {
            return Reply::of(loaded.outcome).asking(told(&loaded.retry_after, None));
        }
    }
    if always(target.failures.rate) {
        return Reply::of(target.failures.outcome).asking(told(&target.failures.retry_after, None));
    }
    Reply::of(match target.work {
        Work::Model {
            context_window: Some(most),
            ..
        } if request.input > most => Outcome::ContextOverflow,
        _ if request.passes => Outcome::Ok,
        _ => Outcome::Invalid,
    })
}

/// How long an answer of that kind takes, before load and slowdowns.
fn latency(target: &Target, request: &Request, outcome: Outcome) -> f64 {
    let (first, whole) = match &target.work {
        Work::Tool { latency } => (certain(latency), certain(latency)),
        Work::Model {
            first_token,
            per_token,
            ..
        } => {
            let first = certain(first_token);
            (first, first + per_token * f64::from(request.output))
        }
    };
    match (outcome, &target.hangs, &target.failures.latency) {
        (Outcome::Ok | Outcome::Invalid, Some(hangs), _) if always(hangs.rate) => {
            certain(&hangs.latency)
        }
        (Outcome::Ok | Outcome::Invalid, ..) => whole,
        (_, _, Some(latency)) => certain(latency),
        (Outcome::RateLimited | Outcome::Overloaded, ..) => certain(&target.rejection_latency),
        _ => first,
    }
}

/// The life of a request, from leaving the client to the answer's arrival.
pub async fn serve(sim: Rc<Sim>, request: Rc<Request>) {
    let target = &sim.scenario.targets[request.target];
    let server = &sim.servers[request.target];
    let clock = &sim.clock;
    let answer = async |reply: Reply| {
        if let Some(network) = &target.network {
            clock.sleep(nanos(network)).await;
        }
        request.reply.set(Some(reply));
        clock.wake(&request.arrived);
    };
    let refuse = async |reply: Reply| {
        request.fate.set(Some(reply.outcome));
        clock.sleep(nanos(&target.rejection_latency)).await;
        answer(reply).await;
    };
    if let Some(network) = &target.network {
        clock.sleep(nanos(network)).await;
    }
    let arrived = clock.now();
    let line = server.line(target, &request);
    let natural = nature(target, server, &request, arrived);
    let reply = line.unwrap_or(natural);
    if line.is_some() && matches!(reply.outcome, Outcome::RateLimited | Outcome::Overloaded) {
        return refuse(reply).await;
    }
    let counted = line.is_none() && target.billing.rule(reply.outcome).counted;
    if counted && let Err(retry_after) = server.admit(target, &request, arrived) {
        return refuse(Reply::of(Outcome::RateLimited).asking(retry_after)).await;
    }
    let is_free = Rc::new(Cell::new(!counted));
    let free = {
        let (sim, request) = (sim.clone(), request.clone());
        move || {
            let server = &sim.servers[request.target];
            let held = if is_free.replace(true) {
                0
            } else {
                server.limits.len()
            };
            for i in 0..held {
                let target = &sim.scenario.targets[request.target];
                let mut limit = server.limit(target, i, request.fleet).borrow_mut();
                limit.in_flight -= 1;
            }
        }
    };
    let slots = OnDrop(free.clone());
    let ticket = match (&server.gate, line) {
        (Some(gate), Some(_)) => Some(gate.force()),
        (Some(gate), None) => match gate.ask() {
            Some(ticket) => Some(ticket),
            None => {
                drop(slots);
                let Capacity::Servers {
                    when_full,
                    retry_after,
                    ..
                } = &target.capacity
                else {
                    unreachable!("only servers have a gate");
                };
                request.fate.set(None);
                if *when_full == WhenFull::Overloaded {
                    refuse(Reply::of(Outcome::Overloaded).asking(told(retry_after, None))).await;
                }
                return;
            }
        },
        (None, _) => None,
    };
    request.fate.set(Some(reply.outcome));
    let others = server.in_flight.replace(server.in_flight.get() + 1);
    server.let_in.borrow_mut().push(arrived);
    // It leaves once: when it is through, or at the moment at which its turn comes too late.
    let has_left = Rc::new(Cell::new(false));
    let leave = {
        let (sim, request) = (sim.clone(), request.clone());
        move || {
            let busy = &sim.servers[request.target].in_flight;
            busy.set(busy.get() - u64::from(!has_left.replace(true)));
        }
    };
    let in_flight = OnDrop(leave.clone());
    let factor = Rc::new(Cell::new(1.0));
    let turn = Rc::new(Cell::new(0));
    let begin_work = {
        let (sim, target) = (sim.clone(), request.target);
        let (factor, turn) = (factor.clone(), turn.clone());
        move || {
            if let Some(sharing) = &sim.servers[target].sharing {
                turn.set(sharing.turn());
            }
            if let Some(curve) = &sim.scenario.targets[target].under_load.latency {
                factor.set(sim.servers[target].pressed(curve, sim.clock.now(), 0));
            }
        }
    };
    if let (Some(it), Capacity::Servers { stale, .. }) = (&ticket, &target.capacity) {
        let answered = stale.is_some_and(|stale| stale.then == WhenFull::Overloaded);
        let fate = answered.then_some(Outcome::Overloaded);
        let request = request.clone();
        it.when_its_turn_comes(move |too_late| match too_late {
            false => begin_work(),
            true => {
                leave();
                free();
                request.fate.set(fate);
            }
        });
    } else {
        begin_work();
    }
    if let Some(it) = &ticket
        && !it.turn().await
    {
        drop((in_flight, slots, ticket));
        if let Capacity::Servers {
            stale: Some(stale),
            retry_after,
            ..
        } = &target.capacity
            && stale.then == WhenFull::Overloaded
        {
            refuse(Reply::of(Outcome::Overloaded).asking(told(retry_after, None))).await;
        }
        return;
    }
    let mut span = latency(target, &request, reply.outcome);
    if let Capacity::Load { each, share } = target.capacity {
        span += others as f64 * (each.0 as f64 + span * share);
    }
    let mut factor = factor.get();
    // One pause may begin where another ends.
    let mut begin = clock.now();
    while let Some((until, ())) = within(&target.pauses, begin) {
        begin = until;
    }
    if let Some((_, slower)) = within(&target.slowdowns, begin) {
        factor *= slower.factor;
    }
    span *= factor;
    match &server.sharing {
        None => {
            let end = working::end(&target.breakdowns, begin, span as u64);
            clock.sleep(end - clock.now()).await;
        }
        Some(sharing) => {
            if begin > clock.now() {
                clock.sleep(begin - clock.now()).await;
            }
            Sharing::join(sharing, turn.get(), span as u64)
                .through()
                .await;
        }
    }
    drop((in_flight, slots, ticket));
    if request.left.get() {
        sim.log.borrow_mut().unseen.push(clock.now());
    }
    answer(reply).await;
}
