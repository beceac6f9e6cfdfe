//! What stands around the comparison table: title, what was left out, warnings, thresholds,
//! legend.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult, ThresholdResult, Verdict};
use crate::report::format::{count, counted, money, percent, ratio, seconds, visible};

use crate::report::story::fleets::are_several;

use super::columns::{Column, Competition, competition};
use super::label;

/// The line above the table.
pub(super) fn title(doc: &Document, width: usize, colour: bool) -> String {
    let text = format!(
        "{}: {}, {}, seed {}",
        label(&doc.scenario, 40),
        counted(doc.policies.len(), "policy", "policies"),
        counted(doc.replications as usize, "replication", "replications"),
        doc.seed,
    );
    let mut out = String::new();
    for line in wrapped(&text, width, 0) {
        out.push_str(&styled(&line, Style::new().bold(), colour));
        out.push('\n');
    }
    out
}

/// Everything below the table.
pub(super) fn below(
    doc: &Document,
    columns: &[Column],
    dropped: &[String],
    width: usize,
    colour: bool,
) -> String {
    let mut out = String::new();
    let dim = Style::new().dimmed();
    for line in wrapped(&legend(doc, columns, colour), width, 0) {
        out.push_str(&styled(&line, dim, colour));
        out.push('\n');
    }
    if !dropped.is_empty() {
        let text = format!("No room for {}: see summary.csv.", dropped.join(", "));
        for line in wrapped(&text, width, 0) {
            out.push_str(&styled(&line, dim, colour));
            out.push('\n');
        }
    }
    if !doc.thresholds.is_empty() {
        out.push_str("\nThresholds\n");
        for threshold in &doc.thresholds {
            out.push_str(&verdict(threshold, width, colour));
        }
    }
    if !doc.warnings.is_empty() {
        out.push_str("\nWarnings\n");
        for warning in &doc.warnings {
            let text = format!("  - {}", visible(warning));
            for line in wrapped(&text, width, 4) {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    out
}

fn legend(doc: &Document, columns: &[Column], colour: bool) -> String {
    let mark = if colour { "green: best" } else { "* best" };
    let among = match competition(doc) {
        Competition::All => "",
        Competition::Finishing => " of the policies with at least 0.9 × the best success",
        Competition::NoSuccess => ", though no task succeeds",
    };
    let mut parts = vec![];
    let cells = || columns.iter().flat_map(|c| &c.cells);
    if cells().any(|c| c.best) {
        parts.push(format!("{mark}{among}"));
    }
    if cells().any(|c| !c.spread.is_empty()) {
        parts.push("±95%: half of the mean's 95% t interval".to_owned());
    }
    if doc.policies.iter().any(is_exact) {
        parts.push("no ±: every replication spends the same".to_owned());
    }
    if let [first, _, ..] = doc.policies.as_slice() {
        let name = label(&first.name, 24);
        parts.push(format!(
            "vs {name}: difference in spend, paired by replication"
        ));
    }
    if are_several(doc) {
        parts.push("all fleets together, each with --fleets".to_owned());
    }
    parts.push("× ideal: over the same weather without failures.".to_owned());
    parts.join("; ")
}

/// Whether an interval that the table shows has no width.
fn is_exact(policy: &PolicyResult) -> bool {
    let difference = policy.versus_baseline.get(Metric::Spend as usize);
    let intervals = [
        policy.metric(Metric::Spend).ci95,
        difference.and_then(|d| d.ci95),
    ];
    intervals
        .into_iter()
        .flatten()
        .any(|[low, high]| low == high)
}

/// A threshold in one line or more: verdict, text, what was measured or why not.
fn verdict(threshold: &ThresholdResult, width: usize, colour: bool) -> String {
    let (word, style) = match threshold.verdict {
        Verdict::Passed => ("passed", AnsiColor::Green.on_default()),
        Verdict::Failed => ("FAILED", AnsiColor::Red.on_default().bold()),
        Verdict::Undecided => ("undecided", AnsiColor::Yellow.on_default()),
    };
    let mut text = format!("  {word:<9} {}", visible(&threshold.text));
    if let Some(value) = threshold.measured {
        text.push_str(&format!(
            "  (measured {})",
            measured(&threshold.text, value)
        ));
    }
    if !threshold.why.is_empty() {
        text.push_str(&format!(": {}", visible(&threshold.why)));
    }
    let lines = wrapped(&text, width, 12).join("\n");
    let painted = lines.replacen(word, &styled(word, style, colour), 1);
    painted + "\n"
}

/// A measured value in the unit of the metric that the threshold names.
fn measured(text: &str, value: f64) -> String {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    match words.into_iter().find_map(Metric::named) {
        Some(metric) if metric.is_money() => money(value),
        Some(Metric::SuccessRate) => percent(value),
        Some(Metric::Amplification | Metric::IdealRatio) => ratio(value),
        Some(metric) if metric.key().contains("seconds") => seconds(value),
        _ => count(value),
    }
}

fn styled(text: &str, style: Style, colour: bool) -> String {
    match colour {
        true => format!("{}{text}{}", style.render(), style.render_reset()),
        false => text.to_owned(),
    }
}

/// The text in lines of at most `width` columns, broken between words where that can be; lines
/// after the first begin with `indent` spaces.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if line.width() + word.trim_end().width() > width && line.width() > indent {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width && c != ' ' {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines.iter().map(|l| l.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_broken_and_short_ones_kept() {
        assert_eq!(wrapped("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(wrapped("abcdefghij", 4, 1), ["abcd", " efg", " hij"]);
    }

    #[test]
    fn a_threshold_is_measured_in_its_unit() {
        assert_eq!(measured("a.spend.p95 < $40", 14.9), "$14.90");
        assert_eq!(measured("a.success_rate > 99%", 0.98), "98.0%");
        assert_eq!(measured("a.recovery_seconds.mean < 5m", 250.0), "4m 10s");
        assert_eq!(measured("a.attempts < 10", 12.0), "12");
    }
}
