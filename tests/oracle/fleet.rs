//! Fleets: the queue, the agents that take tasks from it, and what happens to failed ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use squall::scenario::{Agents, Arrivals, Start};
use squall::units::Span;
use squall::wire::Outcome;

use super::client::{self, Env};
use super::clock::Signal;
use super::layers::pause;
use super::server::certain;
use super::sim::Sim;

/// A task in line.
#[derive(Clone, Copy)]
struct Waiting {
    task: u32,
    /// When it was ready; of a batch, when it is first taken.
    ready: Option<u64>,
    /// How often it was submitted again.
    run: u32,
    /// How often by the queue's retry since it came or came back.
    tries: u32,
    /// How often it came back from the dead letters.
    returned: u32,
}

/// A fleet's queue.
struct Queue {
    tasks: VecDeque<Waiting>,
    /// Where each agent does the whole batch: what each has not begun.
    own: Vec<VecDeque<Waiting>>,
    /// Agents without work, the longest idle first.
    idle: VecDeque<Signal>,
    failed: u32,
    open_until: u64,
    stopped: bool,
    /// Tasks that wait to be submitted again.
    resting: BTreeMap<u32, Waiting>,
    /// Dead letters that will be submitted again.
    dead: VecDeque<Waiting>,
    /// Whether somebody waits to do that.
    cron: bool,
}

/// A fleet at work.
pub struct Crew {
    sim: Rc<Sim>,
    number: usize,
    queue: RefCell<Queue>,
}

/// Starts a fleet.
pub fn start(sim: &Rc<Sim>, number: usize) {
    let fleet = &sim.scenario.fleets[number];
    let (mut tasks, mut own) = (VecDeque::new(), vec![]);
    let fresh = |task| Waiting {
        task,
        ready: None,
        run: 0,
        tries: 0,
        returned: 0,
    };
    if fleet.tasks.arrivals == Arrivals::Batch {
        let count = fleet.tasks.count.expect("a batch has a size");
        if let (true, Agents::Count(agents)) = (fleet.tasks.each_agent, fleet.agents) {
            let batch = |i| (i * count..(i + 1) * count).map(fresh).collect();
            own = (0..agents).map(batch).collect();
        } else {
            tasks = (0..count).map(fresh).collect();
        }
    }
    let queue = Queue {
        tasks,
        own,
        idle: VecDeque::new(),
        failed: 0,
        open_until: 0,
        stopped: false,
        resting: BTreeMap::new(),
        dead: VecDeque::new(),
        cron: false,
    };
    let crew = Rc::new(Crew {
        sim: sim.clone(),
        number,
        queue: RefCell::new(queue),
    });
    if fleet.tasks.arrivals != Arrivals::Batch {
        sim.clock.spawn(Box::pin(arrive(crew.clone())));
    }
    match fleet.agents {
        Agents::Count(agents) => {
            for i in 0..agents {
                let begin = match fleet.start {
                    Start::At(time) => time.0,
                    Start::Every(span) => span.0 * u64::from(i),
                    Start::Within(_) => panic!("not certain"),
                };
                sim.clock.spawn(Box::pin(agent(crew.clone(), i, begin)));
            }
        }
        Agents::Unlimited => {
            let batch = std::mem::take(&mut crew.queue.borrow_mut().tasks);
            for waiting in batch {
                submit(&crew, waiting);
            }
        }
    }
}

async fn arrive(crew: Rc<Crew>) {
    let sim = &crew.sim;
    let fleet = &sim.scenario.fleets[crew.number];
    let count = fleet.tasks.count.unwrap_or(u32::MAX);
    let at_once = fleet.tasks.at_once.as_ref();
    let at_once = at_once.map_or(1, |n| certain(n) as u32);
    let time = |task: u32| {
        let nth = u64::from(task / at_once + 1);
        match &fleet.tasks.arrivals {
            Arrivals::Even(rate) => rate.per.0 * nth / rate.count,
            Arrivals::Gaps(gap) => certain(gap) as u64 * nth,
            _ => panic!("not certain"),
        }
    };
    let mut next = sim.clock.timer(time(0));
    for task in 0..count {
        next.wait().await;
        let at = sim.clock.now();
        // The next one is announced before anything comes of this one.
        if task + 1 < count {
            next = sim.clock.timer(time(task + 1) - at);
        }
        let waiting = Waiting {
            task,
            ready: Some(at),
            run: 0,
            tries: 0,
            returned: 0,
        };
        if crew.queue.borrow().stopped {
            crew.never(waiting);
        } else {
            submit(&crew, waiting);
        }
    }
}

/// Puts a task into the queue, or gives it an agent of its own.
fn submit(crew: &Rc<Crew>, waiting: Waiting) {
    let sim = &crew.sim;
    if sim.scenario.fleets[crew.number].agents == Agents::Unlimited {
        let crew = crew.clone();
        sim.clock.spawn(Box::pin(async move {
            crew.queue.borrow_mut().tasks.push_back(waiting);
            crew.reopening().await;
            let next = crew.queue.borrow_mut().tasks.pop_front();
            if let Some(next) = next {
                let agent = crew.sim.new_agent();
                work(&crew, agent, next).await;
            }
        }));
        return;
    }
    let idle = {
        let mut queue = crew.queue.borrow_mut();
        queue.tasks.push_back(waiting);
        match sim.clock.now() < queue.open_until {
            true => None,
            false => queue.idle.pop_front(),
        }
    };
    if let Some(agent) = idle {
        sim.clock.wake(&agent);
    }
}

impl Crew {
    /// Waits until the batch is not stopped.
    async fn reopening(&self) {
        loop {
            let until = self.queue.borrow().open_until;
            if until <= self.sim.clock.now() {
                return;
            }
            self.sim.clock.sleep(until - self.sim.clock.now()).await;
        }
    }

    /// The batch goes on: who is idle looks for work, the longest idle first, until it stops again.
    fn reopen(&self) {
        let idle = self.queue.borrow().idle.len();
        for _ in 0..idle {
            let next = {
                let mut queue = self.queue.borrow_mut();
                match self.sim.clock.now() < queue.open_until {
                    true => None,
                    false => queue.idle.pop_front(),
                }
            };
            if let Some(agent) = next {
                self.sim.clock.wake(&agent);
            }
        }
    }

    fn over(&self, waiting: Waiting, outcome: Outcome) {
        let now = self.sim.clock.now();
        let ready = waiting.ready.unwrap_or(now);
        let end = (now, ready, self.number, waiting.task, outcome);
        self.sim.log.borrow_mut().ended(end);
    }

    /// A task that no agent will ever take.
    fn never(&self, waiting: Waiting) {
        let outcome = Outcome::CircuitOpen;
        let row = (
            self.sim.clock.now(),
            self.number,
            waiting.task,
            None,
            outcome,
        );
        self.sim.log.borrow_mut().refused(row);
        self.over(waiting, outcome);
    }

    /// Notes how a task ended for good.
    fn judge(self: &Rc<Self>, outcome: Outcome) {
        let Some(spec) = &self.sim.policy.fleet.breaker else {
            return;
        };
        let now = self.sim.clock.now();
        let mut queue = self.queue.borrow_mut();
        if now < queue.open_until {
            return;
        }
        if outcome != Outcome::Ok {
            queue.failed += 1;
        } else if spec.consecutive {
            queue.failed = 0;
        }
        if queue.failed < spec.failures {
            return;
        }
        queue.failed = 0;
        queue.open_until = now.saturating_add(spec.open_for.0);
        if spec.open_for != Span::MAX {
            drop(queue);
            let (crew, span) = (self.clone(), spec.open_for.0);
            self.sim.clock.spawn(Box::pin(async move {
                crew.sim.clock.sleep(span).await;
                crew.reopen();
            }));
            return;
        }
        queue.stopped = true;
        let mut rest: Vec<Waiting> = queue.tasks.drain(..).collect();
        rest.extend(std::mem::take(&mut queue.own).into_iter().flatten());
        rest.extend(std::mem::take(&mut queue.resting).into_values());
        rest.extend(std::mem::take(&mut queue.dead));
        drop(queue);
        for waiting in rest {
            self.never(waiting);
        }
    }
}

async fn agent(crew: Rc<Crew>, i: u32, begin: u64) {
    crew.sim.clock.sleep(begin).await;
    let me = crew.sim.new_agent();
    loop {
        let next = {
            let mut queue = crew.queue.borrow_mut();
            match crew.sim.clock.now() < queue.open_until {
                true => None,
                false => {
                    let own = queue.own.get_mut(i as usize).and_then(VecDeque::pop_front);
                    own.or_else(|| queue.tasks.pop_front())
                }
            }
        };
        match next {
            Some(waiting) => work(&crew, me, waiting).await,
            None => {
                let now = crew.sim.clock.now();
                crew.sim.log.borrow_mut().resting.push((now, crew.number));
                let signal = crew.sim.clock.signal();
                crew.queue.borrow_mut().idle.push_back(signal.clone());
                signal.wait().await;
            }
        }
    }
}

async fn work(crew: &Rc<Crew>, agent: u64, mut waiting: Waiting) {
    let sim = &crew.sim;
    let begin = sim.clock.now();
    let ready = *waiting.ready.get_or_insert(begin);
    let env = Env {
        sim: sim.clone(),
        fleet: crew.number,
        task: waiting.task,
        run: waiting.run,
        agent,
        lane: 0,
        elsewhere: None,
        anew: false,
        conversation: Rc::default(),
        path: vec![],
        retry_budgets: vec![],
        budgets: vec![],
        timeouts: vec![],
    };
    let reply = client::task(env, &sim.scenario.fleets[crew.number].plan).await;
    let now = sim.clock.now();
    let again = match &sim.policy.fleet.retry {
        Some(spec) if reply.outcome != Outcome::Ok && !crew.queue.borrow().stopped => {
            pause(spec, waiting.tries + 1, ready, now, now, reply)
        }
        _ => None,
    };
    match again {
        None => {
            if reply.outcome == Outcome::Ok || !bury(crew, waiting) {
                crew.over(waiting, reply.outcome);
            }
            crew.judge(reply.outcome);
        }
        Some(delay) => {
            waiting.run += 1;
            waiting.tries += 1;
            sim.log.borrow_mut().resting.push((now, crew.number));
            crew.queue
                .borrow_mut()
                .resting
                .insert(waiting.task, waiting);
            let crew = crew.clone();
            sim.clock.spawn(Box::pin(async move {
                crew.sim.clock.sleep(delay).await;
                let back = crew.queue.borrow_mut().resting.remove(&waiting.task);
                if let Some(waiting) = back {
                    submit(&crew, waiting);
                }
            }));
        }
    }
}

/// Keeps a failed task among the dead letters, if it will be submitted again from there.
fn bury(crew: &Rc<Crew>, mut waiting: Waiting) -> bool {
    let cron = crew.sim.policy.fleet.dead_letter.and_then(|d| d.resubmit);
    let Some(cron) = cron else {
        return false;
    };
    let mut queue = crew.queue.borrow_mut();
    if queue.stopped || cron.times == Some(waiting.returned) {
        return false;
    }
    let now = crew.sim.clock.now();
    crew.sim.log.borrow_mut().resting.push((now, crew.number));
    (waiting.run, waiting.tries) = (waiting.run + 1, 0);
    waiting.returned += 1;
    queue.dead.push_back(waiting);
    if queue.cron {
        return true;
    }
    queue.cron = true;
    let crew = crew.clone();
    let delay = cron.every.0 - now % cron.every.0;
    crew.sim.clone().clock.spawn(Box::pin(async move {
        crew.sim.clock.sleep(delay).await;
        // One after another, each until it waits for something: the first may stop the batch for
        // good before the last has come back.
        let dead = {
            let mut queue = crew.queue.borrow_mut();
            queue.cron = false;
            queue.dead.len()
        };
        for _ in 0..dead {
            let next = crew.queue.borrow_mut().dead.pop_front();
            let Some(waiting) = next else { return };
            submit(&crew, waiting);
        }
    }));
    true
}
