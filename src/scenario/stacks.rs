//! Stacks where policies are read: `stack: crewai` brings the layers that the library really has.
//!
//! A stack stands for a whole policy, whose scopes it fills, or, if all its layers stand at one
//! scope, as an item of that scope's list. Keys beside its name change its layers by their names:
//! a map changes keys of the layer, `none` takes it away, anything else takes the place of its value.

use super::diagnostics::Source;
use super::layers::{Placed, placed};
use super::presets::merged;
use super::reader::Reader;
use super::tree::{Key, Kind, Node};
use super::words::{near, shortened};
use super::yaml;
use crate::presets::{self, Stack};

/// The scopes that a stack may have layers at; the last two stand around whole plans.
const SCOPES: [&str; 4] = ["tool", "llm", "turn", "task"];

/// A stack with its changes.
pub(super) struct Stacked {
    stack: &'static Stack,
    /// The layers of each scope: name and item, outermost first.
    scopes: Vec<(&'static str, Vec<(String, Node)>)>,
    node: Node,
}

/// The stack that `node` names, with its layers changed as is said beside the name.
pub(super) fn stacked(node: &Node, r: &mut Reader) -> Option<Stacked> {
    let (name, own) = match &node.kind {
        Kind::Map(entries) => {
            let Some((_, name)) = entries.iter().find(|(key, _)| key.text == "preset") else {
                r.error(node.owner, "a stack needs the key `preset`");
                return None;
            };
            (name, &entries[..])
        }
        _ => (node, &[][..]),
    };
    let text = r.text(name, "a stack's name")?;
    let stack = named(text, name, r)?;
    let mut scopes = written_out(stack, r);
    let all = || scopes.iter().flat_map(|(_, layers)| layers);
    let known: Vec<String> = all().map(|(name, _)| name.clone()).collect();
    for (key, _) in own.iter().filter(|(key, _)| key.text != "preset") {
        if !known.contains(&key.text) {
            let what = "layer";
            r.unknown(key.place, what, &key.text, known.iter().map(String::as_str));
        }
    }
    for (_, layers) in &mut scopes {
        layers.retain_mut(|(name, item)| {
            let change = own.iter().find(|(key, _)| key.text == *name);
            change.is_none_or(|(_, change)| changed(item, change))
        });
        without_idle_budgets(layers);
    }
    Some(Stacked {
        stack,
        scopes,
        node: node.clone(),
    })
}

fn named(name: &str, node: &Node, r: &mut Reader) -> Option<&'static Stack> {
    if let Some(stack) = presets::find_stack(name) {
        return Some(stack);
    }
    let message = format!("unknown stack `{}`", shortened(name));
    let names: Vec<String> = presets::stacks()
        .flat_map(|s| [s.name.to_owned(), s.full_name()])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = match (presets::find(name), near(name, &names)) {
        (Some(preset), _) => format!("it is one layer: write `{}: {name}`", preset.layer.name()),
        (None, Some(word)) => format!("did you mean `{word}`?"),
        (None, None) => "`squall presets` lists them".to_owned(),
    };
    r.error_help(node.place, message, help);
    None
}

/// The layers of a stack as its text has them.
fn written_out(stack: &Stack, r: &mut Reader) -> Vec<(&'static str, Vec<(String, Node)>)> {
    let origin = r.add_source(Source {
        name: format!("stack {}", stack.full_name()),
        text: stack.yaml.to_owned(),
    });
    let (root, errors) = yaml::parse(stack.yaml, origin);
    debug_assert!(errors.is_empty(), "{}: {errors:?}", stack.full_name());
    let entries = match root.map(|root| root.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => Vec::new(),
    };
    let list = |(key, list): (Key, Node)| {
        let scope = SCOPES.into_iter().find(|scope| *scope == key.text)?;
        let Kind::List(items) = list.kind else {
            return None;
        };
        let layers = items.into_iter().map(|item| (layer_name(&item), item));
        Some((scope, layers.collect()))
    };
    entries.into_iter().filter_map(list).collect()
}

/// What a layer is called within its stack: its preset without the version, or its key.
fn layer_name(item: &Node) -> String {
    let Kind::Map(entries) = &item.kind else {
        return String::new();
    };
    let Some((key, value)) = entries.first() else {
        return String::new();
    };
    let preset = match &value.kind {
        Kind::Scalar { text, .. } => Some(text),
        Kind::Map(keys) => keys.iter().find_map(|(key, value)| match &value.kind {
            Kind::Scalar { text, .. } if key.text == "preset" => Some(text),
            _ => None,
        }),
        _ => None,
    };
    let preset = preset.filter(|text| presets::find(text).is_some());
    let name = preset.map_or(key.text.as_str(), |text| {
        text.split_once('@').map_or(text.as_str(), |(name, _)| name)
    });
    name.to_owned()
}

/// Changes a layer; false takes it away.
fn changed(item: &mut Node, change: &Node) -> bool {
    let Kind::Map(entries) = &mut item.kind else {
        return true;
    };
    let Some((_, value)) = entries.first_mut() else {
        return true;
    };
    let own = match &change.kind {
        Kind::Scalar { text, .. } if text == "none" => return false,
        Kind::Map(own) => own,
        _ => {
            *value = change.clone();
            return true;
        }
    };
    let preset = |text: &str, node: &Node| {
        let key = Key {
            text: "preset".to_owned(),
            place: node.place,
        };
        let kind = Kind::Scalar {
            text: text.to_owned(),
            quoted: false,
        };
        (key, Node { kind, ..*node })
    };
    let keys = match &value.kind {
        Kind::Map(keys) => keys.clone(),
        Kind::Scalar { text, .. } => vec![preset(text, value)],
        _ => vec![],
    };
    let another = own.iter().find(|(key, _)| key.text == "preset").cloned();
    let (base, rest): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(k, _)| k.text == "preset");
    let base = another.or_else(|| base.into_iter().next());
    let all = base.into_iter().chain(merged(rest, own)).collect();
    *value = Node {
        kind: Kind::Map(all),
        owner: change.owner,
        place: change.place,
    };
    true
}

/// A budget of the next retry layer goes with that layer.
fn without_idle_budgets(layers: &mut Vec<(String, Node)>) {
    let is = |item: &Node, layer: &str, key: Option<&str>| match &item.kind {
        Kind::Map(entries) => entries.iter().any(|(name, value)| {
            let has = |key: &str| match &value.kind {
                Kind::Map(keys) => keys.iter().any(|(k, _)| k.text == key),
                _ => false,
            };
            name.text == layer && key.is_none_or(has)
        }),
        _ => false,
    };
    let last_retry = layers.iter().rposition(|(_, item)| is(item, "retry", None));
    let mut i = 0;
    layers.retain(|(_, item)| {
        let follows = last_retry.is_some_and(|last| last > i);
        i += 1;
        follows || !is(item, "retry_budget", Some("next_retries"))
    });
}

impl Stacked {
    /// The layers at one scope; `label` is "ours.llm\[stack\]" or "ours.llm\[1\]".
    pub(super) fn layers(&self, scope: &str, label: &str, r: &mut Reader) -> Vec<Placed> {
        let mut layers = vec![];
        let of_scope = self.scopes.iter().filter(|(s, _)| *s == scope);
        for (name, item) in of_scope.flat_map(|(_, layers)| layers) {
            let kind = match &item.kind {
                Kind::Map(entries) => entries.first().map_or("", |(key, _)| &key.text),
                _ => "",
            };
            let words = match name == kind {
                true => format!("{label} {}:", self.stack.name),
                false => format!("{label} {}: {name}", self.stack.name),
            };
            if let Some((layer, _)) = placed(item, &words, r) {
                layers.push((layer, self.node.owner));
            }
        }
        layers
    }

    /// The layers of a stack that stands in the list of one scope: it must have layers there and
    /// none around or elsewhere, but for the other kind of call.
    pub(super) fn item(&self, scope: &str, label: &str, r: &mut Reader) -> Vec<Placed> {
        let calls = ["tool", "llm"];
        let fits = |s: &str| s == scope || calls.contains(&s) && calls.contains(&scope);
        let has = self.scopes.iter().any(|(s, _)| *s == scope);
        if has && self.scopes.iter().all(|(s, _)| fits(s)) {
            return self.layers(scope, label, r);
        }
        let found: Vec<String> = self.scopes.iter().map(|(s, _)| format!("`{s}`")).collect();
        let message = format!(
            "the stack `{}` has its layers at {}",
            self.stack.name,
            found.join(" and ")
        );
        let help = format!("write `stack: {}` for the whole policy", self.stack.name);
        r.error_help(self.node.place, message, help);
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use super::super::LayerKind;
    use super::super::model::Policy;
    use super::super::policies::policy;
    use super::super::reader::read;
    use super::*;
    use crate::units::Span;

    fn one(yaml: &str) -> Result<Policy, String> {
        read(yaml, |node, r| policy("p", node, r))
    }

    fn labels(yaml: &str) -> Vec<String> {
        let policy = one(yaml).unwrap();
        policy.written_layers().map(|l| l.label.clone()).collect()
    }

    fn attempts(yaml: &str) -> Vec<Option<u32>> {
        let policy = one(yaml).unwrap();
        let retries = policy.written_layers().filter_map(|l| match &l.kind {
            LayerKind::Retry(spec) => Some(spec.attempts),
            _ => None,
        });
        retries.collect()
    }

    #[test]
    fn a_stack_fills_the_scopes_that_its_library_has() {
        assert_eq!(
            labels("{stack: crewai, llm: [{timeout: 2m}]}"),
            [
                "p.llm[0] timeout",
                "p.llm[stack] crewai: crewai-rate-limit retry",
                "p.llm[stack] crewai: openai-python retry",
                "p.llm[stack] crewai: timeout",
                "p.task[stack] crewai: retry_budget",
                "p.task[stack] crewai: crewai-agent retry",
            ]
        );
        // The budget is of no use without that layer, and goes with it.
        let without = labels("{stack: {preset: crewai, crewai-agent: none}}");
        assert!(
            without.iter().all(|label| !label.contains("task")),
            "{without:?}"
        );
        assert_eq!(
            labels("{llm: [{timeout: 2m}, {stack: llama-index@0.8}]}")[1],
            "p.llm[1] llama-index: llama-index retry"
        );
        let own = labels("{stack: temporal, tool: {search: []}}");
        assert!(own.contains(&"p.tool.search[stack] temporal: temporal retry".to_owned()));
    }

    #[test]
    fn each_layer_can_be_changed_by_its_name() {
        let yaml = "{stack: {preset: crewai, crewai-agent: none, openai-python: {attempts: 7}}}";
        assert_eq!(attempts(yaml), [Some(3), Some(7)]);
        let yaml = "{llm: [{stack: {preset: temporal, temporal: {attempts: 2}, timeout: 5s}}]}";
        let policy = one(yaml).unwrap();
        assert_eq!(
            policy.llm.others[1].kind,
            LayerKind::Timeout(Span::seconds(5))
        );
        assert!(policy.tool.others.is_empty());
        let yaml = "{stack: {preset: langchain, openai-python: {preset: openai-python@1}}}";
        let old = one(yaml).unwrap().llm.others[1].kind.clone();
        let LayerKind::Retry(old) = old else {
            panic!("{old:?}")
        };
        assert_eq!(old.headers.longest.map(|(l, _)| l), Some(Span::seconds(60)));
        let other = "{stack: {preset: langchain, openai-python: google-genai}}";
        assert_eq!(attempts(other), [Some(3), Some(1)]);
    }

    #[test]
    fn mistakes_are_told() {
        let cases = [
            ("{stack: crewia}", "unknown stack `crewia`"),
            ("{stack: openai-python}", "unknown stack `openai-python`"),
            (
                "{stack: {crewai-agent: none}}",
                "a stack needs the key `preset`",
            ),
            (
                "{stack: {preset: crewai, agent: none}}",
                "unknown layer `agent`",
            ),
            (
                "{stack: {preset: crewai, crewai-agent: {attemps: 2}}}",
                "unknown key `attemps`",
            ),
            (
                "{llm: [{stack: crewai}]}",
                "the stack `crewai` has its layers at `task` and `llm`",
            ),
            (
                "{turn: [{stack: llama-index}]}",
                "the stack `llama-index` has its layers at `llm`",
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(one(yaml).unwrap_err(), expected, "{yaml}");
        }
    }

    #[test]
    fn every_stack_can_be_read_and_names_its_layers_once() {
        for stack in presets::stacks() {
            let policy = one(&format!("{{stack: {}}}", stack.full_name())).unwrap();
            let labels: Vec<&str> = policy.written_layers().map(|l| l.label.as_str()).collect();
            let mut once = labels.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), labels.len(), "{labels:?}");
            assert!(one(stack.yaml).is_ok(), "{}", stack.full_name());
        }
    }
}
