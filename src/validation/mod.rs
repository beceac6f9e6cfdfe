//! Other people's numbers, reproduced: what was published, the scenario that says the same, and
//! whether the simulator agrees.
//!
//! A [`Source`] is a text with a link. A [`Case`] plays one shipped scenario, some of its values set
//! over, and each [`Claim`] of it holds a number that the source states, or that a formula of the
//! source gives, against a reading of the runs. The tables of claims are in [`claims`]; nothing
//! there is fitted: a tolerance is stated with the claim, and a claim whose own sampling error
//! is not small against its tolerance does not pass.
//!
//! ```text
//! claims ──► play (case × policy × replication, on rayon) ──► Seen ──► Finding ──► table, markdown
//! ```

pub mod claims;
mod play;
mod seen;
pub mod table;
mod theory;

pub use play::{Effort, Fault, Finding, Verdict, grid, verify};
pub use seen::Seen;

/// A published text.
#[derive(Debug)]
pub struct Source {
    /// Its short name; `--filter` looks at it.
    pub key: &'static str,
    /// Author and title.
    pub title: &'static str,
    /// When it was published.
    pub year: u16,
    /// Where it can be read; empty if it stands nowhere by itself.
    pub link: &'static str,
    /// What its text leaves open, and where we have that from; or what else must be said.
    pub detail: &'static str,
}

/// A scenario that comes with the program.
#[derive(Debug)]
pub struct Shipped {
    /// Its path in the repository.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// One scenario, played, and what is claimed of it.
#[derive(Debug)]
pub struct Case {
    /// Who claims.
    pub source: &'static Source,
    /// The setting in a few words; `--filter` looks at it too.
    pub setup: &'static str,
    /// What is played.
    pub scenario: &'static Shipped,
    /// Values set over the scenario's, as on the command line.
    pub set: &'static [&'static str],
    /// How many replications: enough for an interval that is small against the tolerance.
    pub replications: u32,
    /// How many of the first tasks are not counted, because they meet an empty system.
    pub warm_up: u32,
    /// What is claimed.
    pub claims: &'static [Claim],
}

/// One number.
#[derive(Debug)]
pub struct Claim {
    /// What it is.
    pub what: &'static str,
    /// Under which policy of the scenario.
    pub policy: &'static str,
    /// What is read off a run.
    pub reading: fn(&Seen) -> f64,
    /// What the source says.
    pub theirs: Theirs,
    /// How far ours may be off.
    pub tolerance: Tolerance,
    /// In what it is counted.
    pub unit: Unit,
}

/// What a source says.
#[derive(Clone, Copy, Debug)]
pub enum Theirs {
    /// This number.
    Published(f64),
    /// This formula.
    Formula(fn() -> f64),
}

impl Theirs {
    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Theirs::Published(value) => value,
            Theirs::Formula(formula) => formula(),
        }
    }
}

/// How far a reading may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// By so much, in the claim's unit.
    By(f64),
    /// By this share of what the source says.
    Share(f64),
    /// By less than half a unit of the last digit printed: nothing in it is random.
    Exact,
}

/// In what a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Calls or attempts.
    Calls,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// A share or a ratio.
    Ratio,
    /// Dollars.
    Dollars,
}

impl Tolerance {
    /// How far a reading may be off `theirs`.
    pub fn width(self, theirs: f64, unit: Unit) -> f64 {
        match self {
            Tolerance::By(width) => width,
            Tolerance::Share(share) => share * theirs.abs(),
            Tolerance::Exact => 0.5 * unit.last_digit(),
        }
    }
}

impl Unit {
    fn decimals(self) -> usize {
        match self {
            Unit::Calls => 1,
            Unit::Millis => 0,
            Unit::Seconds => 3,
            Unit::Ratio => 4,
            Unit::Dollars => 3,
        }
    }

    fn last_digit(self) -> f64 {
        [1.0, 0.1, 0.01, 0.001, 0.0001][self.decimals()]
    }

    /// A number in this unit, as tables print it.
    pub fn print(self, value: f64) -> String {
        let decimals = self.decimals();
        match self {
            Unit::Calls => format!("{value:.decimals$}"),
            Unit::Millis => format!("{value:.decimals$} ms"),
            Unit::Seconds => format!("{value:.decimals$} s"),
            Unit::Ratio => format!("{value:.decimals$}"),
            Unit::Dollars => {
                let cents = (value * 100.0).round() / 100.0;
                match (cents - value).abs() < 1e-9 {
                    true => format!("${value:.2}"),
                    false => format!("${value:.decimals$}"),
                }
            }
        }
    }
}
