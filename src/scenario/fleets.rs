//! Fleets: how many agents, when they start, where their tasks come from.

use super::distributions;
use super::fields::Fields;
use super::model::{Agents, Arrivals, Fleet, OnOff, Start, Tasks};
use super::plan::plan;
use super::reader::Reader;
use super::top::MOST_FLEETS;
use super::traces;
use super::tree::{Kind, Node, Place};
use crate::units::{Rate, Span, Time};

/// The most agents of a fleet.
const MOST_AGENTS: u64 = 4_000_000;

/// A fleet, and how many of it there are.
pub(super) fn fleet(name: &str, node: &Node, r: &mut Reader) -> Option<(Fleet, u32)> {
    let mut f = Fields::of(node, "a fleet", r)?;
    let copies = f.optional("copies", r, |n, r| r.count_in(n, 1, MOST_FLEETS as u64));
    let agents = f.required("agents", r, agents);
    let start_node = f.get("start");
    let start = f.optional("start", r, start);
    let tasks_node = f.get("tasks");
    let tasks = f.required("tasks", r, tasks);
    let has_trace = match tasks_node.map(|n| &n.kind) {
        Some(Kind::Map(entries)) => entries.iter().any(|(key, _)| key.text == "trace"),
        _ => false,
    };
    let plan = f.required("plan", r, |n, r| plan(n, has_trace, r));
    f.finish(r);
    let (agents, tasks) = (agents?, tasks?);
    if let (Agents::Unlimited, Some(start)) = (agents, start_node) {
        let help = "remove `start`, or give the fleet a number of agents";
        let message = "an unlimited fleet starts an agent for each task as it arrives";
        r.error_help(start.owner, message, help);
    }
    let crowd = agents == Agents::Unlimited && tasks.arrivals == Arrivals::Batch;
    if crowd && tasks.count.is_some_and(|n| u64::from(n) > MOST_AGENTS) {
        let place = tasks_node.map_or(node.place, |n| n.owner);
        let message = "a batch that begins all at once has at most 4,000,000 tasks";
        r.error_help(place, message, "give the fleet a number of agents");
    }
    if tasks.each_agent {
        let place = tasks_node.map_or(node.place, |n| n.owner);
        match (agents, tasks.count) {
            (Agents::Unlimited, _) => {
                let help = "give the fleet a number of agents";
                r.error_help(place, "`each_agent` needs a number of agents", help);
            }
            (Agents::Count(agents), Some(count)) if agents.checked_mul(count).is_none() => {
                r.error(
                    place,
                    "the agents have more than 4,294,967,295 tasks in all",
                );
            }
            _ => {}
        }
    }
    let fleet = Fleet {
        name: name.to_owned(),
        agents,
        start: start.unwrap_or(Start::At(Time::ZERO)),
        tasks,
        plan: plan?,
    };
    Some((fleet, copies.unwrap_or(1) as u32))
}

/// Fleets with their copies side by side: `clients-1`, `clients-2` and so on.
pub(super) fn copied(fleets: Vec<((Fleet, u32), Place)>, r: &mut Reader) -> Vec<(Fleet, Place)> {
    let mut all: Vec<(Fleet, Place)> = vec![];
    for ((fleet, copies), place) in fleets {
        for i in 1..=copies {
            let mut fleet = fleet.clone();
            if copies > 1 {
                fleet.name = format!("{}-{i}", fleet.name);
            }
            if all.iter().any(|(other, _)| other.name == fleet.name) {
                let message = format!("there are two fleets `{}`, with the copies", fleet.name);
                r.error_help(place, message, "give one of them another name");
                return all;
            }
            all.push((fleet, place));
        }
    }
    all
}

fn agents(node: &Node, r: &mut Reader) -> Option<Agents> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(Agents::Unlimited),
        _ => {
            let count = r.count_in(node, 1, MOST_AGENTS)?;
            u32::try_from(count).ok().map(Agents::Count)
        }
    }
}

fn start(node: &Node, r: &mut Reader) -> Option<Start> {
    if let Kind::Scalar { .. } = node.kind {
        return Some(Start::At(Time::ZERO + r.time(node)?));
    }
    let (key, node) = r.variant(node, "a start", &["every", "within"])?;
    let time = r.time(node)?;
    Some(match key {
        "every" => Start::Every(time),
        _ => Start::Within(time),
    })
}

fn tasks(node: &Node, r: &mut Reader) -> Option<Tasks> {
    let mut f = Fields::of(node, "`tasks`", r)?;
    let count = f.optional("count", r, |n, r| r.count32(n, 1));
    let each_agent = f.optional("each_agent", r, |n, r| Some((n.owner, r.boolean(n)?)));
    let trace = f.get("trace");
    let limit = f.optional("limit", r, |n, r| Some((n.owner, r.count32(n, 1)?)));
    let arrivals = f.get("arrivals");
    let batch = f.optional("batch", r, |n, r| {
        Some((n.owner, distributions::tasks(n, r)?))
    });
    let each_at = each_agent.filter(|(_, each)| *each).map(|(place, _)| place);
    if let (Some((place, _)), None) = (limit, trace) {
        r.error_help(
            place,
            "`limit` bounds a trace",
            "write `count` to bound other tasks",
        );
    }
    if let Some(place) = each_at.filter(|_| trace.is_some() || arrivals.is_some()) {
        r.error(
            place,
            "`each_agent` goes with a batch: `{count: 1000, each_agent: true}`",
        );
    }
    if let (Some((place, _)), None) = (&batch, arrivals) {
        r.error_help(
            *place,
            "`batch` says how many arrive at once",
            "write `count` for tasks that are there from the start",
        );
    }
    let (arrivals, count) = match (trace, arrivals) {
        (Some(_), Some(arrivals)) => {
            r.error(
                arrivals.owner,
                "tasks come from a trace or from arrivals, not from both",
            );
            (None, count)
        }
        (Some(trace), None) => {
            if let Some(count) = f.get("count") {
                r.error_help(count.owner, "a trace has no `count`", "write `limit`");
            }
            let rows = rows(trace, limit.map(|(_, limit)| limit), r);
            let count = rows.as_ref().map(|rows| rows.len() as u32);
            (rows.map(Arrivals::Trace), count)
        }
        (None, Some(node)) => (arrival_process(node, r), count),
        (None, None) => {
            if f.get("count").is_none() {
                f.needs("one of the keys `count`, `arrivals`, `trace`", r);
            } else if count.is_none() {
                return None;
            }
            (Some(Arrivals::Batch), count)
        }
    };
    f.finish(r);
    Some(Tasks {
        arrivals: arrivals?,
        count,
        at_once: batch.map(|(_, batch)| batch),
        each_agent: each_at.is_some(),
    })
}

fn rows(node: &Node, limit: Option<u32>, r: &mut Reader) -> Option<Vec<super::model::TraceRow>> {
    let name = r.text(node, "a file of recorded requests")?;
    match traces::read(&r.base.join(name), name, limit) {
        Ok((rows, hash)) => {
            r.has_read(name, hash);
            Some(rows)
        }
        Err(found) if found.line == 0 => {
            r.error(node.place, format!("`{name}` {}", found.message));
            None
        }
        Err(found) => {
            r.foreign(node.place, *found);
            None
        }
    }
}

fn arrival_process(node: &Node, r: &mut Reader) -> Option<Arrivals> {
    let keys = ["every", "poisson", "gaps", "on_off", "steps", "ramps"];
    let (key, node) = r.variant(node, "arrivals", &keys)?;
    match key {
        "every" => Some(Arrivals::Even(r.positive_rate(node)?)),
        "poisson" => Some(Arrivals::Poisson(r.positive_rate(node)?)),
        "gaps" => {
            let gaps = distributions::times(node, r)?;
            if gaps.mean() > 0.0 {
                return Some(Arrivals::Gaps(gaps));
            }
            r.error(
                node.place,
                "expected a time above zero between two arrivals",
            );
            None
        }
        "on_off" => on_off(node, r),
        _ => Some(Arrivals::Varying {
            points: points(node, r)?,
            ramp: key == "ramps",
        }),
    }
}

/// `{on: 10s, off: 1m, rate: 50/s, idle_rate: 1/s}`.
fn on_off(node: &Node, r: &mut Reader) -> Option<Arrivals> {
    let mut f = Fields::of(node, "`on_off`", r)?;
    let on = f.required("on", r, distributions::times);
    let off = f.required("off", r, distributions::times);
    let rate = f.required("rate", r, |n, r| r.positive_rate(n));
    let idle_rate = f.optional("idle_rate", r, |n, r| r.rate(n));
    f.finish(r);
    let (on, off) = (on?, off?);
    if on.is_zero() && idle_rate.is_none_or(|rate| rate.count == 0) {
        r.error(node.place, "no task ever comes: `on` is always zero");
    }
    if on.mean() + off.mean() < Span::MILLISECOND.0 as f64 {
        r.error_help(
            node.place,
            "on and off within a millisecond",
            "make `on` or `off` longer, or write `poisson` with the mean rate",
        );
    }
    Some(Arrivals::OnOff(Box::new(OnOff {
        on,
        off,
        rate: rate?,
        idle_rate: idle_rate.unwrap_or(Rate {
            count: 0,
            per: Span::SECOND,
        }),
    })))
}

/// `[{at: 0s, rate: 5/s}, …]` in ascending time.
fn points(node: &Node, r: &mut Reader) -> Option<Vec<(Time, f64)>> {
    let points = r.each(node, "a list of `{at: 1m, rate: 5/s}`", |node, r| {
        let mut f = Fields::of(node, "a point", r)?;
        let at = f.required("at", r, |n, r| r.time(n));
        let rate = f.required("rate", r, |n, r| r.rate(n));
        f.finish(r);
        Some((node.place, Time::ZERO + at?, rate?.per_nanosecond()))
    })?;
    for pair in points.windows(2) {
        if pair[1].1 <= pair[0].1 {
            r.error(pair[1].0, "this is not later than the one before it");
            return None;
        }
    }
    if points.iter().all(|(_, _, rate)| *rate == 0.0) {
        r.error(
            node.owner,
            "no task ever comes: one rate at least must be above zero",
        );
        return None;
    }
    Some(points.into_iter().map(|(_, at, rate)| (at, rate)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::random::Distribution;

    #[test]
    fn every_kind_of_tasks_is_understood() {
        let batch = read("{count: 1000, each_agent: true}", tasks).unwrap();
        assert_eq!((batch.count, batch.each_agent), (Some(1000), true));
        assert_eq!(batch.arrivals, Arrivals::Batch);
        let per_second = |count| Rate {
            count,
            per: Span::SECOND,
        };
        let even = read("{arrivals: {every: 10/s}}", tasks).unwrap();
        assert_eq!(
            (even.arrivals, even.count),
            (Arrivals::Even(per_second(10)), None)
        );
        let poisson = read("{arrivals: {poisson: 5/s}, count: 300}", tasks).unwrap();
        assert_eq!(
            (poisson.arrivals, poisson.count),
            (Arrivals::Poisson(per_second(5)), Some(300))
        );
        let ramps = read(
            "{arrivals: {ramps: [{at: 0s, rate: 0/s}, {at: 1m, rate: 50/s}]}}",
            tasks,
        )
        .unwrap();
        let points = vec![(Time(0), 0.0), (Time(60_000_000_000), 50e-9)];
        assert_eq!(ramps.arrivals, Arrivals::Varying { points, ramp: true });
        let gaps = read(
            "{arrivals: {gaps: {exponential: {mean: 2s}}}, batch: 10}",
            tasks,
        )
        .unwrap();
        let mean = 2e9;
        assert_eq!(
            (gaps.arrivals, gaps.at_once),
            (
                Arrivals::Gaps(Distribution::Exponential { mean }),
                Some(Distribution::Constant(10.0))
            )
        );
        let on_off = read(
            "{arrivals: {on_off: {on: 1s, off: 3s, rate: 10/s}}, batch: {uniform: [1, 3]}}",
            tasks,
        )
        .unwrap();
        let Arrivals::OnOff(spec) = on_off.arrivals else {
            panic!("{:?}", on_off.arrivals);
        };
        assert_eq!((spec.rate, spec.idle_rate.count), (per_second(10), 0));
        let trace = read("{trace: data/azure-llm-2023-chat.csv, limit: 20}", tasks).unwrap();
        assert_eq!(trace.count, Some(20));
    }

    #[test]
    fn tasks_that_cannot_be_are_refused() {
        let cases = [
            (
                "{each_agent: true}",
                "`tasks` needs one of the keys `count`, `arrivals`, `trace`",
            ),
            ("{arrivals: {poisson: 0/s}}", "expected a rate above zero"),
            (
                "{arrivals: {steps: [{at: 1m, rate: 1/s}, {at: 1m, rate: 2/s}]}}",
                "this is not later than the one before it",
            ),
            (
                "{arrivals: {steps: [{at: 1m, rate: 0/s}]}}",
                "no task ever comes: one rate at least must be above zero",
            ),
            (
                "{arrivals: {steps: []}}",
                "no task ever comes: one rate at least must be above zero",
            ),
            (
                "{arrivals: {gaps: 0}}",
                "expected a time above zero between two arrivals",
            ),
            (
                "{arrivals: {on_off: {on: 10us, off: 0, rate: 1/s}}}",
                "on and off within a millisecond",
            ),
            (
                "{arrivals: {on_off: {on: 0, off: 1s, rate: 1/s, idle_rate: 0/s}}}",
                "no task ever comes: `on` is always zero",
            ),
            (
                "{count: 10, batch: 2}",
                "`batch` says how many arrive at once",
            ),
            (
                "{trace: data/azure-llm-2023-chat.csv, count: 3}",
                "a trace has no `count`",
            ),
            (
                "{trace: data/azure-llm-2023-chat.csv, arrivals: {every: 1/s}}",
                "tasks come from a trace or from arrivals, not from both",
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(read(yaml, tasks).unwrap_err(), expected, "{yaml}");
        }
    }

    #[test]
    fn agents_start_together_by_turns_or_at_random() {
        assert_eq!(read("5s", start), Ok(Start::At(Time(5_000_000_000))));
        assert_eq!(
            read("{every: 500ms}", start),
            Ok(Start::Every(Span::millis(500)))
        );
        assert_eq!(
            read("{within: 10s}", start),
            Ok(Start::Within(Span::seconds(10)))
        );
        assert_eq!(read("unlimited", agents), Ok(Agents::Unlimited));
    }
}
