//! One case and more for each rule: a policy that it catches, and a near miss.

/// A rule, a policy that it catches where `§` stands, and a near miss.
pub struct Case {
    pub rule: &'static str,
    pub caught: String,
    pub missed: String,
    pub set: &'static [&'static str],
}

/// All cases, in the order of the rules.
pub fn all() -> Vec<Case> {
    let lists = [waits(), calls(), states(), costs()];
    lists.into_iter().flatten().collect()
}

fn case(rule: &'static str, caught: impl Into<String>, missed: impl Into<String>) -> Case {
    Case {
        rule,
        caught: caught.into(),
        missed: missed.into(),
        set: &[],
    }
}

/// A retry that no rule is about.
pub const GOOD: &str = "attempts: 3, backoff: {exponential: {base: 1s, max: 20s}, jitter: full}";

/// A tool's retry, the good one but for some keys.
fn with(more: &str) -> String {
    format!("tool: [{{§retry: {{{GOOD}, {more}}}}}]")
}

fn waits() -> Vec<Case> {
    let unlimited = GOOD.replace("attempts: 3", "attempts: unlimited");
    let growing = |attempts: u32| {
        let backoff = "{exponential: {base: 1s}, jitter: full}";
        format!("tool: [{{§retry: {{attempts: {attempts}, backoff: {backoff}}}}}]")
    };
    let model = |backoff: &str| format!("llm: [{{§retry: {{attempts: 4, backoff: {backoff}}}}}]");
    vec![
        case(
            "no-cap",
            format!("tool: [{{§retry: {{{unlimited}}}}}]"),
            format!("tool: [{{§retry: {{{unlimited}, deadline: 1m}}}}]"),
        ),
        // A budget does not shrink by failures that are free, as those of a model are by default.
        case(
            "no-cap",
            format!("llm: [{{budget: {{limit: $1}}}}, {{§retry: {{{unlimited}}}}}]"),
            format!("llm: [{{budget: {{limit: $1}}}}, {{§retry: {{{unlimited}, on: [invalid]}}}}]"),
        ),
        case(
            "no-cap",
            format!("llm: [{{retry_budget: {{cost: 2x}}}}, {{§retry: {{{unlimited}}}}}]"),
            format!(
                "llm: [{{retry_budget: {{cost: 2x}}}}, {{§retry: {{{unlimited}, on: [invalid]}}}}]"
            ),
        ),
        Case {
            set: &[
                "models.planner.billing={transient: {input: 100%, output: 0%, call: 0%}}",
                "fleets.workers.plan.0.prompt=100",
            ],
            ..case(
                "no-cap",
                format!(
                    "task: [{{budget: {{limit: $1}}}}]\n    llm: [{{§retry: {{{unlimited}, on: [transient, overloaded]}}}}]"
                ),
                format!(
                    "task: [{{budget: {{limit: $1}}}}]\n    llm: [{{§retry: {{{unlimited}, on: [transient]}}}}]"
                ),
            )
        },
        case(
            "no-cap",
            format!(
                "task: [{{budget: {{limit: $1}}}}]\n    llm: [{{§retry: {{{unlimited}, on: [timeout, circuit_open]}}}}, {{timeout: 9s}}, {{circuit_breaker: {{failures: 5, open_for: 9s}}}}]"
            ),
            format!(
                "task: [{{budget: {{limit: $1}}}}]\n    llm: [{{§retry: {{{unlimited}, on: [timeout, circuit_open]}}}}, {{timeout: 9s}}]"
            ),
        ),
        case(
            "no-backoff",
            "tool: [{§retry: {attempts: 3}}]",
            "tool: [{§retry: {attempts: 3, on: [invalid]}}]",
        ),
        // The backoff after throttling counts where it is come to, and the other one where not only it is.
        case(
            "no-backoff",
            with("throttled_backoff: {fixed: 0s}"),
            with("throttled_backoff: {fixed: 0s}, on: [transient]"),
        ),
        case(
            "no-backoff",
            "tool: [{§retry: {attempts: 3, throttled_backoff: {fixed: 1s, jitter: full}}}]",
            "tool: [{§retry: {attempts: 3, throttled_backoff: {fixed: 1s, jitter: full}, on: [rate_limited, invalid]}}]",
        ),
        case(
            "uncapped-backoff",
            with("attempts: 15, throttled_backoff: {exponential: {base: 1s}, jitter: full}")
                .replace("attempts: 3, ", ""),
            with("throttled_backoff: {exponential: {base: 1s}, jitter: full}"),
        ),
        case("uncapped-backoff", growing(15), growing(10)),
        case(
            "no-jitter",
            "tool: [{§retry: {attempts: 3, delay: 1s}}]",
            "tool: [{§retry: {attempts: 3, backoff: {fixed: 1s, jitter: equal}}}]",
        ),
        case(
            "no-jitter",
            with("throttled_backoff: {fixed: 9s}"),
            with("throttled_backoff: {fixed: 9s, jitter: equal}"),
        ),
        case(
            "backoff-outlives-cache",
            format!(
                "llm: [{{§retry: {{{GOOD}, throttled_backoff: {{fixed: 2m, jitter: equal}}}}}}]"
            ),
            format!(
                "llm: [{{§retry: {{{GOOD}, throttled_backoff: {{fixed: 1m, jitter: equal}}}}}}]"
            ),
        ),
        case(
            "backoff-outlives-cache",
            model("{fixed: 2m, jitter: equal}"),
            model("{fixed: 1m, jitter: equal}"),
        ),
        case(
            "ignores-retry-after",
            with("retry_after: ignore"),
            with("retry_after: ignore, on: [transient]"),
        ),
        Case {
            set: &[
                "tools.sandbox.limits=[]",
                "tools.sandbox.capacity={servers: 30, queue: 0, retry_after: 2s}",
            ],
            ..case(
                "ignores-retry-after",
                with("retry_after: ignore, on: [overloaded]"),
                with("retry_after: ignore, on: [rate_limited]"),
            )
        },
        case(
            "retry-after-too-long",
            with("longest_retry_after: 7s"),
            with("longest_retry_after: 8s"),
        ),
    ]
}

fn calls() -> Vec<Case> {
    let four = GOOD.replace("3,", "4,");
    vec![
        case(
            "permanent-retried",
            with("on: any"),
            with("on: [transient]"),
        ),
        case(
            "turn-repeats-tools",
            format!("turn: [{{§retry: {{{GOOD}}}}}]"),
            format!("turn: [{{§retry: {{{GOOD}, on: [invalid]}}}}]"),
        ),
        case(
            "layers-multiply",
            format!("task: [{{§retry: {{{four}}}}}]\n    tool: [{{retry: {{{GOOD}}}}}]"),
            format!("task: [{{§retry: {{{GOOD}}}}}]\n    tool: [{{retry: {{{GOOD}}}}}]"),
        ),
        // 2 s for the first token, and 3 s for 300 more.
        case(
            "timeout-too-short",
            "llm: [{§timeout: 4999ms}]",
            "llm: [{§timeout: 5s}]",
        ),
        // Of so many who are patient for 20 s on average 1 - exp(-5/20) are not for five, 22 %.
        case(
            "timeout-too-short",
            "llm: [{§timeout: {exponential: {mean: 20s}}}]",
            "llm: [{§timeout: {exponential: {mean: 25s}}}]",
        ),
    ]
}

fn states() -> Vec<Case> {
    let breaker = |keys: &str| format!("tool: [{{§circuit_breaker: {{{keys}}}}}]");
    let windowed = |time: &str| {
        let window = format!("window: {{time: {time}, buckets: 10}}");
        format!(
            "llm: [{{§circuit_breaker: {{failures: 5, {window}, open_for: 10s, shared: agent}}}}]"
        )
    };
    vec![
        // 100 tasks for 20 agents: each makes five calls.
        case(
            "breaker-never-trips",
            breaker("failures: 6, open_for: 10s, shared: agent"),
            breaker("failures: 5, open_for: 10s, shared: agent"),
        ),
        // And an answer of the model takes two seconds or more: four in less than eight.
        case("breaker-never-trips", windowed("7s"), windowed("8s")),
        case(
            "breaker-never-trips",
            windowed("7s"),
            windowed("7s").replace("}}]", "}}, {timeout: 1700ms, allow: [timeout-too-short]}]"),
        ),
        case(
            "breaker-never-trips",
            windowed("7s"),
            windowed("7s").replace("10}", "10, begin: call_in_turn}"),
        ),
        case(
            "breaker-outlasts-outage",
            breaker("failures: 5, open_for: 21s"),
            breaker("failures: 5, open_for: 20s"),
        ),
        case(
            "half-open-for-all",
            breaker("failures: 5, open_for: 5s, half_open: all"),
            breaker("failures: 5, open_for: 5s, half_open: one"),
        ),
        case(
            "slot-held-asleep",
            format!("tool: [{{§concurrency: {{max: 5}}}}, {{retry: {{{GOOD}}}}}]"),
            format!("tool: [{{retry: {{{GOOD}}}}}, {{§concurrency: {{max: 5}}}}]"),
        ),
        case(
            "limiter-per-client",
            "tool: [{§rate_limit: {rate: 1/s, shared: agent}}]",
            "tool: [{§rate_limit: {rate: 1/2s, shared: agent}}]",
        ),
    ]
}

fn costs() -> Vec<Case> {
    let six = GOOD.replace("3,", "6,");
    let hedge =
        |around: &str, after: &str| format!("llm: [{around}{{§hedge: {{after: {after}}}}}]");
    let budget = "{retry_budget: {retries: 10, per: fleet}}, ";
    vec![
        case(
            "invalid-without-budget",
            format!("llm: [{{§retry: {{{six}, on: [invalid], grow_prompt: 50}}}}]"),
            format!("llm: [{{budget: {{limit: $1}}}}, {{§retry: {{{six}, on: [invalid]}}}}]"),
        ),
        Case {
            set: &[
                "fleets.workers.agents=100",
                "models.planner.price.output=$80/M",
            ],
            ..case(
                "crowd-without-budget",
                format!("llm: [{{§retry: {{{GOOD}}}}}]"),
                format!("llm: [{{§retry: {{{GOOD}, on: [transient]}}}}]"),
            )
        },
        case("hedge-without-budget", hedge("", "6s"), hedge(budget, "6s")),
        case("hedge-too-early", hedge(budget, "4s"), hedge(budget, "5s")),
        case(
            "same-as-another",
            format!("tool: [{{retry: {{{GOOD}}}}}]\n  §q:\n    tool: [{{retry: {{{GOOD}}}}}]"),
            format!("tool: [{{retry: {{{GOOD}}}}}]\n  §q:\n    llm: [{{retry: {{{GOOD}}}}}]"),
        ),
    ]
}
