//! How many attempts a target works on at once, and what becomes of the others.

use super::fields::Fields;
use super::limits::told;
use super::reader::Reader;
use super::tree::{Kind, Node};
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
    let order = f.optional("order", r, order);
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
        order: order.unwrap_or_default(),
        stale,
    })
}

/// `fifo`, `lifo` or `{lifo_beyond: 10}`.
fn order(node: &Node, r: &mut Reader) -> Option<Order> {
    if let Kind::Map(_) = node.kind {
        let (_, most) = r.variant(node, "an order", &["lifo_beyond"])?;
        return Some(Order::LifoBeyond(r.count32(most, 1)?));
    }
    r.choice(node, &[("fifo", Order::Fifo), ("lifo", Order::Lifo)])
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
