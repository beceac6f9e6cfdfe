//! The books of a range of replications: what shards write, what a killed run left behind, and
//! what becomes a document.
//!
//! A run of a thousand replications in one go, one in eight shards that are merged, and one that was
//! killed twice and went on each time end up with the same books, and so with the same document.
//! Their size depends on the scenario and the policies, not on the replications (beyond
//! [`super::samples::EXACT_REPLICATIONS`]) or the horizon.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::meter::Ledger;
use crate::scenario::model::Scenario;
use crate::simulation::RunEnd;
use crate::units::{Money, Span};

use super::Metric;
use super::cuts::Cuts;
use super::document::{Difference, Document, TaskLife};
use super::frame::Frame;
use super::gather::Gathered;
use super::row::{columns_of, row, width};
use super::samples::Samples;
use super::{thresholds, warnings};

/// The version of the form in which books are saved.
pub const SCHEMA: &str = "squall.books/2";

/// The books of the replications `from..to` of an experiment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Books {
    frame: Frame,
    from: u32,
    to: u32,
    samples: Samples,
    policies: Vec<Gathered>,
    /// For each policy, what cut its runs off.
    cuts: Vec<Cuts>,
    /// One task of replication 0, in the books that hold it.
    life: Option<TaskLife>,
}

/// Why saved books cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BooksError {
    /// It is something else.
    #[error(
        "is not a file of `squall run --shard` or `--resume`, or of another version ({SCHEMA} is read)"
    )]
    Foreign,
    /// It was cut short or changed.
    #[error("is damaged: its checksum is wrong")]
    Damaged,
    /// They are of another experiment.
    #[error("belongs to another run: it differs in {0}")]
    Other(String),
    /// There is no replication in between.
    #[error("{0}")]
    Gap(String),
}

impl Books {
    /// Empty books that begin at a replication.
    pub fn new(frame: Frame, from: u32) -> Books {
        let targets = frame.document.targets.len();
        let policies = &frame.document.policies;
        let gathered = policies
            .iter()
            .zip(&frame.shapes)
            .map(|(p, shape)| Gathered::new(targets, p.layers.len(), shape.steps));
        Books {
            from,
            to: from,
            samples: Samples::new(policies.len(), width(frame.fleets())),
            policies: gathered.collect(),
            cuts: vec![Cuts::default(); policies.len()],
            life: None,
            frame,
        }
    }

    /// The replications that they hold.
    pub fn range(&self) -> Range<u32> {
        self.from..self.to
    }

    /// How many replications the whole experiment has.
    pub fn planned(&self) -> u32 {
        self.frame.document.replications
    }

    /// The seed of the experiment.
    pub(super) fn seed(&self) -> u64 {
        self.frame.document.seed
    }

    /// The experiment's name.
    pub fn scenario(&self) -> &str {
        &self.frame.document.scenario
    }

    /// Adds the next replication: what the ideal costs, and each policy's ledger.
    pub(super) fn add(&mut self, scenario: &Scenario, ideal: Money, runs: &[(Ledger, RunEnd)]) {
        let rows: Vec<_> = runs
            .iter()
            .map(|(ledger, end)| row(scenario, ledger, end, ideal))
            .collect();
        self.samples.add(&rows);
        for (p, (ledger, end)) in runs.iter().enumerate() {
            self.policies[p].add(scenario, self.to, ledger, end);
            self.cuts[p].add(ledger, end);
        }
        self.to += 1;
    }

    /// Enters what became of one task in replication 0.
    pub(super) fn tell(&mut self, life: Option<TaskLife>) {
        self.life = life;
    }

    /// Appends the replications that follow these.
    ///
    /// # Errors
    /// If they are of another experiment, or do not begin where these end.
    pub fn append(&mut self, later: Books) -> Result<(), BooksError> {
        self.belongs_to(&later.frame)?;
        if later.from != self.to {
            let (end, begin) = (self.to, later.from);
            return Err(BooksError::Gap(if begin > end {
                format!(
                    "comes after a gap: replications {end} to {} are missing",
                    begin - 1
                )
            } else {
                format!("replication {begin} is there twice")
            }));
        }
        self.to = later.to;
        self.samples.append(later.samples);
        for (mine, theirs) in self.policies.iter_mut().zip(later.policies) {
            mine.append(theirs);
        }
        for (mine, theirs) in self.cuts.iter_mut().zip(&later.cuts) {
            mine.append(theirs);
        }
        // Books that hold nothing yet begin where those with replication 0 do.
        self.life = self.life.take().or(later.life);
        Ok(())
    }

    /// Whether they are of this experiment.
    ///
    /// # Errors
    /// If they are not: what differs.
    pub fn belongs_to(&self, frame: &Frame) -> Result<(), BooksError> {
        match self.frame.differs_from(frame) {
            None => Ok(()),
            Some(what) => Err(BooksError::Other(what)),
        }
    }

    /// The result document of what they hold, which must be at least one replication.
    pub fn document(&self) -> Document {
        let complete = self.to - self.from;
        let mut document = self.frame.document.clone();
        document.replications = complete;
        let width = self.policies.iter().map(Gathered::width).max();
        let width: Span = width.expect("a scenario has at least one policy");
        let lengths = self.policies.iter().map(|g| g.length(width));
        let length = lengths.max().unwrap_or(0);
        for (p, result) in document.policies.iter_mut().enumerate() {
            let summary = |place| self.samples.summary(p, place);
            result.metrics = (0..Metric::COUNT).map(summary).collect();
            for (f, fleet) in result.fleets.iter_mut().enumerate() {
                fleet.metrics = columns_of(f).map(summary).collect();
            }
            let minus = |earlier| self.minus(p, earlier);
            let minus: Vec<_> = (0..p).map(minus).collect();
            result.versus_baseline = minus.first().cloned().unwrap_or_default();
            document.differences.push(minus);
            result.cuts = self.cuts[p].results();
            self.policies[p].fill(result, &self.frame.shapes[p], (width, length));
        }
        document.life = self.life.clone();
        let verdict = |t| thresholds::decide(t, &document.policies);
        document.thresholds = self.frame.thresholds.iter().map(verdict).collect();
        document.warnings = warnings::collect(&self.frame, &document);
        if document.is_interrupted() {
            let asked = self.planned();
            let text = format!("interrupted: {complete} of {asked} replications were run");
            document.warnings.insert(0, text);
        }
        document
    }

    /// The paired differences of a policy to one before it, in the order of [`Metric::ALL`].
    fn minus(&self, policy: usize, earlier: usize) -> Vec<Difference> {
        let of = |metric| self.samples.difference(policy, earlier, metric);
        Metric::ALL.map(of).into()
    }

    /// As a file: a line with form and checksum, and a line of JSON.
    ///
    /// # Errors
    /// If JSON cannot be written, which would be a bug.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_vec(self)?;
        let mut bytes = format!("{SCHEMA} {}\n", checksum(&body)).into_bytes();
        bytes.extend(body);
        Ok(bytes)
    }

    /// From such a file.
    ///
    /// # Errors
    /// If it is not one, or not a whole one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Books, BooksError> {
        let schema = format!("{SCHEMA} ");
        let rest = bytes.strip_prefix(schema.as_bytes());
        let rest = rest.ok_or(BooksError::Foreign)?;
        let line = rest.iter().position(|b| *b == b'\n');
        let (sum, body) = rest.split_at(line.ok_or(BooksError::Damaged)?);
        let body = &body[1..];
        if sum != checksum(body).as_bytes() {
            return Err(BooksError::Damaged);
        }
        let books: Books = serde_json::from_slice(body).map_err(|_| BooksError::Foreign)?;
        if books.is_sound() {
            Ok(books)
        } else {
            Err(BooksError::Foreign)
        }
    }

    /// Whether every list is as long as the frame says.
    fn is_sound(&self) -> bool {
        let fresh = Books::new(self.frame.clone(), self.from);
        let policies = fresh.policies.len();
        let columns = width(self.frame.fleets());
        let fit = |(mine, new): (&Gathered, &Gathered)| mine.fits(new);
        self.from <= self.to
            && self.to <= self.planned()
            && policies > 0
            && self.frame.is_sound()
            && self.policies.len() == policies
            && self.cuts.len() == policies
            && self.policies.iter().zip(&fresh.policies).all(fit)
            && self.samples.fits(policies, columns, self.to - self.from)
    }
}

/// SHA-256 in lower-case hexadecimal.
fn checksum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
