//! Optimistic contention: who writes a row that another has written meanwhile has worked for nothing.

use crate::wire::Outcome;

/// A store whose writes compare and set: an attempt reads a row's version, works, and writes; the
/// write holds if nobody has written the row since.
///
/// ```text
/// client ── hop ──► read v ── hop ──► client ── hop ──► write if v ── hop ──► client
///                     └──────────── latency ─────────────┘
/// ```
///
/// Pessimistic locking needs no word of its own: it is a target with one server.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, and its
/// simulator, aws-samples/aws-arch-backoff-simulator (`OccServer`, `OccClient`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contention {
    /// How many rows there are, at least 1; a step's row is drawn once, evenly.
    pub rows: u32,
    /// Whether read and write are requests of their own, so that a reply and a request travel
    /// between them; else the target does both by itself.
    pub by_client: bool,
    /// How an attempt ends whose write came too late.
    pub outcome: Outcome,
}

impl Contention {
    /// The most rows that a target may have.
    pub const MOST_ROWS: u32 = 1_000_000;
}
