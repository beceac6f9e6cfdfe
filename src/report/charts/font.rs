//! The embedded font: a Latin subset of DejaVu Sans (see `fonts/LICENSE`), and how wide texts are.
//!
//! Charts are laid out with it, so that they look the same on a machine without fonts. An SVG
//! names it first and falls back to fonts of much the same width.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters::style::{FontStyle, register_font};

use super::ChartError;
use super::scene::Ink;
use crate::report::format::visible;

/// The font family, as an SVG names it and as it is registered.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

static REGULAR: &[u8] = include_bytes!("../fonts/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold-subset.ttf");

static FACES: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, BOLD].map(|bytes| {
        FontRef::try_from_slice(bytes).expect("the embedded fonts are valid: a test reads them")
    })
});

/// Height of a line (ascent and descent) over the em; rasterizers scale fonts by the former.
pub(super) fn line_over_em() -> f64 {
    let face = &FACES[0];
    let em = face.units_per_em().unwrap_or(2048.0);
    f64::from(face.height_unscaled() / em)
}

/// Makes the fonts known to the plotting library; cheap when done before.
pub(super) fn register() -> Result<(), ChartError> {
    static DONE: LazyLock<bool> = LazyLock::new(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, BOLD).is_ok()
    });
    match *DONE {
        true => Ok(()),
        false => Err(ChartError::Draw("the embedded font is broken".to_owned())),
    }
}

/// How wide the text is \[logical pixels\].
pub(super) fn width(text: &str, ink: Ink) -> f64 {
    let face = &FACES[usize::from(ink.bold)];
    let scaled = face.as_scaled(PxScale::from((ink.size * line_over_em()) as f32));
    text.chars()
        .map(|c| f64::from(scaled.h_advance(scaled.glyph_id(c))))
        .sum()
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
