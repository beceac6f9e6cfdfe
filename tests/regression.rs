//! One small test for each bug that was found, with its story.

mod common;

use common::log::Log;
use common::scenario;
use squall::experiment::{Progress, observe, play_one};
use squall::random::Weather;
use squall::scenario::TargetId;
use squall::simulation::{Cut, NO_LAYER, Program, RunEnd};
use squall::units::{Span, Time};
use squall::wire::Outcome;

fn play(text: &str) -> (Log, RunEnd) {
    let scenario = scenario(text);
    let mut log = Log::default();
    let end = observe(
        &scenario,
        &scenario.policies[0],
        Weather::new(1, 0),
        &mut log,
    );
    (log, end)
}

/// With unlimited agents there is nobody idle who could be woken when a batch's breaker closes
/// again: tasks that had arrived meanwhile were left lying for ever.
#[test]
fn tasks_that_arrived_at_an_open_breaker_are_done_when_it_closes() {
    let (log, end) = play(
        "name: reopened
horizon: 1h
tools: {tool: {latency: 10ms, outages: [{at: 0, for: 5s}]}}
fleets: {f: {agents: unlimited, tasks: {arrivals: {every: 1/s}, count: 10}, plan: [{tool: tool}]}}
policies: {p: {fleet: [{circuit_breaker: {failures: 1, open_for: 20s}}]}}
",
    );
    assert_eq!(end.cut, None);
    let ok = log.tasks().filter(|t| t.outcome == Outcome::Ok).count();
    assert_eq!(ok, 9);
    assert_eq!(end.end, Time::ZERO + Span::millis(21_020));
}

/// A batch that is stopped for good fails the tasks that nobody has begun. Where each agent has a
/// batch of its own, these were given the numbers of other tasks.
#[test]
fn a_stopped_batch_fails_each_task_once() {
    let (log, _) = play(
        "name: stopped
tools: {tool: {latency: 10ms, failures: 100%}}
fleets: {f: {agents: 3, tasks: {count: 4, each_agent: true}, start: {every: 1s}, plan: [{tool: tool}]}}
policies: {p: {fleet: [{circuit_breaker: {failures: 2}}]}}
",
    );
    let mut tasks: Vec<u32> = log.tasks().map(|t| t.task).collect();
    tasks.sort_unstable();
    assert_eq!(tasks, (0..12).collect::<Vec<u32>>());
}

/// A retry at fleet scope took the task's arrival for the begin of its latest submission, so its
/// least period never acted, and a task that fails at once was submitted for ever at one instant.
#[test]
fn a_hot_loop_through_the_queue_takes_time() {
    let (_, end) = play(
        "name: hot
horizon: 10s
max_events: 100k
tools: {tool: {latency: 0, failures: 100%}}
fleets: {f: {agents: 1, tasks: {count: 1}, plan: [{tool: tool}]}}
policies: {p: {fleet: [{retry: {attempts: unlimited, delay: 0}}]}}
",
    );
    assert_eq!(end.cut, Some(Cut::Horizon));
}

/// A loop of calls that are all refused before the wire needs no event, so no bound on events ended
/// it: a task of a thousand million such calls held the whole run up for a minute.
#[test]
fn a_loop_of_refusals_counts_as_events() {
    let (_, end) = play(
        "name: refused
max_events: 1000
tools: {tool: {latency: 10ms, price: $1}}
fleets:
  f: {agents: 1, tasks: {count: 1}, plan: [{repeat: 1M, steps: [{tool: tool, on_failure: continue}]}]}
policies: {p: {task: [{budget: {limit: $0}}]}}
",
    );
    assert_eq!(end.cut, Some(Cut::Events));
}

/// Loops within loops that are begun anew, because the turn around them is tried again, met the
/// luck that earlier attempts had met already.
#[test]
fn a_loop_in_a_loop_that_is_begun_anew_meets_new_luck() {
    let (log, _) = play(
        "name: nested
models: {model: {latency: 1ms, price: {per_call: $0}}}
tools: {tool: {latency: 1ms, failures: 30%}}
fleets:
  f:
    agents: 1
    tasks: {count: 20}
    plan:
      - {llm: model, output: 1}
      - {repeat: 2, steps: [{repeat: 3, steps: [{tool: tool}]}]}
policies: {p: {tool: [{retry: {attempts: 2, delay: 0}}], turn: [{retry: {attempts: 20, delay: 0}}]}}
",
    );
    let spot = |a: &squall::simulation::Attempt| (a.task, a.step, a.round, a.number, a.hedge);
    let mut spots: Vec<_> = log.attempts().map(spot).collect();
    let all = spots.len();
    spots.sort_unstable();
    spots.dedup();
    assert_eq!(spots.len(), all);
}

/// Not one bug but a family: whatever spins without delay must end at the horizon, and not by the bound
/// on events.
#[test]
fn hot_loops_end() {
    for policy in [
        "{tool: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{turn: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{task: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{fleet: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{tool: [{retry: {attempts: unlimited, delay: 0, on: any}}, {circuit_breaker: {failures: 1, open_for: 1h}}]}",
        "{tool: [{circuit_breaker: {failures: 1, open_for: 1h}}], task: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{tool: [{concurrency: {max: 1, queue: 0}}], task: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{tool: [{rate_limit: {rate: 1/min, longest_wait: 0}}], turn: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
        "{task: [{budget: {limit: $0}}], fleet: [{retry: {attempts: unlimited, delay: 0, on: [budget_exceeded, transient]}}]}",
        "{tool: [{retry: {attempts: unlimited, delay: 0, on: any}}], turn: [{retry: {attempts: unlimited, delay: 0, on: any}}], task: [{retry: {attempts: unlimited, delay: 0, on: any}}, {timeout: 1ms}], fleet: [{retry: {attempts: unlimited, delay: 0, on: any}}]}",
    ] {
        let text = format!(
            "name: hot
horizon: 5s
max_events: 200k
models: {{model: {{latency: 0, price: {{per_call: $1}}, failures: 50%}}}}
tools: {{tool: {{latency: 0, failures: 100%, rejection_latency: 0}}}}
fleets: {{f: {{agents: 3, tasks: {{count: 3}}, plan: [{{llm: model, output: 1, on_failure: continue}}, {{tool: tool}}]}}}}
policies: {{hot: {policy}}}
"
        );
        let (_, end) = play(&text);
        assert_eq!(end.cut, Some(Cut::Horizon), "{policy}");
        assert_eq!(end.end, Time::ZERO + Span::seconds(5));
    }
}

/// A task that was submitted again counted every attempt as a retry, those of steps that it had
/// never reached before as well; that skewed amplification, causes and budgets of cost.
#[test]
fn a_task_submitted_again_goes_on_counting() {
    let (log, _) = play(
        "name: counting
tools:
  first: {latency: 10ms, script: {outcomes: [fail, ok], then: last}}
  second: {latency: 10ms}
fleets: {f: {agents: 1, tasks: {count: 1}, plan: [{tool: first}, {tool: second}]}}
policies: {p: {fleet: [{retry: {attempts: 2, delay: 1s}}]}}
",
    );
    let seen: Vec<_> = log
        .attempts()
        .map(|a| (a.target.0, a.number, a.cause == NO_LAYER))
        .collect();
    assert_eq!(seen, [(0, 1, true), (0, 2, false), (1, 1, true)]);
}

/// Calls use the same words for their layers' state, and a breaker in a store took what another
/// call's retry layer had left there for a count of look-ups: its luck then hung on that layer, and
/// the count overflowed.
#[test]
fn luck_of_a_look_up_does_not_hang_on_layers_of_other_calls() {
    let begins_of_second = |layers_of_first: &str| -> Vec<Time> {
        let (log, _) = play(&format!(
            "name: words
stores: {{redis: {{latency: {{exponential: {{mean: 5ms}}}}}}}}
tools: {{first: {{latency: 10ms}}, second: {{latency: 10ms}}}}
fleets: {{f: {{agents: 1, start: 3s, tasks: {{count: 20}}, plan: [{{tool: first}}, {{tool: second}}]}}}}
policies:
  p: {{tool: {{first: {layers_of_first}, second: [{{circuit_breaker: {{failures: 5, open_for: 1s, via: redis}}}}]}}}}
"
        ));
        let second = log.attempts().filter(|a| a.target.0 == 1);
        second.map(|a| a.begin).collect()
    };
    let plain = begins_of_second("[]");
    assert_eq!(plain.len(), 20);
    let decorrelated =
        "[{retry: {attempts: 3, backoff: {decorrelated: {base: 100ms, max: 5s}}, deadline: 1h}}]";
    assert_eq!(plain, begins_of_second(decorrelated));
}

/// Recovery counted the tasks of fleets that an outage never met.
#[test]
fn recovery_is_that_of_fleets_that_the_outage_met() {
    let recovery = |other: &str| {
        let scenario = scenario(&format!(
            "name: recovery
tools:
  down: {{latency: 1s, outages: [{{at: 1m, for: 1m}}]}}
  slow: {{latency: 1h}}
fleets:
  met: {{agents: 1, tasks: {{arrivals: {{every: 1/10s}}, count: 12}}, plan: [{{tool: down}}]}}
  other: {{agents: 1, tasks: {{count: 1}}, plan: [{{tool: slow}}]}}
policies: {{p: {{tool: {other}}}}}
"
        ));
        let program = Program::new(&scenario, &scenario.policies[0]);
        let (ledger, end) = play_one(&scenario, &program, Weather::new(1, 0), &Quiet);
        ledger.recovery(&end).unwrap()
    };
    // The last task that the outage meets arrives at 1 m 50 s and fails at once, or lasts an hour elsewhere.
    assert_eq!(recovery("[]"), Span::ZERO);
    let elsewhere = "{slow: [{fallback: {to: [down]}}], others: []}";
    assert_eq!(recovery(elsewhere), Span::seconds(3600 - 120));
}

/// An outage that was to come again after the run counted as its last one.
#[test]
fn recovery_is_from_the_last_outage_of_the_run() {
    let recovery = |horizon: &str, tasks: &str, outages: &str| {
        let scenario = scenario(&format!(
            "name: recovery
horizon: {horizon}
tools: {{down: {{latency: 1s, failures: {{rate: 0%, latency: 10ms}}, outages: [{outages}]}}}}
fleets: {{f: {{agents: 4, tasks: {tasks}, plan: [{{tool: down}}]}}}}
policies: {{p: {{tool: [{{retry: {{attempts: unlimited, delay: 9s}}}}]}}}}
"
        ));
        let program = Program::new(&scenario, &scenario.policies[0]);
        let (ledger, end) = play_one(&scenario, &program, Weather::new(1, 0), &Quiet);
        ledger.recovery(&end)
    };
    let six = "{at: 1m, for: 10s, every: 10m, count: 6}";
    let first = "{at: 1m, for: 10s}";
    let second = "{at: 11m, for: 10s}";
    // One task a second for four agents: after each outage there is a line to work off.
    let tasks = "{arrivals: {every: 1/s}, count: 1000}";
    let of_second = recovery("15m", tasks, second);
    assert!(of_second > Some(Span::SECOND) && of_second < Some(Span::seconds(60)));
    assert_eq!(recovery("15m", tasks, six), of_second);
    // The work is done before the second one begins.
    let tasks = "{arrivals: {every: 1/s}, count: 300}";
    let of_first = recovery("1h", tasks, first);
    assert!(of_first > Some(Span::SECOND) && of_first < Some(Span::seconds(60)));
    assert_eq!(recovery("1h", tasks, six), of_first);
    // An outage that has not ended when the run does is none, and neither is one that was not begun.
    assert_eq!(recovery("65s", tasks, first), None);
    assert_eq!(recovery("1h", tasks, second), None);
    assert_eq!(
        recovery("665s", tasks, &format!("{first}, {second}")),
        of_first
    );
    // Nothing was left to do when the outage ended.
    let early = "{arrivals: {every: 1/s}, count: 20}";
    assert_eq!(
        recovery("1h", early, "{at: 21s, for: 31s}"),
        Some(Span::ZERO)
    );
}

/// Reading agents in advance took one from an agent's words where it had none.
#[test]
fn a_crowd_that_only_waits_is_read_in_advance() {
    let (log, end) = play(
        "name: crowd
horizon: 1h
tools: {tool: {latency: 1s}}
fleets: {f: {agents: 5000, tasks: {count: 5000}, plan: [{wait: 1s}]}}
policies: {p: {}}
",
    );
    assert_eq!(end.cut, None);
    assert_eq!(log.tasks().count(), 5_000);
}

struct Quiet;
impl Progress for Quiet {}

/// An adaptive rate limit that each agent has for itself panicked where no other layer was shared by
/// agents or tasks: room for personal state was made only for the others.
#[test]
fn every_layer_may_be_the_only_one_that_an_agent_or_task_has_for_itself() {
    let layers = [
        "circuit_breaker: {failures: 5, open_for: 1s",
        "concurrency: {max: 2",
        "rate_limit: {rate: 5/s",
        "rate_limit: {adaptive: {on: [rate_limited]}",
        "adaptive_throttle: {k: 2",
        "budget: {limit: $1",
        "hedge: {after: p95",
        "route: {deployments: [tool]",
    ];
    for layer in layers {
        for shared in ["task", "agent", "fleet", "all"] {
            let (log, end) = play(&format!(
                "name: alone
tools:
  tool: {{latency: 10ms, failures: 20%, limits: [{{requests: 9/s}}]}}
fleets: {{f: {{agents: 3, tasks: {{count: 40}}, plan: [{{tool: tool}}, {{tool: tool}}]}}}}
policies: {{p: {{tool: [{{retry: {{attempts: 4, delay: 100ms}}}}, {{{layer}, shared: {shared}}}}}]}}}}
"
            ));
            assert_eq!(end.cut, None, "{layer} {shared}");
            assert_eq!(log.tasks().count(), 40, "{layer} {shared}");
        }
    }
}

/// Jitter was keyed by the layer and not by the step: in one task the first retries of all tools waited
/// equally long.
#[test]
fn every_retry_of_a_task_has_jitter_of_its_own() {
    let (log, _) = play(
        "name: jitter
horizon: 10h
tools:
  one: {latency: 0, failures: 50%}
  two: {latency: 0, failures: 100%}
fleets: {f: {agents: 1, tasks: {count: 200}, plan: [{tool: one, on_failure: continue}, {tool: one}, {tool: two}]}}
policies:
  p:
    tool:
      - retry: &again {attempts: 2, backoff: {fixed: 1s, jitter: full}}
      - retry: *again
    task: [{retry: *again}]
",
    );
    let attempts: Vec<_> = log.attempts().collect();
    let pairs = attempts
        .windows(2)
        .filter(|pair| pair[0].task == pair[1].task);
    let waits = pairs.map(|pair| pair[1].begin.since(pair[0].end).0);
    let mut waits: Vec<u64> = waits.filter(|wait| *wait > 1_000_000).collect();
    let all = waits.len();
    assert!(all > 1_000, "only {all} waits");
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), all, "some waits are equal");
}

/// A timeout that ended a call at a fallback's target left it there: what refused its retry was booked
/// for the wrong target.
#[test]
fn a_refusal_after_a_timeout_elsewhere_is_one_at_the_plan_s_own_target() {
    let (log, _) = play(
        "name: elsewhere
horizon: 1m
tools: {own: {latency: 1s, failures: 100%}, other: {latency: 10s}}
fleets: {f: {agents: 1, tasks: {count: 1}, plan: [{tool: own}]}}
policies:
  p:
    tool:
      - retry: {attempts: 2, delay: 1s}
      - circuit_breaker: {failures: 1, open_for: 30s}
      - timeout: 2s
      - fallback: {to: other}
",
    );
    let denied = log.denials().map(|d| (d.at.0, d.outcome, d.target));
    let own = Some(TargetId(0));
    let expected = (3_000_000_000, Outcome::CircuitOpen, own);
    assert_eq!(denied.collect::<Vec<_>>(), [expected]);
}

/// In an open loop a task has an agent of its own; but when a stopped batch went on, an agent whose task
/// was refused at once took the next one too, and brought to it what its layers remembered.
#[test]
fn a_task_of_an_open_loop_has_an_agent_of_its_own() {
    let (log, _) = play(
        "name: open
horizon: 1h
tools: {tool: {latency: 10ms, failures: 100%}}
fleets: {f: {agents: unlimited, tasks: {arrivals: {every: 1/s}, count: 5}, plan: [{tool: tool}]}}
policies:
  p:
    task:
      - rate_limit: {rate: 1/min, longest_wait: 0s, shared: agent}
      - circuit_breaker: {failures: 1, open_for: 1m, shared: all}
    fleet: [{circuit_breaker: {failures: 2, open_for: 2500ms}}]
",
    );
    let ends: Vec<_> = log.tasks().map(|t| t.outcome).collect();
    let (first, rest) = ends.split_first().expect("all tasks end");
    assert_eq!(*first, Outcome::Transient);
    assert_eq!(rest, [Outcome::CircuitOpen; 4]);
}

/// Work that failed after an outage counted as done, and the policy that gave up first recovered first.
#[test]
fn who_gives_up_does_not_recover() {
    let recovery = |failures: &str| {
        let scenario = scenario(&format!(
            "name: vain
tools: {{down: {{latency: 1s, failures: {failures}, outages: [{{at: 0, for: 1m}}]}}}}
fleets: {{f: {{agents: 1, tasks: {{count: 1}}, plan: [{{tool: down}}]}}}}
policies: {{p: {{tool: [{{retry: {{attempts: 4, delay: 24s}}}}]}}}}
"
        ));
        let program = Program::new(&scenario, &scenario.policies[0]);
        let (ledger, end) = play_one(&scenario, &program, Weather::new(1, 0), &Quiet);
        assert_eq!(end.end, Time::ZERO + Span::seconds(76));
        ledger.recovery(&end)
    };
    assert_eq!(recovery("0%"), Some(Span::seconds(16)));
    assert_eq!(recovery("100%"), None);
}
