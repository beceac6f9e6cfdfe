//! Server-side rate limits.

use super::distributions::{KINDS, times};
use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::units::{Rate, Span};
use crate::world::{Algorithm, LimitPer, LimitSpec, LimitUnit, RetryAfterHint};

/// The algorithms by name, before their parameters are known.
const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("fixed_window", Algorithm::FixedWindow),
    ("sliding_log", Algorithm::SlidingLog),
    ("sliding_window", Algorithm::SlidingWindow),
    ("token_bucket", Algorithm::TokenBucket { burst: 0 }),
    ("gcra", Algorithm::Gcra { burst: 0 }),
    ("incr_expire", Algorithm::IncrExpire { refresh_ttl: false }),
];

const UNITS: [(&str, LimitUnit); 4] = [
    ("requests", LimitUnit::Requests),
    ("tokens", LimitUnit::Tokens),
    ("input_tokens", LimitUnit::InputTokens),
    ("output_tokens", LimitUnit::OutputTokens),
];

/// The most that a limit may admit in a window; keeps its arithmetic far from overflow.
const MOST: u64 = 1_000_000_000_000;

/// A list of limits.
pub(super) fn limits(node: &Node, r: &mut Reader) -> Option<Vec<LimitSpec>> {
    r.each(node, "a list of limits", limit)
}

fn limit(node: &Node, r: &mut Reader) -> Option<LimitSpec> {
    let mut f = Fields::of(node, "a limit", r)?;
    let rates: Vec<(LimitUnit, &Node)> = UNITS
        .iter()
        .filter_map(|(key, unit)| Some((*unit, f.get(key)?)))
        .collect();
    let concurrent = f.optional("concurrent", r, |n, r| r.count_in(n, 1, u32::MAX.into()));
    let is_concurrent = f.get("concurrent").is_some();
    let counted = if is_concurrent {
        if let Some((_, node)) = rates.first() {
            r.error(
                node.owner,
                "a limit counts either a rate or what is in flight, not both",
            );
        }
        concurrent.map(|quota| {
            (
                LimitUnit::Requests,
                quota,
                Span::ZERO,
                Algorithm::Concurrency,
            )
        })
    } else {
        match rates[..] {
            [] => {
                f.needs("one of the keys `requests`, `tokens`, `input_tokens`, `output_tokens`, `concurrent`", r);
                None
            }
            [(unit, node)] => rate(unit, node, &mut f, r),
            [_, (_, second), ..] => {
                let help = "write two limits: both must admit an attempt";
                r.error_help(second.owner, "a limit counts one thing", help);
                None
            }
        }
    };
    let counts_rejected = f.optional("counts_rejected", r, |n, r| r.boolean(n));
    let retry_after = f.optional("retry_after", r, retry_after);
    let per = [("account", LimitPer::Account), ("fleet", LimitPer::Fleet)];
    let per = f.optional("per", r, |n, r| r.choice(n, &per));
    f.finish(r);
    let (unit, quota, window, algorithm) = counted?;
    Some(LimitSpec {
        unit,
        quota,
        window,
        algorithm,
        counts_rejected: counts_rejected.unwrap_or(false),
        retry_after: retry_after.unwrap_or(RetryAfterHint::Silent),
        per: per.unwrap_or(LimitPer::Account),
    })
}

type Counted = (LimitUnit, u64, Span, Algorithm);

/// What a limit on a rate counts, how many, in which window, and how.
fn rate(unit: LimitUnit, node: &Node, f: &mut Fields, r: &mut Reader) -> Option<Counted> {
    let rate = r.positive_rate(node);
    let window = f.optional("window", r, |n, r| Some((n.place, r.positive_time(n)?)));
    let algorithm = f.optional("algorithm", r, |n, r| r.choice(n, &ALGORITHMS));
    let algorithm = algorithm.unwrap_or(Algorithm::FixedWindow);
    let burst = f.optional("burst", r, |n, r| Some((n.owner, r.count_in(n, 1, MOST)?)));
    let refresh = f.optional("refresh_ttl", r, |n, r| Some((n.owner, r.boolean(n)?)));
    let rate = rate?;
    let (quota, window) = match window {
        Some((place, window)) => (over(rate, window, place, r)?, window),
        None => (rate.count, rate.per),
    };
    if quota > MOST {
        r.error(
            node.place,
            "this admits more than a million million in a window",
        );
        return None;
    }
    let algorithm = match algorithm {
        Algorithm::TokenBucket { .. } => Algorithm::TokenBucket {
            burst: burst.map_or(quota, |(_, n)| n),
        },
        Algorithm::Gcra { .. } => Algorithm::Gcra {
            burst: burst.map_or(1, |(_, n)| n),
        },
        other => {
            if let Some((place, _)) = burst {
                let help = "only `token_bucket` and `gcra` have a burst";
                r.error_help(place, "this algorithm has no burst", help);
            }
            other
        }
    };
    let algorithm = match (algorithm, refresh) {
        (Algorithm::IncrExpire { .. }, Some((_, refresh_ttl))) => {
            Algorithm::IncrExpire { refresh_ttl }
        }
        (other, Some((place, _))) => {
            r.error(place, "only `incr_expire` has `refresh_ttl`");
            other
        }
        (other, None) => other,
    };
    Some((unit, quota, window, algorithm))
}

/// How many a rate allows in `window`, if that is whole.
fn over(rate: Rate, window: Span, place: Place, r: &mut Reader) -> Option<u64> {
    let exact = u128::from(rate.count) * u128::from(window.0);
    let per = u128::from(rate.per.0);
    if exact.is_multiple_of(per) && exact > 0 {
        return u64::try_from(exact / per).ok().or_else(|| {
            r.error(place, "this window is too long for the rate");
            None
        });
    }
    let help = "choose a window in which the rate allows a whole number";
    let quota = exact as f64 / per as f64;
    r.error_help(
        place,
        format!("the rate allows {quota:.2} in this window"),
        help,
    );
    None
}

/// `none`, a time or a distribution of times: of what knows of no end.
pub(super) fn told(node: &Node, r: &mut Reader) -> Option<RetryAfterHint> {
    match &node.kind {
        Kind::Map(_) => drawn(node, r),
        Kind::Scalar { text, .. } if text == "none" => Some(RetryAfterHint::Silent),
        _ => Some(RetryAfterHint::Fixed(r.time(node)?)),
    }
}

/// A distribution of what is told.
fn drawn(node: &Node, r: &mut Reader) -> Option<RetryAfterHint> {
    Some(RetryAfterHint::Drawn(Box::new(times(node, r)?)))
}

/// `none`, `reset`, a time or distribution, or `{jittered: 5s}`.
pub(super) fn retry_after(node: &Node, r: &mut Reader) -> Option<RetryAfterHint> {
    if let Kind::Map(entries) = &node.kind {
        let keys = [&["jittered"], &KINDS[..]].concat();
        return match r.variant(node, "a hint", &keys)? {
            ("jittered", most) => Some(RetryAfterHint::Jittered(r.time(most)?)),
            _ if entries.len() == 1 => drawn(node, r),
            _ => None,
        };
    }
    match r.text(node, "`none`, `reset`, a time or `{jittered: 5s}`")? {
        "none" => Some(RetryAfterHint::Silent),
        "reset" => Some(RetryAfterHint::ToReset),
        text if text.starts_with(|c: char| c.is_alphabetic()) => {
            let message = format!("unknown hint `{}`", super::words::shortened(text));
            r.error_help(
                node.place,
                message,
                "write `none`, `reset`, a time or distribution, or `{jittered: 5s}`",
            );
            None
        }
        _ => Some(RetryAfterHint::Fixed(r.time(node)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    fn one(yaml: &str) -> Result<LimitSpec, String> {
        read(&format!("[{yaml}]"), limits).map(|mut limits| limits.remove(0))
    }

    #[test]
    fn a_window_measures_the_rate_over_its_length() {
        let plain = one("{requests: 500/min}").unwrap();
        assert_eq!((plain.quota, plain.window), (500, Span::seconds(60)));
        assert_eq!(plain.algorithm, Algorithm::FixedWindow);
        let wide = one("{requests: 10/s, window: 1m}").unwrap();
        assert_eq!((wide.quota, wide.window), (600, Span::seconds(60)));
        assert_eq!(one("{tokens: 5/10s}").unwrap().window, Span::seconds(10));
    }

    #[test]
    fn algorithms_have_their_own_keys() {
        let bucket = one("{tokens: 300k/min, algorithm: token_bucket}").unwrap();
        assert_eq!(bucket.algorithm, Algorithm::TokenBucket { burst: 300_000 });
        let gcra = one("{requests: 5/s, algorithm: gcra, burst: 3}").unwrap();
        assert_eq!(gcra.algorithm, Algorithm::Gcra { burst: 3 });
        let bug = one("{requests: 5/s, algorithm: incr_expire, refresh_ttl: true}").unwrap();
        assert_eq!(bug.algorithm, Algorithm::IncrExpire { refresh_ttl: true });
        let told = one("{requests: 5/s, refresh_ttl: true}").unwrap_err();
        assert_eq!(told, "only `incr_expire` has `refresh_ttl`");
    }

    #[test]
    fn what_is_in_flight_has_no_window() {
        let limit = one("{concurrent: 5, retry_after: {jittered: 5s}, per: fleet}").unwrap();
        assert_eq!((limit.quota, limit.algorithm), (5, Algorithm::Concurrency));
        assert_eq!(
            limit.retry_after,
            RetryAfterHint::Jittered(Span::seconds(5))
        );
        assert_eq!(limit.per, LimitPer::Fleet);
        assert_eq!(
            one("{concurrent: 5, window: 1s}").unwrap_err(),
            "unknown key `window`"
        );
        assert!(
            one("{per: fleet}")
                .unwrap_err()
                .starts_with("a limit needs one of the keys")
        );
    }
}
