//! Which preset, with which overrides, stands for each recorded case.

use serde_json::Value;

use super::buckets;
use super::conversations::behaviour;
use super::replay::Script;
use super::tables;

/// How a case is played.
#[derive(Debug)]
pub struct Plan {
    /// The layers, as they would stand in a scenario, outermost first.
    pub layers: Vec<String>,
    /// What is done with it.
    pub feed: Feed,
    /// Whether the library counts in whole milliseconds.
    pub whole_millis: bool,
}

/// What is done with a layer.
#[derive(Debug)]
pub enum Feed {
    /// Its backoff is asked for delays.
    Delays,
    /// Its backoff after throttling is asked for delays.
    ThrottledDelays,
    /// It meets these responses.
    Replies(Script),
    /// What the case expects is a table or a sentence of its own kind, which this reads.
    Own(Hold),
    /// It meets the rows of a breaker's trace.
    Breaker,
    /// It meets the rows of a budget's or limiter's trace.
    Bucket,
    /// It is held against a rule in words, or against defaults.
    TripRule,
}

/// Holds layers against a case.
pub type Hold = fn(&[String], &Value) -> Result<(), String>;

/// The plan of a case, if something stands for it.
pub fn of(file: &str, case: &Value) -> Option<Plan> {
    let case = Case(case);
    if let Some(plan) = buckets::plan(file, &case).or_else(|| tables::plan(file, &case)) {
        return Some(plan);
    }
    match case.kind() {
        "delay" => delays(file, &case),
        "behaviour" if case.id().ends_with("trip_rule") => match file {
            "hystrix" => plan(breaker_of("hystrix@1"), Feed::TripRule),
            "resilience4j" => plan(breaker_of("resilience4j-breaker@2"), Feed::TripRule),
            _ => None,
        },
        "behaviour" => behaviour(file, &case),
        "breaker" => breaker(file, &case),
        _ => None,
    }
}

/// A recorded case.
pub struct Case<'a>(pub &'a Value);

impl Case<'_> {
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    pub fn config(&self, key: &str) -> &Value {
        &self.0["config"][key]
    }

    /// A number of the configuration.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.config(key).as_f64()
    }

    /// A time of the configuration, in our words; it is given in `unit`s.
    pub fn time(&self, key: &str, unit: &str) -> Option<String> {
        Some(format!("{}{unit}", self.config(key).as_f64()?))
    }
}

/// A retry layer: the preset with these keys in place of its own.
pub fn retry(preset: &str, keys: &str) -> String {
    let comma = if keys.is_empty() { "" } else { ", " };
    format!("{{retry: {{preset: {preset}{comma}{keys}}}}}")
}

pub fn plan(layer: String, feed: Feed) -> Option<Plan> {
    Some(Plan {
        layers: vec![layer],
        feed,
        whole_millis: false,
    })
}

/// The preset of a file of one provider's SDK.
pub fn sdk(file: &str) -> Option<&'static str> {
    Some(match file {
        "openai-python-1.109.1" => "openai-python@1",
        "openai-python-2.54.0" => "openai-python@2.54",
        "openai-python-3.54.0" => "openai-python@3",
        "anthropic-python-0.75.0" => "anthropic-python@0.75",
        "anthropic-python-2.12.0" => "anthropic-python@2",
        "openai-node-6.16.0" => "openai-node@6.16",
        "openai-node-6.49.0" => "openai-node@6.49",
        "openai-node-7.57.0" => "openai-node@7",
        "anthropic-ts-0.65.0" => "anthropic-ts@0.65",
        "anthropic-ts-1.12.0" => "anthropic-ts@1",
        "vercel-ai-sdk-5.0.277" => "vercel-ai-sdk@5",
        "vercel-ai-sdk-6.0.326" => "vercel-ai-sdk@6",
        "vercel-ai-sdk-7.0.173" => "vercel-ai-sdk@7",
        _ => return None,
    })
}

fn delays(file: &str, case: &Case) -> Option<Plan> {
    if let Some(preset) = sdk(file) {
        return plan(retry(preset, ""), Feed::Delays);
    }
    let backoff = |preset: &str, yaml: &str| Some(retry(preset, &format!("backoff: {yaml}")));
    let whole_millis = matches!(
        file,
        "retry"
            | "p-retry"
            | "async-retry"
            | "google-genai-js"
            | "exponential-backoff"
            | "bullmq"
            | "cockatiel"
            | "envoy"
            | "aws-sdk-js-v3"
            | "resilience4j"
            | "inngest"
            | "retry-policies"
    );
    let throttled = case.id().ends_with(".throttling") || case.id().ends_with("THROTTLING");
    let layer = match (file, case.id()) {
        ("async-retry", "default") => retry("async-retry@1", ""),
        ("aws-sdk-js-v3", _) => retry("aws-sdk-js@3", ""),
        ("backoff-rs", "default") => retry("backoff-rs@0.4", ""),
        ("backoff", id) => python_backoff(id)?,
        ("backon", id) => backoff("backon@1", backon(id)?)?,
        ("botocore-1.43.127", "standard.backoff.any") => retry("botocore-standard@1.43", ""),
        ("botocore-1.43.127" | "botocore-1.44.5", "legacy.backoff") => {
            retry("botocore-legacy@1", "")
        }
        ("botocore-1.44.5", "standard.backoff.transient.dynamodb") => backoff(
            "botocore-standard-2026@1.44",
            "{exponential: {base: 25ms, max: 20s}, jitter: full}",
        )?,
        ("botocore-1.44.5", _) => retry("botocore-standard-2026@1.44", ""),
        ("bullmq", id) => backoff("bullmq@6", bullmq(id)?)?,
        ("celery", "retry_backoff.True.jitter") => retry("celery-backoff@5", ""),
        ("celery", "retry_backoff.True.no_jitter") => {
            backoff("celery-backoff@5", "{exponential: {base: 1s, max: 600s}}")?
        }
        ("celery", "retry_backoff.5.no_jitter") => {
            backoff("celery-backoff@5", "{exponential: {base: 5s, max: 600s}}")?
        }
        ("cockatiel", "ExponentialBackoff.default") => retry("cockatiel@4", ""),
        ("cockatiel", id) => {
            let jitter = match id {
                "ExponentialBackoff.fullJitter" => "full",
                "ExponentialBackoff.halfJitter" => "equal",
                _ => "none",
            };
            let growth = "exponential: {base: 128ms, max: 30s}";
            backoff(
                "cockatiel@4",
                &format!("{{{growth}, jitter: {jitter}, round: ms}}"),
            )?
        }
        ("crewai", _) => retry("crewai-rate-limit@1", ""),
        ("envoy", _) => {
            let (base, max) = (case.time("base_ms", "ms")?, case.time("max_ms", "ms")?);
            let growth = format!("exponential: {{base: {base}, max: {max}}}");
            let preset = if case.id() == "default" {
                return Some(Plan {
                    layers: vec![retry("envoy@1", "")],
                    feed: Feed::Delays,
                    whole_millis,
                });
            } else {
                "envoy@1"
            };
            backoff(preset, &format!("{{{growth}, jitter: full, round: ms}}"))?
        }
        ("exponential-backoff", "full_jitter") => backoff(
            "exponential-backoff@3",
            "{exponential: {base: 100ms}, jitter: full, round: nearest_ms}",
        )?,
        ("failsafe", "backoff.1_30") => {
            backoff("failsafe@3", "{exponential: {base: 1s, max: 30s}}")?
        }
        ("failsafe", _) => backoff(
            "failsafe@3",
            "{exponential: {base: 1s, max: 30s}, jitter: {mirrored: 25%}}",
        )?,
        ("google-api-core", "default") => retry("google-api-core@2", ""),
        ("google-api-core", _) => backoff(
            "google-api-core@2",
            "{exponential: {base: 100ms, factor: 1.3, max: 5s}, jitter: full}",
        )?,
        ("google-genai", _) => retry("google-genai-retry@3", ""),
        ("google-genai-js", _) => retry("google-genai-js-retry@3", ""),
        ("grpc", "legacy_full_jitter") => backoff(
            "grpc@a6",
            "{exponential: {base: 100ms, max: 1s}, jitter: full}",
        )?,
        ("grpc", _) => retry("grpc@a6", ""),
        ("inngest", _) => retry("inngest@4", ""),
        ("kubernetes-job", _) => retry("kubernetes-job@1", ""),
        ("langchain-agents", _) => retry("langchain-model-retry@1", ""),
        ("langchain-core", _) => retry("langchain-with-retry@1", ""),
        ("langgraph", _) => retry("langgraph@1", ""),
        ("litellm", "calculate_retry_after.default") => retry("litellm-router@1", ""),
        ("litellm", _) => backoff(
            "litellm-router@1",
            "{exponential: {base: 500ms, min: 3s, max: 8s}, jitter: {plus: 750ms}}",
        )?,
        ("llama-index", _) => retry("llama-index@0.8", ""),
        ("openai-agents", _) => retry("openai-agents-runner@0", ""),
        ("p-retry", "default") => retry("p-retry@9", ""),
        ("p-retry", id) => {
            let max = if id == "randomize" { "" } else { ", max: 4s" };
            backoff("p-retry@9", &randomized("1s", max))?
        }
        ("polly", id) => polly(id)?,
        ("pydantic-ai", _) => retry("pydantic-ai@2", ""),
        ("redis-py", id) => backoff("redis-py@8", redis(id)?)?,
        ("resilience4j", id) => backoff("resilience4j@2", resilience4j(id)?)?,
        ("retry-policies", "full.1s_60s") => backoff(
            "retry-policies@0.5",
            "{exponential: {base: 1s, max: 60s}, jitter: full}",
        )?,
        ("retry-policies", "bounded.1s_60s") => backoff(
            "retry-policies@0.5",
            "{exponential: {base: 1s, max: 60s}, jitter: {from: 500ms}}",
        )?,
        ("retry-policies", _) => {
            backoff("retry-policies@0.5", "{exponential: {base: 1s, max: 60s}}")?
        }
        ("retry", "default") => retry("retry@0", ""),
        ("retry", "randomize") => backoff("retry@0", &randomized("1s", ""))?,
        ("retry", "randomize.max10s") => backoff("retry@0", &randomized("1s", ", max: 10s"))?,
        ("retry", "factor1_randomize_is_sorted") => {
            let (draws, base) = (case.number("retries")?, case.time("minTimeout", "ms")?);
            let of = format!(
                "{{exponential: {{base: {base}, factor: {}}}, jitter: 100%, round: nearest_ms}}",
                case.number("factor")?
            );
            let sorted = format!("{{sorted: {{draws: {draws}, of: {of}}}}}");
            backoff("retry@0", &sorted)?
        }
        ("retry", "factor3_min500_max20s") => backoff(
            "retry@0",
            "{exponential: {base: 500ms, factor: 3, max: 20s}, round: nearest_ms}",
        )?,
        ("sidekiq", _) => retry("sidekiq@8", ""),
        ("stamina", _) => retry("stamina@26", ""),
        ("step-functions", "default") => retry("step-functions@1", ""),
        ("step-functions", "max10") => {
            backoff("step-functions@1", "{exponential: {base: 1s, max: 10s}}")?
        }
        ("step-functions", _) => backoff(
            "step-functions@1",
            "{exponential: {base: 1s}, jitter: full}",
        )?,
        ("temporal", "default") => retry("temporal@1", ""),
        ("temporal", _) => backoff(
            "temporal@1",
            "{exponential: {base: 200ms, factor: 1.5, max: 10s}}",
        )?,
        ("tenacity", id) => tenacity(id)?,
        ("tower", id) => backoff("tower@0.5", tower(id)?)?,
        ("urllib3", "httpx.HTTPTransport.retries") => backoff(
            "urllib3@2",
            "{exponential: {base: 250ms}, first_at_once: true}",
        )?,
        ("urllib3", _) => {
            let factor = case.time("backoff_factor", "s")?;
            let max = case.time("backoff_max", "s").unwrap_or("120s".to_owned());
            let jitter = match case.time("backoff_jitter", "s") {
                Some(most) => format!("{{plus: {most}}}"),
                None => "none".to_owned(),
            };
            let growth = format!("exponential: {{base: {factor}, max: {max}}}");
            let rest = format!("jitter: {jitter}, bounds: after_jitter, first_at_once: true");
            backoff("urllib3@2", &format!("{{{growth}, {rest}}}"))?
        }
        _ => return None,
    };
    Some(Plan {
        layers: vec![layer],
        feed: if throttled {
            Feed::ThrottledDelays
        } else {
            Feed::Delays
        },
        whole_millis,
    })
}

fn randomized(base: &str, max: &str) -> String {
    let growth = format!("exponential: {{base: {base}{max}}}");
    format!("{{{growth}, jitter: 100%, bounds: after_jitter, round: nearest_ms}}")
}

fn python_backoff(id: &str) -> Option<String> {
    let yaml = match id {
        "expo.full_jitter" => return Some(retry("backoff@2", "")),
        "expo.no_jitter" => "{exponential: {base: 1s}}",
        "expo.full_jitter.max60" => "{exponential: {base: 1s, max: 60s}, jitter: full}",
        "expo.b3_f0.5_max20.no_jitter" => "{exponential: {base: 500ms, factor: 3, max: 20s}}",
        "expo.random_jitter" => "{exponential: {base: 1s}, jitter: {plus: 1s}}",
        "fibo.no_jitter" => "{fibonacci: {base: 1s}}",
        "fibo.full_jitter.max13" => "{fibonacci: {base: 1s, max: 13s}, jitter: full}",
        "constant.1.full_jitter" => "{fixed: 1s, jitter: full}",
        "constant.1.no_jitter" => "{fixed: 1s}",
        _ => return None,
    };
    Some(retry("backoff@2", &format!("backoff: {yaml}")))
}

fn backon(id: &str) -> Option<&'static str> {
    Some(match id {
        "exponential.default" => "{exponential: {base: 1s, max: 60s}}",
        "exponential.jitter.max_times9" => "{exponential: {base: 1s, max: 60s}, jitter: 100%}",
        "exponential.min0.1_factor3_max5_times6" => {
            "{exponential: {base: 100ms, factor: 3, max: 5s}}"
        }
        "fibonacci.default" | "fibonacci.times9" => "{fibonacci: {base: 1s, max: 60s}}",
        _ => return None,
    })
}

fn bullmq(id: &str) -> Option<&'static str> {
    Some(match id {
        "fixed.1000" => "{fixed: 1s}",
        "exponential.1000" => "{exponential: {base: 1s}, round: nearest_ms}",
        "exponential.1000.jitter0.5" => {
            "{exponential: {base: 1s}, jitter: {upper: 50%}, round: ms}"
        }
        "fixed.1000.jitter1" => "{fixed: 1s, jitter: {upper: 100%}, round: ms}",
        _ => return None,
    })
}

fn polly(id: &str) -> Option<String> {
    let yaml = match id {
        "constant" => return Some(retry("polly@8", "")),
        "exponential.jitter" => return Some(retry("polly-exponential-jitter@8", "")),
        "constant.jitter" => "{fixed: 2s, jitter: {proportional: 25%}}",
        "linear.jitter" => "{linear: {base: 2s, step: 2s}, jitter: {proportional: 25%}}",
        "exponential" => "{exponential: {base: 2s}}",
        "exponential.jitter.base1" => "{decorrelated_v2: {base: 1s}}",
        _ => return None,
    };
    Some(retry("polly@8", &format!("backoff: {yaml}")))
}

fn redis(id: &str) -> Option<&'static str> {
    Some(match id {
        "ExponentialBackoff" => "{exponential: {base: 2s, max: 10s}}",
        "FullJitterBackoff" => "{exponential: {base: 2s, max: 10s}, jitter: full}",
        "EqualJitterBackoff" => "{exponential: {base: 2s, max: 10s}, jitter: equal}",
        "ExponentialWithJitterBackoff" => {
            "{exponential: {base: 2s, max: 10s}, jitter: full, bounds: after_jitter}"
        }
        "DecorrelatedJitterBackoff" => "{decorrelated_redis: {base: 1s, max: 10s}}",
        _ => return None,
    })
}

fn resilience4j(id: &str) -> Option<&'static str> {
    Some(match id {
        "exponential" => "{exponential: {base: 500ms, factor: 1.5}, round: each_ms}",
        "exponential_random" => {
            "{exponential: {base: 500ms, factor: 1.5}, jitter: {inclusive: 50%}, round: each_ms}"
        }
        "exponential_random.max2000" => {
            "{exponential: {base: 500ms, max: 2s}, jitter: {inclusive: 50%}, \
             bounds: after_jitter, round: each_ms}"
        }
        _ => return None,
    })
}

fn tenacity(id: &str) -> Option<String> {
    let yaml = match id {
        "wait_none" => return Some(retry("tenacity@9", "")),
        "wait_exponential_jitter.default" => {
            return Some(retry("tenacity-exponential-jitter@9", ""));
        }
        "wait_fixed.3" => "{fixed: 3s}",
        "wait_random.default" => "{fixed: 1s, jitter: full}",
        "wait_random.1_2" => "{fixed: 2s, jitter: {from: 1s}}",
        "wait_exponential.default" => "{exponential: {base: 1s}}",
        "wait_exponential.m1_min4_max10" => "{exponential: {base: 1s, min: 4s, max: 10s}}",
        "wait_exponential.m0.5_b3_max60" => "{exponential: {base: 500ms, factor: 3, max: 60s}}",
        "wait_exponential.min_above_max" => "{exponential: {base: 1s, min: 20s, max: 10s}}",
        "wait_random_exponential.max60" => "{exponential: {base: 1s, max: 60s}, jitter: full}",
        "wait_random_exponential.min1_max20" => {
            let yaml = "{exponential: {base: 1s, max: 20s}, jitter: {from: 1s}}";
            return Some(retry(
                "tenacity-random-exponential@9",
                &format!("backoff: {yaml}"),
            ));
        }
        "wait_random_exponential.min4_max10" => {
            "{exponential: {base: 1s, min: 4s, max: 10s}, jitter: {from: 4s}}"
        }
        "wait_exponential_jitter.max10_jitter5" => {
            "{exponential: {base: 1s, max: 10s}, jitter: {plus: 5s}, bounds: after_jitter}"
        }
        "wait_incrementing.0_100" => "{linear: {base: 0s, step: 100s}}",
        "wait_chain.1x3_2x2_5" => "{table: [1s, 1s, 1s, 2s, 2s, 5s]}",
        "wait_combine.fixed3_plus_random2" => "{fixed: 3s, jitter: {plus: 2s}}",
        _ => return None,
    };
    Some(retry("tenacity@9", &format!("backoff: {yaml}")))
}

fn tower(id: &str) -> Option<&'static str> {
    Some(match id {
        "backoff.50ms_10s_jitter0" => "{exponential: {base: 50ms, max: 10s}}",
        "backoff.50ms_10s_jitter0.99" => {
            "{exponential: {base: 50ms, max: 10s}, jitter: {parts: 99%}, bounds: both}"
        }
        "backoff.1s_20s_jitter0.5" => {
            "{exponential: {base: 1s, max: 20s}, jitter: {parts: 50%}, bounds: both}"
        }
        _ => return None,
    })
}

fn breaker(file: &str, case: &Case) -> Option<Plan> {
    let layer = match (file, case.id()) {
        ("pybreaker", _) => "pybreaker@1",
        ("aiobreaker", _) => "aiobreaker@1",
        ("purgatory", _) => "purgatory@3",
        ("cockatiel", "breaker.consecutive5.halfOpenAfter10s") => "cockatiel-consecutive@4",
        ("cockatiel", "breaker.count.0.5_of_10") => "cockatiel-count@4",
        ("cockatiel", "breaker.sampling.0.2_30s_minRps1") => "cockatiel-sampling@4",
        ("opossum", "volumeThreshold.10") => "{preset: opossum@10, minimum_calls: 10}",
        ("opossum", "half_open_failure") => "{preset: opossum@10, open_for: 5s}",
        ("opossum", _) => "opossum@10",
        _ => return None,
    };
    plan(breaker_of(layer), Feed::Breaker)
}

fn breaker_of(preset: &str) -> String {
    format!("{{circuit_breaker: {preset}}}")
}
