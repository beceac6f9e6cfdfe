//! `call_volume`: attempts over time by outcome, one panel a policy, all on the same axes.

use crate::experiment::document::{Document, Series};
use crate::report::format::count;

use super::axis::{Scale, plain};
use super::frame::{self, MARGIN, Plot};
use super::palette::{LABEL, OUTCOMES, SMALL, STRONG};
use super::scene::{Anchor, Point, Scene};
use super::{WIDTH, font, runs};

/// From this many policies on, panels stand in two columns.
const TWO_COLUMNS_FROM: usize = 4;
/// Room for the y axis' labels.
const TICKS: f64 = 44.0;
/// Room for a panel's name above it.
const NAME: f64 = 26.0;

pub(super) fn scene(doc: &Document) -> Scene {
    let columns = if doc.policies.len() >= TWO_COLUMNS_FROM {
        2
    } else {
        1
    };
    let rows = doc.policies.len().div_ceil(columns).max(1);
    let panel = if columns == 1 { 130.0 } else { 104.0 };
    let gap = 14.0;

    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("Attempts by outcome", doc));
    let subtitle = format!(
        "attempts per second, mean of {}; same axes in every panel{}",
        runs(doc),
        frame::outage_note(doc)
    );
    let top = frame::header(&mut scene, &subtitle);
    let top = frame::legend(&mut scene, top, &legend(doc)) + 4.0;

    let x = frame::time_scale(doc);
    let room = (WIDTH - 2.0 * MARGIN - (columns - 1) as f64 * gap) / columns as f64;
    let stacks: Vec<Stack> = doc
        .policies
        .iter()
        .map(|p| Stack::new(&p.series, (room / 2.0) as usize))
        .collect();
    let peak = stacks.iter().map(Stack::peak).fold(0.0, f64::max);
    let y = Scale::from_zero(peak, 4);
    for (i, (policy, stack)) in doc.policies.iter().zip(&stacks).enumerate() {
        let (row, column) = (i / columns, i % columns);
        let plot = Plot {
            left: MARGIN + TICKS + column as f64 * (room + gap),
            top: top + NAME + row as f64 * (panel + NAME + gap),
            width: room - TICKS,
            height: panel,
        };
        frame::outages(&mut scene, doc, plot, x);
        frame::y_axis(&mut scene, plot, y, &frame::labelled(y.ticks(3), plain));
        stack.draw(&mut scene, plot, x, y);
        let is_last = i + columns >= doc.policies.len();
        frame::time_axis(&mut scene, plot, x, is_last);
        name(&mut scene, plot, &policy.name, i, stack);
    }
    scene.height = top + rows as f64 * (panel + NAME + gap) + 46.0;
    scene
}

/// A panel's name, and at its right what is hard to read off: peak and total.
fn name(scene: &mut Scene, plot: Plot, name: &str, index: usize, stack: &Stack) {
    let aside = format!(
        "peak {}/s, {} in all",
        count(stack.peak()),
        count(stack.total)
    );
    let ink = if index == 0 { STRONG } else { LABEL };
    let y = plot.top - 12.0;
    let room = plot.width - font::width(&aside, SMALL) - 16.0;
    scene.text(
        font::fitted(name, room, ink),
        (plot.left, y),
        Anchor::Start,
        ink,
    );
    scene.text(aside, (plot.right(), y), Anchor::End, SMALL);
}

/// The groups of outcomes that occur.
fn legend(doc: &Document) -> Vec<(String, super::scene::Paint)> {
    let occurs = |rows: &[usize]| {
        let series = doc.policies.iter().map(|p| &p.series);
        let mut cells = series.flat_map(|s| rows.iter().filter_map(|r| s.outcomes.get(*r)));
        cells.any(|row| row.iter().any(|n| *n > 0.0))
    };
    OUTCOMES
        .iter()
        .filter(|(_, _, rows)| occurs(rows))
        .map(|(name, paint, _)| ((*name).to_owned(), *paint))
        .collect()
}

/// A policy's series as rates, stacked: `levels[group][bucket]` is the top of that group.
struct Stack {
    /// Width of a bucket \[s\].
    width: f64,
    levels: Vec<Vec<f64>>,
    total: f64,
}

impl Stack {
    /// Stacks the series, with neighbouring buckets averaged until there are at most `most`.
    fn new(series: &Series, most: usize) -> Stack {
        let buckets = series.outcomes.iter().map(Vec::len).max().unwrap_or(0);
        let joined = buckets.div_ceil(most.max(1)).max(1);
        let width = series.width_seconds * joined as f64;
        let mut base = vec![0.0; buckets.div_ceil(joined)];
        let mut total = 0.0;
        let mut levels = Vec::new();
        for (_, _, rows) in OUTCOMES {
            for row in rows.iter().filter_map(|r| series.outcomes.get(*r)) {
                for (bucket, n) in row.iter().enumerate().filter(|(_, n)| n.is_finite()) {
                    base[bucket / joined] += n / width;
                    total += n;
                }
            }
            levels.push(base.clone());
        }
        Stack {
            width,
            levels,
            total,
        }
    }

    /// The highest rate of all groups together.
    fn peak(&self) -> f64 {
        let top = self.levels.last().map_or(&[][..], Vec::as_slice);
        top.iter().copied().fold(0.0, f64::max)
    }

    fn draw(&self, scene: &mut Scene, plot: Plot, x: Scale, y: Scale) {
        let floor = vec![0.0; self.levels.first().map_or(0, Vec::len)];
        for (group, level) in self.levels.iter().enumerate() {
            let below = if group == 0 {
                &floor
            } else {
                &self.levels[group - 1]
            };
            let mut start = None;
            for bucket in 0..=level.len() {
                let is_filled = bucket < level.len() && level[bucket] > below[bucket];
                match (start, is_filled) {
                    (None, true) => start = Some(bucket),
                    (Some(from), false) => {
                        let mut outline = self.steps(level, from..bucket, plot, x, y);
                        let mut under = self.steps(below, from..bucket, plot, x, y);
                        under.reverse();
                        outline.append(&mut under);
                        scene.area(outline, OUTCOMES[group].1);
                        start = None;
                    }
                    _ => {}
                }
            }
        }
    }

    /// The outline of some buckets as steps, without points between equal neighbours.
    fn steps(
        &self,
        level: &[f64],
        buckets: std::ops::Range<usize>,
        plot: Plot,
        x: Scale,
        y: Scale,
    ) -> Vec<Point> {
        let at = |bucket: usize| plot.x(x.place(bucket as f64 * self.width).clamp(0.0, 1.0));
        let mut points: Vec<Point> = Vec::new();
        for bucket in buckets {
            let height = plot.y(y.place(level[bucket]));
            match points.last_mut() {
                Some(last) if last.1 == height => last.0 = at(bucket + 1),
                _ => points.extend([(at(bucket), height), (at(bucket + 1), height)]),
            }
        }
        points
    }
}
