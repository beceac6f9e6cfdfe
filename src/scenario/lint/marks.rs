//! Where layers and policies stand in the file, and which rules they break on purpose.

use std::borrow::Cow;

use super::{RULES, rule};
use crate::scenario::reader::Reader;
use crate::scenario::tree::{Kind, Node, Place};

/// What the reader notes for the lint while it reads policies.
#[derive(Debug, Default)]
pub(in crate::scenario) struct Marks {
    /// Where the fleet's retry of the policy that is being read stands.
    pub(in crate::scenario) fleet_retry: Option<Place>,
    policies: Vec<PolicyPlaces>,
    allowed: Vec<Allowed>,
}

/// The places of a policy.
#[derive(Debug)]
struct PolicyPlaces {
    own: Place,
    /// Of its layers in the order in which they are written out, the fleet's retry last.
    layers: Vec<Place>,
}

/// A rule that may be broken.
#[derive(Debug)]
struct Allowed {
    /// By the layer or policy that stands here.
    by: Place,
    rule: &'static str,
    /// Where that is written.
    said: Place,
    acted: bool,
}

impl Marks {
    /// Notes the places of a policy and its layers; policies are read in their order.
    pub(in crate::scenario) fn policy_read(&mut self, own: Place, mut layers: Vec<Place>) {
        layers.extend(self.fleet_retry.take());
        self.policies.push(PolicyPlaces { own, layers });
    }

    /// Where a layer of a policy stands, or the policy itself.
    pub(super) fn place(&self, policy: usize, layer: Option<usize>) -> Place {
        let places = &self.policies[policy];
        layer.map_or(places.own, |layer| places.layers[layer])
    }

    /// Whether the policy or what stands at `place` may break a rule; notes that this was asked.
    pub(super) fn allows(&mut self, policy: usize, place: Place, rule: &str) -> bool {
        let own = self.policies[policy].own;
        let mut allows = false;
        for allowed in &mut self.allowed {
            if allowed.rule == rule && (allowed.by == own || allowed.by == place) {
                allowed.acted = true;
                allows = true;
            }
        }
        allows
    }

    /// What was allowed and never happened: the rule, and where that is written.
    pub(super) fn idle(self) -> Vec<(&'static str, Place)> {
        let mut idle: Vec<(&'static str, Place)> = vec![];
        for one in &self.allowed {
            let acted = self.allowed.iter().any(|o| o.said == one.said && o.acted);
            if !acted && !idle.contains(&(one.rule, one.said)) {
                idle.push((one.rule, one.said));
            }
        }
        idle
    }
}

/// The value of a key `allow` of the layer or policy that stands at `by`.
pub(in crate::scenario) fn allow(node: &Node, by: Place, r: &mut Reader) -> Option<()> {
    let rules = r.each(node, "a list of rules", |n, r| {
        let id = r.text(n, "a rule")?;
        let known = rule(id);
        if known.is_none() {
            r.unknown(n.place, "rule", id, RULES.iter().map(|rule| rule.id));
        }
        Some((known?.id, n.place))
    })?;
    let allowed = rules.into_iter().map(|(rule, said)| Allowed {
        by,
        rule,
        said,
        acted: false,
    });
    r.marks.allowed.extend(allowed);
    Some(())
}

/// A layer without the `allow` that may stand beside it, which is noted.
pub(in crate::scenario) fn allowing<'n>(item: &'n Node, r: &mut Reader) -> Cow<'n, Node> {
    let Kind::Map(entries) = &item.kind else {
        return Cow::Borrowed(item);
    };
    let is_allow = |text: &str| text == "allow";
    let Some((_, list)) = entries.iter().find(|(key, _)| is_allow(&key.text)) else {
        return Cow::Borrowed(item);
    };
    let rest = entries.iter().filter(|(key, _)| !is_allow(&key.text));
    let rest: Vec<_> = rest.cloned().collect();
    if let [(_, layer)] = &rest[..] {
        allow(list, layer.owner, r);
    }
    Cow::Owned(Node {
        kind: Kind::Map(rest),
        ..*item
    })
}
