//! The embedded font: a Latin subset of DejaVu Sans (see `fonts/LICENSE`), and how wide texts are.
//!
//! Charts are laid out with it, so that they look the same on a machine without fonts. An SVG
//! names it first and falls back to fonts of much the same width.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, PxScaleFont, ScaleFont, point};

use super::scene::{Ink, Point};
use crate::report::format::visible;

/// The font family, as an SVG names it.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

static REGULAR: &[u8] = include_bytes!("../fonts/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold-subset.ttf");

static FACES: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, BOLD].map(|bytes| {
        FontRef::try_from_slice(bytes).expect("the embedded fonts are valid: a test reads them")
    })
});

/// Height of a line (ascent and descent) over the em; the font library scales by the former.
fn line_over_em() -> f64 {
    let face = &FACES[0];
    let em = face.units_per_em().unwrap_or(2048.0);
    f64::from(face.height_unscaled() / em)
}

/// How wide the text is \[logical pixels\].
pub(super) fn width(text: &str, ink: Ink) -> f64 {
    let face = face(ink, 1.0);
    let advances = text.chars().map(|c| face.h_advance(face.glyph_id(c)));
    advances.map(f64::from).sum()
}

/// The pixels of a text whose baseline begins at `origin`, each with how much of it is covered;
/// `units` pixels make a logical one.
pub(super) fn pixels(text: &str, origin: Point, ink: Ink, units: f64) -> Vec<(i32, i32, f32)> {
    let face = face(ink, units);
    let mut x = origin.0 as f32;
    let mut pixels = Vec::new();
    for c in text.chars() {
        let id = face.glyph_id(c);
        let glyph = id.with_scale_and_position(face.scale(), point(x, origin.1 as f32));
        if let Some(outline) = face.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, cover| {
                let at = (corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
                if cover > 0.0 {
                    pixels.push((at.0, at.1, cover.min(1.0)));
                }
            });
        }
        x += face.h_advance(id);
    }
    pixels
}

fn face(ink: Ink, units: f64) -> PxScaleFont<&'static FontRef<'static>> {
    let face = &FACES[usize::from(ink.bold)];
    face.as_scaled(PxScale::from((ink.size * units * line_over_em()) as f32))
}

/// The name as a chart can show it, cut to `room` pixels with `…` where something is missing.
/// Characters that the embedded font lacks become `\u{FFFD}`, alike in SVG and PNG.
pub(super) fn fitted(name: &str, room: f64, ink: Ink) -> String {
    let known = |c: char| match FACES[usize::from(ink.bold)].glyph_id(c).0 {
        0 => '\u{FFFD}',
        _ => c,
    };
    let name: String = visible(name).chars().map(known).collect();
    let name = if name.is_empty() {
        "(no name)".to_owned()
    } else {
        name
    };
    if width(&name, ink) <= room {
        return name;
    }
    let mut out = String::new();
    for c in name.chars() {
        out.push(c);
        if width(&out, ink) + width("…", ink) > room {
            out.pop();
            break;
        }
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::palette;

    #[test]
    fn the_embedded_fonts_have_what_charts_write() {
        for face in FACES.iter() {
            for c in "azAZ09äéß$%×±…–—≤≥µ·•−→≈\u{FFFD}".chars() {
                assert_ne!(face.glyph_id(c).0, 0, "{c}");
            }
        }
    }

    #[test]
    fn a_name_fits_its_room() {
        let ink = palette::LABEL;
        let long = fitted(&"wide".repeat(250), 120.0, ink);
        assert!(long.ends_with('…') && width(&long, ink) <= 120.0);
        assert_eq!(fitted("short", 120.0, ink), "short");
        assert_eq!(fitted("日\n", 120.0, ink), "\u{FFFD}\\n");
    }
}
