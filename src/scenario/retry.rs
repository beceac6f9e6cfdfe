//! Retry layers.

use super::backoff::backoff;
use super::fields::Fields;
use super::headers::headers;
use super::presets::with_preset;
use super::reader::Reader;
use super::tree::{Kind, Node};
use crate::presets::LayerKind;
use crate::resilience::{
    Backoff, BackoffKind, Predicate, RetryAfterRule, RetrySpec, StatusSet, WaitLimit,
};
use crate::wire::{Outcome, OutcomeSet};

/// A retry layer: its keys, a preset's name, or both.
pub(super) fn retry(node: &Node, r: &mut Reader) -> Option<RetrySpec> {
    let node = &*with_preset(node, LayerKind::Retry, r)?;
    let mut f = Fields::of(node, "a retry", r)?;
    let attempts = f.required("attempts", r, attempts);
    let waits = delay_or_backoff(&mut f, r);
    let throttled = f.optional("throttled_backoff", r, backoff);
    let when = predicate(&mut f, r);
    let headers = headers(&mut f, r);
    let deadline = f.optional("deadline", r, |n, r| r.positive_time(n));
    let give_up_after = f.optional("give_up_after", r, |n, r| r.positive_time(n));
    let wait_limit = wait_limit(&mut f, r);
    let restarts = f.optional("restart_backoff", r, |n, r| Some((n.owner, r.boolean(n)?)));
    if let (Some((place, true)), RetryAfterRule::Ignore) = (restarts, headers.rule) {
        let help = "leave it out, or write `retry_after: honor`";
        r.error_help(place, "this never acts: `retry_after` is `ignore`", help);
    }
    let only_in_first = f.optional("only_in_first_attempt", r, |n, r| r.boolean(n));
    let last = f.optional("waits_after_last", r, |n, r| r.boolean(n));
    let grow_prompt = f.optional("grow_prompt", r, |n, r| r.count32(n, 0));
    f.finish(r);
    Some(RetrySpec {
        attempts: attempts?,
        backoff: waits,
        throttled,
        when,
        headers,
        deadline,
        give_up_after,
        wait_limit,
        restarts: restarts.is_some_and(|(_, restarts)| restarts),
        only_in_first: only_in_first.unwrap_or(false),
        waits_after_last: last.unwrap_or(false),
        grow_prompt: grow_prompt.unwrap_or(0),
    })
}

/// The keys that bound the waits together.
fn wait_limit(f: &mut Fields, r: &mut Reader) -> Option<WaitLimit> {
    let last = f.optional("last_begins_after", r, |n, r| {
        Some((n.owner, r.positive_time(n)?))
    });
    let total = f.optional("total_delay", r, |n, r| Some((n.owner, r.time(n)?)));
    match (last, total) {
        (Some(_), Some((place, _))) => {
            let message = "a retry has either `last_begins_after` or `total_delay`, not both";
            r.error(place, message);
            None
        }
        (Some((_, last)), None) => Some(WaitLimit::LastBegin(last)),
        (None, total) => total.map(|(_, total)| WaitLimit::Total(total)),
    }
}

/// The keys that say which replies are tried again.
fn predicate(f: &mut Fields, r: &mut Reader) -> Predicate {
    let on = f.optional("on", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "none" => Some((n.place, OutcomeSet::EMPTY)),
        _ => Some((n.place, outcomes(n, Some(RetrySpec::ANY), r)?)),
    });
    let set = f.optional("statuses", r, statuses);
    let if_told = f.optional("statuses_if_told", r, |n, r| {
        Some((n.owner, statuses(n, r)?))
    });
    let codes = f.optional("error_codes", r, |n, r| {
        Some((n.owner, outcomes(n, None, r)?))
    });
    let obeys = [("obey", true), ("ignore", false)];
    let obeys = f.optional("x_should_retry", r, |n, r| r.choice(n, &obeys));
    let more = [
        ("statuses_if_told", if_told.map(|(place, _)| place)),
        ("error_codes", codes.map(|(place, _)| place)),
    ];
    for (key, place) in more {
        if let (Some(place), None) = (place, f.get("statuses")) {
            r.error(place, format!("`{key}` needs the key `statuses`"));
        }
    }
    if let (Some((place, OutcomeSet::EMPTY)), None) = (on, f.get("statuses")) {
        let help = "write `statuses: [429, 500-599]` or a list of outcomes";
        r.error_help(
            place,
            "this never acts: no outcome and no status is tried again",
            help,
        );
    }
    Predicate {
        on: on.map_or(RetrySpec::DEFAULT_ON, |(_, on)| on),
        statuses: set,
        statuses_if_told: if_told.map_or(StatusSet::EMPTY, |(_, set)| set),
        by_code: codes.map_or(OutcomeSet::EMPTY, |(_, set)| set),
        obeys_advice: obeys.unwrap_or(false),
    }
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

/// A list of HTTP statuses: `408`, or `500-599` for all between.
pub(super) fn statuses(node: &Node, r: &mut Reader) -> Option<StatusSet> {
    let ranges = r.each(node, "a list of statuses", |n, r| {
        let text = r.text(n, "a status")?;
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let held = StatusSet::LEAST..=StatusSet::MOST;
        match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
            (Ok(low), Ok(high)) if low <= high && held.contains(&low) && held.contains(&high) => {
                Some((low, high))
            }
            _ => {
                let help = "write `429`, or `500-599` for all between";
                r.error_help(n.place, "expected a status from 100 to 611", help);
                None
            }
        }
    })?;
    let set = ranges
        .iter()
        .fold(StatusSet::EMPTY, |set, (low, high)| set.with(*low, *high));
    Some(set)
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

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::resilience::{HeaderRules, WhenTooLong};
    use crate::units::Span;

    #[test]
    fn a_retry_has_the_defaults_of_the_manual() {
        let spec = read("{attempts: 3}", retry).unwrap();
        let plain = RetrySpec {
            attempts: Some(3),
            ..RetrySpec::default()
        };
        assert_eq!(spec, plain);
        assert_eq!(spec.headers, HeaderRules::HONOR);
        let full = read(
            "{attempts: unlimited, delay: 1s, on: [timeout], retry_after: {honor_plus: 1s}, \
             longest_retry_after: 60s, if_longer: cap, deadline: 5m, give_up_after: 1m, \
             grow_prompt: 20, throttled_backoff: {fixed: 9s}, total_delay: 2m, \
             restart_backoff: true, only_in_first_attempt: true}",
            retry,
        )
        .unwrap();
        assert_eq!(full.attempts, None);
        assert_eq!(full.when.on, OutcomeSet::of(&[Outcome::Timeout]));
        assert_eq!(full.headers.rule, RetryAfterRule::HonorPlus(Span::SECOND));
        let longest = Some((Span::seconds(60), WhenTooLong::Cap));
        assert_eq!(full.headers.longest, longest);
        assert_eq!(full.give_up_after, Some(Span::seconds(60)));
        assert!(full.throttled.is_some() && full.restarts && full.only_in_first);
        assert_eq!(full.wait_limit, Some(WaitLimit::Total(Span::seconds(120))));
        let last = read("{attempts: 3, last_begins_after: 10s}", retry).unwrap();
        let limit = WaitLimit::LastBegin(Span::seconds(10));
        assert_eq!(last.wait_limit, Some(limit));
    }

    #[test]
    fn statuses_are_listed_singly_and_in_ranges() {
        let yaml = "{attempts: 2, statuses: [408, 500-599], statuses_if_told: [429], \
                    error_codes: [rate_limited], x_should_retry: obey}";
        let when = read(yaml, retry).unwrap().when;
        let set = StatusSet::EMPTY.with(408, 408).with(500, 599);
        assert_eq!(when.statuses, Some(set));
        assert!(when.statuses_if_told.has(429) && when.obeys_advice);
        assert!(when.by_code.has(Outcome::RateLimited));
        for wrong in ["[99]", "[599-500]", "[many]", "[612]"] {
            let yaml = format!("{{attempts: 2, statuses: {wrong}}}");
            let told = read(&yaml, retry).unwrap_err();
            assert_eq!(told, "expected a status from 100 to 611", "{wrong}");
        }
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
                "{attempts: 2, statuses_if_told: [429]}",
                "`statuses_if_told` needs the key `statuses`",
            ),
            (
                "{attempts: 2, delay: 1s, backoff: {fixed: 1s}}",
                "a retry has either `delay` or `backoff`, not both",
            ),
            (
                "{attempts: 2, last_begins_after: 1s, total_delay: 1s}",
                "a retry has either `last_begins_after` or `total_delay`, not both",
            ),
            (
                "{attempts: 2, retry_after: ignore, restart_backoff: true}",
                "this never acts: `retry_after` is `ignore`",
            ),
            ("{delay: 1s}", "a retry needs the key `attempts`"),
            (
                "{attempts: 2, on: none}",
                "this never acts: no outcome and no status is tried again",
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(read(yaml, retry).unwrap_err(), expected, "{yaml}");
        }
    }
}
