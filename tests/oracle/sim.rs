//! One run: the world, the log, and what layers share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use squall::scenario::{Layer, Policy, Scenario, Shared};
use squall::units::{Money, Span};
use squall::wire::Outcome;
use squall::world::price::Usage;
use squall::world::{BillingRule, Target};

use super::client::Env;
use super::clock::Clock;
use super::fleet;
use super::server::Server;

/// An attempt that has ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub end: u64,
    pub begin: u64,
    pub fleet: usize,
    pub task: u32,
    pub target: usize,
    pub number: u32,
    pub outcome: Option<Outcome>,
    pub retry_after: Option<Span>,
    pub input: u32,
    pub output: u32,
    pub cost: Money,
}

/// What was refused before the wire: time, fleet, task, target, outcome.
pub type Refusal = (u64, usize, u32, Option<usize>, Outcome);
/// A task's end: end, ready, fleet, task, outcome.
pub type End = (u64, u64, usize, u32, Outcome);

/// Something that happened, as far as needed to tell its place among others: time, fleet, task, and
/// when an attempt that ends began. Of one that begins: time, target, no task.
pub type Event = (u64, usize, u32, Option<u64>);

/// Everything that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The instants whose events may have another order elsewhere.
    pub contested: BTreeSet<u64>,
    /// When a task began to wait for its next submission or joined its fleet's dead letters, an agent
    /// those without a task, or a call a line before a semaphore: time, fleet. In which order several
    /// did at one instant shows when they come back.
    pub resting: Vec<(u64, usize)>,
    /// When a target was through with what its client had left: whether before or after something
    /// else of that instant shows only in how busy that found it.
    pub unseen: Vec<u64>,
    /// All of it in its order.
    pub order: Vec<Event>,
    pub attempts: Vec<Row>,
    pub refusals: Vec<Refusal>,
    pub tasks: Vec<End>,
}

impl Log {
    /// An attempt ends.
    pub fn attempted(&mut self, row: Row) {
        let begin = Some(row.begin);
        self.order.push((row.end, row.fleet, row.task, begin));
        self.attempts.push(row);
    }

    /// Something is refused before the wire.
    pub fn refused(&mut self, row: Refusal) {
        self.order.push((row.0, row.1, row.2, None));
        self.refusals.push(row);
    }

    /// When attempts began, at which targets.
    pub fn begins(&self) -> Vec<Event> {
        let begins = self.order.iter().filter(|event| event.2 == u32::MAX);
        let mut begins: Vec<Event> = begins.copied().collect();
        begins.sort();
        begins
    }

    /// A task ends.
    pub fn ended(&mut self, row: End) {
        self.order.push((row.0, row.2, row.3, None));
        self.tasks.push(row);
    }
}

/// Whose state of a layer: the layer's address, who shares it, and the target of call layers.
type Key = (usize, (u8, u64, u64, u32), Option<usize>);

/// A step in a task: fleet, task, path in the plan.
pub type Place = (usize, u32, Vec<u32>);

/// One run.
pub struct Sim {
    pub clock: Rc<Clock>,
    pub scenario: &'static Scenario,
    pub policy: &'static Policy,
    pub servers: Vec<Server>,
    pub log: RefCell<Log>,
    /// Attempts of each step of each task so far, by fleet, task and place.
    pub numbers: RefCell<BTreeMap<Place, u32>>,
    /// The `repeat` and `parallel` steps that each task has begun.
    pub begun: RefCell<BTreeMap<Place, bool>>,
    /// Set when the run was cut off.
    pub over: Cell<bool>,
    agents: Cell<u64>,
    shared: RefCell<BTreeMap<Key, Rc<dyn Any>>>,
}

impl Sim {
    /// Plays a run and returns its log.
    pub fn play(scenario: &'static Scenario, policy: &'static Policy) -> Log {
        let clock = Rc::new(Clock::default());
        let fleets = scenario.fleets.len();
        let servers = scenario.targets.iter();
        let servers = servers.map(|t| Server::new(&clock, t, fleets)).collect();
        let sim = Rc::new(Sim {
            clock,
            scenario,
            policy,
            servers,
            log: RefCell::default(),
            numbers: RefCell::default(),
            begun: RefCell::default(),
            over: Cell::new(false),
            agents: Cell::new(0),
            shared: RefCell::default(),
        });
        for i in 0..fleets {
            fleet::start(&sim, i);
        }
        sim.clock.run(scenario.horizon.0);
        sim.over.set(true);
        sim.clock.clear();
        sim.log.borrow_mut().contested = sim.clock.contested();
        sim.log.take()
    }

    /// The number of one more agent.
    pub fn new_agent(&self) -> u64 {
        self.agents.replace(self.agents.get() + 1)
    }

    /// The state that this layer has for these.
    pub fn state<T: 'static>(
        &self,
        layer: &Layer,
        env: &Env,
        target: Option<usize>,
        new: impl FnOnce() -> T,
    ) -> Rc<T> {
        let who = match layer.shared {
            Shared::Task => (0, env.fleet as u64, u64::from(env.task), env.run),
            Shared::Agent => (1, env.agent, 0, 0),
            Shared::Fleet => (2, env.fleet as u64, 0, 0),
            Shared::All => (3, 0, 0, 0),
        };
        let key = (std::ptr::from_ref(layer) as usize, who, target);
        let mut shared = self.shared.borrow_mut();
        let state = shared.entry(key).or_insert_with(|| Rc::new(new()));
        state.clone().downcast().expect("one layer, one kind")
    }

    /// What a request costs.
    pub fn cost(&self, target: usize, usage: Usage, outcome: Outcome) -> Money {
        let target = &self.scenario.targets[target];
        self.share_of_price(target, usage, target.billing.rule(outcome))
    }

    /// What a request costs under a billing rule.
    pub fn share_of_price(&self, target: &Target, usage: Usage, rule: BillingRule) -> Money {
        let part =
            |amount: i128, share: squall::units::Share| amount * i128::from(share.0) / 1_000_000;
        let list = &target.price;
        let mut call = list.per_call.0;
        if let Some(first) = list.by_prompt.first() {
            let mut price = first.1.0;
            for pair in list.by_prompt.windows(2) {
                let ((from, low), (to, high)) = (pair[0], pair[1]);
                let over = usage.input.clamp(from, to) - from;
                if over > 0 {
                    price = low.0 + (high.0 - low.0) * i128::from(over) / i128::from(to - from);
                }
            }
            call += price;
        }
        let (mut input, mut output) = (0, 0);
        if let Some(tokens) = list.tokens {
            input = i128::from(tokens.input.0) * i128::from(usage.input);
            output = i128::from(tokens.output.0) * i128::from(usage.output);
        }
        Money(part(call, rule.call) + part(input, rule.input) + part(output, rule.output))
    }
}
