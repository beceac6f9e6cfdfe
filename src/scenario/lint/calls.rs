//! Rules about what is tried again, how often in all, and how long one call may take.

use super::view::{Scope, Used, View, retry_of};
use super::waits::{hits, wants};
use super::{Hit, Rule};
use crate::scenario::model::{LayerKind, Tokens};
use crate::units::Span;
use crate::wire::Outcome;
use crate::world::Work;

/// The most attempts of one call before nested layers are worth a warning.
const MOST_ATTEMPTS: u64 = 10;

pub(super) const PERMANENT_RETRIED: Rule = Rule {
    id: "permanent-retried",
    finds: "a retry of what cannot succeed",
    why: "A request that is wrong (4xx, a prompt too long) is wrong the next time too; each attempt is lost.",
    advice: "list in `on` (or `statuses`) only what can pass: transient, rate_limited, overloaded, timeout",
    check: |view| {
        hits(view, |_, spec| {
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
            !used.target.is_model()
                && !view
                    .around_calls(used)
                    .iter()
                    .any(|layer| retry_of(layer).is_some())
        };
        let asks = view.used().iter().any(|used| used.target.is_model());
        let Some(tool) = view.used().iter().find(bare).filter(|_| asks) else {
            return vec![];
        };
        hits(view, |site, spec| {
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
    let policy = view.policy;
    let mut hits: Vec<Hit> = vec![];
    for used in view.used() {
        let path = policy
            .task
            .iter()
            .chain(&policy.turn)
            .chain(view.around_calls(used));
        let path: Vec<_> = path.collect();
        if path
            .iter()
            .any(|layer| matches!(layer.kind, LayerKind::RetryBudget(_)))
        {
            continue;
        }
        let retries = path
            .iter()
            .filter_map(|layer| Some((layer, retry_of(layer)?)));
        let retries: Vec<_> = retries
            .filter(|(_, spec)| spec.attempts != Some(1) && wants(spec, Outcome::Transient))
            .collect();
        let fleet = policy
            .fleet
            .retry
            .iter()
            .filter(|spec| spec.attempts != Some(1));
        let specs: Vec<_> = retries.iter().map(|(_, spec)| *spec).chain(fleet).collect();
        let Some((outer, _)) = retries.first().filter(|_| specs.len() > 1) else {
            continue;
        };
        let product = specs.iter().try_fold(1_u64, |product, spec| {
            Some(product.saturating_mul(u64::from(spec.attempts?)))
        });
        let many = match product {
            Some(n) if n <= MOST_ATTEMPTS => continue,
            Some(n) => format!("up to {n} attempts"),
            None => "attempts without end".to_owned(),
        };
        if !hits.iter().any(|(label, _)| *label == outer.label) {
            let n = specs.len();
            let message = format!(
                "{n} nested retries make {many} of one call of `{}`",
                used.target.name
            );
            hits.push((outer.label.clone(), message));
        }
    }
    hits
}

pub(super) const TIMEOUT_BELOW_P50: Rule = Rule {
    id: "timeout-below-p50",
    finds: "a timeout shorter than the target's median latency",
    why: "Most attempts are cut off while the target is well, and each is paid for and tried again.",
    advice: "set the timeout above the target's p99",
    check: |view| {
        let mut hits = vec![];
        for site in view.sites() {
            let LayerKind::Timeout(timeout) = site.layer.kind else {
                continue;
            };
            let slow = site.targets.iter().map(|used| (used, median(used)));
            if let Some((used, median)) = slow.filter(|(_, median)| *median > timeout).next() {
                let (name, p50) = (&used.target.name, median.as_seconds());
                let message = format!(
                    "this cuts off more than half of the calls of `{name}`, whose p50 is {p50:.3} s"
                );
                hits.push((site.layer.label.clone(), message));
            }
        }
        hits
    },
};

/// The median time of an attempt that succeeds; of a model that of its longest answer.
fn median(used: &Used) -> Span {
    let network = used
        .target
        .network
        .as_ref()
        .map_or(0.0, |way| 2.0 * way.quantile(0.5));
    let work = match &used.target.work {
        Work::Tool { latency } => latency.quantile(0.5),
        Work::Model {
            first_token,
            per_token,
            ..
        } => {
            let outputs = used.asks.iter().map(|step| match &step.output {
                Tokens::Drawn(tokens) => tokens.quantile(0.5),
                _ => 0.0,
            });
            first_token.quantile(0.5) + per_token * outputs.fold(0.0, f64::max)
        }
    };
    Span::from_nanos_f64(network + work)
}
