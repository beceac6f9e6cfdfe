//! The event loop.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use crate::engine::{Agenda, Queue, Wheel};
use crate::random::Weather;
use crate::scenario::model::{Agents as FleetSize, Scenario, Shared};
use crate::units::Time;
use crate::wire::{Outcome, Reply};

use super::agent::{AgentId, Agents, Doing};
use super::attempts::Closing;
use super::dead_letters::REDRIVE;
use super::drive::Next;
use super::jobs::Jobs;
use super::later::Later;
use super::observer::Observer;
use super::pages::Needs;
use super::program::Program;
use super::queues::TaskQueue;
use super::server::Server;
use super::shared::{SharedState, Sharer};
use super::strides::Onward;
use super::tasks::REOPEN;

/// Why a run was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cut {
    /// The horizon was reached.
    Horizon,
    /// It had handled the most events that it may.
    Events,
    /// There were more agents, more requests under way or more tasks in line than [`MOST_AT_ONCE`].
    Crowd,
    /// Whoever started it wants it to stop.
    Interrupted,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// When the last task ended, or the run was cut off.
    pub end: Time,
    /// Why it was cut off, if it was.
    pub cut: Option<Cut>,
    /// How many events it handled.
    pub events: u64,
    /// Most agents at once, sub-agents included.
    pub agents_peak: u32,
    /// Bytes that each agent held.
    pub bytes_per_agent: usize,
    /// Most attempts in flight at once, by target.
    pub busy_peak: Vec<u32>,
}

/// A run under way.
pub(super) struct Run<'a, O, Q> {
    pub program: &'a Program,
    pub scenario: &'a Scenario,
    pub weather: Weather,
    pub agenda: Agenda<Q>,
    pub agents: Agents,
    pub shared: SharedState,
    pub servers: Vec<Server<'a>>,
    pub jobs: Jobs,
    pub queues: Vec<TaskQueue<'a>>,
    pub later: Later,
    /// What agents bring out of a layer while they tell its store; by agent.
    pub replies: Vec<Reply>,
    pub observer: &'a mut O,
    /// When the latest task ended.
    pub last_end: Time,
    /// Whether there would have been more of something than [`MOST_AT_ONCE`].
    pub crowded: bool,
    /// Whether every task that ever arrives has ended.
    pub done: bool,
}

/// What an event is about: the two highest bits of its entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Agent,
    Job,
    Arrival,
    Resubmission,
}

impl About {
    const SHIFT: u32 = 26;

    /// The entity of this kind and index.
    pub(super) fn entity(self, index: u32) -> u32 {
        debug_assert!(index < 1 << Self::SHIFT, "too many entities");
        (self as u32) << Self::SHIFT | index
    }

    fn of(entity: u32) -> (About, u32) {
        let about = match entity >> Self::SHIFT {
            // Most events by far: known without a table.
            _ if entity < 1 << Self::SHIFT => About::Agent,
            1 => About::Job,
            2 => About::Arrival,
            _ => About::Resubmission,
        };
        (about, entity & ((1 << Self::SHIFT) - 1))
    }
}

/// Plays `program` (made from `scenario` and a policy) in the given weather, and tells `observer`.
///
/// `stop` is asked now and then; once it says true the run is cut off.
pub fn run<O: Observer>(
    scenario: &Scenario,
    program: &Program,
    weather: Weather,
    observer: &mut O,
    stop: &dyn Fn() -> bool,
) -> RunEnd {
    run_on(Wheel::default(), scenario, program, weather, observer, stop)
}

/// [`run`] with the events to come held by `queue`, which must be empty. Which one it is changes
/// nothing but the time it takes.
pub fn run_on<O: Observer, Q: Queue>(
    queue: Q,
    scenario: &Scenario,
    program: &Program,
    weather: Weather,
    observer: &mut O,
    stop: &dyn Fn() -> bool,
) -> RunEnd {
    let fleets = scenario.fleets.len();
    let server = |i| Server::new(scenario, &weather, i);
    let mut run = Run {
        program,
        scenario,
        weather,
        agenda: Agenda::new(queue),
        agents: Agents::new(
            program.words,
            program.counters,
            Needs::of(scenario, program),
        ),
        shared: SharedState::new(&program.groups, fleets),
        servers: (0..scenario.targets.len()).map(server).collect(),
        jobs: Jobs::default(),
        queues: vec![],
        replies: vec![],
        later: Later::new(program.counters),
        observer,
        last_end: Time::ZERO,
        crowded: false,
        done: false,
    };
    run.open();
    run.done = run.all_done();
    let cut = run.play(stop);
    run.close(cut)
}

/// The most agents, sub-agents included, the most requests under way, the most tasks in a line and the
/// most that wait to be submitted again, in one run: with what they carry about 4 GB each at the most,
/// and well within the numbers that events can name.
pub const MOST_AT_ONCE: usize = 1 << 24;

/// How many events' agents are read in advance at once.
const AHEAD: u64 = 16;
/// With how many agents that is worth it: from about a megabyte of records on.
const CROWDED: usize = 1 << 14;

/// How many events pass between two looks at whether to stop.
const STOP_EVERY: u64 = 1 << 16;

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    /// Puts agents and tasks in their places.
    fn open(&mut self) {
        let origin = self.weather.origin();
        for (f, fleet) in self.scenario.fleets.iter().enumerate() {
            let f = f as u8;
            let queue = TaskQueue::new(fleet, self.program, origin, f, self.scenario.horizon);
            self.queues.push(queue);
            self.first_arrivals(f);
            if let FleetSize::Count(n) = fleet.agents {
                self.agents.expect((n as usize).min(MOST_AT_ONCE));
                for i in 0..n {
                    if self.is_full() {
                        return;
                    }
                    let at = self.start_of(f, i);
                    let a = self.add_agent(f);
                    self.wait(a, Doing::Starting, at);
                }
            }
        }
    }

    /// Whether there are as many agents as there may be; notes that there should be more.
    pub(super) fn is_full(&mut self) -> bool {
        self.crowded |= self.agents.all.len() > MOST_AT_ONCE;
        self.crowded
    }

    fn play(&mut self, stop: &dyn Fn() -> bool) -> Option<Cut> {
        let horizon = Time::ZERO + self.scenario.horizon;
        let mut look_at = 0;
        while !self.done {
            let Some(key) = self.agenda.next() else {
                // Nobody waits for anything that will come: dropped requests without a timeout.
                return Some(Cut::Horizon);
            };
            if key.time() >= horizon {
                return Some(Cut::Horizon);
            }
            if self.crowded {
                return Some(Cut::Crowd);
            }
            if self.agenda.handled() >= look_at {
                match self.look_about(stop) {
                    Ok(next) => look_at = next,
                    Err(cut) => return Some(cut),
                }
            }
            match About::of(key.entity()) {
                (About::Agent, a) => {
                    if self.agents.all[a as usize].wake == key.low() {
                        self.wake(a);
                    }
                }
                (About::Job, job) => self.job_event(job, key.low()),
                (About::Arrival, fleet) => self.fleet_event(fleet),
                (About::Resubmission, entry) => self.resubmission(entry),
            }
        }
        None
    }

    /// An event of a fleet: a task arrives, or what was shut opens again.
    fn fleet_event(&mut self, what: u32) {
        let fleet = what as u8;
        match what {
            _ if what & REOPEN != 0 => self.reopen(fleet),
            _ if what & REDRIVE != 0 => self.redrive(fleet),
            _ => self.arrival(fleet),
        }
    }

    /// Does what need not be done at each event: after how many it is to be done again, or why the
    /// run is to be cut off.
    #[inline(never)]
    fn look_about(&mut self, stop: &dyn Fn() -> bool) -> Result<u64, Cut> {
        let events = self.agenda.handled();
        if events >= self.scenario.max_events {
            return Err(Cut::Events);
        }
        if events.is_multiple_of(STOP_EVERY) && stop() {
            return Err(Cut::Interrupted);
        }
        let mut every = STOP_EVERY;
        if self.agents.all.len() > CROWDED {
            every = AHEAD;
            self.touch_ahead();
        }
        let next = (events / every + 1) * every;
        Ok(next.min(self.scenario.max_events))
    }

    /// Reads the records of the agents whose turn is next, all at once: where there are too many for
    /// the cache, the memory then fetches them side by side, not one by one as their events come.
    #[inline(never)]
    fn touch_ahead(&self) {
        let keys = self.agenda.ahead(AHEAD as usize).iter();
        let agents = keys.filter_map(|key| match About::of(key.entity()) {
            (About::Agent, a) => Some(a),
            _ => None,
        });
        black_box(agents.fold(0, |all, a| all ^ self.agents.touch(a)));
    }

    /// Counts what is still open when a run is cut off, and sums up.
    fn close(mut self, cut: Option<Cut>) -> RunEnd {
        let mut end = self.last_end;
        if let Some(cut) = cut {
            if cut == Cut::Horizon {
                end = Time::ZERO + self.scenario.horizon;
            } else {
                end = self.agenda.now();
            }
            self.close_tasks(end);
        }
        RunEnd {
            end,
            cut,
            events: self.agenda.handled(),
            agents_peak: self.agents.peak(),
            bytes_per_agent: self.agents.bytes_each(),
            busy_peak: self.servers.iter().map(Server::busy_peak).collect(),
        }
    }

    fn close_tasks(&mut self, end: Time) {
        for a in 0..self.agents.all.len() as AgentId {
            let agent = self.agents.all[a as usize];
            match agent.doing {
                Doing::InFlight | Doing::AwaitsReply => {
                    self.close_attempt(a, self.call_of(a), Closing::Open(end))
                }
                Doing::Free | Doing::Idle | Doing::Starting => continue,
                _ => {}
            }
            if self.agents.root(a) == a {
                self.observer.unfinished(agent.fleet, agent.ready);
            }
        }
        for f in 0..self.queues.len() {
            self.close_queue(f as u8);
        }
    }

    /// An agent wakes: what it waited for is done, or its deadline has come.
    #[inline]
    pub(super) fn wake(&mut self, a: AgentId) {
        let now = self.agenda.now();
        // A timeout is set before what it bounds, so at one instant it comes first.
        let late = self.agents.has_pages
            && (self.agents.timed.get(a)).is_some_and(|timed| timed.deadline <= now);
        let agent = &mut self.agents.all[a as usize];
        agent.wake = 0;
        if late {
            return self.timed_out(a);
        }
        let next = match agent.doing {
            Doing::Starting => self.first_task(a),
            Doing::Joined => self.join(a),
            Doing::Sleeping | Doing::AwaitsToken => Next::Enter,
            Doing::Asks => self.answered(a),
            Doing::Tells => self.told(a),
            Doing::InFlight => {
                let succeeded = agent.flight.outcome == Outcome::Ok;
                let call = self.call_of(a);
                if succeeded && call.onward != Onward::Plan {
                    return self.stride(a, call);
                }
                self.end_flight(a, call)
            }
            Doing::Thinks => Next::Step,
            Doing::Hedges => self.hedge_due(a),
            Doing::InLine => self.leave_line(a),
            Doing::Idle | Doing::Free | Doing::AwaitsReply | Doing::Joins => {
                unreachable!("an agent that others wake has no end of its own")
            }
        };
        self.drive_at_once(a, next);
    }

    /// Makes an agent wait until a time (or its deadline, if that comes first), doing `doing`.
    /// [`Time::NEVER`] means that others will wake it.
    #[inline]
    pub(super) fn wait(&mut self, a: AgentId, doing: Doing, until: Time) {
        let mut at = until;
        if self.agents.has_pages
            && let Some(timed) = self.agents.timed.get_mut(a)
        {
            timed.until = until;
            at = until.min(timed.deadline);
        }
        let agent = &mut self.agents.all[a as usize];
        agent.doing = doing;
        agent.wake = if at == Time::NEVER {
            0
        } else {
            self.agenda.schedule(at, About::Agent.entity(a))
        };
    }

    /// Adds an agent with new state of its own.
    pub(super) fn add_agent(&mut self, fleet: u8) -> AgentId {
        let a = self.agents.add(fleet);
        self.crowded |= self.agents.all.len() > MOST_AT_ONCE;
        self.shared.renew(a, Shared::Agent);
        self.shared.renew(a, Shared::Task);
        a
    }

    #[inline]
    pub(super) fn sharer(&self, a: AgentId) -> Sharer {
        let agent = &self.agents.all[a as usize];
        Sharer {
            agent: self.principal(a),
            root: self.agents.root(a),
            fleet: agent.fleet,
        }
    }
}
