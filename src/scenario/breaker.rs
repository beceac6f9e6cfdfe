//! Circuit breakers.

use super::backoff::backoff;
use super::fields::Fields;
use super::model::{Shared, Via};
use super::presets::with_preset;
use super::reader::Reader;
use super::retry::outcomes;
use super::stores::via;
use super::tree::{Kind, Node, Place};
use crate::presets::LayerKind;
use crate::resilience::{
    Begin, BreakerSpec, Buckets, Decides, HalfOpen, Limit, OpenFor, Slow, Trip, WindowSpec,
    WindowTrip,
};
use crate::units::{Share, Span};
use crate::wire::{Outcome, OutcomeSet};

/// The most calls in a window: each takes a byte for each breaker.
const MOST_CALLS: u64 = 100_000;
/// The most buckets in a window: each takes 24 bytes for each breaker.
const MOST_BUCKETS: u64 = 10_000;
/// The fewest calls of a window of time, or of all calls, that are enough to decide by.
/// Source: Hystrix 1.5.18, `circuitBreaker.requestVolumeThreshold`.
const MINIMUM_CALLS: u32 = 20;
/// Buckets of a window of time unless the scenario says otherwise: one a second (resilience4j), but
/// so many at least (Polly, opossum), and at most a thousand.
const BUCKETS: (u64, u64) = (10, 1_000);

/// What an attempt can come back as that was sent and failed.
const ANY: OutcomeSet = OutcomeSet::of(&[
    Outcome::Transient,
    Outcome::RateLimited,
    Outcome::Overloaded,
    Outcome::Timeout,
    Outcome::Invalid,
    Outcome::Permanent,
    Outcome::ContextOverflow,
]);

/// A breaker, who shares it, and where its state is kept.
pub(super) fn breaker(
    node: &Node,
    shared: impl FnOnce(&mut Fields, Shared, &mut Reader) -> Shared,
    r: &mut Reader,
) -> Option<(BreakerSpec, Shared, Option<Via>)> {
    let node = &*with_preset(node, LayerKind::CircuitBreaker, r)?;
    let mut f = Fields::of(node, "a circuit breaker", r)?;
    let trip = trip(&mut f, r);
    let open_for = f.required("open_for", r, open_for);
    let half_open = f.optional("half_open", r, half_open);
    let on = f.optional("on", r, |n, r| outcomes(n, Some(ANY), r));
    let on = on.unwrap_or(BreakerSpec::DEFAULT_ON);
    let ignore = f.optional("ignore", r, |n, r| ignored(n, on, r));
    let via = via(&mut f, r);
    let usual = if f.get("via").is_some() {
        Shared::All
    } else {
        Shared::Fleet
    };
    let shared = shared(&mut f, usual, r);
    f.finish(r);
    let spec = BreakerSpec {
        trip: trip?,
        open_for: open_for?,
        half_open: half_open.unwrap_or(HalfOpen::ONE),
        on,
        well: ignore.map_or(OutcomeSet::of(&[Outcome::Ok]), |ignored| well(on, ignored)),
    };
    Some((spec, shared, via))
}

/// What is neither a failure nor ignored is a success, if it was sent.
fn well(on: OutcomeSet, ignored: OutcomeSet) -> OutcomeSet {
    let rest = ANY.iter().filter(|o| !on.has(*o) && !ignored.has(*o));
    rest.fold(OutcomeSet::of(&[Outcome::Ok]), OutcomeSet::with)
}

/// `none`, or a list of outcomes that say nothing.
fn ignored(node: &Node, on: OutcomeSet, r: &mut Reader) -> Option<OutcomeSet> {
    if matches!(&node.kind, Kind::Scalar { text, .. } if text == "none") {
        return Some(OutcomeSet::EMPTY);
    }
    let ignored = outcomes(node, None, r)?;
    if let Some(both) = ignored.iter().find(|o| on.has(*o)) {
        let message = format!("`{}` is a failure, see `on`", both.name());
        r.error(node.place, message);
    }
    Some(ignored)
}

/// What a breaker with a window has and one without has not.
#[derive(Default)]
struct OfWindow {
    minimum: Option<u32>,
    slow: Option<Slow>,
    decides: Option<Decides>,
    counts_refused: Option<bool>,
    counts_at_start: Option<bool>,
    kept: Option<bool>,
    /// The keys that are there.
    written: Vec<(&'static str, Place)>,
}

/// When it opens.
fn trip(f: &mut Fields, r: &mut Reader) -> Option<Trip> {
    let failures = f.optional("failures", r, |n, r| r.count32(n, 1));
    let rate = f.optional("failure_rate", r, |n, r| Some((n.owner, limit(n, r)?)));
    let window = f.optional("window", r, |n, r| Some((n.owner, window(n, r)?)));
    let (counted, rated) = (f.get("failures").is_some(), f.get("failure_rate").is_some());
    let windowed = f.get("window").is_some();
    let of = of_window(f, r);
    let slow_calls = of.written.iter().any(|(key, _)| *key == "slow_calls");
    if let (Some((place, _)), true) = (&rate, counted) {
        r.error(
            *place,
            "a circuit breaker has either `failures` or `failure_rate`, not both",
        );
        return None;
    }
    if !counted && !rated && !slow_calls {
        f.needs("the key `failures`, `failure_rate` or `slow_calls`", r);
        return None;
    }
    if !windowed {
        let rate = rate.map(|(place, _)| ("failure_rate", place));
        for (key, place) in rate.into_iter().chain(of.written.iter().copied()) {
            let help = "say which calls count: `window: {calls: 100}`, `{time: 60s}` or `all`";
            r.error_help(place, format!("`{key}` needs a `window`"), help);
        }
        return Some(Trip::Consecutive(failures?));
    }
    let (place, window) = window?;
    fits(&of, window, place, r);
    let failures = match (failures, rate) {
        (Some(failures), _) => Some(Limit::Count(failures)),
        (None, rate) => rate.map(|(_, limit)| limit),
    };
    let by_count = matches!(failures, Some(Limit::Count(_))) && of.slow.is_none();
    let minimum = of.minimum.unwrap_or(match window {
        _ if by_count => 1,
        WindowSpec::Calls(calls) => calls,
        WindowSpec::Time(_) | WindowSpec::All => MINIMUM_CALLS,
    });
    Some(Trip::Window(Box::new(WindowTrip {
        window,
        // As in resilience4j 2.4: a window that can never hold the minimum decides when it is full.
        minimum_calls: match window {
            WindowSpec::Calls(calls) => minimum.min(calls),
            WindowSpec::Time(_) | WindowSpec::All => minimum,
        },
        failures,
        slow: of.slow,
        decides: of.decides.unwrap_or(Decides::EachCall),
        counts_refused: of.counts_refused.unwrap_or(false),
        counts_at_start: of.counts_at_start.unwrap_or(false),
        kept: of.kept.unwrap_or(false),
    })))
}

fn of_window(f: &mut Fields, r: &mut Reader) -> OfWindow {
    let decides = [
        ("each_call", Decides::EachCall),
        ("each_failure", Decides::EachFailure),
        ("each_bucket", Decides::EachBucket),
    ];
    let mut of = OfWindow {
        minimum: f.optional("minimum_calls", r, |n, r| r.count32(n, 0)),
        slow: f.optional("slow_calls", r, slow_calls),
        decides: f.optional("decides", r, |n, r| r.choice(n, &decides)),
        counts_refused: f.optional("counts_refused", r, |n, r| r.boolean(n)),
        counts_at_start: f.optional("counts_at", r, |n, r| {
            r.choice(n, &[("start", true), ("end", false)])
        }),
        kept: f.optional("on_closing", r, |n, r| {
            r.choice(n, &[("keep", true), ("forget", false)])
        }),
        written: vec![],
    };
    for key in [
        "minimum_calls",
        "slow_calls",
        "decides",
        "counts_refused",
        "counts_at",
        "on_closing",
    ] {
        of.written.extend(f.get(key).map(|n| (key, n.owner)));
    }
    of
}

/// Notes what this kind of window cannot do.
fn fits(of: &OfWindow, window: WindowSpec, place: Place, r: &mut Reader) {
    let by_clock = matches!(window, WindowSpec::Time(b) if b.begin == Begin::Clock);
    if of.decides == Some(Decides::EachBucket) && (!by_clock || of.kept == Some(true)) {
        let message = "`decides: each_bucket` needs a `window` of `time` whose buckets begin with \
                       the `clock`, and that is forgotten on closing";
        r.error(place, message);
    }
    let calls = matches!(window, WindowSpec::Calls(_));
    if calls && (of.counts_refused == Some(true) || of.counts_at_start == Some(true)) {
        let message = "a `window` of `calls` holds calls that have ended";
        let help = "`counts_refused` and `counts_at: start` go with `{time: …}` and `all`";
        r.error_help(place, message, help);
    }
}

/// `50%`, which is so much or more, or `{above: 50%}`.
fn limit(node: &Node, r: &mut Reader) -> Option<Limit> {
    if let Kind::Map(_) = node.kind {
        let (_, value) = r.variant(node, "a rate", &["above"])?;
        let share = r.share(value)?;
        if share == Share::ALL {
            r.error(value.place, "this never acts: there is nothing above 100%");
        }
        return Some(Limit::Above(share));
    }
    let share = r.share(node)?;
    if share == Share::NONE {
        let help = "write `{above: 0%}` for a single one";
        r.error_help(node.place, "0% or more is always reached", help);
    }
    Some(Limit::AtLeast(share))
}

fn slow_calls(node: &Node, r: &mut Reader) -> Option<Slow> {
    let mut f = Fields::of(node, "`slow_calls`", r)?;
    let longer_than = f.required("longer_than", r, |n, r| r.positive_time(n));
    let limit = f.required("rate", r, limit);
    f.finish(r);
    Some(Slow {
        longer_than: longer_than?,
        limit: limit?,
    })
}

/// `all`, `{calls: 100}` or `{time: 60s, buckets: 10, begin: clock}`.
fn window(node: &Node, r: &mut Reader) -> Option<WindowSpec> {
    if matches!(&node.kind, Kind::Scalar { text, .. } if text == "all") {
        return Some(WindowSpec::All);
    }
    if !matches!(node.kind, Kind::Map(_)) {
        return r.expected("`all`, `{calls: 100}` or `{time: 60s}`", node);
    }
    let mut f = Fields::of(node, "a window", r)?;
    let calls = f.optional("calls", r, |n, r| r.count_in(n, 1, MOST_CALLS));
    let time = f.optional("time", r, |n, r| Some((n.place, r.positive_time(n)?)));
    let buckets = f.optional("buckets", r, |n, r| {
        Some((n.owner, r.count_in(n, 1, MOST_BUCKETS)?))
    });
    let begins = [
        ("clock", Begin::Clock),
        ("call", Begin::Call),
        ("call_in_turn", Begin::CallInTurn),
    ];
    let begin = f.optional("begin", r, |n, r| Some((n.owner, r.choice(n, &begins)?)));
    let given = (f.get("calls").is_some(), f.get("time").is_some());
    if given.0 == given.1 {
        f.needs("either `calls` or `time`", r);
        f.finish(r);
        return None;
    }
    f.finish(r);
    if given.0 {
        let unused = [buckets.map(|(p, _)| p), begin.map(|(p, _)| p)];
        for place in unused.into_iter().flatten() {
            r.error(place, "only a window of `time` has buckets");
        }
        return Some(WindowSpec::Calls(calls? as u32));
    }
    let (place, time) = time?;
    let seconds = time.0.div_ceil(Span::SECOND.0);
    let count = buckets.map_or(seconds.clamp(BUCKETS.0, BUCKETS.1), |(_, count)| count);
    if time.0 < count {
        r.error(
            place,
            "a bucket of this window is shorter than a nanosecond",
        );
        return None;
    }
    Some(WindowSpec::Time(Buckets {
        count: count as u32,
        each: Span(time.0 / count),
        begin: begin.map_or(Begin::Clock, |(_, begin)| begin),
    }))
}

/// A time, or a backoff whose k-th delay is that of the k-th opening.
fn open_for(node: &Node, r: &mut Reader) -> Option<OpenFor> {
    match node.kind {
        Kind::Map(_) => Some(OpenFor::Growing(Box::new(backoff(node, r)?))),
        _ => Some(OpenFor::Fixed(r.positive_time(node)?)),
    }
}

/// `one`, `everybody`, `{probes: 3, successes: 2}` or `{sample: 10}`.
fn half_open(node: &Node, r: &mut Reader) -> Option<HalfOpen> {
    if !matches!(node.kind, Kind::Map(_)) {
        let words = [
            ("one", HalfOpen::ONE),
            ("everybody", HalfOpen::EVERYBODY),
            ("all", HalfOpen::EVERYBODY),
        ];
        return r.choice(node, &words);
    }
    let mut f = Fields::of(node, "`half_open`", r)?;
    let sample = f.optional("sample", r, |n, r| Some((n.owner, r.count32(n, 1)?)));
    let probes = f.optional("probes", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(u32::MAX),
        _ => r.count32(n, 1),
    });
    let successes = f.optional("successes", r, |n, r| r.count32(n, 1));
    let sampled = f.get("sample").is_some();
    let probed = f.get("probes").is_some() || f.get("successes").is_some();
    if !sampled && !probed {
        f.needs("`probes`, `successes` or `sample`", r);
    }
    f.finish(r);
    if let (Some((place, sample)), true) = (sample, sampled) {
        if probed {
            let message = "a sample is judged as a whole: it has no `probes` and no `successes`";
            r.error(place, message);
        }
        return Some(HalfOpen::Sample(sample));
    }
    Some(HalfOpen::Probes {
        at_once: probes.unwrap_or(1),
        successes: successes.unwrap_or(1),
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::resilience::BackoffKind;

    fn one(yaml: &str) -> Result<BreakerSpec, String> {
        let read = read(yaml, |node, r| breaker(node, |_, usual, _| usual, r));
        read.map(|(spec, _, _)| spec)
    }

    fn windowed(yaml: &str) -> WindowTrip {
        match one(yaml).unwrap().trip {
            Trip::Window(trip) => *trip,
            trip => panic!("{trip:?}"),
        }
    }

    #[test]
    fn the_short_form_counts_failures_in_a_row() {
        let spec = one("{failures: 5, open_for: 60s}").unwrap();
        assert_eq!(spec, BreakerSpec::consecutive(5, Span::seconds(60)));
    }

    #[test]
    fn windows_have_the_defaults_of_the_manual() {
        let calls = windowed("{failure_rate: 50%, window: {calls: 100}, open_for: 1s}");
        assert_eq!(calls.minimum_calls, 100);
        assert_eq!(calls.failures, Some(Limit::AtLeast(Share(500_000))));
        assert_eq!(calls.decides, Decides::EachCall);
        let time = windowed("{failure_rate: {above: 5%}, window: {time: 90s}, open_for: 1s}");
        assert_eq!(time.minimum_calls, MINIMUM_CALLS);
        assert_eq!(time.failures, Some(Limit::Above(Share(50_000))));
        let WindowSpec::Time(buckets) = time.window else {
            panic!("{time:?}")
        };
        assert_eq!((buckets.count, buckets.each), (90, Span::SECOND));
        let few =
            windowed("{failure_rate: 1%, window: {calls: 9}, minimum_calls: 50, open_for: 1s}");
        assert_eq!(few.minimum_calls, 9);
        let count = windowed("{failures: 3, window: {calls: 5}, open_for: 1s}");
        assert_eq!(
            (count.minimum_calls, count.failures),
            (1, Some(Limit::Count(3)))
        );
    }

    #[test]
    fn open_times_grow_as_backoffs_do() {
        let yaml = "{failures: 1, open_for: {exponential: {base: 1s, max: 10s}, jitter: 10%}}";
        let OpenFor::Growing(backoff) = one(yaml).unwrap().open_for else {
            panic!("it grows")
        };
        assert!(matches!(backoff.kind, BackoffKind::Exponential { .. }));
    }

    #[test]
    fn half_open_has_its_forms() {
        let half_open = |text: &str| {
            let yaml = format!("{{failures: 1, open_for: 1s, half_open: {text}}}");
            one(&yaml).map(|spec| spec.half_open)
        };
        assert_eq!(half_open("one"), Ok(HalfOpen::ONE));
        assert_eq!(half_open("all"), half_open("everybody"));
        assert_eq!(half_open("{sample: 10}"), Ok(HalfOpen::Sample(10)));
        let probes = |at_once, successes| Ok(HalfOpen::Probes { at_once, successes });
        assert_eq!(half_open("{probes: 3, successes: 2}"), probes(3, 2));
        assert_eq!(half_open("{successes: 2}"), probes(1, 2));
        assert_eq!(half_open("{probes: unlimited}"), Ok(HalfOpen::EVERYBODY));
    }

    #[test]
    fn what_is_not_ignored_is_a_success() {
        let spec = one("{failures: 1, open_for: 1s, ignore: [invalid]}").unwrap();
        assert!(spec.well.has(Outcome::Permanent));
        assert!(!spec.well.has(Outcome::Invalid));
        assert!(!spec.well.has(Outcome::Transient));
        assert!(!spec.well.has(Outcome::Rejected));
        let spec = one("{failures: 1, open_for: 1s}").unwrap();
        assert!(!spec.well.has(Outcome::Permanent));
    }

    #[test]
    fn mistakes_are_told() {
        for (yaml, told) in [
            (
                "{open_for: 1s}",
                "a circuit breaker needs the key `failures`, `failure_rate` or `slow_calls`",
            ),
            (
                "{failures: 1, failure_rate: 5%, window: all, open_for: 1s}",
                "a circuit breaker has either `failures` or `failure_rate`, not both",
            ),
            (
                "{failure_rate: 5%, open_for: 1s}",
                "`failure_rate` needs a `window`",
            ),
            (
                "{failures: 5, minimum_calls: 5, open_for: 1s}",
                "`minimum_calls` needs a `window`",
            ),
            (
                "{failure_rate: 0%, window: all, open_for: 1s}",
                "0% or more is always reached",
            ),
            (
                "{failures: 1, open_for: 1s, on: [transient], ignore: [transient]}",
                "`transient` is a failure, see `on`",
            ),
            (
                "{failure_rate: 5%, window: {calls: 9, buckets: 3}, open_for: 1s}",
                "only a window of `time` has buckets",
            ),
            (
                "{failure_rate: 5%, window: {calls: 9, time: 3s}, open_for: 1s}",
                "a window needs either `calls` or `time`",
            ),
            (
                "{failure_rate: 5%, window: {calls: 9}, counts_refused: true, open_for: 1s}",
                "a `window` of `calls` holds calls that have ended",
            ),
            (
                "{failures: 1, open_for: 1s, half_open: {sample: 3, probes: 2}}",
                "a sample is judged as a whole: it has no `probes` and no `successes`",
            ),
        ] {
            assert_eq!(one(yaml).unwrap_err(), told, "{yaml}");
        }
    }
}
