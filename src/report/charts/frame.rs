//! What charts share: title, legend, plot area, axes, rows of policies.

use crate::experiment::document::{Document, Series};

use super::WIDTH;
use super::axis::{self, Scale};
use super::font;
use super::palette::{self, AXIS, GRID, LABEL, OUTAGE, SMALL, STRONG, SUBTITLE, TITLE};
use super::scene::{Anchor, Paint, Point, Scene};

/// Space around a chart \[logical pixels\].
pub(super) const MARGIN: f64 = 24.0;
/// Room for policy names left of rows.
pub(super) const NAMES: f64 = 190.0;

/// The rectangle that data is drawn in.
#[derive(Clone, Copy)]
pub(super) struct Plot {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Plot {
    /// Where a fraction of the x axis is.
    pub fn x(&self, fraction: f64) -> f64 {
        self.left + fraction * self.width
    }

    /// Where a fraction of the y axis is; it goes up.
    pub fn y(&self, fraction: f64) -> f64 {
        self.bottom() - fraction * self.height
    }

    /// Its right end.
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Its lower end.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// Writes title and subtitle; returns where they end.
pub(super) fn header(scene: &mut Scene, subtitle: &str) -> f64 {
    let title = scene.title.clone();
    let room = WIDTH - 2.0 * MARGIN;
    let title = font::fitted(&title, room, TITLE);
    scene.text(title, (MARGIN, 34.0), Anchor::Start, TITLE);
    let subtitle = font::fitted(subtitle, room, SUBTITLE);
    scene.text(subtitle, (MARGIN, 58.0), Anchor::Start, SUBTITLE);
    76.0
}

/// A chart's title: what it shows, then whose.
pub(super) fn title(what: &str, doc: &Document) -> String {
    let scenario = font::fitted(&doc.scenario, 420.0, TITLE);
    format!("{what} — {scenario}")
}

/// Draws coloured squares with their names, in as many lines as they need; returns where they
/// end.
pub(super) fn legend(scene: &mut Scene, top: f64, items: &[(String, Paint)]) -> f64 {
    let (mut x, mut y) = (MARGIN, top + 10.0);
    for (name, paint) in items {
        let name = font::fitted(name, 260.0, LABEL);
        let width = 12.0 + 7.0 + font::width(&name, LABEL);
        if x + width > WIDTH - MARGIN && x > MARGIN {
            (x, y) = (MARGIN, y + 22.0);
        }
        scene.rect((x, y - 6.0), (12.0, 12.0), *paint);
        scene.text(name, (x + 19.0, y), Anchor::Start, LABEL);
        x += width + 22.0;
    }
    match items.is_empty() {
        true => top,
        false => y + 16.0,
    }
}

/// Draws horizontal grid lines with their labels left of the plot.
pub(super) fn y_axis(scene: &mut Scene, plot: Plot, scale: Scale, ticks: &[(f64, String)]) {
    for (value, text) in ticks {
        let y = plot.y(scale.place(*value));
        scene.rule((plot.left, y), (plot.right(), y), GRID, 1.0);
        scene.text(text, (plot.left - 8.0, y), Anchor::End, SMALL);
    }
}

/// Draws vertical grid lines with their labels below the plot, and the axis' title below them.
pub(super) fn x_axis(
    scene: &mut Scene,
    plot: Plot,
    scale: Scale,
    ticks: &[(f64, String)],
    title: &str,
) {
    for (value, text) in ticks {
        let x = plot.x(scale.place(*value));
        scene.rule((x, plot.top), (x, plot.bottom()), GRID, 1.0);
        scene.text(text, (x, plot.bottom() + 15.0), Anchor::Middle, SMALL);
    }
    let middle = plot.x(0.5);
    scene.text(title, (middle, plot.bottom() + 36.0), Anchor::Middle, SMALL);
}

/// Draws the time axis: a line with ticks below it and, where wanted, labels and its title.
pub(super) fn time_axis(scene: &mut Scene, plot: Plot, scale: Scale, title: bool, labels: bool) {
    let y = plot.bottom();
    scene.rule((plot.left, y), (plot.right(), y), AXIS, 1.0);
    let count = (plot.width / 60.0).max(2.0) as usize;
    let ticks = scale.time_ticks(count);
    let step = ticks.get(1).copied().unwrap_or(1.0);
    for value in ticks {
        let x = plot.x(scale.place(value));
        scene.rule((x, y), (x, y + 5.0), AXIS, 1.0);
        if labels || title {
            let text = axis::time(value, step);
            scene.text(text, (x, y + 16.0), Anchor::Middle, SMALL);
        }
    }
    if title {
        let middle = (plot.x(0.5), y + 37.0);
        scene.text("simulated time", middle, Anchor::Middle, SMALL);
    }
}

/// Shades the scheduled outages, all targets alike.
pub(super) fn outages(scene: &mut Scene, doc: &Document, plot: Plot, scale: Scale) {
    for outage in &doc.outages {
        let from = plot.x(scale.place(outage.from_seconds).clamp(0.0, 1.0));
        let until = plot.x(scale.place(outage.until_seconds).clamp(0.0, 1.0));
        scene.rect(
            (from, plot.top),
            ((until - from).max(1.5), plot.height),
            OUTAGE,
        );
    }
}

/// What the subtitle says of the shaded outages; nothing without any.
pub(super) fn outage_note(doc: &Document) -> &'static str {
    match doc.outages.len() {
        0 => "",
        1 => "; the outage is shaded",
        _ => "; outages are shaded",
    }
}

/// From zero to when the last attempt begins or the last dollar is spent, under any policy; the
/// quiet rest of the horizon says nothing.
pub(super) fn time_scale(doc: &Document) -> Scale {
    let end = doc
        .policies
        .iter()
        .map(|p| busy_until(&p.series))
        .fold(0.0, f64::max);
    Scale::between(0.0, if end > 0.0 { end } else { doc.horizon_seconds })
}

/// When a policy's last attempt begins or its last dollar is spent; 0 where there is neither \[s\].
pub(super) fn busy_until(series: &Series) -> f64 {
    let rows = series.outcomes.iter();
    let last_attempt = rows
        .filter_map(|row| row.iter().rposition(|n| *n > 0.0))
        .max();
    let mut steps = series.spend_mean.windows(2);
    let last_spend = steps.rposition(|pair| pair[1] > pair[0]).map(|i| i + 1);
    let buckets = last_attempt.max(last_spend).map_or(0, |last| last + 1);
    buckets as f64 * series.width_seconds
}

/// Writes a policy's name left of its row, beside a square of its colour.
pub(super) fn row_name(scene: &mut Scene, name: &str, index: usize, at: Point) {
    let style = palette::policy(index);
    scene.rect((at.0, at.1 - 6.0), (4.0, 12.0), style.paint);
    let ink = if index == 0 { STRONG } else { LABEL };
    let name = font::fitted(name, NAMES - 22.0, ink);
    scene.text(name, (at.0 + 11.0, at.1), Anchor::Start, ink);
}

/// Ticks with their texts.
pub(super) fn labelled(ticks: Vec<f64>, text: fn(f64) -> String) -> Vec<(f64, String)> {
    ticks.into_iter().map(|t| (t, text(t))).collect()
}
