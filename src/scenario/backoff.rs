//! Backoffs and their jitter.

use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Kind, Node};
use crate::resilience::{Backoff, BackoffKind, Bounds, Jitter, Rounding, Sorted};
use crate::units::Span;

/// `{exponential: {base: 1s, factor: 2, max: 60s}, jitter: 10%}` and its kin.
pub(super) fn backoff(node: &Node, r: &mut Reader) -> Option<Backoff> {
    let mut f = Fields::of(node, "a backoff", r)?;
    let jitter = f.optional("jitter", r, |n, r| Some((n.owner, jitter(n, r)?)));
    let bounds = [
        ("before_jitter", Bounds::Before),
        ("after_jitter", Bounds::After),
        ("both", Bounds::Both),
    ];
    let bounds = f.optional("bounds", r, |n, r| r.choice(n, &bounds));
    let rounding = [
        ("ms", Rounding::Millis),
        ("nearest_ms", Rounding::NearestMillis),
        ("each_ms", Rounding::MillisEachStep),
        ("s", Rounding::Seconds),
    ];
    let rounding = f.optional("round", r, |n, r| r.choice(n, &rounding));
    let first_at_once = f.optional("first_at_once", r, |n, r| r.boolean(n));
    let grown = growth(&mut f, r);
    if f.get("sorted").is_some() {
        for key in ["bounds", "round"] {
            if let Some(node) = f.get(key) {
                let message = format!("`sorted` has its `{key}` inside `of`");
                r.error(node.owner, message);
            }
        }
    }
    f.finish(r);
    let (key, (kind, floor, cap)) = grown?;
    let backoff = Backoff {
        kind,
        floor,
        cap,
        bounds: bounds.unwrap_or_default(),
        jitter: Jitter::None,
        rounding: rounding.unwrap_or_default(),
        first_at_once: first_at_once.unwrap_or(false),
    };
    if let Some((place, _)) = jitter
        && backoff.remembers()
    {
        r.error(place, format!("`{key}` takes no jitter of its own"));
    }
    Some(Backoff {
        jitter: jitter.map_or(Jitter::None, |(_, jitter)| jitter),
        ..backoff
    })
}

/// How a backoff grows, its shortest and its longest delay.
type Growth = (BackoffKind, Span, Span);
type ReadGrowth = fn(&Node, &mut Reader) -> Option<Growth>;

/// How backoffs may grow.
const GROWTHS: [(&str, ReadGrowth); 10] = [
    ("fixed", fixed),
    ("linear", linear),
    ("exponential", exponential),
    ("fibonacci", fibonacci),
    ("polynomial", polynomial),
    ("table", table),
    ("decorrelated", decorrelated),
    ("decorrelated_redis", decorrelated_redis),
    ("decorrelated_v2", decorrelated_v2),
    ("sorted", sorted),
];

/// The one growth that is written, and its key.
fn growth(f: &mut Fields, r: &mut Reader) -> Option<(&'static str, Growth)> {
    let mut grown = None;
    let mut seen = false;
    for (key, read) in GROWTHS {
        let Some(node) = f.get(key) else {
            continue;
        };
        if seen {
            r.error(node.owner, "a backoff grows in one way");
        }
        seen = true;
        grown = read(node, r).map(|growth| (key, growth));
    }
    if !seen {
        let keys = GROWTHS.map(|(key, _)| format!("`{key}`"));
        f.needs(&format!("one of {}", keys.join(", ")), r);
    }
    grown
}

fn fixed(node: &Node, r: &mut Reader) -> Option<Growth> {
    let delay = r.time(node)?;
    Some((BackoffKind::Fixed { delay }, Span::ZERO, Span::MAX))
}

fn table(node: &Node, r: &mut Reader) -> Option<Growth> {
    let delays = r.each(node, "a list of times", |n, r| r.time(n))?;
    if delays.is_empty() {
        r.error(node.place, "a table of delays needs at least one");
        return None;
    }
    Some((BackoffKind::Table(delays), Span::ZERO, Span::MAX))
}

fn linear(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "a linear backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let step = f.required("step", r, |n, r| r.time(n));
    let (floor, cap) = bounds(&mut f, base, r);
    f.finish(r);
    let (base, step) = (base?, step?);
    Some((BackoffKind::Linear { base, step }, floor, cap))
}

fn exponential(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "an exponential backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let factor = f.optional("factor", r, |n, r| r.positive_factor(n));
    let (floor, cap) = bounds(&mut f, base, r);
    f.finish(r);
    let (base, factor) = (base?, factor.unwrap_or(2.0));
    Some((BackoffKind::Exponential { base, factor }, floor, cap))
}

fn polynomial(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "a polynomial backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let step = f.required("step", r, |n, r| r.time(n));
    let power = f.required("power", r, |n, r| r.positive_factor(n));
    let (floor, cap) = bounds(&mut f, base, r);
    f.finish(r);
    let (base, step, power) = (base?, step?, power?);
    Some((BackoffKind::Polynomial { base, step, power }, floor, cap))
}

/// A backoff with no other parameter than its base.
fn based(
    node: &Node,
    what: &'static str,
    kind: fn(Span) -> BackoffKind,
    r: &mut Reader,
) -> Option<Growth> {
    let mut f = Fields::of(node, what, r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let (floor, cap) = bounds(&mut f, base, r);
    f.finish(r);
    Some((kind(base?), floor, cap))
}

fn fibonacci(node: &Node, r: &mut Reader) -> Option<Growth> {
    based(
        node,
        "a Fibonacci backoff",
        |base| BackoffKind::Fibonacci { base },
        r,
    )
}

fn decorrelated(node: &Node, r: &mut Reader) -> Option<Growth> {
    based(
        node,
        "a decorrelated backoff",
        |base| BackoffKind::Decorrelated { base },
        r,
    )
}

fn decorrelated_redis(node: &Node, r: &mut Reader) -> Option<Growth> {
    based(
        node,
        "a decorrelated backoff",
        |base| BackoffKind::DecorrelatedRedis { base },
        r,
    )
}

fn decorrelated_v2(node: &Node, r: &mut Reader) -> Option<Growth> {
    based(
        node,
        "a decorrelated backoff",
        |base| BackoffKind::DecorrelatedV2 { base },
        r,
    )
}

fn sorted(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "a sorted backoff", r)?;
    let most = u64::from(Sorted::MOST);
    let draws = f.required("draws", r, |n, r| r.count_in(n, 1, most));
    let of = f.required("of", r, |n, r| {
        let of = backoff(n, r)?;
        if of.remembers() {
            let message = "this depends on the delay before, and cannot be sorted";
            r.error(n.place, message);
            return None;
        }
        Some(of)
    });
    f.finish(r);
    let (draws, of) = (draws? as u32, of?);
    let kind = BackoffKind::Sorted(Box::new(Sorted { draws, of }));
    Some((kind, Span::ZERO, Span::MAX))
}

/// The keys `min`, which wins over the other, and `max`, which must not be shorter than the base.
fn bounds(f: &mut Fields, base: Option<Span>, r: &mut Reader) -> (Span, Span) {
    let floor = f.optional("min", r, |n, r| r.time(n));
    let cap = f.optional("max", r, |n, r| Some((n.place, r.time(n)?)));
    if let (Some((place, cap)), Some(base)) = (cap, base)
        && cap < base
    {
        r.error(place, "`max` is shorter than `base`");
    }
    (
        floor.unwrap_or(Span::ZERO),
        cap.map_or(Span::MAX, |(_, cap)| cap),
    )
}

/// The kinds of jitter that take one parameter, by their keys.
type Jitters<T, const N: usize> = [(&'static str, fn(T) -> Jitter); N];

fn jitter(node: &Node, r: &mut Reader) -> Option<Jitter> {
    if let Kind::Map(_) = node.kind {
        let shares: Jitters<f64, 7> = [
            ("additive", Jitter::Additive),
            ("proportional", Jitter::Proportional),
            ("shrink", Jitter::Shrink),
            ("upper", Jitter::Upper),
            ("mirrored", Jitter::Mirrored),
            ("inclusive", Jitter::Inclusive),
            ("parts", Jitter::Parts),
        ];
        let times: Jitters<Span, 4> = [
            ("plus", Jitter::Plus),
            ("plus_times", Jitter::PlusTimes),
            ("from", Jitter::From),
            ("whole", Jitter::Whole),
        ];
        let keys: Vec<&str> = (shares.iter().map(|(key, _)| *key))
            .chain(times.iter().map(|(key, _)| *key))
            .collect();
        let (key, node) = r.variant(node, "a jitter", &keys)?;
        if let Some((_, jitter)) = shares.iter().find(|(name, _)| *name == key) {
            return Some(jitter(r.share(node)?.as_f64()));
        }
        let jitter = times.iter().find(|(name, _)| *name == key)?.1;
        return Some(jitter(r.positive_time(node)?));
    }
    let text = r.text(node, "a jitter")?;
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Some(Jitter::Additive(r.share(node)?.as_f64()));
    }
    let named = [
        ("none", Jitter::None),
        ("full", Jitter::Full),
        ("equal", Jitter::Equal),
    ];
    r.choice(node, &named)
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn every_backoff_of_the_manual_is_understood() {
        let second = Span::SECOND;
        let exponential =
            read("{exponential: {base: 1s, max: 60s}, jitter: 10%}", backoff).unwrap();
        let kind = BackoffKind::Exponential {
            base: second,
            factor: 2.0,
        };
        assert_eq!(
            (exponential.kind, exponential.cap),
            (kind, Span::seconds(60))
        );
        assert_eq!(exponential.jitter, Jitter::Additive(0.1));
        let linear = read(
            "{linear: {base: 1s, step: 2s, min: 2s}, jitter: full}",
            backoff,
        );
        let linear = linear.unwrap();
        assert_eq!((linear.cap, linear.jitter), (Span::MAX, Jitter::Full));
        assert_eq!(linear.floor, Span::seconds(2));
        let of = |yaml: &str| read(yaml, backoff).unwrap();
        assert_eq!(
            of("{fixed: 1s, jitter: {proportional: 25%}}").jitter,
            Jitter::Proportional(0.25)
        );
        let base = Span::millis(100);
        let decorrelated = [
            ("decorrelated", BackoffKind::Decorrelated { base }),
            (
                "decorrelated_redis",
                BackoffKind::DecorrelatedRedis { base },
            ),
            ("decorrelated_v2", BackoffKind::DecorrelatedV2 { base }),
            ("fibonacci", BackoffKind::Fibonacci { base }),
        ];
        for (name, kind) in decorrelated {
            assert_eq!(of(&format!("{{{name}: {{base: 100ms}}}}")).kind, kind);
        }
        assert_eq!(
            of("{table: [1s, 100ms]}").kind,
            BackoffKind::Table(vec![second, base])
        );
        let kind = BackoffKind::Sorted(Box::new(Sorted {
            draws: 4,
            of: of("{fixed: 1s, jitter: 100%}"),
        }));
        let sorted = "{sorted: {draws: 4, of: {fixed: 1s, jitter: 100%}}}";
        assert_eq!(of(sorted).kind, kind);
        let grown =
            of("{polynomial: {base: 1s, step: 1s, power: 4}, round: s, first_at_once: true}");
        let kind = BackoffKind::Polynomial {
            base: second,
            step: second,
            power: 4.0,
        };
        assert_eq!((grown.kind, grown.rounding), (kind, Rounding::Seconds));
        assert!(grown.first_at_once);
    }

    #[test]
    fn every_jitter_of_the_manual_is_understood() {
        let of = |jitter: &str| {
            let yaml = format!("{{fixed: 1s, jitter: {jitter}, bounds: both, round: ms}}");
            read(&yaml, backoff).unwrap().jitter
        };
        let second = Span::SECOND;
        let all = [
            ("none", Jitter::None),
            ("full", Jitter::Full),
            ("equal", Jitter::Equal),
            ("{additive: 50%}", Jitter::Additive(0.5)),
            ("{shrink: 50%}", Jitter::Shrink(0.5)),
            ("{upper: 50%}", Jitter::Upper(0.5)),
            ("{mirrored: 50%}", Jitter::Mirrored(0.5)),
            ("{inclusive: 50%}", Jitter::Inclusive(0.5)),
            ("{parts: 50%}", Jitter::Parts(0.5)),
            ("{plus: 1s}", Jitter::Plus(second)),
            ("{plus_times: 1s}", Jitter::PlusTimes(second)),
            ("{from: 1s}", Jitter::From(second)),
            ("{whole: 1s}", Jitter::Whole(second)),
        ];
        for (text, jitter) in all {
            assert_eq!(of(text), jitter);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let cases = [
            (
                "{fixed: 1s, linear: {base: 1s, step: 1s}}",
                "a backoff grows in one way",
            ),
            (
                "{jitter: full}",
                "a backoff needs one of `fixed`, `linear`, `exponential`, `fibonacci`, `polynomial`, \
                 `table`, `decorrelated`, `decorrelated_redis`, `decorrelated_v2`, `sorted`",
            ),
            (
                "{decorrelated: {base: 1s}, jitter: full}",
                "`decorrelated` takes no jitter of its own",
            ),
            (
                "{exponential: {base: 2s, max: 1s}}",
                "`max` is shorter than `base`",
            ),
            ("{table: []}", "a table of delays needs at least one"),
            (
                "{fixed: 1s, jitter: {whole: 0s}}",
                "expected a time above zero",
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(read(yaml, backoff).unwrap_err(), expected, "{yaml}");
        }
    }
}
