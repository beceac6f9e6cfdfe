//! The keys of a map: each is asked for by name, and those that nobody asked for are reported.

use super::reader::Reader;
use super::tree::{Key, Node, Place};

/// The keys of one map.
pub(super) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    owner: Place,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The keys of `node`, which must be a map; `what` is "a tool" or the like.
    pub(super) fn of(node: &'n Node, what: &'static str, r: &mut Reader) -> Option<Fields<'n>> {
        Some(Fields {
            entries: r.map(node, what)?,
            owner: node.owner,
            what,
            asked: Vec::new(),
        })
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let entry = self.entries.iter().find(|(k, _)| k.text == key);
        entry.map(|(_, value)| value)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        r: &mut Reader,
        read: impl FnOnce(&'n Node, &mut Reader) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.get(key) else {
            r.error(self.owner, format!("{} needs the key `{key}`", self.what));
            return None;
        };
        read(node, r)
    }

    /// The value of a key that may be there.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        r: &mut Reader,
        read: impl FnOnce(&'n Node, &mut Reader) -> Option<T>,
    ) -> Option<T> {
        read(self.get(key)?, r)
    }

    /// Notes that the map lacks one of several keys.
    pub(super) fn needs(&self, keys: &str, r: &mut Reader) {
        r.error(self.owner, format!("{} needs {keys}", self.what));
    }

    /// Notes every key that was not asked for.
    pub(super) fn finish(self, r: &mut Reader) {
        for (key, _) in self.entries {
            if !self.asked.contains(&key.text.as_str()) {
                r.unknown(key.place, "key", &key.text, self.asked.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    fn two(node: &Node, r: &mut Reader) -> Option<(u64, Option<u64>)> {
        let mut f = Fields::of(node, "a pair", r)?;
        let a = f.required("first", r, |n, r| r.count_in(n, 0, 9));
        let b = f.optional("second", r, |n, r| r.count_in(n, 0, 9));
        f.finish(r);
        Some((a?, b))
    }

    #[test]
    fn every_mistake_of_a_map_is_noted() {
        assert_eq!(read("{first: 1}", two), Ok((1, None)));
        assert_eq!(read("{second: 2, first: 1}", two), Ok((1, Some(2))));
        let told = read("{secnd: 2, third: 1, second: x}", two).unwrap_err();
        assert_eq!(
            told,
            "a pair needs the key `first`; unknown key `secnd`; unknown key `third`; `x` is not a whole number"
        );
        assert_eq!(
            read("[1]", two),
            Err("expected a pair, found a list".to_owned())
        );
    }
}
