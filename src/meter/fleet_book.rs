//! A fleet's page in the books: what became of its tasks, and what they cost.

use crate::statistics::Sketch;
use crate::units::Money;

/// A fleet's page. All money and all tasks of a run are on the pages of its fleets, once each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetBook {
    /// Money for its attempts.
    pub spend: Money,
    /// Money among it for attempts that a layer asked for, all but first attempts.
    pub retries: Money,
    /// Money for attempts whose result was thrown away.
    pub wasted: Money,
    /// Tasks that arrived.
    pub arrived: u64,
    /// Tasks that succeeded.
    pub ok: u64,
    /// Tasks that failed for good.
    pub failed: u64,
    /// Tasks that were unfinished when the run was cut off.
    pub unfinished: u64,
    /// Tasks left in a dead-letter queue; they are among the failed or the unfinished ones.
    pub dead_lettered: u64,
    /// Task times \[ns\], of tasks that succeeded.
    pub times: Sketch,
}

impl FleetBook {
    /// The page of several fleets together. It does not depend on their order.
    pub fn of(pages: &[FleetBook]) -> FleetBook {
        let mut all = FleetBook::default();
        for page in pages {
            all.spend += page.spend;
            all.retries += page.retries;
            all.wasted += page.wasted;
            all.arrived += page.arrived;
            all.ok += page.ok;
            all.failed += page.failed;
            all.unfinished += page.unfinished;
            all.dead_lettered += page.dead_lettered;
            all.times.merge(&page.times);
        }
        all
    }
}
