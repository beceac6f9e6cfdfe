//! Retry helpers, by language: Python, JavaScript, Rust, .NET, Java.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "tenacity",
        version: "9",
        library: "tenacity (bare @retry)",
        looked_at: "9.2.1",
        source: "wait.py, stop.py, __init__.py",
        layer: LayerKind::Retry,
        about: "Any number of calls, without delay, on any exception.",
        storm: "A hot loop for ever: no stop, no wait, no filter.",
        yaml: "\
attempts: unlimited
on: any
retry_after: ignore",
    },
    Preset {
        name: "tenacity-random-exponential",
        version: "9",
        library: "tenacity, the OpenAI cookbook's form",
        looked_at: "9.2.1",
        source: "wait.py: wait_random_exponential(min=1, max=60), stop_after_attempt(6)",
        layer: LayerKind::Retry,
        about: "Six calls, from 1 s up to 1 s, 2 s, 4 s … 60 s.",
        storm: "Retries every exception, 400 and 401 too, and stands around an SDK that retries itself.",
        yaml: "\
attempts: 6
backoff: {exponential: {base: 1s, max: 60s}, jitter: {from: 1s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "tenacity-exponential-jitter",
        version: "9",
        library: "tenacity wait_exponential_jitter()",
        looked_at: "9.2.1",
        source: "wait.py: wait_exponential_jitter",
        layer: LayerKind::Retry,
        about: "Any number of calls, 1 s doubling plus up to 1 s.",
        storm: "No stop and no cap unless they are given.",
        yaml: "\
attempts: unlimited
backoff: {exponential: {base: 1s}, jitter: {plus: 1s}, bounds: after_jitter}
on: any
retry_after: ignore",
    },
    Preset {
        name: "backoff",
        version: "2",
        library: "backoff on_exception(expo)",
        looked_at: "2.2.1",
        source: "_wait_gen.py, _jitter.py, _sync.py",
        layer: LayerKind::Retry,
        about: "Any number of calls, up to 1 s, 2 s, 4 s … without a cap.",
        storm: "No stop unless max_tries or max_time is given.",
        yaml: "\
attempts: unlimited
backoff: {exponential: {base: 1s}, jitter: full}
on: any
retry_after: ignore",
    },
    Preset {
        name: "urllib3",
        version: "2",
        library: "urllib3 Retry(3)",
        looked_at: "2.8.0",
        source: "util/retry.py",
        layer: LayerKind::Retry,
        about: "Four calls of idempotent methods; no status without a forcelist but 413, 429 and 503 with Retry-After; no wait.",
        storm: "backoff_factor 0 waits for nothing; Retry-After has no jitter and may be six hours.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 0s, max: 120s}, first_at_once: true}
on: [transient, timeout]
statuses: []
statuses_if_told: [413, 429, 503]
zero_retry_after: backoff
longest_retry_after: 6h
if_longer: cap
headers: {numbers: integer, unusable: give_up, past: at_once}",
    },
    Preset {
        name: "urllib3-post",
        version: "2",
        library: "urllib3 Retry(3), of a POST",
        looked_at: "2.8.0",
        source: "util/retry.py: allowed_methods",
        layer: LayerKind::Retry,
        about: "One call: of a POST only a connection that could not be made is tried again, whatever the status or Retry-After.",
        storm: "None of its own; but who believes to have three retries has none.",
        yaml: "\
attempts: 1
on: [transient, timeout]
retry_after: ignore",
    },
    Preset {
        name: "requests",
        version: "2",
        library: "requests HTTPAdapter()",
        looked_at: "2.34.2",
        source: "adapters.py: Retry(0, read=False)",
        layer: LayerKind::Retry,
        about: "One call; max_retries=3 makes it `urllib3`.",
        storm: "None of its own.",
        yaml: "\
attempts: 1
on: [transient]
retry_after: ignore",
    },
    Preset {
        name: "stamina",
        version: "26",
        library: "stamina",
        looked_at: "26.1.0",
        source: "_core.py",
        layer: LayerKind::Retry,
        about: "Ten calls or 45 s, 0.1 s doubling plus up to 1 s, at most 5 s.",
        storm: "Ten calls around an SDK of three are thirty.",
        yaml: "\
attempts: 10
backoff: {exponential: {base: 100ms, max: 5s}, jitter: {plus: 1s}, bounds: after_jitter}
give_up_after: 45s
on: any
retry_after: ignore",
    },
    Preset {
        name: "redis-py",
        version: "8",
        library: "redis-py EqualJitterBackoff",
        looked_at: "8.1.0",
        source: "backoff.py",
        layer: LayerKind::Retry,
        about: "Four calls, half of 16 ms, 32 ms … 512 ms and up to as much again.",
        storm: "Waits of milliseconds.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 16ms, max: 512ms}, jitter: equal}
on: [transient, timeout]
retry_after: ignore",
    },
    Preset {
        name: "retry",
        version: "0",
        library: "retry (npm)",
        looked_at: "0.13.1",
        source: "lib/retry.js",
        layer: LayerKind::Retry,
        about: "Eleven calls, 1 s doubling without a cap: 17 minutes.",
        storm: "No jitter unless randomize is set.",
        yaml: "\
attempts: 11
backoff: {exponential: {base: 1s}, round: nearest_ms}
on: any
retry_after: ignore",
    },
    Preset {
        name: "p-retry",
        version: "9",
        library: "p-retry",
        looked_at: "9.0.0",
        source: "index.js",
        layer: LayerKind::Retry,
        about: "Eleven calls, 1 s doubling without a cap.",
        storm: "No jitter unless randomize is set; every error but a TypeError is retried.",
        yaml: "\
attempts: 11
backoff: {exponential: {base: 1s}, bounds: after_jitter, round: nearest_ms}
on: any
retry_after: ignore",
    },
    Preset {
        name: "async-retry",
        version: "1",
        library: "async-retry",
        looked_at: "1.3.3",
        source: "lib/index.js",
        layer: LayerKind::Retry,
        about: "Eleven calls, 1 s doubling, up to twice as long.",
        storm: "Eleven calls; no cap.",
        yaml: "\
attempts: 11
backoff: {exponential: {base: 1s}, jitter: 100%, round: nearest_ms}
on: any
retry_after: ignore",
    },
    Preset {
        name: "exponential-backoff",
        version: "3",
        library: "exponential-backoff (npm)",
        looked_at: "3.1.3",
        source: "src/backoff.ts",
        layer: LayerKind::Retry,
        about: "Ten calls, 100 ms doubling without a cap.",
        storm: "No jitter: clients that failed together return together.",
        yaml: "\
attempts: 10
backoff: {exponential: {base: 100ms}, round: nearest_ms}
on: any
retry_after: ignore",
    },
    Preset {
        name: "cockatiel",
        version: "4",
        library: "cockatiel ExponentialBackoff",
        looked_at: "4.0.0",
        source: "src/backoff",
        layer: LayerKind::Retry,
        about: "Any number of calls, 128 ms growing to 30 s, decorrelated.",
        storm: "maxAttempts is unlimited by default.",
        yaml: "\
attempts: unlimited
backoff: {decorrelated_v2: {base: 128ms, max: 30s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "backon",
        version: "1",
        library: "backon ExponentialBuilder",
        looked_at: "1.6.0",
        source: "src/backoff/exponential.rs",
        layer: LayerKind::Retry,
        about: "Four calls, exactly 1 s, 2 s and 4 s.",
        storm: "No jitter unless it is switched on; that comes after the cap.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 1s, max: 60s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "retry-policies",
        version: "0.5",
        library: "retry-policies (reqwest-retry)",
        looked_at: "0.5.2",
        source: "src/policies/exponential_backoff.rs",
        layer: LayerKind::Retry,
        about: "Four calls, up to 1 s, 2 s, 4 s … 30 min.",
        storm: "Ignores Retry-After.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 1s, max: 30m}, jitter: full}
on: [transient, timeout]
statuses: [408, 429, 500-599]
retry_after: ignore",
    },
    Preset {
        name: "backoff-rs",
        version: "0.4",
        library: "backoff (Rust)",
        looked_at: "0.4.0",
        source: "src/exponential.rs",
        layer: LayerKind::Retry,
        about: "Any number of calls within 15 minutes, 0.5 s growing by half to 60 s, 50 % to either side.",
        storm: "No cap on attempts: about thirty calls in a quarter of an hour.",
        yaml: "\
attempts: unlimited
backoff: {exponential: {base: 500ms, factor: 1.5, max: 60s}, jitter: {proportional: 50%}}
deadline: 15m
on: any
retry_after: ignore",
    },
    Preset {
        name: "tower",
        version: "0.5",
        library: "tower ExponentialBackoff",
        looked_at: "0.5.3",
        source: "src/retry/backoff.rs",
        layer: LayerKind::Retry,
        about: "50 ms doubling and up to 99 % more; whole seconds jitter by whole seconds; attempts are the policy's.",
        storm: "Waits of milliseconds; delays of whole seconds barely jitter.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 50ms}, jitter: {parts: 99%}, bounds: both}
on: any
retry_after: ignore",
    },
    Preset {
        name: "polly",
        version: "8",
        library: "Polly (.NET)",
        looked_at: "8.7.0",
        source: "Retry/RetryHelper.cs",
        layer: LayerKind::Retry,
        about: "Four calls, 2 s apart.",
        storm: "No growth and no jitter by default.",
        yaml: "\
attempts: 4
backoff: {fixed: 2s}
on: any
retry_after: ignore",
    },
    Preset {
        name: "polly-exponential-jitter",
        version: "8",
        library: "Polly (.NET), Exponential with UseJitter",
        looked_at: "8.7.0",
        source: "Retry/RetryHelper.cs: DecorrelatedJitterBackoffV2",
        layer: LayerKind::Retry,
        about: "Four calls, 2 s growing, decorrelated.",
        storm: "No cap unless MaxDelay is given.",
        yaml: "\
attempts: 4
backoff: {decorrelated_v2: {base: 2s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "resilience4j",
        version: "2",
        library: "resilience4j Retry",
        looked_at: "2.4.x",
        source: "IntervalFunction.java, RetryConfig.java",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s apart.",
        storm: "No growth and no jitter by default.",
        yaml: "\
attempts: 3
backoff: {fixed: 500ms}
on: any
retry_after: ignore",
    },
    Preset {
        name: "failsafe",
        version: "3",
        library: "Failsafe (Java) RetryPolicy",
        looked_at: "3.3.x",
        source: "RetryPolicyExecutor.java",
        layer: LayerKind::Retry,
        about: "Three calls without delay.",
        storm: "No delay by default.",
        yaml: "\
attempts: 3
on: any
retry_after: ignore",
    },
];
