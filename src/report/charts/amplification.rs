//! `amplification`: attempts on the wire for each first attempt, one bar a policy.

use crate::experiment::Metric;
use crate::experiment::document::Document;
use crate::report::format::{NO_VALUE, count, ratio};

use super::axis::{Scale, plain};
use super::frame::{self, MARGIN, NAMES, Plot};
use super::palette::{self, AXIS, MARK, SMALL, STRONG};
use super::scene::{Anchor, Scene};
use super::{WIDTH, font, runs};

/// Height of a row.
const ROW: f64 = 36.0;
/// Height of a bar.
const BAR: f64 = 20.0;
/// Room for the values at the right.
const VALUES: f64 = 190.0;

pub(super) fn scene(doc: &Document) -> Scene {
    let mut scene = Scene::new(WIDTH, 0.0, &frame::title("Amplification", doc));
    let scale = scale(doc);
    let subtitle = format!(
        "attempts on the wire for each first attempt{}, mean of {}; dashed: no retries; whiskers: 95% interval",
        if scale.is_log() { " (log scale)" } else { "" },
        runs(doc)
    );
    let plot = Plot {
        left: MARGIN + NAMES,
        top: frame::header(&mut scene, &subtitle) + 12.0,
        width: WIDTH - 2.0 * MARGIN - NAMES - VALUES,
        height: ROW * doc.policies.len() as f64,
    };
    let ticks = frame::labelled(scale.ticks(6), |v| format!("{}×", plain(v)));
    frame::x_axis(
        &mut scene,
        plot,
        scale,
        &ticks,
        "attempts per first attempt",
    );
    for (i, policy) in doc.policies.iter().enumerate() {
        let middle = plot.top + (i as f64 + 0.5) * ROW;
        frame::row_name(&mut scene, &policy.name, i, (MARGIN, middle));
        let metric = policy.metric(Metric::Amplification);
        let mut end = plot.left;
        if let Some(mean) = metric.mean {
            let place = |v: f64| plot.x(scale.place(v).clamp(0.0, 1.0));
            end = place(mean);
            let corner = (plot.left, middle - BAR / 2.0);
            scene.rect(corner, (end - plot.left, BAR), palette::policy(i).paint);
            if let Some([low, high]) = metric.ci95
                && place(high) - place(low) > 6.0
            {
                scene.rule((place(low), middle), (place(high), middle), MARK, 1.5);
                for x in [place(low), place(high)] {
                    scene.rule((x, middle - 4.0), (x, middle + 4.0), MARK, 1.5);
                }
                end = place(high);
            }
        }
        let text = metric.mean.map_or(NO_VALUE.to_owned(), ratio);
        let after = end + 8.0 + font::width(&text, STRONG) + 8.0;
        scene.text(text, (end + 8.0, middle), Anchor::Start, STRONG);
        if let Some(attempts) = policy.metric(Metric::Attempts).mean {
            let aside = format!("{} attempts", count(attempts));
            scene.text(aside, (after, middle), Anchor::Start, SMALL);
        }
    }
    let one = plot.x(scale.place(1.0).clamp(0.0, 1.0));
    scene.line(
        vec![(one, plot.top), (one, plot.bottom())],
        AXIS,
        1.5,
        &[4.0, 3.0],
    );
    scene.height = plot.bottom() + 58.0;
    scene
}

/// From zero; logarithmic, and then from one, where policies are far apart.
fn scale(doc: &Document) -> Scale {
    let means = || {
        doc.policies
            .iter()
            .filter_map(|p| p.metric(Metric::Amplification).mean)
    };
    let high = means().fold(1.0, f64::max);
    match Scale::wants_log(means()) {
        true => Scale::log(1.0, high),
        false => Scale::from_zero(high, 6),
    }
}
