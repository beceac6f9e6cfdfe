//! The colours and dashes of the charts, for pages that draw their own: one look everywhere.

use super::palette;
use super::scene::Paint;

/// A colour as CSS writes it, and the rows of a series that it stands for.
pub type Group = (&'static str, String, &'static [usize]);

/// The colour and dashes of the policy at that place.
pub fn policy(index: usize) -> (String, &'static [f64]) {
    let style = palette::policy(index);
    (css(style.paint), style.dash)
}

/// The groups of outcomes, from the bottom of a stack to its top.
pub fn outcomes() -> Vec<Group> {
    let group =
        |(name, paint, rows): &(&'static str, Paint, &'static [usize])| (*name, css(*paint), *rows);
    palette::OUTCOMES.iter().map(group).collect()
}

/// The colour of a scope that dollars are spent at.
pub fn scope(name: &str) -> String {
    let found = palette::SCOPES.iter().find(|(scope, _)| *scope == name);
    found.map_or_else(|| "#888888".to_owned(), |(_, paint)| css(*paint))
}

fn css(paint: Paint) -> String {
    let (r, g, b) = paint.rgb;
    format!("#{r:02x}{g:02x}{b:02x}")
}
