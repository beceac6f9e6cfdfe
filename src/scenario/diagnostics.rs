//! What is wrong with a scenario, where, and what to do about it.
//!
//! A [`Diagnostic`] carries the line that it speaks of, so that it can be shown without the file.
//! [`Problems`] holds all that were found in one reading and shows them together.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// It can, but perhaps not as meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// The file, or `--set` for an override on the command line.
    pub file: String,
    /// Its line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// Its column, from 1, in characters; 0 if it is about the file as a whole.
    pub column: usize,
    /// Where in the file it stands \[bytes\].
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
    /// The line that it speaks of, or the part of a long line around it.
    excerpt: String,
    /// Where in `excerpt` it stands \[bytes\].
    marked: Range<usize>,
}

/// Text that diagnostics speak of.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The file's name, or `--set`.
    pub(super) name: String,
    /// The whole text.
    pub(super) text: String,
}

/// How much of a line is kept on each side of what matters [bytes].
const NEAR: usize = 1000;
/// Stands for what is cut off.
const CUT: &str = "…";

impl Diagnostic {
    /// A finding at `span` of `source`.
    pub(super) fn at(
        severity: Severity,
        source: &Source,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let text = source.text.as_str();
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line_end = line_start.max(line_end);
        let line_text = text[line_start..line_end].trim_end();
        let end = floor(text, span.end).clamp(start, (line_start + line_text.len()).max(start));
        let end = start + text[start..end].trim_end().len();
        // A very long line is cut to the neighbourhood of what matters; a long one the renderer cuts.
        let from = floor(text, line_start.max(start.saturating_sub(NEAR)));
        let to = floor(text, (line_start + line_text.len()).min(start + 2 * NEAR)).max(start);
        let before = if from > line_start { CUT } else { "" };
        let after = match to < line_start + line_text.len() {
            true => CUT,
            false => "",
        };
        let shift = |at: usize| at - from + before.len();
        Diagnostic {
            severity,
            message: message.into(),
            file: source.name.clone(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            span: start..end,
            help: None,
            excerpt: format!("{before}{}{after}", &text[from..to]),
            marked: shift(start)..shift(end.min(to)),
        }
    }

    /// A finding about a file as a whole.
    pub(super) fn about(file: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            line: 0,
            column: 0,
            span: 0..0,
            help: None,
            excerpt: String::new(),
            marked: 0..0,
        }
    }

    /// The same with the line that it speaks of, which is not at hand as part of a [`Source`].
    pub(super) fn on_line(mut self, line: usize, text: &str) -> Diagnostic {
        const LONGEST: usize = 200;
        self.line = line;
        self.column = 1;
        self.excerpt = text[..floor(text, LONGEST)].to_owned();
        self.marked = 0..self.excerpt.len();
        self
    }

    /// The same with advice.
    pub(super) fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The finding with its line underlined and its help, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let place = Origin::path(self.file.as_str());
        let mark = AnnotationKind::Primary.span(self.marked.clone());
        let shown = Snippet::source(self.excerpt.as_str()).line_start(self.line);
        let mut group = if self.line == 0 {
            title.element(place)
        } else if self.excerpt.starts_with(CUT) {
            // The renderer would count columns in the part of the line that is left.
            let place = place.line(self.line).char_column(self.column);
            title.element(place).element(shown.annotation(mark))
        } else {
            title.element(shown.path(self.file.as_str()).annotation(mark))
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// Why a scenario cannot be run: everything that was found, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The findings; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were than are kept.
    pub dropped: usize,
    /// Whether the file itself could not be read, so that nothing is known of its content.
    pub unreadable: bool,
}

impl Problems {
    /// The most findings that are shown; a file with more is another kind of file.
    pub const SHOWN: usize = 50;

    /// All findings, ready for a terminal; ends with a newline.
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for diagnostic in self.diagnostics.iter().take(Problems::SHOWN) {
            text += &diagnostic.render(colour);
            text += "\n\n";
        }
        match self.hidden() {
            0 => {}
            n => text += &format!("and {n} more\n"),
        }
        text
    }

    fn hidden(&self) -> usize {
        self.diagnostics.len().saturating_sub(Problems::SHOWN) + self.dropped
    }
}

impl From<Diagnostic> for Problems {
    fn from(diagnostic: Diagnostic) -> Problems {
        Problems {
            diagnostics: vec![diagnostic],
            dropped: 0,
            unreadable: false,
        }
    }
}

impl fmt::Display for Problems {
    /// One line for each finding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().take(Problems::SHOWN).enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{diagnostic}")?;
        }
        match self.hidden() {
            0 => Ok(()),
            n => write!(f, "\nand {n} more"),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            name: "s.yaml".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_finding_shows_its_line_and_what_to_do() {
        let text = "name: x\nhorizon: 30\nseed: 1\n";
        let found = Diagnostic::at(Severity::Error, &source(text), 17..19, "`30` has no unit")
            .with_help("write `30s`");
        assert_eq!((found.line, found.column), (2, 10));
        let shown = found.render(false);
        assert!(shown.starts_with("error: `30` has no unit\n"), "{shown}");
        assert!(shown.contains("s.yaml:2:10"), "{shown}");
        assert!(shown.contains("2 | horizon: 30\n"), "{shown}");
        assert!(shown.contains("^^\n") && !shown.contains("^^^"), "{shown}");
        assert!(shown.contains("help: write `30s`"), "{shown}");
        assert!(found.render(true).contains("\u{1b}["));
        assert_eq!(
            found.to_string(),
            "s.yaml:2:10: `30` has no unit (write `30s`)"
        );
    }

    #[test]
    fn columns_of_long_lines_are_those_of_the_file() {
        for words in [50, 500] {
            let (before, after) = ("fine, ".repeat(words), "x, ".repeat(500));
            let text = format!("a: 1\nb: [{before}oops, {after}]\n");
            let at = text.find("oops").expect("it is there");
            let found = Diagnostic::at(Severity::Error, &source(&text), at..at + 4, "no such word");
            assert_eq!(found.column, 4 + before.len() + 1);
            let shown = found.render(false);
            assert!(
                shown.contains(&format!("s.yaml:2:{}\n", found.column)),
                "{shown}"
            );
            let line = shown.lines().find(|line| line.starts_with("2 |"));
            let line = line.expect("the line is shown");
            assert!(line.contains("oops") && line.len() < 200, "{line}");
            let under = shown.lines().find(|line| line.contains('^'));
            let under = under.expect("it is marked");
            let place = |line: &str, c| line.chars().position(|x| x == c);
            assert_eq!(place(under, '^'), place(line, 'o'), "{shown}");
        }
    }

    #[test]
    fn odd_places_do_not_panic() {
        for text in [
            "",
            "\n",
            "ä",
            "a\r\nb",
            "\u{0}\u{7}\t",
            "long ".repeat(500).as_str(),
        ] {
            for start in 0..=text.len().min(9) + 1 {
                for end in 0..=text.len() + 2 {
                    let s = source(text);
                    Diagnostic::at(Severity::Warning, &s, start..end.max(start), "m").render(false);
                }
            }
        }
    }

    #[test]
    fn the_list_is_cut_at_fifty() {
        let one = Diagnostic::about("f", "too much");
        let problems = Problems {
            diagnostics: vec![one; 60],
            dropped: 3,
            unreadable: false,
        };
        assert_eq!(problems.to_string().lines().count(), 51);
        assert!(problems.render(false).ends_with("and 13 more\n"));
    }
}
