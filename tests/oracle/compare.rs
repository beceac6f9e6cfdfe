//! The same scenario in both implementations, and where they part.

use std::fmt::Debug;
use std::path::Path;

use squall::experiment::observe;
use squall::random::Weather;
use squall::scenario::{self, Scenario};
use squall::simulation::{Attempt, Denial, Observer, TaskEnd};

use super::sim::{Log, Row, Sim};

impl Observer for Log {
    fn attempt(&mut self, a: &Attempt) {
        self.attempts.push(Row {
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
        let row = (d.at.0, usize::from(d.fleet), d.task, target, d.outcome);
        self.refusals.push(row);
    }

    fn task(&mut self, t: &TaskEnd) {
        let row = (t.end.0, t.ready.0, usize::from(t.fleet), t.task, t.outcome);
        self.tasks.push(row);
    }
}

/// A sound scenario, kept for ever, which is simplest.
pub fn scenario(text: &str) -> &'static Scenario {
    match scenario::parse(text, "oracle.yaml", Path::new(""), &[]) {
        Ok(loaded) => Box::leak(Box::new(loaded.scenario)),
        Err(problems) => panic!("{text}\n{problems:?}"),
    }
}

/// Plays every policy in both and compares everything; returns how many attempts there were
/// if they agree.
pub fn agree(text: &str) -> Option<usize> {
    let scenario = scenario(text);
    let mut attempts = 0;
    for policy in &scenario.policies {
        let mut squall = Log::default();
        observe(scenario, policy, Weather::new(1, 0), &mut squall);
        let mut oracle = Sim::play(scenario, policy);
        // Attempts of what is begun anew squall numbers in a way of its own.
        let anew = ["repeat:", "parallel:", "fleet: ["].iter().any(|w| text.contains(w));
        for log in [&mut squall, &mut oracle] {
            if anew {
                log.attempts.iter_mut().for_each(|row| row.number = 0);
            }
        }
        // Both list what happens as it happens, but within an instant in an order of their own.
        for log in [&mut squall, &mut oracle] {
            log.attempts.sort();
            log.refusals.sort();
            log.tasks.sort();
        }
        let same = part(text, "attempts", &squall.attempts, &oracle.attempts)
            && part(text, "refusals", &squall.refusals, &oracle.refusals)
            && part(text, "task ends", &squall.tasks, &oracle.tasks);
        if !same {
            eprintln!("policy {} differs", policy.name);
            return None;
        }
        attempts += oracle.attempts.len();
    }
    Some(attempts)
}

/// Whether both are the same; prints the place where they part.
fn part<T: PartialEq + Debug>(text: &str, what: &str, squall: &[T], oracle: &[T]) -> bool {
    if squall == oracle {
        return true;
    }
    let differ = |i: &usize| squall.get(*i) != oracle.get(*i);
    let at = (0..).find(differ).expect("they differ");
    let near = |log: &[T]| {
        let rows = log.iter().enumerate().skip(at.saturating_sub(6)).take(10);
        let rows = rows.map(|(i, row)| format!("{} {row:?}\n", if i == at { ">" } else { " " }));
        rows.collect::<String>()
    };
    eprintln!("{text}\n{what} part at {at}:");
    eprintln!("squall ({}):\n{}", squall.len(), near(squall));
    eprintln!("oracle ({}):\n{}", oracle.len(), near(oracle));
    false
}
