//! The recorded conversations: which layer meets which responses.

use serde_json::Value;
use squall::wire::Outcome;

use super::plan::{Case, Feed, Plan, retry, sdk};
use super::replay::{Response, Script};

pub fn behaviour(file: &str, case: &Case) -> Option<Plan> {
    let layers = match stack_of(file, case)
        .map(|s| vec![s])
        .or_else(|| stack(file, case))
    {
        Some(layers) => layers,
        None => {
            let (preset, keys) = layer(file, case)?;
            vec![retry(preset, &keys)]
        }
    };
    let script = Script {
        responses: responses(file, case)?,
        u: ["rng", "jitter_u"]
            .iter()
            .find_map(|k| case.number(k))
            .unwrap_or(0.5),
        call_takes: case.number("call_takes"),
        requests: case
            .number("requests")
            .or(case.number("tasks"))
            .unwrap_or(1.0) as usize,
    };
    Some(Plan {
        layers,
        feed: Feed::Replies(script),
        whole_millis: false,
    })
}

/// The stack that stands for a case, with what differs from it.
fn stack_of(file: &str, case: &Case) -> Option<String> {
    let id = case.id();
    let begins = |word: &str| id.starts_with(word);
    let retries = case.number("num_retries").unwrap_or(2.0);
    Some(match file {
        // The recorder put a function that does nothing in the place of the rate-limit layer's
        // sleep, so that its waits (1 s and 2 s, three times) are missing in this sum; they are
        // there in `llm_call.429` of the same file.
        "crewai" if id == "agent_task.429" => {
            "stack: {preset: crewai@1, crewai-rate-limit: {delay: 0s}}".to_owned()
        }
        "crewai" if begins("llm_call.") => {
            "stack: {preset: crewai@1, crewai-agent: none}".to_owned()
        }
        "crewai" if begins("agent_task.500") => "stack: crewai@1".to_owned(),
        "instructor" if begins("http.") => "stack: instructor@1".to_owned(),
        "langchain-agents" if begins("stack.") => "stack: langgraph@1".to_owned(),
        "langchain-agents" if begins("ChatOpenAI.with_retry") => "stack: langchain@1".to_owned(),
        "langchain-agents" if begins("create_agent.ModelRetry") => {
            "stack: langchain-agents@1".to_owned()
        }
        "langchain-agents" if begins("langgraph_node.RetryPolicy") => {
            "stack: {preset: langgraph@1, langchain-with-retry: none}".to_owned()
        }
        "litellm" if begins("router.") => litellm_router(case)?,
        "litellm" if begins("direct.acompletion.num_retries") => format!(
            "stack: {{preset: litellm@1, litellm-completion: {{attempts: {0}}}, \
             openai-python: {{attempts: {0}}}}}",
            retries + 1.0
        ),
        "llama-index" if begins("default.") || begins("retry_after.") => {
            "stack: llama-index@0.8".to_owned()
        }
        "openai-agents" if begins("default.") => "stack: openai-agents@0".to_owned(),
        "openai-agents" if begins("runner_retry.") => "stack: openai-agents-retry@0".to_owned(),
        "pydantic-ai" if begins("agent.output_validation.") => match case.number("retries") {
            Some(n) => format!(
                "stack: {{preset: pydantic-ai@2, pydantic-ai-output: {{attempts: {}}}}}",
                n + 1.0
            ),
            None => "stack: pydantic-ai@2".to_owned(),
        },
        _ => return None,
    })
}

/// The layers of a case in which a framework stands around the OpenAI client, outermost first.
fn stack(file: &str, case: &Case) -> Option<Vec<String>> {
    const SDK: &str = "openai-python@3";
    let id = case.id();
    let plain = |names: &[&str]| Some(names.iter().map(|name| retry(name, "")).collect());
    let begins = |word: &str| id.starts_with(word);
    match file {
        "langchain-agents" => plain(&[SDK]),
        "litellm" if begins("direct.acompletion.default") => plain(&[SDK]),
        "litellm" if begins("direct.acompletion.max_retries0") => {
            Some(vec![retry(SDK, "attempts: 1")])
        }
        "llama-index" => {
            // max_retries counts calls outside and retries inside.
            let n = case.number("max_retries").unwrap_or(3.0);
            let outer = format!("attempts: {}", n.max(1.0));
            let inner = format!("attempts: {}", n + 1.0);
            Some(vec![retry("llama-index@0.8", &outer), retry(SDK, &inner)])
        }
        _ => None,
    }
}

/// The preset that stands for a case, and the keys that differ from its own.
fn layer(file: &str, case: &Case) -> Option<(&'static str, String)> {
    let id = case.id();
    let calls = |name: &str, more: f64| {
        let n = case.number(name)?;
        Some(format!("attempts: {}", n + more))
    };
    let retries = calls("max_retries", 1.0)
        .or(calls("maxRetries", 1.0))
        .unwrap_or_default();
    if let Some(preset) = sdk(file) {
        return Some((preset, retries));
    }
    let none = String::new();
    Some(match file {
        "async-retry" if id == "randomize_false.retries3" => (
            "async-retry@1",
            "attempts: 4, backoff: {exponential: {base: 1s}, round: nearest_ms}".to_owned(),
        ),
        "azure-core" if id == "retry_total_10_status_10" => {
            ("azure-core-get@1", "attempts: 11".to_owned())
        }
        "azure-core" if id.ends_with(".GET") => ("azure-core-get@1", none),
        "azure-core" => ("azure-core@1", none),
        "backoff" => ("backoff@2", backoff_stop(case)?),
        "botocore-1.43.127" | "botocore-1.44.5" => botocore(file, id)?,
        "celery" if id == "task.autoretry_default" => ("celery@5", none),
        "celery" => (
            "celery-backoff@5",
            "attempts: 6, backoff: {exponential: {base: 1s, max: 600s}}".to_owned(),
        ),
        "cockatiel" => ("cockatiel@4", calls("maxAttempts", 1.0)?),
        "crewai" if id == "llm_rate_limit_retry.retry_after_90" => ("crewai-rate-limit@1", none),
        "exponential-backoff" => ("exponential-backoff@3", none),
        "google-api-core" => ("google-api-core@2", google_deadline(case)),
        "google-genai" if id.starts_with("default_client") => ("google-genai@3", none),
        "google-genai" if id == "attempts.1" => ("google-genai-retry@3", "attempts: 1".to_owned()),
        "google-genai" if id == "attempts.8_max5" => (
            "google-genai-retry@3",
            "attempts: 8, backoff: {exponential: {base: 1s, max: 5s}, jitter: {plus: 1s}, \
             bounds: after_jitter}"
                .to_owned(),
        ),
        "google-genai" => ("google-genai-retry@3", none),
        "google-genai-js" if id.starts_with("default_client") => ("google-genai-js@3", none),
        "google-genai-js" if id == "jitter_0" => (
            "google-genai-js-retry@3",
            "backoff: {exponential: {base: 1s, max: 60s}}".to_owned(),
        ),
        "google-genai-js" => ("google-genai-js-retry@3", none),
        "inngest" => return None,
        "instructor" if id.starts_with("invalid_output") => (
            "instructor@1",
            calls("max_retries", 1.0).unwrap_or_default(),
        ),
        "langchain-core" if id == "with_retry.no_jitter_flag" => {
            ("langchain-with-retry@1", "delay: 0s".to_owned())
        }
        "langchain-core" if id.starts_with("with_retry") => ("langchain-with-retry@1", none),
        "langchain-core" => ("langchain-base-retry@1", calls("max_retries", 0.0)?),
        "langgraph" => langgraph(case)?,
        "litellm" => litellm(case)?,
        "p-retry" if id.starts_with("maxRetryTime") => (
            "p-retry@9",
            format!("give_up_after: {}", case.time("maxRetryTime", "ms")?),
        ),
        "p-retry" if id == "TypeError.fetch_failed" => ("p-retry@9", "attempts: 3".to_owned()),
        "p-retry" if id.starts_with("retries.") => ("p-retry@9", calls("retries", 1.0)?),
        "pydantic-ai" => pydantic(case)?,
        "stamina" => ("stamina@26", none),
        "temporal" => temporal(case)?,
        "tenacity" => ("tenacity@9", tenacity_stop(case)?),
        "urllib3" => urllib3(case)?,
        _ => return None,
    })
}

fn backoff_stop(case: &Case) -> Option<String> {
    if let Some(most) = case.time("max_time", "s") {
        return Some(format!("last_begins_after: {most}"));
    }
    let tries = case.number("max_tries")?;
    Some(match tries == 0.0 {
        // The recording has no jitter and a `max_value` of 1.
        true => "backoff: {exponential: {base: 1s, max: 1s}}".to_owned(),
        false => format!("attempts: {tries}"),
    })
}

fn botocore(file: &str, id: &str) -> Option<(&'static str, String)> {
    let standard = match file {
        "botocore-1.43.127" => "botocore-standard@1.43",
        _ => "botocore-standard-2026@1.44",
    };
    let (mode, rest) = id.split_once('.')?;
    let preset = if mode == "legacy" {
        "botocore-legacy@1"
    } else {
        standard
    };
    Some(match rest {
        "total_max_attempts.1" => (preset, "attempts: 1".to_owned()),
        "total_max_attempts.10" => (preset, "attempts: 10".to_owned()),
        _ => (preset, String::new()),
    })
}

fn google_deadline(case: &Case) -> String {
    let timeout = case.time("timeout", "s");
    timeout
        .map(|t| format!("deadline: {t}"))
        .unwrap_or_default()
}

/// Kinds of exceptions that say how a call failed. Those that say that a program is wrong
/// (`ValueError` and the like) are no outcome of a call; `OSError` and its `TimeoutError` are out of scope.
const LANGGRAPH_RETRIES: [&str; 7] = [
    ".openai.",
    "requests.HTTPError",
    "httpx.ReadTimeout",
    "httpx.ConnectError",
    "_on.ConnectionError",
    "_on.AssertionError",
    "_on.Exception",
];

fn langgraph(case: &Case) -> Option<(&'static str, String)> {
    Some((
        "langgraph@1",
        match case.id() {
            "no_policy" => "attempts: 1".to_owned(),
            "default" => String::new(),
            "no_jitter" => {
                "attempts: 12, backoff: {exponential: {base: 500ms, max: 128s}}".to_owned()
            }
            // Its predicate knows the statuses of httpx, and no others.
            id if id.contains("httpx.HTTPStatusError") => {
                "attempts: 2, statuses: [500-599]".to_owned()
            }
            // Output that does not validate is a `ValueError`: it fails at once.
            "default_retry_on.pydantic.ValidationError" => "attempts: 2".to_owned(),
            id if LANGGRAPH_RETRIES.iter().any(|kind| id.contains(kind)) => {
                "attempts: 2".to_owned()
            }
            _ => return None,
        },
    ))
}

fn litellm(case: &Case) -> Option<(&'static str, String)> {
    if case.id().starts_with("direct.") {
        return None;
    }
    let retries = case.number("num_retries");
    let keys = retries.map(|n| format!("attempts: {}", n + 1.0));
    Some(("litellm-router@1", keys.unwrap_or_default()))
}

/// The Router with more than one deployment or group. Beside others it tries a 401 again too.
fn litellm_router(case: &Case) -> Option<String> {
    const RETRY: &str = "retry: {preset: litellm-router@1, \
                         statuses: [401, 403, 408, 409, 429, 500-599]}";
    const COOLDOWN: &str =
        "{above: 50%, at_least: 5, for: 5s, at_once_on: [rate_limited, permanent]}";
    if !case.config("fallbacks").is_null() {
        return Some("llm: [{fallback: {to: d1}}, {retry: litellm-router@1}]".to_owned());
    }
    let names = match case.number("deployments")? {
        2.0 => "d0, d1",
        3.0 => "d0, d1, d2",
        _ => return None,
    };
    Some(format!(
        "llm: [{{{RETRY}}}, {{route: {{deployments: [{names}], retry_elsewhere: at_once, \
         cooldown: {COOLDOWN}}}}}]"
    ))
}

fn pydantic(case: &Case) -> Option<(&'static str, String)> {
    let id = case.id();
    if id.starts_with("agent.") {
        return None;
    }
    let max = case.time("max_wait", "s");
    let keys = max.map(|m| format!("longest_retry_after: {m}"));
    Some(("pydantic-ai@2", keys.unwrap_or_default()))
}

fn temporal(case: &Case) -> Option<(&'static str, String)> {
    Some((
        "temporal@1",
        match case.id() {
            "maximum_attempts.1" => "attempts: 1".to_owned(),
            "maximum_attempts.3" => "attempts: 3".to_owned(),
            "schedule_to_close.30" => "deadline: 30s".to_owned(),
            // A delay that the program asks for; the cap is that of workflows alone.
            "next_retry_delay.activity.300" => "retry_after: honor".to_owned(),
            "next_retry_delay.workflow.300" => format!(
                "retry_after: honor, longest_retry_after: {}, if_longer: cap",
                case.time("maximum_interval", "s")?
            ),
            _ => return None,
        },
    ))
}

fn tenacity_stop(case: &Case) -> Option<String> {
    if case.id().contains("Keyboard") || case.id().contains("Exit") {
        return None;
    }
    let mut keys = vec![];
    for stop in case.config("stop_any").as_array().into_iter().flatten() {
        if let Some(n) = stop["stop_after_attempt"].as_f64() {
            keys.push(format!("attempts: {n}"));
        }
        if let Some(after) = stop["stop_after_delay"].as_f64() {
            keys.push(format!("give_up_after: {after}s"));
        }
    }
    if let Some(n) = case.number("stop_after_attempt") {
        keys.push(format!("attempts: {}", n.max(1.0)));
    }
    if let Some(after) = case.time("stop_after_delay", "s") {
        keys.push(format!("give_up_after: {after}"));
    }
    if let Some(before) = case.number("stop_before_delay") {
        // It refuses what would begin at the limit; our deadline, only what begins after it.
        keys.push(format!("deadline: {}ns", before * 1e9 - 1.0));
    }
    if let Some(wait) = case.time("wait_fixed", "s") {
        keys.push(format!("delay: {wait}"));
    }
    Some(keys.join(", "))
}

/// The keys for `Retry(3, status_forcelist=[503], backoff_factor=0.5)` and the like.
fn urllib3(case: &Case) -> Option<(&'static str, String)> {
    let call = case.config("Retry").as_str()?;
    let post = case.config("method") == "POST" || case.id().ends_with(".POST");
    if post && !call.contains("allowed_methods=None") {
        return Some(("urllib3-post@2", String::new()));
    }
    let inside = call.strip_prefix("Retry(")?.strip_suffix(')')?;
    let total: u32 = inside.split(',').next()?.parse().ok()?;
    let mut keys = vec![format!("attempts: {}", total + 1)];
    if let Some((_, list)) = inside.split_once("status_forcelist=[") {
        keys.push(format!("statuses: [{}]", list.split(']').next()?));
    }
    if let Some((_, factor)) = inside.split_once("backoff_factor=") {
        let factor = factor.split([',', ')']).next()?;
        let growth = format!("exponential: {{base: {factor}s, max: 120s}}");
        keys.push(format!("backoff: {{{growth}, first_at_once: true}}"));
    }
    Some(("urllib3@2", keys.join(", ")))
}

/// What the server answers.
fn responses(file: &str, case: &Case) -> Option<Vec<Response>> {
    if let Some(list) = case.config("responses").as_array() {
        return list.iter().map(response).collect();
    }
    if (file, case.id()) == ("backoff", "max_tries.0_is_unbounded") {
        // The harness stops the recording there; whatever ends it, it is no failure.
        let stopped_at = case.0["expect"]["calls"].as_u64()? as usize;
        let mut all = vec![Response::default(); stopped_at - 1];
        all.push(Response::status(200));
        return Some(all);
    }
    if let Some(n) = case.number("invalid_outputs") {
        let invalid = Response {
            code: Some(Outcome::Invalid),
            ..Response::default()
        };
        let mut all = vec![invalid; n as usize];
        all.push(Response::status(200));
        return Some(all);
    }
    let headers = || {
        let mut headers = vec![];
        for key in ["headers", "headers_on_every_429"] {
            for (name, text) in case.config(key).as_object().into_iter().flatten() {
                headers.push((name.to_lowercase(), text.as_str().unwrap().to_owned()));
            }
        }
        if let Some(text) = case.config("retry-after").as_str() {
            headers.push(("retry-after".to_owned(), dated(text)));
        }
        for key in ["retry-after", "next_retry_delay"] {
            let Some(seconds) = case.number(key) else {
                continue;
            };
            headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        if let Some((_, advice)) = case.id().split_once("x_should_retry.")
            && let Some((advice, _)) = advice.split_once("_on")
        {
            headers.push(("x-should-retry".to_owned(), advice.to_owned()));
        }
        headers
    };
    let mut first = whole(file, case)?;
    first.headers.extend(headers());
    let expected = &case.0["expect"]["outcome"];
    let well = ["ok", "200", "returned 200"].iter().any(|w| expected == w);
    let mut all = vec![first];
    if well {
        all.push(Response::status(200));
    }
    Some(all)
}

/// A header's text, with dates written out where a recording says `now+30 s`.
fn dated(text: &str) -> String {
    match text {
        "now+30 s" => "Mon, 21 Sep 2026 14:13:50 GMT".to_owned(),
        "now+600 s" => "Mon, 21 Sep 2026 14:23:20 GMT".to_owned(),
        "now-30 s" => "Mon, 21 Sep 2026 14:12:50 GMT".to_owned(),
        _ => text.to_owned(),
    }
}

/// A case's only answer, from its status, its error, or its name.
fn whole(file: &str, case: &Case) -> Option<Response> {
    let id = case.id();
    if let Some(status) = case.number("status") {
        // AWS says by an error code, with whatever status, what others say by the status.
        let code = match case.config("error_code").as_str() {
            Some("ThrottlingException") => Some(Outcome::RateLimited),
            Some("ModelNotReadyException") if file == "botocore-1.43.127" => {
                Some(Outcome::RateLimited)
            }
            Some("ModelNotReadyException") => Some(Outcome::Overloaded),
            None if file == "botocore-1.43.127" && status == 429.0 => Some(Outcome::Permanent),
            _ => None,
        };
        return Some(Response {
            code,
            ..Response::status(status as u16)
        });
    }
    if id.contains("Timeout") {
        return Some(Response {
            timeout: true,
            ..Response::default()
        });
    }
    let failed = Response::default();
    match (
        file,
        id.rsplit('.').next().and_then(|w| w.parse::<u16>().ok()),
    ) {
        (_, Some(status)) if id.contains("status.") => Some(Response::status(status)),
        ("google-genai-js", _) => Some(Response::status(429)),
        ("google-genai", _) if id == "retry_after_ignored" || id.starts_with("attempts.") => {
            Some(Response::status(429))
        }
        ("litellm", _) if id.starts_with("router.retry_after") => {
            let seconds = id.rsplit('.').next()?;
            Some(Response::status(429).with("retry-after", seconds))
        }
        ("litellm", _) if case.0["expect"]["outcome"] == "InternalServerError" => {
            Some(Response::status(500))
        }
        ("litellm", _) => Some(Response::status(429)),
        ("pydantic-ai", _) if id == "transport.429_retry_after_7" => {
            Some(Response::status(429).with("retry-after", "7"))
        }
        ("crewai" | "pydantic-ai", _) => Some(Response::status(match id {
            "transport.400" => 400,
            _ => 429,
        })),
        ("langgraph", _) if id.ends_with("pydantic.ValidationError") => Some(Response {
            code: Some(Outcome::Invalid),
            ..failed
        }),
        ("langgraph", _) => openai_error(id),
        ("google-api-core", _) => match id {
            "grpc.ResourceExhausted" => Some(Response::status(429)),
            // Codes that its predicate does not name.
            _ if id.starts_with("grpc") => Some(Response {
                code: Some(Outcome::Permanent),
                ..failed
            }),
            _ => Some(failed),
        },
        ("vercel-ai-sdk-5.0.277" | "vercel-ai-sdk-6.0.326" | "vercel-ai-sdk-7.0.173", _) => {
            Some(Response::status(429))
                .filter(|_| id.starts_with("retry_after"))
                .or(Some(failed))
        }
        ("p-retry", _) if id == "TypeError.fetch_failed" => Some(failed),
        ("p-retry", _) if !id.starts_with("retries.") && !id.starts_with("maxRetryTime") => None,
        ("botocore-1.43.127" | "botocore-1.44.5", _) if id.contains("max_attempts") => {
            Some(Response::status(500))
        }
        ("azure-core", _) => Some(failed),
        ("instructor", _) => Some(Response {
            code: Some(Outcome::Invalid),
            ..failed
        }),
        _ => Some(failed),
    }
}

fn openai_error(id: &str) -> Option<Response> {
    Some(match id.rsplit('.').next()? {
        "BadRequestError" => Response::status(400),
        "AuthenticationError" => Response::status(401),
        "NotFoundError" => Response::status(404),
        "RateLimitError" => Response::status(429),
        "InternalServerError" => Response::status(500),
        kind => kind.parse().map_or(Response::default(), Response::status),
    })
}

/// One entry of a list of responses: a status, or a map with status and headers.
fn response(value: &Value) -> Option<Response> {
    if let Some(status) = value.as_u64() {
        return Some(Response::status(status as u16));
    }
    let mut response = match &value["status"] {
        Value::Number(n) => Response::status(n.as_u64()? as u16),
        Value::String(error) => Response {
            timeout: error.contains("Timeout"),
            ..Response::default()
        },
        _ => return None,
    };
    for (name, text) in value["headers"].as_object().into_iter().flatten() {
        response = response.with(name, text.as_str()?);
    }
    Some(response)
}
