//! The models on NexoSim: a model for each agent, as its guide has it; each schedules its own next
//! event. The queue is one model with two schedulable inputs.

use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::VecDeque;

// One generator and one counter for all models, as in the other peers; NexoSim runs on one thread.
thread_local! {
    static SHARED: RefCell<(ChaCha8Rng, u64)> = RefCell::new((ChaCha8Rng::seed_from_u64(42), 0));
}

fn exp(mean: f64) -> Duration {
    let x: f64 = SHARED.with_borrow_mut(|(rng, _)| Exp1.sample(rng));
    Duration::from_nanos(((x * mean * 1e9) as u64).max(1))
}

fn uniform() -> f64 {
    SHARED.with_borrow_mut(|(rng, _)| rng.random())
}

fn count() {
    SHARED.with_borrow_mut(|(_, events)| *events += 1);
}

#[derive(Serialize, Deserialize)]
struct Agent {
    attempt: u32,
}

#[Model]
impl Agent {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        let _ = cx.schedule_event(Duration::from_nanos(1), schedulable!(Self::begin), ());
    }

    #[nexosim(schedulable)]
    async fn begin(&mut self, _: (), cx: &Context<Self>) {
        count();
        self.attempt += 1;
        let _ = cx.schedule_event(exp(1.0), schedulable!(Self::served), ());
    }

    #[nexosim(schedulable)]
    async fn served(&mut self, _: (), cx: &Context<Self>) {
        count();
        if uniform() < 0.1 && self.attempt < 5 {
            let most = 0.5 * f64::from(1u32 << (self.attempt - 1));
            let delay = Duration::from_secs_f64(uniform() * most).max(Duration::from_nanos(1));
            let _ = cx.schedule_event(delay, schedulable!(Self::begin), ());
        } else {
            self.attempt = 1;
            let _ = cx.schedule_event(exp(1.0), schedulable!(Self::served), ());
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Queue {
    line: VecDeque<u64>,
    left: u32,
    sojourn: u64,
}

#[Model]
impl Queue {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        let _ = cx.schedule_event(Duration::from_nanos(1), schedulable!(Self::arrive), ());
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, _: (), cx: &Context<Self>) {
        count();
        self.left -= 1;
        let now = cx.time().duration_since(MonotonicTime::EPOCH).as_nanos() as u64;
        self.line.push_back(now);
        if self.left > 0 {
            let _ = cx.schedule_event(exp(1.0 / 0.9), schedulable!(Self::arrive), ());
        }
        if self.line.len() == 1 {
            let _ = cx.schedule_event(exp(1.0), schedulable!(Self::depart), ());
        }
    }

    #[nexosim(schedulable)]
    async fn depart(&mut self, _: (), cx: &Context<Self>) {
        count();
        let now = cx.time().duration_since(MonotonicTime::EPOCH).as_nanos() as u64;
        self.sojourn += now - self.line.pop_front().expect("somebody was served");
        if !self.line.is_empty() {
            let _ = cx.schedule_event(exp(1.0), schedulable!(Self::depart), ());
        }
    }
}

/// Plays a model and returns its events.
pub fn run(model: &str, size: u32, horizon: u64) -> u64 {
    let mut bench = SimInit::with_num_threads(1);
    if model == "mm1" {
        let queue = Queue {
            line: VecDeque::new(),
            left: size,
            sojourn: 0,
        };
        bench = bench.add_model(queue, Mailbox::new(), "queue");
    } else {
        assert_eq!(model, "agents", "NexoSim has the agents and the queue");
        for i in 0..size {
            let mailbox = Mailbox::with_capacity(1);
            bench = bench.add_model(Agent { attempt: 0 }, mailbox, &format!("agent {i}"));
        }
    }
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("the bench is sound");
    let end = MonotonicTime::EPOCH + Duration::from_nanos(horizon);
    if model == "mm1" {
        simulation.run().expect("it runs");
    } else {
        simulation.step_until(end).expect("it runs");
    }
    SHARED.with_borrow(|(_, events)| *events)
}
