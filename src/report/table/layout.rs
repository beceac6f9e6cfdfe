//! How the comparison table is laid out in the width that there is.

use comfy_table::{
    Cell as TableCell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle,
};
use unicode_width::UnicodeWidthStr;

use crate::experiment::document::Document;
use crate::report::format::cut;

use super::columns::{Cell, Column};
use super::{BEST_BEGIN, BEST_END, LONGEST_NAME, PLAIN_END, SHORTEST_NAME, label};

/// Heads in a list are not cut shorter than this \[columns\].
const SHORTEST_HEAD: usize = 9;

/// The widest table that fits, and the heads of the columns that did not. `None` where not even
/// the most important columns fit.
pub(super) fn table(
    doc: &Document,
    columns: &[Column],
    width: usize,
) -> Option<(String, Vec<String>)> {
    let all: Vec<&Column> = columns.iter().collect();
    for name in (SHORTEST_NAME..=LONGEST_NAME).rev() {
        let text = one_line(doc, &all, name);
        if fits(&text, width) {
            return Some((text, Vec::new()));
        }
    }
    let worst = columns.iter().map(|c| c.rank).max().unwrap_or(0);
    for rank in (1..=worst).rev() {
        for name in (SHORTEST_NAME..=LONGEST_NAME).rev() {
            let text = two_lines(doc, columns, rank, name);
            if fits(&text, width) {
                let dropped = columns.iter().filter(|c| c.rank > rank);
                return Some((text, dropped.map(|c| c.head.clone()).collect()));
            }
        }
    }
    None
}

/// One line a value, for narrow terminals.
pub(super) fn list(doc: &Document, columns: &[Column], width: usize) -> String {
    let widest = columns.iter().map(|c| c.head.width()).max().unwrap_or(0);
    let room = widest.min((width / 3).max(SHORTEST_HEAD));
    let mut out = String::new();
    for (row, policy) in doc.policies.iter().enumerate() {
        if row > 0 {
            out.push('\n');
        }
        out.push_str(&label(&policy.name, width));
        out.push('\n');
        for column in columns {
            let cell = &column.cells[row];
            let value = marked(cell);
            let space = if cell.best { "" } else { " " };
            let head = cut(&column.head, room);
            let pad = " ".repeat(room - head.width());
            let line = format!("  {head}{pad}{space}{value}");
            let long = format!("{line} {}", cell.spread);
            let shown = if long.width() <= width { long } else { line };
            out.push_str(shown.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Each column beside the next, each policy in one line.
fn one_line(doc: &Document, columns: &[&Column], name: usize) -> String {
    let mut table = empty();
    let heads = columns
        .iter()
        .map(|c| match c.cells.iter().any(|c| !c.spread.is_empty()) {
            true => format!("{} ±95% ", c.head),
            false => format!("{} ", c.head),
        });
    table.set_header(std::iter::once("policy".to_owned()).chain(heads));
    for (row, policy) in doc.policies.iter().enumerate() {
        let cells = columns.iter().map(|column| {
            let cell = &column.cells[row];
            let spread = column
                .cells
                .iter()
                .map(|c| c.spread.width())
                .max()
                .unwrap_or(0);
            match spread {
                0 => marked(cell),
                widest => format!("{} {:>widest$}", marked(cell), cell.spread),
            }
        });
        let name = label(&policy.name, name);
        table.add_row(std::iter::once(name).chain(cells).map(TableCell::new));
    }
    finished(table)
}

/// Columns in pairs, one above the other, each policy in two lines; only ranks up to `rank`.
fn two_lines(doc: &Document, columns: &[Column], rank: u8, name: usize) -> String {
    let is_below = |i: usize| columns.iter().any(|c| c.above == Some(i));
    let tops: Vec<&Column> = (0..columns.len())
        .filter(|i| columns[*i].rank <= rank && !is_below(*i))
        .map(|i| &columns[i])
        .collect();
    let mut table = empty();
    let spaced = TableStyle::new()
        .header_separator(LineStyle::new(' ', '─', '─', ' '))
        .row_separator(LineStyle::new(' ', ' ', ' ', ' '));
    table.load_style(spaced);
    let heads = tops.iter().map(|top| match top.above {
        Some(below) => format!("{} \n{} ", top.head, columns[below].head),
        // The baseline's name below, so that it makes the column no wider than its numbers.
        None if top.head.starts_with("vs ") => format!("vs \n{} ", &top.head["vs ".len()..]),
        None if top.cells.iter().any(|c| !c.spread.is_empty()) => {
            format!("{} \n±95% ", top.head)
        }
        None => format!("{} ", top.head),
    });
    table.set_header(std::iter::once("policy".to_owned()).chain(heads));
    for (row, policy) in doc.policies.iter().enumerate() {
        let cells = tops.iter().map(|top| {
            let first = marked(&top.cells[row]);
            match top.above {
                Some(below) => format!("{first}\n{}", marked(&columns[below].cells[row])),
                None => format!("{first}\n{}{PLAIN_END}", top.cells[row].spread),
            }
        });
        let name = label(&policy.name, name);
        table.add_row(std::iter::once(name).chain(cells).map(TableCell::new));
    }
    finished(table)
}

/// A cell's value with the placeholders that say whether it is the best.
fn marked(cell: &Cell) -> String {
    match cell.best {
        true => format!("{BEST_BEGIN}{}{BEST_END}", cell.text),
        false => format!("{}{PLAIN_END}", cell.text),
    }
}

fn empty() -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::new(' ', '─', '─', ' ')))
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The table's text: names to the left, numbers to the right.
fn finished(mut table: Table) -> String {
    for (i, column) in table.column_iter_mut().enumerate() {
        let (side, padding) = match i {
            0 => (CellAlignment::Left, (0, 1)),
            _ => (CellAlignment::Right, (1, 0)),
        };
        column.set_cell_alignment(side);
        column.set_padding(padding);
    }
    table.trim_fmt()
}

fn fits(text: &str, width: usize) -> bool {
    text.lines()
        .all(|line| line.trim_end_matches([' ', PLAIN_END]).width() <= width)
}
