//! What the layers of one policy did, and the worst that their nesting can do.
//!
//! How layers lie around steps is known before anything runs and stands in the frame; what they did
//! is filled in from the books.

use serde::{Deserialize, Serialize};

use crate::scenario::model::{Policy, Scenario};
use crate::scenario::nesting::{Bound, Nested, nested, steps_of};
use crate::units::Span;

use super::document::{NestingResult, PolicyResult};
use super::gather::Gathered;

/// How the layers of a policy lie around the steps of the plans. Steps are counted through all
/// fleets, as in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How many steps the plans have.
    pub steps: usize,
    /// For each layer, the steps below it.
    below: Vec<Vec<usize>>,
    /// For each page of [`pages`], its steps.
    calls: Vec<Vec<usize>>,
}

impl Shape {
    /// The shape of a policy in a scenario.
    pub fn of(scenario: &Scenario, policy: &Policy) -> Shape {
        let (first_steps, all) = first_steps(scenario);
        let place = |step: &Nested| first_steps[step.fleet] + usize::from(step.step);
        let steps = nested(&scenario.fleets, policy);
        let mut below: Vec<Vec<usize>> = vec![];
        let mut keys = vec![];
        let mut calls: Vec<Vec<usize>> = vec![];
        for step in &steps {
            let mut seen = vec![];
            for around in &step.layers {
                // Twice around a sub-agent's turn inside a turn, and yet the same attempts.
                if !seen.contains(&around.id) {
                    below.resize(below.len().max(around.id + 1), vec![]);
                    below[around.id].push(place(step));
                    seen.push(around.id);
                }
            }
            match keys.iter().position(|key| *key == key_of(scenario, step)) {
                Some(known) => calls[known].push(place(step)),
                None => {
                    keys.push(key_of(scenario, step));
                    calls.push(vec![place(step)]);
                }
            }
        }
        Shape {
            steps: all,
            below,
            calls,
        }
    }

    /// Whether it is that of a policy with so many layers and pages, and names no step beyond its own.
    pub fn fits(&self, result: &PolicyResult) -> bool {
        let mut named = self.below.iter().chain(&self.calls).flatten();
        self.below.len() <= result.layers.len()
            && self.calls.len() == result.nesting.len()
            && named.all(|step| *step < self.steps)
    }

    /// Fills in what the layers did in `n` replications.
    pub fn fill(&self, books: &Gathered, n: f64, result: &mut PolicyResult) {
        for (id, layer) in result.layers.iter_mut().enumerate() {
            let below = self.below.get(id).into_iter().flatten();
            let on_wire: u64 = below.map(|step| books.steps[*step].attempts).sum();
            let tries = books.entered[id] + books.acted[id];
            layer.acted = books.acted[id] as f64 / n;
            layer.attempts_caused = books.causes[id].attempts as f64 / n;
            layer.usd_caused = books.causes[id].spend.as_dollars() / n;
            layer.attempts_on_wire = on_wire as f64 / n;
            layer.attempts_visible = layer.attempts_visible.map(|_| tries as f64 / n);
            layer.waited_seconds = books.waited[id] as f64 / 1e9 / n;
        }
        for (page, steps) in result.nesting.iter_mut().zip(&self.calls) {
            let most = steps.iter().map(|step| books.steps[*step].most).max();
            page.most_attempts = most.unwrap_or(0);
        }
    }
}

/// Which of a policy's layers are retry layers around some step.
pub fn retries(scenario: &Scenario, policy: &Policy, layers: usize) -> Vec<bool> {
    let mut retries = vec![false; layers];
    for step in nested(&scenario.fleets, policy) {
        for around in &step.layers {
            retries[around.id] |= matches!(around.bound, Bound::Retry(_));
        }
    }
    retries
}

/// A page for each fleet and target that it calls, with the worst that can be.
pub fn pages(scenario: &Scenario, policy: &Policy) -> Vec<NestingResult> {
    let mut pages: Vec<NestingResult> = vec![];
    for step in nested(&scenario.fleets, policy) {
        let (fleet, target) = key_of(scenario, &step);
        let page = NestingResult {
            fleet: fleet.to_owned(),
            target,
            worst_attempts: step.worst_attempts(),
            worst_wait_seconds: step.worst_wait().map(Span::as_seconds),
            most_attempts: 0,
        };
        let same = |p: &&mut NestingResult| p.target == target && p.fleet == fleet;
        match pages.iter_mut().find(same) {
            Some(known) => known.join(&page),
            None => pages.push(page),
        }
    }
    pages
}

/// The fleet's name and the target that tell pages apart.
fn key_of<'a>(scenario: &'a Scenario, step: &Nested) -> (&'a str, usize) {
    (
        &scenario.fleets[step.fleet].name,
        usize::from(step.target.0),
    )
}

/// Where each fleet's steps begin in the ledger, and how many there are in all.
fn first_steps(scenario: &Scenario) -> (Vec<usize>, usize) {
    let mut next = 0;
    let mut begin = |plan| {
        let first = next;
        next += steps_of(plan);
        first
    };
    let first = scenario.fleets.iter().map(|f| begin(&f.plan)).collect();
    (first, next)
}

impl NestingResult {
    /// The worse of two steps.
    fn join(&mut self, other: &NestingResult) {
        let attempts = self.worst_attempts.zip(other.worst_attempts);
        self.worst_attempts = attempts.map(|(a, b)| a.max(b));
        let waits = self.worst_wait_seconds.zip(other.worst_wait_seconds);
        self.worst_wait_seconds = waits.map(|(a, b)| a.max(b));
    }
}
