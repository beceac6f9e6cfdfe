//! Stores that clients share, such as Redis: a layer that keeps its state there has to ask for it.
//!
//! Only what a look-up takes, and when there is none, is modelled here; what is kept in the store is
//! the layer's own state, which a look-up reads and changes in one step, at its end.

use crate::random::Distribution;
use crate::units::{Span, Time};

use super::Calendar;

/// A store.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its name in the scenario.
    pub name: String,
    /// How long a look-up takes, there and back \[ns\].
    pub latency: Distribution,
    /// How long a look-up takes to fail in an outage, if not as long \[ns\].
    pub fails_after: Option<Distribution>,
    /// When it is away: look-ups that set out then fail.
    pub outages: Calendar<()>,
}

/// What becomes of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// How long the client waits for it.
    pub takes: Span,
    /// Whether it comes to nothing: the store is away, or too slow for the client.
    pub away: bool,
}

impl Store {
    /// The look-up of a client that asks now, waits at most `time_limit`, and has this luck in
    /// (0, 1).
    pub fn look_up(&self, now: Time, time_limit: Span, luck: f64) -> LookUp {
        let away = self.outages.at(now).is_some();
        let latency = match &self.fails_after {
            Some(fails_after) if away => fails_after,
            _ => &self.latency,
        };
        let takes = Span::from_nanos_f64(latency.quantile(luck));
        // As with every timeout, an answer at the very instant is too late.
        LookUp {
            takes: takes.min(time_limit),
            away: away || takes >= time_limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Window;
    use super::*;

    fn store(fails_after: Option<f64>) -> Store {
        let window = |from, until| {
            let (from, until) = (Time(from), Time(until));
            (Window { from, until }, ())
        };
        Store {
            name: "redis".to_owned(),
            latency: Distribution::Constant(5.0),
            fails_after: fails_after.map(Distribution::Constant),
            outages: Calendar {
                once: vec![window(100, 200), window(300, 400)],
                again: vec![],
            },
        }
    }

    fn look_up(store: &Store, now: u64, limit: Span) -> (u64, bool) {
        let found = store.look_up(Time(now), limit, 0.5);
        (found.takes.0, found.away)
    }

    #[test]
    fn outages_strike_what_sets_out_in_them() {
        let store = store(None);
        for (now, away) in [
            (0, false),
            (99, false),
            (100, true),
            (199, true),
            (200, false),
        ] {
            assert_eq!(look_up(&store, now, Span::MAX), (5, away), "at {now}");
        }
        assert_eq!(look_up(&store, 350, Span::MAX), (5, true));
        assert_eq!(look_up(&store, 400, Span::MAX), (5, false));
    }

    #[test]
    fn a_client_waits_no_longer_than_its_limit() {
        let store = store(Some(70.0));
        assert_eq!(look_up(&store, 0, Span(6)), (5, false));
        assert_eq!(look_up(&store, 0, Span(5)), (5, true));
        assert_eq!(look_up(&store, 0, Span(4)), (4, true));
        assert_eq!(look_up(&store, 150, Span::MAX), (70, true));
        assert_eq!(look_up(&store, 150, Span(20)), (20, true));
    }
}
