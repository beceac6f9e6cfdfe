//! Random valid scenarios, as YAML text.
//!
//! A scenario is a function of a list of bytes: each choice takes one, and where the list has ended
//! the first alternative is taken, which is the simplest. So proptest can shrink a failing scenario
//! by shrinking its bytes. What is generated is small (few agents, few tasks, minutes of time, at
//! most [`MOST_EVENTS`] events), but uses every feature of `docs/scenario.md` except files.

use std::fmt::Write;

mod policies;

use policies::policy;

/// The bound on events of each run.
pub const MOST_EVENTS: u64 = 2_000;
/// How many bytes make a rich scenario.
pub const BYTES: usize = 600;

/// What kind of world is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// With everything.
    Any,
    /// Nothing in it depends on time, on load or on what came before: an attempt's end is a
    /// function of its place in the plan.
    Stateless,
}

/// The scenario that these bytes stand for.
pub fn scenario_text(bytes: &[u8], world: World) -> String {
    let mut choices = Choices { bytes, next: 0 };
    let c = &mut choices;
    let mut text = String::from("name: random\n");
    let horizon = c.of(&["10m", "1m", "10s", "24h"]);
    let _ = writeln!(
        text,
        "horizon: {horizon}\nmax_events: {MOST_EVENTS}\nreplications: 3"
    );
    let models = 1 + c.below(2);
    let tools = 1 + c.below(2);
    text += "models:\n";
    for i in 0..models {
        let _ = writeln!(text, "  m{i}: {{{}}}", model(c, world));
    }
    text += "stores: {redis: {latency: {exponential: {mean: 5ms}}, fails_after: 100ms, \
             outages: [{at: 5s, for: 10s}]}}\ntools:\n";
    for i in 0..tools {
        let _ = writeln!(text, "  t{i}: {{{}}}", tool(c, world));
    }
    text += "fleets:\n";
    for i in 0..1 + c.below(2) {
        let _ = writeln!(text, "  f{i}:\n{}", fleet(c, models, tools));
    }
    text += "policies:\n";
    for i in 0..2 + c.below(2) {
        let _ = write!(text, "  p{i}:\n{}", policy(c, models, tools));
    }
    text
}

struct Choices<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        let byte = self.bytes.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(byte) % n
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// `, key: value` once in `n`.
    fn maybe(&mut self, n: usize, key: &str, value: impl FnOnce(&mut Self) -> String) -> String {
        if self.once_in(n) {
            format!(", {key}: {}", value(self))
        } else {
            String::new()
        }
    }
}

const LATENCIES: [&str; 14] = [
    "100ms",
    "0",
    "{exponential: {mean: 200ms}}",
    "{lognormal: {p50: 60ms, p99: 900ms}}",
    "{lognormal: {p50: 300ms, sigma: 0.8}}",
    "{uniform: [50ms, 2s]}",
    "{normal: {mean: 1s, stdev: 300ms}}",
    "{pareto: {min: 100ms, shape: 1.5}}",
    "{empirical: [10ms, 12ms, 80ms, 5s]}",
    "{weibull: {scale: 200ms, shape: 2}}",
    "{gamma: {cv: 0.5, mean: 300ms}}",
    "{erlang: {phases: 3, mean: 200ms}}",
    "{hyperexponential: {mean: 200ms, cv: 3}}",
    "{mixture: [{share: 99%, of: 20ms}, {share: 1%, of: {exponential: {mean: 9s}}}]}",
];
const CONTENTIONS: [&str; 3] = [
    "optimistic",
    "{optimistic: {rows: 3, writes: target}}",
    "{optimistic: {rows: 2, outcome: permanent}}",
];
const TOKENS: [&str; 7] = [
    "100",
    "0",
    "1",
    "1500",
    "{uniform: [50, 400]}",
    "{lognormal: {p50: 150, p99: 600}}",
    "{empirical: [10, 700]}",
];
const SERVER_OUTCOMES: [&str; 8] = [
    "transient",
    "rate_limited",
    "overloaded",
    "timeout",
    "invalid",
    "permanent",
    "context_overflow",
    "ok",
];
const OUTCOMES: [&str; 10] = [
    "transient",
    "rate_limited",
    "overloaded",
    "timeout",
    "invalid",
    "permanent",
    "context_overflow",
    "circuit_open",
    "rejected",
    "budget_exceeded",
];
const SHARES: [&str; 6] = ["10%", "0%", "1%", "30%", "70%", "100%"];
const SHARED: [&str; 4] = ["task", "agent", "fleet", "all"];

fn model(c: &mut Choices, world: World) -> String {
    let mut text = match c.below(3) {
        0 => format!("latency: {}", c.of(&LATENCIES)),
        _ => format!(
            "latency: {{first_token: {}, tokens_per_second: {}}}",
            c.of(&LATENCIES),
            c.of(&["100", "25"])
        ),
    };
    let cached = c.once_in(3) && world == World::Any;
    let price = if cached {
        c.of(&[
            "{input: $3/M, cached_input: $0.3/M, cache_write: $3.75/M, output: $15/M}",
            "gpt-4o",
            "claude-sonnet-4-5",
        ])
    } else {
        c.of(&[
            "{input: $2.50/M, output: $10/M}",
            "gpt-4o",
            "{per_call: $0.05}",
            "{by_prompt: {500: $0.05, 2500: $0.12, 5000: $0.22}}",
            "{from: gpt-4o, output: $8/M}",
            "{input: $1/M, output: $2/M, per_call: $0.001}",
        ])
    };
    let _ = write!(text, ", price: {price}");
    if cached {
        let prefix = c.of(&["200", "0", "1024"]);
        let ttl = c.of(&["5m", "2s"]);
        let _ = write!(text, ", cache: {{min_prefix: {prefix}, ttl: {ttl}}}");
    }
    if world == World::Any {
        text += &c.maybe(4, "context_window", |c| {
            c.of(&["2k", "500", "8k"]).to_owned()
        });
    }
    text + &target(c, world)
}

fn tool(c: &mut Choices, world: World) -> String {
    let mut text = format!("latency: {}", c.of(&LATENCIES));
    text += &c.maybe(3, "price", |c| {
        c.of(&["$0.01", "{per_call: $0.002}"]).to_owned()
    });
    if world != World::Stateless {
        text += &c.maybe(5, "contention", |c| c.of(&CONTENTIONS).to_owned());
    }
    text + &target(c, world)
}

/// What models and tools have in common.
fn target(c: &mut Choices, world: World) -> String {
    let mut text = String::new();
    text += &c.maybe(2, "failures", failures);
    text += &c.maybe(5, "hangs", |c| {
        format!(
            "{{rate: {}, for: {}}}",
            c.of(&SHARES),
            c.of(&["30s", "10m"])
        )
    });
    text += &c.maybe(3, "network", |c| c.of(&LATENCIES).to_owned());
    text += &c.maybe(6, "cancels", |c| c.of(&["true", "false"]).to_owned());
    text += &c.maybe(4, "billing", billing);
    if world == World::Stateless {
        return text;
    }
    text += &c.maybe(4, "outages", outages);
    text += &c.maybe(5, "episodes", |c| {
        let up = c.of(&["20s", "2m"]);
        let down = c.of(&["5s", "1m"]);
        format!(
            "{{mean_up: {up}, mean_down: {down}, rate: {}{}}}",
            c.of(&SHARES),
            c.of(&["", "", ", per: agent", ", per: task"])
        )
    });
    if c.once_in(6) {
        text += &script(c);
    }
    text += &c.maybe(5, "pauses", windows);
    text += &c.maybe(5, "breakdowns", |c| {
        let up = c.of(&["{exponential: {mean: 3s}}", "{uniform: [1s, 9s]}", "5s"]);
        format!("{{up: {up}, down: {}}}", c.of(&LATENCIES))
    });
    text += &c.maybe(5, "slowdowns", |c| {
        let factor = c.of(&["20x", "2", "0.5"]);
        format!("[{{at: 5s, for: 20s, factor: {factor}{}}}]", reach(c))
    });
    text += &c.maybe(4, "rejection_latency", |c| c.of(&LATENCIES).to_owned());
    text += &c.maybe(3, "capacity", |c| {
        let servers = 1 + c.below(3);
        let queue = c.below(3);
        match c.below(7) {
            0 => format!("{{servers: {servers}, queue: unlimited}}"),
            6 => format!("{{servers: {servers}, order: shared}}"),
            5 => {
                let order = c.of(&["lifo", "{lifo_beyond: 2}", "fifo", "{shared: 3}"]);
                let stale = c.maybe(2, "stale_after", |c| {
                    let after = c.of(&["300ms", "2s"]);
                    format!("{after}, when_stale: {}", c.of(&["overloaded", "drop"]))
                });
                format!("{{servers: {servers}, order: {order}{stale}}}")
            }
            1 => {
                let told = c.maybe(2, "retry_after", |c| c.of(&["2s", "50ms"]).to_owned());
                format!("{{servers: {servers}, queue: {queue}{told}}}")
            }
            2 => format!("{{servers: {servers}, queue: {queue}, when_full: drop}}"),
            3 => "{slows_by: 5ms}".to_owned(),
            _ => "{slows_by: 20%}".to_owned(),
        }
    });
    let servers = text.contains("servers:");
    text += &c.maybe(4, "under_load", |c| under_load(c, servers));
    text += &c.maybe(3, "limits", |c| {
        let limits: Vec<String> = (0..1 + c.below(2)).map(|_| limit(c)).collect();
        format!("[{}]", limits.join(", "))
    });
    text
}

fn under_load(c: &mut Choices, servers: bool) -> String {
    let by = |c: &mut Choices| match c.below(5) {
        0 => ", by: others",
        1 => ", by: {arrivals: 5s}",
        2 if servers => ", by: waiting",
        3 if servers => ", by: serving",
        _ => "",
    };
    let slows = c.of(&[
        "power: 2, full: 4, times: 0.5, beyond: 50%",
        "knee: 1.5, full: 3, most: 20x",
        "exponential: 1.3x, full: 2, most: 50x",
        "inverse: 10x, full: 6",
        "points: {1: 1x, 80%: 2x, 100%: 5x}, full: 5",
        "steps: {3: 2x, 6: 0.5x}",
    ]);
    let fails = c.of(&[
        "power: 2, full: 10, most: 70%",
        "excess: 100%, full: 3",
        "points: {0: 1%, 8: 60%}, outcome: transient, retry_after: 3s",
        "steps: {4: 100%}, outcome: permanent",
    ]);
    let slows = format!("latency: {{{slows}{}}}", by(c));
    let fails = format!("failures: {{{fails}{}}}", by(c));
    match c.below(3) {
        0 => format!("{{{slows}}}"),
        1 => format!("{{{fails}}}"),
        _ => format!("{{{slows}, {fails}}}"),
    }
}

fn failures(c: &mut Choices) -> String {
    if c.below(2) == 0 {
        return c.of(&SHARES).to_owned();
    }
    let rate = c.of(&SHARES);
    let outcome = SERVER_OUTCOMES[c.below(7)];
    let latency = c.maybe(3, "latency", |c| c.of(&LATENCIES).to_owned());
    let told = match outcome {
        "transient" | "rate_limited" | "overloaded" => c.maybe(3, "retry_after", |c| {
            c.of(&["3s", "{exponential: {mean: 1s}}"]).into()
        }),
        _ => String::new(),
    };
    format!("{{rate: {rate}, outcome: {outcome}{latency}{told}}}")
}

/// Whom something strikes while it lasts.
fn reach(c: &mut Choices) -> &'static str {
    match c.below(8) {
        0 => ", rate: 30%",
        1 => ", rate: 50%, per: agent",
        2 => ", rate: 40%, per: task",
        3 => ", rate: 50%, per: fleet",
        _ => "",
    }
}

fn outages(c: &mut Choices) -> String {
    let own = c.maybe(2, "outcome", |c| {
        let told = c.of(&[
            "none",
            "reset",
            "1s",
            "{jittered: 5s}",
            "{uniform: [0, 3s]}",
        ]);
        format!(
            "{}, retry_after: {told}",
            c.of(&["overloaded", "transient"])
        )
    });
    let struck = reach(c);
    windows(c).replace('}', &format!("{own}{struck}}}"))
}

fn script(c: &mut Choices) -> String {
    let reply = |c: &mut Choices| match c.below(3) {
        0 => c.of(&["fail", "ok"]).to_owned(),
        1 => c.of(&SERVER_OUTCOMES).to_owned(),
        _ => format!("{{rate_limited: {}}}", c.of(&["7s", "50ms"])),
    };
    let replies: Vec<String> = (0..1 + c.below(5)).map(|_| reply(c)).collect();
    let then = c.of(&["normal", "repeat", "last"]);
    let per = c.of(&["target", "call"]);
    format!(
        ", script: {{outcomes: [{}], then: {then}, per: {per}}}",
        replies.join(", ")
    )
}

fn billing(c: &mut Choices) -> String {
    let rule = |c: &mut Choices| {
        let outcome = SERVER_OUTCOMES[c.below(8)];
        let shares = ["100%", "0%", "50%", "33%"];
        let (input, output, call) = (c.of(&shares), c.of(&shares), c.of(&shares));
        let counted = c.of(&["true", "false"]);
        format!("{outcome}: {{input: {input}, output: {output}, call: {call}, counted: {counted}}}")
    };
    format!("{{{}}}", rule(c))
}

fn windows(c: &mut Choices) -> String {
    let first = c.of(&["{at: 2s, for: 5s}", "{at: 0, for: 1s}"]);
    let second = c.of(&["{at: 20s, for: 20s}", "{at: 7s, for: 3s}"]);
    let again = c.of(&["every: 6s", "every: 10s, count: 3"]);
    match c.below(3) {
        0 => format!("[{first}]"),
        2 => format!(
            "[{second}, {}]",
            first.replace('}', &format!(", {again}}}"))
        ),
        _ => format!("[{first}, {second}]"),
    }
}

fn limit(c: &mut Choices) -> String {
    if c.once_in(5) {
        return format!("{{concurrent: {}}}", 1 + c.below(4));
    }
    let unit = c.of(&[
        "requests: 5/s",
        "requests: 30/min",
        "tokens: 10k/min",
        "input_tokens: 2k/10s",
        "output_tokens: 500/10s",
    ]);
    let algorithm = c.of(&[
        "fixed_window",
        "sliding_log",
        "sliding_window",
        "token_bucket",
        "token_bucket, burst: 4k",
        "gcra, burst: 3k",
        "gcra",
        "incr_expire",
        "incr_expire, refresh_ttl: true",
    ]);
    let mut text = format!("{{{unit}, algorithm: {algorithm}");
    text += &c.maybe(3, "counts_rejected", |_| "true".to_owned());
    text += &c.maybe(3, "window", |_| "1m".to_owned());
    text += &c.maybe(2, "retry_after", |c| {
        c.of(&["reset", "1s", "{jittered: 5s}", "none"]).to_owned()
    });
    text += &c.maybe(4, "per", |c| c.of(&["fleet", "account"]).to_owned());
    text + "}"
}

fn fleet(c: &mut Choices, models: usize, tools: usize) -> String {
    let count = c.of(&["20", "1", "5", "40"]);
    let n = 1 + c.below(6);
    let (agents, tasks) = match c.below(8) {
        0 => (n.to_string(), format!("{{count: {count}}}")),
        1 => (
            n.to_string(),
            format!("{{count: {}, each_agent: true}}", 1 + c.below(5)),
        ),
        2 => (
            n.to_string(),
            format!("{{arrivals: {{poisson: 2/s}}, count: {count}}}"),
        ),
        3 => ("unlimited".to_owned(), {
            let process = c.of(&[
                "poisson: 1/s",
                "gaps: {erlang: {phases: 3, mean: 1s}}",
                "on_off: {on: 5s, off: {exponential: {mean: 10s}}, rate: 5/s, idle_rate: 1/10s}",
            ]);
            let batch = c.of(&["", ", batch: 3", ", batch: {uniform: [1, 4]}"]);
            format!("{{arrivals: {{{process}}}, count: {count}{batch}}}")
        }),
        4 => (
            n.to_string(),
            format!("{{arrivals: {{every: 3/s}}, count: {count}}}"),
        ),
        5 => ("unlimited".to_owned(), format!("{{count: {count}}}")),
        6 => {
            let kind = c.of(&["steps", "ramps"]);
            let points = "[{at: 0s, rate: 1/s}, {at: 10s, rate: 10/s}, {at: 15s, rate: 0/s}]";
            (n.to_string(), format!("{{arrivals: {{{kind}: {points}}}}}"))
        }
        _ => (
            "unlimited".to_owned(),
            format!("{{arrivals: {{every: 3/s}}, count: {count}}}"),
        ),
    };
    let start = match c.below(4) {
        // An open loop starts an agent for each task.
        _ if agents == "unlimited" => String::new(),
        0 | 1 => String::new(),
        2 => format!("    start: {}\n", c.of(&["5s", "{every: 500ms}"])),
        _ => "    start: {within: 10s}\n".to_owned(),
    };
    let mut plan = String::new();
    steps(c, models, tools, 0, &mut plan);
    format!("    agents: {agents}\n    tasks: {tasks}\n{start}    plan:\n{plan}")
}

/// Between one and four steps, indented for their depth.
fn steps(c: &mut Choices, models: usize, tools: usize, depth: usize, text: &mut String) {
    let indent = " ".repeat(6 + 4 * depth);
    for _ in 0..1 + c.below(4) {
        let kind = c.below(if depth < 3 { 12 } else { 8 });
        match kind {
            0..4 => {
                let model = c.below(models);
                let mut step = format!("llm: m{model}, output: {}", c.of(&TOKENS));
                step += &c.maybe(2, "prompt", |c| c.of(&TOKENS).to_owned());
                step += &c.maybe(4, "context", |c| c.of(&["fresh", "kept"]).to_owned());
                step += &c.maybe(3, "validate", |c| match c.below(2) {
                    0 => c.of(&SHARES).to_owned(),
                    _ => format!("{{passes: {}, never: {}}}", c.of(&SHARES), c.of(&SHARES)),
                });
                step += &c.maybe(3, "on_failure", |c| c.of(&["continue", "fail"]).to_owned());
                let _ = writeln!(text, "{indent}- {{{step}}}");
            }
            4..7 => {
                let mut step = format!("tool: t{}", c.below(tools));
                step += &c.maybe(2, "result_tokens", |c| c.of(&TOKENS).to_owned());
                step += &c.maybe(3, "on_failure", |c| c.of(&["continue", "fail"]).to_owned());
                let _ = writeln!(text, "{indent}- {{{step}}}");
            }
            7 => {
                let _ = writeln!(text, "{indent}- {{wait: {}}}", c.of(&LATENCIES));
            }
            8 | 9 => {
                let _ = writeln!(text, "{indent}- repeat: {}", 1 + c.below(4));
                let _ = writeln!(text, "{indent}  steps:");
                steps(c, models, tools, depth + 1, text);
            }
            10 => {
                let _ = writeln!(text, "{indent}- parallel: {}", 1 + c.below(3));
                fork(c, &indent, text);
                let _ = writeln!(text, "{indent}  steps:");
                steps(c, models, tools, depth + 1, text);
            }
            _ => {
                let _ = writeln!(text, "{indent}- parallel:");
                for _ in 0..1 + c.below(2) {
                    let _ = writeln!(text, "{indent}  - agents: {}", 1 + c.below(2));
                    let _ = writeln!(text, "{indent}    steps:");
                    steps(c, models, tools, depth + 1, text);
                }
                fork(c, &indent, text);
            }
        }
    }
}

fn fork(c: &mut Choices, indent: &str, text: &mut String) {
    if c.once_in(2) {
        let _ = writeln!(text, "{indent}  result_tokens: {}", c.of(&["200", "0"]));
    }
    if c.once_in(2) {
        let _ = writeln!(
            text,
            "{indent}  on_failure: {}",
            c.of(&["continue", "fail"])
        );
    }
}
