//! How large all plans together may be: the simulation numbers steps and layers with 16 bits.

use super::model::{CallLayers, Fleet, Layer, LayerKind, Policy, Step};
use super::reader::Reader;
use super::tree::Place;

/// The most steps of all fleets together, each of which takes at most three instructions.
const MOST_STEPS: usize = 20_000;
/// The most layers around all steps of all fleets together.
const MOST_LAYERS: usize = 60_000;

/// What plans consist of.
#[derive(Clone, Copy, Default)]
struct Size {
    steps: usize,
    /// Tasks and branches, each with the layers at task scope.
    plans: usize,
}

/// Reports plans that are too large, by themselves or with the layers of a policy around each step.
pub(super) fn check(fleets: &[Fleet], policies: &[(Policy, Place)], place: Place, r: &mut Reader) {
    let mut all = Size::default();
    for fleet in fleets {
        all.plans += 1;
        count(&fleet.plan, &mut all);
    }
    if all.steps > MOST_STEPS {
        let message = format!(
            "the plans of all fleets have {} steps in all; at most {MOST_STEPS} are allowed",
            all.steps
        );
        r.error_help(place, message, "take fewer copies, or `repeat` steps");
        return;
    }
    for (policy, place) in policies {
        let of_call = longest(&policy.tool).max(longest(&policy.llm));
        let layers = all.steps * (of_call + policy.turn.len()) + all.plans * policy.task.len();
        if layers > MOST_LAYERS {
            let message = format!(
                "`{}` has up to {layers} layers around the {} steps of all fleets; at most \
                 {MOST_LAYERS} are allowed",
                policy.name, all.steps
            );
            r.error_help(*place, message, "use fewer layers, copies or steps");
        }
    }
}

fn count(steps: &[Step], size: &mut Size) {
    for step in steps {
        size.steps += 1;
        match step {
            Step::Repeat { steps, .. } => count(steps, size),
            Step::Parallel(parallel) => {
                for branch in &parallel.branches {
                    size.plans += 1;
                    count(&branch.steps, size);
                }
            }
            Step::Llm(_) | Step::Tool(_) | Step::Wait(_) => {}
        }
    }
}

/// The most that one call takes: its layers, and as many calls and states as it has targets.
fn longest(calls: &CallLayers) -> usize {
    let lists = calls.of.iter().map(|(_, layers)| layers);
    let weigh = |layers: &Vec<Layer>| {
        let elsewhere = layers.iter().map(|layer| match &layer.kind {
            LayerKind::Fallback(to, _) | LayerKind::Route(to, _) => to.len(),
            _ => 0,
        });
        layers.len() * (1 + elsewhere.sum::<usize>())
    };
    lists.chain([&calls.others]).map(weigh).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse;

    fn first_error(copies: u32, steps: usize, layers: usize) -> Option<String> {
        let plan = vec!["{tool: t}"; steps].join(", ");
        let layers = vec!["{retry: {attempts: 2}}"; layers].join(", ");
        let text = format!(
            "name: n\ntools: {{t: {{latency: 1s}}}}\nfleets:\n  f: {{copies: {copies}, agents: 1, \
             tasks: {{count: 1}}, plan: [{plan}]}}\npolicies:\n  p: {{tool: [{layers}]}}\n"
        );
        match parse(&text, "test", Path::new(""), &[]) {
            Ok(_) => None,
            Err(problems) => {
                let first = &problems.diagnostics[0];
                Some(format!(
                    "{}:{}: {}",
                    first.line, first.column, first.message
                ))
            }
        }
    }

    #[test]
    fn what_the_simulation_cannot_number_is_an_error() {
        assert_eq!(first_error(20, 1_000, 3), None);
        let steps =
            "3:1: the plans of all fleets have 20100 steps in all; at most 20000 are allowed";
        assert_eq!(first_error(201, 100, 0).as_deref(), Some(steps));
        let layers = "6:3: `p` has up to 80000 layers around the 20000 steps of all fleets; at most \
                      60000 are allowed";
        assert_eq!(first_error(200, 100, 4).as_deref(), Some(layers));
    }
}
