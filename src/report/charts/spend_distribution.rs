//! `spend_distribution`: how spend varies over the replications, one row a policy.
//!
//! Few replications are drawn as dots, each one; many as a histogram, each row scaled to its own
//! highest bar. Median and 95th percentile are marked and written.

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult};
use crate::report::format::{NO_VALUE, money};

use super::axis::{Scale, dollars};
use super::frame::{self, MARGIN, NAMES, Plot};
use super::palette::{self, GRID, LABEL, MARK, SMALL, STRONG};
use super::scene::{Anchor, Paint, Scene};
use super::{WIDTH, runs};

/// Height of a row.
const ROW: f64 = 54.0;
/// Height of the highest bar in it.
const BAR: f64 = 36.0;
/// Room for the values at the right.
const VALUES: f64 = 150.0;
/// Up to this many replications are drawn as dots.
const MOST_DOTS: usize = 60;

pub(super) fn scene(doc: &Document) -> Scene {
    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("Spend per run", doc));
    let scale = scale(doc);
    let subtitle = format!(
        "US dollars{} in {}; ticks below: median (long) and p95 (short)",
        if scale.is_log() { " (log scale)" } else { "" },
        match doc.replications {
            1 => runs(doc),
            _ => format!("each of {}", runs(doc)),
        }
    );
    let top = frame::header(&mut scene, &subtitle) + 22.0;
    let plot = Plot {
        left: MARGIN + NAMES,
        top,
        width: WIDTH - 2.0 * MARGIN - NAMES - VALUES,
        height: ROW * doc.policies.len() as f64,
    };
    let ticks = frame::labelled(scale.ticks(6), dollars);
    frame::x_axis(
        &mut scene,
        plot,
        scale,
        &ticks,
        "spend of one replication, US$",
    );
    let columns = [WIDTH - MARGIN - 74.0, WIDTH - MARGIN];
    for (x, head) in columns.into_iter().zip(["median", "p95"]) {
        scene.text(head, (x, top - 10.0), Anchor::End, SMALL);
    }
    for (i, policy) in doc.policies.iter().enumerate() {
        let base = plot.top + (i + 1) as f64 * ROW - 13.0;
        let middle = base - BAR / 2.0;
        frame::row_name(&mut scene, &policy.name, i, (MARGIN, middle));
        scene.rule((plot.left, base), (plot.right(), base), GRID, 1.0);
        let spend = policy.metric(Metric::Spend);
        row(&mut scene, plot, scale, base, i, policy);
        for (x, (value, ink)) in columns
            .into_iter()
            .zip([(spend.p50, STRONG), (spend.p95, LABEL)])
        {
            let text = value.map_or(NO_VALUE.to_owned(), money);
            scene.text(text, (x, middle), Anchor::End, ink);
        }
    }
    scene.height = plot.bottom() + 58.0;
    scene
}

fn samples(policy: &PolicyResult) -> impl Iterator<Item = f64> + '_ {
    policy
        .spend_samples
        .iter()
        .copied()
        .filter(|v| v.is_finite())
}

/// Linear scales begin at zero unless the values lie close together far from it.
fn scale(doc: &Document) -> Scale {
    let all = || doc.policies.iter().flat_map(samples);
    let high = all().fold(0.0, f64::max);
    let means = doc
        .policies
        .iter()
        .filter_map(|p| p.metric(Metric::Spend).mean);
    if !Scale::wants_log(means) {
        return Scale::from_zero(high, 6);
    }
    let low = all().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    Scale::log(low, high)
}

fn row(
    scene: &mut Scene,
    plot: Plot,
    scale: Scale,
    base: f64,
    index: usize,
    policy: &PolicyResult,
) {
    let mut places: Vec<f64> = samples(policy)
        .map(|v| plot.x(scale.place(v).clamp(0.0, 1.0)))
        .collect();
    places.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (places.first().copied(), places.last().copied()) else {
        return;
    };
    let paint = palette::policy(index).paint;
    if last - first < 1.0 {
        scene.rect((first - 2.0, base - BAR), (4.0, BAR), paint);
        return;
    }
    match places.len() <= MOST_DOTS {
        true => dots(scene, &places, base, paint),
        false => histogram(scene, &places, base, paint),
    }
    let spend = policy.metric(Metric::Spend);
    // Below the base line, so that they hide no narrow row.
    for (value, height) in [(spend.p50, 9.0), (spend.p95, 5.0)] {
        if let Some(value) = value {
            let x = plot.x(scale.place(value).clamp(0.0, 1.0));
            scene.rule((x, base + 1.0), (x, base + height), MARK, 2.0);
        }
    }
}

/// Each place as a dot, rounded to a column of dots; columns are denser where many are.
fn dots(scene: &mut Scene, places: &[f64], base: f64, paint: Paint) {
    const SIZE: f64 = 6.0;
    let column = |x: f64| (x / SIZE).floor();
    let stacks = places.chunk_by(|a, b| column(*a) == column(*b));
    let highest = stacks.clone().map(<[f64]>::len).max().unwrap_or(1);
    let step = SIZE.min((BAR - SIZE) / (highest.max(2) - 1) as f64);
    for stack in stacks {
        let x = (column(stack[0]) + 0.5) * SIZE;
        for i in 0..stack.len() {
            let y = base - SIZE / 2.0 - 1.0 - i as f64 * step;
            scene.dot((x, y), SIZE / 2.0 - 0.5, paint);
        }
    }
}

fn histogram(scene: &mut Scene, places: &[f64], base: f64, paint: Paint) {
    let (first, last) = (places[0], places[places.len() - 1]);
    let wanted = (places.len() as f64).sqrt().clamp(8.0, 40.0);
    let width = ((last - first) / wanted).max(2.0);
    let bin = |x: f64| ((x - first) / width) as usize;
    let mut bins = vec![0_usize; bin(last) + 1];
    for x in places {
        bins[bin(*x)] += 1;
    }
    let highest = bins.iter().copied().max().unwrap_or(1) as f64;
    let mut outline = vec![(first, base)];
    for (i, n) in bins.iter().enumerate() {
        let (x, y) = (first + i as f64 * width, base - *n as f64 / highest * BAR);
        outline.extend([(x, y), (x + width, y)]);
    }
    outline.push((first + bins.len() as f64 * width, base));
    scene.area(outline, paint.faded(0.75));
}
