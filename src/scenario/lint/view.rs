//! What the rules see: each layer of a policy with what is around it, inside it, and whom it calls.

use super::super::model::{
    Arrivals, CallLayers, Fleet, Layer, LayerKind, LlmStep, Policy, Scenario, Shared, TargetId,
    Tokens, TraceRow,
};
use super::traffic::{Traffic, traffic};
use crate::resilience::RetrySpec;
use crate::units::{Money, Share, Span};
use crate::wire::{Outcome, Reply};
use crate::world::price::Usage;
use crate::world::{BillingRule, Capacity, Target, Work};

/// What a rule found.
pub(super) struct Hit {
    /// The number of the layer that it is about, as in [`Site::number`]; `None` is the policy.
    pub(super) layer: Option<usize>,
    /// What to say.
    pub(super) message: String,
    /// The numbers of other layers that have a part in it.
    pub(super) others: Vec<usize>,
}

impl Hit {
    /// At a layer.
    pub(super) fn at(site: &Site, message: String) -> Hit {
        Hit {
            layer: Some(site.number),
            message,
            others: vec![],
        }
    }
}

/// The quantile that stands for the shortest time. Our assumption: what is quicker is rare.
pub(super) const QUICK: f64 = 0.01;

/// Where a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Around calls.
    Call,
    /// Around turns.
    Turn,
    /// Around tasks.
    Task,
    /// In the queue that submits failed tasks again.
    Fleet,
}

/// A layer and its surroundings.
pub(super) struct Site<'a> {
    /// The layer.
    pub(super) layer: &'a Layer,
    /// Its number in the policy: tool layers, model layers, turn, task, then the fleet's retry.
    pub(super) number: usize,
    /// Where it stands.
    pub(super) scope: Scope,
    /// What is around it, outermost first.
    pub(super) around: Vec<&'a Layer>,
    /// What follows it in its own list.
    pub(super) inside: &'a [Layer],
    /// The called targets that it acts on.
    pub(super) targets: Vec<&'a Used<'a>>,
}

impl Site<'_> {
    /// The retry that it is, if it is one that tries again.
    pub(super) fn retry(&self) -> Option<&RetrySpec> {
        retry_of(self.layer)
    }
}

/// A target that some plan calls.
pub(super) struct Used<'a> {
    /// Its number.
    pub(super) id: TargetId,
    /// The target.
    pub(super) target: &'a Target,
    /// Who calls it, and how often.
    pub(super) traffic: Traffic<'a>,
}

impl Used<'_> {
    /// How long a good attempt takes at this quantile, its answer at the same one; of a model that
    /// of the step with the longest answers.
    pub(super) fn latency(&self, q: f64) -> Span {
        let target = self.target;
        let way = target.network.as_ref();
        let network = way.map_or(0.0, |way| 2.0 * way.quantile(0.5));
        let work = match &target.work {
            Work::Tool { latency } => latency.quantile(q),
            Work::Model {
                first_token,
                per_token,
                ..
            } => {
                let asks = self.traffic.asks.iter();
                let outputs = asks.map(|(step, fleet)| tokens(&step.output, fleet, q));
                let answer = per_token * outputs.fold(0.0, f64::max);
                // The greater part varies, the other is as usual.
                let first = first_token.quantile(if answer > 0.0 { 0.5 } else { q });
                first + answer
            }
        };
        Span::from_nanos_f64(network + work)
    }

    /// The shortest time that an attempt takes, however it ends, but for one in a hundred of its sort.
    pub(super) fn quickest(&self) -> Span {
        let target = self.target;
        let work = match &target.work {
            Work::Tool { latency } => latency,
            Work::Model { first_token, .. } => first_token,
        };
        let turns_away = !target.limits.is_empty()
            || target.script.is_some()
            || matches!(target.capacity, Capacity::Servers { .. })
            || target.refuses_when_down();
        let rejection = turns_away.then_some(&target.rejection_latency);
        let ends = [Some(work), target.failures.latency.as_ref(), rejection];
        let ends = ends.into_iter().flatten().map(|time| time.quantile(QUICK));
        let way = target.network.as_ref();
        let network = way.map_or(0.0, |way| 2.0 * way.quantile(QUICK));
        Span::from_nanos_f64(network + ends.fold(f64::INFINITY, f64::min))
    }

    /// What one attempt of the dearest step costs that ends so, by the step's own prompt alone.
    pub(super) fn price(&self, outcome: Outcome) -> Money {
        let target = self.target;
        let rule = match outcome {
            Outcome::Ok => BillingRule::FULL,
            _ => target.billing.rule(outcome),
        };
        let usage = |(step, fleet): &(&LlmStep, &Fleet)| Usage {
            input: tokens(&step.prompt, fleet, 0.5) as u32,
            output: tokens(&step.output, fleet, 0.5) as u32,
            ..Usage::default()
        };
        let asks = self.traffic.asks.iter().map(usage);
        let costs = asks.chain([Usage::default()]);
        let costs = costs.map(|usage| target.price.cost(usage, rule));
        costs.max().unwrap_or(Money::ZERO)
    }
}

/// The quantile of a number of tokens.
fn tokens(tokens: &Tokens, fleet: &Fleet, q: f64) -> f64 {
    let drawn = match tokens {
        Tokens::Drawn(tokens) => return tokens.quantile(q),
        Tokens::TraceContext => |row: &TraceRow| row.context,
        Tokens::TraceGenerated => |row: &TraceRow| row.generated,
    };
    let Arrivals::Trace(rows) = &fleet.tasks.arrivals else {
        return 0.0;
    };
    let mut all: Vec<u32> = rows.iter().map(drawn).collect();
    all.sort_unstable();
    let at = (all.len() as f64 * q) as usize;
    all.get(at.min(all.len().saturating_sub(1)))
        .map_or(0.0, |n| f64::from(*n))
}

/// A policy in its scenario.
pub(super) struct View<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// The policy's index.
    pub(super) index: usize,
    /// The policy.
    pub(super) policy: &'a Policy,
    /// The targets that some plan calls.
    pub(super) used: Vec<Used<'a>>,
    /// The fleet's retry as a layer.
    fleet: Vec<Layer>,
}

impl<'a> View<'a> {
    pub(super) fn of(scenario: &'a Scenario, index: usize) -> View<'a> {
        let policy = &scenario.policies[index];
        let targets = scenario.targets.iter().enumerate();
        let used = targets.map(|(i, target)| {
            let id = TargetId(i as u16);
            let traffic = traffic(&scenario.fleets, id);
            Used {
                id,
                target,
                traffic,
            }
        });
        let fleet = policy.fleet.retry.iter().map(|spec| Layer {
            kind: LayerKind::Retry(Box::new(spec.clone())),
            shared: Shared::Task,
            via: None,
            label: format!("{}.fleet retry", policy.name),
        });
        View {
            scenario,
            index,
            policy,
            used: used.filter(|used| used.traffic.calls > 0).collect(),
            fleet: fleet.collect(),
        }
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

    /// Every layer around calls of a target, outermost first, the fleet's retry left out.
    pub(super) fn path(&self, used: &Used) -> impl Iterator<Item = &'a Layer> {
        let Policy { task, turn, .. } = self.policy;
        task.iter().chain(turn).chain(self.around_calls(used))
    }

    /// Every layer inside a site's around calls of a target, outermost first.
    pub(super) fn inside(&self, site: &'a Site, used: &Used) -> impl Iterator<Item = &'a Layer> {
        let Policy { task, turn, .. } = self.policy;
        let (task, turn, calls): (&[Layer], &[Layer], &[Layer]) = match site.scope {
            Scope::Call => (&[], &[], &[]),
            Scope::Turn => (&[], &[], self.around_calls(used)),
            Scope::Task => (&[], turn, self.around_calls(used)),
            Scope::Fleet => (task, turn, self.around_calls(used)),
        };
        site.inside.iter().chain(task).chain(turn).chain(calls)
    }

    /// The outcomes of calls of a target that may reach a retry and that it tries again: what a target
    /// does may always happen, what clients do where a layer inside or the plan has it happen.
    pub(super) fn repeated(&self, site: &Site, spec: &RetrySpec, used: &Used) -> Vec<Outcome> {
        let inside: Vec<&Layer> = self.inside(site, used).collect();
        let any = |of: fn(&LayerKind) -> bool| inside.iter().any(|layer| of(&layer.kind));
        let may = |outcome: Outcome| match outcome {
            Outcome::Ok => false,
            Outcome::Transient | Outcome::RateLimited | Outcome::Overloaded => true,
            Outcome::Permanent | Outcome::BudgetExceeded => true,
            Outcome::Invalid => used.traffic.asks.iter().any(|(step, _)| may_fail(step)),
            Outcome::ContextOverflow => used.target.context_window().is_some(),
            Outcome::Timeout => any(LayerKind::is_timeout),
            Outcome::CircuitOpen => any(|kind| matches!(kind, LayerKind::CircuitBreaker(_))),
            Outcome::Rejected => any(refuses),
        };
        let all = Outcome::ALL.into_iter();
        all.filter(|outcome| may(*outcome) && wants(spec, *outcome))
            .collect()
    }

    /// Whether anything bounds the spend of, or the retries around, calls of a target.
    pub(super) fn budgeted(&self, used: &Used) -> bool {
        let bounds =
            |layer: &Layer| matches!(layer.kind, LayerKind::Budget(_) | LayerKind::RetryBudget(_));
        self.policy.fleet.breaker.is_some() || self.path(used).any(bounds)
    }

    /// What a layer of a stack is called there: one place of the file stands for all of them.
    pub(super) fn name_in_stack(&self, layer: usize) -> Option<&'a str> {
        let label = &self.policy.written_layers().nth(layer)?.label;
        let (_, name) = self.policy.short_label(label).split_once("] ")?;
        name.contains(": ").then_some(name)
    }

    /// Every layer that acts on some target.
    pub(super) fn sites(&self) -> Vec<Site<'_>> {
        let Policy { turn, task, .. } = self.policy;
        let all: Vec<&Used> = self.used.iter().collect();
        let mut sites = vec![];
        let mut next = 0;
        let outer: Vec<&Layer> = task.iter().chain(turn).collect();
        for model in [false, true] {
            let calls = self.calls(model);
            let lists = calls.of.iter().map(|(id, list)| (Some(*id), list));
            for (own, list) in [(None, &calls.others)].into_iter().chain(lists) {
                let met = |used: &&&Used| {
                    let listed = calls.of.iter().any(|(id, _)| *id == used.id);
                    used.target.is_model() == model && own.map_or(!listed, |own| own == used.id)
                };
                let met: Vec<&Used> = all.iter().filter(met).copied().collect();
                spread(list, Scope::Call, &outer, &met, &mut next, &mut sites);
            }
        }
        let outer: Vec<&Layer> = task.iter().collect();
        spread(turn, Scope::Turn, &outer, &all, &mut next, &mut sites);
        spread(task, Scope::Task, &[], &all, &mut next, &mut sites);
        spread(&self.fleet, Scope::Fleet, &[], &all, &mut next, &mut sites);
        sites
    }

    /// One hit for each retry for which `judge` has something to say.
    pub(super) fn each_retry(
        &self,
        judge: impl Fn(&Site, &RetrySpec) -> Option<String>,
    ) -> Vec<Hit> {
        self.each_site(|site| judge(site, site.retry()?))
    }

    /// One hit for each layer for which `judge` has something to say.
    pub(super) fn each_site(&self, judge: impl Fn(&Site) -> Option<String>) -> Vec<Hit> {
        let sites = self.sites();
        let judged = sites
            .iter()
            .filter_map(|site| Some(Hit::at(site, judge(site)?)));
        judged.collect()
    }
}

/// Whether an answer may fail validation.
pub(super) fn may_fail(step: &LlmStep) -> bool {
    step.passes.0 < Share::ALL.0 || step.never.0 > 0
}

/// Whether a layer may refuse a call as `rejected`.
fn refuses(kind: &LayerKind) -> bool {
    matches!(
        kind,
        LayerKind::Concurrency(_)
            | LayerKind::RateLimit(_)
            | LayerKind::AdaptiveThrottle(_)
            | LayerKind::Route(..)
    )
}

/// The retry that a layer is, if it is one that tries again.
pub(super) fn retry_of(layer: &Layer) -> Option<&RetrySpec> {
    match &layer.kind {
        LayerKind::Retry(spec) if spec.attempts != Some(1) => Some(spec),
        _ => None,
    }
}

/// Whether a retry tries again what ended like this.
pub(super) fn wants(spec: &RetrySpec, outcome: Outcome) -> bool {
    spec.when.wants(&Reply::of(outcome), false)
}

fn spread<'v>(
    list: &'v [Layer],
    scope: Scope,
    outer: &[&'v Layer],
    targets: &[&'v Used<'v>],
    next: &mut usize,
    sites: &mut Vec<Site<'v>>,
) {
    for (i, layer) in list.iter().enumerate() {
        let number = *next;
        *next += 1;
        if targets.is_empty() {
            continue;
        }
        sites.push(Site {
            layer,
            number,
            scope,
            around: outer.iter().copied().chain(&list[..i]).collect(),
            inside: &list[i + 1..],
            targets: targets.to_vec(),
        });
    }
}
