//! What layers say of themselves, so that nobody draws luck or keeps memory in vain.

use super::*;
use crate::units::Span;
use crate::wire::{Outcome, Reply, RetryHeader};

fn backoff(kind: BackoffKind) -> Backoff {
    Backoff {
        kind,
        ..Backoff::NONE
    }
}

#[test]
fn a_backoff_says_whether_it_draws_and_remembers() {
    let base = Span::SECOND;
    let fixed = backoff(BackoffKind::Fixed { delay: base });
    assert_eq!((fixed.draws(), fixed.remembers()), (false, false));
    let jittered = Backoff {
        jitter: Jitter::Full,
        ..fixed
    };
    assert_eq!((jittered.draws(), jittered.remembers()), (true, false));
    for kind in [
        BackoffKind::Decorrelated { base },
        BackoffKind::DecorrelatedRedis { base },
        BackoffKind::DecorrelatedV2 { base },
    ] {
        let decorrelated = backoff(kind);
        assert!(decorrelated.draws() && decorrelated.remembers());
    }
}

#[test]
fn a_client_hears_a_plain_header_that_it_reads() {
    let rules = HeaderRules::HONOR;
    let asked = Reply::of(Outcome::RateLimited).asking(Some(Span::SECOND));
    assert!(rules.hears(&asked));
    assert!(!rules.hears(&Reply::of(Outcome::RateLimited)));
    let millis = Reply {
        header: RetryHeader::Millis,
        ..asked
    };
    let both = HeaderRules {
        reads: HeaderSet::of(&[RetryHeader::Seconds, RetryHeader::Millis]),
        ..rules
    };
    assert!(!both.hears(&millis), "not the plain one");
    let deaf = HeaderRules {
        rule: RetryAfterRule::Ignore,
        ..rules
    };
    assert!(!deaf.hears(&asked));
    let elsewhere = HeaderRules {
        reads: HeaderSet::of(&[RetryHeader::Millis]),
        ..rules
    };
    assert!(!elsewhere.hears(&asked));
}

#[test]
fn headers_draw_where_the_wait_has_a_share_of_luck() {
    let rules = |rule| HeaderRules {
        rule,
        ..HeaderRules::HONOR
    };
    assert!(rules(RetryAfterRule::HonorJittered(Span::SECOND)).draws());
    assert!(rules(RetryAfterRule::HonorStretched(0.5)).draws());
    for rule in [
        RetryAfterRule::Ignore,
        RetryAfterRule::Honor,
        RetryAfterRule::HonorPlus(Span::SECOND),
        RetryAfterRule::Within(Span::SECOND),
    ] {
        assert!(!rules(rule).draws(), "{rule:?}");
    }
}
