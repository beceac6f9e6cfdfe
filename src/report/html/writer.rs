//! Writing texts into HTML and JSON into scripts, so that they stay what they are.

use crate::report::format::visible;

/// The text for an element's content or a quoted attribute; what hides or reorders is shown.
pub(super) fn esc(text: &str) -> String {
    raw(&visible(text))
}

/// The text as it is, line by line, for a `pre`: only line feeds and tabs stay unseen.
pub(super) fn source(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let tabs: Vec<String> = line.trim_end_matches('\r').split('\t').map(esc).collect();
        tabs.join("\t")
    });
    lines.collect::<Vec<String>>().join("\n")
}

fn raw(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// JSON that may stand in a script element: no `<`, `>` or `&` is left that could end it.
pub(super) fn json_in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// A sentence with names between backticks, as HTML.
pub(super) fn sentence(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let part = |(i, part): (usize, &str)| match i % 2 {
        0 => esc(part),
        _ => format!("<b class=\"policy\"><bdi>{}</bdi></b>", esc(part)),
    };
    parts.map(part).collect()
}
