//! Overrides from the command line: `path=value`, applied to the tree before it is checked.
//!
//! The path is keys and list indices joined by dots; a key that itself has dots is found as the
//! longest one that fits. All but the last part must exist. The value is YAML.

use super::diagnostics::Source;
use super::reader::Reader;
use super::tree::{Key, Kind, Node, Place};
use super::words::{advice, shortened};
use super::yaml;

/// How overrides are called in messages.
const NAME: &str = "--set";

/// Applies one override to the tree; what is wrong with it is noted.
pub(super) fn apply(root: &mut Node, text: &str, r: &mut Reader) {
    let origin = r.add_source(Source {
        name: NAME.to_owned(),
        text: text.to_owned(),
    });
    let place = |from: usize, to: usize| Place {
        origin,
        start: from as u32,
        end: to as u32,
    };
    let Some(equals) = text.find('=') else {
        let help = "write `path=value`, such as `policies.naive.tool.0.retry.attempts=3`";
        r.error_help(place(0, text.len()), "this override has no `=`", help);
        return;
    };
    let (path, value) = (&text[..equals], &text[equals + 1..]);
    let Some(value) = value_of(value, place(equals + 1, text.len()), r) else {
        return;
    };
    let mut change = Change {
        path,
        value: Some(value),
        place: &place,
    };
    if let Err((part, message, help)) = change.apply(root, 0) {
        match help {
            Some(help) => r.error_help(part, message, help),
            None => r.error(part, message),
        }
    }
}

/// The value's tree, with places in the whole override.
fn value_of(text: &str, place: Place, r: &mut Reader) -> Option<Node> {
    if text.trim().is_empty() {
        return Some(Node {
            place,
            owner: place,
            kind: Kind::Null,
        });
    }
    let (node, errors) = yaml::parse(text, place.origin);
    for error in &errors {
        let message = format!("the value is not YAML: {}", error.message);
        r.error(error.place.moved(place.start), message);
    }
    let mut node = node.filter(|_| errors.is_empty())?;
    node.move_by(place.start);
    Some(node)
}

type Wrong = (Place, String, Option<String>);

/// One override on its way down the tree.
struct Change<'a> {
    path: &'a str,
    value: Option<Node>,
    place: &'a dyn Fn(usize, usize) -> Place,
}

impl Change<'_> {
    /// Sets the value below `node`, to which the path up to byte `at` has led.
    fn apply(&mut self, node: &mut Node, at: usize) -> Result<(), Wrong> {
        let rest = &self.path[at..];
        let first = rest.split('.').next().unwrap_or_default();
        let first_place = (self.place)(at, at + first.len());
        let (next, taken) = match &mut node.kind {
            Kind::Map(entries) => {
                let fits = |key: &str| match rest.strip_prefix(key) {
                    Some(after) => after.is_empty() || after.starts_with('.'),
                    None => false,
                };
                let found = entries
                    .iter()
                    .enumerate()
                    .filter(|(_, (key, _))| fits(&key.text));
                let longest = found.max_by_key(|(_, (key, _))| key.text.len());
                let Some(i) = longest.map(|(i, _)| i) else {
                    return self.insert(entries, at, first, first_place);
                };
                let (key, value) = &mut entries[i];
                (value, key.text.len())
            }
            Kind::List(items) => {
                let count = items.len();
                let index = first.parse::<usize>().ok();
                let Some(item) = index.and_then(|i| items.get_mut(i)) else {
                    let message = format!(
                        "there is no item `{}` in {}: it has {count}, counted from 0",
                        shortened(first),
                        self.so_far(at)
                    );
                    return Err((first_place, message, None));
                };
                (item, first.len())
            }
            _ => {
                let found = node.describe();
                let message = format!("{} is {found}, not a map or a list", self.so_far(at));
                return Err((first_place, message, None));
            }
        };
        if taken < rest.len() {
            return self.apply(next, at + taken + 1);
        }
        let owner = (self.place)(at, at + taken);
        if let Some(value) = self.value.take() {
            *next = Node { owner, ..value };
        }
        Ok(())
    }

    /// Adds a key, if it is the path's last part.
    fn insert(
        &mut self,
        entries: &mut Vec<(Key, Node)>,
        at: usize,
        first: &str,
        place: Place,
    ) -> Result<(), Wrong> {
        if first.is_empty() {
            return Err((place, "a part of the path is empty".to_owned(), None));
        }
        if at + first.len() == self.path.len() {
            let key = Key {
                text: first.to_owned(),
                place,
            };
            if let Some(value) = self.value.take() {
                entries.push((
                    key,
                    Node {
                        owner: place,
                        ..value
                    },
                ));
            }
            return Ok(());
        }
        let known: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
        let message = format!("there is no `{}` in {}", shortened(first), self.so_far(at));
        Err((place, message, advice("key", first, &known)))
    }

    /// The part of the path that is known, for messages.
    fn so_far(&self, at: usize) -> String {
        match self.path[..at].trim_end_matches('.') {
            "" => "the scenario".to_owned(),
            known => format!("`{known}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const TEXT: &str = "policies:\n  a: {tool: [{timeout: 3s}]}\n  a.b: {task: []}\n";

    fn changed(text: &str) -> Result<Node, String> {
        let mut root = yaml::parse(TEXT, 0).0.unwrap();
        let mut r = Reader::new(Path::new(""), Source::default());
        apply(&mut root, text, &mut r);
        let problems = r.finish().0;
        match problems.diagnostics.is_empty() {
            true => Ok(root),
            false => Err(problems.to_string()),
        }
    }

    fn has(root: &Node, text: &str) -> bool {
        format!("{root:?}").contains(text)
    }

    #[test]
    fn a_value_is_replaced_and_a_key_added() {
        assert!(has(
            &changed("policies.a.tool.0.timeout=7s").unwrap(),
            "\"7s\""
        ));
        assert!(!has(
            &changed("policies.a.tool.0.timeout=7s").unwrap(),
            "\"3s\""
        ));
        assert!(has(&changed("policies.a.about=x y").unwrap(), "\"x y\""));
        let inner = changed("policies.a.b.task=[{timeout: 9s}]").unwrap();
        assert!(has(&inner, "\"9s\"") && has(&inner, "\"3s\""));
    }

    #[test]
    fn a_path_that_leads_nowhere_names_what_is_known() {
        let cases = [
            ("policies", "--set:1:1: this override has no `=`"),
            (
                "polices.a=1",
                "--set:1:1: there is no `polices` in the scenario (did you mean `policies`?)",
            ),
            (
                "policies.c.tool=1",
                "--set:1:10: there is no `c` in `policies` (did you mean `a`?)",
            ),
            (
                "policies.a.tool.3=1",
                "--set:1:17: there is no item `3` in `policies.a.tool`: it has 1, counted from 0",
            ),
            (
                "policies.a.tool.0.timeout.x=1",
                "--set:1:27: `policies.a.tool.0.timeout` is a number, not a map or a list",
            ),
            ("policies.a.tool=[", "--set:1:17: the value is not YAML"),
            ("=1", "--set:1:1: a part of the path is empty"),
        ];
        for (text, message) in cases {
            let found = changed(text).unwrap_err();
            assert!(found.starts_with(message), "{text}: {found}");
        }
    }
}
