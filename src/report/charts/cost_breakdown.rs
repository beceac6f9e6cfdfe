//! `cost_breakdown`: what the dollars went to, one row a policy: by why the attempt was made, and
//! below it what was used and what was thrown away.

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::format::{money, percent};

use super::axis::{Scale, dollars};
use super::frame::{self, MARGIN, NAMES, Plot};
use super::palette::{self, MARK, SCOPES, SMALL, STRONG};
use super::scene::{Anchor, Paint, Scene};
use super::{WIDTH, font, runs};

/// Height of a row.
const ROW: f64 = 46.0;
/// Height of the bar of causes.
const CAUSE_BAR: f64 = 18.0;
/// Height of the bar of used and wasted dollars.
const USE_BAR: f64 = 7.0;
/// Room for the values at the right.
const VALUES: f64 = 170.0;

pub(super) fn scene(doc: &Document) -> Scene {
    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("What the dollars went to", doc));
    let totals: Vec<f64> = doc.policies.iter().map(total).collect();
    let as_shares = Scale::wants_log(totals.iter().copied());
    let unit = if as_shares {
        "share of each policy's spend"
    } else {
        "US dollars"
    };
    let subtitle = format!(
        "{unit}, mean of {}; thick bars: why attempts were made, thin bars: what came of them",
        runs(doc)
    );
    let top = frame::header(&mut scene, &subtitle);
    let top = frame::legend(&mut scene, top, &legend(doc)) + 8.0;

    let scale = match as_shares {
        true => Scale::between(0.0, 1.0),
        false => Scale::from_zero(totals.iter().copied().fold(0.0, f64::max), 6),
    };
    let plot = Plot {
        left: MARGIN + NAMES,
        top,
        width: WIDTH - 2.0 * MARGIN - NAMES - VALUES,
        height: ROW * doc.policies.len() as f64,
    };
    let (ticks, title) = match as_shares {
        true => (
            frame::labelled(scale.ticks(5), |v| format!("{:.0}%", v * 100.0)),
            "share of the policy's own spend",
        ),
        false => (
            frame::labelled(scale.ticks(6), dollars),
            "spend of one replication, US$",
        ),
    };
    frame::x_axis(&mut scene, plot, scale, &ticks, title);
    for (i, (policy, total)) in doc.policies.iter().zip(&totals).enumerate() {
        let middle = plot.top + (i as f64 + 0.5) * ROW;
        frame::row_name(&mut scene, &policy.name, i, (MARGIN, middle));
        let one = if as_shares && *total > 0.0 {
            1.0 / total
        } else {
            1.0
        };
        let width = |usd: f64| plot.x(scale.place(usd * one)) - plot.left;
        bars(&mut scene, policy, (plot.left, middle), *total, width);
        values(&mut scene, policy, *total, (plot.right() + 12.0, middle));
    }
    scene.height = plot.bottom() + 58.0;
    scene
}

/// The policy's mean spend; by its causes where the metric has no value.
fn total(policy: &PolicyResult) -> f64 {
    let spend = policy.metric(Metric::Spend).mean;
    spend.unwrap_or_else(|| policy.spend_by_cause.iter().map(|c| c.usd).sum())
}

/// A policy's dollars for attempts that layers of one scope asked for.
fn spent(policy: &PolicyResult, scope: &str) -> f64 {
    let causes = policy.spend_by_cause.iter();
    causes
        .filter(|c| c.scope == scope && c.usd > 0.0)
        .map(|c| c.usd)
        .sum()
}

/// The scopes that dollars were spent at, each with its own colour in every chart, and the uses.
fn legend(doc: &Document) -> Vec<(String, Paint)> {
    let occurs = |scope: &str| doc.policies.iter().any(|p| spent(p, scope) > 0.0);
    let mut items: Vec<(String, Paint)> = Vec::new();
    let mut is_first_retry = true;
    for (scope, paint) in SCOPES.into_iter().filter(|(scope, _)| occurs(scope)) {
        let name = match scope {
            "first" => "first attempts".to_owned(),
            _ if std::mem::take(&mut is_first_retry) => format!("retries at {scope} scope"),
            _ => format!("… {scope} scope"),
        };
        items.push((name, paint));
    }
    items.push(("used".to_owned(), palette::USED));
    items.push(("thrown away".to_owned(), palette::WASTED));
    items
}

fn bars(
    scene: &mut Scene,
    policy: &PolicyResult,
    (left, middle): (f64, f64),
    total: f64,
    width: impl Fn(f64) -> f64,
) {
    let top = middle - (CAUSE_BAR + USE_BAR + 2.0) / 2.0;
    let mut so_far = 0.0;
    for (scope, paint) in SCOPES {
        let usd = spent(policy, scope);
        let (from, to) = (width(so_far), width(so_far + usd));
        scene.rect((left + from, top), (to - from, CAUSE_BAR), paint);
        so_far += usd;
    }
    let wasted = wasted(policy).min(total);
    let used = total - wasted;
    let below = top + CAUSE_BAR + 2.0;
    scene.rect((left, below), (width(used), USE_BAR), palette::USED);
    let (from, to) = (width(used), width(total));
    scene.rect((left + from, below), (to - from, USE_BAR), palette::WASTED);
    scene.rule((left, top - 3.0), (left, below + USE_BAR + 3.0), MARK, 1.0);
}

fn wasted(policy: &PolicyResult) -> f64 {
    policy.metric(Metric::Wasted).mean.unwrap_or(0.0).max(0.0)
}

/// Total and share thrown away, right of the bars.
fn values(scene: &mut Scene, policy: &PolicyResult, total: f64, (x, y): (f64, f64)) {
    let text = money(total);
    let end = x + font::width(&text, STRONG);
    scene.text(text, (x, y), Anchor::Start, STRONG);
    if total > 0.0 {
        let share = percent((wasted(policy) / total).min(1.0));
        scene.text(
            format!("{share} wasted"),
            (end + 8.0, y),
            Anchor::Start,
            SMALL,
        );
    }
}
