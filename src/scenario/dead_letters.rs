//! The dead-letter queue of a fleet.

use super::fields::Fields;
use super::model::{DeadLetter, Resubmit};
use super::reader::Reader;
use super::tree::{Kind, Node};

/// What keeps tasks that failed for good.
pub(super) fn dead_letter(node: &Node, r: &mut Reader) -> Option<DeadLetter> {
    let errors_before = r.errors();
    let mut f = Fields::of(node, "a dead-letter queue", r)?;
    let resubmit = f.optional("resubmit", r, resubmit);
    f.finish(r);
    (r.errors() == errors_before).then_some(DeadLetter { resubmit })
}

fn resubmit(node: &Node, r: &mut Reader) -> Option<Resubmit> {
    let mut f = Fields::of(node, "a cron", r)?;
    let every = f.required("every", r, |n, r| r.positive_time(n));
    let times = f.required("times", r, |n, r| match &n.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(None),
        _ => r.count32(n, 1).map(Some),
    });
    f.finish(r);
    Some(Resubmit {
        every: every?,
        times: times?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Span;

    #[test]
    fn a_cron_has_a_period_and_a_bound() {
        let one = |yaml| read(yaml, dead_letter);
        let cron = |times| {
            let every = Span::seconds(3600);
            Some(Resubmit { every, times })
        };
        let three = one("{resubmit: {every: 1h, times: 3}}").unwrap();
        assert_eq!(three.resubmit, cron(Some(3)));
        let ever = one("{resubmit: {every: 1h, times: unlimited}}").unwrap();
        assert_eq!(ever.resubmit, cron(None));
        assert_eq!(one("{}").unwrap().resubmit, None);
    }

    #[test]
    fn a_cron_that_never_submits_is_a_mistake() {
        assert!(read("{resubmit: {every: 1h, times: 0}}", dead_letter).is_err());
        assert!(read("{resubmit: {every: 0s, times: 1}}", dead_letter).is_err());
        assert!(read("{resubmit: {every: 1h}}", dead_letter).is_err());
    }
}
