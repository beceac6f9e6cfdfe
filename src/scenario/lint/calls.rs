//! Rules about what is tried again, how often in all, and how long one call may take.

use super::Rule;
use super::view::{Hit, Scope, Used, View, retry_of, wants};
use crate::resilience::{RetryBudgetSpec, RetrySpec};
use crate::scenario::model::{Layer, LayerKind};
use crate::scenario::nesting::{Bound, Nested, nested};
use crate::units::{Span, text};
use crate::wire::Outcome;

/// A product of nested attempts above this multiplies an outage.
///
/// Our assumption: three layers of three are 27, and most stacks have two.
pub const MOST_NESTED: u64 = 10;
/// The quantile of good calls that a timeout should let through at least. Our assumption: what is
/// cut off above it is a fifth more load while the target is well.
const LET_THROUGH: f64 = 0.8;

pub(super) const PERMANENT_RETRIED: Rule = Rule {
    id: "permanent-retried",
    finds: "a retry of what cannot succeed",
    why: "A request that is wrong (4xx, a prompt too long) is wrong the next time too; each attempt is lost, \
          and an agent that could mend the request learns of it late.",
    advice: "list in `on` (or `statuses`) only what can pass: transient, rate_limited, overloaded, timeout",
    alone: Some(|spec| lost(spec).is_some()),
    check: |view| {
        view.each_retry(|_, spec| {
            let name = lost(spec)?.name();
            Some(format!("this retries `{name}`, which cannot succeed"))
        })
    },
};

/// What a retry tries again in vain.
fn lost(spec: &RetrySpec) -> Option<Outcome> {
    let lost = [Outcome::Permanent, Outcome::ContextOverflow];
    lost.into_iter().find(|outcome| wants(spec, *outcome))
}

pub(super) const TURN_REPEATS_TOOLS: Rule = Rule {
    id: "turn-repeats-tools",
    finds: "a retry around whole turns or tasks, where one around the tool would do",
    why: "A tool that fails once makes the agent ask, and pay, the model again.",
    advice: "put a `retry` under `tool`, and keep this one for what only a new answer can mend",
    alone: None,
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
    alone: None,
    check: layers_multiply,
};

fn layers_multiply(view: &View) -> Vec<Hit> {
    let steps = nested(&view.scenario.fleets, view.policy);
    let mut worst: Vec<(Option<u64>, &Nested, Vec<usize>)> = vec![];
    for step in &steps {
        for outcome in PASSING {
            let acting = acting(step, outcome);
            let most = step.attempts_on(outcome);
            if acting.len() < 2
                || most.is_some_and(|n| n <= MOST_NESTED)
                || damped(view, step, &acting)
            {
                continue;
            }
            let rank =
                |most: Option<u64>, acting: &[usize]| (most.unwrap_or(u64::MAX), acting.len());
            match worst.iter_mut().find(|(.., known)| known[0] == acting[0]) {
                None => worst.push((most, step, acting)),
                Some(known) if rank(known.0, &known.2) < rank(most, &acting) => {
                    *known = (most, step, acting);
                }
                Some(_) => {}
            }
        }
    }
    let hits = worst.into_iter().map(|(most, step, acting)| {
        let many = most.map_or("any number of attempts".to_owned(), |n| {
            format!("up to {} attempts", text::count(n.into()))
        });
        let retries = match acting.len() - 1 {
            1 => "the retry".to_owned(),
            n => format!("the {n} retries"),
        };
        let name = &view.scenario.targets[usize::from(step.target.0)].name;
        Hit {
            layer: Some(acting[0]),
            message: format!("this and {retries} inside it make {many} of one call of `{name}`"),
            others: acting[1..].to_vec(),
        }
    });
    hits.collect()
}

/// Whether a retry budget of any kind stands around or between these layers, so that not all of their
/// attempts can be made for long.
fn damped(view: &View, step: &Nested, acting: &[usize]) -> bool {
    let written: Vec<&Layer> = view.policy.written_layers().collect();
    let innermost = step
        .layers
        .iter()
        .position(|l| acting.last() == Some(&l.id));
    let around = &step.layers[..innermost.unwrap_or(0)];
    let kinds = around.iter().filter_map(|l| Some(&written.get(l.id)?.kind));
    // One of a fixed number is counted in; one for its next layer alone damps nothing else.
    let mut budgets = kinds.filter(|kind| match kind {
        LayerKind::RetryBudget(RetryBudgetSpec::Count(_) | RetryBudgetSpec::NextCount(_)) => false,
        LayerKind::RetryBudget(_) => true,
        _ => false,
    });
    budgets.next().is_some()
}

/// The numbers of the layers that try again on an outcome, outermost first.
fn acting(step: &Nested, outcome: Outcome) -> Vec<usize> {
    let mut acting: Vec<usize> = vec![];
    for around in &step.layers {
        if let Bound::Retry(spec) = around.bound
            && spec.attempts != Some(1)
            && wants(spec, outcome)
            && !acting.contains(&around.id)
        {
            acting.push(around.id);
        }
    }
    acting
}

/// What may pass by itself.
const PASSING: [Outcome; 5] = [
    Outcome::Transient,
    Outcome::RateLimited,
    Outcome::Overloaded,
    Outcome::Timeout,
    Outcome::Invalid,
];

pub(super) const TIMEOUT_TOO_SHORT: Rule = Rule {
    id: "timeout-too-short",
    finds: "a timeout that cuts off more than one good call in five",
    why: "Those calls are cut off while the target is well; each is paid for, thrown away and tried again, and the \
          more load there is the more of them there are.",
    advice: "set the timeout above the target's p99",
    alone: None,
    check: |view| {
        view.each_site(|site| {
            let mut cuts =
                (site.targets.iter()).map(|used| (used, cuts_off(&site.layer.kind, used)));
            let (used, much) = cuts.find(|(_, much)| *much != Cut::Little)?;
            let how_many = match much {
                Cut::Most => "more than half of the good calls",
                _ => "more than one in five of the good calls",
            };
            let (name, p50) = (&used.target.name, text::span(used.latency(0.5)));
            Some(format!(
                "this cuts off {how_many} of `{name}`, whose p50 is {p50}"
            ))
        })
    },
};

/// How many good calls a timeout cuts off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Little,
    OneInFive,
    Most,
}

/// How many good calls of a target a layer cuts off, if it is a timeout.
fn cuts_off(kind: &LayerKind, used: &Used) -> Cut {
    /// How many quantiles are compared where the timeout is drawn: each call with each patience.
    const CELLS: u32 = 100;
    let cells = || (0..CELLS).map(|i| (f64::from(i) + 0.5) / f64::from(CELLS));
    let (most, one_in_five) = match kind {
        LayerKind::Timeout(after) => (
            used.latency(0.5) > *after,
            used.latency(LET_THROUGH) > *after,
        ),
        LayerKind::Patience(time) => {
            let patience: Vec<Span> = (cells())
                .map(|q| Span::from_nanos_f64(time.quantile(q)))
                .collect();
            let cut = |call: Span| patience.iter().filter(|p| **p < call).count() as f64;
            let cut = cells().map(|q| cut(used.latency(q))).sum::<f64>();
            let share = cut / f64::from(CELLS * CELLS);
            (share > 0.5, share > 1.0 - LET_THROUGH)
        }
        _ => (false, false),
    };
    match (most, one_in_five) {
        (true, _) => Cut::Most,
        (false, true) => Cut::OneInFive,
        (false, false) => Cut::Little,
    }
}

/// A time as people write it; to three digits where that is long.
pub(super) fn brief(time: Span) -> String {
    const SHORT: usize = 8;
    let exact = text::span_exact(time);
    if exact.len() <= SHORT {
        return exact;
    }
    text::span(time)
}

/// What passes when the load falls.
pub(super) fn passing() -> &'static [Outcome] {
    &PASSING[..4]
}
