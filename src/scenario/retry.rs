//! Retry layers and their backoff.

use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Kind, Node};
use crate::resilience::{Backoff, BackoffKind, Jitter, RetryAfterRule, RetrySpec, WhenTooLong};
use crate::units::Span;
use crate::wire::{Outcome, OutcomeSet};

/// The keys of a retry layer.
pub(super) fn retry(node: &Node, r: &mut Reader) -> Option<RetrySpec> {
    let mut f = Fields::of(node, "a retry", r)?;
    let attempts = f.required("attempts", r, attempts);
    let backoff = delay_or_backoff(&mut f, r);
    let on = f.optional("on", r, |n, r| outcomes(n, Some(RetrySpec::ANY), r));
    let retry_after = f.optional("retry_after", r, retry_after);
    let longest = f.optional("longest_retry_after", r, |n, r| Some((n.owner, r.time(n)?)));
    let too_long = [
        ("give_up", WhenTooLong::GiveUp),
        ("backoff", WhenTooLong::Backoff),
        ("cap", WhenTooLong::Cap),
    ];
    let if_longer = f.optional("if_longer", r, |n, r| {
        Some((n.owner, r.choice(n, &too_long)?))
    });
    let deadline = f.optional("deadline", r, |n, r| r.positive_time(n));
    let grow_prompt = f.optional("grow_prompt", r, |n, r| r.count32(n, 0));
    if let (Some((place, _)), None) = (if_longer, f.get("longest_retry_after")) {
        r.error(place, "`if_longer` needs the key `longest_retry_after`");
    }
    if let (Some((place, _)), Some(RetryAfterRule::Ignore)) = (longest, retry_after) {
        let help = "leave it out, or write `retry_after: honor`";
        r.error_help(place, "this never acts: `retry_after` is `ignore`", help);
    }
    f.finish(r);
    let rule = if_longer.map_or(WhenTooLong::GiveUp, |(_, rule)| rule);
    Some(RetrySpec {
        attempts: attempts?,
        backoff,
        on: on.unwrap_or(RetrySpec::DEFAULT_ON),
        retry_after: retry_after.unwrap_or(RetryAfterRule::Honor),
        longest_retry_after: longest.map(|(_, longest)| (longest, rule)),
        deadline,
        grow_prompt: grow_prompt.unwrap_or(0),
    })
}

fn delay_or_backoff(f: &mut Fields, r: &mut Reader) -> Backoff {
    let delay = f.optional("delay", r, |n, r| Some((n.owner, r.time(n)?)));
    let backoff = f.optional("backoff", r, backoff);
    match (delay, backoff) {
        (Some((place, _)), Some(_)) => {
            r.error(place, "a retry has either `delay` or `backoff`, not both");
            Backoff::NONE
        }
        (Some((_, delay)), None) => Backoff {
            kind: BackoffKind::Fixed { delay },
            ..Backoff::NONE
        },
        (None, Some(backoff)) => backoff,
        (None, None) => Backoff::NONE,
    }
}

/// A number of attempts, or `unlimited`.
fn attempts(node: &Node, r: &mut Reader) -> Option<Option<u32>> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(None),
        _ => Some(Some(r.count32(node, 1)?)),
    }
}

/// A list of outcomes other than `ok`, or `any` where that has a meaning.
pub(super) fn outcomes(node: &Node, any: Option<OutcomeSet>, r: &mut Reader) -> Option<OutcomeSet> {
    if let (Kind::Scalar { text, .. }, Some(any)) = (&node.kind, any) {
        if text == "any" {
            return Some(any);
        }
        if Outcome::named(text).is_some() {
            let help = format!("write `[{text}]`");
            r.error_help(node.place, "expected `any` or a list of outcomes", help);
            return None;
        }
    }
    let what = match any {
        Some(_) => "`any` or a list of outcomes",
        None => "a list of outcomes",
    };
    let outcomes = r.each(node, what, |node, r| {
        let name = r.text(node, "an outcome")?;
        match Outcome::named(name) {
            Some(Outcome::Ok) => {
                r.error(node.place, "`ok` is no failure");
                None
            }
            Some(outcome) => Some(outcome),
            None => {
                let known = Outcome::ALL.into_iter().skip(1).map(Outcome::name);
                r.unknown(node.place, "outcome", name, known);
                None
            }
        }
    })?;
    if outcomes.is_empty() {
        r.error(node.place, "this never acts: the list of outcomes is empty");
        return None;
    }
    Some(OutcomeSet::of(&outcomes))
}

fn retry_after(node: &Node, r: &mut Reader) -> Option<RetryAfterRule> {
    if let Kind::Map(_) = node.kind {
        let (_, node) = r.variant(node, "a rule", &["honor_plus"])?;
        return Some(RetryAfterRule::HonorPlus(r.time(node)?));
    }
    let rules = [
        ("honor", RetryAfterRule::Honor),
        ("ignore", RetryAfterRule::Ignore),
    ];
    r.choice(node, &rules)
}

/// `{exponential: {base: 1s, factor: 2, max: 60s}, jitter: 10%}` and its kin.
fn backoff(node: &Node, r: &mut Reader) -> Option<Backoff> {
    let mut f = Fields::of(node, "a backoff", r)?;
    let jitter = f.optional("jitter", r, |n, r| Some((n.owner, jitter(n, r)?)));
    let kinds: [(&'static str, ReadGrowth); 4] = [
        ("fixed", |n, r| {
            Some((BackoffKind::Fixed { delay: r.time(n)? }, Span::MAX))
        }),
        ("linear", linear),
        ("exponential", exponential),
        ("decorrelated", decorrelated),
    ];
    let mut grown = None;
    let mut kind_seen = false;
    for (key, read) in kinds {
        let Some(node) = f.get(key) else {
            continue;
        };
        if kind_seen {
            r.error(node.owner, "a backoff grows in one way");
        }
        kind_seen = true;
        grown = read(node, r);
    }
    if !kind_seen {
        f.needs("one of `fixed`, `linear`, `exponential`, `decorrelated`", r);
    }
    f.finish(r);
    let (kind, cap) = grown?;
    if let (BackoffKind::Decorrelated { .. }, Some((place, _))) = (&kind, jitter) {
        r.error(place, "`decorrelated` takes no jitter of its own");
    }
    Some(Backoff {
        kind,
        cap,
        jitter: jitter.map_or(Jitter::None, |(_, jitter)| jitter),
    })
}

/// How a backoff grows, and its cap.
type Growth = (BackoffKind, Span);
type ReadGrowth = fn(&Node, &mut Reader) -> Option<Growth>;

fn linear(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "a linear backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let step = f.required("step", r, |n, r| r.time(n));
    let cap = cap(&mut f, base, r);
    f.finish(r);
    Some((
        BackoffKind::Linear {
            base: base?,
            step: step?,
        },
        cap,
    ))
}

fn exponential(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "an exponential backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let factor = f.optional("factor", r, |n, r| r.positive_factor(n));
    let cap = cap(&mut f, base, r);
    f.finish(r);
    Some((
        BackoffKind::Exponential {
            base: base?,
            factor: factor.unwrap_or(2.0),
        },
        cap,
    ))
}

fn decorrelated(node: &Node, r: &mut Reader) -> Option<Growth> {
    let mut f = Fields::of(node, "a decorrelated backoff", r)?;
    let base = f.required("base", r, |n, r| r.time(n));
    let cap = cap(&mut f, base, r);
    f.finish(r);
    Some((BackoffKind::Decorrelated { base: base? }, cap))
}

/// The key `max`, which must not be shorter than the base.
fn cap(f: &mut Fields, base: Option<Span>, r: &mut Reader) -> Span {
    let cap = f.optional("max", r, |n, r| Some((n.place, r.time(n)?)));
    if let (Some((place, cap)), Some(base)) = (cap, base)
        && cap < base
    {
        r.error(place, "`max` is shorter than `base`");
    }
    cap.map_or(Span::MAX, |(_, cap)| cap)
}

fn jitter(node: &Node, r: &mut Reader) -> Option<Jitter> {
    if let Kind::Map(_) = node.kind {
        let (key, node) = r.variant(node, "a jitter", &["additive", "proportional"])?;
        let share = r.share(node)?.as_f64();
        return Some(match key {
            "additive" => Jitter::Additive(share),
            _ => Jitter::Proportional(share),
        });
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
    fn a_retry_has_the_defaults_of_the_manual() {
        let spec = read("{attempts: 3}", retry).unwrap();
        assert_eq!(spec.attempts, Some(3));
        assert_eq!(spec.backoff, Backoff::NONE);
        assert_eq!(spec.on, RetrySpec::DEFAULT_ON);
        assert_eq!(spec.retry_after, RetryAfterRule::Honor);
        let full = read(
            "{attempts: unlimited, delay: 1s, on: [timeout], retry_after: {honor_plus: 1s}, \
             longest_retry_after: 60s, if_longer: cap, deadline: 5m, grow_prompt: 20}",
            retry,
        )
        .unwrap();
        assert_eq!(full.attempts, None);
        assert_eq!(full.on, OutcomeSet::of(&[Outcome::Timeout]));
        assert_eq!(full.retry_after, RetryAfterRule::HonorPlus(Span::SECOND));
        assert_eq!(
            full.longest_retry_after,
            Some((Span::seconds(60), WhenTooLong::Cap))
        );
    }

    #[test]
    fn every_backoff_of_the_manual_is_understood() {
        let exponential =
            read("{exponential: {base: 1s, max: 60s}, jitter: 10%}", backoff).unwrap();
        let kind = BackoffKind::Exponential {
            base: Span::SECOND,
            factor: 2.0,
        };
        assert_eq!(
            (exponential.kind, exponential.cap),
            (kind, Span::seconds(60))
        );
        assert_eq!(exponential.jitter, Jitter::Additive(0.1));
        let linear = read("{linear: {base: 1s, step: 2s}, jitter: full}", backoff).unwrap();
        assert_eq!((linear.cap, linear.jitter), (Span::MAX, Jitter::Full));
        let fixed = read("{fixed: 1s, jitter: {proportional: 25%}}", backoff).unwrap();
        assert_eq!(fixed.jitter, Jitter::Proportional(0.25));
        let kind = BackoffKind::Decorrelated {
            base: Span::millis(100),
        };
        assert_eq!(
            read("{decorrelated: {base: 100ms}}", backoff).unwrap().kind,
            kind
        );
    }

    #[test]
    fn contradictions_are_refused() {
        let cases = [
            (
                "{attempts: 2, if_longer: cap}",
                "`if_longer` needs the key `longest_retry_after`",
            ),
            (
                "{attempts: 2, retry_after: ignore, longest_retry_after: 1s}",
                "this never acts: `retry_after` is `ignore`",
            ),
            (
                "{attempts: 2, backoff: {fixed: 1s, linear: {base: 1s, step: 1s}}}",
                "a backoff grows in one way",
            ),
            (
                "{attempts: 2, backoff: {jitter: full}}",
                "a backoff needs one of `fixed`, `linear`, `exponential`, `decorrelated`",
            ),
            ("{delay: 1s}", "a retry needs the key `attempts`"),
        ];
        for (yaml, expected) in cases {
            assert_eq!(read(yaml, retry).unwrap_err(), expected, "{yaml}");
        }
    }
}
