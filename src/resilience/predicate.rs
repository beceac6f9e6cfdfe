//! Which replies are tried again: by outcome, by status, by what the server says.
//!
//! A real client sees a status and headers; a simulated reply has both beside its outcome. Where a
//! client's rule speaks of statuses it decides about replies that have one, and the set of
//! outcomes decides about the rest (no connection, a timeout, a refusal by a layer inside).

use crate::wire::{Advice, NO_STATUS, Outcome, OutcomeSet, Reply};

/// A set of HTTP statuses from 100 to 611.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSet([u64; 8]);

/// A rule that says which replies are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicate {
    /// Which outcomes, where no rule below decides.
    pub on: OutcomeSet,
    /// Which statuses; `None` leaves it to the outcomes.
    pub statuses: Option<StatusSet>,
    /// Which statuses as well if the reply has a plain `Retry-After` that the client reads.
    ///
    /// Source: urllib3 2.8.0, `Retry.is_retry` (413, 429, 503).
    pub statuses_if_told: StatusSet,
    /// Which outcomes whatever their status: the client knows them by the server's error code.
    ///
    /// Source: botocore, `retries/standard.py` (`ThrottlingException`, with 400 or 429).
    pub by_code: OutcomeSet,
    /// Whether `x-should-retry` overrides all of this.
    ///
    /// Source: openai-python, `_base_client.py`, `_should_retry`.
    pub obeys_advice: bool,
}

impl StatusSet {
    /// No status.
    pub const EMPTY: StatusSet = StatusSet([0; 8]);
    /// The least status that a set can hold.
    pub const LEAST: u16 = 100;
    /// The greatest status that a set can hold.
    pub const MOST: u16 = 611;

    /// This set and the statuses from `low` to `high`, both included.
    pub fn with(mut self, low: u16, high: u16) -> StatusSet {
        for status in low.max(Self::LEAST)..=high.min(Self::MOST) {
            let bit = status - Self::LEAST;
            self.0[usize::from(bit / 64)] |= 1 << (bit % 64);
        }
        self
    }

    /// Whether `status` is in the set.
    #[inline]
    pub fn has(&self, status: u16) -> bool {
        let bit = status.wrapping_sub(Self::LEAST);
        let word = self.0.get(usize::from(bit / 64));
        word.is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }
}

impl Predicate {
    /// A rule by outcomes alone.
    pub const fn by_outcome(on: OutcomeSet) -> Predicate {
        Predicate {
            on,
            statuses: None,
            statuses_if_told: StatusSet::EMPTY,
            by_code: OutcomeSet::EMPTY,
            obeys_advice: false,
        }
    }

    /// Whether `reply` is tried again; `told` is whether it has a plain `Retry-After` that the
    /// client reads.
    #[inline]
    pub fn wants(&self, reply: &Reply, told: bool) -> bool {
        if reply.outcome == Outcome::Ok {
            return false;
        }
        if self.obeys_advice {
            match reply.advice {
                Advice::Retry => return true,
                Advice::Stop => return false,
                Advice::None => {}
            }
        }
        match &self.statuses {
            Some(statuses) if reply.status != NO_STATUS => {
                statuses.has(reply.status)
                    || told && self.statuses_if_told.has(reply.status)
                    || self.by_code.has(reply.outcome)
            }
            _ => self.on.has(reply.outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Predicate {
        Predicate {
            statuses: Some(StatusSet::EMPTY.with(408, 408).with(500, 599)),
            statuses_if_told: StatusSet::EMPTY.with(429, 429),
            obeys_advice: true,
            ..Predicate::by_outcome(OutcomeSet::of(&[Outcome::Timeout]))
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = StatusSet::EMPTY
            .with(100, 100)
            .with(500, 599)
            .with(611, 611);
        let held: Vec<u16> = (0..=u16::MAX).filter(|s| set.has(*s)).collect();
        assert_eq!(held.len(), 102);
        assert_eq!((held[0], held[1], held[101]), (100, 500, 611));
    }

    #[test]
    fn a_status_decides_where_there_is_one() {
        let wants = |status| rule().wants(&Reply::of_status(status), false);
        assert!(wants(408) && wants(529) && !wants(429) && !wants(400));
        assert!(rule().wants(&Reply::of_status(429), true));
        assert!(!rule().wants(&Reply::of_status(400), true));
        assert!(rule().wants(&Reply::of(Outcome::Timeout), false));
        assert!(!rule().wants(&Reply::of(Outcome::CircuitOpen), false));
        assert!(!rule().wants(&Reply::of(Outcome::Invalid), false));
        let by_code = Predicate {
            by_code: OutcomeSet::of(&[Outcome::RateLimited]),
            ..rule()
        };
        let throttled = Reply {
            status: 400,
            ..Reply::of(Outcome::RateLimited)
        };
        assert!(by_code.wants(&throttled, false) && !rule().wants(&throttled, false));
    }

    #[test]
    fn the_server_s_advice_overrides_the_status_but_not_success() {
        let advised = |status, advice| Reply {
            advice,
            ..Reply::of_status(status)
        };
        assert!(rule().wants(&advised(400, Advice::Retry), false));
        assert!(!rule().wants(&advised(500, Advice::Stop), false));
        assert!(!rule().wants(&advised(200, Advice::Retry), false));
        let deaf = Predicate {
            obeys_advice: false,
            ..rule()
        };
        assert!(!deaf.wants(&advised(400, Advice::Retry), false));
    }
}
