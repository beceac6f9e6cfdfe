//! The event queues in the hold model: pop the least event, push one later, at a steady size.
//!
//! One iteration is one hold, so criterion's time is nanoseconds a hold. The delays come from a
//! table that is drawn beforehand.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use squall::engine::{Agenda, Heap, Queue, Wheel};
use squall::random::Distribution;
use squall::random::stream::{Process, Stream};
use squall::units::{Span, Time};

const SECOND: u64 = 1_000_000_000;
const TABLE: usize = 1 << 16;

/// When an event comes that is pushed at `now` with this delay.
type Shape = fn(now: Time, delay: Span) -> Time;

/// Delays are exponential with a mean of one second.
fn exponential(now: Time, delay: Span) -> Time {
    now + delay
}

/// Half of the events come at once, the others on the edge of a one-second window.
fn storm(now: Time, delay: Span) -> Time {
    match delay.0 % 2 {
        0 => now,
        _ => Time((now.0 / SECOND + 1 + delay.0 / SECOND) * SECOND),
    }
}

fn delays() -> Vec<Span> {
    let mut stream = Stream::new(7, 0, Process::Arrivals, 0);
    let second = Distribution::Exponential { mean: 1e9 };
    let mut delay = |_| Span::from_nanos_f64(second.quantile(stream.unit()));
    (0..TABLE).map(&mut delay).collect()
}

fn hold<Q: Queue + Default>(c: &mut Criterion, name: &str, shape: Shape, shape_name: &str) {
    let delays = delays();
    let mut group = c.benchmark_group(format!("{shape_name}/{name}"));
    for size in [100u32, 10_000, 1_000_000] {
        let mut agenda = Agenda::new(Q::default());
        let mut draw = 0;
        for entity in 0..size {
            draw = (draw + 1) % TABLE;
            agenda.schedule(shape(agenda.now(), delays[draw]), entity);
        }
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                let key = agenda.next().expect("the queue holds its size");
                draw = (draw + 1) % TABLE;
                agenda.schedule(shape(key.time(), delays[draw]), key.entity());
                black_box(key)
            });
        });
    }
    group.finish();
}

fn queues(c: &mut Criterion) {
    for (shape, name) in [(exponential as Shape, "exponential"), (storm, "storm")] {
        hold::<Heap>(c, "heap", shape, name);
        hold::<Wheel>(c, "wheel", shape, name);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = queues
}
criterion_main!(benches);
