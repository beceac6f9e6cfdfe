//! The section on fleets: what became of each under each policy.

use crate::experiment::document::Document;
use crate::report::story::{self, fleets as say};

use super::sections::{policy_cell, section, table};
use super::writer::esc;

/// The section; empty where there is only one fleet.
pub(super) fn fleets(doc: &Document, r: usize) -> String {
    if !say::are_several(doc) {
        return String::new();
    }
    let head = |head: &str| format!("<th scope=\"col\">{head}</th>");
    let heads = ["Policy", "fleet"].into_iter();
    let heads = heads.chain(say::COLUMNS.iter().map(|(head, ..)| *head));
    let heads: String = heads.map(head).collect();
    let mut rows = String::new();
    for (name, by_policy) in say::fleets(doc) {
        for (i, fleet) in by_policy.into_iter().enumerate() {
            let first = policy_cell(i, &doc.policies[i]);
            let name = esc(&story::name(name));
            let cells = say::COLUMNS.iter().map(|column| say::cell(column, fleet));
            let cells: String = cells
                .map(|cell| format!("<td>{}</td>", esc(&cell)))
                .collect();
            rows.push_str(&format!(
                "<tr data-policy=\"{i}\">{first}<td><bdi>{name}</bdi></td>{cells}</tr>\n"
            ));
        }
    }
    let inner = format!("<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>");
    let body = table("Fleets", "figures", &inner);
    section(r, "fleets", "Each fleet by itself", say::ABOUT, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_fleet_has_a_row_a_policy() {
        let mut doc = fixture::document(2);
        doc.policies[0].fleets[1].name = "<b>".to_owned();
        let page = fleets(&doc, 0);
        assert_eq!(page.matches("<td><bdi>workers</bdi></td>").count(), 2);
        assert_eq!(page.matches("<td><bdi>&lt;b&gt;</bdi></td>").count(), 2);
        assert!(
            page.contains("<td>9.38 s</td>") && page.contains("<td>8.75 s</td>"),
            "{page}"
        );
    }

    #[test]
    fn one_fleet_alone_needs_no_section() {
        let mut doc = fixture::document(2);
        doc.policies.iter_mut().for_each(|p| p.fleets.truncate(1));
        assert_eq!(fleets(&doc, 0), "");
    }
}
