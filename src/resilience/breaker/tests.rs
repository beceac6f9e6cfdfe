//! What a breaker does, call by call.

use super::*;
use crate::resilience::{Backoff, BackoffKind, Bounds, Jitter, Rounding};
use crate::units::Share;
use crate::wire::OutcomeSet;

const FAIL: Outcome = Outcome::Transient;
const OK: Outcome = Outcome::Ok;

fn no_luck(_: u32) -> f64 {
    0.0
}

fn spec() -> BreakerSpec {
    BreakerSpec::consecutive(3, Span(100))
}

/// A breaker whose window trips at half of at least `minimum` calls.
fn half_of(minimum: u32, window: WindowSpec) -> WindowTrip {
    WindowTrip {
        window,
        minimum_calls: minimum,
        failures: Some(Limit::AtLeast(Share(500_000))),
        slow: None,
        decides: Decides::EachCall,
        counts_refused: false,
        counts_at_start: false,
        kept: false,
    }
}

fn windowed(trip: WindowTrip) -> BreakerSpec {
    BreakerSpec {
        trip: Trip::Window(Box::new(trip)),
        ..spec()
    }
}

/// A breaker under its spec, called at times.
struct Bench {
    spec: BreakerSpec,
    breaker: Breaker,
}

impl Bench {
    fn new(spec: BreakerSpec) -> Bench {
        Bench {
            breaker: Breaker::new(&spec),
            spec,
        }
    }

    fn opened(spec: BreakerSpec) -> Bench {
        let mut bench = Bench::new(spec);
        for t in 0..3 {
            assert_eq!(bench.admit(t), Admission::Pass);
            assert_eq!(bench.end(t, Admission::Pass, FAIL), t == 2);
        }
        bench
    }

    fn admit(&mut self, at: u64) -> Admission {
        self.breaker.admit(&self.spec, Time(at), no_luck)
    }

    fn end(&mut self, at: u64, admission: Admission, outcome: Outcome) -> bool {
        self.end_after(at, admission, outcome, 0)
    }

    fn end_after(&mut self, at: u64, admission: Admission, outcome: Outcome, took: u64) -> bool {
        let took = Span(took);
        let ended = Ended {
            admission,
            outcome,
            took,
        };
        self.breaker.record(&self.spec, Time(at), ended, no_luck)
    }

    /// A call that ends at once; true if it opened the breaker.
    fn call(&mut self, at: u64, outcome: Outcome) -> bool {
        let admission = self.admit(at);
        assert_ne!(admission, Admission::Refuse, "at {at}");
        self.end(at, admission, outcome)
    }

    fn open_until(&self) -> Option<u64> {
        match self.breaker.state() {
            BreakerState::Open { until } => Some(until.0),
            _ => None,
        }
    }
}

#[test]
fn a_success_resets_the_count() {
    let mut bench = Bench::new(spec());
    for outcome in [FAIL, FAIL, OK, FAIL, FAIL] {
        assert!(!bench.call(0, outcome));
    }
    assert_eq!(bench.breaker.state(), BreakerState::Closed { failures: 2 });
}

#[test]
fn open_refuses_until_its_time_and_then_probes_once() {
    let mut bench = Bench::opened(spec());
    assert_eq!(bench.admit(101), Admission::Refuse);
    assert_eq!(bench.admit(102), Admission::Probe(1));
    assert_eq!(bench.admit(102), Admission::Refuse);
    assert!(bench.end(110, Admission::Probe(1), FAIL));
    assert_eq!(bench.admit(209), Admission::Refuse);
    assert_eq!(bench.admit(210), Admission::Probe(2));
    assert!(!bench.end(220, Admission::Probe(2), OK));
    assert_eq!(bench.admit(220), Admission::Pass);
}

#[test]
fn half_open_for_all_lets_everybody_through() {
    let mut bench = Bench::opened(BreakerSpec {
        half_open: HalfOpen::EVERYBODY,
        ..spec()
    });
    for _ in 0..10 {
        assert_eq!(bench.admit(102), Admission::Probe(1));
    }
}

#[test]
fn a_probe_of_an_earlier_probing_is_a_straggler() {
    let mut bench = Bench::opened(BreakerSpec {
        half_open: HalfOpen::EVERYBODY,
        ..spec()
    });
    let slow = bench.admit(102);
    let fast = bench.admit(102);
    assert!(bench.end(110, fast, FAIL));
    let next = bench.admit(210);
    assert!(!bench.end(211, slow, FAIL));
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
    bench.end(212, next, OK);
    assert_eq!(bench.breaker.state(), BreakerState::default());
}

#[test]
fn an_abandoned_probe_makes_room_for_the_next() {
    let mut bench = Bench::opened(spec());
    assert_eq!(bench.admit(102), Admission::Probe(1));
    bench.breaker.forget(Admission::Probe(1));
    assert_eq!(bench.admit(103), Admission::Probe(1));
}

#[test]
fn stragglers_do_not_move_an_open_breaker() {
    let mut bench = Bench::opened(spec());
    assert!(!bench.end(50, Admission::Pass, FAIL));
    assert!(!bench.end(51, Admission::Pass, OK));
    assert_eq!(bench.open_until(), Some(102));
}

#[test]
fn several_probes_must_succeed_where_it_says_so() {
    let half_open = HalfOpen::Probes {
        at_once: 2,
        successes: 3,
    };
    let mut bench = Bench::opened(BreakerSpec {
        half_open,
        ..spec()
    });
    let (a, b) = (bench.admit(102), bench.admit(102));
    assert_eq!(bench.admit(102), Admission::Refuse);
    bench.end(103, a, OK);
    let c = bench.admit(103);
    assert_eq!(c, Admission::Probe(1));
    bench.end(104, b, OK);
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
    bench.end(105, c, OK);
    assert_eq!(bench.breaker.state(), BreakerState::default());
}

#[test]
fn a_sample_is_judged_when_it_is_whole() {
    let mut bench = Bench::new(BreakerSpec {
        half_open: HalfOpen::Sample(4),
        ..windowed(half_of(3, WindowSpec::Calls(3)))
    });
    assert!(!bench.call(0, FAIL));
    assert!(!bench.call(1, FAIL));
    assert!(bench.call(2, FAIL));
    let sample: Vec<Admission> = (0..4).map(|_| bench.admit(102)).collect();
    assert_eq!(sample, [Admission::Probe(1); 4]);
    assert_eq!(bench.admit(103), Admission::Refuse);
    // One that is abandoned makes room, one that has ended does not.
    bench.breaker.forget(sample[0]);
    assert_eq!(bench.admit(104), Admission::Probe(1));
    bench.end(105, sample[1], FAIL);
    assert_eq!(bench.admit(106), Admission::Refuse);
    bench.end(107, sample[2], OK);
    bench.end(108, sample[3], FAIL);
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
    assert!(bench.end(109, sample[0], OK), "two of four are half");
    assert_eq!(bench.open_until(), Some(209));
}

#[test]
fn a_rate_is_not_known_below_the_minimum() {
    let mut bench = Bench::new(windowed(half_of(4, WindowSpec::Calls(10))));
    for (at, outcome, opens) in [
        (0, FAIL, false),
        (1, FAIL, false),
        (2, OK, false),
        (3, OK, true),
    ] {
        assert_eq!(bench.call(at, outcome), opens, "at {at}");
    }
}

#[test]
fn some_decide_at_failures_alone() {
    let mut bench = Bench::new(windowed(WindowTrip {
        decides: Decides::EachFailure,
        ..half_of(4, WindowSpec::All)
    }));
    for (at, outcome) in [(0, FAIL), (1, FAIL), (2, OK), (3, OK), (4, OK)] {
        assert!(!bench.call(at, outcome), "at {at}");
    }
    assert!(bench.call(5, FAIL), "three of six");
}

#[test]
fn whole_buckets_decide_at_their_end_even_if_nobody_calls_then() {
    let buckets = Buckets {
        count: 4,
        each: Span(10),
        begin: Begin::Clock,
    };
    let mut bench = Bench::new(windowed(WindowTrip {
        decides: Decides::EachBucket,
        ..half_of(2, WindowSpec::Time(buckets))
    }));
    assert!(!bench.call(3, FAIL));
    assert!(!bench.call(4, FAIL));
    assert_eq!(bench.admit(9), Admission::Pass);
    // It opened at 10, so its time is up at 110.
    assert_eq!(bench.admit(15), Admission::Refuse);
    assert_eq!(bench.open_until(), Some(110));
    assert_eq!(bench.admit(110), Admission::Probe(1));
    bench.end(111, Admission::Probe(1), OK);
    assert_eq!(
        bench.admit(125),
        Admission::Pass,
        "closed with an empty window"
    );
}

#[test]
fn slow_calls_open_it_although_they_succeed() {
    let slow = Slow {
        longer_than: Span(50),
        limit: Limit::AtLeast(Share::ALL),
    };
    let mut bench = Bench::new(windowed(WindowTrip {
        failures: None,
        slow: Some(slow),
        ..half_of(2, WindowSpec::Calls(2))
    }));
    assert!(!bench.end_after(0, Admission::Pass, OK, 51));
    assert!(!bench.end_after(1, Admission::Pass, OK, 50));
    assert!(!bench.end_after(2, Admission::Pass, OK, 51));
    assert!(bench.end_after(3, Admission::Pass, FAIL, 51));
    // A slow probe is a failed probe.
    let probe = bench.admit(103);
    assert!(bench.end_after(200, probe, OK, 97));
}

#[test]
fn what_is_ignored_is_not_counted_and_what_is_not_counts_as_well() {
    let mut bench = Bench::new(BreakerSpec {
        on: OutcomeSet::of(&[FAIL]),
        well: OutcomeSet::of(&[OK, Outcome::Permanent]),
        ..windowed(half_of(2, WindowSpec::All))
    });
    for outcome in [Outcome::Permanent, Outcome::Invalid, Outcome::Invalid] {
        assert!(!bench.call(0, outcome));
    }
    assert!(bench.call(1, FAIL), "one of two");
}

#[test]
fn the_open_time_grows_until_it_closes() {
    let growing = Backoff {
        kind: BackoffKind::Exponential {
            base: Span(100),
            factor: 2.0,
        },
        floor: Span::ZERO,
        cap: Span(300),
        bounds: Bounds::Before,
        jitter: Jitter::None,
        rounding: Rounding::default(),
        first_at_once: false,
    };
    let mut bench = Bench::new(BreakerSpec {
        open_for: OpenFor::Growing(Box::new(growing)),
        ..BreakerSpec::consecutive(1, Span(100))
    });
    let mut at = 0;
    for open_for in [100, 200, 300, 300] {
        assert!(bench.call(at, FAIL));
        assert_eq!(bench.open_until(), Some(at + open_for));
        at += open_for;
    }
    assert!(!bench.call(at, OK));
    assert!(bench.call(at, FAIL));
    assert_eq!(bench.open_until(), Some(at + 100));
}

#[test]
fn a_kept_window_counts_what_was_refused() {
    let mut bench = Bench::new(windowed(WindowTrip {
        counts_refused: true,
        counts_at_start: true,
        kept: true,
        ..half_of(1, WindowSpec::All)
    }));
    assert!(bench.call(0, FAIL));
    for at in 1..4 {
        assert_eq!(bench.admit(at), Admission::Refuse);
    }
    assert!(!bench.call(100, OK), "the probe");
    assert!(!bench.call(101, FAIL), "two of six");
    assert!(!bench.call(102, FAIL), "three of seven");
    assert!(bench.call(103, FAIL), "four of eight");
}

#[test]
fn a_renewed_breaker_is_as_good_as_new() {
    for spec in [spec(), windowed(half_of(3, WindowSpec::Calls(3)))] {
        let mut bench = Bench::opened(spec);
        bench.breaker.renew();
        assert_eq!(bench.breaker.state(), BreakerState::default());
        assert!(!bench.call(3, FAIL));
        assert!(!bench.call(4, FAIL));
        assert!(bench.call(5, FAIL));
    }
}

#[test]
fn a_call_that_failed_slowly_decides_where_failures_do() {
    let slow = Slow {
        longer_than: Span(50),
        limit: Limit::Count(9),
    };
    let mut bench = Bench::new(windowed(WindowTrip {
        slow: Some(slow),
        decides: Decides::EachFailure,
        ..half_of(2, WindowSpec::Calls(2))
    }));
    assert!(!bench.end_after(0, Admission::Pass, OK, 0));
    assert!(bench.end_after(60, Admission::Pass, FAIL, 51), "one of two");
}

#[test]
fn a_probe_that_says_nothing_closes_nothing() {
    let mut bench = Bench::opened(spec());
    let probe = bench.admit(102);
    assert!(!bench.end(103, probe, Outcome::Permanent));
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
    assert_eq!(bench.admit(104), Admission::Probe(1), "its room is free");
}

#[test]
fn the_second_probe_to_fail_finds_it_open() {
    let mut bench = Bench::opened(BreakerSpec {
        half_open: HalfOpen::EVERYBODY,
        ..spec()
    });
    let (first, second) = (bench.admit(102), bench.admit(102));
    assert!(bench.end(110, first, FAIL));
    assert!(!bench.end(150, second, FAIL));
    assert_eq!(bench.open_until(), Some(210), "from the first one on");
}

#[test]
fn one_failure_spoils_the_sample_of_who_counts_in_a_row() {
    for (first, second, state) in [
        (OK, OK, None),
        (FAIL, OK, Some(204)),
        (FAIL, FAIL, Some(204)),
    ] {
        let mut bench = Bench::opened(BreakerSpec {
            half_open: HalfOpen::Sample(2),
            ..spec()
        });
        let probes = [bench.admit(102), bench.admit(102)];
        assert!(!bench.end(103, probes[0], first));
        assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
        assert_eq!(bench.end(104, probes[1], second), state.is_some());
        assert_eq!(bench.open_until(), state);
    }
}
