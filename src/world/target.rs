//! Targets: what can be called.

use super::{
    Billing, Breakdowns, CachePolicy, Calendar, Contention, Episodes, LimitSpec, Outage, PriceList,
    RetryAfterHint, Script, Slowdown, UnderLoad,
};
use crate::random::Distribution;
use crate::units::{Share, Span};
use crate::wire::Outcome;

/// A model or a tool, as the scenario describes it.
///
/// An attempt meets a target in this order: network delay there, rate limits, capacity, failure
/// (script, outages, episodes, load, rate), pause, work, network delay back.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name in the scenario.
    pub name: String,
    /// What it does when it works.
    pub work: Work,
    /// Failures that strike each attempt by itself.
    pub failures: Failures,
    /// Attempts that answer correctly, but far too late.
    pub hangs: Option<Hangs>,
    /// Failures at fixed times: an attempt that arrives in one fails.
    pub outages: Calendar<Outage>,
    /// Random on/off failure.
    pub episodes: Option<Episodes>,
    /// Scripted outcomes; where a script speaks, nothing else decides.
    pub script: Option<Script>,
    /// Pauses at fixed times: work that would start in one starts at its end.
    pub pauses: Calendar<()>,
    /// Times at which work takes longer if it starts then.
    pub slowdowns: Calendar<Slowdown>,
    /// Random times in which all work stands still.
    pub breakdowns: Option<Breakdowns>,
    /// Network delay each way \[ns\].
    pub network: Option<Distribution>,
    /// How long it takes to answer 429 or 529 \[ns\].
    pub rejection_latency: Distribution,
    /// How many it can work on at once.
    pub capacity: Capacity,
    /// What load does to it.
    pub under_load: UnderLoad,
    /// Whether its clients write over each other.
    pub contention: Option<Contention>,
    /// Whether it stops working when its client has gone.
    pub cancels: bool,
    /// Rate limits, all of which must admit an attempt.
    pub limits: Vec<LimitSpec>,
    /// What it costs.
    pub price: PriceList,
    /// How prompt caching works, for models that have it.
    pub cache: Option<CachePolicy>,
    /// Which share of the price each outcome is charged, and whether it counts toward limits.
    pub billing: Billing,
}

/// What a target does with an attempt.
#[derive(Clone, Debug)]
pub enum Work {
    /// A tool: it takes some time.
    Tool {
        /// Time to do the work \[ns\].
        latency: Distribution,
    },
    /// A language model: it reads a prompt and writes tokens.
    Model {
        /// Time until the first token \[ns\].
        first_token: Distribution,
        /// Time for each output token \[ns\].
        per_token: f64,
        /// Longest prompt \[tokens\]; beyond it the answer is `context_overflow`.
        context_window: Option<u32>,
    },
}

/// Independent failures.
#[derive(Clone, Debug)]
pub struct Failures {
    /// The probability that an attempt fails.
    pub rate: Share,
    /// What a failure looks like; also in episodes, and in outages that do not say.
    pub outcome: Outcome,
    /// When a failure says to come back; it knows of no end.
    pub retry_after: RetryAfterHint,
    /// How long a failure takes \[ns\]; by default as long as success (of a model: the first token).
    pub latency: Option<Distribution>,
}

/// Attempts that hang.
#[derive(Clone, Debug)]
pub struct Hangs {
    /// The probability that an attempt hangs.
    pub rate: Share,
    /// How long such an attempt takes \[ns\], in place of its usual latency.
    pub latency: Distribution,
}

/// How many attempts a target can work on at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Capacity {
    /// Any number, without getting slower.
    Infinite,
    /// Any number, but each other attempt in flight makes a new one slower.
    Load {
        /// Added to the latency for each other attempt in flight.
        each: Span,
        /// Added to the latency for each other attempt in flight, as a share of it.
        share: f64,
    },
    /// So many servers and one queue.
    Servers {
        /// How many attempts are worked on at once, at full speed; at least 1.
        servers: u32,
        /// How many may wait; `None` is any number.
        queue: Option<u32>,
        /// What happens to one attempt more.
        when_full: WhenFull,
        /// When it is told to come back.
        retry_after: RetryAfterHint,
        /// Who is served first.
        order: Order,
        /// What becomes of those who have waited for long.
        stale: Option<Stale>,
    },
}

/// Which of those who wait is served first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Who came first.
    #[default]
    Fifo,
    /// Who came last: under overload the fresh are served, and the stale wait.
    Lifo,
    /// Who came last while more than so many wait, else who came first ("adaptive LIFO").
    ///
    /// Source: B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015.
    LifoBeyond(u32),
    /// Nobody: all who are let in share the servers evenly, but each gets one at the most; who share are
    /// at most so many, and others wait, who came first first.
    ///
    /// Source: L. Kleinrock, "Time-shared Systems: A Theoretical Treatment", Journal of the ACM 14(2), 1967.
    Shared(Option<u32>),
}

impl Order {
    /// How many are worked on at once.
    pub fn places(self, servers: u32) -> u32 {
        match self {
            Order::Shared(most) => most.unwrap_or(u32::MAX),
            Order::Fifo | Order::Lifo | Order::LifoBeyond(_) => servers,
        }
    }
}

/// What becomes of an attempt whose turn comes late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Who has waited longer than this when the turn comes is not worked on.
    pub after: Span,
    /// What happens in place of work.
    pub then: WhenFull,
}

/// What a target does with an attempt that it has no room or no time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It answers `overloaded`.
    Overloaded,
    /// It drops the request; the client hears nothing.
    Drop,
}

impl Target {
    /// Whether it is a language model.
    pub fn is_model(&self) -> bool {
        matches!(self.work, Work::Model { .. })
    }

    /// The longest prompt that it takes, if there is one \[tokens\].
    pub fn context_window(&self) -> Option<u32> {
        match self.work {
            Work::Model { context_window, .. } => context_window,
            Work::Tool { .. } => None,
        }
    }

    /// Whether its failures look as if it had no room: as 429 or 529.
    pub fn refuses_when_down(&self) -> bool {
        let outages = self.outages.firsts().map(|(_, outage)| outage.outcome);
        let mut failures = outages.chain([self.failures.outcome]);
        failures.any(|outcome| matches!(outcome, Outcome::RateLimited | Outcome::Overloaded))
    }

    /// What it may send as `Retry-After` other than by its script: with which outcome, and how long
    /// it may be (in a random episode, on average).
    pub fn hints(&self) -> impl Iterator<Item = (Outcome, Span)> {
        let limits = self.limits.iter().map(|limit| {
            let longest = limit.retry_after.longest(limit.window);
            (Outcome::RateLimited, longest)
        });
        let outages = self.outages.firsts().map(|(window, outage)| {
            let longest = outage.retry_after.longest(window.length());
            (outage.outcome, longest)
        });
        let episodes = self.episodes.iter().map(|episodes| {
            let longest = episodes.retry_after.longest(episodes.mean_down);
            (self.failures.outcome, longest)
        });
        let failures = (self.failures.rate != Share::NONE).then(|| {
            (
                self.failures.outcome,
                self.failures.retry_after.longest(Span::ZERO),
            )
        });
        let loaded = self.under_load.failures.as_ref();
        let loaded =
            loaded.map(|failures| (failures.outcome, failures.retry_after.longest(Span::ZERO)));
        let full = match &self.capacity {
            Capacity::Servers { retry_after, .. } => {
                Some((Outcome::Overloaded, retry_after.longest(Span::ZERO)))
            }
            Capacity::Infinite | Capacity::Load { .. } => None,
        };
        limits
            .chain(outages)
            .chain(episodes)
            .chain(failures)
            .chain(loaded)
            .chain(full)
            .filter_map(|(outcome, told)| Some((outcome, told?)))
    }
}
