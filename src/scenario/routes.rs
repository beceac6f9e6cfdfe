//! The `fallback` and `route` layers: the same step at another target.

use super::fields::Fields;
use super::layers::shared;
use super::model::{LayerKind, Shared, TargetId};
use super::reader::Reader;
use super::retry::outcomes;
use super::tree::{Kind, Node};
use crate::resilience::{BreakerSpec, Cooldown, MOST_DEPLOYMENTS, RouterSpec, Strategy, Trips};
use crate::units::Span;
use crate::wire::{Outcome, OutcomeSet};

/// What a fallback is for unless the scenario says otherwise: LiteLLM falls back after any error,
/// but a request that is bad everywhere is no use elsewhere. Our assumption.
const FALLBACK_ON: OutcomeSet = BreakerSpec::DEFAULT_ON
    .with(Outcome::Invalid)
    .with(Outcome::CircuitOpen)
    .with(Outcome::Rejected)
    .with(Outcome::ContextOverflow);

pub(super) fn fallback(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a fallback", r)?;
    let to = f.required("to", r, targets);
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    f.finish(r);
    let on = on.unwrap_or(FALLBACK_ON);
    Some((LayerKind::Fallback(to?, on), Shared::Task))
}

pub(super) fn route(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a route", r)?;
    let deployments = f.required("deployments", r, targets);
    let strategies = [
        ("shuffle", Strategy::Shuffle),
        ("round_robin", Strategy::RoundRobin),
        ("first", Strategy::First),
    ];
    let strategy = f.optional("strategy", r, |n, r| r.choice(n, &strategies));
    let cooldown = f.optional("cooldown", r, cooldown);
    let waits = [("waits", false), ("at_once", true)];
    let elsewhere = f.optional("retry_elsewhere", r, |n, r| r.choice(n, &waits));
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let deployments = deployments?;
    let spec = RouterSpec {
        deployments: deployments.len() as u8,
        strategy: strategy.unwrap_or(Strategy::Shuffle),
        elsewhere_at_once: elsewhere.unwrap_or(false),
        cooldown,
    };
    Some((LayerKind::Route(deployments, spec), shared))
}

fn cooldown(node: &Node, r: &mut Reader) -> Option<Cooldown> {
    let mut f = Fields::of(node, "a cooldown", r)?;
    let after = f.optional("after", r, |n, r| r.count32(n, 1));
    let share = f.optional("above", r, |n, r| r.share(n));
    let least = f.optional("at_least", r, |n, r| r.count32(n, 1));
    let rest = f.required("for", r, |n, r| r.positive_time(n));
    let within = f.optional("within", r, |n, r| r.positive_time(n));
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    let at_once_on = f.optional("at_once_on", r, |n, r| outcomes(n, None, r));
    f.finish(r);
    let trips = match (after, share, least) {
        (Some(after), None, None) => Trips::Failures(after),
        (None, Some(above), least) => Trips::Share(above, least.unwrap_or(5)),
        _ => {
            let message = "a cooldown has either `after`, or `above` and `at_least`";
            let help = "write `after: 3`, or `above: 50%, at_least: 5`";
            r.error_help(node.owner, message, help);
            return None;
        }
    };
    let at_once_on = at_once_on.unwrap_or(OutcomeSet::EMPTY);
    let on = on.unwrap_or(BreakerSpec::DEFAULT_ON);
    Some(Cooldown {
        trips,
        within: within.unwrap_or(Span::seconds(60)),
        rest: rest?,
        on: at_once_on.iter().fold(on, OutcomeSet::with),
        at_once_on,
    })
}

/// One target or a list of them, each once.
fn targets(node: &Node, r: &mut Reader) -> Option<Vec<TargetId>> {
    let mut found = Vec::new();
    let one = [node];
    let nodes: Vec<&Node> = match &node.kind {
        Kind::List(items) => items.iter().collect(),
        _ => one.to_vec(),
    };
    for node in &nodes {
        let name = r.text(node, "a target's name")?;
        let names = || r.models.iter().chain(&r.tools);
        let Some(i) = names().position(|known| known == name) else {
            let known: Vec<String> = names().cloned().collect();
            r.unknown(node.place, "target", name, known.iter().map(String::as_str));
            return None;
        };
        if found.contains(&TargetId(i as u16)) {
            r.error(node.place, format!("`{name}` is listed twice"));
            return None;
        }
        found.push(TargetId(i as u16));
    }
    if found.is_empty() || found.len() > MOST_DEPLOYMENTS {
        let message = format!("expected 1 to {MOST_DEPLOYMENTS} targets");
        r.error(node.place, message);
        return None;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn a_fallback_names_one_target_or_several() {
        let (kind, _) = read("{to: sandbox}", fallback).unwrap();
        let LayerKind::Fallback(to, on) = kind else {
            panic!("{kind:?}")
        };
        assert_eq!((to.len(), on), (1, FALLBACK_ON));
        let told = read("{to: [sandbox, sandbox]}", fallback).unwrap_err();
        assert_eq!(told, "`sandbox` is listed twice");
        let told = read("{to: sandbax}", fallback).unwrap_err();
        assert_eq!(told, "unknown target `sandbax`");
    }

    #[test]
    fn a_route_shuffles_unless_told_otherwise() {
        let yaml = "{deployments: [sandbox, search], cooldown: {after: 3, for: 5s}}";
        let (kind, shared) = read(yaml, route).unwrap();
        let LayerKind::Route(deployments, spec) = kind else {
            panic!("{kind:?}")
        };
        assert_eq!((deployments.len(), spec.deployments), (2, 2));
        assert_eq!((spec.strategy, shared), (Strategy::Shuffle, Shared::Fleet));
        let cooldown = spec.cooldown.unwrap();
        assert_eq!(
            (cooldown.within, cooldown.on),
            (Span::seconds(60), BreakerSpec::DEFAULT_ON)
        );
    }
}
