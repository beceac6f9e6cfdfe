//! A scenario file as a tree in which every key and value knows its place.

/// Where something stands: in which text, and where there \[bytes\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index of the text: 0 is the scenario file, `n` the n-th override.
    pub(super) origin: u16,
    /// Its first byte.
    pub(super) start: u32,
    /// The byte after its last.
    pub(super) end: u32,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where it stands.
    pub(super) place: Place,
    /// Where its key stands; of list items and the root the same as `place`.
    pub(super) owner: Place,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// Text, a number, a truth value: whatever is not a list or a map.
    Scalar {
        /// As written, without quotes.
        text: String,
        /// Whether it stood in quotes or a block.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// The key.
    pub(super) text: String,
    /// Where it stands.
    pub(super) place: Place,
}

impl Place {
    /// The same place where the text begins `by` bytes further on.
    pub(super) fn moved(self, by: u32) -> Place {
        Place {
            start: self.start + by,
            end: self.end + by,
            ..self
        }
    }
}

impl Node {
    /// Moves all places in it by so many bytes.
    pub(super) fn move_by(&mut self, by: u32) {
        self.place = self.place.moved(by);
        self.owner = self.owner.moved(by);
        match &mut self.kind {
            Kind::Null | Kind::Scalar { .. } => {}
            Kind::List(items) => items.iter_mut().for_each(|item| item.move_by(by)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    key.place = key.place.moved(by);
                    value.move_by(by);
                }
            }
        }
    }

    /// How deeply it nests: 0 for a scalar.
    pub(super) fn height(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Scalar { .. } => 0,
            Kind::List(items) => 1 + items.iter().map(Node::height).max().unwrap_or(0),
            Kind::Map(entries) => {
                let values = entries.iter().map(|(_, value)| value.height());
                1 + values.max().unwrap_or(0)
            }
        }
    }

    /// What it is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { quoted: true, .. } => "text",
            Kind::Scalar { text, .. } => match text.as_bytes().first() {
                _ if text == "true" || text == "false" => "a truth value",
                Some(b'0'..=b'9' | b'-' | b'+' | b'.') => "a number",
                _ => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}
