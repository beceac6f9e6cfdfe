//! Targets: what happens to a request from the moment it leaves the client.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::random::Distribution;
use squall::units::{Share, Span};
use squall::wire::{Outcome, Reply};
use squall::world::{Capacity, LimitPer, RetryAfterHint, Target, WhenFull, Window, Work};

use super::clock::Signal;
use super::gate::Gate;
use super::limits::{Limit, cost};
use super::sim::Sim;

/// What a target remembers.
pub struct Server {
    /// One for each limit, for each fleet (or only the first is used).
    limits: Vec<Vec<RefCell<Limit>>>,
    gate: Option<Gate>,
    in_flight: Cell<u64>,
    scripted: Cell<u64>,
}

/// A request under way.
pub struct Request {
    pub target: usize,
    pub fleet: usize,
    pub input: u32,
    pub output: u32,
    /// Which attempt of its call, from 0.
    pub of_call: u64,
    pub reply: Cell<Option<Reply>>,
    pub arrived: Signal,
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

fn within(windows: &[Window], now: u64) -> Option<Window> {
    let holds = |w: &&Window| w.from.0 <= now && now < w.until.0;
    windows.iter().find(holds).copied()
}

impl Server {
    pub fn new(sim_clock: &Rc<super::clock::Clock>, target: &Target, fleets: usize) -> Server {
        let of_fleets = |_| (0..fleets).map(|_| RefCell::default()).collect();
        let gate = match target.capacity {
            Capacity::Servers { servers, queue, .. } => Some(Gate::new(sim_clock, servers, queue)),
            _ => None,
        };
        Server {
            limits: target.limits.iter().map(of_fleets).collect(),
            gate,
            in_flight: Cell::new(0),
            scripted: Cell::new(0),
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
        let hint = |i: &usize| {
            let (spec, cost) = of(*i);
            let limit = self.limit(target, *i, request.fleet).borrow();
            match spec.retry_after {
                RetryAfterHint::Silent => None,
                RetryAfterHint::Fixed(span) => Some(span),
                RetryAfterHint::ToReset if spec.algorithm == squall::world::Algorithm::Concurrency => None,
                RetryAfterHint::ToReset => limit.wait(spec, now, cost).map(Span),
                RetryAfterHint::Jittered(_) => panic!("not certain"),
            }
        };
        Err(refusing.iter().filter_map(hint).max())
    }

    /// What the target's own behaviour makes of a request that arrived then: how it ends, and
    /// whether a scripted `Retry-After` goes with it.
    fn fate(&self, target: &Target, request: &Request, arrived: u64) -> (Reply, bool) {
        if let Some(script) = &target.script {
            let n = match script.per_call {
                true => request.of_call,
                false => self.scripted.replace(self.scripted.get() + 1),
            };
            if let Some(line) = script.reply(n) {
                let reply = Reply {
                    outcome: line.outcome,
                    retry_after: line.retry_after,
                };
                return (reply, true);
            }
        }
        if let Work::Model {
            context_window: Some(most),
            ..
        } = target.work
            && request.input > most
        {
            return (Reply::of(Outcome::ContextOverflow), false);
        }
        let fails =
            within(&target.outages, arrived).is_some() || always(target.failures.rate);
        match fails {
            true => (Reply::of(target.failures.outcome), false),
            false => (Reply::of(Outcome::Ok), false),
        }
    }
}

/// How long an answer of that kind takes, before load and slowdowns.
fn latency(target: &Target, request: &Request, outcome: Outcome, scripted: bool) -> f64 {
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
    match outcome {
        Outcome::Ok | Outcome::Invalid => match &target.hangs {
            Some(hangs) if !scripted && always(hangs.rate) => certain(&hangs.latency),
            _ => whole,
        },
        Outcome::RateLimited | Outcome::Overloaded => certain(&target.rejection_latency),
        _ => target.failures.latency.as_ref().map_or(first, certain),
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
        clock.fire_now(&request.arrived);
    };
    if let Some(network) = &target.network {
        clock.sleep(nanos(network)).await;
    }
    let arrived = clock.now();
    if let Err(retry_after) = server.admit(target, &request, arrived) {
        clock.sleep(nanos(&target.rejection_latency)).await;
        let outcome = Outcome::RateLimited;
        answer(Reply {
            outcome,
            retry_after,
        })
        .await;
        return;
    }
    let others = server.in_flight.replace(server.in_flight.get() + 1);
    let in_flight = {
        let sim = sim.clone();
        let request = request.clone();
        OnDrop(move || {
            let server = &sim.servers[request.target];
            server.in_flight.set(server.in_flight.get() - 1);
            for i in 0..server.limits.len() {
                let target = &sim.scenario.targets[request.target];
                let mut limit = server.limit(target, i, request.fleet).borrow_mut();
                limit.in_flight -= 1;
            }
        })
    };
    let ticket = match server.gate.as_ref().map(Gate::ask) {
        Some(None) => {
            drop(in_flight);
            let Capacity::Servers { when_full, .. } = target.capacity else {
                unreachable!("only servers have a gate");
            };
            if when_full == WhenFull::Overloaded {
                clock.sleep(nanos(&target.rejection_latency)).await;
                answer(Reply::of(Outcome::Overloaded)).await;
            }
            return;
        }
        Some(Some(ticket)) => Some(ticket),
        None => None,
    };
    let (reply, scripted) = server.fate(target, &request, arrived);
    if let Some(ticket) = &ticket {
        ticket.turn().await;
    }
    let mut span = latency(target, &request, reply.outcome, scripted);
    let rejected = matches!(reply.outcome, Outcome::RateLimited | Outcome::Overloaded);
    if !rejected {
        if let Some(pause) = within(&target.pauses, clock.now()) {
            clock.sleep(pause.until.0 - clock.now()).await;
        }
        if let Capacity::Load { each, share } = target.capacity {
            span += others as f64 * (each.0 as f64 + span * share);
        }
        let slow = target.slowdowns.iter().find(|s| s.window.holds(squall::units::Time(clock.now())));
        if let Some(slow) = slow {
            span *= slow.factor;
        }
    }
    clock.sleep(span as u64).await;
    drop(ticket);
    drop(in_flight);
    answer(reply).await;
}
