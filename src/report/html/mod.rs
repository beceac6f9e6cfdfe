//! `report.html`: one page that opens from disk, needs no network, and prints.
//!
//! ```text
//! documents ──► story (verdict, comparison, parts) ──► sections (tables, as text)  ──► page
//!          └──► data (rounded series, as JSON) ──► script.js draws the charts from it
//! ```
//!
//! Every text from a document passes [`writer::esc`]. A content security policy names the page's
//! one script by its hash, so that nothing else runs, and forbids every request.

mod data;
mod fleets;
mod layers;
mod sections;
mod writer;

use sha2::{Digest, Sha256};

use crate::experiment::Metric;
use crate::experiment::document::Document;

use super::format::{money, percent};
use super::story;
use writer::esc;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page of one result, or of several side by side.
///
/// # Errors
///
/// If the data of the charts cannot be written as JSON.
pub fn html(docs: &[&Document]) -> Result<String, serde_json::Error> {
    let title = match docs {
        [one] => format!(
            "{}: what each retry policy costs",
            story::name(&one.scenario)
        ),
        _ => format!("{} scenarios: what each retry policy costs", docs.len()),
    };
    let mut out = String::with_capacity(1 << 20);
    out.push_str(&head(&title));
    if docs.len() > 1 {
        out.push_str(&format!(
            "<header class=\"top\"><p class=\"brand\">squall</p><h1>{}</h1></header>\n<main>\n",
            esc(&title)
        ));
        out.push_str(&matrix(docs));
    } else {
        out.push_str("<main>\n");
    }
    for (i, doc) in docs.iter().enumerate() {
        out.push_str(&format!(
            "<article class=\"result\" id=\"r{i}\" data-result=\"{i}\">\n"
        ));
        out.push_str(&sections::all(doc, i));
        out.push_str(&format!(
            "<script type=\"application/json\" class=\"data\">{}</script>\n</article>\n",
            data::json(doc)?
        ));
    }
    out.push_str("</main>\n<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n");
    out.push_str(&format!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    Ok(out)
}

fn head(title: &str) -> String {
    let digest = base64(&Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        esc(title)
    )
}

/// Policies by scenarios: spend, and what is finished for it.
fn matrix(docs: &[&Document]) -> String {
    let mut names: Vec<&str> = vec![];
    for policy in docs.iter().flat_map(|doc| &doc.policies) {
        if !names.contains(&policy.name.as_str()) {
            names.push(&policy.name);
        }
    }
    let mut out = String::from(
        "<section><h2 id=\"matrix\">Policy by scenario</h2>\n\
         <p class=\"note\">Mean spend a run, and the share of tasks that finished.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Policy by scenario\">\
         <table class=\"matrix\"><thead><tr><th scope=\"col\">Policy</th>",
    );
    for (i, doc) in docs.iter().enumerate() {
        let name = esc(&story::name(&doc.scenario));
        out.push_str(&format!(
            "<th scope=\"col\"><a href=\"#r{i}\"><bdi>{name}</bdi></a></th>"
        ));
    }
    out.push_str("</tr></thead><tbody>\n");
    for name in names {
        out.push_str(&format!(
            "<tr><th scope=\"row\"><bdi>{}</bdi></th>",
            esc(&story::name(name))
        ));
        for doc in docs {
            match doc.policies.iter().find(|p| p.name == name) {
                None => out.push_str("<td>–</td>"),
                Some(p) => out.push_str(&format!(
                    "<td>{} <small>{}</small></td>",
                    money(story::mean(p, Metric::Spend)),
                    percent(story::mean(p, Metric::SuccessRate))
                )),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></section>\n");
    out
}

/// Base 64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(char::from(DIGITS[(group >> (18 - 6 * i)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn base64_of_the_rfc() {
        // RFC 4648, section 10.
        for (text, code) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }

    #[test]
    fn hostile_texts_stay_text() {
        let mut doc = fixture::document(3);
        let hostile = "</script><script>alert(1)</script><!-- --> \u{202e}";
        doc.policies[0].name = hostile.to_owned();
        doc.scenario = hostile.repeat(50);
        doc.source = hostile.to_owned();
        doc.about = hostile.to_owned();
        doc.warnings = vec![hostile.to_owned()];
        doc.targets[0].name = hostile.to_owned();
        doc.policies[1].spend_by_cause[0].cause = hostile.to_owned();
        let page = html(&[&doc]).unwrap();
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script").count(), 2);
        assert!(!page.contains("<!--") && !page.contains('\u{202e}'));
    }

    #[test]
    fn ten_policies_stay_below_two_megabytes() {
        let page = html(&[&fixture::document(10)]).unwrap();
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
    }

    #[test]
    fn several_results_begin_with_the_matrix() {
        let (one, two) = (fixture::document(2), fixture::document(3));
        let page = html(&[&one, &two]).unwrap();
        let matrix = page.find("Policy by scenario").unwrap();
        assert!(matrix < page.find("id=\"r0\"").unwrap() && page.contains("id=\"r1\""));
    }
}
