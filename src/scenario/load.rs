//! What load does to a target: the key `under_load`.

use super::faults::{failure, tells};
use super::fields::Fields;
use super::limits::told;
use super::reader::Reader;
use super::tree::{Key, Kind, Node, Place};
use crate::units::Span;
use crate::units::text::{parse_count, parse_factor};
use crate::wire::Outcome;
use crate::world::{Capacity, Curve, LoadBy, LoadFailures, RetryAfterHint, Shape, UnderLoad};

/// The longest time over which arrivals are counted; what is remembered grows with it.
const LONGEST_WINDOW: Span = Span::seconds(3600);
/// The most points of a table.
const MOST_POINTS: usize = 1_000;
/// The highest exponent: steeper than any step that is written with it.
const MOST_EXPONENT: f64 = 100.0;
/// Of curves without `most`.
const NO_BOUND: f64 = f64::INFINITY;

/// The shapes of a factor on the latency, and of a share of failures.
const OF_LATENCY: [&str; 6] = ["power", "knee", "exponential", "inverse", "points", "steps"];
const OF_FAILURES: [&str; 4] = ["power", "excess", "points", "steps"];

/// What a curve gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// A factor on the latency; 1 without load.
    Factor,
    /// A share of attempts; none without load.
    Share,
}

impl Gives {
    fn unloaded(self) -> f64 {
        match self {
            Gives::Factor => 1.0,
            Gives::Share => 0.0,
        }
    }

    fn value(self, node: &Node, r: &mut Reader) -> Option<f64> {
        match self {
            Gives::Factor => r.positive_factor(node),
            Gives::Share => Some(r.share(node)?.as_f64()),
        }
    }
}

/// `{latency: CURVE, failures: CURVE with an outcome}`.
pub(super) fn under_load(node: &Node, capacity: &Capacity, r: &mut Reader) -> Option<UnderLoad> {
    let mut f = Fields::of(node, "`under_load`", r)?;
    let latency = f.optional("latency", r, |n, r| {
        let mut f = Fields::of(n, "a latency under load", r)?;
        let curve = curve(&mut f, Gives::Factor, capacity, r);
        f.finish(r);
        curve
    });
    let failures = f.optional("failures", r, |n, r| failures(n, capacity, r));
    if f.get("latency").is_none() && f.get("failures").is_none() {
        f.needs("one of the keys `latency` and `failures`", r);
    }
    f.finish(r);
    Some(UnderLoad { latency, failures })
}

fn failures(node: &Node, capacity: &Capacity, r: &mut Reader) -> Option<LoadFailures> {
    let mut f = Fields::of(node, "failures under load", r)?;
    let rate = curve(&mut f, Gives::Share, capacity, r);
    let outcome = f.optional("outcome", r, failure);
    let hint = f.optional("retry_after", r, |n, r| Some((n.owner, told(n, r)?)));
    f.finish(r);
    let outcome = outcome.unwrap_or(Outcome::Overloaded);
    tells(outcome, hint.as_ref().map(|(place, _)| *place), r);
    Some(LoadFailures {
        rate: rate?,
        outcome,
        retry_after: hint.map_or(RetryAfterHint::Silent, |(_, told)| told),
    })
}

/// The keys of a curve: a shape, and what it is about.
fn curve(f: &mut Fields, gives: Gives, capacity: &Capacity, r: &mut Reader) -> Option<Curve> {
    let by = f.optional("by", r, |n, r| by(n, capacity, r));
    let full = f.optional("full", r, |n, r| r.count32(n, 1)).map(f64::from);
    let (known, all) = match gives {
        Gives::Factor => (
            &OF_LATENCY[..],
            "one of the keys `power`, `knee`, `exponential`, `inverse`, `points`, `steps`",
        ),
        Gives::Share => (
            &OF_FAILURES[..],
            "one of the keys `power`, `excess`, `points`, `steps`",
        ),
    };
    let written: Vec<(&str, &Node)> = known
        .iter()
        .filter_map(|key| Some((*key, f.get(key)?)))
        .collect();
    let beyond = f.optional("beyond", r, |n, r| {
        let text = r.text(n, "a load")?;
        Some((n.owner, load(text, n.place, full, r)?))
    });
    let times = f.optional("times", r, |n, r| Some((n.owner, r.positive_factor(n)?)));
    let most = f.optional("most", r, |n, r| Some((n.owner, gives.value(n, r)?)));
    let (word, node) = match written[..] {
        [one] => one,
        [] => {
            f.needs(all, r);
            return None;
        }
        [_, (_, second), ..] => {
            r.error(second.owner, "a curve has one shape");
            return None;
        }
    };
    let owner = |found: Option<(Place, f64)>| found.map(|(place, _)| place);
    let misplaced = [
        ("times", owner(times), &["power"][..]),
        ("beyond", owner(beyond), &["power", "exponential"]),
    ];
    for (key, place, of) in misplaced {
        if let (Some(place), false) = (place, of.contains(&word)) {
            let message = format!("`{word}` has no `{key}`");
            r.error(place, message);
        }
    }
    if let (Some((place, _)), "inverse") = (most, word) {
        r.error_help(
            place,
            "`inverse` says itself how high it goes",
            "write `inverse: 20x`",
        );
    }
    let is_table = matches!(word, "points" | "steps");
    if full.is_none() && !is_table {
        let help = "say which load is full, such as `full: 100`";
        r.error_help(node.owner, format!("`{word}` needs the key `full`"), help);
        return None;
    }
    let (full_load, beyond) = (full.unwrap_or(1.0), beyond.map_or(0.0, |(_, load)| load));
    let mut most = most.map_or(NO_BOUND, |(_, most)| most);
    let shape = match word {
        "power" => Shape::Power {
            from: gives.unloaded(),
            times: times.map_or(1.0, |(_, times)| times),
            exponent: exponent(node, r)?,
            beyond,
            full: full_load,
        },
        "knee" => Shape::Knee {
            exponent: exponent(node, r)?,
            full: full_load,
        },
        "exponential" => Shape::Exponential {
            base: at_least_one(node, r)?,
            beyond,
            full: full_load,
        },
        "inverse" => {
            most = at_least_one(node, r)?;
            Shape::Inverse { full: full_load }
        }
        "excess" => Shape::Excess {
            share: gives.value(node, r)?,
            full: full_load,
        },
        "points" => Shape::Points(table(node, full, gives, r)?),
        _ => Shape::Steps {
            from: gives.unloaded(),
            steps: table(node, full, gives, r)?,
        },
    };
    Some(Curve {
        by: by.unwrap_or(LoadBy::InFlight),
        shape,
        most,
    })
}

fn exponent(node: &Node, r: &mut Reader) -> Option<f64> {
    let exponent = r.positive_factor(node)?;
    if exponent > MOST_EXPONENT {
        r.error_help(
            node.place,
            "this is too steep: at most 100 is allowed",
            "write `steps`",
        );
        return None;
    }
    Some(exponent)
}

fn at_least_one(node: &Node, r: &mut Reader) -> Option<f64> {
    let factor = r.factor(node)?;
    if factor < 1.0 {
        r.error(node.place, "expected a factor of at least 1");
        return None;
    }
    Some(factor)
}

/// `in_flight`, `others`, `waiting`, `serving` or `{arrivals: 1s}`.
fn by(node: &Node, capacity: &Capacity, r: &mut Reader) -> Option<LoadBy> {
    if let Kind::Map(_) = node.kind {
        let (_, window) = r.variant(node, "a load", &["arrivals"])?;
        let length = r.positive_time(window)?;
        if length > LONGEST_WINDOW {
            r.error(window.place, "arrivals are counted over an hour at most");
            return None;
        }
        return Some(LoadBy::Arrivals(length));
    }
    let words = [
        ("in_flight", LoadBy::InFlight),
        ("others", LoadBy::Others),
        ("waiting", LoadBy::Waiting),
        ("serving", LoadBy::Serving),
    ];
    let by = r.choice(node, &words)?;
    let of_servers = matches!(by, LoadBy::Waiting | LoadBy::Serving);
    if of_servers && !matches!(capacity, Capacity::Servers { .. }) {
        let help = "give the target `capacity: {servers: 4}`, or write `by: in_flight`";
        r.error_help(node.place, "nobody waits where there are no servers", help);
    }
    Some(by)
}

/// A table from loads to values, in ascending order.
fn table(node: &Node, full: Option<f64>, gives: Gives, r: &mut Reader) -> Option<Vec<(f64, f64)>> {
    let entries = r.map(node, "a map from loads to values")?;
    let mut points: Vec<(f64, f64)> = vec![];
    let mut fine = true;
    for (Key { text, place, .. }, value) in entries {
        let point = (load(text, *place, full, r), gives.value(value, r));
        let (Some(load), Some(value)) = point else {
            fine = false;
            continue;
        };
        if points.last().is_some_and(|(last, _)| *last >= load) {
            r.error(*place, "the loads must ascend");
            fine = false;
        }
        points.push((load, value));
    }
    if entries.is_empty() || entries.len() > MOST_POINTS {
        r.error(node.owner, "a table has 1 to 1,000 points");
        return None;
    }
    fine.then_some(points)
}

/// A load: a number of attempts, or `80%` of what is full.
fn load(text: &str, place: Place, full: Option<f64>, r: &mut Reader) -> Option<f64> {
    let help = "write a number of attempts, such as `80`, or a part of `full`, such as `80%`";
    let load = match text.strip_suffix('%') {
        Some(part) => {
            let Some(full) = full else {
                r.error(place, "a load in percent needs the key `full`");
                return None;
            };
            parse_factor(part).map(|part| part * full / 100.0)
        }
        None => parse_count(text).map(|attempts| attempts as f64),
    };
    if load.is_err() {
        let message = format!("`{}` is no load", super::words::shortened(text));
        r.error_help(place, message, help);
    }
    load.ok()
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    const FOUR: &str = "{servers: 4}";

    fn loaded(yaml: &str, of: &str) -> Result<UnderLoad, String> {
        let of = read(of, super::super::capacity::capacity).unwrap();
        read(yaml, |n, r| under_load(n, &of, r))
    }

    fn shape(yaml: &str) -> Curve {
        let loaded = loaded(&format!("{{latency: {yaml}}}"), FOUR);
        loaded.unwrap().latency.unwrap()
    }

    #[test]
    fn latency_follows_any_shape() {
        let power = shape("{power: 2, full: 100, beyond: 80%, times: 0.5, most: 9x}");
        let expected = Shape::Power {
            from: 1.0,
            times: 0.5,
            exponent: 2.0,
            beyond: 80.0,
            full: 100.0,
        };
        assert_eq!(
            (power.shape, power.most, power.by),
            (expected, 9.0, LoadBy::InFlight)
        );
        let points = shape("{points: {0: 1x, 55%: 1.5x, 1k: 4x}, full: 100, by: waiting}");
        let expected = vec![(0.0, 1.0), (55.0, 1.5), (1000.0, 4.0)];
        assert_eq!(
            (points.shape, points.by),
            (Shape::Points(expected), LoadBy::Waiting)
        );
        let inverse = shape("{inverse: 20x, full: 4, by: serving}");
        assert_eq!(
            (inverse.shape, inverse.most),
            (Shape::Inverse { full: 4.0 }, 20.0)
        );
        let steps = shape("{steps: {80: 2x}, by: {arrivals: 1s}}");
        let expected = vec![(80.0, 2.0)];
        assert_eq!(
            steps.shape,
            Shape::Steps {
                from: 1.0,
                steps: expected
            }
        );
        assert_eq!(steps.by, LoadBy::Arrivals(Span::SECOND));
    }

    #[test]
    fn failures_have_shapes_of_their_own_and_an_outcome() {
        let failures = |yaml| {
            let loaded = loaded(&format!("{{failures: {yaml}}}"), "infinite")?;
            loaded.failures.ok_or("no failures".to_owned())
        };
        let excess = failures("{excess: 100%, full: 10, retry_after: 1s}").unwrap();
        let (share, full) = (1.0, 10.0);
        assert_eq!(excess.rate.shape, Shape::Excess { share, full });
        assert_eq!(excess.outcome, Outcome::Overloaded);
        assert_eq!(excess.retry_after, RetryAfterHint::Fixed(Span::SECOND));
        let steps = failures("{steps: {80: 50%}, outcome: permanent}").unwrap();
        assert_eq!(steps.rate.at(80), 0.5);
        let told = failures("{steps: {80: 50%}, outcome: permanent, retry_after: 1s}");
        assert_eq!(told.unwrap_err(), "`permanent` comes without a Retry-After");
        let told = failures("{knee: 2, full: 10}").unwrap_err();
        assert!(
            told.starts_with("failures under load needs one of the keys `power`"),
            "{told}"
        );
    }

    #[test]
    fn mistakes_of_curves_are_named() {
        let told = |curve: &str| loaded(&format!("{{latency: {curve}}}"), "infinite").unwrap_err();
        let cases = [
            ("{power: 2}", "`power` needs the key `full`"),
            ("{power: 2, knee: 2, full: 9}", "a curve has one shape"),
            (
                "{power: 200, full: 9}",
                "this is too steep: at most 100 is allowed",
            ),
            ("{knee: 2, full: 9, times: 2}", "`knee` has no `times`"),
            (
                "{inverse: 2x, full: 9, most: 3x}",
                "`inverse` says itself how high it goes",
            ),
            (
                "{inverse: 0.5x, full: 9}",
                "expected a factor of at least 1",
            ),
            (
                "{steps: {80%: 2x}}",
                "a load in percent needs the key `full`",
            ),
            ("{steps: {many: 2x}}", "`many` is no load"),
            ("{steps: {80: 2x, 70: 3x}}", "the loads must ascend"),
            ("{points: {}}", "a table has 1 to 1,000 points"),
            (
                "{steps: {8: 2x}, by: waiting}",
                "nobody waits where there are no servers",
            ),
            (
                "{steps: {8: 2x}, by: {arrivals: 2h}}",
                "arrivals are counted over an hour at most",
            ),
        ];
        for (curve, expected) in cases {
            assert_eq!(told(curve), expected, "{curve}");
        }
        let told = loaded("{}", "infinite").unwrap_err();
        assert_eq!(
            told,
            "`under_load` needs one of the keys `latency` and `failures`"
        );
    }
}
