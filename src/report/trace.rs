//! The event log of one run: one row an attempt, streamed while the run goes on.
//!
//! Three forms: CSV and JSON lines for scripts, Chrome trace events for Perfetto
//! (ui.perfetto.dev), where each agent is a track. Rows come in the order in which attempts ended.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::scenario::model::{Policy, Scenario};
use crate::simulation::{Attempt, Denial, NO_LAYER, Observer, Program, TaskEnd};
use crate::units::Time;
use crate::wire::Outcome;

/// The names that rows are written with.
#[derive(Debug)]
pub struct Names {
    targets: Vec<(String, bool)>,
    fleets: Vec<String>,
    layers: Vec<String>,
}

/// Writes rows in one form.
pub trait Rows {
    /// An attempt, ended or still open.
    fn attempt(&mut self, attempt: &Attempt) -> io::Result<()>;
    /// A refusal before the wire.
    fn denied(&mut self, denial: &Denial) -> io::Result<()>;
    /// The end of a task. Forms with a row an attempt have none for it.
    fn task(&mut self, _task: &TaskEnd) -> io::Result<()> {
        Ok(())
    }
    /// The end of the log.
    fn finish(&mut self) -> io::Result<()>;
}

/// An observer that writes a log. The first error is kept and ends the writing.
pub struct Log<'a> {
    rows: Box<dyn Rows + 'a>,
    result: io::Result<()>,
}

/// The log as CSV.
pub struct CsvTrace<'a> {
    out: csv::Writer<&'a mut dyn Write>,
    names: &'a Names,
}

/// The log as JSON lines.
pub struct JsonlTrace<'a> {
    out: &'a mut dyn Write,
    names: &'a Names,
}

/// The log as Chrome trace events.
pub struct ChromeTrace<'a> {
    out: &'a mut dyn Write,
    names: &'a Names,
    /// Agents whose track has been named.
    named: Vec<bool>,
}

/// The columns of the CSV form; the keys of the JSON lines.
pub const COLUMNS: [&str; 19] = [
    "start_seconds",
    "end_seconds",
    "fleet",
    "agent",
    "task",
    "step",
    "round",
    "attempt",
    "hedge",
    "asked_by",
    "scope",
    "target",
    "outcome",
    "retry_after_seconds",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "charged_tokens",
    "usd",
];

impl Names {
    /// The names of a scenario under a policy.
    pub fn new(scenario: &Scenario, policy: &Policy) -> Names {
        let targets = scenario.targets.iter();
        let program = Program::new(scenario, policy);
        let labels = program.labels.iter();
        Names {
            targets: targets.map(|t| (t.name.clone(), t.is_model())).collect(),
            fleets: scenario.fleets.iter().map(|f| f.name.clone()).collect(),
            layers: labels.map(|l| policy.short_label(l).to_owned()).collect(),
        }
    }

    fn fleet(&self, fleet: u8) -> &str {
        &self.fleets[usize::from(fleet)]
    }

    /// The layer that asked for an attempt.
    fn cause(&self, attempt: &Attempt) -> &str {
        match attempt.cause {
            NO_LAYER => "first",
            layer => &self.layers[usize::from(layer)],
        }
    }

    fn target(&self, attempt: &Attempt) -> &(String, bool) {
        &self.targets[usize::from(attempt.target.0)]
    }

    /// The values of [`COLUMNS`] for an attempt.
    fn values(&self, a: &Attempt) -> [Value; COLUMNS.len()] {
        let (target, model) = self.target(a);
        let charged = u64::from(a.charged.input) + u64::from(a.charged.output);
        [
            json!(a.begin.as_seconds()),
            json!(a.end.as_seconds()),
            json!(self.fleet(a.fleet)),
            json!(a.agent),
            json!(a.task),
            json!(a.step),
            json!(a.round),
            json!(a.number),
            json!(a.hedge),
            json!(self.cause(a)),
            json!(if *model { "llm" } else { "tool" }),
            json!(target),
            json!(a.outcome.map_or("open", Outcome::name)),
            json!(a.retry_after.map(|span| span.as_seconds())),
            json!(a.usage.input),
            json!(a.usage.cached),
            json!(a.usage.output),
            json!(charged),
            json!(a.cost.as_dollars()),
        ]
    }

    /// The values of [`COLUMNS`] for a refusal.
    fn denial(&self, d: &Denial) -> [Value; COLUMNS.len()] {
        let target = d.target.map(|t| &self.targets[usize::from(t.0)]);
        let kind = target.map(|(_, model)| if *model { "llm" } else { "tool" });
        let mut values = [const { Value::Null }; COLUMNS.len()];
        let mut set = |column: &str, value: Value| {
            if let Some(i) = COLUMNS.iter().position(|c| *c == column) {
                values[i] = value;
            }
        };
        set("start_seconds", json!(d.at.as_seconds()));
        set("end_seconds", json!(d.at.as_seconds()));
        set("fleet", json!(self.fleet(d.fleet)));
        set("agent", json!((d.agent != u32::MAX).then_some(d.agent)));
        set("task", json!(d.task));
        set("scope", json!(kind));
        set("target", json!(target.map(|(name, _)| name)));
        set("outcome", json!(d.outcome.name()));
        set("usd", json!(0.0));
        values
    }
}

impl<'a> Log<'a> {
    /// A log written as these rows.
    pub fn new(rows: impl Rows + 'a) -> Log<'a> {
        Log {
            rows: Box::new(rows),
            result: Ok(()),
        }
    }

    /// Ends the log; says how writing went.
    pub fn finish(mut self) -> io::Result<()> {
        self.result?;
        self.rows.finish()
    }

    fn write(&mut self, row: impl FnOnce(&mut dyn Rows) -> io::Result<()>) {
        if self.result.is_ok() {
            self.result = row(&mut *self.rows);
        }
    }
}

impl Observer for Log<'_> {
    fn attempt(&mut self, attempt: &Attempt) {
        self.write(|rows| rows.attempt(attempt));
    }

    fn denied(&mut self, denial: &Denial) {
        self.write(|rows| rows.denied(denial));
    }

    fn task(&mut self, task: &TaskEnd) {
        self.write(|rows| rows.task(task));
    }
}

impl<'a> CsvTrace<'a> {
    /// A CSV log, its header written.
    pub fn new(out: &'a mut dyn Write, names: &'a Names) -> io::Result<CsvTrace<'a>> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS).map_err(io_error)?;
        Ok(CsvTrace { out, names })
    }

    fn row(&mut self, values: &[Value]) -> io::Result<()> {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let written = self.out.write_record(values.iter().map(text));
        written.map_err(io_error)
    }
}

/// The system's own error, so that a closed pipe is known for what it is.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

impl Rows for CsvTrace<'_> {
    fn attempt(&mut self, attempt: &Attempt) -> io::Result<()> {
        self.row(&self.names.values(attempt))
    }

    fn denied(&mut self, denial: &Denial) -> io::Result<()> {
        self.row(&self.names.denial(denial))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<'a> JsonlTrace<'a> {
    /// A log of JSON lines.
    pub fn new(out: &'a mut dyn Write, names: &'a Names) -> JsonlTrace<'a> {
        JsonlTrace { out, names }
    }

    /// One object, its keys in the order of [`COLUMNS`].
    fn row(&mut self, values: &[Value]) -> io::Result<()> {
        let mut separator = '{';
        for (column, value) in COLUMNS.iter().zip(values) {
            write!(self.out, "{separator}\"{column}\":{value}")?;
            separator = ',';
        }
        writeln!(self.out, "}}")
    }
}

impl Rows for JsonlTrace<'_> {
    fn attempt(&mut self, attempt: &Attempt) -> io::Result<()> {
        self.row(&self.names.values(attempt))
    }

    fn denied(&mut self, denial: &Denial) -> io::Result<()> {
        self.row(&self.names.denial(denial))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<'a> ChromeTrace<'a> {
    /// A Chrome trace, its fleets named as processes.
    pub fn new(out: &'a mut dyn Write, names: &'a Names) -> io::Result<ChromeTrace<'a>> {
        writeln!(out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
        for (i, fleet) in names.fleets.iter().enumerate() {
            let name =
                json!({"ph": "M", "name": "process_name", "pid": i, "args": {"name": fleet}});
            writeln!(out, "{name},")?;
        }
        Ok(ChromeTrace {
            out,
            names,
            named: vec![],
        })
    }

    fn event(&mut self, event: &Value) -> io::Result<()> {
        writeln!(self.out, "{event},")
    }

    fn name_track(&mut self, fleet: u8, agent: u32) -> io::Result<()> {
        let i = agent as usize;
        if self.named.len() <= i {
            self.named.resize(i + 1, false);
        }
        if std::mem::replace(&mut self.named[i], true) {
            return Ok(());
        }
        let name = format!("agent {agent}");
        let args = json!({"name": name});
        self.event(
            &json!({"ph": "M", "name": "thread_name", "pid": fleet, "tid": agent, "args": args}),
        )
    }
}

/// Chrome's time stamps are microseconds.
fn micros(time: Time) -> f64 {
    time.0 as f64 / 1e3
}

impl Rows for ChromeTrace<'_> {
    fn attempt(&mut self, a: &Attempt) -> io::Result<()> {
        self.name_track(a.fleet, a.agent)?;
        let (target, model) = self.names.target(a);
        let outcome = a.outcome.map_or("open", Outcome::name);
        // Names that chrome://tracing and Perfetto's legacy importer know as colours.
        let colour = match a.outcome {
            Some(Outcome::Ok) => "good",
            Some(Outcome::RateLimited | Outcome::Overloaded) => "bad",
            _ => "terrible",
        };
        let event = json!({
            "ph": "X",
            "name": format!("{target} {outcome}"),
            "cat": if *model { "llm" } else { "tool" },
            "pid": a.fleet,
            "tid": a.agent,
            "ts": micros(a.begin),
            "dur": (a.end.0 - a.begin.0) as f64 / 1e3,
            "cname": colour,
            "args": {
                "task": a.task, "step": a.step, "attempt": a.number, "hedge": a.hedge,
                "asked_by": self.names.cause(a), "outcome": outcome,
                "retry_after_seconds": a.retry_after.map(|s| s.as_seconds()),
                "tokens_in": a.usage.input, "tokens_out": a.usage.output,
                "usd": a.cost.as_dollars(),
            },
        });
        self.event(&event)
    }

    fn denied(&mut self, d: &Denial) -> io::Result<()> {
        if d.agent == u32::MAX {
            return Ok(());
        }
        self.name_track(d.fleet, d.agent)?;
        let name = d.outcome.name();
        self.event(&json!({
            "ph": "i", "s": "t", "name": name, "pid": d.fleet, "tid": d.agent, "ts": micros(d.at),
        }))
    }

    fn task(&mut self, t: &TaskEnd) -> io::Result<()> {
        let id = u64::from(t.fleet) << 32 | u64::from(t.task);
        let name = format!("task {} {}", t.task, t.outcome.name());
        for (phase, at) in [("b", t.ready), ("e", t.end)] {
            self.event(&json!({
                "ph": phase, "cat": "task", "name": name, "id": id, "pid": t.fleet, "tid": 0,
                "ts": micros(at),
            }))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        // A last event without a comma behind it, so that the whole is valid JSON.
        let end = json!({"ph": "M", "name": "trace_end", "pid": 0});
        writeln!(self.out, "{end}\n]}}")?;
        self.out.flush()
    }
}
