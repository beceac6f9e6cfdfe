//! What models and tools have in common: what goes wrong with them, and what limits them.

use std::fmt::Write;

use super::{Dice, ROOM};

/// What models and tools have in common.
pub fn target(d: &mut Dice, model: bool) -> String {
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
    let breaking = &mut Dice(d.0 ^ 0x0062_7265_616b);
    if breaking.chance(12) {
        let (up, down) = (breaking.time(200, 6000), breaking.time(1, 3000));
        writeln!(text, "    breakdowns: {{up: {up}, down: {down}}}").expect(ROOM);
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
    if d.chance(25) {
        return match queue {
            "0" => ", order: {shared: 5}".to_owned(),
            _ => ", order: {shared: 4}".to_owned(),
        };
    }
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
