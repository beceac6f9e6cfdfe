//! What the key `contention` says.

use super::billing::{server_outcome, server_outcomes};
use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Kind, Node};
use crate::wire::Outcome;
use crate::world::Contention;

/// One row, read and written by the client.
const OPTIMISTIC: Contention = Contention {
    rows: 1,
    by_client: true,
    outcome: Outcome::Transient,
};

/// `optimistic`, or `{optimistic: {rows: 1, writes: client, outcome: transient}}`.
pub(super) fn contention(node: &Node, r: &mut Reader) -> Option<Contention> {
    if let Kind::Scalar { .. } = node.kind {
        return r.choice(node, &[("optimistic", OPTIMISTIC)]);
    }
    let (_, node) = r.variant(node, "`optimistic`", &["optimistic"])?;
    let mut f = Fields::of(node, "a contention", r)?;
    let rows = f.optional("rows", r, |n, r| {
        Some(r.count_in(n, 1, u64::from(Contention::MOST_ROWS))? as u32)
    });
    let writes = [("client", true), ("target", false)];
    let by_client = f.optional("writes", r, |n, r| r.choice(n, &writes));
    let outcome = f.optional("outcome", r, failure);
    f.finish(r);
    Some(Contention {
        rows: rows.unwrap_or(OPTIMISTIC.rows),
        by_client: by_client.unwrap_or(OPTIMISTIC.by_client),
        outcome: outcome.unwrap_or(OPTIMISTIC.outcome),
    })
}

fn failure(node: &Node, r: &mut Reader) -> Option<Outcome> {
    let name = r.text(node, "an outcome")?;
    let known = server_outcome(name).filter(|o| *o != Outcome::Ok);
    if known.is_none() {
        r.unknown(node.place, "outcome", name, server_outcomes().skip(1));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn short_and_long() {
        assert_eq!(read("optimistic", contention), Ok(OPTIMISTIC));
        assert_eq!(read("{optimistic: {}}", contention), Ok(OPTIMISTIC));
        let all = Contention {
            rows: 50,
            by_client: false,
            outcome: Outcome::Permanent,
        };
        let yaml = "{optimistic: {rows: 50, writes: target, outcome: permanent}}";
        assert_eq!(read(yaml, contention), Ok(all));
    }

    #[test]
    fn mistakes() {
        let told = |yaml| read(yaml, contention).unwrap_err();
        assert_eq!(
            told("{optimistic: {rows: 0}}"),
            "0 is too few: at least 1 is needed"
        );
        assert!(told("pessimistic").contains("pessimistic"));
        assert!(told("{optimistic: {outcome: ok}}").contains("ok"));
    }
}
