//! What a retry layer does with the headers by which servers ask it to wait.

use super::fields::Fields;
use super::reader::Reader;
use super::retry::statuses;
use super::tree::{Kind, Node};
use crate::resilience::{
    Grammar, HeaderRules, HeaderSet, Number, RetryAfterRule, Unusable, WhenTooLong,
};
use crate::units::Span;
use crate::wire::RetryHeader;

/// The keys of a retry layer that speak of `Retry-After`.
pub(super) fn headers(f: &mut Fields, r: &mut Reader) -> HeaderRules {
    let rule = f.optional("retry_after", r, retry_after);
    let longest = f.optional("longest_retry_after", r, |n, r| Some((n.owner, r.time(n)?)));
    let too_long = [
        ("give_up", WhenTooLong::GiveUp),
        ("backoff", WhenTooLong::Backoff),
        ("shorter", WhenTooLong::Shorter),
        ("cap", WhenTooLong::Cap),
        ("at_once", WhenTooLong::AtOnce),
    ];
    let if_longer = f.optional("if_longer", r, |n, r| {
        Some((n.owner, r.choice(n, &too_long)?))
    });
    let shortest = f.optional("shortest_retry_after", r, |n, r| r.positive_time(n));
    let zero = [("honor", true), ("backoff", false)];
    let zero = f.optional("zero_retry_after", r, |n, r| r.choice(n, &zero));
    let statuses = f.optional("retry_after_statuses", r, statuses);
    let texts = f.optional("headers", r, texts);
    if let (Some((place, _)), None) = (if_longer, f.get("longest_retry_after")) {
        r.error(place, "`if_longer` needs the key `longest_retry_after`");
    }
    if let (Some((place, _)), Some(RetryAfterRule::Ignore)) = (longest, rule) {
        let help = "leave it out, or write `retry_after: honor`";
        r.error_help(place, "this never acts: `retry_after` is `ignore`", help);
    }
    let default = HeaderRules::HONOR;
    let if_longer = if_longer.map_or(WhenTooLong::GiveUp, |(_, rule)| rule);
    let (reads, grammar) = texts.unwrap_or((default.reads, default.grammar));
    HeaderRules {
        rule: rule.unwrap_or(default.rule),
        reads,
        grammar,
        statuses,
        zero_counts: zero.unwrap_or(default.zero_counts),
        shortest: shortest.unwrap_or(Span::ZERO),
        longest: longest.map(|(_, longest)| (longest, if_longer)),
    }
}

fn retry_after(node: &Node, r: &mut Reader) -> Option<RetryAfterRule> {
    if let Kind::Map(_) = node.kind {
        const RULES: [&str; 4] = ["honor_plus", "honor_jittered", "honor_stretched", "within"];
        let (key, node) = r.variant(node, "a rule", &RULES)?;
        return Some(match key {
            "honor_plus" => RetryAfterRule::HonorPlus(r.time(node)?),
            "honor_jittered" => RetryAfterRule::HonorJittered(r.time(node)?),
            "honor_stretched" => RetryAfterRule::HonorStretched(r.share(node)?.as_f64()),
            _ => RetryAfterRule::Within(r.time(node)?),
        });
    }
    let rules = [
        ("honor", RetryAfterRule::Honor),
        ("ignore", RetryAfterRule::Ignore),
    ];
    r.choice(node, &rules)
}

/// Which headers a client reads, and how.
fn texts(node: &Node, r: &mut Reader) -> Option<(HeaderSet, Grammar)> {
    let mut f = Fields::of(node, "a rule for headers", r)?;
    let names = [
        ("retry-after", RetryHeader::Seconds),
        ("retry-after-ms", RetryHeader::Millis),
        ("x-ms-retry-after-ms", RetryHeader::AzureMillis),
        ("x-amz-retry-after", RetryHeader::AmazonMillis),
        ("grpc-retry-pushback-ms", RetryHeader::Pushback),
    ];
    let reads = f.optional("read", r, |n, r| {
        r.each(n, "a list of headers", |n, r| r.choice(n, &names))
    });
    let numbers = [
        ("integer", Number::Integer),
        ("float", Number::Float),
        ("leading", Number::Leading),
    ];
    let numbers = f.optional("numbers", r, |n, r| r.choice(n, &numbers));
    let dates = f.optional("dates", r, |n, r| r.boolean(n));
    let unusable = [
        ("backoff", Unusable::Nothing),
        ("at_once", Unusable::Zero),
        ("give_up", Unusable::GiveUp),
    ];
    let unusable = f.optional("unusable", r, |n, r| r.choice(n, &unusable));
    let past = [("backoff", false), ("at_once", true)];
    let past = f.optional("past", r, |n, r| r.choice(n, &past));
    let infinity = f.optional("infinity", r, |n, r| r.boolean(n));
    let skips = f.optional("skip_zero_ms", r, |n, r| r.boolean(n));
    f.finish(r);
    let default = HeaderRules::HONOR;
    let grammar = Grammar {
        seconds: numbers.unwrap_or(default.grammar.seconds),
        dates: dates.unwrap_or(default.grammar.dates),
        unusable: unusable.unwrap_or(default.grammar.unusable),
        past_is_zero: past.unwrap_or(default.grammar.past_is_zero),
        infinity: infinity.unwrap_or(default.grammar.infinity),
        skips_zero_millis: skips.unwrap_or(default.grammar.skips_zero_millis),
    };
    Some((
        reads.map_or(default.reads, |list| HeaderSet::of(&list)),
        grammar,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::super::retry::retry;
    use super::*;

    fn rules(yaml: &str) -> HeaderRules {
        read(&format!("{{attempts: 2, {yaml}}}"), retry)
            .unwrap()
            .headers
    }

    #[test]
    fn every_rule_of_the_manual_is_understood() {
        let second = Span::SECOND;
        let all = [
            ("honor", RetryAfterRule::Honor),
            ("ignore", RetryAfterRule::Ignore),
            ("{honor_plus: 1s}", RetryAfterRule::HonorPlus(second)),
            (
                "{honor_jittered: 1s}",
                RetryAfterRule::HonorJittered(second),
            ),
            (
                "{honor_stretched: 50%}",
                RetryAfterRule::HonorStretched(0.5),
            ),
            ("{within: 1s}", RetryAfterRule::Within(second)),
        ];
        for (text, rule) in all {
            assert_eq!(rules(&format!("retry_after: {text}")).rule, rule);
        }
    }

    #[test]
    fn bounds_and_grammar_have_keys_of_their_own() {
        let read = rules(
            "longest_retry_after: 60s, if_longer: at_once, shortest_retry_after: 1s, \
             zero_retry_after: backoff, retry_after_statuses: [429], \
             headers: {read: [retry-after-ms], numbers: leading, dates: false, \
             unusable: at_once, past: at_once, infinity: true, skip_zero_ms: true}",
        );
        assert_eq!(read.longest, Some((Span::seconds(60), WhenTooLong::AtOnce)));
        assert_eq!((read.shortest, read.zero_counts), (Span::SECOND, false));
        assert!(read.statuses.unwrap().has(429));
        assert!(read.reads.has(RetryHeader::Millis) && !read.reads.has(RetryHeader::Seconds));
        let grammar = Grammar {
            seconds: Number::Leading,
            dates: false,
            unusable: Unusable::Zero,
            past_is_zero: true,
            infinity: true,
            skips_zero_millis: true,
        };
        assert_eq!(read.grammar, grammar);
    }
}
