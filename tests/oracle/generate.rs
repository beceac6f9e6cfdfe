//! Random scenarios without luck: everything that the oracle knows, in sizes at which storms happen.

mod targets;

use std::fmt::Write;

use targets::target;

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

/// From here on tasks may come several at once, and after gaps; the scenarios before are what they were.
pub const WITH_GAPS: u64 = 1_000_000;

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
        text += &fleet(d, (seed, i), tools);
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

fn fleet(d: &mut Dice, (seed, i): (u64, u64), tools: u64) -> String {
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
            let mut process = format!("every: {}/{}s", d.from(1, 40), d.from(1, 7));
            let mut batch = "";
            if seed >= WITH_GAPS {
                if d.chance(50) {
                    process = format!("gaps: {}", d.time(20, 3000));
                }
                batch = d.pick(&["", ", batch: 2", ", batch: {empirical: [5]}"]);
            }
            writeln!(
                text,
                "    tasks: {{arrivals: {{{process}}}, count: {count}{batch}}}"
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
        4 | 5 => {
            let time = d.time(50, 4000);
            // Drawn from one value, it is that value: other ways through squall, the same scenario.
            match Dice(d.0 ^ 0x7061_7469).chance(30) {
                true => format!("{{timeout: {{empirical: [{time}]}}}}"),
                false => format!("{{timeout: {time}}}"),
            }
        }
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
