//! The same scenario in both implementations, and where they part.

use std::path::Path;

use squall::experiment::observe;
use squall::random::Weather;
use squall::scenario::model::TargetId;
use squall::scenario::{self, Scenario};
use squall::units::Time;

use squall::simulation::{Attempt, Denial, Observer, TaskEnd};

use super::sim::{Log, Row, Sim};

impl Observer for Log {
    fn begun(&mut self, now: Time, target: TargetId, _first: bool) {
        let begin = (now.0, usize::from(target.0), u32::MAX, None);
        self.order.push(begin);
    }

    fn attempt(&mut self, a: &Attempt) {
        self.attempted(Row {
            end: a.end.0,
            begin: a.begin.0,
            fleet: usize::from(a.fleet),
            task: a.task,
            target: usize::from(a.target.0),
            number: a.number,
            outcome: a.outcome,
            retry_after: a.retry_after,
            input: a.usage.input,
            output: a.usage.output,
            cost: a.cost,
        });
    }

    fn denied(&mut self, d: &Denial) {
        let target = d.target.map(|t| usize::from(t.0));
        self.refused((d.at.0, usize::from(d.fleet), d.task, target, d.outcome));
    }

    fn task(&mut self, t: &TaskEnd) {
        self.ended((t.end.0, t.ready.0, usize::from(t.fleet), t.task, t.outcome));
    }
}

/// A sound scenario, kept for ever, which is simplest.
pub fn scenario(text: &str) -> &'static Scenario {
    match scenario::parse(text, "oracle.yaml", Path::new(""), &[]) {
        Ok(loaded) => Box::leak(Box::new(loaded.scenario)),
        Err(problems) => panic!("{text}\n{problems:?}"),
    }
}

/// How a comparison ended.
pub enum Verdict {
    /// They agree about so many attempts.
    Agree(usize),
    /// They part after an instant at which several things happened at once: there, or later if both
    /// list what happened there in different orders, or if tasks died or agents went idle
    /// there together.
    Taste,
    /// They part.
    Part,
}

/// Plays every policy in both and compares everything.
pub fn compare(text: &str) -> Verdict {
    let scenario = scenario(text);
    let mut attempts = 0;
    for policy in &scenario.policies {
        let mut squall = Log::default();
        observe(scenario, policy, Weather::new(1, 0), &mut squall);
        let mut oracle = Sim::play(scenario, policy);
        // Attempts of what is begun anew squall numbers in a way of its own.
        let anew = ["repeat:", "parallel:", "fleet: ["]
            .iter()
            .any(|w| text.contains(w));
        if anew {
            let rows = squall.attempts.iter_mut().chain(&mut oracle.attempts);
            rows.for_each(|row| row.number = 0);
        }
        let other_order = other_order(&squall, &oracle);
        // Both list what happens as it happens, but within an instant in an order of their own.
        for log in [&mut squall, &mut oracle] {
            log.attempts.sort();
            log.refusals.sort();
            log.tasks.sort();
        }
        // An attempt that ends otherwise may have begun long before anything parted.
        let times = [
            part(&squall.begins(), &oracle.begins(), |row| row.0),
            part(&squall.attempts, &oracle.attempts, |row| row.end),
            part(&squall.refusals, &oracle.refusals, |row| row.0),
            part(&squall.tasks, &oracle.tasks, |row| row.0),
        ];
        let times: Vec<u64> = times.into_iter().flatten().flatten().collect();
        let Some(first) = times.iter().min() else {
            attempts += oracle.attempts.len();
            continue;
        };
        let together = oracle.resting.windows(2).filter(|pair| pair[0] == pair[1]);
        let hidden = other_order
            .into_iter()
            .chain(together.map(|pair| pair[0].0))
            .chain(oracle.unseen.iter().copied());
        let before = hidden.filter(|t| t < first);
        // Whose each is of two that began together, no list of begins tells.
        let began = part(&squall.attempts, &oracle.attempts, |row| row.begin);
        if before
            .chain(times.iter().copied())
            .chain(began.into_iter().flatten())
            .any(|t| oracle.contested.contains(&t))
        {
            return Verdict::Taste;
        }
        eprintln!("{text}\npolicy {} parts at {first} ns", policy.name);
        for (name, log) in [("squall", &squall), ("oracle", &oracle)] {
            let from = log.attempts.partition_point(|row| row.end < *first);
            let rows = log.attempts.iter().skip(from.saturating_sub(4)).take(9);
            rows.for_each(|row| eprintln!("{name} {row:?}"));
            let near = log.refusals.iter().filter(|r| r.0 >= *first).take(3);
            near.for_each(|row| eprintln!("{name} {row:?}"));
            let near = log.tasks.iter().filter(|r| r.0 >= *first).take(3);
            near.for_each(|row| eprintln!("{name} {row:?}"));
        }
        return Verdict::Part;
    }
    Verdict::Agree(attempts)
}

/// The instants at which the same happened, but not in the same order; meaningless after the first at
/// which not the same happened.
fn other_order(squall: &Log, oracle: &Log) -> Vec<u64> {
    let began = squall.order.iter().zip(&oracle.order);
    let began = began.filter(|(s, o)| s != o).map(|(s, _)| s.0);
    let ended = squall.attempts.iter().zip(&oracle.attempts);
    let ended = ended.filter(|(s, o)| s != o).map(|(s, _)| s.end);
    began.chain(ended).collect()
}

/// The times of the first rows that differ, if any do.
fn part<T: PartialEq>(squall: &[T], oracle: &[T], time: impl Fn(&T) -> u64) -> Option<Vec<u64>> {
    let longest = squall.len().max(oracle.len());
    let at = (0..longest).find(|i| squall.get(*i) != oracle.get(*i))?;
    let rows = [squall.get(at), oracle.get(at)];
    Some(rows.into_iter().flatten().map(time).collect())
}
