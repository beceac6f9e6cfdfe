//! Durable executors and job queues.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "temporal",
        version: "1",
        library: "Temporal activities",
        looked_at: "server 6805caea59",
        source: "common/backoff/retry.go; service/history/workflow/retry.go",
        layer: LayerKind::Retry,
        about: "Any number of attempts, 1 s doubling to 100 s; not of what found no worker in time (`rejected`).",
        storm: "No jitter and no end: a fleet that fails together retries together for ever.",
        yaml: "\
attempts: unlimited
backoff: {exponential: {base: 1s, max: 100s}}
on: [transient, rate_limited, overloaded, timeout, invalid, permanent, context_overflow, circuit_open]
retry_after: ignore",
    },
    Preset {
        name: "temporal-client",
        version: "1",
        library: "Temporal SDK's calls of its server",
        looked_at: "temporalio 1.35.0",
        source: "service.RetryConfig; sdk-core client/src/retry.rs",
        layer: LayerKind::Retry,
        about: "Ten calls within 10 s, 0.1 s growing by half to 5 s, after throttling 1 s doubling to 10 s, 20 % to either side.",
        storm: "Ten calls of a server that is down; the count of retries includes the first call.",
        yaml: "\
attempts: 10
backoff: {exponential: {base: 100ms, factor: 1.5, max: 5s}, jitter: {proportional: 20%}}
throttled_backoff: {exponential: {base: 1s, max: 10s}, jitter: {proportional: 20%}}
deadline: 10s
on: [transient, rate_limited, overloaded]
retry_after: ignore",
    },
    Preset {
        name: "inngest",
        version: "4",
        library: "Inngest",
        looked_at: "server 253303cdff",
        source: "pkg/backoff; pkg/execution/queue/process.go",
        layer: LayerKind::Retry,
        about: "Five runs of a step, 15 s, 30 s, 1 min … 2 h plus up to 30 s.",
        storm: "Retries per step and per function multiply.",
        yaml: "\
attempts: 5
backoff: {table: [15s, 30s, 1m, 2m, 5m, 10m, 20m, 40m, 1h, 2h], jitter: {plus: 30s}, round: ms}
on: any
shortest_retry_after: 1s
longest_retry_after: 24h
if_longer: cap
headers: {past: at_once}",
    },
    Preset {
        name: "celery",
        version: "5",
        library: "Celery self.retry / autoretry_for",
        looked_at: "5.7.0",
        source: "app/task.py",
        layer: LayerKind::Retry,
        about: "Four runs, 180 s apart.",
        storm: "No jitter: tasks that failed together return together.",
        yaml: "\
attempts: 4
backoff: {fixed: 180s}
on: any
retry_after: ignore",
    },
    Preset {
        name: "celery-backoff",
        version: "5",
        library: "Celery retry_backoff=True",
        looked_at: "5.7.0",
        source: "app/autoretry.py; utils/time.py",
        layer: LayerKind::Retry,
        about: "Four runs, a whole number of seconds from 0 to 1, 2, 4 … 600.",
        storm: "The first retry is immediate half of the time.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 1s, max: 600s}, jitter: {whole: 1s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "sidekiq",
        version: "8",
        library: "Sidekiq",
        looked_at: "8.1.7",
        source: "lib/sidekiq/job_retry.rb",
        layer: LayerKind::Retry,
        about: "26 runs over about twenty days: count⁴ + 15 s and some.",
        storm: "A failed job comes back for three weeks.",
        yaml: "\
attempts: 26
backoff: {polynomial: {base: 15s, step: 1s, power: 4}, jitter: {plus_times: 10s}, round: s}
on: any
retry_after: ignore",
    },
    Preset {
        name: "bullmq",
        version: "6",
        library: "BullMQ",
        looked_at: "6.7.0",
        source: "src/classes/backoffs.ts",
        layer: LayerKind::Retry,
        about: "One run; attempts and backoff are opt-in.",
        storm: "None of its own.",
        yaml: "\
attempts: 1
on: any
retry_after: ignore",
    },
    Preset {
        name: "kubernetes-job",
        version: "1",
        library: "Kubernetes Job (backoffLimit)",
        looked_at: "1.3x",
        source: "pkg/controller/job",
        layer: LayerKind::Retry,
        about: "Seven pods, 10 s doubling to 600 s.",
        storm: "Each retry runs the whole job again; no jitter.",
        yaml: "\
attempts: 7
backoff: {exponential: {base: 10s, max: 600s}}
on: any
retry_after: ignore",
    },
    Preset {
        name: "step-functions",
        version: "1",
        library: "AWS Step Functions Retry",
        looked_at: "Amazon States Language",
        source: "amazon-states-language-errors",
        layer: LayerKind::Retry,
        about: "Four runs, exactly 1 s, 2 s and 4 s.",
        storm: "No jitter unless JitterStrategy is FULL.",
        yaml: "\
attempts: 4
backoff: {exponential: {base: 1s}}
on: any
retry_after: ignore",
    },
];
