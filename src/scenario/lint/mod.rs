//! Storm lint: reads policies as an experienced reviewer would.
//!
//! A rule is a function over a [`View`] of the checked scenario and an entry in [`RULES`]. What it
//! finds is a warning at the place of a layer or policy; `allow: [RULE]` in a policy or beside a
//! layer silences it. Layers that several policies take from one place of the file (by an anchor)
//! are warned of once.

mod calls;
mod costs;
mod marks;
mod states;
mod traffic;
mod view;
mod waits;

use super::diagnostics::Diagnostic;
use super::model::Scenario;
use super::reader::Reader;
use super::tree::Place;
use crate::resilience::RetrySpec;
pub use calls::MOST_NESTED;
pub(super) use marks::{Marks, allow, allowing};
use view::{Hit, View};

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
    /// Whether a retry breaks it wherever it stands, for rules of which that can be said.
    alone: Option<fn(&RetrySpec) -> bool>,
    check: fn(&View) -> Vec<Hit>,
}

/// One warning of the lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// Indices of the policies that it is about, ascending.
    pub policies: Vec<usize>,
    /// What, where, and what to do.
    pub diagnostic: Diagnostic,
    /// Lines of the other layers that have a part in it, outermost first.
    pub lines: Vec<usize>,
}

/// All rules, in the order in which they are documented.
pub static RULES: [Rule; 21] = [
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
    calls::TIMEOUT_TOO_SHORT,
    states::BREAKER_NEVER_TRIPS,
    states::BREAKER_OUTLASTS_OUTAGE,
    states::HALF_OPEN_FOR_ALL,
    states::SLOT_HELD_ASLEEP,
    states::LIMITER_PER_CLIENT,
    costs::INVALID_WITHOUT_BUDGET,
    costs::CROWD_WITHOUT_BUDGET,
    costs::HEDGE_WITHOUT_BUDGET,
    costs::HEDGE_TOO_EARLY,
    costs::SAME_AS_ANOTHER,
];

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The rules that a retry layer may break wherever it stands: what in it feeds a storm.
pub fn storm_prone(spec: &RetrySpec) -> impl Iterator<Item = &'static Rule> {
    let tries = spec.attempts != Some(1);
    let breaks = move |rule: &&Rule| rule.alone.is_some_and(|breaks| breaks(spec));
    RULES.iter().filter(move |rule| tries && breaks(rule))
}

/// What a rule found, at its place and before it is worded.
struct Found {
    place: Place,
    rule: &'static Rule,
    message: String,
    policies: Vec<usize>,
    others: Vec<Place>,
}

/// Everything that the rules find, in the order of the file; an `allow` that never acts is noted
/// as a warning of the reader.
pub(super) fn findings(scenario: &Scenario, r: &mut Reader) -> Vec<Finding> {
    let mut marks = std::mem::take(&mut r.marks);
    let mut all: Vec<Found> = vec![];
    for policy in 0..scenario.policies.len() {
        let view = View::of(scenario, policy);
        for rule in &RULES {
            for mut hit in (rule.check)(&view) {
                if let Some(name) = hit.layer.and_then(|layer| view.name_in_stack(layer)) {
                    hit.message += &format!(" (`{name}`)");
                }
                let place = marks.place(policy, hit.layer);
                if marks.allows(policy, place, rule.id) {
                    continue;
                }
                let same = |f: &&mut Found| {
                    f.place == place && f.rule.id == rule.id && f.message == hit.message
                };
                if let Some(found) = all.iter_mut().find(same) {
                    if found.policies.last() != Some(&policy) {
                        found.policies.push(policy);
                    }
                    continue;
                }
                let others = hit.others.iter();
                let others = others.map(|layer| marks.place(policy, Some(*layer)));
                let others = others.filter(|other| *other != place).collect();
                all.push(Found {
                    place,
                    rule,
                    message: hit.message,
                    policies: vec![policy],
                    others,
                });
            }
        }
    }
    for (id, place) in marks.idle() {
        let message = format!("this `allow` never acts: `{id}` finds nothing here");
        r.warn(place, message, "take it out");
    }
    all.sort_by_key(|found| (found.place.origin, found.place.start));
    all.into_iter()
        .map(|found| worded(found, scenario, r))
        .collect()
}

/// A finding as it is shown.
fn worded(found: Found, scenario: &Scenario, r: &Reader) -> Finding {
    let mut message = format!("{}: {}", found.rule.id, found.message);
    if let [first, more @ ..] = &found.policies[..]
        && !more.is_empty()
    {
        let name = &scenario.policies[*first].name;
        let policies = if more.len() == 1 {
            "policy"
        } else {
            "policies"
        };
        message += &format!(" (in `{name}` and {} more {policies})", more.len());
    }
    let mut help = found.rule.advice.to_owned();
    let mut lines: Vec<usize> = vec![];
    for place in &found.others {
        let line = r.warning(*place, String::new()).line;
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if !lines.is_empty() {
        let listed: Vec<String> = lines.iter().map(usize::to_string).collect();
        let word = if lines.len() == 1 { "line" } else { "lines" };
        help += &format!("; the others are on {word} {}", listed.join(", "));
    }
    Finding {
        rule: found.rule.id,
        policies: found.policies,
        diagnostic: r.warning(found.place, message).with_help(help),
        lines,
    }
}
