//! The comparison table for the terminal: one row a policy, the best of each column marked.
//!
//! It fits the width that it is given: all columns in one line where there is room, else two
//! lines a policy, else fewer columns, else a list. What was left out is said below.

mod columns;
mod fleets;
mod layers;
mod layout;
mod notes;

use anstyle::{AnsiColor, Style};

use crate::experiment::document::Document;

use super::format::{cut, visible};
use columns::columns;
pub use fleets::fleets;
pub use layers::layers;

/// Narrower terminals get a list instead of a table.
const NARROWEST_TABLE: usize = 60;
/// The narrowest width that anything is laid out for.
const NARROWEST: usize = 24;
/// The longest policy name in a table \[columns\].
const LONGEST_NAME: usize = 32;
/// Names are not cut shorter than this before columns are dropped \[columns\].
const SHORTEST_NAME: usize = 14;

/// The table, its notes and its legend, at most `width` columns wide, with a final newline.
///
/// With `colour`, ANSI codes mark the best of each column and the verdicts; without, `*` marks the
/// best. Nothing is marked where all are equal.
pub fn comparison(doc: &Document, width: usize, colour: bool) -> String {
    let width = width.max(NARROWEST);
    let mut out = notes::title(doc, width, colour);
    let columns = columns(doc);
    let (body, dropped) = match width {
        w if w < NARROWEST_TABLE => (layout::list(doc, &columns, width), Vec::new()),
        _ => layout::table(doc, &columns, width)
            .unwrap_or_else(|| (layout::list(doc, &columns, width), Vec::new())),
    };
    out.push('\n');
    out.push_str(&painted(&body, colour));
    out.push('\n');
    out.push_str(&notes::below(doc, &columns, &dropped, width, colour));
    out
}

/// A policy's name as it can be shown: visible, cut, never empty.
fn label(name: &str, columns: usize) -> String {
    match name {
        "" => cut("(no name)", columns),
        name => cut(&visible(name), columns),
    }
}

/// Stands before a marked value while the table is laid out; as wide as a space. Names cannot
/// contain it ([`visible`] escapes private-use characters).
const BEST_BEGIN: char = '\u{E000}';
/// Stands after a marked value; as wide as `*`.
const BEST_END: char = '\u{E001}';
/// Stands after an unmarked value, so that digits stay in line.
const PLAIN_END: char = '\u{E002}';

const BEST: Style = AnsiColor::Green.on_default().bold();

/// The laid-out text with its placeholders replaced, without spaces at the ends of lines.
fn painted(text: &str, colour: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim_end_matches([' ', PLAIN_END]);
        for c in line.chars() {
            match (c, colour) {
                (BEST_BEGIN, true) => out.push_str(&format!(" {}", BEST.render())),
                (BEST_END, true) => out.push_str(&format!("{} ", BEST.render_reset())),
                (BEST_END, false) => out.push('*'),
                (BEST_BEGIN, false) | (PLAIN_END, _) => out.push(' '),
                (c, _) => out.push(c),
            }
        }
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::report::fixture;

    fn fits(text: &str, width: usize) {
        for line in text.lines() {
            assert!(line.width() <= width, "{} columns: {line:?}", line.width());
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for policies in [1, 2, 6, 10, 23] {
            for width in [0, 24, 40, 59, 60, 72, 80, 100, 120, 160, 200, 400] {
                for doc in [fixture::document(policies), fixture::empty(policies)] {
                    fits(&comparison(&doc, width, false), width.max(NARROWEST));
                }
            }
        }
    }

    #[test]
    fn hostile_names_neither_break_lines_nor_reach_the_terminal() {
        for name in fixture::HOSTILE {
            let mut doc = fixture::document(2);
            doc.policies[0].name = name.repeat(40);
            doc.policies[1].name = (*name).to_owned();
            doc.warnings = vec![name.repeat(40)];
            doc.thresholds[0].text = (*name).to_owned();
            for width in [40, 80, 200] {
                let text = comparison(&doc, width, false);
                fits(&text, width);
                let bad =
                    |c: char| c.is_control() && c != '\n' || visible(&c.to_string()).len() > 5;
                assert!(!text.contains(bad), "{text}");
            }
        }
    }

    #[test]
    fn colour_changes_no_letter() {
        let doc = fixture::document(4);
        let plain = comparison(&doc, 120, false);
        let colour = comparison(&doc, 120, true);
        assert!(colour.contains("\u{1b}[1m\u{1b}[32m"));
        let mut stripped = String::new();
        let mut rest = colour.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            stripped.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        stripped.push_str(rest);
        let table = |s: &str| -> Vec<String> {
            let rows = s.split("best").next().unwrap().replace(['*', ':'], " ");
            let words = rows.split_whitespace().filter(|w| *w != "green");
            words.map(str::to_owned).collect()
        };
        assert_eq!(table(&plain), table(&stripped));
    }

    #[test]
    fn one_policy_alone_is_not_the_best() {
        let text = comparison(&fixture::document(1), 200, false);
        let table = text.split("* best").next().unwrap();
        assert!(!table.contains('*'), "{text}");
    }

    #[test]
    fn at_eighty_columns() {
        insta::assert_snapshot!(comparison(&fixture::document(4), 80, false));
    }

    #[test]
    fn at_a_hundred_and_twenty_columns() {
        insta::assert_snapshot!(comparison(&fixture::document(4), 120, false));
    }

    #[test]
    fn at_two_hundred_columns() {
        insta::assert_snapshot!(comparison(&fixture::document(4), 200, false));
    }

    #[test]
    fn at_forty_columns() {
        insta::assert_snapshot!(comparison(&fixture::document(2), 40, false));
    }
}
