//! Storm lint: reads policies as an experienced reviewer would.
//!
//! A rule is a function over a [`View`] of the checked scenario and an entry in [`RULES`]. What it
//! finds is a warning at the place of a layer or policy; `allow: [RULE]` in a policy silences it.

mod calls;
mod states;
mod view;
mod waits;

use super::diagnostics::Diagnostic;
use super::model::Scenario;
use super::reader::Reader;
use super::tree::{Node, Place};
use view::View;

/// One thing that a reviewer looks for.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, as in `allow: [no-cap]`.
    pub id: &'static str,
    /// What it finds, in one line.
    pub finds: &'static str,
    /// Why that makes storms, or costs.
    pub why: &'static str,
    /// What to do.
    pub advice: &'static str,
    check: fn(&View) -> Vec<Hit>,
}

/// What a rule found: the label of a layer (or a policy's name), and what to say about it.
type Hit = (String, String);

/// One warning of the lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// Index of the policy.
    pub policy: usize,
    /// What, where, and what to do.
    pub diagnostic: Diagnostic,
}

/// Where layers and policies stand in the file, and what they allow on purpose.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Labels of layers and names of policies, with their places.
    pub(super) places: Vec<(String, Place)>,
    /// A policy's name, a rule that it allows, and where it says so.
    pub(super) allowed: Vec<(String, &'static str, Place)>,
}

/// All rules, in the order in which they are documented.
pub const RULES: [Rule; 16] = [
    waits::NO_CAP,
    waits::NO_BACKOFF,
    waits::UNCAPPED_BACKOFF,
    waits::NO_JITTER,
    waits::BACKOFF_OUTLIVES_CACHE,
    waits::IGNORES_RETRY_AFTER,
    waits::RETRY_AFTER_TOO_LONG,
    calls::PERMANENT_RETRIED,
    calls::TURN_REPEATS_TOOLS,
    calls::LAYERS_MULTIPLY,
    calls::TIMEOUT_BELOW_P50,
    states::BREAKER_NEVER_TRIPS,
    states::BREAKER_OUTLASTS_OUTAGE,
    states::HALF_OPEN_FOR_ALL,
    states::SLOT_HELD_ASLEEP,
    states::LIMITER_PER_CLIENT,
];

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The value of a policy's key `allow`.
pub(super) fn allow(node: &Node, policy: &str, r: &mut Reader) -> Option<()> {
    r.each(node, "a list of rules", |n, r| {
        let id = r.text(n, "a rule")?;
        match rule(id) {
            Some(rule) => {
                let mark = (policy.to_owned(), rule.id, n.place);
                r.marks.allowed.push(mark);
            }
            None => r.unknown(n.place, "rule", id, RULES.iter().map(|rule| rule.id)),
        }
        Some(())
    })?;
    Some(())
}

/// Everything that the rules find, in the order of the file; an `allow` that never acts is noted
/// as a warning of the reader.
pub(super) fn findings(scenario: &Scenario, r: &mut Reader) -> Vec<Finding> {
    let marks = std::mem::take(&mut r.marks);
    let mut idle = vec![true; marks.allowed.len()];
    let mut found = vec![];
    for (policy, one) in scenario.policies.iter().enumerate() {
        let view = View::of(scenario, one);
        for rule in &RULES {
            let hits = (rule.check)(&view);
            let allowed = marks.allowed.iter().zip(&mut idle);
            let mut allowed =
                allowed.filter(|((name, id, _), _)| *name == one.name && *id == rule.id);
            if !hits.is_empty()
                && let Some((_, idle)) = allowed.next()
            {
                *idle = false;
                continue;
            }
            for (label, message) in hits {
                let place = marks.places.iter().find(|(known, _)| *known == label);
                let place = place.map_or_else(Place::default, |(_, place)| *place);
                let message = format!("{}: {message}", rule.id);
                let diagnostic = r.warning(place, message).with_help(rule.advice);
                let finding = Finding {
                    rule: rule.id,
                    policy,
                    diagnostic,
                };
                found.push((place, finding));
            }
        }
    }
    for ((_, id, place), _) in marks.allowed.iter().zip(idle).filter(|(_, idle)| *idle) {
        let message = format!("this `allow` never acts: `{id}` finds nothing in the policy");
        r.warn(*place, message, "take it out");
    }
    found.sort_by_key(|(place, _)| (place.origin, place.start));
    found.into_iter().map(|(_, finding)| finding).collect()
}
