//! `squall presets show` for stacks: the whole policy, and what its layers make of a failure together.

use std::fmt::Write;
use std::path::Path;

use crate::experiment::{Progress, play_one};
use crate::presets::Stack;
use crate::random::Weather;
use crate::scenario::lint::{MOST_NESTED, storm_prone};
use crate::scenario::nesting::{Nested, nested};
use crate::scenario::{self, LayerKind, Scenario};
use crate::simulation::Program;
use crate::units::text;
use crate::wire::Outcome;

use super::presets::outlook_of;

/// What a call may be answered with, as people know it.
const FAILURES: [(Outcome, &str); 4] = [
    (Outcome::RateLimited, "429"),
    (Outcome::Transient, "500"),
    (Outcome::Permanent, "400"),
    (Outcome::Invalid, "invalid answer"),
];

/// Everything about a stack.
pub(super) fn show(stack: &Stack) -> String {
    let scenario = under(stack);
    let policy = &scenario.policies[0];
    let steps = nested(&scenario.fleets, policy);
    let mut out = format!(
        "{} (stack): {} {}\n{}\nSource: {}\n\nours:\n",
        stack.full_name(),
        stack.library,
        stack.looked_at,
        stack.about,
        stack.source
    );
    for line in stack.yaml.lines() {
        let _ = writeln!(out, "  {line}");
    }
    out.push_str(&together(&steps[0], &without_answer(&scenario, &steps[0])));
    for layer in policy.written_layers() {
        let LayerKind::Retry(spec) = &layer.kind else {
            continue;
        };
        let _ = writeln!(out, "{}", policy.short_label(&layer.label));
        out.push_str(&outlook_of(spec));
        for told in storm_prone(spec) {
            let _ = writeln!(out, "Storm-prone: {} ({}).", told.finds, told.id);
        }
        out.push('\n');
    }
    out
}

/// What the layers make of one model call together; the last line is of one that is not answered.
fn together(step: &Nested, last: &(&str, Option<u64>)) -> String {
    let mut out = String::from("\nOne model call, if every attempt ends the same:\n");
    let number = |n: Option<u64>| n.map_or("unlimited".to_owned(), |n| n.to_string());
    let answered = FAILURES.map(|(outcome, words)| (words, step.attempts_on(outcome)));
    for (words, attempts) in answered.iter().chain([last]) {
        let attempts = number(*attempts);
        let _ = writeln!(out, "{words:<18} {attempts:>10} attempts");
    }
    let worst = step.worst_attempts();
    let wait = match step.worst_wait() {
        Some(wait) => format!("at most {} of waits", text::span(wait)),
        None => "no end to the waits".to_owned(),
    };
    let _ = writeln!(
        out,
        "In all, without Retry-After: {} attempts, {wait}",
        number(worst)
    );
    if worst.is_none_or(|n| n > MOST_NESTED) && step.retries().count() > 1 {
        let product = number(worst);
        let _ = writeln!(
            out,
            "Storm-prone: nested layers multiply to {product} attempts."
        );
    }
    out.push('\n');
    out
}

/// The attempts of a call whose model hangs, and what that is called; `None` is without end.
///
/// Timeouts take their time, and layers that look at the clock stop earlier than the product of
/// attempts says; so one call is played. A stack without a timeout leaves it open when its client
/// gives up: there the product is all that can be said.
fn without_answer(scenario: &Scenario, step: &Nested) -> (&'static str, Option<u64>) {
    let mut layers = scenario.policies[0].written_layers();
    if !layers.any(|layer| layer.kind.is_timeout()) {
        return ("timeout", step.attempts_on(Outcome::Timeout));
    }
    struct Unwatched;
    impl Progress for Unwatched {}
    let program = Program::new(scenario, &scenario.policies[0]);
    let (ledger, end) = play_one(scenario, &program, Weather::new(0, 0), &Unwatched);
    let attempts = ledger.targets[0].attempts;
    ("no answer (hangs)", end.cut.is_none().then_some(attempts))
}

/// A scenario with one call of a model that hangs far longer than all timeouts, under the stack. It
/// is cut off after more events than any bounded stack makes.
fn under(stack: &Stack) -> Scenario {
    let text = format!(
        "name: stack\nhorizon: 3650d\nmax_events: 10000\n\
         models: {{model: {{latency: 1s, hangs: {{rate: 100%, for: 365d}}}}}}\n\
         fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: model, output: 1}}]}}}}\n\
         policies: {{ours: {{stack: {}}}}}\n",
        stack.full_name()
    );
    let loaded = scenario::parse(&text, "stack", Path::new(""), &[]);
    loaded.expect("a test reads every stack").scenario
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    #[test]
    fn every_stack_can_be_shown() {
        for stack in presets::stacks() {
            assert!(show(stack).contains("(stack): "), "{}", stack.full_name());
        }
    }

    #[test]
    fn a_stack_with_a_budget_shows_what_its_library_makes() {
        let shown = show(presets::find_stack("litellm").unwrap());
        assert!(
            shown.contains("429                         5 attempts\n"),
            "{shown}"
        );
        let shown = show(presets::find_stack("openai-agents-retry").unwrap());
        assert!(
            shown.contains("500                         6 attempts\n"),
            "{shown}"
        );
    }

    /// Four attempts of a minute each, and the three calls around them may take a minute.
    #[test]
    fn who_looks_at_the_clock_makes_less_of_a_model_that_hangs() {
        let shown = show(presets::find_stack("llama-index").unwrap());
        assert!(
            shown.contains("500                        12 attempts\n"),
            "{shown}"
        );
        assert!(
            shown.contains("no answer (hangs)           4 attempts\n"),
            "{shown}"
        );
        let shown = show(presets::find_stack("botocore-adaptive").unwrap());
        assert!(
            shown.contains("timeout                     3 attempts\n"),
            "{shown}"
        );
        let shown = show(presets::find_stack("temporal").unwrap());
        assert!(
            shown.contains("no answer (hangs)   unlimited attempts\n"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_shown_says_what_the_layers_make_of_it_together() {
        let shown = show(presets::find_stack("crewai").unwrap());
        assert!(
            shown.contains("429                        27 attempts\n"),
            "{shown}"
        );
        assert!(
            shown.contains("500                         9 attempts\n"),
            "{shown}"
        );
        assert!(shown.contains("multiply to 27 attempts"), "{shown}");
        assert!(
            shown.contains("task[stack] crewai: crewai-agent retry\n"),
            "{shown}"
        );
    }
}
