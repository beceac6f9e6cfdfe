//! Random policies: their layers at every scope.

use std::fmt::Write;

use super::{Choices, OUTCOMES, SHARED};

pub(super) fn policy(c: &mut Choices, models: usize, tools: usize) -> String {
    let mut text = String::from("    about: random\n");
    for (key, name, n) in [("tool", "t", tools), ("llm", "m", models)] {
        let is_model = key == "llm";
        match c.below(4) {
            0 => {}
            1 | 2 => {
                let _ = writeln!(
                    text,
                    "    {key}: [{}]",
                    layers(c, Around::Call { is_model, n })
                );
            }
            _ => {
                let of = layers(c, Around::Call { is_model, n });
                let others = layers(c, Around::Call { is_model, n });
                let i = c.below(n);
                let _ = writeln!(text, "    {key}: {{{name}{i}: [{of}], others: [{others}]}}");
            }
        }
    }
    for key in ["turn", "task"] {
        if c.once_in(2) {
            let _ = writeln!(text, "    {key}: [{}]", layers(c, Around::Steps));
        }
    }
    if c.once_in(3) {
        let mut layers = vec![];
        if c.below(3) > 0 {
            layers.push(format!(
                "{{retry: {{{}}}}}",
                retry(c, false, &["2", "3", "unlimited"])
            ));
        }
        if c.below(2) > 0 {
            let failures = 1 + c.below(4);
            let count = c.of(&["total", "consecutive"]);
            let open = c.maybe(2, "open_for", |c| c.of(&["10s", "1s"]).to_owned());
            layers.push(format!(
                "{{circuit_breaker: {{failures: {failures}, count: {count}{open}}}}}"
            ));
        }
        if c.once_in(3) {
            let resubmit = c.maybe(2, "resubmit", |c| {
                let times = c.of(&["1", "2", "unlimited"]);
                format!("{{every: {}, times: {times}}}", c.of(&["1s", "7s"]))
            });
            let resubmit = resubmit.trim_start_matches(", ");
            layers.push(format!("{{dead_letter: {{{resubmit}}}}}"));
        }
        let _ = writeln!(text, "    fleet: [{}]", layers.join(", "));
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Call { is_model: bool, n: usize },
    Steps,
}

/// Up to four layers. A retry budget is followed by a retry, without which it is a mistake.
fn layers(c: &mut Choices, around: Around) -> String {
    let mut layers = vec![];
    let grows = !matches!(
        around,
        Around::Call {
            is_model: false,
            ..
        }
    );
    for _ in 0..c.below(4) {
        let shared = c.of(&SHARED);
        let layer = match c.below(11) {
            0..3 => {
                let keys = retry(c, grows, &["3", "2", "5", "unlimited"]);
                let told = !keys.contains("retry_after: ignore");
                let inner = layers.iter().any(|l: &String| l.starts_with("retry: "));
                let waits = c.maybe(6, "waits_after_last", |_| "true".to_owned());
                let more = match c.below(16) {
                    0 => ", last_begins_after: 3s",
                    1 => ", total_delay: 3s",
                    2 if told => ", restart_backoff: true",
                    3..6 if inner => ", only_in_first_attempt: true",
                    _ => "",
                };
                format!("retry: {{{keys}{waits}{more}}}")
            }
            3 => {
                let drawn = "{exponential: {mean: 2s}}";
                let bounded = "{uniform: [50ms, 3s]}";
                format!("timeout: {}", c.of(&["1s", "100ms", "30s", drawn, bounded]))
            }
            4 => {
                let failures = 1 + c.below(4);
                let trips = match c.below(5) {
                    0 => "failure_rate: 50%, window: {calls: 5}",
                    1 => "failure_rate: {above: 20%}, window: {time: 5s}, minimum_calls: 3",
                    2 => {
                        "slow_calls: {longer_than: 50ms, rate: 60%}, window: {time: 2s}, \
                         minimum_calls: 2, decides: each_bucket"
                    }
                    _ => "",
                };
                let in_a_row = format!("failures: {failures}");
                let trips = if trips.is_empty() { &in_a_row } else { trips };
                let open = c.of(&[
                    "5s",
                    "500ms",
                    "{exponential: {base: 200ms, max: 5s}, jitter: full}",
                ]);
                let half = c.of(&["one", "all", "{probes: 2, successes: 2}", "{sample: 2}"]);
                let via = c.of(&["", "", ", via: redis", ", via: redis, when_away: closed"]);
                let on = c.maybe(4, "on", |c| format!("[{}]", c.of(&OUTCOMES)));
                format!(
                    "circuit_breaker: {{{trips}, open_for: {open}, half_open: {half}, \
                     shared: {shared}{on}{via}}}"
                )
            }
            5 => {
                let max = 1 + c.below(3);
                let queue = c.of(&["unlimited", "0", "2"]);
                let wait = c.of(&["unlimited", "0", "2s"]);
                format!(
                    "concurrency: {{max: {max}, queue: {queue}, longest_wait: {wait}, \
                     shared: {shared}}}"
                )
            }
            6 => {
                let rate = c.of(&["2/s", "10/s", "7/min"]);
                let burst = match c.below(4) {
                    0 => "pace: sleeping_window".to_owned(),
                    n => format!("burst: {n}"),
                };
                let wait = c.of(&["unlimited", "0", "2s"]);
                format!(
                    "rate_limit: {{rate: {rate}, {burst}, longest_wait: {wait}, \
                     shared: {shared}}}"
                )
            }
            7 => {
                let (k, window) = (c.of(&["2", "1.1"]), c.of(&["2m", "1s"]));
                format!("adaptive_throttle: {{k: {k}, window: {window}, shared: {shared}}}")
            }
            8 => {
                let bound = c.of(&[
                    "retries: 3",
                    "retries: 0",
                    "cost: 1.5",
                    "cost: 0",
                    "ratio: 30%",
                    "throttle: {tokens: 4, ratio: 0.5}",
                    "quota: {capacity: 20, cost: 5, timeout: 10}",
                    "deposits: {per_second: 1, ratio: 0.5}",
                    "active: {ratio: 50%, least: 1}",
                    "bucket: {size: 2, deposit: 0.3}",
                    "failure_rate: 40%",
                    "next_retries: 2",
                ]);
                layers.push(format!("retry_budget: {{{bound}, per: {shared}}}"));
                format!("retry: {{{}}}", retry(c, grows, &["3", "unlimited"]))
            }
            9 if around != Around::Steps
                && !layers.iter().any(|l: &String| l.starts_with("hedge")) =>
            {
                let after = c.of(&["200ms", "p50", "0s", "2s"]);
                let most = 1 + c.below(3);
                let next = c.maybe(3, "next_on", |_| "[transient]".to_owned());
                format!("hedge: {{after: {after}, most: {most}, shared: {shared}{next}}}")
            }
            _ => {
                let limit = c.of(&["$0.10", "$0.001", "$1", "$0"]);
                format!("budget: {{limit: {limit}, shared: {shared}}}")
            }
        };
        layers.push(layer);
    }
    if let Around::Call { is_model, n } = around
        && c.once_in(4)
    {
        let at = c.below(layers.len() + 1);
        layers.insert(at, elsewhere(c, is_model, n));
    }
    let braced: Vec<String> = layers.iter().map(|l| format!("{{{l}}}")).collect();
    let text = braced.join(", ");
    match around {
        // Only a retry of a model call grows its prompt.
        Around::Steps => text.replace(", grow_prompt: 50", ""),
        Around::Call { .. } => text,
    }
}

/// A layer that makes calls at another target.
fn elsewhere(c: &mut Choices, is_model: bool, n: usize) -> String {
    let name = if is_model { "m" } else { "t" };
    let target = format!("{name}{}", c.below(n));
    if c.below(2) == 0 {
        let on = c.maybe(3, "on", |_| "[timeout, permanent, transient]".to_owned());
        return format!("fallback: {{to: [{target}]{on}}}");
    }
    let all: Vec<String> = (0..n).map(|i| format!("{name}{i}")).collect();
    let strategy = c.of(&["shuffle", "round_robin", "first"]);
    let cooldown = c.maybe(2, "cooldown", |c| {
        let after = 1 + c.below(3);
        let trips = match c.below(3) {
            0 => "above: 40%, at_least: 3".to_owned(),
            _ => format!("after: {after}"),
        };
        format!("{{{trips}, for: 5s, at_once_on: [rate_limited]}}")
    });
    let shared = c.of(&SHARED);
    let at_once = c.maybe(2, "retry_elsewhere", |_| "at_once".to_owned());
    let all = all.join(", ");
    format!(
        "route: {{deployments: [{all}], strategy: {strategy}, shared: {shared}{cooldown}{at_once}}}"
    )
}

fn retry(c: &mut Choices, grows: bool, attempts: &[&str]) -> String {
    let mut text = format!("attempts: {}", c.of(attempts));
    text += match c.below(8) {
        0 => ", delay: 1s",
        1 => ", delay: 0",
        2 => ", backoff: {exponential: {base: 100ms, factor: 2, max: 10s}, jitter: 10%}",
        3 => ", backoff: {exponential: {base: 1s}, jitter: full}",
        4 => ", backoff: {decorrelated: {base: 100ms, max: 5s}}",
        5 => ", backoff: {linear: {base: 1s, step: 1s}, jitter: equal}",
        7 => ", backoff: {sorted: {draws: 3, of: {fixed: 1s, jitter: 100%}}}",
        6 => ", backoff: {fixed: 2s, jitter: {proportional: 10%}}",
        _ => "",
    };
    text += &c.maybe(3, "on", |c| match c.below(2) {
        0 => "any".to_owned(),
        _ => format!("[{}, {}]", c.of(&OUTCOMES), c.of(&OUTCOMES)),
    });
    let rule = c.of(&["honor", "ignore", "{honor_plus: 1s}"]);
    let _ = write!(text, ", retry_after: {rule}");
    if rule != "ignore" {
        text += &c.maybe(4, "longest_retry_after", |c| {
            format!("2s, if_longer: {}", c.of(&["give_up", "backoff", "cap"]))
        });
    }
    text += &c.maybe(5, "deadline", |c| c.of(&["10s", "1m"]).to_owned());
    if grows {
        text += &c.maybe(5, "grow_prompt", |_| "50".to_owned());
    }
    text
}
