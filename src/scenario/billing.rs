//! What each outcome is charged.

use super::fields::Fields;
use super::reader::Reader;
use super::tree::Node;
use crate::wire::Outcome;
use crate::world::Billing;

/// The rules of a `billing` map over the default ones; what a rule leaves out stays as it is.
pub(super) fn billing(node: &Node, r: &mut Reader) -> Option<Billing> {
    let mut billing = Billing::default();
    for (key, node) in r.map(node, "a map from outcomes to what they are charged")? {
        let Some(outcome) = server_outcome(&key.text) else {
            r.unknown(key.place, "outcome", &key.text, server_outcomes());
            continue;
        };
        let Some(mut f) = Fields::of(node, "a billing rule", r) else {
            continue;
        };
        let mut rule = billing.rule(outcome);
        for (key, share) in [
            ("input", &mut rule.input),
            ("output", &mut rule.output),
            ("call", &mut rule.call),
        ] {
            if let Some(read) = f.optional(key, r, |n, r| r.share(n)) {
                *share = read;
            }
        }
        if let Some(counted) = f.optional("counted", r, |n, r| r.boolean(n)) {
            rule.counted = counted;
        }
        f.finish(r);
        billing.set(outcome, rule);
    }
    Some(billing)
}

/// The outcome of that name, if a server can cause it.
pub(super) fn server_outcome(name: &str) -> Option<Outcome> {
    Outcome::named(name).filter(|outcome| !outcome.is_local())
}

/// The names of the outcomes that a server can cause.
pub(super) fn server_outcomes() -> impl Iterator<Item = &'static str> {
    let outcomes = Outcome::ALL.into_iter().filter(|o| !o.is_local());
    outcomes.map(Outcome::name)
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Share;

    #[test]
    fn a_rule_keeps_what_it_does_not_mention() {
        let billing = read(
            "{timeout: {output: 50%}, rate_limited: {counted: false}}",
            billing,
        )
        .unwrap();
        let timeout = billing.rule(Outcome::Timeout);
        assert_eq!(
            (timeout.input, timeout.output),
            (Share::ALL, Share(500_000))
        );
        let refused = billing.rule(Outcome::RateLimited);
        assert_eq!((refused.input, refused.counted), (Share::NONE, false));
    }

    #[test]
    fn what_never_reached_the_server_cannot_be_billed() {
        let told = read("{rejected: {input: 10%}}", billing).unwrap_err();
        assert_eq!(told, "unknown outcome `rejected`");
    }
}
