//! Targets that break down: time in which they work, found by going from one breakdown to the next.

use squall::world::Breakdowns;

use super::server::certain;

/// How long a target works and stands still, by turns.
fn turns(breakdowns: &Breakdowns) -> (u64, u64) {
    let up = certain(&breakdowns.up) as u64;
    (up, certain(&breakdowns.down) as u64)
}

/// For how long it works between two times.
pub fn between(breakdowns: &Option<Breakdowns>, from: u64, until: u64) -> u64 {
    let Some(breakdowns) = breakdowns else {
        return until - from;
    };
    let (up, down) = turns(breakdowns);
    let (mut begin, mut worked) = (0, 0);
    while begin < until {
        let (first, last) = (from.max(begin), until.min(begin + up));
        worked += last.saturating_sub(first);
        begin += up + down;
    }
    worked
}

/// When work ends that begins at a time.
pub fn end(breakdowns: &Option<Breakdowns>, from: u64, work: u64) -> u64 {
    let Some(breakdowns) = breakdowns else {
        return from.saturating_add(work);
    };
    let (up, down) = turns(breakdowns);
    let (mut begin, mut left) = (0, work);
    loop {
        let works = (begin + up).saturating_sub(from.max(begin));
        if left == 0 {
            return from;
        }
        if left <= works {
            return from.max(begin) + left;
        }
        left -= works;
        begin += up + down;
    }
}
