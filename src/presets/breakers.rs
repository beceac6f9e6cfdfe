//! Circuit breakers.

use super::{LayerKind, Preset};

/// The table.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "pybreaker",
        version: "1",
        library: "pybreaker",
        looked_at: "1.4.1",
        source: "pybreaker/__init__.py",
        layer: LayerKind::CircuitBreaker,
        about: "Five failures in a row open it for 60 s; then one probe.",
        storm: "Per process: each of a fleet's workers must fail five times itself.",
        yaml: "\
failures: 5
open_for: 60s
half_open: one
shared: agent",
    },
    Preset {
        name: "aiobreaker",
        version: "1",
        library: "aiobreaker",
        looked_at: "1.2.0",
        source: "aiobreaker/circuitbreaker.py",
        layer: LayerKind::CircuitBreaker,
        about: "Five failures in a row open it for 60 s; then one probe.",
        storm: "Per process: each of a fleet's workers must fail five times itself.",
        yaml: "\
failures: 5
open_for: 60s
half_open: one
shared: agent",
    },
    Preset {
        name: "purgatory",
        version: "3",
        library: "purgatory",
        looked_at: "3.0.1",
        source: "purgatory/domain/model.py",
        layer: LayerKind::CircuitBreaker,
        about: "Five failures in a row open it for 30 s; then everybody probes.",
        storm: "Half-open lets everybody through: a small stampede.",
        yaml: "\
failures: 5
open_for: 30s
half_open: all
shared: agent",
    },
    Preset {
        name: "cockatiel-consecutive",
        version: "4",
        library: "cockatiel ConsecutiveBreaker(5)",
        looked_at: "4.0.0",
        source: "src/breaker/ConsecutiveBreaker.ts",
        layer: LayerKind::CircuitBreaker,
        about: "Five failures in a row open it for 10 s; then one probe.",
        storm: "Per process, and the numbers must be chosen: there is no default.",
        yaml: "\
failures: 5
open_for: 10s
half_open: one
shared: agent",
    },
    Preset {
        name: "cockatiel-count",
        version: "4",
        library: "cockatiel CountBreaker",
        looked_at: "4.0.0",
        source: "src/breaker/CountBreaker.ts",
        layer: LayerKind::CircuitBreaker,
        about: "More than half of the last 10 calls open it for 10 s; then one probe.",
        storm: "Per process, and the numbers must be chosen: these are those of its README.",
        yaml: "\
failure_rate: {above: 50%}
window: {calls: 10}
decides: each_failure
open_for: 10s
half_open: one
on: any
shared: agent",
    },
    Preset {
        name: "cockatiel-sampling",
        version: "4",
        library: "cockatiel SamplingBreaker",
        looked_at: "4.0.0",
        source: "src/breaker/SamplingBreaker.ts",
        layer: LayerKind::CircuitBreaker,
        about: "More than 20 % of 30 calls or more in 30 s open it for 10 s; then one probe.",
        storm: "After an idle time old failures still count: buckets go in turn, not by age.",
        yaml: "\
failure_rate: {above: 20%}
window: {time: 30s, buckets: 30, begin: call_in_turn}
minimum_calls: 30
decides: each_failure
open_for: 10s
half_open: one
on: any
shared: agent",
    },
    Preset {
        name: "opossum",
        version: "10",
        library: "opossum",
        looked_at: "10.0.0",
        source: "lib/circuit.js, lib/status.js",
        layer: LayerKind::CircuitBreaker,
        about: "More than 50 % failures in 10 s open it for 30 s; then one probe.",
        storm: "No minimum of calls: the first call of a quiet process that fails opens it.",
        yaml: "\
failure_rate: {above: 50%}
window: {time: 10s, buckets: 10}
minimum_calls: 0
decides: each_failure
counts_refused: true
counts_at: start
on_closing: keep
open_for: 30s
half_open: one
on: any
shared: agent",
    },
    Preset {
        name: "hystrix",
        version: "1",
        library: "Hystrix",
        looked_at: "1.5.18",
        source: "HystrixCircuitBreaker, HealthCountsStream",
        layer: LayerKind::CircuitBreaker,
        about: "50 % errors of 20 requests in 10 s, looked at every 500 ms, open it for 5 s; then one probe.",
        storm: "Up to 500 ms of failures pass after the limit; every process trips by itself.",
        yaml: "\
failure_rate: 50%
window: {time: 10s, buckets: 20}
minimum_calls: 20
decides: each_bucket
open_for: 5s
half_open: one
on: any
shared: agent",
    },
    Preset {
        name: "resilience4j-breaker",
        version: "2",
        library: "resilience4j CircuitBreaker",
        looked_at: "2.4",
        source: "circuitbreaker/internal/CircuitBreakerStateMachine.java",
        layer: LayerKind::CircuitBreaker,
        about: "50 % failures, or all slower than 60 s, of the last 100 calls open it for 60 s; then 10 calls decide.",
        storm: "It decides nothing before 100 calls: a small client never trips it.",
        yaml: "\
failure_rate: 50%
window: {calls: 100}
minimum_calls: 100
slow_calls: {longer_than: 60s, rate: 100%}
open_for: 60s
half_open: {sample: 10}
on: any
ignore: none
shared: agent",
    },
    Preset {
        name: "polly-breaker",
        version: "8",
        library: "Polly CircuitBreakerStrategy",
        looked_at: "8.7.0",
        source: "CircuitBreaker/Health/RollingHealthMetrics.cs",
        layer: LayerKind::CircuitBreaker,
        about: "10 % failures of 100 calls or more in 30 s open it for 5 s; then one probe.",
        storm: "100 calls in 30 s: what one agent calls never trips it.",
        yaml: "\
failure_rate: 10%
window: {time: 30s, buckets: 10, begin: call}
minimum_calls: 100
decides: each_failure
open_for: 5s
half_open: one
on: any
ignore: none
shared: agent",
    },
];
