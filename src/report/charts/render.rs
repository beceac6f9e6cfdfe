//! Scenes to SVG and PNG; the only file that draws with the plotting library.
//!
//! Its coordinates are integers, so a scene is drawn four times as large. An SVG says so in its
//! view box; a PNG is averaged down to twice the logical size, which smooths every edge.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBAColor, ShapeStyle, TextStyle};

use super::ChartError;
use super::font;
use super::scene::{Anchor, Ink, Paint, Point, Scene, Shape};

/// Drawing units for one logical pixel.
const UNITS: f64 = 4.0;
/// Drawing units averaged into one pixel of a PNG, each way.
const AVERAGED: usize = 2;
/// The plotting library divides an SVG's font size by this.
const SVG_FONT_DIVISOR: f64 = 1.24;
/// Where it puts the baseline below the top of a text \[em\].
const SVG_TOP: f64 = 0.76;
/// How far a text's baseline is below its position \[em\]: near the middle of capitals and of small
/// letters.
const BASELINE: f64 = 0.33;

/// The scene as an SVG document.
pub(super) fn svg(scene: &Scene) -> Result<String, ChartError> {
    let (width, height) = units(scene);
    let mut text = String::new();
    {
        let mut backend = plotters::backend::SVGBackend::with_string(&mut text, (width, height));
        draw(&mut backend, scene, svg_text)?;
        backend.present().map_err(failed)?;
    }
    let body = text.split_once(">\n").map_or("", |(_, body)| body);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} \
         {height}\" role=\"img\">\n<title>{}</title>\n{body}",
        scene.width,
        scene.height,
        escaped(&scene.title)
    ))
}

/// The scene as a PNG.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, ChartError> {
    let (width, height) = units(scene);
    let mut pixels = vec![255; width as usize * height as usize * 3];
    {
        let mut backend =
            plotters::backend::BitMapBackend::with_buffer(&mut pixels, (width, height));
        draw(&mut backend, scene, png_text)?;
        backend.present().map_err(failed)?;
    }
    let (small, width, height) = averaged(&pixels, width as usize, height as usize);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&small)?;
    writer.finish()?;
    Ok(bytes)
}

fn units(scene: &Scene) -> (u32, u32) {
    let size = |pixels: f64| (pixels * UNITS).round() as u32;
    (size(scene.width), size(scene.height))
}

/// Each square of [`AVERAGED`] pixels as one, rounded to nearest.
fn averaged(pixels: &[u8], width: usize, height: usize) -> (Vec<u8>, usize, usize) {
    let (columns, rows) = (width / AVERAGED, height / AVERAGED);
    let mut out = Vec::with_capacity(columns * rows * 3);
    let count = (AVERAGED * AVERAGED) as u32;
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let mut sum = 0;
                for dy in 0..AVERAGED {
                    let start = (row * AVERAGED + dy) * width + column * AVERAGED;
                    for dx in 0..AVERAGED {
                        sum += u32::from(pixels[(start + dx) * 3 + channel]);
                    }
                }
                out.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    (out, columns, rows)
}

fn draw<B: DrawingBackend>(
    backend: &mut B,
    scene: &Scene,
    write: fn(&mut B, &str, Point, Anchor, Ink) -> Result<(), ChartError>,
) -> Result<(), ChartError> {
    let corner = (units(scene).0 as i32, units(scene).1 as i32);
    let white = filled(Paint::hex(0xFF_FF_FF));
    backend
        .draw_rect((0, 0), corner, &white, true)
        .map_err(failed)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Area { points, paint } => {
                let points: Vec<_> = points.iter().map(at).collect();
                backend
                    .fill_polygon(points, &filled(*paint))
                    .map_err(failed)?;
            }
            Shape::Line {
                points,
                paint,
                width,
                dash,
            } => {
                let style = ShapeStyle {
                    stroke_width: (width * UNITS).round() as u32,
                    ..filled(*paint)
                };
                for piece in dashed(points, dash) {
                    backend
                        .draw_path(piece.iter().map(at), &style)
                        .map_err(failed)?;
                }
            }
            Shape::Dot {
                at: centre,
                radius,
                paint,
            } => {
                let radius = (radius * UNITS).round() as u32;
                let style = filled(*paint);
                backend
                    .draw_circle(at(centre), radius, &style, true)
                    .map_err(failed)?;
            }
            Shape::Text {
                text,
                at: place,
                anchor,
                ink,
            } => {
                write(backend, text, *place, *anchor, *ink)?;
            }
        }
    }
    Ok(())
}

fn at(point: &Point) -> (i32, i32) {
    (
        (point.0 * UNITS).round() as i32,
        (point.1 * UNITS).round() as i32,
    )
}

fn colour(paint: Paint) -> RGBAColor {
    let (r, g, b) = paint.rgb;
    RGBAColor(r, g, b, paint.opacity)
}

fn filled(paint: Paint) -> ShapeStyle {
    ShapeStyle {
        color: colour(paint),
        filled: true,
        stroke_width: 1,
    }
}

/// Writes a text as a text, in a font that the reader's machine has.
fn svg_text<B: DrawingBackend>(
    backend: &mut B,
    text: &str,
    (x, y): Point,
    anchor: Anchor,
    ink: Ink,
) -> Result<(), ChartError> {
    let weight = match ink.bold {
        true => FontStyle::Bold,
        false => FontStyle::Normal,
    };
    let side = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = (font::FAMILY, ink.size * UNITS * SVG_FONT_DIVISOR, weight).into_font();
    let mut style = TextStyle::from(font).pos(Pos::new(side, VPos::Top));
    style.color = colour(ink.paint).to_backend_color();
    let top = (x, y + (BASELINE - SVG_TOP) * ink.size);
    backend.draw_text(text, &style, at(&top)).map_err(failed)
}

/// Draws a text's glyphs from the embedded font.
fn png_text<B: DrawingBackend>(
    backend: &mut B,
    text: &str,
    (x, y): Point,
    anchor: Anchor,
    ink: Ink,
) -> Result<(), ChartError> {
    let width = font::width(text, ink);
    let left = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    let origin = (left * UNITS, (y + BASELINE * ink.size) * UNITS);
    let (columns, rows) = backend.get_size();
    for (x, y, cover) in font::pixels(text, origin, ink, UNITS) {
        if x >= 0 && y >= 0 && x < columns as i32 && y < rows as i32 {
            let paint = ink.paint.faded(ink.paint.opacity * f64::from(cover));
            let colour = colour(paint).to_backend_color();
            backend.draw_pixel((x, y), colour).map_err(failed)?;
        }
    }
    Ok(())
}

/// The pieces of a line that its dashes leave.
fn dashed(points: &[Point], dash: &[f64]) -> Vec<Vec<Point>> {
    if dash.iter().sum::<f64>() <= 0.0 {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut place, mut left) = (0, dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = (dx * dx + dy * dy).sqrt();
            if length <= left {
                left -= length;
                piece.push(to);
                break;
            }
            from = (from.0 + dx * left / length, from.1 + dy * left / length);
            piece.push(from);
            if place % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            place += 1;
            left = dash[place % dash.len()];
        }
    }
    if place % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Text that is safe between XML tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn failed(error: impl std::fmt::Display) -> ChartError {
    ChartError::Draw(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_leave_gaps_and_keep_corners() {
        let pieces = dashed(&[(0.0, 0.0), (10.0, 0.0)], &[4.0, 2.0]);
        assert_eq!(
            pieces,
            [[(0.0, 0.0), (4.0, 0.0)], [(6.0, 0.0), (10.0, 0.0)]]
        );
        let corner = dashed(&[(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)], &[4.0, 9.0]);
        assert_eq!(corner, [[(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)]]);
    }

    #[test]
    fn averaging_rounds_to_nearest() {
        let pixels = [0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(averaged(&pixels, 2, 2), (vec![191, 191, 191], 1, 1));
    }
}
