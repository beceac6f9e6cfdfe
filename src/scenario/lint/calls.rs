//! Rules about what is tried again, how often in all, and how long one call may take.

use super::Rule;
use super::view::{Hit, Scope, Site, Used, View, retry_of, wants};
use crate::resilience::{RetryBudgetSpec, RetrySpec};
use crate::scenario::model::LayerKind;
use crate::units::{Span, text};
use crate::wire::Outcome;

/// The most attempts of one call before nested layers are worth a warning: two layers of three
/// pass, three layers do not. Our assumption.
const MOST_ATTEMPTS: u64 = 10;
/// The quantile of good calls that a timeout should let through at least. Our assumption: what is
/// cut off above it is a fifth more load while the target is well.
const LET_THROUGH: f64 = 0.8;

pub(super) const PERMANENT_RETRIED: Rule = Rule {
    id: "permanent-retried",
    finds: "a retry of what cannot succeed",
    why: "A request that is wrong (4xx, a prompt too long) is wrong the next time too; each attempt is lost, \
          and an agent that could mend the request learns of it late.",
    advice: "list in `on` (or `statuses`) only what can pass: transient, rate_limited, overloaded, timeout",
    check: |view| {
        view.each_retry(|_, spec| {
            let lost = [Outcome::Permanent, Outcome::ContextOverflow];
            let lost = lost.into_iter().find(|outcome| wants(spec, *outcome))?;
            Some(format!(
                "this retries `{}`, which cannot succeed",
                lost.name()
            ))
        })
    },
};

pub(super) const TURN_REPEATS_TOOLS: Rule = Rule {
    id: "turn-repeats-tools",
    finds: "a retry around whole turns or tasks, where one around the tool would do",
    why: "A tool that fails once makes the agent ask, and pay, the model again.",
    advice: "put a `retry` under `tool`, and keep this one for what only a new answer can mend",
    check: |view| {
        let bare = |used: &&Used| {
            let around = view.around_calls(used);
            !used.target.is_model() && !around.iter().any(|layer| retry_of(layer).is_some())
        };
        let asks = view.used.iter().any(|used| used.target.is_model());
        let Some(tool) = view.used.iter().find(bare).filter(|_| asks) else {
            return vec![];
        };
        view.each_retry(|site, spec| {
            (site.scope != Scope::Call && wants(spec, Outcome::Transient)).then(|| {
                format!(
                    "this repeats model calls when `{}` fails, which nothing retries by itself",
                    tool.target.name
                )
            })
        })
    },
};

pub(super) const LAYERS_MULTIPLY: Rule = Rule {
    id: "layers-multiply",
    finds: "nested retries that come to more than ten attempts of one call",
    why: "Attempts of nested layers multiply, and no layer's log shows more than its own. Source: \
          Google, \"Site Reliability Engineering\", chapter 22 (three layers of four are 64).",
    advice: "retry at one layer, or put a `retry_budget` around them",
    check: layers_multiply,
};

fn layers_multiply(view: &View) -> Vec<Hit> {
    let mut hits: Vec<Hit> = vec![];
    for used in &view.used {
        let retries = view.retries_of(used);
        let passing = PASSING.into_iter().map(|outcome| {
            let act = |site: &&Site| site.retry().is_some_and(|spec| wants(spec, outcome));
            retries.iter().filter(act).collect::<Vec<_>>()
        });
        let worst = passing
            .filter(|acting| acting.len() > 1)
            .map(|acting| (most_attempts(&acting), acting))
            .filter(|(most, _)| most.is_none_or(|n| n > MOST_ATTEMPTS))
            .max_by_key(|(most, acting)| (most.unwrap_or(u64::MAX), acting.len()));
        let Some((most, acting)) = worst else {
            continue;
        };
        let [outer, inner @ ..] = &acting[..] else {
            continue;
        };
        if hits.iter().any(|hit| hit.layer == Some(outer.number)) {
            continue;
        }
        let many = most.map_or("attempts without end".to_owned(), |n| {
            format!("up to {} attempts", text::count(n.into()))
        });
        let message = format!(
            "this and {} inside it make {many} of one call of `{}`",
            match inner.len() {
                1 => "the retry".to_owned(),
                n => format!("{n} retries"),
            },
            used.target.name
        );
        hits.push(Hit {
            layer: Some(outer.number),
            message,
            others: inner.iter().map(|site| site.number).collect(),
        });
    }
    hits
}

/// What may pass by itself.
const PASSING: [Outcome; 5] = [
    Outcome::Transient,
    Outcome::RateLimited,
    Outcome::Overloaded,
    Outcome::Timeout,
    Outcome::Invalid,
];

/// The most attempts that nested retries make of one call; `None` is without end. A budget of n
/// retries allows n more than what comes from outside it.
fn most_attempts(retries: &[&Site]) -> Option<u64> {
    let mut product = Some(1_u64);
    let mut allowed: Option<u64> = None;
    for site in retries {
        let budgets = site.around.iter().filter_map(|layer| match &layer.kind {
            LayerKind::RetryBudget(RetryBudgetSpec::Count(n)) => Some(u64::from(*n)),
            // The dollars of so many first attempts, as if each cost the same.
            LayerKind::RetryBudget(RetryBudgetSpec::Cost { factor }) => Some(*factor as u64),
            _ => None,
        });
        // Of the budgets around this layer those that the layers before it are outside of bound it
        // least; each is an upper bound by itself.
        let most = budgets.filter_map(|n| product.map(|p| p.saturating_add(n)));
        allowed = allowed.into_iter().chain(most).min();
        let attempts = site.retry().and_then(|spec| spec.attempts).map(u64::from);
        product = product.zip(attempts).map(|(p, n)| p.saturating_mul(n));
    }
    allowed.into_iter().chain(product).min()
}

pub(super) const TIMEOUT_TOO_SHORT: Rule = Rule {
    id: "timeout-too-short",
    finds: "a timeout that cuts off more than one good call in five",
    why: "Those calls are cut off while the target is well; each is paid for, thrown away and tried again, and the \
          more load there is the more of them there are.",
    advice: "set the timeout above the target's p99",
    check: |view| {
        view.each_site(|site| {
            let LayerKind::Timeout(timeout) = site.layer.kind else {
                return None;
            };
            let cut = |used: &&&Used| used.latency(LET_THROUGH) > timeout;
            let used = site.targets.iter().find(cut)?;
            let p50 = used.latency(0.5);
            let how_many = if p50 > timeout {
                "more than half of the good calls"
            } else {
                "more than one in five of the good calls"
            };
            let (name, p50) = (&used.target.name, rounded(p50));
            Some(format!(
                "this cuts off {how_many} of `{name}`, whose p50 is {p50}"
            ))
        })
    },
};

/// A time for a message.
pub(super) fn rounded(time: Span) -> String {
    text::span(time)
}

/// Whether a retry tries again what passes when the load falls.
pub(super) fn passing(spec: &RetrySpec) -> bool {
    PASSING[..4].iter().any(|outcome| wants(spec, *outcome))
}
