//! Presets where layers are read: a name in place of a map, or beside keys that override it.

use std::borrow::Cow;

use super::diagnostics::Source;
use super::reader::Reader;
use super::tree::{Key, Kind, Node};
use super::words::{near, shortened};
use super::yaml;
use crate::presets::{self, LayerKind, Preset};

/// Keys that speak of one thing: whoever writes the first of a pair replaces the others too.
const TOGETHER: [(&str, &[&str]); 19] = [
    ("delay", &["backoff", "throttled_backoff"]),
    ("backoff", &["delay", "throttled_backoff"]),
    ("on", &["statuses", "statuses_if_told", "error_codes"]),
    ("last_begins_after", &["total_delay"]),
    ("total_delay", &["last_begins_after"]),
    ("pace", &["burst"]),
    ("burst", &["pace"]),
    ("failures", &["failure_rate"]),
    ("failure_rate", &["failures"]),
    ("retries", &BUDGETS),
    ("next_retries", &BUDGETS),
    ("cost", &BUDGETS),
    ("ratio", &BUDGETS),
    ("throttle", &BUDGETS),
    ("quota", &BUDGETS),
    ("deposits", &BUDGETS),
    ("active", &BUDGETS),
    ("bucket", &BUDGETS),
    ("failure_rate", &BUDGETS),
];

/// The kinds of a retry budget.
const BUDGETS: [&str; 10] = [
    "retries",
    "next_retries",
    "cost",
    "ratio",
    "throttle",
    "quota",
    "deposits",
    "active",
    "bucket",
    "failure_rate",
];

/// What is of no use once `Retry-After` is ignored.
const OF_RETRY_AFTER: [&str; 3] = ["longest_retry_after", "if_longer", "restart_backoff"];

/// The layer that `node` describes, with the preset that it names written out; keys beside the
/// name override the preset's.
pub(super) fn with_preset<'n>(
    node: &'n Node,
    kind: LayerKind,
    r: &mut Reader,
) -> Option<Cow<'n, Node>> {
    match &node.kind {
        Kind::Scalar { text, .. } => {
            let preset = named(text, kind, node, r)?;
            Some(Cow::Owned(written_out(preset, node, &[], r)))
        }
        Kind::Map(own) => {
            let Some((_, name)) = own.iter().find(|(key, _)| key.text == "preset") else {
                return Some(Cow::Borrowed(node));
            };
            let text = r.text(name, "a preset's name")?;
            let preset = named(text, kind, name, r)?;
            Some(Cow::Owned(written_out(preset, node, own, r)))
        }
        _ => Some(Cow::Borrowed(node)),
    }
}

/// The preset of that name, if it is for this kind of layer.
fn named(name: &str, kind: LayerKind, node: &Node, r: &mut Reader) -> Option<&'static Preset> {
    if let Some(preset) = presets::find(name) {
        if preset.layer == kind {
            return Some(preset);
        }
        let message = format!("`{}` is no preset of a `{}`", shortened(name), kind.name());
        let help = format!("write `{}: {name}`", preset.layer.name());
        r.error_help(node.place, message, help);
        return None;
    }
    if let Some(stack) = presets::find_stack(name) {
        let scopes: Vec<&str> = stack.scopes().collect();
        let message = format!(
            "`{}` is not one `{}`, but a stack of layers at `{}`",
            shortened(name),
            kind.name(),
            scopes.join("` and `")
        );
        let help = match scopes.iter().all(|scope| ["tool", "llm"].contains(scope)) {
            true => format!("write `stack: {name}` in its place, or in the policy"),
            false => format!(
                "write `stack: {name}` in the policy, which brings the layers of all scopes"
            ),
        };
        r.error_help(node.place, message, help);
        return None;
    }
    if kind == LayerKind::Retry && name.parse::<u32>().is_ok() {
        let message = format!("`{}` is not the name of a preset", shortened(name));
        let help = format!("write `retry: {{attempts: {name}}}`, the first attempt included");
        r.error_help(node.place, message, help);
        return None;
    }
    let message = format!("unknown preset `{}`", shortened(name));
    let names: Vec<String> = presets::all()
        .filter(|p| p.layer == kind)
        .flat_map(|p| [p.name.to_owned(), p.full_name()])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = match near(name, &names) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "`squall presets` lists them".to_owned(),
    };
    r.error_help(node.place, message, help);
    None
}

/// The preset's keys and then `own`, in place of those of the same name.
fn written_out(preset: &Preset, node: &Node, own: &[(Key, Node)], r: &mut Reader) -> Node {
    let origin = r.add_source(Source {
        name: format!("preset {}", preset.full_name()),
        text: preset.yaml.to_owned(),
    });
    let (root, errors) = yaml::parse(preset.yaml, origin);
    debug_assert!(errors.is_empty(), "{}: {errors:?}", preset.full_name());
    let entries = match root.map(|root| root.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => Vec::new(),
    };
    Node {
        kind: Kind::Map(merged(entries, own)),
        ..*node
    }
}

/// The keys of a preset and then `own`, in place of those of the same name or of one thing.
pub(super) fn merged(entries: Vec<(Key, Node)>, own: &[(Key, Node)]) -> Vec<(Key, Node)> {
    let ignores = own.iter().any(|(key, value)| {
        let ignore = matches!(&value.kind, Kind::Scalar { text, .. } if text == "ignore");
        key.text == "retry_after" && ignore
    });
    let replaced = |name: &str| {
        let by = |key: &str| {
            let mut groups = TOGETHER.iter().filter(|(first, _)| *first == key);
            key == name || groups.any(|(_, others)| others.contains(&name))
        };
        own.iter().any(|(key, _)| by(&key.text)) || ignores && OF_RETRY_AFTER.contains(&name)
    };
    let kept = entries.into_iter().filter(|(key, _)| !replaced(&key.text));
    let own = own.iter().filter(|(key, _)| key.text != "preset").cloned();
    kept.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::super::retry::retry;
    use crate::resilience::{Backoff, RetryAfterRule};
    use crate::units::Span;

    #[test]
    fn a_name_stands_for_all_keys() {
        let plain = read("openai-python@3", retry).unwrap();
        assert_eq!(plain.attempts, Some(3));
        assert_eq!(read("{preset: openai-python@3}", retry).unwrap(), plain);
        assert_eq!(read("openai-python", retry).unwrap(), plain);
    }

    #[test]
    fn keys_beside_the_name_override_it() {
        let changed = read("{preset: openai-python, attempts: 5, delay: 1s}", retry).unwrap();
        let plain = read("openai-python", retry).unwrap();
        assert_eq!(changed.attempts, Some(5));
        assert_eq!(
            changed.backoff.delay(9, &mut Span::ZERO.clone(), 0.0),
            Span::SECOND
        );
        assert_eq!((changed.when, changed.headers), (plain.when, plain.headers));
        let deaf = read("{preset: openai-python, retry_after: ignore}", retry).unwrap();
        assert_eq!(deaf.headers.rule, RetryAfterRule::Ignore);
        let wide = read("{preset: openai-python, on: any}", retry).unwrap();
        assert_eq!(wide.when.statuses, None);
        assert_ne!(wide.backoff, Backoff::NONE);
    }

    #[test]
    fn a_slip_in_a_name_is_told() {
        assert_eq!(
            read("openai-pyton", retry).unwrap_err(),
            "unknown preset `openai-pyton`"
        );
        assert_eq!(
            read("{preset: openai-python, attemps: 5}", retry).unwrap_err(),
            "unknown key `attemps`"
        );
        assert_eq!(
            read("crewai", retry).unwrap_err(),
            "`crewai` is not one `retry`, but a stack of layers at `task` and `llm`"
        );
        assert_eq!(
            read("{preset: litellm@1}", retry).unwrap_err(),
            "`litellm@1` is not one `retry`, but a stack of layers at `llm`"
        );
        assert_eq!(
            read("{preset: [x]}", retry).unwrap_err(),
            "expected a preset's name, found a list"
        );
    }
}
