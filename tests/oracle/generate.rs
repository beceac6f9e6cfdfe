//! Random scenarios without luck: everything that the oracle knows, in sizes at which storms happen.

use std::fmt::Write;

/// Writing to a string does not fail.
const ROOM: &str = "a string has room";

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options[self.below(options.len() as u64) as usize]
    }

    /// A time whose nanoseconds are random, so that two things hardly ever happen at once.
    fn time(&mut self, low_ms: u64, high_ms: u64) -> String {
        let ms = self.from(low_ms, high_ms);
        format!("{ms}ms {}us {}ns", self.below(1000), self.below(1000))
    }
}

/// The random scenario of that number, as a file.
pub fn scenario(seed: u64) -> String {
    let mut d = Dice(seed);
    let d = &mut d;
    let mut text = format!("# case {seed}\nname: case-{seed}\n");
    let horizon = d.from(5, 60);
    writeln!(text, "horizon: {horizon}s\nmax_events: 300k").expect(ROOM);
    text += "models:\n  m:\n";
    text += &model(d);
    text += "tools:\n";
    let tools = d.from(1, 2);
    for i in 0..tools {
        writeln!(text, "  t{i}:\n    latency: {}", d.time(1, 900)).expect(ROOM);
        if d.chance(50) {
            writeln!(text, "    price: ${}.0{}", d.below(2), d.below(9)).expect(ROOM);
        }
        text += &target(d, false);
    }
    text += "fleets:\n";
    for i in 0..d.from(1, 2) {
        text += &fleet(d, i, tools);
    }
    text += "policies:\n";
    for i in 0..d.from(1, 3) {
        text += &policy(d, i, tools);
    }
    text
}

fn model(d: &mut Dice) -> String {
    let mut text = String::new();
    let latency = match d.below(2) {
        0 => format!(
            "{{first_token: {}, tokens_per_second: 100}}",
            d.time(10, 400)
        ),
        _ => d.time(50, 1500),
    };
    writeln!(text, "    latency: {latency}").expect(ROOM);
    let price = d.pick(&[
        "gpt-4o",
        "{input: $2.50/M, output: $10/M, per_call: $0.01}",
        "{per_call: $0.05}",
        "{by_prompt: {500: $0.05, 2500: $0.12, 5000: $0.22}}",
    ]);
    writeln!(text, "    price: {price}").expect(ROOM);
    if d.chance(20) {
        writeln!(text, "    context_window: {}", d.from(800, 4000)).expect(ROOM);
    }
    text + &target(d, true)
}

fn target(d: &mut Dice, model: bool) -> String {
    let mut text = String::new();
    // From dice of their own: the scenarios without these words are what they were before.
    let own = &mut Dice(d.0 ^ 0x0077_6f72_6473);
    if d.chance(40) {
        let (at, length) = (d.time(0, 4000), d.time(100, 6000));
        let outcome = match own.below(3) {
            0 => format!(
                ", outcome: {}, retry_after: {}",
                own.pick(&["overloaded", "transient"]),
                told(own)
            ),
            1 => format!(", outcome: {}", own.pick(&["permanent", "rate_limited"])),
            _ => String::new(),
        };
        let again = again(own, 6000);
        writeln!(
            text,
            "    outages: [{{at: {at}, for: {length}{again}{outcome}}}]"
        )
        .expect(ROOM);
    }
    if d.chance(25) {
        let outcome = d.pick(&["transient", "permanent", "overloaded", "rate_limited"]);
        let rate = d.pick(&["0%", "0%", "100%"]);
        let latency = match d.chance(50) {
            true => format!(", latency: {}", d.time(1, 300)),
            false => String::new(),
        };
        let told = match own.chance(50) && outcome != "permanent" {
            true => format!(", retry_after: {}", own.time(1, 3000)),
            false => String::new(),
        };
        writeln!(
            text,
            "    failures: {{rate: {rate}, outcome: {outcome}{latency}{told}}}"
        )
        .expect(ROOM);
    }
    if d.chance(40) {
        let mut lines = vec![];
        for _ in 0..d.from(1, 8) {
            lines.push(match d.below(4) {
                0 => "ok".to_owned(),
                1 => "fail".to_owned(),
                2 => format!("{{rate_limited: {}}}", d.time(1, 3000)),
                _ => d
                    .pick(&["permanent", "overloaded", "rate_limited", "invalid"])
                    .to_owned(),
            });
        }
        let then = d.pick(&["repeat", "last", "normal"]);
        let per = d.pick(&["target", "call"]);
        let lines = lines.join(", ");
        writeln!(
            text,
            "    script: {{outcomes: [{lines}], then: {then}, per: {per}}}"
        )
        .expect(ROOM);
    }
    if d.chance(20) {
        let (at, length) = (d.time(0, 4000), d.time(100, 3000));
        let more = match own.chance(30) {
            true => format!(", {{at: {}, for: 700ms, every: 4s}}", own.time(0, 9000)),
            false => String::new(),
        };
        let again = again(own, 3000);
        writeln!(
            text,
            "    pauses: [{{at: {at}, for: {length}{again}}}{more}]"
        )
        .expect(ROOM);
    }
    if d.chance(15) {
        let (at, length) = (d.time(0, 4000), d.time(100, 3000));
        let factor = d.from(2, 9);
        let window = format!("at: {at}, for: {length}{}", again(own, 3000));
        writeln!(text, "    slowdowns: [{{{window}, factor: {factor}x}}]").expect(ROOM);
    }
    if d.chance(30) {
        writeln!(text, "    network: {}", d.time(1, 90)).expect(ROOM);
    }
    if d.chance(60) {
        writeln!(text, "    rejection_latency: {}", d.time(1, 40)).expect(ROOM);
    }
    match d.below(5) {
        0 | 1 => {
            let servers = d.from(1, 4);
            let queue = d.pick(&["0", "1", "3", "unlimited"]);
            let full = d.pick(&["overloaded", "overloaded", "drop"]);
            let told = match own.chance(40) && queue != "unlimited" && full == "overloaded" {
                true => format!(", retry_after: {}", own.time(1, 3000)),
                false => String::new(),
            };
            let full = match queue {
                "unlimited" => String::new(),
                _ => format!(", when_full: {full}"),
            };
            let servers = format!("servers: {servers}, queue: {queue}{full}{told}");
            let servers = servers + &patience(own, queue);
            writeln!(text, "    capacity: {{{servers}}}").expect(ROOM);
        }
        2 => writeln!(text, "    capacity: {{slows_by: {}}}", d.time(1, 50)).expect(ROOM),
        _ => {}
    }
    let pressed = &mut Dice(d.0 ^ 0x0070_7265_7373);
    if pressed.chance(25) {
        let servers = text.contains("servers:");
        text += &under_load(pressed, servers);
    }
    if d.chance(40) {
        writeln!(text, "    cancels: true").expect(ROOM);
    }
    if d.chance(50) {
        text += "    limits:\n";
        for _ in 0..d.from(1, 2) {
            writeln!(text, "      - {{{}}}", limit(d, model)).expect(ROOM);
        }
    }
    if d.chance(30) {
        text += "    billing:\n      permanent: {input: 10%}\n";
        for outcome in ["ok", "transient", "rate_limited", "timeout", "invalid"] {
            if d.chance(40) {
                let (input, output, call) = (d.below(101), d.below(101), d.below(101));
                let shares = format!("input: {input}%, output: {output}%, call: {call}%");
                let counted = match d.chance(20) {
                    true => ", counted: false",
                    false => "",
                };
                writeln!(text, "      {outcome}: {{{shares}{counted}}}").expect(ROOM);
            }
        }
    }
    text
}

/// How a window comes again that is at most so long.
fn again(d: &mut Dice, length_ms: u64) -> String {
    if d.chance(60) {
        return String::new();
    }
    let every = d.time(2 * length_ms, 4 * length_ms);
    match d.chance(50) {
        true => format!(", every: {every}, count: {}", d.from(1, 4)),
        false => format!(", every: {every}"),
    }
}

/// What load does, without luck.
fn under_load(d: &mut Dice, servers: bool) -> String {
    let mut text = "    under_load:\n".to_owned();
    let by = |d: &mut Dice| match d.below(5) {
        0 => "others".to_owned(),
        1 => format!("{{arrivals: {}}}", d.time(100, 3000)),
        2 if servers => "waiting".to_owned(),
        3 if servers => "serving".to_owned(),
        _ => "in_flight".to_owned(),
    };
    let both = d.below(3);
    if both != 1 {
        let curve = d.pick(&[
            "points: {1: 1x, 3: 2x, 6: 3.5x}",
            "points: {0: 0.5x, 4: 4x}, most: 3x",
            "steps: {2: 1.7x, 4: 3x}",
        ]);
        writeln!(text, "      latency: {{by: {}, {curve}}}", by(d)).expect(ROOM);
    }
    if both != 0 {
        let curve = d.pick(&["steps: {3: 100%}", "steps: {1: 100%, 2: 0%}"]);
        let outcome = d.pick(&[
            "",
            ", outcome: transient, retry_after: 1s",
            ", retry_after: 90ms",
        ]);
        writeln!(text, "      failures: {{by: {}, {curve}{outcome}}}", by(d)).expect(ROOM);
    }
    text
}

/// In which order a line is served, and for how long its members may wait.
fn patience(d: &mut Dice, queue: &str) -> String {
    let mut text = d
        .pick(&["", ", order: lifo", ", order: {lifo_beyond: 2}"])
        .to_owned();
    if queue != "0" && d.chance(50) {
        let then = d.pick(&["overloaded", "drop"]);
        let after = d.time(50, 2500);
        write!(text, ", stale_after: {after}, when_stale: {then}").expect(ROOM);
    }
    text
}

/// What an outage says of when to come back.
fn told(d: &mut Dice) -> String {
    match d.chance(50) {
        true => "reset".to_owned(),
        false => d.time(1, 3000),
    }
}

fn limit(d: &mut Dice, model: bool) -> String {
    if d.chance(15) {
        return format!("concurrent: {}", d.from(1, 5));
    }
    let mut text = match model && d.chance(50) {
        true => {
            let unit = d.pick(&["tokens", "input_tokens", "output_tokens"]);
            format!("{unit}: {}/{}s", d.from(1000, 20_000), d.from(1, 7))
        }
        false => format!("requests: {}/{}s", d.from(1, 30), d.from(1, 5)),
    };
    let algorithm = d.pick(&[
        "fixed_window",
        "sliding_log",
        "sliding_window",
        "token_bucket",
        "gcra",
        "incr_expire",
    ]);
    write!(text, ", algorithm: {algorithm}").expect(ROOM);
    let tokens = !text.starts_with("requests");
    if algorithm == "gcra" && tokens {
        write!(text, ", burst: {}", d.from(2000, 9000)).expect(ROOM);
    } else if ["token_bucket", "gcra"].contains(&algorithm) && !tokens && d.chance(50) {
        write!(text, ", burst: {}", d.from(1, 9)).expect(ROOM);
    }
    if algorithm == "incr_expire" && d.chance(50) {
        text += ", refresh_ttl: true";
    }
    if d.chance(30) {
        text += ", counts_rejected: true";
    }
    if d.chance(60) {
        let told = match d.chance(50) {
            true => "reset".to_owned(),
            false => d.time(1, 3000),
        };
        write!(text, ", retry_after: {told}").expect(ROOM);
    }
    if d.chance(20) {
        text += ", per: fleet";
    }
    text
}

fn fleet(d: &mut Dice, i: u64, tools: u64) -> String {
    let mut text = format!("  f{i}:\n");
    // Two regular arrival processes would meet at every common multiple.
    let open = i == 0 && d.chance(40);
    let count = d.from(1, 20);
    if open {
        text += "    agents: unlimited\n";
    } else {
        writeln!(text, "    agents: {}", d.from(1, 7)).expect(ROOM);
        writeln!(text, "    start: {{every: {}}}", d.time(1, 700)).expect(ROOM);
    }
    match d.below(3) {
        0 if !open => writeln!(text, "    tasks: {{count: {count}, each_agent: true}}"),
        1 | 2 if i > 0 || (!open && d.chance(50)) => {
            writeln!(text, "    tasks: {{count: {count}}}")
        }
        _ => {
            let rate = format!("{}/{}s", d.from(1, 40), d.from(1, 7));
            writeln!(
                text,
                "    tasks: {{arrivals: {{every: {rate}}}, count: {count}}}"
            )
        }
    }
    .expect(ROOM);
    text += "    plan:\n";
    for _ in 0..d.from(1, 4) {
        text += &step(d, 6, tools, 2);
    }
    text
}

fn step(d: &mut Dice, indent: usize, tools: u64, depth: usize) -> String {
    let pad = " ".repeat(indent);
    let fate = match d.chance(25) {
        true => ", on_failure: continue",
        false => "",
    };
    match d.below(10) {
        0..4 => {
            let (prompt, output) = (d.from(0, 900), d.from(1, 50) * 10);
            let fresh = match d.chance(20) {
                true => ", context: fresh",
                false => "",
            };
            let validate = match d.chance(8) {
                true => ", validate: 0%",
                false => "",
            };
            let rest = format!("output: {output}{fresh}{validate}{fate}");
            format!("{pad}- {{llm: m, prompt: {prompt}, {rest}}}\n")
        }
        4..7 => {
            let (tool, result) = (d.below(tools), d.below(300));
            format!("{pad}- {{tool: t{tool}, result_tokens: {result}{fate}}}\n")
        }
        7 => format!("{pad}- {{wait: {}}}\n", d.time(1, 2000)),
        _ if depth == 0 => format!("{pad}- {{wait: {}}}\n", d.time(1, 2000)),
        8 => {
            let mut text = format!("{pad}- repeat: {}\n{pad}  steps:\n", d.from(1, 3));
            for _ in 0..d.from(1, 3) {
                text += &step(d, indent + 4, tools, depth - 1);
            }
            text
        }
        _ => {
            let mut text = format!("{pad}- parallel: {}\n", d.from(1, 3));
            let result = d.below(200);
            writeln!(text, "{pad}  result_tokens: {result}").expect(ROOM);
            if d.chance(40) {
                writeln!(text, "{pad}  on_failure: continue").expect(ROOM);
            }
            writeln!(text, "{pad}  steps:").expect(ROOM);
            for _ in 0..d.from(1, 2) {
                text += &step(d, indent + 4, tools, depth - 1);
            }
            text
        }
    }
}

fn policy(d: &mut Dice, i: u64, tools: u64) -> String {
    let mut text = format!("  p{i}:\n    about: Random.\n");
    if d.chance(85) {
        match tools > 1 && d.chance(40) {
            true => {
                let (own, others) = (layers(d, "tool"), layers(d, "tool"));
                writeln!(text, "    tool: {{t1: {own}, others: {others}}}").expect(ROOM);
            }
            false => writeln!(text, "    tool: {}", layers(d, "tool")).expect(ROOM),
        }
    }
    for scope in ["llm", "turn", "task"] {
        if d.chance(60) {
            writeln!(text, "    {scope}: {}", layers(d, scope)).expect(ROOM);
        }
    }
    if d.chance(40) {
        let mut fleet = vec![];
        if d.chance(70) {
            fleet.push(format!("{{retry: {}}}", retry(d, "fleet")));
        }
        if d.chance(60) {
            let count = d.pick(&["total", "consecutive"]);
            let open = match d.chance(50) {
                true => format!(", open_for: {}", d.time(500, 9000)),
                false => String::new(),
            };
            let failures = d.from(1, 9);
            fleet.push(format!(
                "{{circuit_breaker: {{failures: {failures}, count: {count}{open}}}}}"
            ));
        }
        if d.chance(40) {
            let resubmit = match d.chance(80) {
                true => {
                    let times = d.pick(&["1", "2", "unlimited"]);
                    format!("resubmit: {{every: {}, times: {times}}}", d.time(700, 9000))
                }
                false => String::new(),
            };
            fleet.push(format!("{{dead_letter: {{{resubmit}}}}}"));
        }
        writeln!(text, "    fleet: [{}]", fleet.join(", ")).expect(ROOM);
    }
    text
}

fn layers(d: &mut Dice, scope: &str) -> String {
    let mut layers: Vec<String> = (0..d.from(1, 4)).map(|_| layer(d, scope)).collect();
    // From dice of their own: the scenarios without hedges are what they were before there were any.
    let hedges = &mut Dice(d.0 ^ 0x6865_6467_6573);
    if ["tool", "llm"].contains(&scope) && hedges.chance(25) {
        let at = hedges.below(layers.len() as u64 + 1) as usize;
        layers.insert(at, hedge(hedges));
    }
    if scope == "tool" && hedges.chance(25) {
        let at = hedges.below(layers.len() as u64 + 1) as usize;
        let on = hedges.pick(&["", ", on: [timeout, transient, rejected]"]);
        layers.insert(at, format!("{{fallback: {{to: t0{on}}}}}"));
    }
    let budget = |l: &String| l.contains("retry_budget");
    if layers.iter().any(budget) {
        // A retry budget must have something to bound.
        layers.push(format!("{{retry: {}}}", retry(d, scope)));
    }
    format!("[{}]", layers.join(", "))
}

fn layer(d: &mut Dice, scope: &str) -> String {
    let shared = match d.chance(60) {
        true => format!(", shared: {}", d.pick(&["task", "agent", "fleet", "all"])),
        false => String::new(),
    };
    match d.below(12) {
        0..4 => format!("{{retry: {}}}", retry(d, scope)),
        4 | 5 => format!("{{timeout: {}}}", d.time(50, 4000)),
        6 | 7 => {
            let (failures, open) = (d.from(1, 5), d.time(100, 5000));
            let (rate, calls) = (d.pick(&["50%", "{above: 30%}"]), d.from(2, 9));
            let trips = match d.below(6) {
                0 => format!(
                    "failure_rate: {rate}, window: {{calls: {calls}}}, minimum_calls: {failures}"
                ),
                1 => format!(
                    "failure_rate: {rate}, window: {{time: 3s, buckets: {calls}}}, \
                     minimum_calls: {failures}"
                ),
                2 => format!("failures: {failures}, window: {{calls: {calls}}}"),
                3 => format!("failure_rate: {rate}, window: all, minimum_calls: {failures}"),
                _ => format!("failures: {failures}"),
            };
            let half = d.pick(&["one", "all"]);
            let on = match d.chance(30) {
                true => ", on: [transient, invalid]",
                false => "",
            };
            format!(
                "{{circuit_breaker: {{{trips}, open_for: {open}, half_open: {half}{on}{shared}}}}}"
            )
        }
        8 => {
            let (max, queue) = (d.from(1, 4), d.pick(&["0", "2", "unlimited"]));
            let longest = match d.chance(40) {
                true => format!(", longest_wait: {}", d.time(0, 2000)),
                false => String::new(),
            };
            format!("{{concurrency: {{max: {max}, queue: {queue}{longest}{shared}}}}}")
        }
        9 => {
            let (count, burst) = (d.from(1, 30), d.from(1, 4));
            let longest = match d.chance(50) {
                true => format!(", longest_wait: {}", d.time(0, 2000)),
                false => String::new(),
            };
            format!("{{rate_limit: {{rate: {count}/3s, burst: {burst}{longest}{shared}}}}}")
        }
        10 => {
            let per = d.pick(&["task", "agent", "fleet", "all"]);
            let bound = match d.below(8) {
                0 | 1 if !["turn", "task"].contains(&scope) => format!("cost: {}x", d.from(1, 3)),
                2 => format!("ratio: {}%", d.from(1, 100)),
                3 => format!(
                    "throttle: {{tokens: {}, ratio: 0.{}}}",
                    d.from(1, 9),
                    d.from(1, 999)
                ),
                4 => format!(
                    "quota: {{capacity: {}, cost: {}, throttled: {}, timeout: {}, success: {}}}",
                    d.from(5, 50),
                    d.from(1, 9),
                    d.below(9),
                    d.below(9),
                    d.below(3)
                ),
                _ => format!("retries: {}", d.below(6)),
            };
            format!("{{retry_budget: {{{bound}, per: {per}}}}}")
        }
        _ => format!("{{budget: {{limit: $0.{:02}{shared}}}}}", d.from(1, 60)),
    }
}

fn hedge(d: &mut Dice) -> String {
    let (after, most) = (d.time(10, 1500), d.from(1, 3));
    let fatal = d.pick(&["", ", fatal: [overloaded]", ", fatal: none"]);
    let next = d.pick(&[
        "",
        ", next_on: [transient, timeout]",
        ", next_on: [rejected]",
    ]);
    format!("{{hedge: {{after: {after}, most: {most}{fatal}{next}}}}}")
}

fn retry(d: &mut Dice, scope: &str) -> String {
    let mut text = match d.chance(15) && scope != "fleet" {
        true => "attempts: unlimited, deadline: 9s".to_owned(),
        false => format!("attempts: {}", d.from(1, 5)),
    };
    let backoff = match d.below(4) {
        0 => format!("delay: {}", d.time(0, 2000)),
        1 => format!("backoff: {{fixed: {}}}", d.time(0, 900)),
        2 => {
            let (base, step) = (d.time(0, 900), d.time(0, 900));
            format!("backoff: {{linear: {{base: {base}, step: {step}, max: 2s}}}}")
        }
        _ => {
            let factor = d.pick(&["2", "1.5", "3"]);
            let (base, max) = (d.time(0, 900), d.time(901, 6000));
            format!("backoff: {{exponential: {{base: {base}, factor: {factor}, max: {max}}}}}")
        }
    };
    write!(text, ", {backoff}").expect(ROOM);
    match d.below(4) {
        0 => text += ", on: any",
        1 => text += ", on: [transient, timeout, circuit_open, rejected]",
        _ => {}
    }
    match d.below(4) {
        0 => text += ", retry_after: ignore",
        1 => write!(text, ", retry_after: {{honor_plus: {}}}", d.time(0, 500)).expect(ROOM),
        _ => {}
    }
    if d.chance(25) && !text.contains("ignore") {
        let (longest, then) = (d.time(1, 2500), d.pick(&["give_up", "backoff", "cap"]));
        write!(text, ", longest_retry_after: {longest}, if_longer: {then}").expect(ROOM);
    }
    if d.chance(20) && !text.contains("deadline") {
        write!(text, ", deadline: {}", d.time(100, 8000)).expect(ROOM);
    }
    if d.chance(20) && scope == "llm" {
        write!(text, ", grow_prompt: {}", d.from(1, 600)).expect(ROOM);
    }
    format!("{{{text}}}")
}
