//! Policies: layers around calls, turns and tasks.

use super::fields::Fields;
use super::layers::{Placed, fleet_layers, is_a_layer, layers, not_a_list};
use super::lint::allow;
use super::model::{CallLayers, Layer, LayerKind, Policy, TargetId};
use super::plan::{model_named, tool_named};
use super::reader::Reader;
use super::stacks::stacked;
use super::tree::{Kind, Node, Place};
use super::words::advice;
use crate::resilience::RetryBudgetSpec;
use crate::world::{Capacity, Target, WhenFull};

/// Layers around calls with their places.
#[derive(Default)]
struct PlacedCalls {
    others: Vec<Placed>,
    of: Vec<(TargetId, Vec<Placed>)>,
}

/// A policy.
pub(super) fn policy(name: &str, node: &Node, r: &mut Reader) -> Option<Policy> {
    let errors_before = r.errors();
    let mut f = Fields::of(node, "a policy", r)?;
    let about = f.optional("about", r, |n, r| Some(r.text(n, "text")?.to_owned()));
    f.optional("allow", r, |n, r| allow(n, node.owner, r));
    let stack = f.optional("stack", r, stacked);
    let mut calls = |key: &'static str, named: Named, r: &mut Reader| {
        let label = format!("{name}.{key}");
        let read = f.optional(key, r, |n, r| call_layers(n, key, &label, named, r));
        let mut read = read.unwrap_or_default();
        if let Some(stack) = &stack {
            let label = |inner: &str| format!("{label}{inner}[stack]");
            read.others.extend(stack.layers(key, &label(""), r));
            for (target, list) in &mut read.of {
                let inner = format!(".{}", r.target_name(*target));
                list.extend(stack.layers(key, &label(&inner), r));
            }
        }
        read
    };
    let tool = calls("tool", tool_named, r);
    let llm = calls("llm", model_named, r);
    let mut around = |key: &'static str, r: &mut Reader| {
        let label = format!("{name}.{key}");
        let read = f.optional(key, r, |n, r| layers(n, key, &label, r));
        let mut read = read.unwrap_or_default();
        if let Some(stack) = &stack {
            read.extend(stack.layers(key, &format!("{label}[stack]"), r));
        }
        read
    };
    let turn = around("turn", r);
    let task = around("task", r);
    let fleet = f.optional("fleet", r, fleet_layers).unwrap_or_default();
    f.finish(r);
    // A layer that could not be read is missing here, and would make others look idle.
    if r.errors() == errors_before {
        layers_act(&tool, &llm, &turn, &task, r);
    }
    let calls = tool.lists().chain(llm.lists());
    let written = calls.chain([&turn, &task]).flatten();
    let places = written.map(|(_, place)| *place).collect();
    r.marks.policy_read(node.owner, places);
    Some(Policy {
        name: name.to_owned(),
        about: about.unwrap_or_default(),
        tool: tool.plain(),
        llm: llm.plain(),
        turn: plain(turn),
        task: plain(task),
        fleet,
    })
}

/// Notes layers that can never do anything.
fn layers_act(
    tool: &PlacedCalls,
    llm: &PlacedCalls,
    turn: &[Placed],
    task: &[Placed],
    r: &mut Reader,
) {
    let inside_turn = tool.has_retry() || llm.has_retry();
    let inside_task = inside_turn || has_retry(turn);
    tool.lists().for_each(|list| budgets_act(list, false, r));
    llm.lists().for_each(|list| budgets_act(list, false, r));
    tool.lists()
        .for_each(|list| requests_make_sense(list, false, r));
    llm.lists()
        .for_each(|list| requests_make_sense(list, true, r));
    budgets_act(turn, inside_turn, r);
    budgets_act(task, inside_task, r);
    tool.lists()
        .for_each(|list| no_prompt_grows(list, "a tool has no prompt", r));
    for (scope, list) in [("turn", turn), ("task", task)] {
        only_around_calls(list, scope, r);
        no_prompt_grows(list, "what is begun anew asks as it did before", r);
    }
}

type Named = fn(&str, Place, &mut Reader) -> Option<TargetId>;

/// A list of layers, or a map from targets (and `others`) to lists.
fn call_layers(
    node: &Node,
    scope: &str,
    label: &str,
    named: Named,
    r: &mut Reader,
) -> Option<PlacedCalls> {
    if let Kind::List(_) = node.kind {
        return Some(PlacedCalls {
            others: layers(node, scope, label, r)?,
            of: Vec::new(),
        });
    }
    if is_a_layer(node) {
        not_a_list(node, r);
        return None;
    }
    let mut calls = PlacedCalls::default();
    for (key, list) in r.map(node, "a list of layers, or a map from targets to lists")? {
        if key.text == "others" {
            let label = format!("{label}.others");
            calls.others = layers(list, scope, &label, r).unwrap_or_default();
            continue;
        }
        let target = named(&key.text, key.place, r);
        let list = layers(list, scope, &format!("{label}.{}", key.text), r);
        if let (Some(target), Some(list)) = (target, list) {
            calls.of.push((target, list));
        }
    }
    Some(calls)
}

impl PlacedCalls {
    fn lists(&self) -> impl Iterator<Item = &Vec<Placed>> {
        std::iter::once(&self.others).chain(self.of.iter().map(|(_, list)| list))
    }

    fn has_retry(&self) -> bool {
        self.lists().any(|list| has_retry(list))
    }

    fn plain(self) -> CallLayers {
        CallLayers {
            others: plain(self.others),
            of: self
                .of
                .into_iter()
                .map(|(id, list)| (id, plain(list)))
                .collect(),
        }
    }
}

fn plain(list: Vec<Placed>) -> Vec<Layer> {
    list.into_iter().map(|(layer, _)| layer).collect()
}

fn has_retry(list: &[Placed]) -> bool {
    list.iter()
        .any(|(layer, _)| matches!(layer.kind, LayerKind::Retry(_) | LayerKind::Hedge(_)))
}

/// A retry budget bounds the retry layers inside it; without one it does nothing.
fn budgets_act(list: &[Placed], inside: bool, r: &mut Reader) {
    let is_retry = |(layer, _): &Placed| matches!(layer.kind, LayerKind::Retry(_));
    for (i, (layer, place)) in list.iter().enumerate() {
        match &layer.kind {
            LayerKind::RetryBudget(RetryBudgetSpec::NextCount(_))
                if !list[i..].iter().any(is_retry) =>
            {
                let message = "this never acts: no retry layer follows it in its list";
                let help = "list a `retry` after it, or write `retries` in place of `next_retries`";
                r.error_help(*place, message, help);
                continue;
            }
            LayerKind::Retry(spec) if spec.only_in_first && !list[..i].iter().any(is_retry) => {
                let message =
                    "`only_in_first_attempt` needs a retry layer before this one in its list";
                r.error_help(*place, message, "list a `retry` before it, or leave it out");
            }
            _ => {}
        }
        let is_budget = matches!(layer.kind, LayerKind::RetryBudget(_));
        if is_budget && !inside && !has_retry(&list[i..]) {
            let help = "list a `retry` after it, or one in a scope inside this one";
            r.error_help(*place, "this never acts: no retry layer is inside it", help);
        }
    }
}

/// Hedges, fallbacks and routes are about one request.
fn only_around_calls(list: &[Placed], scope: &str, r: &mut Reader) {
    for (layer, place) in list {
        if let Some(name) = one_request(&layer.kind) {
            let message = format!("`{name}` makes no sense at `{scope}` scope");
            let help = "it stands around calls; move it to `tool` or `llm`";
            r.error_help(*place, message, help);
        }
    }
}

/// The name of a layer that is about one request.
fn one_request(kind: &LayerKind) -> Option<&'static str> {
    match kind {
        LayerKind::Hedge(_) => Some("hedge"),
        LayerKind::Fallback(..) => Some("fallback"),
        LayerKind::Route(..) => Some("route"),
        _ => None,
    }
}

/// At most one hedge, fallback and route, the fallback outside the route, and all of their targets
/// of the kind that is called here.
fn requests_make_sense(list: &[Placed], models: bool, r: &mut Reader) {
    let mut seen: Vec<&str> = Vec::new();
    let first_tool = r.models.len();
    for (layer, place) in list {
        let Some(name) = one_request(&layer.kind) else {
            continue;
        };
        if seen.contains(&name) {
            r.error(*place, format!("there is one `{name}` already"));
        }
        if name == "fallback" && seen.contains(&"route") {
            let help = "list the `fallback` first: it is for when no deployment is left";
            r.error_help(*place, "this fallback stands inside a `route`", help);
        }
        seen.push(name);
        let (LayerKind::Fallback(to, _) | LayerKind::Route(to, _)) = &layer.kind else {
            continue;
        };
        if to.iter().any(|t| (usize::from(t.0) < first_tool) != models) {
            let (called, other) = match models {
                true => ("model", "tool"),
                false => ("tool", "model"),
            };
            r.error(
                *place,
                format!("a {called} cannot be replaced by a {other}"),
            );
        }
    }
}

fn no_prompt_grows(list: &[Placed], why: &str, r: &mut Reader) {
    for (layer, place) in list {
        if let LayerKind::Retry(spec) = &layer.kind
            && spec.grow_prompt > 0
        {
            let message = format!("`grow_prompt` never acts here: {why}");
            r.error_help(*place, message, "move it to a `retry` under `llm`");
        }
    }
}

/// Warns of policies that would wait for ever for a request that a full target drops.
pub(super) fn warn_of_waiting_for_ever(
    policies: &[(Policy, Place)],
    targets: &[Target],
    r: &mut Reader,
) {
    for (i, target) in targets.iter().enumerate() {
        let drops = match target.capacity {
            Capacity::Servers {
                when_full, stale, ..
            } => when_full == WhenFull::Drop || stale.is_some_and(|s| s.then == WhenFull::Drop),
            Capacity::Infinite | Capacity::Load { .. } => false,
        };
        if !drops {
            continue;
        }
        for (policy, place) in policies {
            let calls = if target.is_model() {
                &policy.llm
            } else {
                &policy.tool
            };
            let listed = calls.of.iter().find(|(id, _)| usize::from(id.0) == i);
            let layers = listed.map_or(&calls.others, |(_, list)| list);
            let all = [layers, &policy.turn, &policy.task];
            let mut all = all.into_iter().flatten();
            if !all.any(|layer| layer.kind.is_timeout()) {
                let message = format!(
                    "policy `{}` has no timeout: it waits for ever when `{}` drops a request",
                    policy.name, target.name
                );
                r.warn(*place, message, "add `timeout: 30s`");
            }
        }
    }
}

/// The policy whose name begins `text`, and what follows its name and a dot.
pub(super) fn policy_before<'t>(names: &[&str], text: &'t str) -> Option<(usize, &'t str)> {
    let rest = |name: &str| text.strip_prefix(name)?.strip_prefix('.');
    let found = names.iter().enumerate();
    let found = found.filter_map(|(i, name)| Some((i, name.len(), rest(name)?)));
    let longest = found.max_by_key(|(_, length, _)| *length)?;
    Some((longest.0, longest.2))
}

/// Advice for a policy's name that is not known.
pub(super) fn policy_advice(name: &str, names: &[&str]) -> Option<String> {
    advice("policy", name, names).map(|help| help.replace("policys", "policies"))
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    fn one(yaml: &str) -> Result<Policy, String> {
        read(yaml, |node, r| policy("p", node, r))
    }

    #[test]
    fn layers_are_for_all_targets_or_for_each() {
        let policy =
            one("{tool: {search: [{timeout: 1s}], others: [{timeout: 2s}, {timeout: 1s}]}}")
                .unwrap();
        assert_eq!(policy.tool.others.len(), 2);
        assert_eq!(policy.tool.others[1].label, "p.tool.others[1] timeout");
        assert_eq!(policy.tool.of[0].0, TargetId(2));
        assert_eq!(policy.tool.of[0].1[0].label, "p.tool.search[0] timeout");
        assert!(one("{}").unwrap().task.is_empty());
        assert_eq!(
            one("{llm: {sandbox: []}}").unwrap_err(),
            "`sandbox` is a tool, not a model"
        );
    }

    #[test]
    fn a_retry_budget_needs_a_retry_inside_it() {
        let idle = "this never acts: no retry layer is inside it";
        let budget = "{retry_budget: {retries: 3}}";
        let retry = "{retry: {attempts: 3}}";
        assert!(one(&format!("{{tool: [{budget}, {retry}]}}")).is_ok());
        assert_eq!(
            one(&format!("{{tool: [{retry}, {budget}]}}")).unwrap_err(),
            idle
        );
        assert!(one(&format!("{{task: [{budget}], llm: [{retry}]}}")).is_ok());
        assert_eq!(
            one(&format!("{{llm: [{budget}], task: [{retry}]}}")).unwrap_err(),
            idle
        );
        assert_eq!(
            one(&format!("{{turn: [{budget}], task: [{retry}]}}")).unwrap_err(),
            idle
        );
    }

    #[test]
    fn the_longest_name_that_fits_is_the_policy() {
        assert_eq!(
            policy_before(&["a", "a.b"], "a.b.spend"),
            Some((1, "spend"))
        );
        assert_eq!(policy_before(&["a", "a.b"], "a.spend"), Some((0, "spend")));
        assert_eq!(policy_before(&["a"], "ab.spend"), None);
    }
}
