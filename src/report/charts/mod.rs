//! The charts, each as SVG and PNG, drawn from a result document alone.
//!
//! A chart builds a [`Scene`] of lines, areas and text in logical pixels; [`render`] draws it.
//! Nothing but `render` knows the plotting library.
//!
//! The looks, everywhere: a title that says what is shown, a subtitle with units, light grid
//! lines, direct labels rather than legends where there is room, colours from Okabe & Ito (2008)
//! that colour-blind readers can tell apart, and never colour alone.

mod amplification;
mod axis;
mod call_volume;
mod cost_breakdown;
mod cumulative_spend;
mod font;
mod frame;
mod grid;
mod palette;
mod render;
mod scene;
mod spend_distribution;
pub mod styles;

use crate::experiment::document::Document;

pub use grid::grid_chart;

use scene::Scene;

/// Width of every chart \[logical pixels\]: what a README shows without scaling.
const WIDTH: f64 = 900.0;

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing backend refused.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The picture could not be encoded.
    #[error("encoding the PNG failed: {0}")]
    Png(#[from] png::EncodingError),
}

/// A finished chart in both formats.
pub struct Chart {
    /// Its file name without the ending.
    pub name: &'static str,
    /// The SVG's text.
    pub svg: String,
    /// The PNG's bytes, two pixels for each logical one.
    pub png: Vec<u8>,
}

/// All charts, in a fixed order.
pub fn charts(doc: &Document) -> Result<Vec<Chart>, ChartError> {
    scenes(doc)
        .into_iter()
        .map(|(name, scene)| {
            Ok(Chart {
                name,
                svg: render::svg(&scene)?,
                png: render::png(&scene)?,
            })
        })
        .collect()
}

fn scenes(doc: &Document) -> [(&'static str, Scene); 5] {
    [
        ("call_volume", call_volume::scene(doc)),
        ("cumulative_spend", cumulative_spend::scene(doc)),
        ("spend_distribution", spend_distribution::scene(doc)),
        ("cost_breakdown", cost_breakdown::scene(doc)),
        ("amplification", amplification::scene(doc)),
    ]
}

/// What a chart's subtitle says about the runs behind it.
fn runs(doc: &Document) -> String {
    match doc.replications {
        1 => "one replication".to_owned(),
        n => format!("{n} replications"),
    }
}

#[cfg(test)]
mod tests {
    use super::scene::{Anchor, Shape};
    use super::*;
    use crate::report::fixture;

    /// Set to a directory, the variable makes the tests leave their pictures there, to look at.
    fn keep(folder: &str, charts: &[Chart]) {
        if let Some(root) = std::env::var_os("SQUALL_PICTURES") {
            let folder = std::path::Path::new(&root).join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for chart in charts {
                std::fs::write(folder.join(format!("{}.png", chart.name)), &chart.png).unwrap();
                std::fs::write(folder.join(format!("{}.svg", chart.name)), &chart.svg).unwrap();
            }
        }
    }

    /// Every text lies in the picture and overlaps no other text.
    fn legible(name: &str, scene: &Scene) {
        let mut boxes: Vec<([f64; 4], &str)> = Vec::new();
        for shape in &scene.shapes {
            let Shape::Text {
                text,
                at,
                anchor,
                ink,
            } = shape
            else {
                continue;
            };
            let width = font::width(text, *ink);
            let left = match anchor {
                Anchor::Start => at.0,
                Anchor::Middle => at.0 - width / 2.0,
                Anchor::End => at.0 - width,
            };
            let half = ink.size * 0.45;
            let it = [left, at.1 - half, left + width, at.1 + half];
            assert!(
                it[0] >= 0.0 && it[2] <= scene.width,
                "{name}: {text:?} is cut off"
            );
            assert!(
                it[1] >= 0.0 && it[3] <= scene.height,
                "{name}: {text:?} is cut off"
            );
            for (other, what) in &boxes {
                let apart = it[2] <= other[0]
                    || other[2] <= it[0]
                    || it[3] <= other[1]
                    || other[3] <= it[1];
                assert!(apart, "{name}: {text:?} overlaps {what:?}");
            }
            boxes.push((it, text));
        }
    }

    #[test]
    fn texts_never_overlap() {
        for n in 1..=12 {
            for doc in [fixture::document(n), fixture::empty(n), fixture::zeros(n)] {
                for (name, scene) in scenes(&doc) {
                    legible(&format!("{name} of {n}"), &scene);
                }
            }
        }
    }

    #[test]
    fn a_grid_is_legible() {
        let curve = |slope: f64| {
            (1..20)
                .map(|i| (10 * i, slope * f64::from(i), slope))
                .collect()
        };
        let names = ["none", "exponential", "equal-jitter", "full-jitter", "x"];
        let slopes = [1e4, 3e3, 500.0, 20.0, 1.0];
        let curves: Vec<_> = names.into_iter().zip(slopes.map(curve)).collect();
        legible("grid", &grid::scene(&curves, 100));
        assert!(
            grid_chart(&curves, 100)
                .unwrap()
                .png
                .starts_with(b"\x89PNG")
        );
    }

    #[test]
    fn every_shape_of_document_is_drawn() {
        for (folder, doc) in [
            ("2", fixture::document(2)),
            ("6", fixture::document(6)),
            ("10", fixture::document(10)),
            ("empty", fixture::empty(3)),
            ("zeros", fixture::zeros(3)),
        ] {
            let charts = charts(&doc).unwrap();
            keep(folder, &charts);
            for chart in &charts {
                assert!(chart.svg.ends_with("</svg>\n"), "{}", chart.name);
                assert!(chart.png.starts_with(b"\x89PNG"), "{}", chart.name);
                assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"));
            }
        }
    }

    #[test]
    fn few_and_equal_replications_are_drawn() {
        let mut doc = fixture::document(4);
        for (i, policy) in doc.policies.iter_mut().enumerate() {
            policy.spend_samples.truncate([1, 2, 25, 60][i]);
        }
        doc.policies[3].spend_samples.fill(14.5);
        doc.replications = 1;
        keep("few", &charts(&doc).unwrap());
        for (name, scene) in scenes(&doc) {
            legible(name, &scene);
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut doc = fixture::document(fixture::HOSTILE.len());
        for (policy, name) in doc.policies.iter_mut().zip(fixture::HOSTILE) {
            policy.name = name.repeat(30);
            policy.spend_by_cause[0].cause = name.repeat(30);
        }
        doc.scenario = fixture::HOSTILE[0].repeat(30);
        for chart in charts(&doc).unwrap() {
            assert!(!chart.svg.contains("<script"), "{}", chart.name);
            let bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!chart.svg.contains(bad), "{}", chart.name);
        }
        for (name, scene) in scenes(&doc) {
            legible(name, &scene);
        }
    }
}
