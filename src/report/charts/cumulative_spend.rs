//! `cumulative_spend`: dollars over time, all policies as lines with bands, named at their ends.

use crate::experiment::Metric;
use crate::experiment::document::{Document, Series};
use crate::report::format::money;

use super::axis::{Scale, dollars};
use super::frame::{self, MARGIN, Plot};
use super::palette::{self, AXIS, LABEL, SMALL, STRONG};
use super::scene::{Anchor, Point, Scene};
use super::{WIDTH, font, runs};

/// Room for names and values right of the lines.
const ENDS: f64 = 256.0;
/// Room for the y axis' labels.
const TICKS: f64 = 50.0;
/// The least distance between two names.
const LINE: f64 = 19.0;
/// A log axis begins this many times below the cheapest policy's end.
const LOG_DEPTH: f64 = 30.0;

pub(super) fn scene(doc: &Document) -> Scene {
    let height = (doc.policies.len() as f64 * LINE).max(330.0);
    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("Cumulative spend", doc));
    let x = frame::time_scale(doc);
    let y = y_scale(doc);
    let subtitle = format!(
        "US dollars{}, mean of {}; bands from the 5th to the 95th percentile{}",
        if y.is_log() { " (log scale)" } else { "" },
        runs(doc),
        frame::outage_note(doc)
    );
    let plot = Plot {
        left: MARGIN + TICKS,
        top: frame::header(&mut scene, &subtitle) + 14.0,
        width: WIDTH - 2.0 * MARGIN - TICKS - ENDS,
        height,
    };
    frame::outages(&mut scene, doc, plot, x);
    frame::y_axis(&mut scene, plot, y, &frame::labelled(y.ticks(5), dollars));
    for (i, policy) in doc.policies.iter().enumerate() {
        band(&mut scene, plot, x, y, i, &policy.series);
    }
    for (i, policy) in doc.policies.iter().enumerate().rev() {
        let style = palette::policy(i);
        let points = curve(&policy.series, &policy.series.spend_mean, plot, x, y);
        scene.line(points, style.paint, 2.0, style.dash);
    }
    frame::time_axis(&mut scene, plot, x, true, true);
    names(&mut scene, doc, plot, y);
    scene.height = plot.bottom() + 58.0;
    scene
}

fn last(row: &[f64]) -> f64 {
    row.last().copied().filter(|v| v.is_finite()).unwrap_or(0.0)
}

fn y_scale(doc: &Document) -> Scale {
    let ends = || doc.policies.iter().map(|p| last(&p.series.spend_mean));
    let highest = doc.policies.iter().map(|p| last(&p.series.spend_p95));
    let highest = highest.chain(ends()).fold(0.0, f64::max);
    match Scale::wants_log(ends()) {
        true => {
            let least = ends().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
            Scale::log(least / LOG_DEPTH, highest)
        }
        false => Scale::from_zero(highest, 5),
    }
}

/// The points of a row of values at the ends of buckets, from nothing at zero; on a log scale from
/// where it enters the plot.
fn curve(series: &Series, row: &[f64], plot: Plot, x: Scale, y: Scale) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    if !y.is_log() {
        points.push((plot.left, plot.bottom()));
    }
    for (i, value) in row.iter().enumerate() {
        let time = (i + 1) as f64 * series.width_seconds;
        let place = x.place(time);
        if place > 1.0 + 1e-9 {
            break;
        }
        if y.is_log() && *value < y.low() {
            points.clear();
            points.push((plot.x(place), plot.bottom()));
            continue;
        }
        let at = (plot.x(place), plot.y(y.place(*value).max(0.0)));
        // A flat stretch needs its two ends only.
        if let [.., before, last] = points.as_mut_slice()
            && before.1 == at.1
            && last.1 == at.1
        {
            *last = at;
            continue;
        }
        points.push(at);
    }
    points
}

fn band(scene: &mut Scene, plot: Plot, x: Scale, y: Scale, index: usize, series: &Series) {
    let mut outline = curve(series, &series.spend_p5, plot, x, y);
    let mut above = curve(series, &series.spend_p95, plot, x, y);
    if outline == above {
        return;
    }
    above.reverse();
    outline.append(&mut above);
    scene.area(outline, palette::policy(index).paint.faded(0.14));
}

/// Names and final values right of the lines, moved apart where lines end close together.
fn names(scene: &mut Scene, doc: &Document, plot: Plot, y: Scale) {
    let mut ends: Vec<(f64, usize)> = doc
        .policies
        .iter()
        .enumerate()
        .map(|(i, p)| {
            (
                plot.y(y.place(last(&p.series.spend_mean)).clamp(0.0, 1.0)),
                i,
            )
        })
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let wanted: Vec<f64> = ends.iter().map(|e| e.0).collect();
    let placed = spread(&wanted, plot.top, plot.bottom(), LINE);
    for ((end, i), label) in ends.iter().zip(placed) {
        let policy = &doc.policies[*i];
        let style = palette::policy(*i);
        let x = plot.right();
        scene.rule((x + 3.0, *end), (x + 16.0, label), AXIS, 1.0);
        let sample = vec![(x + 18.0, label), (x + 44.0, label)];
        scene.line(sample, style.paint, 2.5, style.dash);
        let value = policy.metric(Metric::Spend).mean;
        let value = value.unwrap_or_else(|| last(&policy.series.spend_mean));
        let value = money(value);
        let ink = if *i == 0 { STRONG } else { LABEL };
        let room = WIDTH - MARGIN - (x + 50.0) - font::width(&value, SMALL) - 8.0;
        let name = font::fitted(&policy.name, room, ink);
        scene.text(name, (x + 50.0, label), Anchor::Start, ink);
        scene.text(value, (WIDTH - MARGIN, label), Anchor::End, SMALL);
    }
}

/// Positions as near to the wanted ones (ascending) as a least distance between `top` and
/// `bottom` allows.
fn spread(wanted: &[f64], top: f64, bottom: f64, distance: f64) -> Vec<f64> {
    // Clusters of labels that touch, each as (first position, how many): pool neighbours that
    // overlap around their common middle, as in isotonic regression.
    let mut clusters: Vec<(f64, usize)> = Vec::new();
    for at in wanted {
        clusters.push((*at, 1));
        while let [.., before, last] = clusters.as_slice() {
            let (end, n) = (before.0 + before.1 as f64 * distance, before.1 + last.1);
            if end <= last.0 {
                break;
            }
            let middle = |c: &(f64, usize)| (c.0 + (c.1 - 1) as f64 * distance / 2.0) * c.1 as f64;
            let centre = (middle(before) + middle(last)) / n as f64;
            let first = centre - (n - 1) as f64 * distance / 2.0;
            let lowest = (bottom - (n - 1) as f64 * distance).max(top);
            clusters.truncate(clusters.len() - 2);
            clusters.push((first.clamp(top, lowest), n));
        }
    }
    let each = |(first, n): (f64, usize)| (0..n).map(move |i| first + i as f64 * distance);
    clusters.into_iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_distance_and_their_place() {
        assert_eq!(spread(&[10.0, 50.0], 0.0, 100.0, 10.0), [10.0, 50.0]);
        assert_eq!(spread(&[50.0, 50.0], 0.0, 100.0, 10.0), [45.0, 55.0]);
        assert_eq!(
            spread(&[98.0, 99.0, 100.0], 0.0, 100.0, 10.0),
            [80.0, 90.0, 100.0]
        );
        assert_eq!(spread(&[], 0.0, 100.0, 10.0), [0.0; 0]);
    }
}
