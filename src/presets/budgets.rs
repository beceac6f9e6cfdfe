//! Retry budgets, client-side rate limits and throttles.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "grpc-throttle",
        version: "a6",
        library: "gRPC retryThrottling (its example)",
        looked_at: "gRFC A6, 2026-06-25",
        source: "A6-client-retries.md, throttling retry attempts",
        layer: LayerKind::RetryBudget,
        about: "Ten tokens, one for each failure, a tenth back for each success; retries above half.",
        storm: "Per channel: each process has ten tokens of its own to burn.",
        yaml: "\
throttle: {tokens: 10, ratio: 0.1}
per: fleet",
    },
    Preset {
        name: "botocore-quota",
        version: "1.44",
        library: "botocore (standard mode since 1.44)",
        looked_at: "1.44.5",
        source: "retries/quota.py, retries/standard.py",
        layer: LayerKind::RetryBudget,
        about: "500 units; a retry takes 14, after throttling 5; success gives back.",
        storm: "Per client object: each process begins an outage with 35 free retries.",
        yaml: "\
quota: {capacity: 500, cost: 14, throttled: 5, timeout: 14, success: 1}
per: fleet",
    },
    Preset {
        name: "botocore-quota",
        version: "1.43",
        library: "botocore (standard mode)",
        looked_at: "1.43.127",
        source: "retries/quota.py, retries/standard.py",
        layer: LayerKind::RetryBudget,
        about: "500 units; a retry takes 5, after a timeout 10; success gives back.",
        storm: "Per client object: each process begins an outage with 100 free retries.",
        yaml: "\
quota: {capacity: 500, cost: 5, throttled: 5, timeout: 10, success: 1}
per: fleet",
    },
    Preset {
        name: "aws-sdk-js-quota",
        version: "3",
        library: "@smithy/util-retry",
        looked_at: "4.6.2",
        source: "DefaultRetryToken.ts, StandardRetryStrategy.ts",
        layer: LayerKind::RetryBudget,
        about: "500 units; a retry takes 14, after throttling 5; success gives back.",
        storm: "Per client object: each process begins an outage with 35 free retries.",
        yaml: "\
quota: {capacity: 500, cost: 14, throttled: 5, success: 1}
per: fleet",
    },
    Preset {
        name: "finagle-budget",
        version: "1",
        library: "Finagle RetryBudget",
        looked_at: "snapshot 4feb34cb9 (2024-10-23)",
        source: "finagle-core RetryBudget.scala",
        layer: LayerKind::RetryBudget,
        about: "A fifth of the first attempts of the last 10 s, and ten retries a second.",
        storm: "The reserve alone lets a client send 100 retries at once.",
        yaml: "\
deposits: {ttl: 10s, per_second: 10, ratio: 0.2}
per: fleet",
    },
    Preset {
        name: "tower-budget",
        version: "0.5",
        library: "tower TpsBudget",
        looked_at: "0.5.3",
        source: "retry/budget/tps_budget.rs",
        layer: LayerKind::RetryBudget,
        about: "A fifth of the successes of the last 10 s, and ten retries a second.",
        storm: "The reserve alone lets a client send 100 retries at once.",
        yaml: "\
deposits: {ttl: 10s, per_second: 10, ratio: 0.2, whole: true, on: success}
per: fleet",
    },
    Preset {
        name: "envoy-budget",
        version: "1",
        library: "Envoy retry_budget",
        looked_at: "docs v1.39",
        source: "circuit_breaker.proto, RetryBudget",
        layer: LayerKind::RetryBudget,
        about: "Retries are at most a fifth of what is under way, three at least.",
        storm: "Per proxy: three retries at once in each sidecar, however small its traffic.",
        yaml: "\
active: {ratio: 20%, least: 3}
per: fleet",
    },
    Preset {
        name: "governor",
        version: "0.10",
        library: "governor",
        looked_at: "0.10.4",
        source: "src/gcra.rs",
        layer: LayerKind::RateLimit,
        about: "A cell rate limiter of sixty a minute with a burst of five; others by its keys.",
        storm: "Per process: a fleet sends its size times the rate.",
        yaml: "\
rate: 60/min
burst: 5
shared: agent",
    },
    Preset {
        name: "crewai-rpm",
        version: "1",
        library: "crewai max_rpm",
        looked_at: "1.15.30",
        source: "utilities/rpm_controller.py",
        layer: LayerKind::RateLimit,
        about: "Ten calls a minute (there is no limit by default); who finds it full sleeps for a whole minute, and everybody behind it too.",
        storm: "Per process; a crew stands still for up to a minute more than its quota asks for.",
        yaml: "\
rate: 10/min
pace: sleeping_window
shared: fleet",
    },
    Preset {
        name: "botocore-adaptive-limiter",
        version: "1",
        library: "botocore (adaptive mode)",
        looked_at: "1.44.5",
        source: "retries/adaptive.py, bucket.py, throttling.py",
        layer: LayerKind::RateLimit,
        about: "Off until the first throttling, then a cubic curve of TCP; every call waits its turn.",
        storm: "Per client object, and blind to all but throttling: in an outage it speeds up.",
        yaml: "\
adaptive: {on: [rate_limited]}
shared: fleet",
    },
    Preset {
        name: "sre",
        version: "2016",
        library: "Google SRE adaptive throttling",
        looked_at: "Site Reliability Engineering ch. 21",
        source: "Handling Overload, equation 21-1",
        layer: LayerKind::AdaptiveThrottle,
        about: "Sends about twice what the target accepted in the last two minutes.",
        storm: "After an outage of two minutes it has forgotten every success and probes one by one.",
        yaml: "\
k: 2
window: 2m
shared: fleet",
    },
];
