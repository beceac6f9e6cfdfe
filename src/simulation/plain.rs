//! Tools in whose way nothing stands: how an attempt ends is known from its luck alone.

use crate::random::Distribution;
use crate::units::Span;
use crate::wire::Outcome;
use crate::world::{Capacity, RetryAfterHint, Target, UnderLoad, Work};

use super::server::latency_of;

/// A tool that is always there for everybody, and fails or not by itself.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// Coins below this are failures.
    rate: u64,
    fails_with: Outcome,
    works_for: &'a Distribution,
    fails_after: &'a Distribution,
}

impl<'a> Plain<'a> {
    /// How a target answers, if nothing but luck decides that.
    pub fn of(spec: &'a Target) -> Option<Plain<'a>> {
        let plain = matches!(spec.work, Work::Tool { .. })
            && spec.capacity == Capacity::Infinite
            && spec.under_load == UnderLoad::default()
            && spec.hangs.is_none()
            && spec.outages.is_empty()
            && spec.episodes.is_none()
            && spec.script.is_none()
            && spec.pauses.is_empty()
            && spec.slowdowns.is_empty()
            && spec.breakdowns.is_none()
            && spec.network.is_none()
            && spec.contention.is_none()
            && spec.limits.is_empty()
            && spec.failures.retry_after == RetryAfterHint::Silent;
        plain.then(|| Plain {
            rate: spec.failures.rate.of_coins(),
            fails_with: spec.failures.outcome,
            works_for: latency_of(spec, Outcome::Ok),
            fails_after: latency_of(spec, spec.failures.outcome),
        })
    }

    /// How an attempt ends, and how long that takes.
    #[inline]
    pub fn answer(&self, luck: &[u32; 4]) -> (Outcome, Span) {
        let (outcome, latency) = match u64::from(luck[1]) < self.rate {
            true => (self.fails_with, self.fails_after),
            false => (Outcome::Ok, self.works_for),
        };
        let ns = latency.sample(luck[0]);
        (outcome, Span::from_nanos_f64(ns))
    }
}
