//! Windows in time: once, or again and again.

use super::faults::reach;
use super::fields::Fields;
use super::reader::Reader;
use super::tree::{Node, Place};
use crate::units::{Span, Time};
use crate::world::{Calendar, Recurring, Slowdown, Window};

/// The most times that a window comes again.
const MOST_TIMES: u64 = 1_000_000;

/// A window as it is written: the first, and how it comes again.
pub(super) type Written = (Window, Option<(Span, Option<u32>)>);

/// A list of windows `{at: 1m, for: 5s}`, or `{at: 1m, for: 5s, every: 10m, count: 6}`.
pub(super) fn windows(node: &Node, r: &mut Reader) -> Option<Calendar<()>> {
    calendar(node, "a list of windows", r, |node, r| {
        let mut f = Fields::of(node, "a window", r)?;
        let window = window(&mut f, r);
        f.finish(r);
        Some((window?, ()))
    })
}

/// A list of windows that leaves time for work.
pub(super) fn pauses(node: &Node, r: &mut Reader) -> Option<Calendar<()>> {
    let pauses = windows(node, r)?;
    let endless = pauses.again.iter().filter(|(p, ())| p.times.is_none());
    let shares = endless.map(|(p, ())| p.first.length().0 as f64 / p.every.0 as f64);
    if shares.sum::<f64>() > 0.99 {
        let help = "make `every` longer, or bound them with `count`";
        r.error_help(node.place, "these leave less than 1% of the time", help);
        return None;
    }
    Some(pauses)
}

/// A list of `{at: 1m, for: 2m, factor: 20x, rate: 30%, per: agent}`.
pub(super) fn slowdowns(node: &Node, r: &mut Reader) -> Option<Calendar<Slowdown>> {
    calendar(node, "a list of slowdowns", r, |node, r| {
        let mut f = Fields::of(node, "a slowdown", r)?;
        let window = window(&mut f, r);
        let factor = f.required("factor", r, |n, r| r.positive_factor(n));
        let reach = reach(&mut f, r);
        f.finish(r);
        let factor = factor?;
        Some((window?, Slowdown { factor, reach }))
    })
}

/// The keys that say when.
pub(super) fn window(f: &mut Fields, r: &mut Reader) -> Option<Written> {
    let at = f.required("at", r, |n, r| r.time(n));
    let length = f.required("for", r, |n, r| r.positive_time(n));
    let every = f.optional("every", r, |n, r| Some((n.owner, r.positive_time(n)?)));
    let count = f.optional("count", r, |n, r| {
        Some((n.owner, r.count_in(n, 1, MOST_TIMES)? as u32))
    });
    if let (Some((place, _)), None) = (count, f.get("every")) {
        r.error(place, "`count` needs the key `every`");
    }
    let (at, length) = (at?, length?);
    if let Some((place, every)) = every
        && every <= length
    {
        let help = "write one longer window, or a longer `every`";
        r.error_help(place, "it begins again before it is over", help);
        return None;
    }
    let from = Time::ZERO + at;
    let first = Window {
        from,
        until: from + length,
    };
    let count = count.map(|(_, count)| count);
    Some((first, every.map(|(_, every)| (every, count))))
}

/// A list of windows with something about each, which `read` reads.
pub(super) fn calendar<T>(
    node: &Node,
    what: &'static str,
    r: &mut Reader,
    mut read: impl FnMut(&Node, &mut Reader) -> Option<(Written, T)>,
) -> Option<Calendar<T>> {
    let listed = r.each(node, what, |node, r| Some((node.place, read(node, r)?)))?;
    let mut once = vec![];
    let mut again = vec![];
    for (place, ((first, more), about)) in listed {
        match more {
            None => once.push((place, (first, about))),
            Some((every, times)) => again.push((
                Recurring {
                    first,
                    every,
                    times,
                },
                about,
            )),
        }
    }
    let once = in_order(once, r)?;
    Some(Calendar { once, again })
}

/// Sorts by time; windows that overlap are mistakes, windows that touch are not.
fn in_order<T>(mut list: Vec<(Place, (Window, T))>, r: &mut Reader) -> Option<Vec<(Window, T)>> {
    list.sort_by_key(|(_, (window, _))| window.from);
    let mut fine = true;
    for pair in list.windows(2) {
        if pair[1].1.0.from < pair[0].1.0.until {
            fine = false;
            let place = pair[0].0.max(pair[1].0);
            let help = "write one window for both";
            r.error_help(place, "this window overlaps another one", help);
        }
    }
    fine.then(|| list.into_iter().map(|(_, item)| item).collect())
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn windows_are_sorted_and_may_touch() {
        let sorted = read("[{at: 5s, for: 1s}, {at: 0, for: 5s}]", windows).unwrap();
        assert_eq!(sorted.once[0].0.from, Time::ZERO);
        assert_eq!(sorted.once[0].0.until, sorted.once[1].0.from);
        let told = read("[{at: 5s, for: 1s}, {at: 0, for: 6s}]", windows).unwrap_err();
        assert_eq!(told, "this window overlaps another one");
        let slow = read("[{at: 1m, for: 2m, factor: 20x}]", slowdowns).unwrap();
        assert_eq!(slow.once[0].1.factor, 20.0);
    }

    #[test]
    fn a_window_may_come_again_for_ever_or_so_often() {
        let yaml = "[{at: 1m, for: 2s, every: 10s, count: 6}, {at: 0, for: 1h}, \
                    {at: 0, for: 1s, every: 2s}]";
        let read_in = read(yaml, windows).unwrap();
        assert_eq!(read_in.once.len(), 1);
        let times: Vec<_> = read_in.again.iter().map(|(w, ())| w.times).collect();
        assert_eq!(times, [Some(6), None]);
        assert_eq!(read_in.again[0].0.every, Span::seconds(10));
    }

    #[test]
    fn what_comes_again_must_leave_time() {
        let told = |yaml| read(yaml, pauses).unwrap_err();
        assert_eq!(
            told("[{at: 0, for: 2s, every: 2s}]"),
            "it begins again before it is over"
        );
        assert_eq!(
            told("[{at: 0, for: 1s, every: 2s}, {at: 1s, for: 1s, every: 2s}]"),
            "these leave less than 1% of the time"
        );
        assert_eq!(
            told("[{at: 0, for: 2s, count: 2}]"),
            "`count` needs the key `every`"
        );
        let bounded = "[{at: 0, for: 1s, every: 2s}, {at: 1s, for: 1s, every: 2s, count: 9}]";
        let pauses = read(bounded, pauses).unwrap();
        assert_eq!(pauses.free_from(Time::ZERO), Time(19_000_000_000));
    }
}
