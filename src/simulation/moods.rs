//! A target's moods: what time and load do to the attempts that meet it.

use crate::random::{Purpose, Spot, Weather, unit_open};
use crate::units::{Span, Time};
use crate::wire::Outcome;
use crate::world::failure::EpisodeTimeline;
use crate::world::{Episodes, Reach, RetryAfterHint, StruckBy, Target, Window};

use super::pressure::{Pressure, Standing};
use super::server::Request;

/// What strikes the attempts at one target during one run.
#[derive(Debug)]
pub(super) struct Moods<'a> {
    spec: &'a Target,
    /// The target's number.
    number: u16,
    episodes: Option<EpisodeTimeline>,
    /// What load does to it, if it does anything.
    pressure: Option<Box<Pressure<'a>>>,
}

/// Which word of a draw (purpose [`Purpose::Trouble`]) is whose; load has the first.
#[derive(Clone, Copy, Debug)]
enum Word {
    Outage = 1,
    Slowdown = 2,
    Episode = 3,
}

impl<'a> Moods<'a> {
    /// The moods of target number `number` at the begin of a run.
    pub(super) fn new(spec: &'a Target, weather: &Weather, number: u32) -> Moods<'a> {
        let (seed, replication) = weather.origin();
        let timeline = |e: &Episodes| EpisodeTimeline::new(e, seed, replication, number);
        Moods {
            spec,
            number: number as u16,
            episodes: spec.episodes.as_ref().map(timeline),
            pressure: Pressure::of(&spec.under_load),
        }
    }

    /// An attempt is let in.
    #[inline]
    pub(super) fn note(&mut self, now: Time) {
        if let Some(pressure) = &mut self.pressure {
            pressure.note(now);
        }
    }

    /// How an outage, an episode or load ends the attempt, if one does; `standing` counts it.
    #[inline(never)]
    pub(super) fn failure(
        &mut self,
        now: Time,
        request: &Request,
        weather: &Weather,
        standing: Standing,
    ) -> Option<(Outcome, Option<Span>)> {
        let spec = self.spec;
        if let Some((window, outage)) = spec.outages.at(now)
            && self.strikes(outage.reach, window, Word::Outage, request, weather)
        {
            let left = window.until.since(now);
            let told = hint(&outage.retry_after, Some(left), request, weather);
            return Some((outage.outcome, told));
        }
        if let (Some(episodes), Some(episode)) = (&mut self.episodes, &spec.episodes)
            && let Some(window) = episodes.at(now)
        {
            let struck = match episode.reach.by {
                // The coin of the target's own failures, as ever.
                StruckBy::Attempt => episode.reach.rate.hits(request.luck[1]),
                _ => self.strikes(episode.reach, window, Word::Episode, request, weather),
            };
            if struck {
                let left = window.until.since(now);
                let told = hint(&episode.retry_after, Some(left), request, weather);
                return Some((spec.failures.outcome, told));
            }
        }
        let pressure = self.pressure.as_ref()?;
        let coin = || weather.draw(request.spot, Purpose::Trouble)[0];
        let (outcome, told) = pressure.fails(now, standing, coin)?;
        Some((outcome, hint(told, None, request, weather)))
    }

    /// When work begins that would begin now, and how long it takes: after pauses, slowed down.
    #[inline(never)]
    pub(super) fn work(
        &self,
        now: Time,
        work: Span,
        request: &Request,
        weather: &Weather,
        standing: Standing,
    ) -> (Time, Span) {
        let start = self.spec.pauses.free_from(now);
        let mut factor = 1.0;
        if let Some(pressure) = &self.pressure {
            factor = pressure.slows(now, standing);
        }
        if let Some((window, slowdown)) = self.spec.slowdowns.at(start)
            && self.strikes(slowdown.reach, window, Word::Slowdown, request, weather)
        {
            factor *= slowdown.factor;
        }
        (start, Span::from_nanos_f64(work.0 as f64 * factor))
    }

    /// Whether what holds a window strikes an attempt. Draws purpose [`Purpose::Trouble`] unless it
    /// strikes all: at the attempt's place, or once for each window and whom it belongs to.
    fn strikes(
        &self,
        reach: Reach,
        window: Window,
        word: Word,
        request: &Request,
        weather: &Weather,
    ) -> bool {
        if reach.strikes_all() {
            return true;
        }
        let spot = request.spot;
        let of = |task: u32| Spot {
            fleet: spot.fleet,
            task,
            step: self.number,
            round: window.from.0 as u32,
            attempt: (window.from.0 >> 32) as u32,
            hedge: reach.by as u8,
        };
        let spot = match reach.by {
            StruckBy::Attempt => spot,
            StruckBy::Task => of(spot.task),
            StruckBy::Agent => of(request.client),
            StruckBy::Fleet => of(0),
        };
        let purpose = match reach.by {
            StruckBy::Attempt => Purpose::Trouble,
            _ => Purpose::Struck,
        };
        reach.rate.hits(weather.draw(spot, purpose)[word as usize])
    }
}

/// What a hint tells this request. Draws purpose [`Purpose::Network`] where it is drawn or has
/// jitter.
pub(super) fn hint(
    hint: &RetryAfterHint,
    reset: Option<Span>,
    request: &Request,
    weather: &Weather,
) -> Option<Span> {
    hint.told(reset, || {
        unit_open(weather.draw(request.spot, Purpose::Network)[3])
    })
}
