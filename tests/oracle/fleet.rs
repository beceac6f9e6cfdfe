//! Fleets: the queue, the agents that take tasks from it, and what happens to failed ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use squall::scenario::{Agents, Arrivals, Fleet, Start};
use squall::units::Span;
use squall::wire::{Outcome, Reply};

use super::client::{self, Env, pause};
use super::clock::Signal;
use super::sim::Sim;

/// A fleet's queue.
#[derive(Default)]
struct Queue {
    /// Tasks, and when each was ready.
    tasks: VecDeque<(u32, Option<u64>)>,
    /// Agents without work, the longest idle first.
    idle: VecDeque<Signal>,
    /// Tasks that have neither ended nor will be heard of no more.
    left: Option<u32>,
    failed: u32,
    open_until: u64,
    stopped: bool,
    /// Tasks that wait to be submitted again, with their ready times.
    resting: BTreeMap<u32, u64>,
    /// First begin and number of runs of each task.
    runs: BTreeMap<u32, (u64, u32)>,
}

type Shared = Rc<RefCell<Queue>>;

/// Starts a fleet.
pub fn start(sim: &Rc<Sim>, number: usize) {
    let fleet = &sim.scenario.fleets[number];
    let queue: Shared = Rc::default();
    if fleet.tasks.arrivals == Arrivals::Batch && !fleet.tasks.each_agent {
        let count = fleet.tasks.count.expect("a batch has a size");
        queue.borrow_mut().tasks = (0..count).map(|t| (t, None)).collect();
        queue.borrow_mut().left = Some(count);
    } else {
        queue.borrow_mut().left = fleet.tasks.count;
        if !fleet.tasks.each_agent {
            sim.clock.spawn(Box::pin(arrive(sim.clone(), number, queue.clone())));
        }
    }
    let Agents::Count(agents) = fleet.agents else {
        return;
    };
    for i in 0..agents {
        let own = queue.clone();
        if fleet.tasks.each_agent {
            let count = fleet.tasks.count.expect("a batch has a size");
            let tasks = (i * count..(i + 1) * count).map(|t| (t, None));
            let queue = Queue {
                tasks: tasks.collect(),
                left: Some(count),
                ..Queue::default()
            };
            let own = Rc::new(RefCell::new(queue));
            sim.clock.spawn(Box::pin(agent(sim.clone(), number, i, own)));
            continue;
        }
        sim.clock.spawn(Box::pin(agent(sim.clone(), number, i, own)));
    }
}

fn begins(fleet: &Fleet, i: u32) -> u64 {
    match fleet.start {
        Start::At(time) => time.0,
        Start::Every(span) => span.0 * u64::from(i),
        Start::Within(_) => panic!("not certain"),
    }
}

async fn arrive(sim: Rc<Sim>, number: usize, queue: Shared) {
    let fleet = &sim.scenario.fleets[number];
    let Arrivals::Even(rate) = fleet.tasks.arrivals else {
        panic!("not certain");
    };
    let from = match fleet.start {
        Start::At(time) => time.0,
        _ => 0,
    };
    for task in 0..fleet.tasks.count.unwrap_or(u32::MAX) {
        let at = from + rate.per.0 * u64::from(task + 1) / rate.count;
        sim.clock.sleep(at - sim.clock.now()).await;
        if queue.borrow().stopped {
            sim.log.borrow_mut().tasks.push((at, at, number, task, Outcome::CircuitOpen));
            continue;
        }
        submit(&sim, number, &queue, task, at);
    }
}

/// Puts a task into the queue, or gives it an agent of its own.
fn submit(sim: &Rc<Sim>, number: usize, queue: &Shared, task: u32, ready: u64) {
    if sim.scenario.fleets[number].agents == Agents::Unlimited {
        let (sim2, queue) = (sim.clone(), queue.clone());
        sim.clock.spawn(Box::pin(async move {
            let until = queue.borrow().open_until;
            if until > sim2.clock.now() {
                sim2.clock.sleep(until - sim2.clock.now()).await;
            }
            let agent = sim2.new_agent();
            work(&sim2, number, agent, &queue, task, ready).await;
        }));
        return;
    }
    let mut queue = queue.borrow_mut();
    queue.tasks.push_back((task, Some(ready)));
    if let Some(agent) = queue.idle.pop_front() {
        sim.clock.fire_now(&agent);
    }
}

async fn agent(sim: Rc<Sim>, number: usize, i: u32, queue: Shared) {
    let fleet = &sim.scenario.fleets[number];
    sim.clock.sleep(begins(fleet, i)).await;
    let me = sim.new_agent();
    loop {
        let until = queue.borrow().open_until;
        if until > sim.clock.now() && until < u64::MAX {
            sim.clock.sleep(until - sim.clock.now()).await;
            continue;
        }
        let next = queue.borrow_mut().tasks.pop_front();
        match next {
            Some((task, ready)) => {
                let ready = ready.unwrap_or(sim.clock.now());
                work(&sim, number, me, &queue, task, ready).await;
            }
            None if queue.borrow().left == Some(0) => return,
            None => {
                let signal = sim.clock.signal();
                queue.borrow_mut().idle.push_back(signal.clone());
                signal.wait().await;
            }
        }
    }
}

async fn work(sim: &Rc<Sim>, number: usize, agent: u64, queue: &Shared, task: u32, ready: u64) {
    let fleet = &sim.scenario.fleets[number];
    let begin = sim.clock.now();
    let runs = {
        let mut queue = queue.borrow_mut();
        let runs = queue.runs.entry(task).or_insert((begin, 0));
        runs.1 += 1;
        *runs
    };
    let env = Env {
        sim: sim.clone(),
        fleet: number,
        task,
        agent,
        conversation: Rc::default(),
        path: vec![],
        retry_budgets: vec![],
        budgets: vec![],
        grown: 0,
    };
    let reply = client::task(env, &fleet.plan).await;
    ended(sim, number, queue, (task, ready), begin, runs, reply);
}

fn ended(
    sim: &Rc<Sim>,
    number: usize,
    queue: &Shared,
    (task, ready): (u32, u64),
    latest: u64,
    (begun, runs): (u64, u32),
    reply: Reply,
) {
    let now = sim.clock.now();
    let layers = &sim.policy.fleet;
    let again = match &layers.retry {
        Some(spec) if reply.outcome != Outcome::Ok && !queue.borrow().stopped => {
            pause(spec, runs, begun, latest, now, reply)
        }
        _ => None,
    };
    if let Some(delay) = again {
        queue.borrow_mut().resting.insert(task, ready);
        let (sim2, queue) = (sim.clone(), queue.clone());
        sim.clock.spawn(Box::pin(async move {
            sim2.clock.sleep(delay).await;
            if queue.borrow_mut().resting.remove(&task).is_some() {
                submit(&sim2, number, &queue, task, ready);
            }
        }));
        return;
    }
    let over = |task: u32, ready: u64, outcome: Outcome| {
        sim.log.borrow_mut().tasks.push((now, ready, number, task, outcome));
        let mut queue = queue.borrow_mut();
        queue.left = queue.left.map(|n| n - 1);
    };
    over(task, ready, reply.outcome);
    if let Some(spec) = &layers.breaker {
        let mut books = queue.borrow_mut();
        if reply.outcome == Outcome::Ok && spec.consecutive {
            books.failed = 0;
        }
        if reply.outcome != Outcome::Ok && !books.stopped && now >= books.open_until {
            books.failed += 1;
            if books.failed >= spec.failures {
                books.failed = 0;
                books.open_until = now.saturating_add(spec.open_for.0);
                books.stopped = spec.open_for == Span::MAX;
            }
        }
        if books.stopped {
            let waiting: Vec<_> = books.tasks.drain(..).collect();
            let resting = std::mem::take(&mut books.resting);
            drop(books);
            for (task, ready) in waiting {
                over(task, ready.unwrap_or(now), Outcome::CircuitOpen);
            }
            for (task, ready) in resting {
                over(task, ready, Outcome::CircuitOpen);
            }
        }
    }
    if queue.borrow().left == Some(0) {
        let idle = std::mem::take(&mut queue.borrow_mut().idle);
        for agent in idle {
            sim.clock.fire_now(&agent);
        }
    }
}
