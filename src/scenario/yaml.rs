//! YAML text as a tree in which every key and value knows its place.
//!
//! This is the only file that knows the YAML library. It reads the library's events and not its
//! serde side: events keep the text of a scalar as it was written (`0.10`, `007`, `1_000`), give
//! byte offsets for keys and values alike, and cost no recursion. Only the part of YAML that a
//! configuration needs is let in: one document, no tags, no merge keys, text keys, each key once.
//! Aliases are copied out, within the budget of nodes.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_saphyr::granit_parser as events;

use events::{Event, Parser, ScalarStyle};

use super::tree::{Key, Kind, Node, Place};

/// How deeply lists and maps may be nested.
pub(super) const DEEPEST: usize = 64;
const TOO_DEEP: &str = "this is nested more than 64 deep";
/// How many values a file may hold, copies by aliases included.
pub(super) const MOST_NODES: usize = 50_000;

/// Something wrong with the YAML itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct YamlError {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

/// Reads one document. Whatever could be read comes back beside what is wrong with it.
pub(super) fn parse(text: &str, origin: u16) -> (Option<Node>, Vec<YamlError>) {
    let mut options = events::Options::default();
    options.flow_nesting_limit = DEEPEST;
    options.block_nesting_limit = DEEPEST;
    options.disallow_directives = true;
    let mut builder = Builder {
        origin,
        open: Vec::new(),
        anchors: Vec::new(),
        nodes: 0,
        documents: 0,
        root: None,
        errors: Vec::new(),
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let stop = match event {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or_default();
                builder.take(event, builder.place(range))
            }
            Err(error) => {
                let slip = slip(&error, text);
                let at = builder.place(slip.at..slip.at + 1);
                builder.fail(at, &slip.message, slip.help)
            }
        };
        if stop.is_err() {
            return (None, builder.errors);
        }
    }
    if builder.root.is_none() && builder.errors.is_empty() {
        let start = builder.place(0..0);
        let _ = builder.fail(start, "there is nothing in it", None);
    }
    (builder.root, builder.errors)
}

/// What the library found, put into our words.
struct Slip {
    at: usize,
    message: String,
    help: Option<&'static str>,
}

fn slip(error: &events::ScanError, text: &str) -> Slip {
    let at = error.marker().byte_offset().unwrap_or(text.len());
    let slip = |at: usize, message: &str, help| Slip {
        at,
        message: message.to_owned(),
        help,
    };
    let message = error.info();
    if let Some(tab) = tab_in_indent(text, at).filter(|_| message.contains("tab")) {
        let help = Some("indent with spaces");
        return slip(tab, "a tab cannot indent", help);
    }
    match error.kind() {
        events::ErrorKind::RecursionLimitExceeded => slip(at, TOO_DEEP, None),
        events::ErrorKind::MappingValueNotAllowed => {
            let help =
                Some("is the line above it complete, and is this one indented as it should be?");
            slip(at, "a key cannot stand here", help)
        }
        _ => slip(at, &message, None),
    }
}

/// The first tab that indents a line, from the line of byte `at` on.
fn tab_in_indent(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let mut start = before.rfind('\n').map_or(0, |i| i + 1);
    for line in text[start..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// A list or map that is not yet closed.
struct Open {
    place: Place,
    owner: Place,
    anchor: usize,
    inside: Inside,
    /// How many nodes there were before it.
    nodes_before: usize,
}

enum Inside {
    List(Vec<Node>),
    /// The entries so far, the key that waits for its value, and all keys.
    Map(Vec<(Key, Node)>, Option<Key>, BTreeSet<String>),
}

struct Anchor {
    id: usize,
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder {
    origin: u16,
    open: Vec<Open>,
    anchors: Vec<Anchor>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    errors: Vec<YamlError>,
}

/// Reading cannot go on; the error has been noted.
struct Stop;

impl Builder {
    fn place(&self, range: Range<usize>) -> Place {
        Place {
            origin: self.origin,
            start: range.start as u32,
            end: range.end as u32,
        }
    }

    fn note(&mut self, place: Place, message: &str, help: Option<&'static str>) {
        self.errors.push(YamlError {
            place,
            message: message.to_owned(),
            help,
        });
    }

    fn fail(
        &mut self,
        place: Place,
        message: &str,
        help: Option<&'static str>,
    ) -> Result<(), Stop> {
        self.note(place, message, help);
        Err(Stop)
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Stop> {
        if event.tag().is_some() {
            return self.fail(
                place,
                "tags are not understood here",
                Some("leave the tag out"),
            );
        }
        match event {
            Event::DocumentStart(..) if self.documents > 0 => {
                let help = Some("put each scenario into a file of its own");
                self.fail(place, "a second document begins here", help)
            }
            Event::DocumentStart(..) => {
                self.documents += 1;
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, place),
            Event::SequenceStart(_, anchor, _) => self.begin(Inside::List(vec![]), anchor, place),
            Event::MappingStart(_, anchor, _) => {
                self.begin(Inside::Map(vec![], None, BTreeSet::new()), anchor, place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(id) => self.alias(id, place),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        place: Place,
    ) -> Result<(), Stop> {
        let quoted = style != ScalarStyle::Plain;
        let absent = !quoted && place.start == place.end;
        if let Some(Inside::Map(_, pending @ None, _)) = self.open.last_mut().map(|o| &mut o.inside)
        {
            if absent || anchor != 0 {
                return self.fail(place, "expected a key", None);
            }
            *pending = Some(Key {
                text: text.to_owned(),
                place,
            });
            if text == "<<" && !quoted {
                let help = Some("write the keys out, or use an alias for a whole value");
                return self.fail(place, "merge keys are not understood here", help);
            }
            return Ok(());
        }
        let null = !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        let kind = match null || absent {
            true => Kind::Null,
            false => Kind::Scalar {
                text: text.to_owned(),
                quoted,
            },
        };
        let owner = self.owner(place);
        let node = Node { place, owner, kind };
        self.count(1, place)?;
        self.remember(anchor, &node, 1, 0);
        self.add(node)
    }

    /// The place of the key that waits for a value, else `place`.
    fn owner(&self, place: Place) -> Place {
        match self.open.last().map(|o| &o.inside) {
            Some(Inside::Map(_, Some(key), _)) => key.place,
            _ => place,
        }
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let message = format!("there are more than {MOST_NODES} values up to here");
        self.fail(
            place,
            &message,
            Some("aliases count as often as they are used"),
        )
    }

    fn begin(&mut self, inside: Inside, anchor: usize, place: Place) -> Result<(), Stop> {
        let owner = self.owner(place);
        if let Some(Inside::Map(_, None, _)) = self.open.last().map(|o| &o.inside) {
            return self.fail(place, "a key must be text", None);
        }
        if self.open.len() >= DEEPEST {
            return self.fail(place, TOO_DEEP, None);
        }
        let nodes_before = self.nodes;
        self.count(1, place)?;
        self.open.push(Open {
            place,
            owner,
            anchor,
            inside,
            nodes_before,
        });
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let kind = match open.inside {
            Inside::List(items) => Kind::List(items),
            Inside::Map(entries, ..) => Kind::Map(entries),
        };
        let node = Node {
            place: Place {
                end: place.end.max(open.place.end),
                ..open.place
            },
            owner: open.owner,
            kind,
        };
        if open.anchor != 0 {
            let (nodes, depth) = (self.nodes - open.nodes_before, node.height());
            self.remember(open.anchor, &node, nodes, depth);
        }
        self.add(node)
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Stop> {
        if let Some(Inside::Map(_, None, _)) = self.open.last().map(|o| &o.inside) {
            return self.fail(place, "a key must be text", None);
        }
        let Some(anchor) = self.anchors.iter().rfind(|a| a.id == id) else {
            return self.fail(place, "this alias stands inside its own anchor", None);
        };
        let (nodes, depth) = (anchor.nodes, anchor.depth);
        if self.open.len() + depth > DEEPEST {
            return self.fail(place, TOO_DEEP, None);
        }
        // Count before copying, so that a bomb costs nothing.
        self.count(nodes, place)?;
        let Some(anchor) = self.anchors.iter().rfind(|a| a.id == id) else {
            return Ok(());
        };
        let mut node = anchor.node.clone();
        node.owner = self.owner(place);
        self.add(node)
    }

    fn remember(&mut self, id: usize, node: &Node, nodes: usize, depth: usize) {
        if id != 0 {
            let node = node.clone();
            self.anchors.push(Anchor {
                id,
                node,
                nodes,
                depth,
            });
        }
    }

    fn add(&mut self, node: Node) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map(entries, pending, keys) => {
                let Some(key) = pending.take() else {
                    return Ok(());
                };
                if !keys.insert(key.text.clone()) {
                    let message = format!("`{}` is written twice", key.text);
                    self.note(key.place, &message, Some("keep one of the two"));
                } else {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }
}
