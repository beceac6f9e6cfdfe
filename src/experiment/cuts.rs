//! Which limits cut runs off, when, and how many: the books behind `cuts` in the document.
//!
//! A run that ends at its horizon with nothing left to do was not cut off: where tasks arrive
//! without end, that is how every run ends.

use serde::{Deserialize, Serialize};

use crate::meter::Ledger;
use crate::simulation::{Cut, RunEnd};
use crate::units::Time;

use super::document::{CutResult, Limit};

/// What limits did to the runs of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuts {
    /// A page for each limit, in the order of [`Limit::ALL`].
    pages: [CutBook; Limit::ALL.len()],
}

/// A limit's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct CutBook {
    /// Replications that it cut off.
    replications: u32,
    /// When it first did, in simulated time, of all those replications.
    earliest: Time,
    /// When it last did.
    latest: Time,
    /// Tasks that were unfinished then, in all those replications.
    unfinished: u64,
}

/// The limit that cut a run off before its work was done, if one did.
pub fn limit(ledger: &Ledger, end: &RunEnd) -> Option<Limit> {
    match end.cut? {
        Cut::Horizon => (ledger.unfinished() > 0).then_some(Limit::Horizon),
        Cut::Events => Some(Limit::MaxEvents),
        Cut::Crowd => Some(Limit::Crowd),
        // Its replication is not in the books.
        Cut::Interrupted => None,
    }
}

impl Cuts {
    /// Adds a run.
    pub fn add(&mut self, ledger: &Ledger, end: &RunEnd) {
        let Some(limit) = limit(ledger, end) else {
            return;
        };
        self.pages[limit as usize].merge(&CutBook {
            replications: 1,
            earliest: end.end,
            latest: end.end,
            unfinished: ledger.unfinished(),
        });
    }

    /// Adds the runs of another.
    pub fn append(&mut self, later: &Cuts) {
        for (page, more) in self.pages.iter_mut().zip(&later.pages) {
            page.merge(more);
        }
    }

    /// The limits that cut runs off.
    pub fn results(&self) -> Vec<CutResult> {
        let pages = Limit::ALL.into_iter().zip(&self.pages);
        let result = |(limit, page): (Limit, &CutBook)| CutResult {
            limit,
            replications: page.replications,
            earliest_seconds: page.earliest.as_seconds(),
            latest_seconds: page.latest.as_seconds(),
            tasks_unfinished: page.unfinished as f64 / f64::from(page.replications),
        };
        let cut = pages.filter(|(_, page)| page.replications > 0);
        cut.map(result).collect()
    }
}

impl CutBook {
    fn merge(&mut self, other: &CutBook) {
        match (self.replications, other.replications) {
            (_, 0) => {}
            (0, _) => *self = *other,
            _ => {
                self.replications += other.replications;
                self.earliest = self.earliest.min(other.earliest);
                self.latest = self.latest.max(other.latest);
                self.unfinished += other.unfinished;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    fn of(limit: Limit, runs: &[(u64, u64)]) -> Cuts {
        let mut cuts = Cuts::default();
        for (seconds, unfinished) in runs {
            let at = Time::ZERO + Span::SECOND.times(*seconds);
            cuts.pages[limit as usize].merge(&CutBook {
                replications: 1,
                earliest: at,
                latest: at,
                unfinished: *unfinished,
            });
        }
        cuts
    }

    #[test]
    fn parts_say_what_the_whole_says() {
        let runs = [(9, 4), (3, 0), (7, 1), (5, 2)];
        let whole = of(Limit::MaxEvents, &runs);
        let expected = CutResult {
            limit: Limit::MaxEvents,
            replications: 4,
            earliest_seconds: 3.0,
            latest_seconds: 9.0,
            tasks_unfinished: 1.75,
        };
        assert_eq!(whole.results(), [expected]);
        for cut in 0..=runs.len() {
            let mut parts = of(Limit::MaxEvents, &runs[..cut]);
            parts.append(&of(Limit::MaxEvents, &runs[cut..]));
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn each_limit_has_a_line_of_its_own() {
        let mut cuts = of(Limit::Crowd, &[(2, 1)]);
        cuts.append(&of(Limit::Horizon, &[(60, 3)]));
        let limits: Vec<Limit> = cuts.results().iter().map(|c| c.limit).collect();
        assert_eq!(limits, [Limit::Horizon, Limit::Crowd]);
        assert_eq!(Cuts::default().results(), []);
    }
}
