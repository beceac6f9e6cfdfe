//! What became of each fleet, one table a fleet: the comparison has all of them together.

use unicode_width::UnicodeWidthStr;

use crate::experiment::document::{Document, FleetResult};
use crate::report::format::{cut, visible};
use crate::report::story::fleets::{COLUMNS, Column, cell, fleets as all};

use super::{NARROWEST, label};

/// The width of a column of numbers \[columns\].
const CELL: usize = 10;
/// What the names of policies need at the least \[columns\].
const NAME: usize = 14;
/// The columns in the order in which they stay where there is little room.
const KEPT: [usize; COLUMNS.len()] = [0, 1, 2, 7, 9, 5, 3, 4, 6, 8, 10];

/// Each fleet under each policy, at most `width` columns wide, with a final newline. Empty in
/// documents that do not know it.
pub fn fleets(doc: &Document, width: usize) -> String {
    let width = width.max(NARROWEST);
    let columns = columns(width);
    let mut out = String::new();
    for (name, by_policy) in all(doc) {
        out.push_str(&head(name, &columns, width));
        for (policy, fleet) in doc.policies.iter().zip(by_policy) {
            out.push_str(&row(&policy.name, fleet, &columns, width));
        }
        out.push('\n');
    }
    if !out.is_empty() {
        let mut legend = "Means of a run; times are those of finished tasks.".to_owned();
        let left_out = COLUMNS.iter().filter(|c| !columns.contains(c));
        let heads: Vec<&str> = left_out.map(|(head, ..)| *head).collect();
        if !heads.is_empty() {
            legend.push_str(&format!(
                " No room for {}: see fleets.csv.",
                heads.join(", ")
            ));
        }
        for line in super::notes::wrapped(&legend, width, 0) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// The columns that there is room for; all of them where rows are lists.
fn columns(width: usize) -> Vec<Column> {
    let room = match is_wide(width) {
        true => (width - NAME) / CELL,
        false => COLUMNS.len(),
    };
    let mut kept = KEPT[..room.min(KEPT.len())].to_vec();
    kept.sort_unstable();
    kept.into_iter().map(|c| COLUMNS[c]).collect()
}

/// Whether there is room for numbers beside the names.
fn is_wide(width: usize) -> bool {
    width >= 60
}

/// A name, padded to the room that the numbers leave.
fn first(text: &str, columns: &[Column], width: usize) -> String {
    let room = width - columns.len() * CELL;
    let room = room.min(super::LONGEST_NAME + 2);
    let text = cut(text, room);
    let pad = " ".repeat(room - text.width());
    text + &pad
}

fn head(name: &str, columns: &[Column], width: usize) -> String {
    if !is_wide(width) {
        return format!("{}\n", label(name, width));
    }
    let heads = columns.iter().map(|(head, ..)| format!("{head:>CELL$}"));
    let heads: String = heads.collect();
    format!("{}{heads}\n", first(&label(name, width), columns, width))
}

fn row(policy: &str, fleet: &FleetResult, columns: &[Column], width: usize) -> String {
    let name = format!("  {}", label(policy, width));
    let cells = columns.iter().map(|column| cell(column, fleet));
    if is_wide(width) {
        let cells: String = cells.map(|cell| format!("{cell:>CELL$}")).collect();
        return format!("{}{cells}\n", first(&name, columns, width));
    }
    let mut out = format!("{}\n", cut(&name, width));
    for ((head, ..), cell) in columns.iter().zip(cells) {
        out.push_str(&cut(&format!("    {head:<10}{}", visible(&cell)), width));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [24, 40, 60, 80, 94, 200] {
            for mut doc in [fixture::document(3), fixture::empty(2)] {
                doc.policies[0].name = fixture::HOSTILE[2].repeat(9);
                doc.policies[0].fleets[0].name = fixture::HOSTILE[3].repeat(9);
                for line in fleets(&doc, width).lines() {
                    assert!(line.width() <= width, "{width}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn each_fleet_has_its_own_figures() {
        let text = fleets(&fixture::document(2), 120);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0][0], "workers");
        assert_eq!(rows[2][..3], ["by-the-book", "1,250", "120.0%"]);
        // An empty line between.
        assert_eq!(rows[4][0], "sub-agents");
        // The task mean: 6.5 s and the weight, of which the fixture takes a quarter more.
        assert_eq!(rows[2][7..9], ["9.38", "s"]);
        assert_eq!(rows[6][7..9], ["8.75", "s"]);
    }

    #[test]
    fn what_there_is_no_room_for_is_said() {
        let text = fleets(&fixture::document(1), 80);
        let head = text.lines().next().unwrap();
        assert!(
            head.contains("task p99") && !head.contains("task p90"),
            "{text}"
        );
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains(
                "No room for retries, wasted, task mean, task p90, p99.9: see fleets.csv."
            ),
            "{text}"
        );
        let text = fleets(&fixture::document(1), 120);
        assert!(
            text.contains("No room for p99.9: see fleets.csv."),
            "{text}"
        );
        assert!(!fleets(&fixture::document(1), 124).contains("No room"));
    }
}
