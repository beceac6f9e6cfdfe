//! How many attempts a target works on at once, and what becomes of the others.

use super::fields::Fields;
use super::limits::told;
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::units::Span;
use crate::world::{Capacity, Order, RetryAfterHint, Stale, WhenFull};

/// What a target does with an attempt that it does not work on.
const FATES: [(&str, WhenFull); 2] = [
    ("overloaded", WhenFull::Overloaded),
    ("drop", WhenFull::Drop),
];

/// `infinite`, `{servers: 4, queue: 100}` or `{slows_by: 5ms}`.
pub(super) fn capacity(node: &Node, r: &mut Reader) -> Option<Capacity> {
    if let Kind::Scalar { .. } = node.kind {
        return (r.choice(node, &[("infinite", ())])).map(|()| Capacity::Infinite);
    }
    let mut f = Fields::of(node, "a capacity", r)?;
    if let Some(slower) = f.get("slows_by") {
        let capacity = slows_by(slower, r);
        f.finish(r);
        return capacity;
    }
    let servers = f.required("servers", r, |n, r| r.count32(n, 1));
    let queue = f.optional("queue", r, queue);
    let endless = queue.map_or(f.get("queue").is_none(), |places| places.is_none());
    let queue = queue.flatten();
    let when_full = f.optional("when_full", r, |n, r| Some((n.owner, r.choice(n, &FATES)?)));
    let order = f.optional("order", r, |n, r| Some((n.owner, order(n, r)?)));
    shared(servers.unwrap_or(1), order, &mut f, r);
    let stale = stale(&mut f, queue == Some(0), r);
    let retry_after = f.optional("retry_after", r, |n, r| Some((n.owner, told(n, r)?)));
    let drops = when_full.is_some_and(|(_, full)| full == WhenFull::Drop);
    let stale_answers = stale.is_some_and(|stale| stale.then == WhenFull::Overloaded);
    let told = retry_after.as_ref().map(|(place, _)| *place);
    let told = told.filter(|_| !stale_answers);
    if let (Some(place), true) = (when_full.map(|w| w.0).or(told), endless) {
        let help = "bound it with `queue: 100`";
        r.error_help(place, "an unlimited queue is never full", help);
    } else if let (Some(place), true) = (told, drops) {
        let help = "leave it out, or write `when_full: overloaded`";
        r.error_help(place, "who is dropped is told nothing", help);
    }
    f.finish(r);
    Some(Capacity::Servers {
        servers: servers?,
        queue,
        when_full: when_full.map_or(WhenFull::Overloaded, |(_, full)| full),
        retry_after: retry_after.map_or(RetryAfterHint::Silent, |(_, told)| told),
        order: order.map_or(Order::Fifo, |(_, order)| order),
        stale,
    })
}

/// `fifo`, `lifo`, `{lifo_beyond: 10}`, `shared` or `{shared: 10}`.
fn order(node: &Node, r: &mut Reader) -> Option<Order> {
    if let Kind::Map(_) = node.kind {
        let (name, most) = r.variant(node, "an order", &["lifo_beyond", "shared"])?;
        let most = r.count32(most, 1)?;
        return Some(match name {
            "shared" => Order::Shared(Some(most)),
            _ => Order::LifoBeyond(most),
        });
    }
    let words = [
        ("fifo", Order::Fifo),
        ("lifo", Order::Lifo),
        ("shared", Order::Shared(None)),
    ];
    r.choice(node, &words)
}

/// Notes what cannot be where so many servers are shared.
fn shared(servers: u32, order: Option<(Place, Order)>, f: &mut Fields, r: &mut Reader) {
    match order {
        Some((place, Order::Shared(Some(most)))) if most < servers => {
            let help =
                format!("let at least {servers} share, or leave out servers that never work");
            r.error_help(place, "fewer share than there are servers", help);
        }
        Some((_, Order::Shared(None))) => {
            let line = ["queue", "stale_after"].map(|key| f.get(key));
            for written in line.into_iter().flatten() {
                let help = "say how many share at most: `order: {shared: 100}`";
                r.error_help(written.owner, "nobody waits where all share", help);
            }
        }
        _ => {}
    }
}

/// The keys `stale_after` and `when_stale`.
fn stale(f: &mut Fields, nobody_waits: bool, r: &mut Reader) -> Option<Stale> {
    let after = f.optional("stale_after", r, |n, r| {
        Some((n.owner, r.positive_time(n)?))
    });
    let then = f.optional("when_stale", r, |n, r| {
        Some((n.owner, r.choice(n, &FATES)?))
    });
    if let (Some((place, _)), None) = (then, f.get("stale_after")) {
        r.error(place, "`when_stale` needs the key `stale_after`");
    }
    let (place, after) = after?;
    if nobody_waits {
        r.error(place, "this never acts: nobody waits where `queue` is 0");
    }
    Some(Stale {
        after,
        then: then.map_or(WhenFull::Overloaded, |(_, then)| then),
    })
}

/// A number of places, or `unlimited`.
pub(super) fn queue(node: &Node, r: &mut Reader) -> Option<Option<u32>> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "unlimited" => Some(None),
        _ => Some(Some(r.count32(node, 0)?)),
    }
}

fn slows_by(node: &Node, r: &mut Reader) -> Option<Capacity> {
    let text = r.text(node, "a time or a share")?;
    if text.trim_end().ends_with('%') {
        return Some(Capacity::Load {
            each: Span::ZERO,
            share: r.share(node)?.as_f64(),
        });
    }
    Some(Capacity::Load {
        each: r.time(node)?,
        share: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    const FOUR: Capacity = Capacity::Servers {
        servers: 4,
        queue: None,
        when_full: WhenFull::Overloaded,
        retry_after: RetryAfterHint::Silent,
        order: Order::Fifo,
        stale: None,
    };

    #[test]
    fn capacity_is_servers_or_load() {
        assert_eq!(read("{servers: 4}", capacity), Ok(FOUR));
        let last_first = read("{servers: 4, order: lifo}", capacity);
        assert_ne!(last_first, Ok(FOUR));
        for queue in ["", "queue: unlimited, "] {
            let yaml = format!("{{servers: 4, {queue}when_full: drop}}");
            let told = read(&yaml, capacity).unwrap_err();
            assert_eq!(told, "an unlimited queue is never full");
        }
        let load = Capacity::Load {
            each: Span::millis(5),
            share: 0.0,
        };
        assert_eq!(read("{slows_by: 5ms}", capacity), Ok(load));
        let load = Capacity::Load {
            each: Span::ZERO,
            share: 0.02,
        };
        assert_eq!(read("{slows_by: 2%}", capacity), Ok(load));
        assert_eq!(read("infinite", capacity), Ok(Capacity::Infinite));
    }

    #[test]
    fn servers_may_be_shared_by_all_or_by_so_many() {
        let order = |yaml: &str| match read(yaml, capacity) {
            Ok(Capacity::Servers { order, .. }) => Ok(order),
            Ok(other) => panic!("{other:?}"),
            Err(told) => Err(told),
        };
        assert_eq!(
            order("{servers: 4, order: shared}"),
            Ok(Order::Shared(None))
        );
        assert_eq!(
            order("{servers: 4, order: {shared: 4}, queue: 0}"),
            Ok(Order::Shared(Some(4)))
        );
        let few = order("{servers: 4, order: {shared: 3}}").unwrap_err();
        assert_eq!(few, "fewer share than there are servers");
        for line in ["queue: 3", "queue: unlimited", "stale_after: 1s"] {
            let told = order(&format!("{{servers: 4, order: shared, {line}}}")).unwrap_err();
            assert_eq!(told, "nobody waits where all share");
        }
    }

    #[test]
    fn a_line_may_drop_what_is_stale_and_serve_the_last_first_when_it_is_long() {
        let yaml = "{servers: 4, order: {lifo_beyond: 10}, stale_after: 5s, retry_after: 1s}";
        let Ok(Capacity::Servers {
            order,
            stale,
            retry_after,
            ..
        }) = read(yaml, capacity)
        else {
            panic!("servers");
        };
        assert_eq!(order, Order::LifoBeyond(10));
        let stale = stale.unwrap();
        assert_eq!(
            (stale.after, stale.then),
            (Span::seconds(5), WhenFull::Overloaded)
        );
        assert_eq!(retry_after, RetryAfterHint::Fixed(Span::SECOND));
    }
}
