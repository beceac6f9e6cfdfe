//! Who calls a target, and how often, as far as the plans say.

use super::super::model::{Agents, Fleet, LlmStep, Step, TargetId};

/// The calls of one target.
#[derive(Debug, Default)]
pub(super) struct Traffic<'a> {
    /// How many agents and sub-agents may call it at once; `u64::MAX` in an open loop.
    pub(super) agents: u64,
    /// How many fleets call it.
    pub(super) fleets: u64,
    /// How many calls the busiest task makes, those of its sub-agents included.
    pub(super) calls: u64,
    /// How many agents of one task may call it at once.
    pub(super) wide: u64,
    /// How many calls the busiest agent makes in a run: a sub-agent those of its branch, a worker
    /// its own of all its tasks.
    pub(super) calls_of_one: u64,
    /// The steps that ask it, of a model, each with its fleet.
    pub(super) asks: Vec<(&'a LlmStep, &'a Fleet)>,
}

/// How the plans of `fleets` call a target.
pub(super) fn traffic(fleets: &[Fleet], target: TargetId) -> Traffic<'_> {
    let mut sum = Traffic::default();
    for fleet in fleets {
        let agents = match fleet.agents {
            Agents::Count(n) => u64::from(n),
            Agents::Unlimited => u64::MAX,
        };
        let mut count = Count {
            target,
            fleet,
            wide: 0,
            calls: 0,
            sub_agent: 0,
            asks: vec![],
        };
        let own = count.steps(&fleet.plan, 1, 1);
        sum.agents = sum.agents.saturating_add(agents.saturating_mul(count.wide));
        sum.wide = sum.wide.max(count.wide);
        sum.fleets += u64::from(count.calls > 0);
        sum.calls = sum.calls.max(count.calls);
        let mine = own.saturating_mul(tasks_of_one(fleet));
        sum.calls_of_one = sum.calls_of_one.max(mine).max(count.sub_agent);
        sum.asks.append(&mut count.asks);
    }
    sum
}

/// How many tasks one agent of a fleet does in a run, when they are shared evenly.
fn tasks_of_one(fleet: &Fleet) -> u64 {
    let Agents::Count(agents) = fleet.agents else {
        return 1;
    };
    match fleet.tasks.count {
        None => u64::MAX,
        Some(n) if fleet.tasks.each_agent => u64::from(n),
        Some(n) => u64::from(n.div_ceil(agents.max(1))),
    }
}

/// A walk over a plan.
struct Count<'a> {
    target: TargetId,
    fleet: &'a Fleet,
    /// Agents and sub-agents of one task that call it at once.
    wide: u64,
    /// Calls of one task.
    calls: u64,
    /// Calls of the busiest sub-agent.
    sub_agent: u64,
    asks: Vec<(&'a LlmStep, &'a Fleet)>,
}

impl<'a> Count<'a> {
    /// Walks over steps that `wide` agents do `often` times in a task; returns how many calls one
    /// agent makes itself each time.
    fn steps(&mut self, steps: &'a [Step], wide: u64, often: u64) -> u64 {
        let mut own: u64 = 0;
        for step in steps {
            let met = match step {
                Step::Llm(llm) if llm.target == self.target => {
                    self.asks.push((llm, self.fleet));
                    true
                }
                Step::Tool(tool) => tool.target == self.target,
                Step::Repeat { times, steps } => {
                    let times = u64::from(*times);
                    let inside = self.steps(steps, wide, often.saturating_mul(times));
                    own = own.saturating_add(inside.saturating_mul(times));
                    false
                }
                Step::Parallel(step) => {
                    for branch in &step.branches {
                        let n = u64::from(branch.agents);
                        let (wide, often) = (wide.saturating_mul(n), often.saturating_mul(n));
                        let inside = self.steps(&branch.steps, wide, often);
                        self.sub_agent = self.sub_agent.max(inside);
                    }
                    false
                }
                _ => false,
            };
            if met {
                self.wide = self.wide.max(wide);
                self.calls = self.calls.saturating_add(often);
                own = own.saturating_add(1);
            }
        }
        own
    }
}
