//! What goes wrong with a target, and when.

use super::billing::{server_outcome, server_outcomes};
use super::calendars::{calendar, window};
use super::distributions::times;
use super::fields::Fields;
use super::limits::{retry_after, told};
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::units::{Share, Span};
use crate::wire::Outcome;
use crate::world::{
    Calendar, Episodes, Failures, Hangs, Outage, Reach, RetryAfterHint, Script, ScriptThen,
    ScriptedReply, StruckBy,
};

/// What the key `failures` says.
pub(super) enum Failing {
    /// Each attempt by itself.
    Independent(Failures),
    /// As written down.
    Scripted(Script),
}

/// A target that never fails by itself.
pub(super) fn never() -> Failures {
    Failures {
        rate: Share::NONE,
        outcome: Outcome::Transient,
        retry_after: RetryAfterHint::Silent,
        latency: None,
    }
}

/// A share, a map, or a list of scripted outcomes.
pub(super) fn failures(node: &Node, r: &mut Reader) -> Option<Failing> {
    match &node.kind {
        Kind::List(_) => Some(Failing::Scripted(Script {
            replies: replies(node, r)?,
            then: ScriptThen::Normal,
            per_call: false,
        })),
        Kind::Map(_) => {
            let mut f = Fields::of(node, "failures", r)?;
            let rate = f.required("rate", r, |n, r| r.share(n));
            let outcome = f.optional("outcome", r, failure);
            let latency = f.optional("latency", r, times);
            let hint = f.optional("retry_after", r, |n, r| Some((n.owner, told(n, r)?)));
            f.finish(r);
            let outcome = outcome.unwrap_or(Outcome::Transient);
            tells(outcome, hint.as_ref().map(|(place, _)| *place), r);
            Some(Failing::Independent(Failures {
                rate: rate?,
                outcome,
                retry_after: hint.map_or(RetryAfterHint::Silent, |(_, told)| told),
                latency,
            }))
        }
        Kind::Scalar { .. } => Some(Failing::Independent(Failures {
            rate: r.share(node)?,
            ..never()
        })),
        Kind::Null => r.expected("a share, `{rate: 10%}` or a list of outcomes", node),
    }
}

/// An outcome that a failing server may cause.
pub(super) fn failure(node: &Node, r: &mut Reader) -> Option<Outcome> {
    let name = r.text(node, "an outcome")?;
    let outcome = if name == "fail" {
        Some(Outcome::Transient)
    } else {
        server_outcome(name)
    };
    match outcome {
        Some(Outcome::Ok) => {
            r.error(node.place, "`ok` is no failure");
            None
        }
        Some(outcome) => Some(outcome),
        None => {
            r.unknown(node.place, "outcome", name, server_outcomes().skip(1));
            None
        }
    }
}

/// The outcomes that may come with a `Retry-After`.
const TELLING: [&str; 3] = ["rate_limited", "overloaded", "transient"];

/// Notes a `Retry-After`, written there, that comes with an outcome without one.
pub(super) fn tells(outcome: Outcome, told: Option<Place>, r: &mut Reader) {
    if let Some(place) = told
        && !TELLING.contains(&outcome.name())
    {
        let message = format!("`{}` comes without a Retry-After", outcome.name());
        let help = "only `rate_limited`, `overloaded` and `transient` come with one";
        r.error_help(place, message, help);
    }
}

/// `{rate: 5%, for: 10m}`.
pub(super) fn hangs(node: &Node, r: &mut Reader) -> Option<Hangs> {
    let mut f = Fields::of(node, "`hangs`", r)?;
    let rate = f.required("rate", r, |n, r| r.share(n));
    let latency = f.required("for", r, times);
    f.finish(r);
    Some(Hangs {
        rate: rate?,
        latency: latency?,
    })
}

/// `{mean_up: 2h, mean_down: 74m, rate: 100%, retry_after: reset}`, of a target that fails so.
pub(super) fn episodes(node: &Node, failures: &Failures, r: &mut Reader) -> Option<Episodes> {
    let mut f = Fields::of(node, "`episodes`", r)?;
    let mean_up = f.required("mean_up", r, |n, r| r.positive_time(n));
    let mean_down = f.required("mean_down", r, |n, r| r.positive_time(n));
    let reach = reach(&mut f, r);
    let told = f.optional("retry_after", r, |n, r| Some((n.owner, retry_after(n, r)?)));
    f.finish(r);
    tells(failures.outcome, told.as_ref().map(|(place, _)| *place), r);
    let (mean_up, mean_down) = (mean_up?, mean_down?);
    if mean_up + mean_down < Span::MILLISECOND {
        let help = "use `failures: {rate: …}` for failures that do not come in runs";
        r.error_help(node.place, "episodes of less than a millisecond", help);
    }
    Some(Episodes {
        mean_up,
        mean_down,
        reach,
        retry_after: told.map_or(failures.retry_after.clone(), |(_, told)| told),
    })
}

/// A list of outages `{at: 1m, for: 5s, outcome: overloaded, retry_after: reset}`. What one leaves
/// out is as of the target's failures.
pub(super) fn outages(
    node: &Node,
    failures: &Failures,
    r: &mut Reader,
) -> Option<Calendar<Outage>> {
    calendar(node, "a list of outages", r, |node, r| {
        let mut f = Fields::of(node, "an outage", r)?;
        let window = window(&mut f, r);
        let own = f.optional("outcome", r, failure);
        let told = f.optional("retry_after", r, |n, r| Some((n.owner, retry_after(n, r)?)));
        let reach = reach(&mut f, r);
        f.finish(r);
        let outcome = own.unwrap_or(failures.outcome);
        tells(outcome, told.as_ref().map(|(place, _)| *place), r);
        let inherited = match own {
            Some(_) => RetryAfterHint::Silent,
            None => failures.retry_after.clone(),
        };
        let outage = Outage {
            outcome,
            retry_after: told.map_or(inherited, |(_, told)| told),
            reach,
        };
        Some((window?, outage))
    })
}

/// The keys `rate` and `per`: whom something strikes while it lasts.
pub(super) fn reach(f: &mut Fields, r: &mut Reader) -> Reach {
    let rate = f.optional("rate", r, |n, r| r.share(n));
    let words = [
        ("attempt", StruckBy::Attempt),
        ("task", StruckBy::Task),
        ("agent", StruckBy::Agent),
        ("fleet", StruckBy::Fleet),
    ];
    let by = f.optional("per", r, |n, r| Some((n.owner, r.choice(n, &words)?)));
    if let (Some((place, _)), None) = (by, f.get("rate")) {
        let help = "write `rate: 30%` beside it";
        r.error_help(place, "`per` needs the key `rate`: this strikes all", help);
    }
    Reach {
        rate: rate.unwrap_or(Share::ALL),
        by: by.map_or(StruckBy::Attempt, |(_, by)| by),
    }
}

/// `{outcomes: […], then: normal, per: target}`.
pub(super) fn script(node: &Node, r: &mut Reader) -> Option<Script> {
    let mut f = Fields::of(node, "a script", r)?;
    let outcomes = f.required("outcomes", r, replies);
    let then = [
        ("repeat", ScriptThen::Repeat),
        ("last", ScriptThen::Last),
        ("normal", ScriptThen::Normal),
    ];
    let then = f.optional("then", r, |n, r| r.choice(n, &then));
    let per = [("target", false), ("call", true)];
    let per_call = f.optional("per", r, |n, r| r.choice(n, &per));
    f.finish(r);
    Some(Script {
        replies: outcomes?,
        then: then.unwrap_or(ScriptThen::Normal),
        per_call: per_call.unwrap_or(false),
    })
}

fn replies(node: &Node, r: &mut Reader) -> Option<Vec<ScriptedReply>> {
    let replies = r.each(node, "a list of outcomes", reply)?;
    if replies.is_empty() {
        r.error(node.place, "a script needs at least one outcome");
        return None;
    }
    Some(replies)
}

fn reply(node: &Node, r: &mut Reader) -> Option<ScriptedReply> {
    if let Kind::Map(_) = node.kind {
        let (name, told) = r.variant(node, "an outcome with its Retry-After", &TELLING)?;
        return Some(ScriptedReply {
            outcome: Outcome::named(name)?,
            retry_after: Some(r.time(told)?),
        });
    }
    let name = r.text(node, "an outcome")?;
    let outcome = match name {
        "fail" => Some(Outcome::Transient),
        _ => server_outcome(name),
    };
    let Some(outcome) = outcome else {
        r.unknown(node.place, "outcome", name, server_outcomes());
        return None;
    };
    Some(ScriptedReply {
        outcome,
        retry_after: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Span;

    #[test]
    fn failures_are_a_share_a_map_or_a_script() {
        let Ok(Failing::Independent(plain)) = read("10%", failures) else {
            panic!("a share is enough");
        };
        assert_eq!(
            (plain.rate, plain.outcome),
            (Share(100_000), Outcome::Transient)
        );
        let Ok(Failing::Independent(full)) =
            read("{rate: 1%, outcome: permanent, latency: 5ms}", failures)
        else {
            panic!("a map");
        };
        assert_eq!(full.outcome, Outcome::Permanent);
        let Ok(Failing::Scripted(script)) = read("[fail, {rate_limited: 7s}, ok]", failures) else {
            panic!("a script");
        };
        assert_eq!(script.replies[0].outcome, Outcome::Transient);
        assert_eq!(script.replies[1].retry_after, Some(Span::seconds(7)));
        assert_eq!(script.then, ScriptThen::Normal);
    }

    #[test]
    fn an_outage_fails_as_its_target_does_unless_it_says_otherwise() {
        let failures = Failures {
            outcome: Outcome::Overloaded,
            retry_after: RetryAfterHint::Fixed(Span::seconds(2)),
            ..never()
        };
        let yaml = "[{at: 0, for: 1s}, {at: 2s, for: 1s, outcome: transient}, \
                    {at: 4s, for: 1s, retry_after: reset}]";
        let read = read(yaml, |n, r| outages(n, &failures, r)).unwrap();
        let told: Vec<_> = read
            .once
            .iter()
            .map(|(_, o)| (o.outcome, o.retry_after.clone()))
            .collect();
        let expected = [
            (Outcome::Overloaded, RetryAfterHint::Fixed(Span::seconds(2))),
            (Outcome::Transient, RetryAfterHint::Silent),
            (Outcome::Overloaded, RetryAfterHint::ToReset),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_strikes_some_says_how_many_and_who_throws_the_coin() {
        let reach = |keys: &str| {
            let yaml = format!("[{{at: 0, for: 1s{keys}}}]");
            let read = read(&yaml, |n, r| outages(n, &never(), r))?;
            Ok::<_, String>(read.once[0].1.reach)
        };
        assert_eq!(reach(""), Ok(Reach::ALL));
        let third = Reach {
            rate: Share(300_000),
            by: StruckBy::Agent,
        };
        assert_eq!(reach(", rate: 30%, per: agent"), Ok(third));
        assert_eq!(
            reach(", per: agent"),
            Err("`per` needs the key `rate`: this strikes all".to_owned())
        );
        let told = reach(", rate: 30%, per: replica").unwrap_err();
        assert!(told.ends_with("found `replica`"), "{told}");
    }

    #[test]
    fn episodes_hangs_and_scripts_have_their_defaults() {
        let yaml = "{mean_up: 2h, mean_down: 74m}";
        let episodes = read(yaml, |n, r| episodes(n, &never(), r)).unwrap();
        assert_eq!(episodes.reach, Reach::ALL);
        assert_eq!(
            read("{rate: 5%, for: 10m}", hangs).unwrap().rate,
            Share(50_000)
        );
        let script = read("{outcomes: [ok], then: repeat, per: call}", script).unwrap();
        assert_eq!((script.then, script.per_call), (ScriptThen::Repeat, true));
    }
}
