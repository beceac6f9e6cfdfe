//! What the layers of one policy did, and the worst that their nesting can do.

use crate::scenario::model::{Policy, Scenario};
use crate::scenario::nesting::{Bound, Nested, nested, steps_of};
use crate::units::Span;

use super::document::{LayerResult, NestingResult};
use super::gather::Gathered;

/// The layers' pages, in the order of the policy, and a page for each fleet and target.
pub(super) fn results(
    books: &Gathered,
    scenario: &Scenario,
    policy: &Policy,
) -> (Vec<LayerResult>, Vec<NestingResult>) {
    let n = books.rows.len() as f64;
    let steps = nested(&scenario.fleets, policy);
    let first_steps = first_steps(scenario);
    let book = |step: &Nested| books.steps[first_steps[step.fleet] + usize::from(step.step)];
    let mut below = vec![0; books.labels.len()];
    let mut retries = vec![false; books.labels.len()];
    for step in &steps {
        let mut seen = vec![];
        for around in &step.layers {
            // Twice around a sub-agent's turn inside a turn, and yet the same attempts.
            if !seen.contains(&around.id) {
                below[around.id] += book(step).attempts;
                seen.push(around.id);
            }
            retries[around.id] |= matches!(around.bound, Bound::Retry(_));
        }
    }
    let layer = |(id, label): (usize, &String)| LayerResult {
        label: policy.short_label(label).to_owned(),
        acted: books.acted[id] as f64 / n,
        attempts_caused: books.causes[id].attempts as f64 / n,
        usd_caused: books.causes[id].spend.as_dollars() / n,
        attempts_on_wire: below[id] as f64 / n,
        attempts_visible: retries[id].then(|| (books.entered[id] + books.acted[id]) as f64 / n),
        waited_seconds: books.waited[id] as f64 / 1e9 / n,
    };
    let layers = books.labels.iter().enumerate().map(layer).collect();
    let mut pages: Vec<NestingResult> = vec![];
    for step in &steps {
        let fleet = &scenario.fleets[step.fleet].name;
        let target = usize::from(step.target.0);
        let page = NestingResult {
            fleet: fleet.clone(),
            target,
            worst_attempts: step.worst_attempts(),
            worst_wait_seconds: step.worst_wait().map(Span::as_seconds),
            most_attempts: book(step).most,
        };
        let same = |p: &&mut NestingResult| p.target == target && p.fleet == *fleet;
        match pages.iter_mut().find(same) {
            Some(known) => known.join(&page),
            None => pages.push(page),
        }
    }
    (layers, pages)
}

/// Where each fleet's steps begin in the ledger.
fn first_steps(scenario: &Scenario) -> Vec<usize> {
    let mut next = 0;
    let mut begin = |plan| {
        let first = next;
        next += steps_of(plan);
        first
    };
    scenario.fleets.iter().map(|f| begin(&f.plan)).collect()
}

impl NestingResult {
    /// The worse of two steps.
    fn join(&mut self, other: &NestingResult) {
        let attempts = self.worst_attempts.zip(other.worst_attempts);
        self.worst_attempts = attempts.map(|(a, b)| a.max(b));
        let waits = self.worst_wait_seconds.zip(other.worst_wait_seconds);
        self.worst_wait_seconds = waits.map(|(a, b)| a.max(b));
        self.most_attempts = self.most_attempts.max(other.most_attempts);
    }
}
