//! The `hedge` layer.

use super::fields::Fields;
use super::layers::shared;
use super::model::{LayerKind, Shared};
use super::reader::Reader;
use super::retry::outcomes;
use super::tree::{Kind, Node};
use crate::resilience::{HedgeAfter, HedgeSpec};
use crate::units::Share;
use crate::wire::{Outcome, OutcomeSet};

/// The most hedges of one call. gRPC takes no more than five attempts (gRFC A6, "maxAttempts");
/// each hedge has luck of its own, for which a key has room.
const MOST: u64 = 8;

/// Failures that a second identical request would meet as well. Our assumption.
const FATAL: OutcomeSet = OutcomeSet::of(&[Outcome::Permanent, Outcome::ContextOverflow]);

pub(super) fn hedge(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let mut f = Fields::of(node, "a hedge", r)?;
    let after = f.required("after", r, after);
    let most = f.optional("most", r, |n, r| r.count_in(n, 1, MOST));
    let fatal = f.optional("fatal", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "none" => Some(OutcomeSet::EMPTY),
        _ => outcomes(n, None, r),
    });
    let next_on = f.optional("next_on", r, |n, r| outcomes(n, None, r));
    let place = f.get("next_on").map_or(node.owner, |n| n.owner);
    let shared = shared(&mut f, "shared", Shared::Fleet, r);
    f.finish(r);
    let spec = HedgeSpec {
        after: after?,
        most: most.unwrap_or(1) as u32,
        fatal: fatal.unwrap_or(FATAL),
        next_on: next_on.unwrap_or(OutcomeSet::EMPTY),
    };
    if let Some(both) = spec.next_on.iter().find(|o| spec.fatal.has(*o)) {
        let message = format!("`{}` is in `fatal` too", both.name());
        let help = "what is fatal sends no other attempt; take it out of one list";
        r.error_help(place, message, help);
    }
    Some((LayerKind::Hedge(spec), shared))
}

fn after(node: &Node, r: &mut Reader) -> Option<HedgeAfter> {
    let quantiles = [
        ("p50", HedgeAfter::Quantile(Share(500_000))),
        ("p90", HedgeAfter::Quantile(Share(900_000))),
        ("p95", HedgeAfter::Quantile(Share(950_000))),
        ("p99", HedgeAfter::Quantile(Share(990_000))),
        ("p99.9", HedgeAfter::Quantile(Share(999_000))),
    ];
    match &node.kind {
        Kind::Scalar { text, .. } if text.starts_with('p') => r.choice(node, &quantiles),
        _ => Some(HedgeAfter::Time(r.time(node)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Span;

    #[test]
    fn a_hedge_has_the_defaults_of_the_manual() {
        let (kind, shared) = read("{after: 2s}", hedge).unwrap();
        let LayerKind::Hedge(spec) = kind else {
            panic!("{kind:?}")
        };
        assert_eq!(spec.after, HedgeAfter::Time(Span::seconds(2)));
        assert_eq!((spec.most, shared), (1, Shared::Fleet));
        assert_eq!((spec.fatal, spec.next_on), (FATAL, OutcomeSet::EMPTY));
        let (kind, _) = read("{after: p95, fatal: none}", hedge).unwrap();
        let LayerKind::Hedge(spec) = kind else {
            panic!("{kind:?}")
        };
        assert_eq!(spec.after, HedgeAfter::Quantile(Share(950_000)));
        assert_eq!(spec.fatal, OutcomeSet::EMPTY);
    }

    #[test]
    fn what_is_fatal_sends_no_other() {
        let yaml = "{after: 1s, next_on: [permanent]}";
        assert_eq!(
            read(yaml, hedge).unwrap_err(),
            "`permanent` is in `fatal` too"
        );
    }
}
