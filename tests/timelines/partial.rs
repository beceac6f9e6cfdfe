//! Outages, episodes and slowdowns that strike some and spare others.

use std::collections::BTreeMap;

use squall::simulation::Attempt;
use squall::wire::Outcome;

use crate::play;

/// A hundred agents that each call twenty times in twenty tasks, from end to end in one outage.
fn struck(how: &str, agents: &str) -> Vec<Attempt> {
    play(&format!(
        "
        tools: {{tool: {{latency: 1s, failures: {{rate: 0%, latency: 1s}}, {how}}}}}
        fleets:
          f:
            agents: {agents}
            plan: [{{repeat: 2, steps: [{{tool: tool, on_failure: continue}}]}}]
        policies: {{p: {{}}}}
        "
    ))
    .1
}

const BATCH: &str = "100\n            tasks: {count: 10, each_agent: true}";

/// Of each of these how many attempts failed, and how many there were.
fn failed_by(attempts: &[Attempt], who: impl Fn(&Attempt) -> u32) -> BTreeMap<u32, (u32, u32)> {
    let mut all: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for a in attempts {
        let of = all.entry(who(a)).or_default();
        of.0 += u32::from(a.outcome == Some(Outcome::Transient));
        of.1 += 1;
    }
    all
}

/// How many of these have failed always, and how many never; there is nothing in between.
fn all_or_nothing(of: &BTreeMap<u32, (u32, u32)>) -> (usize, usize) {
    let always = of.values().filter(|(failed, made)| failed == made).count();
    let never = of.values().filter(|(failed, _)| *failed == 0).count();
    assert_eq!(always + never, of.len(), "{of:?}");
    (always, never)
}

#[test]
fn an_outage_strikes_its_share_of_attempts() {
    let attempts = struck("outages: [{at: 0, for: 1h, rate: 30%}]", BATCH);
    let failed = attempts
        .iter()
        .filter(|a| a.outcome == Some(Outcome::Transient));
    // 2,000 coins: 600, and a standard deviation of 20.5.
    let failed = failed.count();
    assert_eq!(attempts.len(), 2000);
    assert!((520..=680).contains(&failed), "{failed}");
    // Nobody is struck always: 20 coins of 30% each.
    let of_agents = failed_by(&attempts, |a| a.agent);
    assert!(
        of_agents
            .values()
            .all(|(failed, _)| *failed > 0 && *failed < 20)
    );
}

#[test]
fn an_agent_is_struck_always_or_never() {
    let attempts = struck("outages: [{at: 0, for: 1h, rate: 30%, per: agent}]", BATCH);
    let (always, never) = all_or_nothing(&failed_by(&attempts, |a| a.agent));
    // 100 coins: 30, and a standard deviation of 4.6.
    assert_eq!(always + never, 100);
    assert!((15..=45).contains(&always), "{always}");
}

#[test]
fn who_is_struck_is_drawn_anew_when_the_outage_comes_again() {
    // Twenty calls of a second each; an outage ends with the tenth, and comes again with the next.
    let again = "outages: [{at: 0, for: 10s, every: 10001ms, rate: 50%, per: agent}]";
    let attempts = struck(again, BATCH);
    let (mut first, mut second) = (attempts.clone(), attempts);
    first.retain(|a| a.begin.0 < 10_000_000_000);
    second.retain(|a| a.begin.0 > 10_001_000_000);
    let (first, second) = (
        failed_by(&first, |a| a.agent),
        failed_by(&second, |a| a.agent),
    );
    let (one, other) = (all_or_nothing(&first), all_or_nothing(&second));
    assert_eq!((one.0 + one.1, other.0 + other.1), (100, 100));
    let both = first.iter().filter(|(a, of)| of.0 > 0 && second[a].0 > 0);
    // 100 coins of a quarter: 25, and a standard deviation of 4.3.
    let both = both.count();
    assert!((8..=42).contains(&both), "{both}");
}

#[test]
fn a_task_and_an_open_loops_agent_are_the_same() {
    let open = "unlimited\n            tasks: {arrivals: {every: 10/s}, count: 400}";
    let of = |per: &str| {
        let how = format!("outages: [{{at: 0, for: 1h, rate: 30%, per: {per}}}]");
        all_or_nothing(&failed_by(&struck(&how, open), |a| a.task))
    };
    for per in ["agent", "task"] {
        let (always, never) = of(per);
        // 400 coins: 120, and a standard deviation of 9.2.
        assert_eq!(always + never, 400);
        assert!((84..=156).contains(&always), "{per}: {always}");
    }
}

#[test]
fn a_fleet_is_struck_as_a_whole() {
    let fleets = "10\n            copies: 60\n            tasks: {count: 20}";
    let attempts = struck("outages: [{at: 0, for: 1h, rate: 30%, per: fleet}]", fleets);
    let (always, never) = all_or_nothing(&failed_by(&attempts, |a| u32::from(a.fleet)));
    // 60 coins: 18, and a standard deviation of 3.5.
    assert_eq!(always + never, 60);
    assert!((6..=30).contains(&always), "{always}");
}

#[test]
fn sub_agents_and_hedges_share_the_fate_of_their_agent() {
    let (_, attempts) = play(
        "
        tools:
          tool:
            latency: 1s
            failures: {rate: 0%, latency: 1s}
            outages: [{at: 0, for: 1h, rate: 50%, per: agent}]
        fleets:
          f:
            agents: 40
            tasks: {count: 1, each_agent: true}
            plan: [{parallel: 3, steps: [{tool: tool, on_failure: continue}]}]
        policies: {p: {tool: [{hedge: {after: 500ms, fatal: none}}]}}
        ",
    );
    let of = failed_by(&attempts, |a| a.task);
    let (always, never) = (of.values().filter(|(f, _)| *f > 0).count(), of.len());
    // Of who is struck nobody's hedge helps: three sub-agents, two attempts each.
    for (failed, made) in of.values() {
        assert!(
            [(6, 6), (0, 6)].contains(&(*failed, *made)),
            "{failed} of {made}"
        );
    }
    assert!((8..=32).contains(&always) && never == 40, "{always}");
}

#[test]
fn a_slowdown_may_be_that_of_one_replica() {
    let slow = "slowdowns: [{at: 0, for: 1h, factor: 5x, rate: 30%, per: agent}]";
    let attempts = struck(slow, BATCH);
    let mut took: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for a in &attempts {
        took.entry(a.agent)
            .or_default()
            .push(a.end.since(a.begin).0);
    }
    let slow = took.values().filter(|took| took[0] == 5_000_000_000);
    let slow = slow.count();
    assert!(took.values().all(|took| took.iter().all(|t| *t == took[0])));
    assert!((15..=45).contains(&slow), "{slow}");
}

#[test]
fn an_episode_may_spare_agents_too() {
    // Up for a nanosecond or a few, then down for ever: from the second call on to the last.
    let down = "episodes: {mean_up: 1ns, mean_down: 1000h, rate: 30%, per: agent}";
    let mut attempts = struck(down, BATCH);
    attempts.retain(|a| a.begin.0 > 0);
    let (always, never) = all_or_nothing(&failed_by(&attempts, |a| a.agent));
    assert_eq!(always + never, 100);
    assert!((15..=45).contains(&always), "{always}");
}

#[test]
fn what_an_outage_spares_meets_the_luck_that_it_had_anyway() {
    let noisy = |how: &str| {
        let how = format!("{how}failures: 20%, latency: {{exponential: {{mean: 1s}}}}");
        let text = format!(
            "
            tools: {{tool: {{{how}}}}}
            fleets: {{f: {{agents: 50, tasks: {{count: 20, each_agent: true}}, plan: [{{tool: tool}}]}}}}
            policies: {{p: {{}}}}
            "
        );
        let mut attempts = play(&text).1;
        attempts.sort_by_key(|a| a.task);
        attempts
    };
    let plain = noisy("");
    let partial = noisy("outages: [{at: 0, for: 1h, rate: 30%, outcome: permanent}], ");
    let mut struck = 0;
    for (one, other) in plain.iter().zip(&partial) {
        if other.outcome == Some(Outcome::Permanent) {
            struck += 1;
        } else {
            assert_eq!(one.outcome, other.outcome);
        }
        // A failure takes as long as success would.
        assert_eq!(one.end.since(one.begin), other.end.since(other.begin));
    }
    // 1,000 coins: 300, and a standard deviation of 14.5.
    assert!((242..=358).contains(&struck), "{struck}");
}
