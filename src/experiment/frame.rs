//! What is known of an experiment before it runs: the result document without its numbers.
//!
//! Books that were made of the same frame belong together: shards of it merge, and a run that was
//! cut short goes on. A frame needs no scenario file to be made into a document.

use serde::{Deserialize, Serialize};

use crate::scenario::model::{Arrivals, Fleet, NamedFile, Policy, Scenario, Threshold};
use crate::simulation::Program;
use crate::units::Time;
use crate::world::Window;

use super::assumptions;
use super::document::{
    CauseSpend, Document, FleetResult, LayerResult, OutageInfo, PolicyResult, SCHEMA, Series,
    TargetInfo,
};
use super::nesting::{self, Shape};
use super::runner::Plan;

/// An experiment without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The document to be; its policies have names and labels, and `replications` is how many are
    /// planned.
    pub document: Document,
    /// How each policy's layers lie around the steps of the plans.
    pub shapes: Vec<Shape>,
    /// What will have to hold.
    pub thresholds: Vec<Threshold>,
    /// The most events that one run may handle.
    pub max_events: u64,
    /// How many tasks each fleet is to have where they arrive one by one and end somewhere.
    pub to_arrive: Vec<Option<u64>>,
    /// The files that the scenario names, by what was in them.
    pub files: Vec<NamedFile>,
}

impl Frame {
    /// The frame of what a plan does with a scenario.
    pub fn new(scenario: &Scenario, plan: &Plan) -> Frame {
        let shape = |policy| Shape::of(scenario, policy);
        Frame {
            shapes: scenario.policies.iter().map(shape).collect(),
            document: Document {
                schema: SCHEMA.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                scenario: scenario.name.clone(),
                about: scenario.about.clone(),
                source: plan.source.clone(),
                overrides: plan.overrides.clone(),
                scenario_hash: plan.scenario_hash.clone(),
                seed: plan.seed,
                replications: plan.replications,
                replications_planned: plan.replications,
                horizon_seconds: scenario.horizon.as_seconds(),
                targets: targets(scenario),
                outages: outages(scenario),
                policies: scenario
                    .policies
                    .iter()
                    .map(|p| policy(scenario, p))
                    .collect(),
                differences: vec![],
                life: None,
                thresholds: vec![],
                warnings: vec![],
            },
            thresholds: scenario.thresholds.clone(),
            max_events: scenario.max_events,
            to_arrive: scenario.fleets.iter().map(to_arrive).collect(),
            files: scenario.files.clone(),
        }
    }

    /// How many fleets there are.
    pub fn fleets(&self) -> usize {
        self.document.policies.first().map_or(0, |p| p.fleets.len())
    }

    /// Whether every list is as long as the others say.
    pub fn is_sound(&self) -> bool {
        let policies = &self.document.policies;
        policies.len() == self.shapes.len()
            && policies.iter().zip(&self.shapes).all(|(p, s)| s.fits(p))
            && policies.iter().all(|p| p.fleets.len() == self.fleets())
            && self.to_arrive.len() == self.fleets()
            && self.thresholds.iter().all(|t| {
                t.policy < policies.len() && t.fleet.is_none_or(|fleet| fleet < self.fleets())
            })
    }

    /// What sets this frame apart from another, in words; `None` if nothing does.
    pub fn differs_from(&self, other: &Frame) -> Option<String> {
        let (mine, theirs) = (&self.document, &other.document);
        let names = |d: &Document| -> Vec<String> {
            d.policies.iter().map(|p| format!("`{}`", p.name)).collect()
        };
        let written = |d: &Document| match &d.overrides[..] {
            [] => "none".to_owned(),
            all => all.join(" "),
        };
        let pairs = [
            ("squall", mine.version.clone(), theirs.version.clone()),
            ("scenario", mine.scenario.clone(), theirs.scenario.clone()),
            ("overrides", written(mine), written(theirs)),
            (
                "scenario file (SHA-256)",
                mine.scenario_hash.clone(),
                theirs.scenario_hash.clone(),
            ),
            ("seed", mine.seed.to_string(), theirs.seed.to_string()),
            (
                "number of replications",
                mine.replications.to_string(),
                theirs.replications.to_string(),
            ),
            ("policies", names(mine).join(", "), names(theirs).join(", ")),
        ];
        let apart = pairs.into_iter().find(|(_, a, b)| a != b);
        apart
            .map(|(what, a, b)| format!("the {what}: {a} here, {b} there"))
            .or_else(|| self.other_file(other))
            .or_else(|| (self != other).then(|| "the scenario's details".to_owned()))
    }

    /// The first file that the scenario names and that had other contents there, in words.
    fn other_file(&self, other: &Frame) -> Option<String> {
        let mut pairs = self.files.iter().zip(&other.files);
        let (mine, theirs) = pairs.find(|(mine, theirs)| mine != theirs)?;
        let name = &mine.name;
        Some(match *name == theirs.name {
            true => format!(
                "the contents of `{name}` (SHA-256): {} here, {} there",
                mine.sha256, theirs.sha256
            ),
            false => format!(
                "the files that it reads: `{name}` here, `{}` there",
                theirs.name
            ),
        })
    }
}

/// How many tasks a fleet is to have, if they arrive one by one and end somewhere.
fn to_arrive(fleet: &Fleet) -> Option<u64> {
    let count = fleet.tasks.count.map(u64::from);
    match &fleet.tasks.arrivals {
        Arrivals::Batch => None,
        Arrivals::Trace(rows) => count.into_iter().chain([rows.len() as u64]).min(),
        Arrivals::Even(_)
        | Arrivals::Poisson(_)
        | Arrivals::Gaps(_)
        | Arrivals::OnOff(_)
        | Arrivals::Varying { .. } => count,
    }
}

/// A policy's place in the document.
fn policy(scenario: &Scenario, policy: &Policy) -> PolicyResult {
    let program = Program::new(scenario, policy);
    let labels = program.labels.iter().map(|label| policy.short_label(label));
    let retries = nesting::retries(scenario, policy, program.labels.len());
    let layer = |(label, retry): (&str, bool)| LayerResult {
        label: label.to_owned(),
        acted: 0.0,
        attempts_caused: 0.0,
        usd_caused: 0.0,
        attempts_on_wire: 0.0,
        attempts_visible: retry.then_some(0.0),
        waited_seconds: 0.0,
    };
    let cause = |cause: &str, scope: &str| CauseSpend {
        cause: cause.to_owned(),
        scope: scope.to_owned(),
        attempts: 0.0,
        usd: 0.0,
    };
    let first = std::iter::once(cause("first attempts", "first"));
    let causes = labels.clone().map(|label| cause(label, scope(label)));
    PolicyResult {
        name: policy.name.clone(),
        about: policy.about.clone(),
        metrics: vec![],
        versus_baseline: vec![],
        cuts: vec![],
        fleets: scenario.fleets.iter().map(fleet).collect(),
        targets: vec![],
        layers: labels.zip(retries).map(layer).collect(),
        nesting: nesting::pages(scenario, policy),
        spend_by_cause: first.chain(causes).collect(),
        series: Series::default(),
        spend_samples: vec![],
    }
}

/// A fleet's place in a policy's results.
fn fleet(fleet: &Fleet) -> FleetResult {
    FleetResult {
        name: fleet.name.clone(),
        metrics: vec![],
    }
}

/// The scope that a layer's short label begins with: of "tool.search\[0\] retry" it is "tool".
fn scope(label: &str) -> &str {
    label.split(['.', '[', ' ']).next().unwrap_or_default()
}

fn targets(scenario: &Scenario) -> Vec<TargetInfo> {
    let info = |target: &crate::world::Target| TargetInfo {
        name: target.name.clone(),
        model: target.is_model(),
        price_source: target.price.source.clone(),
        assumptions: assumptions::of(target),
    };
    scenario.targets.iter().map(info).collect()
}

/// The most windows that are shaded of one that comes again.
const SHADED: u32 = 200;

fn outages(scenario: &Scenario) -> Vec<OutageInfo> {
    let mut infos = vec![];
    for (i, target) in scenario.targets.iter().enumerate() {
        let info = |window: Window| OutageInfo {
            target: i,
            from_seconds: window.from.as_seconds(),
            until_seconds: window.until.as_seconds(),
        };
        infos.extend(target.outages.once.iter().map(|(window, _)| info(*window)));
        for (recurring, _) in &target.outages.again {
            let times = recurring.times.unwrap_or(SHADED).min(SHADED);
            let windows = (0..times).map(|n| recurring.nth(u64::from(n)));
            let in_time = |window: &Window| window.from < Time::ZERO + scenario.horizon;
            infos.extend(windows.take_while(in_time).map(info));
        }
    }
    infos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_labelled_without_its_policy() {
        let policy = Policy {
            name: "v1.2 [new]".to_owned(),
            ..Policy::default()
        };
        let short = |label| policy.short_label(label);
        assert_eq!(short("v1.2 [new].tool[0] retry"), "tool[0] retry");
        assert_eq!(short("fleet retry"), "fleet retry");
    }

    #[test]
    fn a_label_begins_with_its_scope() {
        let cases = [
            ("tool[0] retry", "tool"),
            ("tool.search[1] retry", "tool"),
            ("llm.others[0] retry", "llm"),
            ("fleet retry", "fleet"),
        ];
        for (label, expected) in cases {
            assert_eq!(scope(label), expected);
        }
    }
}
