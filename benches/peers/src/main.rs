//! `peers ENGINE MODEL SIZE HORIZON`: plays a model on an engine and prints its events.
//!
//! Engines: `heap` (a bare loop on std's binary heap), `wheel` (a bare loop on squall's queue),
//! `simulacra`, `nexosim` (a model an agent; one thread). Models: `agents`, `storm`, and `mm1`, whose
//! size is the number of customers. The horizon is in seconds.

mod nexo;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::LazyLock;
use std::time::Instant;

use squall::engine::{Agenda, Wheel};
use squall::units::Time;

use world::{Agents, Mm1, Storm, World};

fn heap<W: World>(world: &mut W, horizon: u64) {
    let mut queue: BinaryHeap<Reverse<(u64, u64, u32)>> =
        (0..world.entities()).map(|e| Reverse((0, u64::from(e), e))).collect();
    let mut sequence = u64::from(world.entities());
    while let Some(Reverse((now, _, entity))) = queue.pop() {
        if now >= horizon {
            break;
        }
        world.wake(now, entity, |delay, entity| {
            sequence += 1;
            queue.push(Reverse((now + delay, sequence, entity)));
        });
    }
}

fn wheel<W: World>(world: &mut W, horizon: u64) {
    let mut agenda = Agenda::new(Wheel::default());
    for entity in 0..world.entities() {
        agenda.schedule(Time(0), entity);
    }
    while let Some(key) = agenda.next() {
        let now = key.time().0;
        if now >= horizon {
            break;
        }
        world.wake(now, key.entity(), |delay, entity| {
            agenda.schedule(Time(now + delay), entity);
        });
    }
}

fn simulacra<W: World>(world: &mut W, horizon: u64) {
    use simulacra::{Duration, Simulation, Time};
    let mut sim = Simulation::with_capacity(world.entities() as usize);
    for entity in 0..world.entities() {
        sim.schedule(Time::ZERO, entity);
    }
    sim.run_until(|sim, entity| {
        let now = sim.now().as_nanos();
        if now >= horizon {
            return false;
        }
        world.wake(now, entity, |delay, entity| {
            sim.schedule_in(Duration::from_nanos(delay), entity);
        });
        true
    });
}

fn on<W: World>(engine: &str, mut world: W, horizon: u64) -> u64 {
    match engine {
        "heap" => heap(&mut world, horizon),
        "wheel" => wheel(&mut world, horizon),
        "simulacra" => simulacra(&mut world, horizon),
        other => panic!("no engine {other}"),
    }
    world.events()
}

/// Seconds that this process has had of a processor; where the system does not say, by the clock.
fn process_seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let line = std::fs::read_to_string("/proc/self/schedstat").ok();
    let ns = line.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    ns.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns as f64 / 1e9)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, engine, model, size, horizon] = args.as_slice() else {
        panic!("peers ENGINE MODEL SIZE HORIZON");
    };
    let size: u32 = size.parse().expect("a size");
    let horizon = horizon.parse::<u64>().expect("seconds") * 1_000_000_000;
    let begin = process_seconds();
    let events = match (engine.as_str(), model.as_str()) {
        ("nexosim", model) => nexo::run(model, size, horizon),
        (engine, "agents") => on(engine, Agents::new(size), horizon),
        (engine, "storm") => on(engine, Storm::new(size), horizon),
        (engine, "mm1") => on(engine, Mm1::new(u64::from(size)), horizon),
        (_, other) => panic!("no model {other}"),
    };
    let seconds = process_seconds() - begin;
    println!("{engine} {model} events={events} seconds={seconds:.4}");
}
