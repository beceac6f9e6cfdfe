//! A target at work: what it answers to an attempt, and what is in flight there.

use std::collections::VecDeque;

use crate::random::{Distribution, Purpose, Spot, Weather, unit_open};
use crate::scenario::model::Scenario;
use crate::units::{Share, Span, Time};
use crate::wire::Outcome;
use crate::world::breakdown::WorkingTime;
use crate::world::limiter::{LimitPer, LimitUnit, Limiter};
use crate::world::price::Usage;
use crate::world::{
    Capacity, LimitSpec, Order, Reach, StruckBy, Target, UnderLoad, WhenFull, Work,
};

use super::moods::{Moods, hint};
use super::plain::Plain;
use super::pressure::Standing;
use super::rows::Rows;
use super::sharing::Sharing;

/// A target during one run.
#[derive(Debug)]
pub struct Server<'a> {
    /// Its description.
    pub spec: &'a Target,
    is_direct: bool,
    limits: Vec<Quota<'a>>,
    moods: Moods<'a>,
    /// Whether it has outages or episodes, or fails under load.
    is_moody: bool,
    /// Whether load does anything to it.
    is_pressed: bool,
    /// Whether it is never paused nor slowed down, by nothing.
    is_steady: bool,
    /// When it works, if it breaks down.
    working: Option<Box<WorkingTime<'a>>>,
    /// Whether something strikes some of its clients and spares others.
    pub knows_agents: bool,
    /// How long it takes to answer with each outcome, a model's tokens not counted \[ns\].
    latencies: [&'a Distribution; Outcome::COUNT],
    /// How it answers, where nothing but luck decides that.
    pub plain: Option<Plain<'a>>,
    /// Requests that the script has answered.
    scripted: u64,
    /// Attempts admitted and not yet worked off.
    busy: u32,
    busy_peak: u32,
    /// Attempts being served, of a target with servers, and how many may be.
    serving: u32,
    places: u32,
    /// How the servers are shared, if they are.
    pub sharing: Option<Box<Sharing>>,
    /// Jobs that wait for a server.
    pub line: VecDeque<u32>,
    /// The rows that its clients write, of a target with contention.
    pub rows: Option<Rows<'a>>,
}

#[derive(Debug)]
struct Quota<'a> {
    spec: &'a LimitSpec,
    /// One, or one a fleet.
    limiters: Vec<Limiter>,
}

/// An attempt as the server sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Its place in the weather.
    pub spot: Spot,
    /// Its luck (purpose [`Purpose::Attempt`]): latency, failure, output, validation.
    pub luck: [u32; 4],
    /// Its tokens.
    pub usage: Usage,
    /// The share of answers that pass validation.
    pub passes: Share,
    /// Which attempt of its call it is, from 0.
    pub of_call: u32,
    /// Which agent of its fleet it comes from (in an open loop which task), where that matters.
    pub client: u32,
}

/// What becomes of an attempt that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is worked on for so long.
    Admitted {
        /// How it will end.
        outcome: Outcome,
        /// The `Retry-After` that will come with it.
        retry_after: Option<Span>,
        /// How long the work takes, once begun.
        work: Span,
        /// Whether it counts toward the limits.
        counted: bool,
    },
    /// It is turned away.
    Refused {
        /// `rate_limited` or `overloaded`.
        outcome: Outcome,
        /// The `Retry-After` that comes with it.
        retry_after: Option<Span>,
        /// How long the answer takes.
        after: Span,
    },
    /// It is dropped without an answer.
    Dropped,
}

impl<'a> Server<'a> {
    /// A scenario's target number `number` at the begin of a run.
    pub fn new(scenario: &'a Scenario, weather: &Weather, number: usize) -> Server<'a> {
        let (spec, fleets) = (&scenario.targets[number], scenario.fleets.len());
        let number = number as u32;
        let horizon = Time::ZERO + scenario.horizon;
        let working = |it| WorkingTime::new(it, weather.origin(), number, horizon);
        let quota = |spec: &'a LimitSpec| Quota {
            spec,
            limiters: match spec.per {
                LimitPer::Account => vec![Limiter::new(spec)],
                LimitPer::Fleet => (0..fleets).map(|_| Limiter::new(spec)).collect(),
            },
        };
        let (mut places, mut sharing) = (u32::MAX, None);
        if let Capacity::Servers { servers, order, .. } = spec.capacity {
            places = order.places(servers);
            let shared = matches!(order, Order::Shared(_));
            sharing = shared.then(|| Box::new(Sharing::of(servers)));
        }
        Server {
            spec,
            limits: spec.limits.iter().map(quota).collect(),
            moods: Moods::new(spec, weather, number),
            is_moody: !spec.outages.is_empty()
                || spec.episodes.is_some()
                || spec.under_load.failures.is_some(),
            is_pressed: spec.under_load != UnderLoad::default(),
            is_steady: spec.pauses.is_empty()
                && spec.slowdowns.is_empty()
                && spec.breakdowns.is_none()
                && spec.under_load.latency.is_none(),
            working: spec.breakdowns.as_ref().map(|it| Box::new(working(it))),
            knows_agents: knows_agents(spec),
            is_direct: spec.network.is_none()
                && spec.contention.is_none()
                && !matches!(spec.capacity, Capacity::Servers { .. }),
            latencies: Outcome::ALL.map(|outcome| latency_of(spec, outcome)),
            plain: Plain::of(spec),
            scripted: 0,
            busy: 0,
            busy_peak: 0,
            serving: 0,
            places,
            sharing,
            line: VecDeque::new(),
            rows: spec.contention.as_ref().map(Rows::new),
        }
    }

    /// Whether the end of an attempt is known when it begins: no network, no line, no rows.
    #[inline]
    pub fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Most attempts in flight at once.
    pub fn busy_peak(&self) -> u32 {
        self.busy_peak
    }

    /// The one-way delays of an attempt, there and back. Draws purpose [`Purpose::Network`].
    pub fn delays(&self, weather: &Weather, spot: Spot) -> (Span, Span) {
        let Some(network) = &self.spec.network else {
            return (Span::ZERO, Span::ZERO);
        };
        let luck = weather.draw(spot, Purpose::Network);
        let delay = |bits| Span::from_nanos_f64(network.sample(bits));
        (delay(luck[0]), delay(luck[1]))
    }

    /// An attempt arrives: decides what becomes of it, and counts it. Inlined, because most attempts
    /// come through the one place where no job is needed.
    #[inline(always)]
    pub fn arrive(&mut self, now: Time, request: &Request, weather: &Weather) -> Verdict {
        if let Some((outcome, retry_after)) = self.scripted(request) {
            if matches!(outcome, Outcome::RateLimited | Outcome::Overloaded) {
                return self.refused(outcome, retry_after, request);
            }
            let work = self.work(outcome, request, weather);
            self.let_in(now);
            return Verdict::Admitted {
                outcome,
                retry_after,
                work,
                counted: false,
            };
        }
        let (outcome, told) = self.nature(now, request, weather);
        let counted = self.spec.billing.rule(outcome).counted;
        if counted
            && !self.limits.is_empty()
            && let Some(retry_after) = self.over_quota(now, request, weather)
        {
            return self.refused(Outcome::RateLimited, retry_after, request);
        }
        if let Capacity::Servers {
            queue,
            when_full,
            retry_after,
            ..
        } = &self.spec.capacity
        {
            let full = self.serving >= self.places
                && queue.is_some_and(|room| self.line.len() as u64 >= u64::from(room));
            if full {
                // The limits stand before the servers: they have counted it.
                if counted && self.spec.billing.rule(Outcome::Overloaded).counted {
                    self.take_quota(now, request);
                    self.finish_quota(request.spot.fleet);
                }
                return match when_full {
                    WhenFull::Overloaded => {
                        let told = hint(retry_after, None, request, weather);
                        self.refused(Outcome::Overloaded, told, request)
                    }
                    WhenFull::Drop => Verdict::Dropped,
                };
            }
        }
        if counted {
            self.take_quota(now, request);
        }
        let work = self.work(outcome, request, weather);
        self.let_in(now);
        Verdict::Admitted {
            outcome,
            retry_after: told,
            work,
            counted,
        }
    }

    #[inline]
    fn let_in(&mut self, now: Time) {
        self.admit();
        if self.is_pressed {
            self.moods.note(now);
        }
    }

    /// Counts an attempt that is let in.
    #[inline]
    pub fn admit(&mut self) {
        self.busy += 1;
        self.busy_peak = self.busy_peak.max(self.busy);
    }

    /// When work of this length ends if it begins now: after a pause, and slowed down.
    #[inline(always)]
    pub fn end_of_work(
        &mut self,
        now: Time,
        work: Span,
        request: &Request,
        weather: &Weather,
    ) -> Time {
        match self.is_steady {
            true => now + work,
            false => {
                let (begin, work) = self.begin_of_work(now, work, request, weather);
                match &mut self.working {
                    Some(working) => working.end(now, begin, work),
                    None => begin + work,
                }
            }
        }
    }

    /// How long it has worked by now, breakdowns not counted.
    pub fn worked(&mut self, now: Time) -> Time {
        match &mut self.working {
            Some(working) => working.now(now),
            None => now,
        }
    }

    /// When it has worked so long.
    pub fn when(&mut self, worked: Time) -> Time {
        match &mut self.working {
            Some(working) => working.at(worked),
            None => worked,
        }
    }

    /// When work of this length begins if its turn is now, and how long it takes.
    pub fn begin_of_work(
        &self,
        now: Time,
        work: Span,
        request: &Request,
        weather: &Weather,
    ) -> (Time, Span) {
        match self.is_steady {
            true => (now, work),
            false => (self.moods).work(now, work, request, weather, self.standing()),
        }
    }

    /// Tries to put an admitted attempt on a server; if all are taken it belongs in the line.
    pub fn begin_service(&mut self) -> bool {
        let is_free = self.serving < self.places;
        self.serving += u32::from(is_free);
        is_free
    }

    /// How many are in flight, in line and being served.
    fn standing(&self) -> Standing {
        Standing {
            in_flight: u64::from(self.busy),
            waiting: self.line.len() as u64,
            serving: u64::from(self.serving),
        }
    }

    /// How many there are once one more is let in.
    fn standing_with_one_more(&self) -> Standing {
        let now = self.standing();
        Standing {
            in_flight: now.in_flight + 1,
            serving: (now.serving + 1).min(u64::from(self.places)),
            ..now
        }
    }

    /// Takes who is served next out of the line.
    pub fn next_in_line(&mut self) -> Option<u32> {
        let last_first = match self.spec.capacity {
            Capacity::Servers { order, .. } => match order {
                Order::Fifo | Order::Shared(_) => false,
                Order::Lifo => true,
                Order::LifoBeyond(most) => self.line.len() as u64 > u64::from(most),
            },
            _ => false,
        };
        match last_first {
            true => self.line.pop_back(),
            false => self.line.pop_front(),
        }
    }

    /// Whether requests may wait too long.
    pub fn knows_stale(&self) -> bool {
        matches!(self.spec.capacity, Capacity::Servers { stale: Some(_), .. })
    }

    /// What becomes of a request whose turn has come, if it has waited too long for it.
    pub fn stale(&self, waited: Span, request: &Request, weather: &Weather) -> Option<Verdict> {
        match &self.spec.capacity {
            Capacity::Servers {
                stale: Some(stale),
                retry_after,
                ..
            } if waited > stale.after => Some(match stale.then {
                WhenFull::Overloaded => {
                    let told = hint(retry_after, None, request, weather);
                    self.refused(Outcome::Overloaded, told, request)
                }
                WhenFull::Drop => Verdict::Dropped,
            }),
            _ => None,
        }
    }

    /// An attempt that was being served has left its server.
    pub fn end_service(&mut self) {
        self.serving -= 1;
    }

    /// An admitted attempt of this fleet is worked off; `counted` as it was admitted.
    #[inline]
    pub fn finish(&mut self, fleet: u8, counted: bool) {
        self.busy -= 1;
        if counted {
            self.finish_quota(fleet);
        }
    }

    fn finish_quota(&mut self, fleet: u8) {
        for quota in &mut self.limits {
            quota.of(fleet).finish();
        }
    }

    #[inline]
    fn scripted(&mut self, request: &Request) -> Option<(Outcome, Option<Span>)> {
        let script = self.spec.script.as_ref()?;
        let n = if script.per_call {
            u64::from(request.of_call)
        } else {
            self.scripted
        };
        let reply = script.reply(n)?;
        self.scripted += 1;
        Some((reply.outcome, reply.retry_after))
    }

    /// How the attempt would end if there were room for it, and the `Retry-After` with it.
    #[inline(always)]
    fn nature(
        &mut self,
        now: Time,
        request: &Request,
        weather: &Weather,
    ) -> (Outcome, Option<Span>) {
        let spec = self.spec;
        if self.is_moody {
            let standing = self.standing_with_one_more();
            let failure = self.moods.failure(now, request, weather, standing);
            if let Some(failure) = failure {
                return failure;
            }
        }
        if spec.failures.rate.hits(request.luck[1]) {
            let told = hint(&spec.failures.retry_after, None, request, weather);
            return (spec.failures.outcome, told);
        }
        if let Work::Model {
            context_window: Some(window),
            ..
        } = spec.work
            && request.usage.input > window
        {
            return (Outcome::ContextOverflow, None);
        }
        match request.passes.hits(request.luck[3]) {
            true => (Outcome::Ok, None),
            false => (Outcome::Invalid, None),
        }
    }

    /// How long an admitted attempt takes once work on it begins.
    #[inline(always)]
    fn work(&self, outcome: Outcome, request: &Request, weather: &Weather) -> Span {
        let spec = self.spec;
        let u = unit_open(request.luck[0]);
        let answered = matches!(outcome, Outcome::Ok | Outcome::Invalid);
        let mut ns = self.latencies[outcome as usize].quantile(u);
        if answered && let Work::Model { per_token, .. } = spec.work {
            ns += per_token * f64::from(request.usage.output);
        }
        if answered && let Some(hangs) = &spec.hangs {
            let luck = weather.draw(request.spot, Purpose::Network);
            if hangs.rate.hits(luck[2]) {
                ns = hangs.latency.quantile(u);
            }
        }
        if let Capacity::Load { each, share } = spec.capacity {
            let others = f64::from(self.busy);
            ns = ns * (1.0 + share * others) + each.0 as f64 * others;
        }
        Span::from_nanos_f64(ns)
    }

    fn refused(&self, outcome: Outcome, retry_after: Option<Span>, request: &Request) -> Verdict {
        let u = unit_open(request.luck[0]);
        Verdict::Refused {
            outcome,
            retry_after,
            after: Span::from_nanos_f64(self.spec.rejection_latency.quantile(u)),
        }
    }

    /// Whether some limit has no room: then the `Retry-After` of the one that takes longest, and
    /// those that count rejected requests have counted it.
    fn over_quota(
        &mut self,
        now: Time,
        request: &Request,
        weather: &Weather,
    ) -> Option<Option<Span>> {
        let fleet = request.spot.fleet;
        let mut worst: Option<(Span, &LimitSpec)> = None;
        for quota in &mut self.limits {
            let cost = quota.cost(request.usage);
            if let Err(reset) = quota.of(fleet).check(now, cost)
                && worst.is_none_or(|(longest, _)| reset > longest)
            {
                worst = Some((reset, quota.spec));
            }
        }
        let (reset, spec) = worst?;
        for quota in &mut self.limits {
            let cost = quota.cost(request.usage);
            let limiter = quota.of(fleet);
            if limiter.notes_rejected() {
                limiter.reject(now, cost);
            }
        }
        let known = reset != Span::ZERO && reset != Span::MAX;
        let reset = known.then_some(reset);
        Some(hint(&spec.retry_after, reset, request, weather))
    }

    fn take_quota(&mut self, now: Time, request: &Request) {
        for quota in &mut self.limits {
            let cost = quota.cost(request.usage);
            quota.of(request.spot.fleet).take(now, cost);
        }
    }
}

impl Quota<'_> {
    fn of(&mut self, fleet: u8) -> &mut Limiter {
        let i = match self.spec.per {
            LimitPer::Account => 0,
            LimitPer::Fleet => usize::from(fleet),
        };
        &mut self.limiters[i]
    }

    fn cost(&self, usage: Usage) -> u64 {
        match self.spec.unit {
            LimitUnit::Requests => 1,
            LimitUnit::InputTokens => u64::from(usage.input),
            LimitUnit::OutputTokens => u64::from(usage.output),
            LimitUnit::Tokens => u64::from(usage.input) + u64::from(usage.output),
        }
    }
}

/// Whether some of a target's troubles strike certain agents.
fn knows_agents(spec: &Target) -> bool {
    let of_agents = |reach: Reach| reach.by == StruckBy::Agent;
    spec.outages
        .firsts()
        .any(|(_, outage)| of_agents(outage.reach))
        || spec
            .slowdowns
            .firsts()
            .any(|(_, slowdown)| of_agents(slowdown.reach))
        || (spec.episodes.iter()).any(|episodes| of_agents(episodes.reach))
}

/// How long a target takes to answer with this outcome, a model's tokens not counted \[ns\].
#[inline]
pub(super) fn latency_of(spec: &Target, outcome: Outcome) -> &Distribution {
    let answered = matches!(outcome, Outcome::Ok | Outcome::Invalid);
    match (&spec.work, &spec.failures.latency) {
        (_, Some(latency)) if !answered => latency,
        _ if matches!(outcome, Outcome::RateLimited | Outcome::Overloaded) => {
            &spec.rejection_latency
        }
        (Work::Tool { latency }, _) => latency,
        (Work::Model { first_token, .. }, _) => first_token,
    }
}
