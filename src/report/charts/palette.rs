//! Colours and inks.
//!
//! Okabe & Ito, "Color Universal Design" (2008): eight colours that readers with any common kind
//! of colour blindness can tell apart. Policies also differ by dashes.

use super::scene::{Dash, Ink, Paint};
use crate::wire::Outcome;

const BLUE: Paint = Paint::hex(0x00_72_B2);
const ORANGE: Paint = Paint::hex(0xE6_9F_00);
const GREEN: Paint = Paint::hex(0x00_9E_73);
const VERMILLION: Paint = Paint::hex(0xD5_5E_00);
const PURPLE: Paint = Paint::hex(0xCC_79_A7);
const SKY: Paint = Paint::hex(0x56_B4_E9);
const YELLOW: Paint = Paint::hex(0xF0_E4_42);
const INK: Paint = Paint::hex(0x1F_24_30);
const GREY: Paint = Paint::hex(0x5B_63_70);
const PALE: Paint = Paint::hex(0xB4_BA_C4);

/// Grid lines.
pub(super) const GRID: Paint = Paint::hex(0xE6_E9_EE);
/// Axis lines.
pub(super) const AXIS: Paint = Paint::hex(0x8A_92_9E);
/// Outages.
pub(super) const OUTAGE: Paint = Paint::hex(0xE9_EB_EF);
/// Marks on data: whiskers, the ideal.
pub(super) const MARK: Paint = INK;
/// Dollars whose result was used.
pub(super) const USED: Paint = PALE;
/// Dollars thrown away.
pub(super) const WASTED: Paint = Paint::hex(0x4A_4F_5A);

/// A chart's title.
pub(super) const TITLE: Ink = ink(19.0, true, INK);
/// What stands below the title.
pub(super) const SUBTITLE: Ink = ink(13.0, false, GREY);
/// Names and values.
pub(super) const LABEL: Ink = ink(13.0, false, INK);
/// Names and values that matter more.
pub(super) const STRONG: Ink = ink(13.0, true, INK);
/// Ticks, axis titles and asides.
pub(super) const SMALL: Ink = ink(12.0, false, GREY);

const fn ink(size: f64, bold: bool, paint: Paint) -> Ink {
    Ink { size, bold, paint }
}

/// How a policy is drawn: the same in every chart.
#[derive(Clone, Copy)]
pub(super) struct PolicyStyle {
    /// Its colour.
    pub paint: Paint,
    /// Its dashes.
    pub dash: Dash,
}

/// The style of the policy at that place. Ten differ in both; from then on they repeat.
pub(super) fn policy(index: usize) -> PolicyStyle {
    const STYLES: [(Paint, Dash); 10] = [
        (VERMILLION, &[]),
        (BLUE, &[9.0, 3.0]),
        (GREEN, &[3.0, 3.0]),
        (PURPLE, &[12.0, 3.0, 3.0, 3.0]),
        (ORANGE, &[16.0, 4.0]),
        (SKY, &[6.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        (INK, &[2.0, 4.0]),
        (Paint::hex(0x8C_51_0A), &[6.0, 6.0]),
        (Paint::hex(0x7A_82_8E), &[20.0, 3.0, 6.0, 3.0]),
        (Paint::hex(0x4B_3C_8E), &[1.5, 2.5]),
    ];
    let (paint, dash) = STYLES[index % STYLES.len()];
    PolicyStyle { paint, dash }
}

/// Outcomes as charts group them: nine that can be told apart, from the bottom of a stack to its
/// top. Each has a name, a colour and its rows in [`crate::experiment::document::Series`].
pub(super) const OUTCOMES: [(&str, Paint, &[usize]); 9] = [
    ("ok", GREEN, &[Outcome::Ok as usize]),
    ("invalid", YELLOW, &[Outcome::Invalid as usize]),
    ("timeout", BLUE, &[Outcome::Timeout as usize]),
    (
        "transient (5xx)",
        VERMILLION,
        &[Outcome::Transient as usize],
    ),
    ("overloaded (529)", PURPLE, &[Outcome::Overloaded as usize]),
    (
        "rate limited (429)",
        ORANGE,
        &[Outcome::RateLimited as usize],
    ),
    (
        "permanent",
        Paint::hex(0x3A_3F_4A),
        &[
            Outcome::Permanent as usize,
            Outcome::ContextOverflow as usize,
        ],
    ),
    (
        "refused by the client",
        SKY,
        &[
            Outcome::CircuitOpen as usize,
            Outcome::Rejected as usize,
            Outcome::BudgetExceeded as usize,
        ],
    ),
    ("still open", PALE, &[Outcome::COUNT]),
];

/// Scopes that dollars are spent at, from the left of a bar to its right, and their colours.
pub(super) const SCOPES: [(&str, Paint); 6] = [
    ("first", BLUE),
    ("tool", ORANGE),
    ("llm", SKY),
    ("turn", VERMILLION),
    ("task", PURPLE),
    ("fleet", YELLOW),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_series_is_drawn_once() {
        let mut rows: Vec<usize> = OUTCOMES
            .iter()
            .flat_map(|(_, _, rows)| *rows)
            .copied()
            .collect();
        rows.sort_unstable();
        let all: Vec<usize> = (0..=Outcome::COUNT).collect();
        assert_eq!(rows, all);
    }

    #[test]
    fn ten_policies_look_different() {
        for i in 0..10 {
            for j in 0..i {
                assert_ne!(policy(i).paint, policy(j).paint);
                assert_ne!(policy(i).dash, policy(j).dash);
            }
        }
    }
}
