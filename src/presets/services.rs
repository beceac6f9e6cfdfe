//! Cloud clients, proxies and remote procedure calls.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "google-genai",
        version: "3",
        library: "google-genai (Python)",
        looked_at: "3.4.0",
        source: "_api_client.py: retry_args",
        layer: LayerKind::Retry,
        about: "One call: the client tries again only where retry_options are given.",
        storm: "None of its own; whoever wraps it retries blindly, since Retry-After is never read.",
        yaml: "\
attempts: 1
on: [transient, timeout]
statuses: [408, 429, 500, 502, 503, 504]
retry_after: ignore",
    },
    Preset {
        name: "google-genai-retry",
        version: "3",
        library: "google-genai (Python), retry_options={}",
        looked_at: "3.4.0",
        source: "_api_client.py: retry_args",
        layer: LayerKind::Retry,
        about: "Five calls, 1 s doubling plus up to 1 s, at most 60 s; Retry-After is not read.",
        storm: "Ignores Retry-After and RetryInfo: it comes back while the quota is still spent.",
        yaml: "\
attempts: 5
backoff: {exponential: {base: 1s, max: 60s}, jitter: {plus: 1s}, bounds: after_jitter}
on: [transient, timeout]
statuses: [408, 429, 500, 502, 503, 504]
retry_after: ignore",
    },
    Preset {
        name: "google-genai-js",
        version: "3",
        library: "@google/genai",
        looked_at: "3.1.0",
        source: "_api_client.ts",
        layer: LayerKind::Retry,
        about: "One call: the client tries again only where retryOptions are given.",
        storm: "None of its own; whoever wraps it retries blindly, since Retry-After is never read.",
        yaml: "\
attempts: 1
on: [transient, timeout]
statuses: [408, 429, 500, 502, 503, 504]
retry_after: ignore",
    },
    Preset {
        name: "google-genai-js-retry",
        version: "3",
        library: "@google/genai, retryOptions: {}",
        looked_at: "3.1.0",
        source: "_api_client.ts, p-retry 4",
        layer: LayerKind::Retry,
        about: "Five calls, 1 s doubling, up to twice as long, at most 60 s; Retry-After is not read.",
        storm: "Ignores Retry-After and RetryInfo: it comes back while the quota is still spent.",
        yaml: "\
attempts: 5
backoff: {exponential: {base: 1s, max: 60s}, jitter: 100%, bounds: after_jitter, round: nearest_ms}
on: [transient, timeout]
statuses: [408, 429, 500, 502, 503, 504]
retry_after: ignore",
    },
    Preset {
        name: "google-api-core",
        version: "2",
        library: "google-api-core (Python)",
        looked_at: "2.44.0",
        source: "retry/retry_base.py, retry_unary.py",
        layer: LayerKind::Retry,
        about: "Any number of calls within 120 s: up to 1 s, doubling to up to 60 s.",
        storm: "No cap on attempts: full jitter draws short waits, and a fast failure gets nine calls or more.",
        yaml: "\
attempts: unlimited
backoff: {exponential: {base: 1s, max: 60s}, jitter: full}
deadline: 120s
on: [transient]
statuses: [429, 500, 503]
retry_after: ignore",
    },
    Preset {
        name: "azure-core",
        version: "1",
        library: "azure-core (Python)",
        looked_at: "1.41.0",
        source: "pipeline/policies/_retry.py",
        layer: LayerKind::Retry,
        about: "Four calls, at once, then 1.6 s and 3.2 s; of a POST only 500, 503, 504, and 429 with Retry-After.",
        storm: "The first retry is immediate and no wait has jitter; a Retry-After of any length is obeyed.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 800ms, max: 120s}, first_at_once: true}
on: none
statuses: [500, 503, 504]
statuses_if_told: [429]
headers: {read: [retry-after, retry-after-ms, x-ms-retry-after-ms], numbers: float}",
    },
    Preset {
        name: "azure-core-get",
        version: "1",
        library: "azure-core (Python), idempotent methods",
        looked_at: "1.41.0",
        source: "pipeline/policies/_retry.py",
        layer: LayerKind::Retry,
        about: "Four calls, at once, then 1.6 s and 3.2 s, of a GET or the like.",
        storm: "The first retry is immediate and no wait has jitter; a Retry-After of any length is obeyed.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 800ms, max: 120s}, first_at_once: true}
on: [transient, timeout]
statuses: [408, 429, 500, 502, 503, 504, 529]
headers: {read: [retry-after, retry-after-ms, x-ms-retry-after-ms], numbers: float}",
    },
    Preset {
        name: "botocore-legacy",
        version: "1",
        library: "botocore (legacy mode)",
        looked_at: "1.43.127",
        source: "retryhandler.py",
        layer: LayerKind::Retry,
        about: "Five calls, up to 1 s doubling without a cap; the default until 1.43.",
        storm: "Five calls of 60 s read timeout each re-buy the same tokens; no quota stops a fleet.",
        yaml: "\
attempts: 5
backoff: {exponential: {base: 1s}, jitter: full}
on: [transient, timeout]
statuses: [429, 500, 502, 503, 504, 509]
error_codes: [rate_limited]
retry_after: ignore",
    },
    Preset {
        name: "botocore-standard",
        version: "1.43",
        library: "botocore (standard mode)",
        looked_at: "1.43.127",
        source: "retries/standard.py",
        layer: LayerKind::Retry,
        about: "Three calls, up to 1 s doubling to 20 s; the retry quota is a layer of its own.",
        storm: "Ignores Retry-After; a bare 429 without a known error code is not tried again (a simulated one has its code).",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 1s, max: 20s}, jitter: full}
on: [transient, timeout]
statuses: [500, 502, 503, 504]
error_codes: [rate_limited]
retry_after: ignore",
    },
    Preset {
        name: "botocore-standard-2026",
        version: "1.44",
        library: "botocore (standard mode since 1.44)",
        looked_at: "1.44.5",
        source: "retries/standard.py",
        layer: LayerKind::Retry,
        about: "Three calls, up to 50 ms doubling to 20 s, after throttling up to 1 s; the default since 1.44.",
        storm: "Server errors are tried again within 50 ms and 100 ms: no outage is that short.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 50ms, max: 20s}, jitter: full}
throttled_backoff: {exponential: {base: 1s, max: 20s}, jitter: full}
on: [transient, timeout]
statuses: [429, 500, 502, 503, 504]
error_codes: [rate_limited]
retry_after: {within: 5s}
headers: {read: [x-amz-retry-after], numbers: integer}",
    },
    Preset {
        name: "aws-sdk-js",
        version: "3",
        library: "@smithy/util-retry",
        looked_at: "4.6.2",
        source: "StandardRetryStrategy.ts",
        layer: LayerKind::Retry,
        about: "Three calls, up to 50 ms doubling to 20 s, after throttling up to 1 s, in whole milliseconds.",
        storm: "Server errors are tried again within 50 ms and 100 ms: no outage is that short.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 50ms, max: 20s}, jitter: full, round: ms}
throttled_backoff: {exponential: {base: 1s, max: 20s}, jitter: full, round: ms}
on: [transient, timeout]
statuses: [429, 500, 502, 503, 504]
error_codes: [rate_limited]
retry_after: {within: 5s}
headers: {read: [x-amz-retry-after], numbers: integer}",
    },
    Preset {
        name: "grpc",
        version: "a6",
        library: "gRPC retryPolicy (its example)",
        looked_at: "gRFC A6, 2026-06-25",
        source: "A6-client-retries.md, exponential backoff, pushback",
        layer: LayerKind::Retry,
        about: "Four calls, 0.1 s doubling to 1 s, 20 % to either side; nothing is retried without a retryPolicy.",
        storm: "Without retryThrottling every client of an outage triples its load.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 100ms, max: 1s}, jitter: {proportional: 20%}}
on: [transient, overloaded]
restart_backoff: true
headers: {read: [grpc-retry-pushback-ms]}",
    },
    Preset {
        name: "envoy",
        version: "1",
        library: "Envoy router",
        looked_at: "docs v1.39",
        source: "source/common/common/backoff_strategy.cc",
        layer: LayerKind::Retry,
        about: "Two calls, up to 25 ms doubling to 250 ms; nothing is retried until retry_on is configured.",
        storm: "Waits of milliseconds: the retry meets the same outage.",
        yaml: "\
attempts: 2
backoff: {exponential: {base: 25ms, max: 250ms}, jitter: full, round: ms}
on: [transient, overloaded]
retry_after: ignore",
    },
];
