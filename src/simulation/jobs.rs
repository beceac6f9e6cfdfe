//! Jobs: attempts that travel, queue or outlive their client.
//!
//! Where the end of an attempt is known at its begin, no job is needed; the agent itself waits for
//! it. A job is made for targets with a network or with servers, and for what a client that gave up
//! leaves behind: it is worked off all the same, unless the target cancels.

use crate::engine::Queue;
use crate::scenario::model::TargetId;
use crate::units::{Share, Span, Time};
use crate::wire::Outcome;

use super::agent::{AgentId, Doing, NOBODY};
use super::observer::Observer;
use super::pages::Told;
use super::rows::Access;
use super::run::{About, MOST_AT_ONCE, Run};
use super::server::{Request, Verdict};

/// An attempt at or on its way to or from a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    request: Request,
    /// Whose it is, and the agent's ticket; nobody's if the client has gone.
    agent: AgentId,
    ticket: u32,
    fleet: u8,
    target: TargetId,
    phase: Phase,
    /// The one-way delay of the answer.
    back: Span,
    outcome: Outcome,
    retry_after: Option<Span>,
    work: Span,
    counted: bool,
    /// When it came into the line.
    lined_up: Time,
    /// What it has read and is going to write, at a target with contention.
    access: Access,
    /// The event that the job waits for; another one comes too late.
    event: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way there.
    Travels,
    /// In line for a server.
    InLine,
    /// Being worked on.
    Served,
    /// It has a share of the servers.
    Shares,
    /// It has its turn, but work begins only at the end of a pause.
    Paused,
    /// The answer is on its way back.
    Returns,
    /// The client of a direct target has gone; it is worked off.
    LeftBehind,
    /// The slot is free.
    Free,
}

/// All jobs of a run.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: Vec<Job>,
    free: Vec<u32>,
}

impl Jobs {
    /// How many there were at once at most.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn add(&mut self, job: Job) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.all[slot as usize] = job;
                slot
            }
            None => {
                self.all.push(job);
                (self.all.len() - 1) as u32
            }
        }
    }

    fn remove(&mut self, slot: u32) {
        self.all[slot as usize].phase = Phase::Free;
        self.all[slot as usize].event = 0;
        self.free.push(slot);
    }
}

impl<O: Observer, Q: Queue> Run<'_, O, Q> {
    fn add_job(&mut self, job: Job) -> u32 {
        let slot = self.jobs.add(job);
        self.crowded |= self.jobs.len() > MOST_AT_ONCE;
        slot
    }

    /// Sends an attempt to a target with a network or servers; the agent awaits the reply.
    pub(super) fn send(&mut self, a: AgentId, target: TargetId, request: Request) {
        let server = &self.servers[usize::from(target.0)];
        let (there, back) = server.delays(&self.weather, request.spot);
        let agent = &mut self.agents.all[a as usize];
        // Until the server knows better, an attempt that is given up on counts as worked off.
        agent.flight.outcome = Outcome::Ok;
        let fleet = agent.fleet;
        let ticket = self.agents.ticket(a);
        let job = self.add_job(Job {
            request,
            agent: a,
            ticket,
            fleet,
            target,
            phase: Phase::Travels,
            back,
            outcome: Outcome::Ok,
            retry_after: None,
            work: Span::ZERO,
            counted: false,
            lined_up: Time::ZERO,
            access: Access::NONE,
            event: 0,
        });
        self.agents.told.set(a, Told::default());
        self.agents.whereabouts[a as usize].job = job;
        self.wait(a, Doing::AwaitsReply, Time::NEVER);
        if there == Span::ZERO {
            self.job_arrives(job);
        } else {
            self.schedule_job(job, self.agenda.now() + there);
        }
    }

    /// An event of a job.
    pub(super) fn job_event(&mut self, job: u32, event: u64) {
        if self.jobs.all[job as usize].event != event {
            return;
        }
        match self.jobs.all[job as usize].phase {
            Phase::Travels => self.job_arrives(job),
            Phase::Served => self.job_served(job),
            Phase::Shares => self.share_is_done(job),
            Phase::Paused => self.join_sharers(job),
            Phase::Returns => self.job_returns(job),
            Phase::LeftBehind => {
                let this = self.jobs.all[job as usize];
                self.servers[usize::from(this.target.0)].finish(this.fleet, this.counted);
                self.jobs.remove(job);
            }
            Phase::InLine | Phase::Free => unreachable!("neither waits for an event"),
        }
    }

    fn schedule_job(&mut self, job: u32, at: Time) {
        self.jobs.all[job as usize].event = self.agenda.schedule(at, About::Job.entity(job));
    }

    fn job_arrives(&mut self, job: u32) {
        let now = self.agenda.now();
        let slot = &mut self.jobs.all[job as usize];
        let target = usize::from(slot.target.0);
        let verdict = self.servers[target].arrive(now, &slot.request, &self.weather);
        match verdict {
            Verdict::Admitted {
                outcome,
                retry_after,
                work,
                counted,
            } => {
                slot.outcome = outcome;
                slot.retry_after = retry_after;
                slot.work = work;
                slot.counted = counted;
                let at_once = self.servers[target].begin_service();
                if !at_once {
                    slot.phase = Phase::InLine;
                    slot.lined_up = now;
                    self.servers[target].line.push_back(job);
                }
                self.foretell(job, outcome);
                if at_once {
                    self.serve(job);
                }
            }
            Verdict::Refused { .. } | Verdict::Dropped => self.turn_away(job, verdict),
        }
    }

    /// Nobody works on a job: it is answered so, or dropped.
    fn turn_away(&mut self, job: u32, verdict: Verdict) {
        match verdict {
            Verdict::Refused {
                outcome,
                retry_after,
                after,
            } => {
                let slot = &mut self.jobs.all[job as usize];
                slot.outcome = outcome;
                slot.retry_after = retry_after;
                slot.phase = Phase::Returns;
                let back = slot.back;
                self.foretell(job, outcome);
                self.schedule_job(job, self.agenda.now() + after + back);
            }
            Verdict::Dropped => {
                // Giving up on it costs nothing.
                self.foretell(job, Outcome::Timeout);
                if let Some(a) = self.client_of(job) {
                    self.agents.whereabouts[a as usize].job = NOBODY;
                }
                self.jobs.remove(job);
            }
            Verdict::Admitted { .. } => unreachable!("what is admitted is worked on"),
        }
    }

    /// Notes with the client how its attempt is going to end, for what giving up on it costs.
    fn foretell(&mut self, job: u32, outcome: Outcome) {
        if let Some(a) = self.client_of(job) {
            self.agents.all[a as usize].flight.outcome = outcome;
        }
    }

    /// The agent that still awaits the reply to a job.
    fn client_of(&self, job: u32) -> Option<AgentId> {
        let this = &self.jobs.all[job as usize];
        let agent = self.agents.all.get(this.agent as usize)?;
        let awaits =
            agent.doing == Doing::AwaitsReply && self.agents.ticket(this.agent) == this.ticket;
        awaits.then_some(this.agent)
    }

    fn serve(&mut self, job: u32) {
        let now = self.agenda.now();
        let slot = &mut self.jobs.all[job as usize];
        let server = &mut self.servers[usize::from(slot.target.0)];
        if server.sharing.is_some() {
            return self.share(job);
        }
        let mut end = server.end_of_work(now, slot.work, &slot.request, &self.weather);
        if let Some(rows) = &server.rows {
            slot.access = rows.read(&self.weather, slot.request.spot, server.spec);
            end += slot.access.between;
        }
        slot.phase = Phase::Served;
        self.schedule_job(job, end);
    }

    fn job_served(&mut self, job: u32) {
        self.write_row(job);
        let this = &self.jobs.all[job as usize];
        let (target, fleet, counted, back) = (this.target, this.fleet, this.counted, this.back);
        self.free_server(target, fleet, counted);
        if back == Span::ZERO {
            self.job_returns(job);
        } else {
            self.jobs.all[job as usize].phase = Phase::Returns;
            self.schedule_job(job, self.agenda.now() + back);
        }
    }

    /// A job has its turn where the servers are shared.
    #[inline(never)]
    fn share(&mut self, job: u32) {
        let now = self.agenda.now();
        let this = self.jobs.all[job as usize];
        let server = &self.servers[usize::from(this.target.0)];
        let (begin, work) = server.begin_of_work(now, this.work, &this.request, &self.weather);
        let rows = server.rows.as_ref();
        let access = rows.map(|rows| rows.read(&self.weather, this.request.spot, server.spec));
        let slot = &mut self.jobs.all[job as usize];
        slot.work = work;
        slot.access = access.unwrap_or(Access::NONE);
        if begin > now {
            slot.phase = Phase::Paused;
            return self.schedule_job(job, begin);
        }
        self.join_sharers(job);
    }

    /// Work on a job begins where the servers are shared.
    fn join_sharers(&mut self, job: u32) {
        let now = self.agenda.now();
        let slot = &mut self.jobs.all[job as usize];
        slot.phase = Phase::Shares;
        let (target, work) = (slot.target, slot.work);
        let server = &mut self.servers[usize::from(target.0)];
        let worked = server.worked(now);
        if let Some(sharing) = &mut server.sharing {
            sharing.join(worked, job, work);
        }
        self.plan_next_share(target);
    }

    /// The work of the job that was the next to be through is done.
    fn share_is_done(&mut self, job: u32) {
        let this = self.jobs.all[job as usize];
        self.leave_sharers(job);
        if this.access.between == Span::ZERO {
            return self.job_served(job);
        }
        // Read and write are apart: the place is held meanwhile, but nothing is worked on.
        self.jobs.all[job as usize].phase = Phase::Served;
        self.schedule_job(job, self.agenda.now() + this.access.between);
    }

    /// A job gives back its share.
    fn leave_sharers(&mut self, job: u32) {
        let now = self.agenda.now();
        let target = self.jobs.all[job as usize].target;
        let server = &mut self.servers[usize::from(target.0)];
        let worked = server.worked(now);
        if let Some(sharing) = &mut server.sharing {
            sharing.leave(worked, job);
        }
        self.plan_next_share(target);
    }

    /// Plans the end of the job that is through next; one event for all who share.
    fn plan_next_share(&mut self, target: TargetId) {
        let server = &mut self.servers[usize::from(target.0)];
        let Some(sharing) = &mut server.sharing else {
            return;
        };
        if let Some(before) = sharing.planned.take() {
            self.jobs.all[before as usize].event = 0;
        }
        if let Some((next, at)) = sharing.next() {
            sharing.planned = Some(next);
            let at = server.when(at);
            self.schedule_job(next, at);
        }
    }

    /// What a job has worked for is written, if it still can be.
    fn write_row(&mut self, job: u32) {
        let this = &self.jobs.all[job as usize];
        let target = usize::from(this.target.0);
        if self.servers[target].rows.is_none() || this.outcome != Outcome::Ok {
            return;
        }
        let (access, gone) = (this.access, self.client_of(job).is_none());
        let rows = self.servers[target].rows.as_mut();
        if let Some(conflict) = rows.and_then(|rows| rows.write(access, gone)) {
            self.jobs.all[job as usize].outcome = conflict;
            self.foretell(job, conflict);
        }
    }

    /// A server is free: the next in line gets it.
    fn free_server(&mut self, target: TargetId, fleet: u8, counted: bool) {
        let server = &mut self.servers[usize::from(target.0)];
        server.finish(fleet, counted);
        server.end_service();
        while let Some(next) = self.servers[usize::from(target.0)].next_in_line() {
            let server = &mut self.servers[usize::from(target.0)];
            if !server.knows_stale() || !self.clear_away(next) {
                self.servers[usize::from(target.0)].begin_service();
                return self.serve(next);
            }
        }
    }

    /// Turns away a job whose turn has come, if it has waited too long for it.
    #[inline(never)]
    fn clear_away(&mut self, job: u32) -> bool {
        let this = self.jobs.all[job as usize];
        let server = &mut self.servers[usize::from(this.target.0)];
        let waited = self.agenda.now().since(this.lined_up);
        let Some(verdict) = server.stale(waited, &this.request, &self.weather) else {
            return false;
        };
        server.finish(this.fleet, this.counted);
        self.turn_away(job, verdict);
        true
    }

    fn job_returns(&mut self, job: u32) {
        let client = self.client_of(job);
        let this = &self.jobs.all[job as usize];
        let (outcome, told) = (this.outcome, Told(this.retry_after.unwrap_or(Span::MAX)));
        self.jobs.remove(job);
        if let Some(a) = client {
            let agent = &mut self.agents.all[a as usize];
            agent.wake = 0;
            agent.flight.outcome = outcome;
            self.agents.told.set(a, told);
            let next = self.replied(a, self.call_of(a));
            self.drive(a, next);
        }
    }

    /// The client of a direct target gives up on an admitted attempt that would end at `until`.
    pub(super) fn leave_behind(&mut self, target: TargetId, fleet: u8, counted: bool, until: Time) {
        if self.servers[usize::from(target.0)].spec.cancels {
            self.servers[usize::from(target.0)].finish(fleet, counted);
            return;
        }
        if until == Time::NEVER {
            return;
        }
        let job = self.add_job(Job {
            request: Request::NONE,
            agent: NOBODY,
            ticket: 0,
            fleet,
            target,
            phase: Phase::LeftBehind,
            back: Span::ZERO,
            outcome: Outcome::Timeout,
            retry_after: None,
            work: Span::ZERO,
            counted,
            lined_up: Time::ZERO,
            access: Access::NONE,
            event: 0,
        });
        self.schedule_job(job, until);
    }

    /// The client gives up on its job; a target that cancels stops working on it.
    pub(super) fn cancel_job(&mut self, a: AgentId) {
        let job = self.agents.whereabouts[a as usize].job;
        if job == NOBODY {
            return;
        }
        let this = self.jobs.all[job as usize];
        self.jobs.all[job as usize].agent = NOBODY;
        if !self.servers[usize::from(this.target.0)].spec.cancels {
            return;
        }
        match this.phase {
            Phase::InLine => {
                let server = &mut self.servers[usize::from(this.target.0)];
                server.line.retain(|j| *j != job);
                server.finish(this.fleet, this.counted);
            }
            Phase::Served | Phase::Paused => {
                self.free_server(this.target, this.fleet, this.counted)
            }
            Phase::Shares => {
                self.leave_sharers(job);
                self.free_server(this.target, this.fleet, this.counted);
            }
            Phase::Travels | Phase::Returns => {}
            Phase::LeftBehind | Phase::Free => unreachable!("a client awaits this job"),
        }
        self.jobs.remove(job);
    }
}

impl Request {
    /// A request of nobody's.
    const NONE: Request = Request {
        spot: crate::random::Spot {
            fleet: 0,
            task: 0,
            step: 0,
            round: 0,
            attempt: 0,
            hedge: 0,
        },
        luck: [0; 4],
        usage: crate::world::price::Usage {
            input: 0,
            cached: 0,
            written: 0,
            output: 0,
        },
        passes: Share::ALL,
        of_call: 0,
        client: 0,
    };
}
