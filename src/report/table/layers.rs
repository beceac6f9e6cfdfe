//! What the nested retry layers did: who asked for which attempts, and what each of them saw.
//!
//! A log that a layer writes shows its own tries; those of the layers inside it are hidden from it.

use crate::experiment::document::{Document, LayerResult, NestingResult};
use crate::report::format::{NO_VALUE, count, cut, seconds, visible};
use crate::report::story::layers::retries;

use super::{NARROWEST, label};

/// The columns of numbers, and the width of each \[columns\].
const HEADS: [&str; 4] = ["asked for", "log shows", "on wire", "waited"];
const CELL: usize = 11;

/// The retry layers of each policy and the worst that their nesting can make of one call, at most
/// `width` columns wide, with a final newline. Empty if no policy has a retry layer.
pub fn layers(doc: &Document, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut out = String::new();
    for policy in &doc.policies {
        let retries: Vec<&LayerResult> = retries(policy).collect();
        if retries.is_empty() {
            continue;
        }
        out.push_str(&head(&policy.name, width));
        for layer in retries {
            out.push_str(&row(layer, width));
        }
        for nesting in &policy.nesting {
            out.push_str(&worst(doc, nesting, width));
        }
        out.push('\n');
    }
    if !out.is_empty() {
        let legend = "Means of a run. Asked for: attempts on the wire of which it is the cause; log \
                      shows: tries that it made itself; on wire: all attempts below it.";
        for line in super::notes::wrapped(legend, width, 0) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// Whether there is room for the numbers beside the labels.
fn is_wide(width: usize) -> bool {
    width >= 60
}

/// A label or name, padded to the room that the numbers leave.
fn first(text: &str, width: usize) -> String {
    let room = width - HEADS.len() * CELL;
    let text = cut(text, room);
    let pad = " ".repeat(room - unicode_width::UnicodeWidthStr::width(text.as_str()));
    text + &pad
}

fn head(name: &str, width: usize) -> String {
    if !is_wide(width) {
        return format!("{}\n", label(name, width));
    }
    let heads: String = HEADS.iter().map(|head| format!("{head:>CELL$}")).collect();
    format!("{}{heads}\n", first(&label(name, width), width))
}

fn row(layer: &LayerResult, width: usize) -> String {
    let cells = [
        count(layer.attempts_caused),
        count(layer.attempts_visible.unwrap_or_default()),
        count(layer.attempts_on_wire),
        seconds(layer.waited_seconds),
    ];
    let text = visible(&layer.label);
    if is_wide(width) {
        let cells: String = cells.iter().map(|cell| format!("{cell:>CELL$}")).collect();
        return format!("{}{cells}\n", first(&format!("  {text}"), width));
    }
    let mut out = format!("{}\n", cut(&format!("  {text}"), width));
    for (head, cell) in HEADS.iter().zip(cells) {
        out.push_str(&cut(&format!("    {head:<10}{cell}"), width));
        out.push('\n');
    }
    out
}

/// The worst of one call, and the most that was seen.
fn worst(doc: &Document, nesting: &NestingResult, width: usize) -> String {
    let target = doc.targets.get(nesting.target).map_or("", |t| &t.name);
    let attempts = match nesting.worst_attempts {
        Some(n) => format!("{n} attempts"),
        None => "unlimited attempts".to_owned(),
    };
    let wait = match nesting.worst_wait_seconds {
        Some(0.0) => "no wait".to_owned(),
        Some(wait) => format!("{} of waits", seconds(wait)),
        None => "waits without end".to_owned(),
    };
    let most = match nesting.most_attempts {
        0 => NO_VALUE.to_owned(),
        n => n.to_string(),
    };
    let text = format!(
        "  worst of one call of {} by {}: {attempts}, {wait}; most simulated: {most}",
        visible(target),
        visible(&nesting.fleet)
    );
    let lines = super::notes::wrapped(&text, width, 4);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::report::fixture;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [24, 40, 60, 80, 200] {
            let mut doc = fixture::document(3);
            doc.policies[0].name = fixture::HOSTILE[2].repeat(9);
            doc.policies[0].layers[0].label = fixture::HOSTILE[3].repeat(9);
            for line in layers(&doc, width).lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
        }
    }

    #[test]
    fn what_a_log_shows_stands_beside_what_was_on_the_wire() {
        let text = layers(&fixture::document(2), 80);
        let row = text.lines().nth(1).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[..5], ["tool[1]", "retry", "40.5", "1,543", "1,540"]);
        // However the lines are broken.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("sandbox by workers: unlimited attempts, waits without end; most"),
            "{text}"
        );
        assert!(
            text.contains("27 attempts, 1m 03s of waits; most simulated: 12"),
            "{text}"
        );
    }

    #[test]
    fn without_retry_layers_there_is_nothing_to_show() {
        let mut doc = fixture::document(1);
        doc.policies[0].layers.clear();
        assert_eq!(layers(&doc, 80), "");
    }
}
