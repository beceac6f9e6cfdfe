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
];
