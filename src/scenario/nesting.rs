//! How the layers of a policy nest around each call, and the worst that they can make of it.
//!
//! A pure function of the checked policy and the plans, for reports and reviews. Layers at `fleet`,
//! `task`, `turn` and call scope stand around each other, and so their attempts multiply: three of
//! three are 27. A turn of a sub-agent inside a turn has the turn's layers twice.

use super::model::{CallLayers, Fleet, Layer, LayerKind, Policy, Step, TargetId};
use crate::resilience::{RetryBudgetSpec, RetrySpec};
use crate::units::Span;
use crate::wire::{Outcome, OutcomeSet, Reply};

/// A model or tool step of a plan and the layers around it.
#[derive(Clone, Debug)]
pub struct Nested<'p> {
    /// Index of the fleet.
    pub fleet: usize,
    /// The step's number in the fleet's plan, as the simulation numbers steps.
    pub step: u16,
    /// What it calls.
    pub target: TargetId,
    /// The layers around it, outermost first.
    pub layers: Vec<Around<'p>>,
}

/// A layer around a call.
#[derive(Clone, Copy, Debug)]
pub struct Around<'p> {
    /// Its number in the policy, in the order of [`Policy::written_layers`], fleet layers last.
    pub id: usize,
    /// What of it matters here.
    pub bound: Bound<'p>,
    /// Whether it is the fleet's, around whole tasks.
    pub of_fleet: bool,
}

/// What a layer does to the number of attempts and to their waits.
#[derive(Clone, Copy, Debug)]
pub enum Bound<'p> {
    /// It multiplies.
    Retry(&'p RetrySpec),
    /// It makes everything inside it up to so often more (without end if `None`), after at most so
    /// long each time.
    Again(Option<u32>, Span),
    /// It ends everything inside it after so long.
    Timeout(Span),
    /// It allows so many retries inside it, of each task or of more.
    Budget(u32),
    /// It allows so many retries of the next retry layer inside it.
    NextBudget(u32),
    /// It makes up to so many of what is inside it: hedges beside it, or the same at other targets,
    /// at once only after these outcomes.
    Beside(u32, OutcomeSet),
    /// None of these.
    None,
}

impl Nested<'_> {
    /// The retry layers around the call, outermost first.
    pub fn retries(&self) -> impl DoubleEndedIterator<Item = &RetrySpec> {
        self.layers.iter().filter_map(|around| match around.bound {
            Bound::Retry(spec) => Some(spec),
            _ => None,
        })
    }

    /// The most attempts of one call in one task: the product of the attempts of all retry layers.
    /// `None` is without end. A retry budget of n retries allows n more than what comes from outside
    /// it; budgets of dollars, deadlines and timeouts may end it earlier.
    pub fn worst_attempts(&self) -> Option<u64> {
        self.attempts_of(|_| true, |_| true)
    }

    /// The attempts if each ends with `outcome`, at once and without Retry-After: only the layers
    /// that try again on it multiply. `None` is without end.
    pub fn attempts_on(&self, outcome: Outcome) -> Option<u64> {
        let reply = Reply::of(outcome);
        self.attempts_of(|spec| spec.when.wants(&reply, false), |on| on.has(outcome))
    }

    /// The product of the retry layers that `act` and of the others that make more on outcomes that
    /// are `met`, from the outside in, as far as budgets allow.
    fn attempts_of(
        &self,
        act: impl Fn(&RetrySpec) -> bool,
        met: impl Fn(OutcomeSet) -> bool,
    ) -> Option<u64> {
        let mut product = Some(1u64);
        let mut allowed: Option<u64> = None;
        // What comes from outside the retry layer before, and how often the next one may try.
        let (mut before, mut next) = (product, None);
        for around in &self.layers {
            match around.bound {
                Bound::Retry(spec) => {
                    let attempts = spec.attempts.map(u64::from);
                    let attempts = next.take().into_iter().chain(attempts).min();
                    let attempts = if act(spec) { attempts } else { Some(1) };
                    let outside = std::mem::replace(&mut before, product);
                    product = match spec.only_in_first {
                        // Once as often as it may, and in every later attempt outside it once.
                        true => (product.zip(outside).zip(attempts))
                            .map(|((p, o), n)| p.saturating_add(o.saturating_mul(n - 1))),
                        false => product.zip(attempts).map(|(p, n)| p.saturating_mul(n)),
                    };
                }
                Bound::NextBudget(retries) => next = Some(u64::from(retries) + 1),
                Bound::Again(times, _) => {
                    let all = times.map(|n| u64::from(n) + 1);
                    product = product.zip(all).map(|(p, n)| p.saturating_mul(n));
                }
                Bound::Beside(times, on) if met(on) => {
                    product = product.map(|p| p.saturating_mul(u64::from(times)));
                    before = before.map(|p| p.saturating_mul(u64::from(times)));
                }
                Bound::Budget(retries) => {
                    // A task that the fleet submits again has a new budget: as often as it may.
                    let most = product.map(|p| p.saturating_mul(1 + u64::from(retries)));
                    let outside_task = self.layers.iter().any(|l| l.of_fleet);
                    let once = product.map(|p| p.saturating_add(u64::from(retries)));
                    let most = if outside_task { most } else { once };
                    allowed = allowed.into_iter().chain(most).min();
                }
                _ => {}
            }
        }
        let most = allowed.into_iter().chain(product).min();
        most.filter(|attempts| *attempts < u64::MAX)
    }

    /// The longest that all waits between these attempts can be, without Retry-After: each layer's
    /// own, and as often as it tries that of the layers inside it. `None` has no end, or one later
    /// than a span can say (584 years).
    pub fn worst_wait(&self) -> Option<Span> {
        let mut inside = Some(Span::ZERO);
        // What the attempts of the next retry layer wait but the first; the retry layers so far.
        let mut later = inside;
        let mut retries: Vec<RetrySpec> = vec![];
        for (i, around) in self.layers.iter().enumerate().rev() {
            let before = inside;
            inside = match around.bound {
                Bound::Retry(spec) => {
                    let spec = self.as_far_as_allowed(i, spec);
                    let all = retried(&spec, inside, later);
                    let only_in_first = spec.only_in_first;
                    retries.push(spec);
                    later = if only_in_first { later } else { all };
                    inside = all;
                    continue;
                }
                Bound::Budget(allowed) => budgeted(&retries, allowed, inside),
                Bound::Again(times, every) => inside.zip(times).map(|(wait, times)| {
                    let own = every.0.saturating_mul(u64::from(times));
                    Span(
                        wait.0
                            .saturating_mul(u64::from(times) + 1)
                            .saturating_add(own),
                    )
                }),
                Bound::Timeout(after) => Some(inside.map_or(after, |wait| wait.min(after))),
                // Hedges wait beside each other; other targets are tried one after the other.
                Bound::Beside(times, _) => {
                    inside.map(|wait| Span(wait.0.saturating_mul(u64::from(times))))
                }
                Bound::NextBudget(_) | Bound::None => inside,
            };
            if inside != before {
                later = inside;
            }
        }
        inside.filter(|wait| *wait < Span::MAX)
    }

    /// A retry layer with the attempts that a budget of its list alone leaves it.
    fn as_far_as_allowed(&self, at: usize, spec: &RetrySpec) -> RetrySpec {
        let mut outside = self.layers[..at].iter().rev();
        let next = outside.find(|l| !matches!(l.bound, Bound::None | Bound::Timeout(_)));
        match next.map(|l| l.bound) {
            Some(Bound::NextBudget(retries)) => up_to(spec, retries),
            _ => spec.clone(),
        }
    }
}

/// The layer with at most so many retries.
fn up_to(spec: &RetrySpec, retries: u32) -> RetrySpec {
    let attempts = retries.saturating_add(1);
    RetrySpec {
        attempts: Some(spec.attempts.map_or(attempts, |own| own.min(attempts))),
        ..spec.clone()
    }
}

/// The longest wait of a retry layer around what may wait `first` in its first attempt, and `later`
/// in each of the others.
fn retried(spec: &RetrySpec, first: Option<Span>, later: Option<Span>) -> Option<Span> {
    let own = spec.outlook(0).worst_wait?;
    let times = u64::from(spec.attempts.unwrap_or(1));
    let (first, later) = (first?, later?);
    let all_inside = first + Span(later.0.saturating_mul(times - 1));
    match spec.attempts {
        // As many as its time allows: the wait is its own only where nothing waits inside.
        None if first.max(later) != Span::ZERO => None,
        _ => Some(own + all_inside),
    }
}

/// The longest wait of these retry layers, innermost first, which may wait `inside` by themselves,
/// if they retry at most so often in all.
fn budgeted(retries: &[RetrySpec], allowed: u32, inside: Option<Span>) -> Option<Span> {
    let bound = match retries {
        [] => return inside,
        [only] => up_to(only, allowed).outlook(0).worst_wait,
        several => {
            let waits = several.iter().map(|spec| spec.longest_wait(allowed));
            let longest = waits.max().unwrap_or(Span::ZERO);
            Some(Span(longest.0.saturating_mul(u64::from(allowed))))
        }
    };
    bound.into_iter().chain(inside).min()
}

/// Each model and tool step of each fleet, and the layers of `policy` around it.
pub fn nested<'p>(fleets: &[Fleet], policy: &'p Policy) -> Vec<Nested<'p>> {
    let mut walk = Walk {
        policy,
        next_step: 0,
        found: vec![],
    };
    for (i, fleet) in fleets.iter().enumerate() {
        walk.next_step = 0;
        let mut around = walk.fleet_layers();
        around.extend(walk.of(&policy.task));
        walk.steps(&fleet.plan, i, &around, true);
    }
    walk.found
}

/// How many numbered steps a plan has: calls and think times, in all branches.
pub fn steps_of(plan: &[Step]) -> usize {
    let of = |step: &Step| match step {
        Step::Llm(_) | Step::Tool(_) | Step::Wait(_) => 1,
        Step::Repeat { steps, .. } => steps_of(steps),
        Step::Parallel(p) => p.branches.iter().map(|b| steps_of(&b.steps)).sum(),
    };
    plan.iter().map(of).sum()
}

/// A walk over a plan in the order in which steps are numbered.
struct Walk<'p> {
    policy: &'p Policy,
    next_step: u16,
    found: Vec<Nested<'p>>,
}

impl<'p> Walk<'p> {
    fn fleet_layers(&self) -> Vec<Around<'p>> {
        let id = self.policy.written_layers().count();
        let retry = self.policy.fleet.retry.as_ref();
        let retry = retry.map(|spec| (id, Bound::Retry(spec)));
        let breaker = self.policy.fleet.breaker.is_some();
        let breaker = breaker.then_some((id + usize::from(retry.is_some()), Bound::None));
        let next = id + usize::from(retry.is_some()) + usize::from(breaker.is_some());
        let dead_letter = self
            .policy
            .fleet
            .dead_letter
            .map(|queue| match queue.resubmit {
                Some(cron) => (next, Bound::Again(cron.times, cron.every)),
                None => (next, Bound::None),
            });
        let all = dead_letter.into_iter().chain(retry).chain(breaker);
        all.map(|(id, bound)| Around {
            id,
            bound,
            of_fleet: true,
        })
        .collect()
    }

    fn of(&self, layers: &'p [Layer]) -> Vec<Around<'p>> {
        let around = |layer: &'p Layer| {
            let same = |l: &Layer| std::ptr::eq(l, layer);
            let id = self.policy.written_layers().position(same);
            Around {
                id: id.expect("the layer is one of the policy's"),
                bound: match &layer.kind {
                    LayerKind::Retry(spec) => Bound::Retry(spec),
                    LayerKind::Timeout(after) => Bound::Timeout(*after),
                    LayerKind::Patience(time) => {
                        let most = time.most().map(Span::from_nanos_f64);
                        most.map_or(Bound::None, Bound::Timeout)
                    }
                    LayerKind::RetryBudget(RetryBudgetSpec::Count(n)) => Bound::Budget(*n),
                    LayerKind::RetryBudget(RetryBudgetSpec::NextCount(n)) => Bound::NextBudget(*n),
                    LayerKind::Hedge(spec) => Bound::Beside(1 + spec.most, spec.next_on),
                    LayerKind::Fallback(to, on) => Bound::Beside(1 + to.len() as u32, *on),
                    _ => Bound::None,
                },
                of_fleet: false,
            }
        };
        layers.iter().map(around).collect()
    }

    /// `turns` is whether a turn may begin here (not inside one).
    fn steps(&mut self, steps: &'_ [Step], fleet: usize, around: &[Around<'p>], turns: bool) {
        let mut inside: Option<Vec<Around<'p>>> = None;
        for step in steps {
            if turns && begins_turn(step) {
                let turn = [around, &self.of(&self.policy.turn)].concat();
                inside = matches!(step, Step::Llm(_)).then_some(turn);
            }
            let opened = inside.is_some();
            let around = inside.as_deref().unwrap_or(around).to_vec();
            self.step(step, fleet, &around, turns && !opened);
        }
    }

    fn step(&mut self, step: &Step, fleet: usize, around: &[Around<'p>], turns: bool) {
        match step {
            Step::Llm(llm) => self.call(llm.target, &self.policy.llm, fleet, around),
            Step::Tool(tool) => self.call(tool.target, &self.policy.tool, fleet, around),
            Step::Wait(_) => self.next_step += 1,
            Step::Repeat { steps, .. } => self.steps(steps, fleet, around, turns),
            Step::Parallel(parallel) => {
                for branch in &parallel.branches {
                    self.steps(&branch.steps, fleet, around, true);
                }
            }
        }
    }

    fn call(
        &mut self,
        target: TargetId,
        calls: &'p CallLayers,
        fleet: usize,
        around: &[Around<'p>],
    ) {
        let own = calls.of.iter().find(|(t, _)| *t == target);
        let layers = own.map_or(&calls.others, |(_, l)| l);
        self.found.push(Nested {
            fleet,
            step: self.next_step,
            target,
            layers: [around, &self.of(layers)].concat(),
        });
        self.next_step += 1;
    }
}

/// Whether a step ends the turn before it: a model step, or a loop that holds one.
pub fn begins_turn(step: &Step) -> bool {
    match step {
        Step::Llm(_) => true,
        Step::Repeat { steps, .. } => steps.iter().any(begins_turn),
        Step::Tool(_) | Step::Wait(_) | Step::Parallel(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Scenario, parse};
    use super::*;

    fn scenario(policy: &str, plan: &str) -> Scenario {
        let text = format!(
            "name: n\nmodels: {{m: {{latency: 1s}}}}\ntools: {{t: {{latency: 1s}}}}\n\
             fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: {plan}}}}}\n\
             policies: {{p: {policy}}}\n"
        );
        match parse(&text, "test", Path::new(""), &[]) {
            Ok(loaded) => loaded.scenario,
            Err(problems) => panic!("{}", problems.render(false)),
        }
    }

    fn worst(policy: &str, plan: &str) -> Vec<(Option<u64>, Option<Span>)> {
        let scenario = scenario(policy, plan);
        let steps = nested(&scenario.fleets, &scenario.policies[0]);
        let numbers: Vec<u16> = steps.iter().map(|s| s.step).collect();
        assert!(numbers.is_sorted());
        let both = steps.iter().map(|s| (s.worst_attempts(), s.worst_wait()));
        both.collect()
    }

    #[test]
    fn what_acts_at_first_alone_and_what_is_counted_alone_multiply_less() {
        let first = "{retry: {attempts: 5, delay: 1s, only_in_first_attempt: true}}";
        let plan = "[{tool: t}]";
        let most = |policy: &str| worst(policy, plan)[0].0;
        // 5 in the first of three, one in each other; and all that three times.
        assert_eq!(most(&format!("{{tool: [{THREE}, {first}]}}")), Some(7));
        let policy = format!("{{task: [{THREE}], tool: [{THREE}, {first}]}}");
        assert_eq!(most(&policy), Some(21));
        let next = "{retry_budget: {next_retries: 1}}";
        let policy = format!("{{task: [{next}, {THREE}], tool: [{THREE}]}}");
        assert_eq!(most(&policy), Some(6));
        let endless = "{retry: {attempts: unlimited, delay: 1s}}";
        let policy = format!("{{tool: [{next}, {endless}, {THREE}]}}");
        assert_eq!(most(&policy), Some(6));
    }

    const THREE: &str = "{retry: {attempts: 3, delay: 1s}}";

    #[test]
    fn what_is_more_than_a_number_can_say_has_no_end() {
        // 2^k seconds: the 34th wait alone is 272 years, the next one more than a span can say.
        let growing = |attempts| {
            format!("{{retry: {{attempts: {attempts}, backoff: {{exponential: {{base: 1s}}}}}}}}")
        };
        let worst_of = |policy: &str| worst(policy, "[{tool: t}]")[0];
        let wait = Some(Span::seconds((1 << 33) - 1));
        let once = format!("{{tool: [{}]}}", growing(34));
        assert_eq!(worst_of(&once), (Some(34), wait));
        let twice = format!("{{tool: [{}]}}", growing(36));
        assert_eq!(worst_of(&twice), (Some(36), None));
        // Twice 272 years are less than 584, three times more. And a timeout ends that.
        let outside = |attempts| format!("{{retry: {{attempts: {attempts}}}}}, {}", growing(34));
        let long = Some(Span::seconds((1 << 34) - 2));
        let policy = format!("{{tool: [{}]}}", outside(2));
        assert_eq!(worst_of(&policy), (Some(68), long));
        let policy = format!("{{tool: [{}]}}", outside(3));
        assert_eq!(worst_of(&policy), (Some(102), None));
        let policy = format!("{{tool: [{{timeout: 1h}}, {}]}}", outside(3));
        assert_eq!(worst_of(&policy), (Some(102), Some(Span::seconds(3600))));
        // Five layers of 2^20 attempts each are 2^100.
        let million = "{retry: {attempts: 1048576}}, ".repeat(5);
        let policy = format!("{{tool: [{million}]}}");
        assert_eq!(worst_of(&policy), (None, Some(Span::ZERO)));
    }

    #[test]
    fn attempts_multiply_and_waits_add_up() {
        let policy =
            format!("{{tool: [{THREE}], turn: [{THREE}], task: [{THREE}], fleet: [{THREE}]}}");
        // 2 of its own and three times what is inside: 2, 8, 26, 80 seconds.
        let found = worst(&policy, "[{tool: t}, {llm: m, output: 1}, {tool: t}]");
        let seconds = |n| Some(Span::seconds(n));
        assert_eq!(
            found,
            [
                (Some(27), seconds(26)),
                (Some(27), seconds(26)),
                (Some(81), seconds(80))
            ]
        );
    }

    #[test]
    fn a_turn_ends_where_the_next_model_step_or_loop_begins() {
        let policy = format!("{{turn: [{THREE}]}}");
        let plan = "[{wait: 1s}, {tool: t}, {llm: m, output: 1}, {repeat: 2, steps: [{tool: t}]}, \
                    {repeat: 2, steps: [{tool: t}, {llm: m, output: 1}]}, {tool: t}]";
        let attempts: Vec<_> = worst(&policy, plan).into_iter().map(|w| w.0).collect();
        assert_eq!(
            attempts,
            [Some(1), Some(3), Some(3), Some(1), Some(3), Some(1)]
        );
    }

    #[test]
    fn a_turn_of_a_sub_agent_inside_a_turn_counts_twice() {
        let policy = format!("{{turn: [{THREE}]}}");
        let plan = "[{llm: m, output: 1}, {parallel: 2, steps: [{llm: m, output: 1}]}]";
        let attempts: Vec<_> = worst(&policy, plan).into_iter().map(|w| w.0).collect();
        assert_eq!(attempts, [Some(3), Some(9)]);
    }

    #[test]
    fn without_an_end_there_is_no_worst_but_a_timeout_bounds_the_wait() {
        let endless = "{retry: {attempts: unlimited, delay: 1s}}";
        let policy = format!("{{tool: [{endless}], llm: [{{timeout: 9s}}, {endless}]}}");
        let found = worst(&policy, "[{llm: m, output: 1}, {tool: t}]");
        assert_eq!(found, [(None, Some(Span::seconds(9))), (None, None)]);
        // Drawn, the longest counts, if there is one.
        let drawn = |time: &str| {
            let policy = format!("{{tool: [{{timeout: {time}}}, {endless}]}}");
            worst(&policy, "[{tool: t}]")[0].1
        };
        assert_eq!(drawn("{uniform: [1s, 7s]}"), Some(Span::seconds(7)));
        assert_eq!(drawn("{exponential: {mean: 1s}}"), None);
    }

    #[test]
    fn a_retry_budget_adds_its_retries_to_what_comes_from_outside() {
        let policy = "{llm: [{retry: {attempts: 3}}, {retry_budget: {retries: 2}}, \
                      {retry: {attempts: unlimited}}]}";
        let found = worst(policy, "[{llm: m, output: 1}]");
        assert_eq!(found[0].0, Some(5));
    }

    #[test]
    fn hedges_and_other_targets_multiply_too() {
        let policy = "{llm: [{retry: {attempts: 3}}, {hedge: {after: 1s, most: 1}}], \
                      tool: [{retry: {attempts: 3}}, {fallback: {to: u}}, {retry: {attempts: 2}}]}";
        let mut scenario = scenario("{}", "[{llm: m, output: 1}, {tool: t}]");
        let text = format!(
            "name: n\nmodels: {{m: {{latency: 1s}}}}\ntools: {{t: {{latency: 1s}}, u: {{latency: 1s}}}}\n\
             fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{llm: m, output: 1}}, {{tool: t}}]}}}}\n\
             policies: {{p: {policy}}}\n"
        );
        scenario.policies = match parse(&text, "test", Path::new(""), &[]) {
            Ok(loaded) => loaded.scenario.policies,
            Err(problems) => panic!("{}", problems.render(false)),
        };
        let steps = nested(&scenario.fleets, &scenario.policies[0]);
        let worst: Vec<_> = steps.iter().map(Nested::worst_attempts).collect();
        assert_eq!(worst, [Some(6), Some(12)]);
        // A permanent failure neither retries nor hedges.
        assert_eq!(steps[0].attempts_on(Outcome::Permanent), Some(1));
    }

    #[test]
    fn only_the_layers_that_act_on_an_outcome_multiply() {
        let policy = "{llm: [{retry: {attempts: 3, on: [rate_limited]}}, {retry: {attempts: 4}}]}";
        let scenario = scenario(policy, "[{llm: m, output: 1}]");
        let steps = nested(&scenario.fleets, &scenario.policies[0]);
        let on = |outcome| steps[0].attempts_on(outcome);
        assert_eq!(on(Outcome::RateLimited), Some(12));
        assert_eq!(on(Outcome::Transient), Some(4));
        assert_eq!(on(Outcome::Permanent), Some(1));
    }

    #[test]
    fn waits_are_those_of_the_retries_that_can_be() {
        let wait =
            |layers: &str| worst(&format!("{{llm: {layers}}}"), "[{llm: m, output: 1}]")[0].1;
        let ms = |n| Some(Span::millis(n));
        let nine = "{retry: {attempts: 9, delay: 1s}}";
        assert_eq!(wait(&format!("[{nine}]")), ms(8_000));
        assert_eq!(
            wait(&format!("[{{retry_budget: {{retries: 3}}}}, {nine}]")),
            ms(3_000)
        );
        // Three of two, but five retries in all, of a second at most.
        let three = "{retry: {attempts: 3, delay: 1s}}, {retry: {attempts: 2, delay: 500ms}}";
        assert_eq!(wait(&format!("[{three}]")), ms(3_500));
        assert_eq!(
            wait(&format!("[{{retry_budget: {{retries: 2}}}}, {three}]")),
            ms(2_000)
        );
        // However many they are, and after a 429 as well.
        let endless = "{retry: {attempts: unlimited, throttled_backoff: {fixed: 2s}, \
                       backoff: {exponential: {base: 1ms, max: 1s}, jitter: full}}}";
        let many = "{retry_budget: {retries: 1M}}";
        assert_eq!(
            wait(&format!("[{many}, {endless}, {endless}]")),
            ms(2_000_000_000)
        );
        // The inner one waits in the first attempt only.
        let inner = "{retry: {attempts: 3, delay: 500ms, only_in_first_attempt: true}}";
        assert_eq!(
            wait(&format!("[{{retry: {{attempts: 3, delay: 1s}}}}, {inner}]")),
            ms(3_000)
        );
        // Of nine attempts three may be, and in each of these two.
        let next = "{retry_budget: {next_retries: 2}}";
        let both = format!("[{next}, {nine}, {{retry: {{attempts: 2, delay: 500ms}}}}]");
        assert_eq!(wait(&both), ms(2_000 + 3 * 500));
    }
}
