//! The models themselves: what an agent does when it wakes, whichever engine wakes it.
//!
//! `wake` handles one event of one agent and says after how many nanoseconds to wake it again. All
//! Rust peers share this code and one generator, so they differ in their engine alone.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

const SECOND: f64 = 1e9;

/// Agents that loop over one flaky tool (`benches/models/agents.yaml`).
pub struct Agents {
    rng: ChaCha8Rng,
    /// Attempts made of the call under way; the high bit while backing off.
    state: Vec<u8>,
    pub events: u64,
    pub done: u64,
}

const SLEEPS: u8 = 0x80;

impl Agents {
    pub fn new(agents: u32) -> Agents {
        Agents {
            rng: ChaCha8Rng::seed_from_u64(42),
            state: vec![SLEEPS; agents as usize],
            events: 0,
            done: 0,
        }
    }

    fn service(&mut self) -> u64 {
        let x: f64 = Exp1.sample(&mut self.rng);
        (x * SECOND) as u64
    }

    /// One event of agent `a`: the delay to its next.
    #[inline]
    pub fn wake(&mut self, a: u32) -> u64 {
        self.events += 1;
        let state = self.state[a as usize];
        if state & SLEEPS != 0 {
            self.state[a as usize] = (state & !SLEEPS) + 1;
            return self.service();
        }
        let failed = self.rng.random::<f64>() < 0.1;
        if failed && state < 5 {
            self.state[a as usize] = state | SLEEPS;
            let most = 0.5 * f64::from(1u32 << (state - 1));
            return (self.rng.random::<f64>() * most * SECOND) as u64;
        }
        self.done += 1;
        self.state[a as usize] = 1;
        self.service()
    }
}

/// The retry storm (`benches/models/storm.yaml`): a priced model, then a tool with a quota, an outage,
/// a breaker that all share and a timeout; spend and attempts over time are recorded.
pub struct Storm {
    rng: ChaCha8Rng,
    agents: Vec<Worker>,
    /// GCRA: the theoretical arrival time.
    tat: u64,
    /// Failures in a row; until when the breaker is open; whether a probe is out.
    failures: u32,
    open_until: u64,
    probing: bool,
    series: Vec<([u64; 4], u128)>,
    pub spend: u128,
    pub events: u64,
    pub done: u64,
}

#[derive(Clone, Copy, Default)]
struct Worker {
    input: u32,
    output: u32,
    attempt: u8,
    /// What it waits for: 0 begins a call, 1 the model, 2 the tool, 3 the tool as a probe.
    doing: u8,
    tool: bool,
    outcome: u8,
}

const OK: u8 = 0;
const FAILED: u8 = 1;
const LIMITED: u8 = 2;
const TIMEOUT: u8 = 3;
const BUCKET: u64 = 200_000_000;

impl Storm {
    pub fn new(agents: u32) -> Storm {
        Storm {
            rng: ChaCha8Rng::seed_from_u64(42),
            agents: vec![Worker::default(); agents as usize],
            tat: 0,
            failures: 0,
            open_until: 0,
            probing: false,
            series: vec![Default::default(); 512],
            spend: 0,
            events: 0,
            done: 0,
        }
    }

    fn lognormal(&mut self, p50: f64, p99: f64) -> f64 {
        let z: f64 = StandardNormal.sample(&mut self.rng);
        p50 * ((p99 / p50).ln() / 2.326_347_874_040_841 * z).exp()
    }

    fn backoff(&mut self, attempt: u8) -> u64 {
        let most = (0.5 * f64::from(1u32 << (attempt - 1))).min(10.0);
        (self.rng.random::<f64>() * most * SECOND).max(1e6) as u64
    }

    /// One event of agent `a` at `now` \[ns\]: the delay to its next.
    #[inline]
    pub fn wake(&mut self, a: u32, now: u64) -> u64 {
        self.events += 1;
        let mut w = self.agents[a as usize];
        if w.doing != 0 {
            let bucket = &mut self.series[(now / BUCKET) as usize & 511];
            bucket.0[w.outcome as usize] += 1;
            let cost = if w.doing == 1 {
                u128::from(w.input) * 2_500_000 + u128::from(w.output) * 10_000_000
            } else if w.outcome == OK || w.outcome == TIMEOUT {
                1_000_000_000
            } else {
                0
            };
            bucket.1 += cost;
            self.spend += cost;
            let probe = w.doing == 3;
            if w.doing >= 2 {
                if w.outcome == OK {
                    self.failures = 0;
                    self.open_until = 0;
                } else {
                    self.failures += 1;
                    if self.failures >= 100 || probe {
                        self.failures = 0;
                        self.open_until = now + 1_000_000_000;
                    }
                }
                if probe {
                    self.probing = false;
                }
            }
            w.doing = 0;
            if w.outcome == OK {
                if w.tool {
                    self.done += 1;
                    w.input = 0;
                } else {
                    w.input += w.output + 300;
                }
                w.tool = !w.tool;
                w.attempt = 0;
            } else if w.attempt >= 5 {
                w = Worker::default();
                self.agents[a as usize] = w;
            } else {
                let told = w.outcome == LIMITED;
                let delay = if told { 1_000_000_000 } else { self.backoff(w.attempt) };
                self.agents[a as usize] = w;
                return delay;
            }
        }
        if w.tool && self.open_until != 0 && (now < self.open_until || self.probing) {
            // Refused before the wire, and that is not retried: the task has failed, the next begins.
            w = Worker::default();
        }
        w.attempt += 1;
        if !w.tool {
            w.doing = 1;
            w.outcome = OK;
            w.input += 1200;
            w.output = self.lognormal(150.0, 600.0) as u32;
            let first = self.lognormal(0.45, 2.0);
            self.agents[a as usize] = w;
            return ((first + f64::from(w.output) * 0.01) * SECOND) as u64;
        }
        if self.open_until != 0 {
            self.probing = true;
            w.doing = 3;
        } else {
            w.doing = 2;
        }
        const GAP: u64 = 1_000_000;
        let delay = if (30..50).contains(&(now / 1_000_000_000)) || self.rng.random::<f64>() < 0.1 {
            w.outcome = FAILED;
            self.lognormal(0.3, 2.0)
        } else if self.tat > now + 999 * GAP {
            w.outcome = LIMITED;
            0.01
        } else {
            self.tat = self.tat.max(now) + GAP;
            w.outcome = OK;
            self.lognormal(0.3, 2.0)
        };
        if delay > 8.0 {
            w.outcome = TIMEOUT;
        }
        self.agents[a as usize] = w;
        (delay.min(8.0) * SECOND) as u64
    }
}

/// One server with an unbounded line (`benches/models/mm1.yaml`).
pub struct Mm1 {
    rng: ChaCha8Rng,
    line: std::collections::VecDeque<u64>,
    left: u64,
    pub sojourn: u128,
    pub events: u64,
}

impl Mm1 {
    pub fn new(customers: u64) -> Mm1 {
        Mm1 {
            rng: ChaCha8Rng::seed_from_u64(42),
            line: Default::default(),
            left: customers,
            sojourn: 0,
            events: 0,
        }
    }

    fn exp(&mut self, mean: f64) -> u64 {
        let x: f64 = Exp1.sample(&mut self.rng);
        (x * mean * SECOND) as u64
    }

    /// A customer arrives: the delay to the next arrival, and that to its own departure if it is alone.
    #[inline]
    pub fn arrive(&mut self, now: u64) -> (Option<u64>, Option<u64>) {
        self.events += 1;
        self.left -= 1;
        self.line.push_back(now);
        let next = (self.left > 0).then(|| self.exp(1.0 / 0.9));
        let departs = (self.line.len() == 1).then(|| self.exp(1.0));
        (next, departs)
    }

    /// The customer that is served departs: the delay to the next departure.
    #[inline]
    pub fn depart(&mut self, now: u64) -> Option<u64> {
        self.events += 1;
        let came = self.line.pop_front().expect("somebody was served");
        self.sojourn += u128::from(now - came);
        (!self.line.is_empty()).then(|| self.exp(1.0))
    }
}

/// A model that an engine can drive: entities that are woken.
pub trait World {
    /// How many entities begin with an event at time zero.
    fn entities(&self) -> u32;

    /// Handles the event of `entity` at `now`; `later(delay, entity)` schedules another.
    fn wake(&mut self, now: u64, entity: u32, later: impl FnMut(u64, u32));

    /// How many events there have been.
    fn events(&self) -> u64;
}

impl World for Agents {
    fn entities(&self) -> u32 {
        self.state.len() as u32
    }

    #[inline]
    fn wake(&mut self, _: u64, entity: u32, mut later: impl FnMut(u64, u32)) {
        later(Agents::wake(self, entity), entity);
    }

    fn events(&self) -> u64 {
        self.events
    }
}

impl World for Storm {
    fn entities(&self) -> u32 {
        self.agents.len() as u32
    }

    #[inline]
    fn wake(&mut self, now: u64, entity: u32, mut later: impl FnMut(u64, u32)) {
        later(Storm::wake(self, entity, now), entity);
    }

    fn events(&self) -> u64 {
        self.events
    }
}

/// Entity 0 is the next arrival, entity 1 the next departure.
impl World for Mm1 {
    fn entities(&self) -> u32 {
        1
    }

    #[inline]
    fn wake(&mut self, now: u64, entity: u32, mut later: impl FnMut(u64, u32)) {
        if entity == 0 {
            let (arrives, departs) = self.arrive(now);
            if let Some(delay) = arrives {
                later(delay, 0);
            }
            if let Some(delay) = departs {
                later(delay, 1);
            }
        } else if let Some(delay) = self.depart(now) {
            later(delay, 1);
        }
    }

    fn events(&self) -> u64 {
        self.events
    }
}
