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

/// What a client makes of a `Retry-After` text, in milliseconds.
fn read(grammar: Grammar, retry_after: &str) -> Reading {
    let rules = HeaderRules {
        grammar,
        ..HeaderRules::HONOR
    };
    let texts = HeaderTexts {
        retry_after: Some(retry_after),
        ..HeaderTexts::default()
    };
    rules.read(&texts, 0.0)
}

#[test]
fn zero_is_not_past_and_infinity_is_a_time_only_where_it_may_be() {
    let grammar = HeaderRules::HONOR.grammar;
    let wait = |span| Reading::Wait(span, RetryHeader::Seconds);
    assert_eq!(read(grammar, "0"), wait(Span::ZERO));
    assert_eq!(read(grammar, "inf"), Reading::Nothing);
    let infinite = Grammar {
        infinity: true,
        unusable: Unusable::GiveUp,
        ..grammar
    };
    assert_eq!(read(infinite, "inf"), wait(Span::MAX));
    assert_eq!(read(infinite, "nan"), Reading::Broken);
}

#[test]
fn a_sign_leads_a_number_and_does_not_follow_it() {
    let leading = Grammar {
        seconds: Number::Leading,
        ..HeaderRules::HONOR.grammar
    };
    let wait = |span| Reading::Wait(span, RetryHeader::Seconds);
    assert_eq!(read(leading, "+7-3"), wait(Span::seconds(7)));
    assert_eq!(read(leading, "7-3"), wait(Span::seconds(7)));
}

#[test]
fn a_date_has_its_zone_its_end_and_a_year_that_can_be() {
    assert_eq!(date("Fri, 02 Jan 1970 00:00:00 GMT"), Some(86_400.0));
    for text in [
        "Fri, 02 Jan 1970 00:00:00 UTC",
        "Fri, 02 Jan 1970 00:00:00 GMT again",
        "Thu, 01 Jan 1969 00:00:00 GMT",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
}

#[test]
fn a_retry_says_what_its_decisions_depend_on() {
    let plain = RetrySpec::default();
    let replies = [
        Reply::of(Outcome::Transient),
        Reply::of(Outcome::RateLimited),
        Reply::of(Outcome::RateLimited).asking(Some(Span::SECOND)),
    ];
    let draws = |spec: &RetrySpec| replies.map(|reply| spec.draws(&reply));
    let says = |spec: &RetrySpec| {
        let draws = draws(spec).contains(&true);
        (draws, spec.remembers_delay(), spec.remembers_begin())
    };
    assert_eq!(says(&plain), (false, false, false));
    let jittered = Backoff {
        jitter: Jitter::Full,
        ..Backoff::NONE
    };
    let decorrelated = backoff(BackoffKind::Decorrelated { base: Span::SECOND });
    let mut stretched = plain.clone();
    stretched.headers.rule = RetryAfterRule::HonorStretched(0.5);
    assert_eq!(says(&stretched), (true, false, false));
    assert_eq!(draws(&stretched), [false, false, true]);
    for (backoff, remembers) in [(jittered, false), (decorrelated, true)] {
        let ordinary = RetrySpec {
            backoff: backoff.clone(),
            ..plain.clone()
        };
        assert_eq!(says(&ordinary), (true, remembers, false));
        // A header that is obeyed leaves nothing to the backoff; one that is not, or is held against
        // it, does.
        assert_eq!(draws(&ordinary), [true, true, false]);
        for rule in [RetryAfterRule::Ignore, RetryAfterRule::Within(Span::SECOND)] {
            let mut unheard = ordinary.clone();
            unheard.headers.rule = rule;
            assert_eq!(draws(&unheard), [true, true, true], "{rule:?}");
        }
        let throttled = RetrySpec {
            throttled: Some(backoff),
            ..plain.clone()
        };
        assert_eq!(says(&throttled), (true, remembers, false));
        assert_eq!(draws(&throttled), [false, true, false]);
    }
    let until = Some(Span::SECOND);
    let deadline = RetrySpec {
        deadline: until,
        ..plain.clone()
    };
    assert_eq!(says(&deadline), (false, false, true));
    let given_up = RetrySpec {
        give_up_after: until,
        ..plain
    };
    assert_eq!(says(&given_up), (false, false, true));
}

#[test]
fn a_retry_says_whether_it_remembers_what_few_do() {
    let says = |wait_limit, restarts| {
        let spec = RetrySpec {
            wait_limit,
            restarts,
            ..RetrySpec::default()
        };
        (
            spec.remembers_begin(),
            spec.sums_waits(),
            spec.remembers_more(),
        )
    };
    assert_eq!(says(None, false), (false, false, false));
    assert_eq!(says(None, true), (false, false, true));
    let last_begin = Some(WaitLimit::LastBegin(Span::SECOND));
    assert_eq!(says(last_begin, false), (true, false, false));
    let total = Some(WaitLimit::Total(Span::SECOND));
    assert_eq!(says(total, false), (false, true, true));
}
