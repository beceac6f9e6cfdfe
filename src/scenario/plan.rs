//! Plans: the steps of a task.

use super::distributions::{MOST_TOKENS, times, tokens};
use super::fields::Fields;
use super::model::{Branch, LlmStep, OnFailure, ParallelStep, Step, TargetId, Tokens, ToolStep};
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use super::words::{any_of, near};
use crate::random::Distribution;
use crate::units::Share;

/// The most steps of a plan, those inside `repeat` and `parallel` included.
const MOST_STEPS: usize = 1000;
/// The most sub-agents of one kind in a `parallel` step.
const MOST_SUB_AGENTS: u64 = 1_000_000;
/// How deeply `repeat` and `parallel` may be nested.
const DEEPEST: usize = 16;
/// How often one step may be done in one task: repeats times sub-agents over all nesting.
const MOST_TIMES: u64 = 1 << 31;

const KINDS: [&str; 5] = ["llm", "tool", "wait", "repeat", "parallel"];

/// What is known while a plan is read.
struct Plan {
    has_trace: bool,
    steps: usize,
}

/// Where in the nesting a step stands.
#[derive(Clone, Copy)]
struct Nesting {
    depth: usize,
    times: u64,
}

/// The plan of a fleet; `has_trace` says whether its tasks come from a trace.
pub(super) fn plan(node: &Node, has_trace: bool, r: &mut Reader) -> Option<Vec<Step>> {
    let mut plan = Plan {
        has_trace,
        steps: 0,
    };
    let outermost = Nesting { depth: 1, times: 1 };
    let read = plan.steps(node, outermost, r);
    if plan.steps > MOST_STEPS {
        let message = format!(
            "this plan has {} steps: at most {MOST_STEPS} are allowed",
            plan.steps
        );
        r.error_help(node.owner, message, "use `repeat`");
    }
    read
}

impl Plan {
    fn steps(&mut self, node: &Node, at: Nesting, r: &mut Reader) -> Option<Vec<Step>> {
        if at.depth > DEEPEST {
            r.error(
                node.owner,
                format!("this is nested more than {DEEPEST} deep"),
            );
            return None;
        }
        if at.times > MOST_TIMES {
            let help = "repeats and sub-agents multiply; at most 2147483648 are allowed";
            r.error_help(
                node.owner,
                "these steps are done too often in one task",
                help,
            );
            return None;
        }
        let steps = r.each(node, "a list of steps", |n, r| self.step(n, at, r))?;
        if steps.is_empty() {
            r.error(node.owner, "there are no steps");
            return None;
        }
        Some(steps)
    }

    fn step(&mut self, node: &Node, at: Nesting, r: &mut Reader) -> Option<Step> {
        self.steps += 1;
        let kind = kind(node, r)?;
        let mut f = Fields::of(node, "a step", r)?;
        let step = match kind {
            "llm" => self.llm(&mut f, r),
            "tool" => tool(&mut f, r),
            "wait" => f.required("wait", r, times).map(Step::Wait),
            "repeat" => self.repeat(&mut f, at, r),
            _ => self.parallel(&mut f, at, r),
        };
        f.finish(r);
        step
    }

    fn llm(&self, f: &mut Fields, r: &mut Reader) -> Option<Step> {
        let target = f.required("llm", r, model);
        let prompt = f.optional("prompt", r, |n, r| self.tokens(n, Tokens::TraceContext, r));
        let output = f.required("output", r, |n, r| {
            self.tokens(n, Tokens::TraceGenerated, r)
        });
        let context = [("kept", false), ("fresh", true)];
        let fresh = f.optional("context", r, |n, r| r.choice(n, &context));
        let validate = f.optional("validate", r, validate);
        let on_failure = f.optional("on_failure", r, on_failure);
        let (passes, never) = validate.unwrap_or((Share::ALL, Share::NONE));
        Some(Step::Llm(LlmStep {
            target: target?,
            prompt: prompt.unwrap_or(Tokens::Drawn(Distribution::Constant(0.0))),
            output: output?,
            fresh: fresh.unwrap_or(false),
            passes,
            never,
            on_failure: on_failure.unwrap_or(OnFailure::Fail),
        }))
    }

    /// A number of tokens, a distribution, or `trace`.
    fn tokens(&self, node: &Node, traced: Tokens, r: &mut Reader) -> Option<Tokens> {
        match &node.kind {
            Kind::Scalar { text, .. } if text == "trace" => {
                if !self.has_trace {
                    let help = "write `tasks: {trace: FILE}`, or a number of tokens";
                    r.error_help(
                        node.place,
                        "the tasks of this fleet come from no trace",
                        help,
                    );
                    return None;
                }
                Some(traced)
            }
            _ => Some(Tokens::Drawn(tokens(node, r)?)),
        }
    }

    fn repeat(&mut self, f: &mut Fields, at: Nesting, r: &mut Reader) -> Option<Step> {
        let times = f.required("repeat", r, |n, r| r.count32(n, 1));
        let inside = at.inside(times.unwrap_or(1));
        let steps = f.required("steps", r, |n, r| self.steps(n, inside, r));
        Some(Step::Repeat {
            times: times?,
            steps: steps?,
        })
    }

    fn parallel(&mut self, f: &mut Fields, at: Nesting, r: &mut Reader) -> Option<Step> {
        let node = f.get("parallel")?;
        let branches = if let Kind::List(_) = node.kind {
            let branches = r.each(node, "a list of sub-agents", |n, r| {
                let mut f = Fields::of(n, "a group of sub-agents", r)?;
                let branch = self.branch("agents", &mut f, at, r);
                f.finish(r);
                branch
            });
            if branches.as_ref().is_some_and(Vec::is_empty) {
                r.error(node.place, "there are no sub-agents");
            }
            branches
        } else {
            self.branch("parallel", f, at, r).map(|branch| vec![branch])
        };
        let result = f.optional("result_tokens", r, |n, r| r.count_in(n, 0, MOST_TOKENS));
        let on_failure = f.optional("on_failure", r, on_failure);
        Some(Step::Parallel(ParallelStep {
            branches: branches?,
            result_tokens: result.unwrap_or(0) as u32,
            on_failure: on_failure.unwrap_or(OnFailure::Fail),
        }))
    }

    fn branch(
        &mut self,
        agents: &'static str,
        f: &mut Fields,
        at: Nesting,
        r: &mut Reader,
    ) -> Option<Branch> {
        let agents = f.required(agents, r, |n, r| r.count_in(n, 1, MOST_SUB_AGENTS));
        let agents = agents.and_then(|n| u32::try_from(n).ok());
        let inside = at.inside(agents.unwrap_or(1));
        let steps = f.required("steps", r, |n, r| self.steps(n, inside, r));
        Some(Branch {
            agents: agents?,
            steps: steps?,
        })
    }
}

impl Nesting {
    fn inside(self, times: u32) -> Nesting {
        Nesting {
            depth: self.depth + 1,
            times: self.times.saturating_mul(u64::from(times)),
        }
    }
}

/// Which kind of step it is: its first key says so.
fn kind(node: &Node, r: &mut Reader) -> Option<&'static str> {
    let entries = r.map(node, "a step")?;
    let known = |text: &str| KINDS.into_iter().find(|kind| *kind == text);
    let mut kinds = entries.iter().filter(|(key, _)| known(&key.text).is_some());
    let first = entries.first().map(|(key, _)| key);
    match (
        first.and_then(|key| known(&key.text)),
        kinds.next(),
        kinds.next(),
    ) {
        (_, _, Some((second, _))) => {
            let message = format!("`{}` begins another step", second.text);
            r.error_help(
                second.place,
                message,
                "put it into an item of its own, with a `-`",
            );
            None
        }
        (Some(kind), ..) => Some(kind),
        (None, Some((key, _)), None) => {
            let message = format!("`{}` must be the step's first key", key.text);
            r.error(key.place, message);
            None
        }
        (None, None, None) => {
            let place = first.map_or(node.place, |key| key.place);
            let message = format!("expected a step with {}", any_of(&KINDS));
            match first.and_then(|key| near(&key.text, &KINDS)) {
                Some(word) => r.error_help(place, message, format!("did you mean `{word}`?")),
                None => r.error(place, message),
            }
            None
        }
    }
}

fn tool(f: &mut Fields, r: &mut Reader) -> Option<Step> {
    let target = f.required("tool", r, |node, r| {
        let name = r.text(node, "the name of a tool")?;
        tool_named(name, node.place, r)
    });
    let result = f.optional("result_tokens", r, tokens);
    let on_failure = f.optional("on_failure", r, on_failure);
    Some(Step::Tool(ToolStep {
        target: target?,
        result_tokens: Tokens::Drawn(result.unwrap_or(Distribution::Constant(0.0))),
        on_failure: on_failure.unwrap_or(OnFailure::Fail),
    }))
}

fn model(node: &Node, r: &mut Reader) -> Option<TargetId> {
    let name = r.text(node, "the name of a model")?;
    model_named(name, node.place, r)
}

/// The model of that name.
pub(super) fn model_named(name: &str, place: Place, r: &mut Reader) -> Option<TargetId> {
    if let Some(i) = r.models.iter().position(|model| model == name) {
        return Some(TargetId(i as u16));
    }
    if r.tools.iter().any(|tool| tool == name) {
        r.error(place, format!("`{name}` is a tool, not a model"));
        return None;
    }
    let known = r.models.clone();
    r.unknown(place, "model", name, known.iter().map(String::as_str));
    None
}

/// The tool of that name.
pub(super) fn tool_named(name: &str, place: Place, r: &mut Reader) -> Option<TargetId> {
    if let Some(i) = r.tools.iter().position(|tool| tool == name) {
        return Some(TargetId((r.models.len() + i) as u16));
    }
    if r.models.iter().any(|model| model == name) {
        r.error(place, format!("`{name}` is a model, not a tool"));
        return None;
    }
    let known = r.tools.clone();
    r.unknown(place, "tool", name, known.iter().map(String::as_str));
    None
}

/// The share of answers that pass, and the share of tasks whose answers never do.
fn validate(node: &Node, r: &mut Reader) -> Option<(Share, Share)> {
    if let Kind::Scalar { .. } = node.kind {
        return Some((r.share(node)?, Share::NONE));
    }
    let mut f = Fields::of(node, "a validation", r)?;
    let passes = f.optional("passes", r, |n, r| r.share(n));
    let never = f.optional("never", r, |n, r| r.share(n));
    f.finish(r);
    Some((passes.unwrap_or(Share::ALL), never.unwrap_or(Share::NONE)))
}

fn on_failure(node: &Node, r: &mut Reader) -> Option<OnFailure> {
    let choices = [("fail", OnFailure::Fail), ("continue", OnFailure::Continue)];
    r.choice(node, &choices)
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    fn steps(yaml: &str) -> Result<Vec<Step>, String> {
        read(yaml, |node, r| plan(node, true, r))
    }

    #[test]
    fn every_step_of_the_manual_is_understood() {
        let plan = steps(
            "- {llm: planner, prompt: trace, output: trace, context: fresh, validate: {passes: 97%, never: 1%}}\n\
             - {tool: search, result_tokens: 300, on_failure: continue}\n\
             - {wait: 2s}\n\
             - {repeat: 5, steps: [{wait: 1s}]}\n\
             - {parallel: 10, steps: [{wait: 1s}], result_tokens: 200}\n\
             - {parallel: [{agents: 2, steps: [{wait: 1s}]}, {agents: 1, steps: [{wait: 2s}]}]}\n",
        )
        .unwrap();
        let Step::Llm(llm) = &plan[0] else {
            panic!("{plan:?}")
        };
        assert_eq!((llm.target, llm.fresh), (TargetId(0), true));
        assert_eq!(
            (&llm.prompt, &llm.output),
            (&Tokens::TraceContext, &Tokens::TraceGenerated)
        );
        assert_eq!((llm.passes, llm.never), (Share(970_000), Share(10_000)));
        let Step::Tool(tool) = &plan[1] else {
            panic!("{plan:?}")
        };
        // Models come first.
        assert_eq!(
            (tool.target, tool.on_failure),
            (TargetId(2), OnFailure::Continue)
        );
        let Step::Parallel(parallel) = &plan[4] else {
            panic!("{plan:?}")
        };
        assert_eq!(
            (parallel.branches[0].agents, parallel.result_tokens),
            (10, 200)
        );
        let Step::Parallel(groups) = &plan[5] else {
            panic!("{plan:?}")
        };
        assert_eq!(groups.branches.len(), 2);
    }

    #[test]
    fn nesting_multiplies_up_to_a_bound() {
        let nested = |inner: &str| {
            format!("[{{repeat: 1M, steps: [{{repeat: {inner}, steps: [{{wait: 1s}}]}}]}}]")
        };
        assert!(steps(&nested("2147")).is_ok());
        assert_eq!(
            steps(&nested("2148")).unwrap_err(),
            "these steps are done too often in one task"
        );
        let nested = |depth| {
            format!(
                "[{}wait: 1s{}]",
                "{repeat: 1, steps: [".repeat(depth),
                "]}".repeat(depth)
            )
        };
        let nested = |depth| nested(depth).replace("[wait: 1s]", "[{wait: 1s}]");
        assert!(steps(&nested(15)).is_ok());
        assert_eq!(
            steps(&nested(16)).unwrap_err(),
            "this is nested more than 16 deep"
        );
    }
}
