//! `call_volume`: attempts over time by outcome, one panel a policy, on the same axes where that
//! leaves every panel something to see.

use crate::experiment::document::{Document, PolicyResult, Series};
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
/// Space between panels.
const GAP: f64 = 14.0;
/// Room for the labels of a panel's own time axis.
const TIMES: f64 = 14.0;
/// Panels share their y scale unless the highest peak is more than this many times the lowest.
const SHARED_PEAKS: f64 = 20.0;
/// Panels share their time axis unless the longest is more than this many times as long as the
/// second longest: it alone would squeeze all others, so it gets an axis of its own.
const SHARED_TIMES: f64 = 5.0;
/// The narrowest and the lowest bar \[logical pixels\].
const LEAST_BAR: f64 = 2.0;

pub(super) fn scene(doc: &Document) -> Scene {
    let grid = Grid::new(doc);
    let times = times(doc);
    let x_of = |i: usize| times.of(i);
    let stack =
        |(i, policy): (usize, &PolicyResult)| Stack::new(&policy.series, x_of(i), grid.width);
    let stacks: Vec<Stack> = doc.policies.iter().enumerate().map(stack).collect();
    let rates = rates(&stacks);

    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("Attempts by outcome", doc));
    let subtitle = format!(
        "attempts per second, mean of {}; {}{}",
        runs(doc),
        scales_note(&times, &rates),
        frame::outage_note(doc)
    );
    let top = frame::header(&mut scene, &subtitle);
    let top = frame::legend(&mut scene, top, &legend(doc)) + 4.0;
    let below = if times.is_shared() { 0.0 } else { TIMES };
    for (i, (policy, stack)) in doc.policies.iter().zip(&stacks).enumerate() {
        let plot = grid.plot(i, top, below);
        let (x, y) = (times.of(i), rates.of(i));
        frame::outages(&mut scene, doc, plot, x);
        frame::y_axis(&mut scene, plot, y, &frame::labelled(y.ticks(4), plain));
        stack.draw(&mut scene, plot, x, y);
        let is_last = i + grid.columns >= doc.policies.len();
        frame::time_axis(&mut scene, plot, x, is_last, !times.is_shared());
        name(&mut scene, plot, &policy.name, i, stack);
    }
    scene.height = top + grid.rows as f64 * (grid.height + NAME + GAP + below) + 46.0;
    scene
}

/// Where the panels stand.
struct Grid {
    columns: usize,
    rows: usize,
    /// Of a panel's plot.
    width: f64,
    /// Of a panel's plot.
    height: f64,
}

impl Grid {
    fn new(doc: &Document) -> Grid {
        let (columns, height) = match doc.policies.len() {
            n if n >= TWO_COLUMNS_FROM => (2, 104.0),
            _ => (1, 130.0),
        };
        let room = (WIDTH - 2.0 * MARGIN - (columns - 1) as f64 * GAP) / columns as f64;
        Grid {
            columns,
            rows: doc.policies.len().div_ceil(columns).max(1),
            width: room - TICKS,
            height,
        }
    }

    /// The plot of a panel; `below` is the room for the labels of its time axis.
    fn plot(&self, i: usize, top: f64, below: f64) -> Plot {
        let (row, column) = ((i / self.columns) as f64, (i % self.columns) as f64);
        Plot {
            left: MARGIN + TICKS + column * (self.width + TICKS + GAP),
            top: top + NAME + row * (self.height + NAME + GAP + below),
            width: self.width,
            height: self.height,
        }
    }
}

/// The scales of one axis of all panels.
enum Scales {
    Shared(Scale),
    Own(Vec<Scale>),
}

impl Scales {
    fn of(&self, panel: usize) -> Scale {
        match self {
            Scales::Shared(scale) => *scale,
            Scales::Own(scales) => scales[panel],
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self, Scales::Shared(_))
    }
}

/// The time axes.
fn times(doc: &Document) -> Scales {
    let ends: Vec<f64> = doc
        .policies
        .iter()
        .map(|p| frame::busy_until(&p.series))
        .collect();
    let mut sorted = ends.clone();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [.., second, longest] if *second > 0.0 && *longest > SHARED_TIMES * second => {
            let own = |end: &f64| Scale::between(0.0, end.max(*second));
            Scales::Own(ends.iter().map(own).collect())
        }
        _ => Scales::Shared(frame::time_scale(doc)),
    }
}

/// The y axes.
fn rates(stacks: &[Stack]) -> Scales {
    let peaks: Vec<f64> = stacks.iter().map(Stack::peak).collect();
    let highest = peaks.iter().copied().fold(0.0, f64::max);
    let lowest = peaks
        .iter()
        .copied()
        .filter(|p| *p > 0.0)
        .fold(f64::INFINITY, f64::min);
    let scale = |peak: f64| Scale::from_zero(peak, 4);
    match highest > SHARED_PEAKS * lowest {
        true => Scales::Own(peaks.into_iter().map(scale).collect()),
        false => Scales::Shared(scale(highest)),
    }
}

/// What the subtitle says of the axes.
fn scales_note(times: &Scales, rates: &Scales) -> &'static str {
    match (times.is_shared(), rates.is_shared()) {
        (true, true) => "same axes in every panel",
        (true, false) => "each panel has its own scale",
        (false, true) => "same axes but for the longest panel's time",
        (false, false) => "each panel has its own scale, the longest its own time axis",
    }
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
    /// Stacks the series, with neighbouring buckets averaged until each is wide enough to be seen
    /// in a plot of that width.
    fn new(series: &Series, x: Scale, plot: f64) -> Stack {
        let buckets = series.outcomes.iter().map(Vec::len).max().unwrap_or(0);
        let pixels = plot * (x.place(series.width_seconds) - x.place(0.0));
        let joined = match pixels > 0.0 {
            true => (LEAST_BAR / pixels)
                .ceil()
                .clamp(1.0, buckets.max(1) as f64) as usize,
            false => 1,
        };
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

    /// How many times each bucket is drawn too high, so that what is there can be seen.
    fn lifts(&self, plot: Plot, y: Scale) -> Vec<f64> {
        let top = self.levels.last().map_or(&[][..], Vec::as_slice);
        let height = |rate: f64| y.place(rate) * plot.height;
        let lift = |rate: &f64| match height(*rate) {
            pixels if pixels > 0.0 => (LEAST_BAR / pixels).max(1.0),
            _ => 1.0,
        };
        top.iter().map(lift).collect()
    }

    fn draw(&self, scene: &mut Scene, plot: Plot, x: Scale, y: Scale) {
        let lifts = self.lifts(plot, y);
        let lifted = |level: &Vec<f64>| level.iter().zip(&lifts).map(|(n, by)| n * by).collect();
        let levels: Vec<Vec<f64>> = self.levels.iter().map(lifted).collect();
        let floor = vec![0.0; self.levels.first().map_or(0, Vec::len)];
        for (group, level) in levels.iter().enumerate() {
            let below = match group {
                0 => &floor,
                _ => &levels[group - 1],
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
