//! Stores that layers keep their state in, and the keys by which a layer says so.

use super::calendars::windows;
use super::distributions::times;
use super::fields::Fields;
use super::model::{Via, WhenAway};
use super::reader::Reader;
use super::tree::Node;
use crate::units::Span;
use crate::world::Store;

/// `{latency: 2ms, fails_after: 5s, outages: [{at: 1m, for: 30s}]}`.
pub(super) fn store(name: &str, node: &Node, r: &mut Reader) -> Option<Store> {
    let mut f = Fields::of(node, "a store", r)?;
    let latency = f.required("latency", r, times);
    let fails_after = f.optional("fails_after", r, |n, r| Some((n.owner, times(n, r)?)));
    let outages = f.optional("outages", r, windows).unwrap_or_default();
    f.finish(r);
    if let Some((place, _)) = &fails_after
        && outages.is_empty()
    {
        r.error(*place, "this never acts: the store has no `outages`");
    }
    Some(Store {
        name: name.to_owned(),
        latency: latency?,
        fails_after: fails_after.map(|(_, time)| time),
        outages,
    })
}

/// The keys `via`, `when_away` and `time_limit` of a layer; `None` for a layer that keeps its state
/// itself.
pub(super) fn via(f: &mut Fields, r: &mut Reader) -> Option<Via> {
    let store = f.optional("via", r, |n, r| {
        let name = r.text(n, "the name of a store")?;
        let found = r.stores.iter().position(|store| store == name);
        if found.is_none() {
            let known = r.stores.clone();
            if known.is_empty() {
                let message = format!("unknown store `{name}`");
                let help =
                    format!("describe it at the top level: `stores: {{{name}: {{latency: 2ms}}}}`");
                r.error_help(n.place, message, help);
            } else {
                r.unknown(n.place, "store", name, known.iter().map(String::as_str));
            }
        }
        Some(found? as u16)
    });
    let named = f.get("via").is_some();
    let words = [("open", WhenAway::Open), ("closed", WhenAway::Closed)];
    let when_away = f.optional("when_away", r, |n, r| Some((n.owner, r.choice(n, &words)?)));
    let time_limit = f.optional("time_limit", r, |n, r| Some((n.owner, r.positive_time(n)?)));
    if !named {
        let unused = [
            ("when_away", when_away.map(|(place, _)| place)),
            ("time_limit", time_limit.map(|(place, _)| place)),
        ];
        for (key, place) in unused {
            if let Some(place) = place {
                let help = "name the store that it asks with `via`";
                r.error_help(place, format!("`{key}` never acts without `via`"), help);
            }
        }
    }
    Some(Via {
        store: store?,
        when_away: when_away.map_or(WhenAway::Open, |(_, when)| when),
        time_limit: time_limit.map_or(Span::MAX, |(_, limit)| limit),
    })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Time;

    #[test]
    fn a_store_has_a_latency_and_may_be_away() {
        let yaml = "{latency: 2ms, fails_after: 1s, outages: [{at: 1m, for: 5s}]}";
        let store = read(yaml, |n, r| store("redis", n, r)).unwrap();
        assert_eq!(store.name, "redis");
        assert!(store.outages.at(Time(60_000_000_000)).is_some());
        let luck = 0.5;
        let away = store.look_up(Time(60_000_000_000), Span::MAX, luck);
        assert_eq!((away.takes, away.away), (Span::SECOND, true));
    }

    #[test]
    fn keys_of_a_store_need_one() {
        let keys = |yaml: &str| {
            read(yaml, |n, r| {
                r.stores = vec!["redis".to_owned()];
                let mut f = Fields::of(n, "a layer", r)?;
                let via = via(&mut f, r);
                f.finish(r);
                Some(via)
            })
        };
        let via = keys("{via: redis, when_away: closed, time_limit: 50ms}").unwrap();
        let via = via.unwrap();
        assert_eq!((via.store, via.when_away), (0, WhenAway::Closed));
        assert_eq!(via.time_limit, Span::millis(50));
        assert_eq!(keys("{}"), Ok(None));
        assert_eq!(
            keys("{via: rediss}"),
            Err("unknown store `rediss`".to_owned())
        );
        assert_eq!(
            keys("{when_away: open}"),
            Err("`when_away` never acts without `via`".to_owned())
        );
    }
}
