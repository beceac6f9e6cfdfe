//! The section on nested layers: on the wire against visible, worst case against simulated.

use crate::experiment::document::Document;
use crate::report::format::{count, money, seconds};
use crate::report::story::{self, layers as say};

use super::sections::{policy_cell, section, table};
use super::writer::esc;

/// The section; empty if no policy has a retry layer.
pub(super) fn layers(doc: &Document, r: usize) -> String {
    let (retries, worst) = (retries(doc), worst(doc));
    if retries.is_empty() {
        return String::new();
    }
    let heads = [
        "Policy",
        "Layer",
        "Attempts",
        "It asked for",
        "They cost",
        "It waited",
    ];
    let did = table("Retry layers", "figures", &rows(&heads, &retries));
    let heads = [
        "Policy",
        "Fleet",
        "Calls",
        "Worst of one call",
        "Longest waits",
        "Most simulated",
    ];
    let can = table("Worst of one call", "figures", &rows(&heads, &worst));
    let body = format!("{did}<h3>Worst case against simulated</h3>\n{can}");
    section(
        r,
        "nesting",
        "What the logs show, and the wire",
        say::ABOUT,
        &body,
    )
}

fn rows(heads: &[&str], rows: &str) -> String {
    let head = |head: &&str| format!("<th scope=\"col\">{head}</th>");
    let heads: String = heads.iter().map(head).collect();
    format!("<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>")
}

fn row<const N: usize>(doc: &Document, policy: usize, cells: [String; N]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<td>{}</td>", esc(cell)))
        .collect();
    let first = policy_cell(policy, &doc.policies[policy]);
    format!("<tr data-policy=\"{policy}\">{first}{cells}</tr>\n")
}

fn retries(doc: &Document) -> String {
    let mut out = String::new();
    for (i, policy) in doc.policies.iter().enumerate() {
        for layer in say::retries(policy) {
            let cells = [
                story::name(&layer.label),
                say::seen(layer),
                count(layer.attempts_caused),
                money(layer.usd_caused),
                seconds(layer.waited_seconds),
            ];
            out.push_str(&row(doc, i, cells));
        }
    }
    out
}

fn worst(doc: &Document) -> String {
    let mut out = String::new();
    for (i, policy) in doc.policies.iter().enumerate() {
        for nesting in &policy.nesting {
            let cells = [
                story::name(&nesting.fleet),
                story::name(&doc.targets[nesting.target].name),
                say::worst_attempts(nesting),
                say::worst_wait(nesting),
                say::most_simulated(nesting),
            ];
            out.push_str(&row(doc, i, cells));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_wire_stands_beside_the_log_and_the_worst_beside_the_simulated() {
        let page = layers(&fixture::document(2), 0);
        assert!(
            page.contains("<td>1,540 on the wire, 1,543 visible</td>"),
            "{page}"
        );
        assert!(
            page.contains("<td>27</td><td>1m 03s</td><td>12</td>"),
            "{page}"
        );
        assert!(
            page.contains("<td>unlimited</td><td>without end</td><td>12</td>"),
            "{page}"
        );
    }

    #[test]
    fn without_retry_layers_there_is_no_section() {
        let mut doc = fixture::document(1);
        doc.policies[0].layers.clear();
        assert_eq!(layers(&doc, 0), "");
    }
}
