//! What the nested retry layers did: what a log written at a layer shows, and what was on the wire.

use crate::experiment::document::{LayerResult, NestingResult, PolicyResult};
use crate::report::format::{NO_VALUE, count, seconds};

/// What to say before the figures.
pub const ABOUT: &str = "Means of a run. A log written at a layer shows its own tries and hides those \
     of the layers inside it: between the two lies what nobody sees. The worst of one call is the \
     product of the attempts of all layers around it; beside it the most that was simulated.";

/// The retry layers of a policy: those that a log can be written at.
pub fn retries(policy: &PolicyResult) -> impl Iterator<Item = &LayerResult> {
    let all = policy.layers.iter();
    all.filter(|layer| layer.attempts_visible.is_some())
}

/// "27 on the wire, 3 visible", of a retry layer.
pub fn seen(layer: &LayerResult) -> String {
    let visible = layer
        .attempts_visible
        .map_or_else(|| NO_VALUE.to_owned(), count);
    format!(
        "{} on the wire, {visible} visible",
        count(layer.attempts_on_wire)
    )
}

/// The most attempts that the layers can make of one call.
pub fn worst_attempts(nesting: &NestingResult) -> String {
    let attempts = nesting.worst_attempts;
    attempts.map_or_else(|| "unlimited".to_owned(), |n| n.to_string())
}

/// The longest that the waits between them can be together.
pub fn worst_wait(nesting: &NestingResult) -> String {
    let wait = nesting.worst_wait_seconds;
    wait.map_or_else(|| "without end".to_owned(), seconds)
}

/// The most attempts of one call that were simulated.
pub fn most_simulated(nesting: &NestingResult) -> String {
    match nesting.most_attempts {
        0 => NO_VALUE.to_owned(),
        n => n.to_string(),
    }
}
