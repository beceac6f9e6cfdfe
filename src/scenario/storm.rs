//! What in a retry layer feeds a storm: simple rules over the checked layer.

use crate::resilience::{RetryAfterRule, RetrySpec, WhenTooLong};
use crate::wire::{Outcome, Reply};

/// A product of nested attempts above this multiplies an outage.
///
/// Our assumption: three layers of three are 27, and most stacks have two.
pub const MOST_NESTED: u64 = 10;

/// How many delays are looked at.
const DELAYS: u32 = 10;

/// What in this layer feeds a storm, in half sentences; empty if nothing does.
pub fn storm_prone(spec: &RetrySpec) -> Vec<&'static str> {
    if spec.attempts == Some(1) {
        return vec![];
    }
    let outlook = spec.outlook(DELAYS);
    let delays = || outlook.delays.iter();
    let wants = |outcome| spec.when.wants(&Reply::of(outcome), false);
    let ignores = spec.headers.rule == RetryAfterRule::Ignore;
    let impatient = |(_, then)| matches!(then, WhenTooLong::Backoff | WhenTooLong::AtOnce);
    let rules = [
        (
            spec.attempts.is_none() && spec.deadline.or(spec.give_up_after).is_none(),
            "unlimited attempts: what fails for good is retried for ever",
        ),
        (
            delays().all(|d| d.max == crate::units::Span::ZERO),
            "no backoff: it retries at once",
        ),
        (
            delays().any(|d| d.min.0 > 0) && delays().all(|d| d.min == d.max),
            "no jitter: what failed together comes back together",
        ),
        (
            wants(Outcome::RateLimited) && ignores && spec.throttled.is_none(),
            "treats a 429 like any error",
        ),
        (
            wants(Outcome::RateLimited) && ignores,
            "ignores Retry-After",
        ),
        (
            !ignores && spec.headers.longest.is_some_and(impatient),
            "told to wait longer than it accepts, it is back after its own backoff",
        ),
        (
            wants(Outcome::Permanent),
            "retries what can never succeed (400)",
        ),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| *holds);
    broken.map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{LayerKind, layer};
    use super::*;

    fn told(retry: &str) -> Vec<&'static str> {
        let layer = layer(&format!("{{retry: {retry}}}")).unwrap();
        let LayerKind::Retry(spec) = layer.kind else {
            panic!("{layer:?}")
        };
        let first = |text: &'static str| text.split(':').next().unwrap();
        storm_prone(&spec).into_iter().map(first).collect()
    }

    #[test]
    fn each_rule_has_its_layer() {
        assert!(told("{attempts: 1, on: any, retry_after: ignore}").is_empty());
        let careful = "{attempts: 3, backoff: {exponential: {base: 1s}, jitter: full}}";
        assert!(told(careful).is_empty());
        assert_eq!(told("{attempts: 3}"), ["no backoff"]);
        assert_eq!(told("{attempts: 3, delay: 1s}"), ["no jitter"]);
        let deaf = "{attempts: unlimited, backoff: {fixed: 1s, jitter: full}, retry_after: ignore}";
        assert_eq!(
            told(deaf),
            [
                "unlimited attempts",
                "treats a 429 like any error",
                "ignores Retry-After"
            ]
        );
        let impatient = "told to wait longer than it accepts, it is back after its own backoff";
        assert_eq!(told("openai-python@1"), [impatient]);
        let wide = "{attempts: 2, on: any, backoff: {fixed: 1s, jitter: full}}";
        assert_eq!(told(wide), ["retries what can never succeed (400)"]);
    }
}
