//! Runs small enough to be computed on paper, with their logs as literal tables.
//!
//! A line is an attempt (`0 sandbox 0..60 ok $0.05`: task, target, begin and end in
//! milliseconds, outcome, cost if any), a refusal (`0 sandbox at 300 circuit_open`), or the end of a task
//! (`0 ends at 5100 ok`), in the order of their ends. How each number comes about stands beside it.

mod bounds;
mod breakers;
mod client;
mod fleets;
mod hedges;
mod load;
mod money;
mod partial;
mod patience;
mod routes;
mod sharing;
mod targets;
mod weather;

use std::path::Path;

use squall::experiment::observe;
use squall::random::Weather;
use squall::scenario::{self, Scenario};
use squall::simulation::{Attempt, Denial, Observer, TaskEnd};
use squall::units::text::money_exact;
use squall::units::{Money, Time};
use squall::wire::Outcome;

/// What happened, with its time and its rank within the instant.
struct Log<'a> {
    scenario: &'a Scenario,
    lines: Vec<(Time, u8, String)>,
    attempts: Vec<Attempt>,
}

impl Log<'_> {
    fn note(&mut self, at: Time, rank: u8, line: String) {
        self.lines.push((at, rank, line));
    }
}

fn ms(time: Time) -> String {
    if !time.0.is_multiple_of(1_000_000) {
        return format!("{}ns", time.0);
    }
    format!("{}", time.0 / 1_000_000)
}

impl Observer for Log<'_> {
    fn attempt(&mut self, a: &Attempt) {
        let target = &self.scenario.targets[usize::from(a.target.0)].name;
        let outcome = a.outcome.map_or("open", Outcome::name);
        let (begin, end) = (ms(a.begin), ms(a.end));
        let mut line = format!("{} {target} {begin}..{end} {outcome}", a.task);
        if a.cost != Money::ZERO {
            line += &format!(" {}", money_exact(a.cost));
        }
        self.note(a.end, 0, line);
        self.attempts.push(*a);
    }

    fn denied(&mut self, d: &Denial) {
        let target = d
            .target
            .map(|t| self.scenario.targets[usize::from(t.0)].name.as_str());
        let target = target.unwrap_or("-");
        let line = format!("{} {target} at {} {}", d.task, ms(d.at), d.outcome.name());
        self.note(d.at, 1, line);
    }

    fn task(&mut self, t: &TaskEnd) {
        let line = format!("{} ends at {} {}", t.task, ms(t.end), t.outcome.name());
        self.note(t.end, 2, line);
    }
}

fn play(text: &str) -> (Vec<String>, Vec<Attempt>) {
    let text = format!("name: paper\n{}", unindented(text));
    let loaded = scenario::parse(&text, "paper.yaml", Path::new(""), &[]);
    let scenario = loaded.unwrap_or_else(|p| panic!("{text}\n{p:?}")).scenario;
    let mut log = Log {
        scenario: &scenario,
        lines: vec![],
        attempts: vec![],
    };
    observe(
        &scenario,
        &scenario.policies[0],
        Weather::new(1, 0),
        &mut log,
    );
    log.lines.sort_by_key(|(at, rank, _)| (*at, *rank));
    let lines = log.lines.into_iter().map(|(.., line)| line).collect();
    (lines, log.attempts)
}

fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let indent = lines.iter().map(|l| l.len() - l.trim_start().len()).min();
    let indent = indent.unwrap_or(0);
    lines
        .iter()
        .map(|l| format!("{}\n", &l[indent..]))
        .collect()
}

/// The first policy's run has exactly this log.
fn expect(scenario: &str, log: &[&str]) {
    let (lines, _) = play(scenario);
    assert_eq!(lines, log, "\n{}", lines.join("\n"));
}

/// All attempts of the first policy's run, in the order of their ends, and what they cost together.
fn bill(scenario: &str) -> (Vec<Attempt>, Money) {
    let (_, attempts) = play(scenario);
    let total = attempts.iter().map(|a| a.cost).sum();
    (attempts, total)
}

/// A batch of tasks for agents, each one call of the only tool.
fn calls(tool: &str, agents: &str, tasks: &str, policy: &str) -> String {
    format!(
        "tools: {{tool: {{{tool}}}}}\n\
         fleets: {{f: {{agents: {agents}, tasks: {{{tasks}}}, plan: [{{tool: tool}}]}}}}\n\
         policies: {{p: {{{policy}}}}}\n"
    )
}
