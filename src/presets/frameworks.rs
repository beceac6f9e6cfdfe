//! Agent frameworks: their own layers, which stand around an SDK's.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "langchain-with-retry",
        version: "1",
        library: "langchain-core with_retry()",
        looked_at: "1.7.2",
        source: "runnables/retry.py",
        layer: LayerKind::Retry,
        about: "Three calls around whatever is inside, 1 s doubling plus up to 1 s.",
        storm: "Retries every exception, 400 and 401 too, and multiplies the SDK inside: nine calls.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s}, jitter: {plus: 1s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "langchain-base-retry",
        version: "1",
        library: "langchain-core create_base_retry_decorator",
        looked_at: "1.7.2",
        source: "language_models/llms.py",
        layer: LayerKind::Retry,
        about: "As many calls as max_retries says, 4 s, 4 s, 4 s, 8 s, 10 s.",
        storm: "No jitter, and the SDK inside retries as well.",
        yaml: "\
attempts: 6
backoff: {exponential: {base: 1s, min: 4s, max: 10s}}
on: [transient, rate_limited, overloaded, timeout]
retry_after: ignore",
    },
    Preset {
        name: "langchain-model-retry",
        version: "1",
        library: "langchain ModelRetryMiddleware",
        looked_at: "1.4.7",
        source: "agents/middleware/_retry.py",
        layer: LayerKind::Retry,
        about: "Three calls around the SDK, 1 s doubling to 60 s, 25 % to either side.",
        storm: "Multiplies the SDK inside to nine calls; at the end the error comes back as an answer.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s, max: 60s}, jitter: {proportional: 25%}}
on: [transient, rate_limited, overloaded, timeout]
retry_after: ignore",
    },
    Preset {
        name: "langgraph",
        version: "1",
        library: "langgraph RetryPolicy()",
        looked_at: "1.2.22",
        source: "pregel/_retry.py, _internal/_retry.py",
        layer: LayerKind::Retry,
        about: "Three runs of a node, 0.5 s doubling to 128 s plus up to 1 s after the cap.",
        storm: "Runs the whole node again: every model call in it is bought again. Retries 400 and 401 of the OpenAI client.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 128s}, jitter: {plus: 1s}}
on: [transient, rate_limited, overloaded, timeout, permanent, context_overflow]
retry_after: ignore",
    },
    Preset {
        name: "litellm-router",
        version: "1",
        library: "litellm Router (one deployment)",
        looked_at: "1.106.2",
        source: "router.py; utils.py: _calculate_retry_after",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s plus up to 0.75 s; whole seconds of Retry-After up to 60.",
        storm: "A longer Retry-After is ignored; it sleeps once more after the last failure.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {plus: 750ms}}
on: [transient, timeout]
statuses: [403, 408, 409, 429, 500-599]
retry_after: {honor_jittered: 750ms}
zero_retry_after: backoff
longest_retry_after: 60s
if_longer: backoff
headers: {numbers: integer}
waits_after_last: true",
    },
    Preset {
        name: "litellm-completion",
        version: "1",
        library: "litellm.completion(num_retries=2)",
        looked_at: "1.106.2",
        source: "main.py: completion_with_retries",
        layer: LayerKind::Retry,
        about: "Three calls around the SDK, at once; after a 429 0 s, 1 s, 2 s.",
        storm: "No wait but after a 429, and the SDK inside is told to retry as often.",
        yaml: "\
attempts: 3
throttled_backoff: {exponential: {base: 500ms}, first_at_once: true}
on: [transient, rate_limited, overloaded, timeout]
retry_after: ignore",
    },
    Preset {
        name: "llama-index",
        version: "0.8",
        library: "llama-index-llms-openai",
        looked_at: "0.8.3",
        source: "llms/openai/base.py, utils.py",
        layer: LayerKind::Retry,
        about: "Three calls around an SDK that is told to retry three times as well: twelve; 1 s, then up to 2 s, 4 s … 20 s.",
        storm: "n·(n+1) calls: max_retries is used twice.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s, max: 20s}, jitter: {from: 1s}}
give_up_after: 60s
on: [transient, timeout]
statuses: [429, 500-599]
retry_after_statuses: [429]
longest_retry_after: 120s
if_longer: cap
headers: {dates: false}",
    },
    Preset {
        name: "crewai-rate-limit",
        version: "1",
        library: "crewai LLM rate-limit layer",
        looked_at: "1.15.30",
        source: "llms/retry.py",
        layer: LayerKind::Retry,
        about: "Three calls on a 429 around the SDK, 1 s doubling to 8 s, 20 % to either side.",
        storm: "With the SDK inside and two re-runs of the task outside, 27 calls on a constant 429.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s, max: 8s}, jitter: {proportional: 20%}}
on: [rate_limited]
headers: {dates: false}",
    },
    Preset {
        name: "crewai-agent",
        version: "1",
        library: "crewai Agent max_retry_limit",
        looked_at: "1.15.30",
        source: "agent/core.py",
        layer: LayerKind::Retry,
        about: "Three runs of the whole task, one right after the other.",
        storm: "No wait at all, and everything that the task bought is bought again.",
        yaml: "\
attempts: 3
on: any
retry_after: ignore",
    },
    Preset {
        name: "pydantic-ai",
        version: "2",
        library: "pydantic-ai wait_retry_after",
        looked_at: "2.31.1",
        source: "retries.py",
        layer: LayerKind::Retry,
        about: "Three calls, 1 s doubling to 60 s; Retry-After in whole seconds or a date, at most 300 s.",
        storm: "With raise_for_status as its check it retries 400 and 401 as well; no jitter.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s, max: 60s}}
on: any
longest_retry_after: 300s
if_longer: cap
headers: {numbers: integer}",
    },
    Preset {
        name: "pydantic-ai-output",
        version: "2",
        library: "pydantic-ai output validation and ModelRetry of tools (retries=1)",
        looked_at: "2.31.1",
        source: "agent/",
        layer: LayerKind::Retry,
        about: "Two requests for an output that passes validation, or for a call of a tool that does not ask for another, one right after the other.",
        storm: "Each is a whole request; tools counted with it, the turn.",
        yaml: "\
attempts: 2
on: [invalid]
retry_after: ignore",
    },
    Preset {
        name: "instructor",
        version: "1",
        library: "instructor",
        looked_at: "1.15.4",
        source: "core/retry.py",
        layer: LayerKind::Retry,
        about: "Four requests for an answer that passes validation, one right after the other.",
        storm: "Each re-ask is a whole request and pays for the grown prompt.",
        yaml: "\
attempts: 4
on: [invalid]
retry_after: ignore",
    },
    Preset {
        name: "openai-agents-runner",
        version: "0",
        library: "openai-agents runner retry (opt-in)",
        looked_at: "0.20.0",
        source: "models/retry.py",
        layer: LayerKind::Retry,
        about: "Four calls, 0.25 s doubling to 2 s, 12.5 % to either side.",
        storm: "Short waits on top of the SDK: six calls in four seconds.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 250ms, max: 2s}, jitter: {proportional: 12.5%}, bounds: both}
on: [transient, rate_limited, overloaded, timeout]
retry_after: ignore",
    },
];
