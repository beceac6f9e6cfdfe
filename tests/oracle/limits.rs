//! Server-side rate limits that remember everything and compute each verdict from the full log.

use squall::world::{Algorithm, LimitSpec, LimitUnit};

/// What a limit has seen.
#[derive(Default)]
pub struct Limit {
    /// (time, cost) of what counts, in order.
    log: Vec<(u64, u64)>,
    /// Of `incr_expire` with `refresh_ttl`: also the rejected requests, as cost 0.
    pub in_flight: u64,
}

impl Limit {
    /// Whether an attempt of this cost would be admitted at `now`, if nothing else came until then.
    pub fn admits(&self, spec: &LimitSpec, now: u64, cost: u64) -> bool {
        let window = spec.window.0;
        let sum = |from: u64, until: u64| -> u64 {
            let inside = |(t, _): &&(u64, u64)| from <= *t && *t < until;
            self.log.iter().filter(inside).map(|(_, cost)| cost).sum()
        };
        let wide = u128::from;
        match spec.algorithm {
            Algorithm::Concurrency => self.in_flight < spec.quota,
            Algorithm::FixedWindow => {
                let begin = now / window * window;
                sum(begin, begin + window) + cost <= spec.quota
            }
            Algorithm::SlidingLog => {
                let since = (now + 1).saturating_sub(window);
                sum(since, now + 1) + cost <= spec.quota
            }
            Algorithm::SlidingWindow => {
                let begin = now / window * window;
                let before = match begin {
                    0 => 0,
                    _ => sum(begin - window, begin),
                };
                let weighted = wide(before) * wide(begin + window - now);
                weighted + wide(sum(begin, begin + window) + cost) * wide(window)
                    <= wide(spec.quota) * wide(window)
            }
            Algorithm::TokenBucket { burst } => {
                // In units of 1/window tokens: a nanosecond adds `quota`.
                let full = i128::from(burst) * i128::from(window);
                let mut level = full;
                let mut last = 0;
                let drip = |level: i128, span: u64| {
                    full.min(level + i128::from(span) * i128::from(spec.quota))
                };
                for (t, cost) in &self.log {
                    let taken = i128::from(*cost) * i128::from(window);
                    // Rejected requests that count take what there is.
                    level = (drip(level, t - last) - taken).max(0);
                    last = *t;
                }
                drip(level, now - last) >= i128::from(cost) * i128::from(window)
            }
            Algorithm::Gcra { burst } => {
                // In units of 1/quota nanoseconds: an interval is `window`.
                let mut due = 0u128;
                for (t, cost) in &self.log {
                    due = due.max(wide(*t) * wide(spec.quota)) + wide(*cost) * wide(window);
                }
                let now = wide(now) * wide(spec.quota);
                due.max(now) + wide(cost) * wide(window) <= now + wide(burst) * wide(window)
            }
            Algorithm::IncrExpire { refresh_ttl } => {
                let mut count = 0;
                let mut expires = 0;
                for (t, cost) in &self.log {
                    if *t >= expires {
                        count = 0;
                    }
                    if *t >= expires || refresh_ttl {
                        expires = t + window;
                    }
                    count += cost;
                }
                if now >= expires {
                    count = 0;
                }
                count + cost <= spec.quota
            }
        }
    }

    /// Counts an attempt that was admitted.
    pub fn take(&mut self, now: u64, cost: u64) {
        self.log.push((now, cost));
        self.in_flight += 1;
    }

    /// Takes note of one that was rejected, here or by another limit.
    pub fn reject(&mut self, spec: &LimitSpec, now: u64, cost: u64) {
        let rearms = matches!(spec.algorithm, Algorithm::IncrExpire { refresh_ttl: true });
        let known = |log: &[(u64, u64)]| log.last().is_some_and(|(t, _)| t + spec.window.0 > now);
        if spec.algorithm == Algorithm::Concurrency {
        } else if spec.counts_rejected {
            self.log.push((now, cost));
        } else if rearms && known(&self.log) {
            self.log.push((now, 0));
        }
    }

    /// How long until it would admit this; found by halving, because once it does it goes on to.
    pub fn wait(&self, spec: &LimitSpec, now: u64, cost: u64) -> Option<u64> {
        let ready = |span: u64| self.admits(spec, now + span, cost);
        let mut far = 1;
        while !ready(far) {
            far *= 2;
            if far > 1 << 60 {
                return None;
            }
        }
        let mut near = 0;
        while far - near > 1 {
            let middle = near + (far - near) / 2;
            match ready(middle) {
                true => far = middle,
                false => near = middle,
            }
        }
        Some(far)
    }
}

/// What an attempt costs a limit.
pub fn cost(spec: &LimitSpec, input: u32, output: u32) -> u64 {
    match spec.unit {
        LimitUnit::Requests => 1,
        LimitUnit::InputTokens => u64::from(input),
        LimitUnit::OutputTokens => u64::from(output),
        LimitUnit::Tokens => u64::from(input) + u64::from(output),
    }
}
