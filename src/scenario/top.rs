//! The scenario's top level.

use super::fields::Fields;
use super::fleets::{copied, fleet};
use super::model::{Policy, Scenario};
use super::policies::{policy, warn_of_waiting_for_ever};
use super::reader::Reader;
use super::size;
use super::stores::store;
use super::targets::{model, tool};
use super::thresholds::{Names, thresholds};
use super::tree::{Key, Kind, Node, Place};
use crate::units::Span;
use crate::world::Target;

/// The longest name \[characters\].
const LONGEST_NAME: usize = 1000;
/// The most fleets.
pub(super) const MOST_FLEETS: usize = 255;
/// The most policies: each is compared with each.
const MOST_POLICIES: usize = 256;
/// The longest name of a folder \[bytes\]: file systems take 255, and books add to it.
const LONGEST_FOLDER: usize = 200;
/// The most replications.
const MOST_REPLICATIONS: u64 = 1_000_000;

const DEFAULT_SEED: u64 = 1;
const DEFAULT_HORIZON: Span = Span::seconds(24 * 3600);
const DEFAULT_REPLICATIONS: u32 = 100;
const DEFAULT_MAX_EVENTS: u64 = 1_000_000_000;

/// The whole file.
pub(super) fn scenario(root: &Node, r: &mut Reader) -> Option<Scenario> {
    let mut f = Fields::of(root, "a scenario", r)?;
    let name = f.required("name", r, scenario_name);
    let about = f.optional("about", r, |n, r| Some(r.text(n, "text")?.to_owned()));
    let seed = f.optional("seed", r, |n, r| r.count_in(n, 0, u64::MAX));
    let horizon = f.optional("horizon", r, |n, r| r.positive_time(n));
    let replications = f.optional("replications", r, |n, r| {
        r.count_in(n, 1, MOST_REPLICATIONS)
    });
    let max_events = f.optional("max_events", r, |n, r| r.count_in(n, 1, u64::MAX));
    let targets = targets(&mut f, r);
    r.stores = keys(f.get("stores")).map(|key| key.text.clone()).collect();
    let stores = f.optional("stores", r, |n, r| named(n, "store", r, store));
    let fleets_place = f.get("fleets").map(|n| n.owner);
    let fleets = f.required("fleets", r, |n, r| {
        let fleets = copied(named(n, "fleet", r, fleet)?, r);
        if let Some((_, place)) = fleets.get(MOST_FLEETS) {
            r.error(
                *place,
                format!("this is one fleet too many: at most {MOST_FLEETS} are allowed"),
            );
        }
        Some(
            fleets
                .into_iter()
                .map(|(fleet, _)| fleet)
                .collect::<Vec<_>>(),
        )
    });
    let policy_names: Vec<&str> = keys(f.get("policies"))
        .map(|key| key.text.as_str())
        .collect();
    let policies = f.required("policies", r, |n, r| {
        let policies = named(n, "policy", r, policy)?;
        if let Some((_, place)) = policies.get(MOST_POLICIES) {
            r.error(
                *place,
                format!("this is one policy too many: at most {MOST_POLICIES} are compared"),
            );
        }
        Some(policies)
    });
    let fleet_names = fleets.iter().flatten().map(|fleet| fleet.name.as_str());
    let names = Names {
        policies: &policy_names,
        fleets: fleets.is_some().then(|| fleet_names.collect()),
    };
    let thresholds = f.optional("thresholds", r, |n, r| thresholds(n, &names, r));
    f.finish(r);
    let policies: Vec<(Policy, Place)> = policies?;
    if let (Some(fleets), Some(place)) = (&fleets, fleets_place) {
        size::check(fleets, &policies, place, r);
    }
    if let Some(targets) = &targets {
        warn_of_waiting_for_ever(&policies, targets, r);
    }
    Some(Scenario {
        name: name?,
        about: about.unwrap_or_default(),
        seed: seed.unwrap_or(DEFAULT_SEED),
        horizon: horizon.unwrap_or(DEFAULT_HORIZON),
        replications: replications.map_or(DEFAULT_REPLICATIONS, |n| n as u32),
        max_events: max_events.unwrap_or(DEFAULT_MAX_EVENTS),
        targets: targets?,
        stores: stores.into_iter().flatten().map(|(s, _)| s).collect(),
        fleets: fleets?,
        policies: policies.into_iter().map(|(policy, _)| policy).collect(),
        thresholds: thresholds.unwrap_or_default(),
        files: std::mem::take(&mut r.files),
    })
}

fn keys(node: Option<&Node>) -> impl Iterator<Item = &Key> {
    let entries = match node.map(|n| &n.kind) {
        Some(Kind::Map(entries)) => &entries[..],
        _ => &[],
    };
    entries.iter().map(|(key, _)| key)
}

/// Models, then tools. Their names are noted first, so that plans and policies find them even
/// where their descriptions are wrong.
fn targets(f: &mut Fields, r: &mut Reader) -> Option<Vec<Target>> {
    let (models, tools) = (f.get("models"), f.get("tools"));
    r.models = keys(models).map(|key| key.text.clone()).collect();
    r.tools = keys(tools).map(|key| key.text.clone()).collect();
    for key in keys(tools) {
        if r.models.contains(&key.text) {
            r.error(
                key.place,
                format!("`{}` is the name of a model already", key.text),
            );
        }
    }
    for key in keys(models)
        .chain(keys(tools))
        .filter(|key| key.text == "others")
    {
        r.error(
            key.place,
            "`others` cannot be a name: policies use it for all other targets",
        );
    }
    let mut targets = Vec::new();
    for (node, what, read) in [
        (models, "model", model as fn(&str, &Node, &mut Reader) -> _),
        (tools, "tool", tool),
    ] {
        let Some(node) = node else {
            continue;
        };
        if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
            continue;
        }
        targets.extend(
            named(node, what, r, read)?
                .into_iter()
                .map(|(target, _)| target),
        );
    }
    Some(targets)
}

/// A map from names to elements, at least one; the elements with the places of their names.
fn named<T>(
    node: &Node,
    what: &str,
    r: &mut Reader,
    read: impl Fn(&str, &Node, &mut Reader) -> Option<T>,
) -> Option<Vec<(T, Place)>> {
    let kind = format!("a map from names to {}", plural(what));
    let entries = r.map(node, &kind)?;
    if entries.is_empty() {
        r.error(node.owner, format!("at least one {what} is needed"));
    }
    let mut elements = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        let length = key.text.chars().count();
        if length == 0 || length > LONGEST_NAME || key.text.contains(char::is_control) {
            let message =
                format!("the name of a {what} has 1 to {LONGEST_NAME} printable characters");
            r.error(key.place, message);
        }
        if let Some(element) = read(&key.text, node, r) {
            elements.push((element, key.place));
        }
    }
    Some(elements)
}

fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    }
}

/// The scenario's name, which is also that of its output folder.
fn scenario_name(node: &Node, r: &mut Reader) -> Option<String> {
    let name = r.text(node, "a name")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fine = !name.is_empty() && name.len() <= LONGEST_FOLDER && name.chars().all(allowed);
    if !fine || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        let help = "use letters, digits, `-`, `_` and `.`, at most 200, and begin with a letter or a digit";
        r.error_help(node.place, "this cannot be the name of a folder", help);
        return None;
    }
    Some(name.to_owned())
}
