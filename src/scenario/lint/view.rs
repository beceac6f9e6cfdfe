//! What the rules see: each layer of a policy with what is around it, inside it, and whom it calls.

use crate::resilience::RetrySpec;
use crate::scenario::model::{
    Agents, CallLayers, Layer, LayerKind, LlmStep, Policy, Scenario, Step, TargetId,
};
use crate::world::Target;

/// Where a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Around calls.
    Call,
    /// Around turns.
    Turn,
    /// Around tasks.
    Task,
}

/// A layer and its surroundings.
pub(super) struct Site<'a> {
    /// The layer.
    pub(super) layer: &'a Layer,
    /// Where it stands.
    pub(super) scope: Scope,
    /// What is around it, outermost first.
    pub(super) around: Vec<&'a Layer>,
    /// What follows it in its own list.
    pub(super) inside: &'a [Layer],
    /// The called targets that it acts on.
    pub(super) targets: Vec<&'a Used<'a>>,
}

/// A target that some plan calls.
pub(super) struct Used<'a> {
    /// Its number.
    pub(super) id: TargetId,
    /// The target.
    pub(super) target: &'a Target,
    /// How many agents and sub-agents may call it at once; `u64::MAX` in an open loop.
    pub(super) agents: u64,
    /// How many calls the busiest task makes.
    pub(super) calls: u64,
    /// The steps that ask it, of a model.
    pub(super) asks: Vec<&'a LlmStep>,
}

/// A policy in its scenario.
pub(super) struct View<'a> {
    /// The policy.
    pub(super) policy: &'a Policy,
    used: Vec<Used<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn of(scenario: &'a Scenario, policy: &'a Policy) -> View<'a> {
        let mut used: Vec<Used> = vec![];
        for (i, target) in scenario.targets.iter().enumerate() {
            let id = TargetId(i as u16);
            let mut one = Used {
                id,
                target,
                agents: 0,
                calls: 0,
                asks: vec![],
            };
            for fleet in &scenario.fleets {
                let agents = match fleet.agents {
                    Agents::Count(n) => u64::from(n),
                    Agents::Unlimited => u64::MAX,
                };
                let (mut widest, mut calls) = (0, 0);
                count(
                    &fleet.plan,
                    id,
                    (1, 1),
                    &mut (&mut widest, &mut calls, &mut one.asks),
                );
                one.agents = one.agents.saturating_add(agents.saturating_mul(widest));
                one.calls = one.calls.max(calls);
            }
            if one.calls > 0 {
                used.push(one);
            }
        }
        View { policy, used }
    }

    /// The targets that some plan calls.
    pub(super) fn used(&self) -> &[Used<'a>] {
        &self.used
    }

    /// The call layers around a target.
    pub(super) fn around_calls(&self, used: &Used) -> &'a [Layer] {
        let calls = self.calls(used.target.is_model());
        let own = calls.of.iter().find(|(id, _)| *id == used.id);
        own.map_or(&calls.others, |(_, list)| list)
    }

    fn calls(&self, model: bool) -> &'a CallLayers {
        if model {
            &self.policy.llm
        } else {
            &self.policy.tool
        }
    }

    /// Every layer that acts on some target, task scope first.
    pub(super) fn sites(&self) -> Vec<Site<'_>> {
        let (turn, task) = (&self.policy.turn, &self.policy.task);
        let all: Vec<&Used> = self.used.iter().collect();
        let mut sites = vec![];
        spread(task, Scope::Task, &[], &all, &mut sites);
        let mut outer: Vec<&Layer> = task.iter().collect();
        spread(turn, Scope::Turn, &outer, &all, &mut sites);
        outer.extend(turn);
        for model in [true, false] {
            let calls = self.calls(model);
            let lists = calls.of.iter().map(|(id, list)| (Some(*id), list));
            for (own, list) in lists.chain([(None, &calls.others)]) {
                let met = |used: &&&Used| {
                    let listed = calls.of.iter().any(|(id, _)| *id == used.id);
                    used.target.is_model() == model && own.map_or(!listed, |own| own == used.id)
                };
                let met: Vec<&Used> = all.iter().filter(met).copied().collect();
                spread(list, Scope::Call, &outer, &met, &mut sites);
            }
        }
        sites
    }

    /// The sites that try again, with how.
    pub(super) fn retries(&self) -> Vec<(Site<'_>, &RetrySpec)> {
        let sites = self.sites().into_iter();
        let retries = sites.filter_map(|site| {
            let spec = retry_of(site.layer)?;
            Some((site, spec))
        });
        retries
            .filter(|(_, spec)| spec.attempts != Some(1))
            .collect()
    }
}

/// The retry that a layer is, if it is one.
pub(super) fn retry_of(layer: &Layer) -> Option<&RetrySpec> {
    match &layer.kind {
        LayerKind::Retry(spec) => Some(spec),
        _ => None,
    }
}

fn spread<'v>(
    list: &'v [Layer],
    scope: Scope,
    outer: &[&'v Layer],
    targets: &[&'v Used<'v>],
    sites: &mut Vec<Site<'v>>,
) {
    if targets.is_empty() {
        return;
    }
    for (i, layer) in list.iter().enumerate() {
        sites.push(Site {
            layer,
            scope,
            around: outer.iter().copied().chain(&list[..i]).collect(),
            inside: &list[i + 1..],
            targets: targets.to_vec(),
        });
    }
}

/// Adds up how widely and how often `steps` call a target, and the steps that do.
fn count<'a>(
    steps: &'a [Step],
    id: TargetId,
    (wide, often): (u64, u64),
    sums: &mut (&mut u64, &mut u64, &mut Vec<&'a LlmStep>),
) {
    for step in steps {
        let met = match step {
            Step::Llm(llm) if llm.target == id => {
                sums.2.push(llm);
                true
            }
            Step::Tool(tool) => tool.target == id,
            Step::Repeat { times, steps } => {
                let often = often.saturating_mul(u64::from(*times));
                count(steps, id, (wide, often), sums);
                false
            }
            Step::Parallel(step) => {
                for branch in &step.branches {
                    let n = u64::from(branch.agents);
                    let inner = (wide.saturating_mul(n), often.saturating_mul(n));
                    count(&branch.steps, id, inner, sums);
                }
                false
            }
            _ => false,
        };
        if met {
            *sums.0 = (*sums.0).max(wide);
            *sums.1 = sums.1.saturating_add(often);
        }
    }
}
