//! From the YAML tree to checked values, noting every mistake instead of stopping at the first.
//!
//! Each element of a scenario has a function `(&Node, &mut Reader) -> Option<T>`: `None` means that
//! what was wrong has been noted. [`super::fields`] reads the keys of maps.

use std::path::Path;

use super::diagnostics::{Diagnostic, Problems, Severity, Source};
use super::lint::Marks;
use super::model::{NamedFile, TargetId};
use super::tree::{Key, Kind, Node, Place};
use super::words::{advice, any_of, near, shortened};
use crate::units::text::{self, QuantityError};
use crate::units::{Money, Price, Rate, Share, Span};

/// How many findings are kept; more are counted.
const MOST_KEPT: usize = 200;

/// Collects findings, and knows what elements need to know of each other.
pub(super) struct Reader<'a> {
    /// The folder to which paths in the scenario are relative.
    pub(super) base: &'a Path,
    /// The models' names, in the order written.
    pub(super) models: Vec<String>,
    /// The tools' names, in the order written.
    pub(super) tools: Vec<String>,
    /// What the lint needs to know of places.
    pub(super) marks: Marks,
    /// The stores' names, in the order written.
    pub(super) stores: Vec<String>,
    /// The files that were read, in their order.
    pub(super) files: Vec<NamedFile>,
    sources: Vec<Source>,
    found: Vec<(Place, Diagnostic)>,
    dropped: usize,
    errors: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(base: &'a Path, source: Source) -> Reader<'a> {
        Reader {
            base,
            models: Vec::new(),
            tools: Vec::new(),
            marks: Marks::default(),
            stores: Vec::new(),
            files: Vec::new(),
            sources: vec![source],
            found: Vec::new(),
            dropped: 0,
            errors: 0,
        }
    }

    /// Adds a text that places may speak of; returns its index.
    pub(super) fn add_source(&mut self, source: Source) -> u16 {
        self.sources.push(source);
        (self.sources.len() - 1) as u16
    }

    /// Notes what a file was read as.
    pub(super) fn has_read(&mut self, name: &str, sha256: String) {
        let name = name.to_owned();
        let file = NamedFile { name, sha256 };
        if !self.files.contains(&file) {
            self.files.push(file);
        }
    }

    /// The name of a target: models come first.
    pub(super) fn target_name(&self, target: TargetId) -> &str {
        let at = usize::from(target.0);
        self.models
            .iter()
            .chain(&self.tools)
            .nth(at)
            .map_or("", String::as_str)
    }

    fn note(&mut self, place: Place, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.found.len() < MOST_KEPT {
            self.found.push((place, diagnostic));
        } else {
            self.dropped += 1;
        }
    }

    fn diagnostic(&self, severity: Severity, place: Place, message: String) -> Diagnostic {
        let span = place.start as usize..place.end as usize;
        Diagnostic::at(
            severity,
            &self.sources[usize::from(place.origin)],
            span,
            message,
        )
    }

    /// Notes a mistake.
    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) {
        let found = self.diagnostic(Severity::Error, place, message.into());
        self.note(place, found);
    }

    /// Notes a mistake and what to do about it.
    pub(super) fn error_help(
        &mut self,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let found = self.diagnostic(Severity::Error, place, message.into());
        self.note(place, found.with_help(help));
    }

    /// Notes something that is allowed but perhaps not meant.
    pub(super) fn warn(
        &mut self,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let found = self.diagnostic(Severity::Warning, place, message.into());
        self.note(place, found.with_help(help));
    }

    /// A warning at a place, which is not noted here.
    pub(super) fn warning(&self, place: Place, message: String) -> Diagnostic {
        self.diagnostic(Severity::Warning, place, message)
    }

    /// Notes a mistake in another file, to which `place` refers.
    pub(super) fn foreign(&mut self, place: Place, found: Diagnostic) {
        self.note(place, found);
    }

    /// How many mistakes were noted.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn finish(mut self) -> (Problems, String) {
        self.found
            .sort_by_key(|(place, _)| (place.origin, place.start));
        let problems = Problems {
            diagnostics: self.found.into_iter().map(|(_, found)| found).collect(),
            dropped: self.dropped,
            unreadable: false,
        };
        (problems, self.sources.swap_remove(0).text)
    }

    /// Notes that `node` is something else than was expected.
    pub(super) fn expected<T>(&mut self, what: &str, node: &Node) -> Option<T> {
        let message = format!("expected {what}, found {}", node.describe());
        self.error(node.place, message);
        None
    }

    /// Notes a name that is not among `known`; `what` is "tool" or the like.
    pub(super) fn unknown<'k>(
        &mut self,
        place: Place,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let message = format!("unknown {what} `{}`", shortened(name));
        match advice(what, name, &known) {
            Some(help) => self.error_help(place, message, help),
            None => self.error(place, message),
        }
    }

    /// The text of a scalar.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => self.expected(what, node),
        }
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => self.expected(what, node),
        }
    }

    /// The entries of a map.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => self.expected(what, node),
        }
    }

    fn quantity<T>(
        &mut self,
        node: &Node,
        what: &str,
        parse: impl Fn(&str) -> Result<T, QuantityError>,
    ) -> Option<T> {
        let text = self.text(node, what)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(QuantityError { message, help }) => {
                self.error_help(node.place, message, help);
                None
            }
        }
    }

    /// A time.
    pub(super) fn time(&mut self, node: &Node) -> Option<Span> {
        self.quantity(node, "a time", text::parse_span)
    }

    /// A time that is not zero.
    pub(super) fn positive_time(&mut self, node: &Node) -> Option<Span> {
        let time = self.time(node)?;
        if time == Span::ZERO {
            self.error(node.place, "expected a time above zero");
            return None;
        }
        Some(time)
    }

    /// A share.
    pub(super) fn share(&mut self, node: &Node) -> Option<Share> {
        self.quantity(node, "a share", text::parse_share)
    }

    /// A whole number between two bounds.
    pub(super) fn count_in(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let n = self.quantity(node, "a whole number", text::parse_count)?;
        if n < least {
            self.error(
                node.place,
                format!("{n} is too few: at least {least} is needed"),
            );
            return None;
        }
        if n > most {
            let most = text::count(u128::from(most));
            self.error(
                node.place,
                format!("{n} is too many: at most {most} are allowed"),
            );
            return None;
        }
        Some(n)
    }

    /// A whole number from `least` that fits 32 bits.
    pub(super) fn count32(&mut self, node: &Node, least: u32) -> Option<u32> {
        let n = self.count_in(node, u64::from(least), u64::from(u32::MAX))?;
        u32::try_from(n).ok()
    }

    /// Money.
    pub(super) fn money(&mut self, node: &Node) -> Option<Money> {
        self.quantity(node, "an amount of money", text::parse_money)
    }

    /// A price per million tokens.
    pub(super) fn price(&mut self, node: &Node) -> Option<Price> {
        self.quantity(node, "a price", text::parse_price)
    }

    /// A rate.
    pub(super) fn rate(&mut self, node: &Node) -> Option<Rate> {
        self.quantity(node, "a rate", text::parse_rate)
    }

    /// A rate that is not zero.
    pub(super) fn positive_rate(&mut self, node: &Node) -> Option<Rate> {
        let rate = self.rate(node)?;
        if rate.count == 0 {
            self.error(node.place, "expected a rate above zero");
            return None;
        }
        Some(rate)
    }

    /// A number.
    pub(super) fn factor(&mut self, node: &Node) -> Option<f64> {
        self.quantity(node, "a number", text::parse_factor)
    }

    /// A number above zero.
    pub(super) fn positive_factor(&mut self, node: &Node) -> Option<f64> {
        let factor = self.factor(node)?;
        if factor > 0.0 {
            return Some(factor);
        }
        self.error(node.place, "expected a number above zero");
        None
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.kind {
            Kind::Scalar {
                text,
                quoted: false,
            } if text == "true" => Some(true),
            Kind::Scalar {
                text,
                quoted: false,
            } if text == "false" => Some(false),
            _ => {
                let message = format!("expected `true` or `false`, found {}", node.describe());
                self.error(node.place, message);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.text(node, &any_of(&words))?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let message = format!("expected {}, found `{}`", any_of(&words), shortened(text));
            match near(text, &words) {
                Some(word) => {
                    self.error_help(node.place, message, format!("did you mean `{word}`?"))
                }
                None => self.error(node.place, message),
            }
        }
        found.map(|(_, value)| *value)
    }

    /// The only entry of a map that must have one, and its key among `keys`.
    pub(super) fn variant<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        keys: &[&str],
    ) -> Option<(&'n str, &'n Node)> {
        let entries = self.map(node, what)?;
        let mut known = None;
        for (key, value) in entries {
            if !keys.contains(&key.text.as_str()) {
                self.unknown(key.place, "key", &key.text, keys.iter().copied());
            } else if known.is_some() {
                let message = format!("`{}` is one too many: {what} has one key", key.text);
                self.error(key.place, message);
            } else {
                known = Some((key.text.as_str(), value));
            }
        }
        if entries.is_empty() {
            self.error(node.owner, format!("expected {what} with {}", any_of(keys)));
        }
        known
    }

    /// Reads each item of a list; `None` if one of them is wrong.
    pub(super) fn each<'n, T>(
        &mut self,
        node: &'n Node,
        what: &str,
        mut read: impl FnMut(&'n Node, &mut Reader) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(node, what)?;
        let values: Vec<Option<T>> = items.iter().map(|item| read(item, self)).collect();
        values.into_iter().collect()
    }
}

/// Reads one element from YAML, for the tests of that element; what is wrong comes back as text.
#[cfg(test)]
pub(super) fn read<T>(
    yaml: &str,
    element: impl FnOnce(&Node, &mut Reader) -> Option<T>,
) -> Result<T, String> {
    let source = Source {
        name: "s".to_owned(),
        text: yaml.to_owned(),
    };
    let mut r = Reader::new(Path::new("scenarios"), source);
    r.models = vec!["planner".to_owned()];
    r.tools = vec!["sandbox".to_owned(), "search".to_owned()];
    let root = super::yaml::parse(yaml, 0)
        .0
        .expect("the test's YAML is sound");
    let value = element(&root, &mut r);
    let errors = r.errors();
    let problems = r.finish().0;
    match value {
        Some(value) if errors == 0 => Ok(value),
        _ => Err(problems
            .diagnostics
            .iter()
            .map(|d| d.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")),
    }
}
