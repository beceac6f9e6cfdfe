//! `aws-backoff`: calls and time over the number of clients, one curve a policy.

use super::axis::{Scale, plain};
use super::frame::{self, MARGIN, Plot};
use super::palette;
use super::scene::Scene;
use super::{Chart, ChartError, WIDTH, render};

/// A curve: a policy, and its points (clients, mean calls, mean milliseconds).
pub type GridCurve = (&'static str, Vec<(u32, f64, f64)>);

/// Height of a panel.
const PANEL: f64 = 240.0;

/// The chart of a grid of so many runs a point.
pub fn grid_chart(curves: &[GridCurve], runs: u32) -> Result<Chart, ChartError> {
    let scene = scene(curves, runs);
    Ok(Chart {
        name: "aws-backoff",
        svg: render::svg(&scene)?,
        png: render::png(&scene)?,
    })
}

pub(super) fn scene(curves: &[GridCurve], runs: u32) -> Scene {
    let mut scene = Scene::new(WIDTH, 0.0, "Clients that contend for one row");
    let subtitle = format!("five ways to back off, mean of {runs} runs a point");
    let top = frame::header(&mut scene, &subtitle);
    let names = curves.iter().enumerate();
    let names = names.map(|(i, (name, _))| ((*name).to_owned(), palette::policy(i).paint));
    let top = frame::legend(&mut scene, top, &names.collect::<Vec<_>>()) + 14.0;
    let calls = |point: &(u32, f64, f64)| point.1;
    let seconds = |point: &(u32, f64, f64)| point.2 / 1e3;
    let bottom = panel(
        &mut scene,
        curves,
        top,
        calls,
        "calls, over the number of clients",
    );
    let title = "seconds until the last is done (log scale), over the number of clients";
    scene.height = panel(&mut scene, curves, bottom, seconds, title);
    scene
}

/// Draws one panel; returns where it ends.
fn panel(
    scene: &mut Scene,
    curves: &[GridCurve],
    top: f64,
    value: fn(&(u32, f64, f64)) -> f64,
    title: &str,
) -> f64 {
    let plot = Plot {
        left: MARGIN + 50.0,
        top,
        width: WIDTH - 2.0 * MARGIN - 60.0,
        height: PANEL,
    };
    let points = || curves.iter().flat_map(|(_, points)| points);
    let high = points().map(value).fold(1e-9, f64::max);
    let low = points().map(value).fold(high, f64::min);
    let clients = points().map(|p| f64::from(p.0)).fold(1.0, f64::max);
    let across = Scale::from_zero(clients, 10);
    let up = match title.contains("log") {
        true => Scale::log(low, high),
        false => Scale::from_zero(high, 6),
    };
    frame::y_axis(scene, plot, up, &frame::labelled(up.ticks(6), plain));
    frame::x_axis(
        scene,
        plot,
        across,
        &frame::labelled(across.ticks(10), plain),
        title,
    );
    for (i, (_, points)) in curves.iter().enumerate() {
        let style = palette::policy(i);
        let at = |p: &(u32, f64, f64)| {
            let x = plot.x(across.place(f64::from(p.0)));
            (x, plot.y(up.place(value(p)).clamp(0.0, 1.0)))
        };
        scene.line(
            points.iter().map(at).collect(),
            style.paint,
            2.0,
            style.dash,
        );
    }
    plot.bottom() + 58.0
}
