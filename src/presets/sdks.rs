//! Provider SDKs.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "openai-python",
        version: "3",
        library: "openai (Python)",
        looked_at: "3.54.0",
        source: "_base_client.py: _should_retry, _calculate_retry_timeout",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; gives up when told to wait more than 120 s.",
        storm: "Also retries quota errors that never recover (insufficient_quota is a 429). No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after]}
longest_retry_after: 120s
if_longer: give_up",
    },
    Preset {
        name: "openai-python",
        version: "2.54",
        library: "openai (Python)",
        looked_at: "2.54.0",
        source: "_base_client.py: _should_retry, _calculate_retry_timeout",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; gives up when told to wait more than 120 s.",
        storm: "Also retries quota errors that never recover (insufficient_quota is a 429). No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after]}
longest_retry_after: 120s
if_longer: give_up",
    },
    Preset {
        name: "openai-python",
        version: "1",
        library: "openai (Python)",
        looked_at: "1.109.1",
        source: "_base_client.py: _should_retry, _calculate_retry_timeout",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; ignores a Retry-After of more than 60 s.",
        storm: "Told to wait longer than a minute, it is back within half a second, twice, and fails. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after]}
longest_retry_after: 60s
if_longer: backoff",
    },
    Preset {
        name: "anthropic-python",
        version: "2",
        library: "anthropic (Python)",
        looked_at: "2.12.0",
        source: "_base_client.py: _should_retry, _calculate_retry_timeout",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; waits as long as it is told.",
        storm: "A worker that is told an hour sleeps for an hour. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after], infinity: true}
longest_retry_after: 4294967s
if_longer: cap",
    },
    Preset {
        name: "anthropic-python",
        version: "0.75",
        library: "anthropic (Python)",
        looked_at: "0.75.0",
        source: "_base_client.py: _should_retry, _calculate_retry_timeout",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; ignores a Retry-After of more than 60 s.",
        storm: "Told to wait longer than a minute, it is back within half a second, twice, and fails. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after]}
longest_retry_after: 60s
if_longer: backoff",
    },
    Preset {
        name: "openai-node",
        version: "7",
        library: "openai (Node.js)",
        looked_at: "7.57.0",
        source: "client.ts: shouldRetry, retryRequest",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; ignores a Retry-After of more than 60 s.",
        storm: "Told to wait longer than a minute, it is back within half a second, twice, and fails. Retry-After: 0 is honoured as no wait at all.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
headers: {read: [retry-after-ms, retry-after], numbers: leading}
longest_retry_after: 60s
if_longer: backoff",
    },
    Preset {
        name: "openai-node",
        version: "6.49",
        library: "openai (Node.js)",
        looked_at: "6.49.0",
        source: "client.ts: shouldRetry, retryRequest",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; waits as long as it is told.",
        storm: "A Retry-After that is zero, past, unreadable or above 24.8 days becomes a wait of 1 ms: a hot loop.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
headers: {read: [retry-after-ms, retry-after], numbers: leading, unusable: at_once, past: at_once, skip_zero_ms: true}
longest_retry_after: 2147483647ms
if_longer: at_once",
    },
    Preset {
        name: "openai-node",
        version: "6.16",
        library: "openai (Node.js)",
        looked_at: "6.16.0",
        source: "client.ts: shouldRetry, retryRequest",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; ignores a Retry-After of a minute or more.",
        storm: "Told to wait longer than a minute, it is back within half a second, twice, and fails. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after], numbers: leading, skip_zero_ms: true}
longest_retry_after: 59s 999ms 999us 999ns
if_longer: backoff",
    },
    Preset {
        name: "anthropic-ts",
        version: "1",
        library: "@anthropic-ai/sdk",
        looked_at: "1.12.0",
        source: "client.ts: shouldRetry, retryRequest",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; waits as long as it is told.",
        storm: "A worker that is told an hour sleeps for an hour. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after], numbers: leading, skip_zero_ms: true}
longest_retry_after: 2147483647ms
if_longer: backoff",
    },
    Preset {
        name: "anthropic-ts",
        version: "0.65",
        library: "@anthropic-ai/sdk",
        looked_at: "0.65.0",
        source: "client.ts: shouldRetry, retryRequest",
        layer: LayerKind::Retry,
        about: "Three calls, 0.5 s doubling to 8 s less up to 25 %; ignores a Retry-After of a minute or more.",
        storm: "Told to wait longer than a minute, it is back within half a second, twice, and fails. No jitter on Retry-After: a fleet that was told 7 s returns in lockstep at 7.000 s.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 500ms, max: 8s}, jitter: {shrink: 25%}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
x_should_retry: obey
zero_retry_after: backoff
headers: {read: [retry-after-ms, retry-after], numbers: leading, skip_zero_ms: true}
longest_retry_after: 59s 999ms 999us 999ns
if_longer: backoff",
    },
    Preset {
        name: "vercel-ai-sdk",
        version: "7",
        library: "ai (Vercel AI SDK)",
        looked_at: "7.0.173",
        source: "retry-with-exponential-backoff.ts",
        layer: LayerKind::Retry,
        about: "Three calls, exactly 2 s and 4 s; a Retry-After below a minute replaces the wait.",
        storm: "No jitter: every client of an outage returns at the same instant. Every step of an agent has a budget of its own.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 2s}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
headers: {read: [retry-after-ms, retry-after], numbers: leading}
longest_retry_after: 59s 999ms 999us 999ns
if_longer: shorter",
    },
    Preset {
        name: "vercel-ai-sdk",
        version: "6",
        library: "ai (Vercel AI SDK)",
        looked_at: "6.0.326",
        source: "retry-with-exponential-backoff.ts",
        layer: LayerKind::Retry,
        about: "Three calls, exactly 2 s and 4 s; a Retry-After below a minute replaces the wait.",
        storm: "No jitter: every client of an outage returns at the same instant. Every step of an agent has a budget of its own.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 2s}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
headers: {read: [retry-after-ms, retry-after], numbers: leading}
longest_retry_after: 59s 999ms 999us 999ns
if_longer: shorter",
    },
    Preset {
        name: "vercel-ai-sdk",
        version: "5",
        library: "ai (Vercel AI SDK)",
        looked_at: "5.0.277",
        source: "retry-with-exponential-backoff.ts",
        layer: LayerKind::Retry,
        about: "Three calls, exactly 2 s and 4 s; a Retry-After below a minute replaces the wait.",
        storm: "No jitter: every client of an outage returns at the same instant. Every step of an agent has a budget of its own.",
        yaml: "\
attempts: 3
backoff: {exponential: {base: 2s}}
on: [transient, timeout]
statuses: [408, 409, 429, 500-599]
headers: {read: [retry-after-ms, retry-after], numbers: leading}
longest_retry_after: 59s 999ms 999us 999ns
if_longer: shorter",
    },
];
