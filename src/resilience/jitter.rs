//! Jitter: what luck does to a delay.
//!
//! Every library has its own; the names of the kinds are ours, the formulas theirs. Each takes one
//! uniform number.

use crate::units::Span;

/// What luck does to a delay `x`; `u` is uniform in \[0, 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// `x`.
    None,
    /// `x·u`: anything up to the delay.
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    Full,
    /// `x/2 + x/2·u`: the upper half. Source: as `Full`.
    Equal,
    /// `x·(1 - share + share·u)`: the upper share of the delay; `Full` is 1, `Equal` is one half.
    /// Source: BullMQ 6.7.0.
    Upper(f64),
    /// `x·(1 - share·u)`: the delay or up to a share of it less.
    /// Source: openai-python, `_base_client.py`, `_calculate_retry_timeout` (share 25 %).
    Shrink(f64),
    /// `x·(1 + share·u)`: the delay and up to a share of it more.
    /// Source: npm `retry` 0.13.1, `createTimeout` (share 100 %).
    Additive(f64),
    /// `x·(1 + share·(2u - 1))`: a share to either side.
    /// Source: gRFC A6 (share 20 %).
    Proportional(f64),
    /// `x·(1 + share·(1 - 2u))`: the same distribution as `Proportional`, with the luck reversed.
    /// Source: Failsafe 3.3, `RetryPolicyExecutor.randomDelay`.
    Mirrored(f64),
    /// `x·(1 - share) + u·(2·x·share + 1 ms)`, at least a millisecond: a share to either side,
    /// both ends included, in whole milliseconds.
    /// Source: resilience4j 2.4, `IntervalFunction.randomize`.
    Inclusive(f64),
    /// `x + u·most`: the delay and up to so much more.
    /// Source: tenacity 9.2.1, `wait_exponential_jitter`.
    Plus(Span),
    /// `x + u·k·most` for retry number `k`. Source: Sidekiq 8.1.7, `JobRetry#delay_for`.
    PlusTimes(Span),
    /// `low + u·(x - low)`: from a fixed bound up to the delay.
    /// Source: tenacity 9.2.1, `wait_random_exponential`.
    From(Span),
    /// `⌊u·(x/unit + 1)⌋·unit`: a whole number of units up to the delay, both ends included.
    /// Source: Celery 5.7.0, `get_exponential_backoff_interval` (unit 1 s).
    Whole(Span),
    /// `x + ⌊s·u·share⌋ s + n·u·share ns`, where `x` is `s` whole seconds and `n` ns: whole seconds
    /// jitter only by whole seconds. Source: tower 0.5.3, `ExponentialBackoff::jitter`.
    Parts(f64),
}

impl Jitter {
    /// The delay `x` \[ns\] before retry number `k` with luck `u` in \[0, 1), in ns.
    #[inline]
    pub fn apply(self, x: f64, k: u32, u: f64) -> f64 {
        match self {
            Jitter::None => x,
            Jitter::Full => x * u,
            Jitter::Equal => x / 2.0 + x / 2.0 * u,
            Jitter::Upper(share) => x * (1.0 - share + share * u),
            Jitter::Shrink(share) => x * (1.0 - share * u),
            Jitter::Additive(share) => x * (1.0 + share * u),
            Jitter::Proportional(share) => x * (1.0 + share * (2.0 * u - 1.0)),
            Jitter::Mirrored(share) => x * (1.0 + share * (1.0 - 2.0 * u)),
            Jitter::Inclusive(share) => {
                let ms = Span::MILLISECOND.0 as f64;
                (x * (1.0 - share) + u * (2.0 * x * share + ms)).max(ms)
            }
            Jitter::Plus(most) => x + u * most.0 as f64,
            Jitter::PlusTimes(most) => x + u * f64::from(k) * most.0 as f64,
            Jitter::From(low) => low.0 as f64 + u * (x - low.0 as f64),
            Jitter::Whole(unit) => {
                let unit = unit.0 as f64;
                (u * (x / unit + 1.0)).floor() * unit
            }
            Jitter::Parts(share) => {
                let second = Span::SECOND.0 as f64;
                let whole = (x / second).floor();
                let rest = x - whole * second;
                x + (whole * u * share).floor() * second + rest * u * share
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: f64 = 1e9;

    #[test]
    fn each_kind_keeps_its_bounds() {
        let second = Span::SECOND;
        let kinds: [(Jitter, f64, f64); 13] = [
            (Jitter::None, 4.0, 4.0),
            (Jitter::Full, 0.0, 4.0),
            (Jitter::Equal, 2.0, 4.0),
            (Jitter::Upper(0.25), 3.0, 4.0),
            (Jitter::Shrink(0.25), 4.0, 3.0),
            (Jitter::Additive(1.0), 4.0, 8.0),
            (Jitter::Proportional(0.25), 3.0, 5.0),
            (Jitter::Mirrored(0.25), 5.0, 3.0),
            (Jitter::Inclusive(0.5), 2.0, 6.001),
            (Jitter::Plus(second), 4.0, 5.0),
            (Jitter::PlusTimes(second), 4.0, 7.0),
            (Jitter::From(second), 1.0, 4.0),
            (Jitter::Parts(0.5), 4.0, 5.0),
        ];
        for (jitter, at_zero, towards_one) in kinds {
            let almost = 1.0 - 1e-12;
            assert!(
                (jitter.apply(4.0 * S, 3, 0.0) / S - at_zero).abs() < 1e-9,
                "{jitter:?}"
            );
            let high = jitter.apply(4.0 * S, 3, almost) / S;
            assert!((high - towards_one).abs() < 1e-9, "{jitter:?} {high}");
        }
    }

    #[test]
    fn whole_units_include_both_ends() {
        let jitter = Jitter::Whole(Span::SECOND);
        let drawn: Vec<f64> = [0.0, 0.49, 0.51, 0.999]
            .iter()
            .map(|u| jitter.apply(S, 1, *u) / S)
            .collect();
        assert_eq!(drawn, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn each_kind_by_hand() {
        let second = Span::SECOND;
        // Four seconds before the third retry, with luck 1/4.
        let kinds: [(Jitter, f64); 13] = [
            (Jitter::None, 4.0),
            (Jitter::Full, 1.0),
            (Jitter::Equal, 2.5),
            (Jitter::Upper(0.5), 2.5),
            (Jitter::Shrink(0.5), 3.5),
            (Jitter::Additive(0.5), 4.5),
            (Jitter::Proportional(0.5), 3.0),
            (Jitter::Mirrored(0.5), 5.0),
            (Jitter::Inclusive(0.5), 3.00025),
            (Jitter::Plus(second), 4.25),
            (Jitter::PlusTimes(second), 4.75),
            (Jitter::From(second), 1.75),
            (Jitter::Whole(second), 1.0),
        ];
        for (jitter, seconds) in kinds {
            let ours = jitter.apply(4.0 * S, 3, 0.25) / S;
            assert!((ours - seconds).abs() < 1e-12, "{jitter:?} {ours}");
        }
        // Of 4.5 s the four whole ones by ⌊4·0.675⌋ = 2, the rest by 0.5·0.675.
        let parts = Jitter::Parts(0.9).apply(4.5 * S, 3, 0.75) / S;
        assert!((parts - 6.8375).abs() < 1e-12, "{parts}");
        // Who would wait for nothing waits a millisecond.
        assert_eq!(Jitter::Inclusive(0.5).apply(0.0, 1, 0.0), 1e6);
    }
}
