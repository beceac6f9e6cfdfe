//! What retry budgets grant, whatever their kind.

use super::*;
use crate::units::Span;
use crate::wire::OutcomeSet;

const NOW: Time = Time::ZERO;

fn ended(retry: bool, outcome: Outcome, cost: Money, held: u32) -> AttemptEnd {
    AttemptEnd {
        retry,
        first_of_step: !retry,
        outcome,
        cost,
        held,
    }
}

/// Asks for a retry after a failure, and takes it if there is room.
fn ask(budget: &mut RetryBudget, spec: &RetryBudgetSpec, estimate: Money) -> bool {
    let room = budget.has_room(spec, NOW, Outcome::Transient, estimate);
    if room {
        budget.take(spec, Outcome::Transient);
    }
    room
}

#[test]
fn retries_at_most_twice_the_first_attempt() {
    let spec = RetryBudgetSpec::Cost { factor: 2.0 };
    let mut budget = RetryBudget::default();
    let cents = Money::cents(5);
    budget.ended(&spec, NOW, &ended(false, Outcome::Transient, cents, 0));
    for granted in [true, true, false] {
        assert_eq!(ask(&mut budget, &spec, cents), granted);
        budget.ended(&spec, NOW, &ended(granted, Outcome::Transient, cents, 0));
    }
}

#[test]
fn a_count_is_a_count() {
    let mut budget = RetryBudget::default();
    let spec = RetryBudgetSpec::Count(2);
    let granted = [(); 3].map(|()| ask(&mut budget, &spec, Money::ZERO));
    assert_eq!(granted, [true, true, false]);
}

#[test]
fn ten_first_attempts_pay_for_one_retry_at_ten_percent() {
    let spec = RetryBudgetSpec::Ratio(Share(100_000));
    let mut budget = RetryBudget::default();
    let mut granted = 0;
    for n in 1..=100 {
        budget.begun(&spec, NOW, false);
        granted += u32::from(ask(&mut budget, &spec, Money::ZERO));
        assert_eq!(granted, n / 10);
    }
}

#[test]
fn a_success_gives_back_what_its_last_retry_took() {
    let spec = RetryBudgetSpec::Quota(QuotaSpec {
        capacity: 20,
        cost: 5,
        throttled: 5,
        timeout: 10,
        success: 1,
    });
    let mut budget = RetryBudget::default();
    assert_eq!(budget.take(&spec, Outcome::Transient), 5);
    let held = budget.take(&spec, Outcome::Timeout);
    assert!(!budget.has_room(&spec, NOW, Outcome::Timeout, Money::ZERO));
    assert!(budget.has_room(&spec, NOW, Outcome::Transient, Money::ZERO));
    budget.ended(&spec, NOW, &ended(true, Outcome::Ok, Money::ZERO, held));
    let RetryBudget::Quota(quota) = budget else {
        panic!("{budget:?}")
    };
    assert_eq!(quota, {
        let mut five_gone = Quota::default();
        five_gone.take(5);
        five_gone
    });
}

#[test]
fn active_retries_are_bounded_by_active_attempts() {
    let spec = RetryBudgetSpec::Active(ActiveSpec {
        share: Share(200_000),
        least: 1,
    });
    let mut budget = RetryBudget::default();
    let granted = |budget: &mut RetryBudget| ask(budget, &spec, Money::ZERO);
    assert!(granted(&mut budget));
    assert!(!granted(&mut budget));
    for _ in 0..10 {
        budget.begun(&spec, NOW, false);
    }
    assert!(granted(&mut budget));
    assert!(!granted(&mut budget));
    budget.over();
    assert!(granted(&mut budget));
    budget.ended(&spec, NOW, &ended(false, Outcome::Ok, Money::ZERO, 0));
    budget.over();
    assert!(!granted(&mut budget), "a fifth of nine is one");
}

#[test]
fn only_successes_deposit_where_the_policy_says_so() {
    let spec = RetryBudgetSpec::Windowed(WindowedSpec {
        ttl: Span::seconds(10),
        per_second: 0,
        share: 1.0,
        whole: true,
        on_success: true,
    });
    let mut budget = RetryBudget::default();
    budget.begun(&spec, NOW, false);
    budget.ended(
        &spec,
        NOW,
        &ended(false, Outcome::Transient, Money::ZERO, 0),
    );
    assert!(!ask(&mut budget, &spec, Money::ZERO));
    budget.ended(&spec, NOW, &ended(false, Outcome::Ok, Money::ZERO, 0));
    assert!(ask(&mut budget, &spec, Money::ZERO));
}

#[test]
fn a_throttle_hears_every_end() {
    let spec = RetryBudgetSpec::Throttle(ThrottleSpec {
        max: 4,
        ratio: 100,
        on: OutcomeSet::of(&[Outcome::Transient]),
    });
    let mut budget = RetryBudget::default();
    let mut room = vec![];
    for retry in [false, true] {
        budget.ended(
            &spec,
            NOW,
            &ended(retry, Outcome::Transient, Money::ZERO, 0),
        );
        room.push(ask(&mut budget, &spec, Money::ZERO));
    }
    assert_eq!(room, [true, false]);
}

/// A bucket of two tokens that begins empty of what may be taken.
fn spent_bucket(on_success: bool) -> (RetryBudgetSpec, RetryBudget) {
    let spec = RetryBudgetSpec::Bucket(BucketSpec {
        size: 2,
        deposit: 1000,
        on_success,
    });
    let mut budget = RetryBudget::default();
    assert!(ask(&mut budget, &spec, Money::ZERO));
    assert!(!ask(&mut budget, &spec, Money::ZERO), "one always stays");
    (spec, budget)
}

#[test]
fn first_attempts_pay_into_a_bucket_unless_successes_do() {
    let (spec, mut budget) = spent_bucket(false);
    budget.begun(&spec, NOW, true);
    budget.ended(&spec, NOW, &ended(false, Outcome::Ok, Money::ZERO, 0));
    assert!(!ask(&mut budget, &spec, Money::ZERO));
    budget.begun(&spec, NOW, false);
    assert!(ask(&mut budget, &spec, Money::ZERO));

    let (spec, mut budget) = spent_bucket(true);
    budget.begun(&spec, NOW, true);
    budget.begun(&spec, NOW, false);
    let failure = ended(false, Outcome::Transient, Money::ZERO, 0);
    budget.ended(&spec, NOW, &failure);
    assert!(!ask(&mut budget, &spec, Money::ZERO));
    budget.ended(&spec, NOW, &ended(true, Outcome::Ok, Money::ZERO, 0));
    assert!(ask(&mut budget, &spec, Money::ZERO));
}

#[test]
fn first_attempts_pay_into_a_window_and_retries_do_not() {
    let spec = RetryBudgetSpec::Windowed(WindowedSpec {
        ttl: Span::seconds(10),
        per_second: 0,
        share: 1.0,
        whole: true,
        on_success: false,
    });
    let mut budget = RetryBudget::default();
    budget.begun(&spec, NOW, true);
    budget.ended(&spec, NOW, &ended(false, Outcome::Ok, Money::ZERO, 0));
    assert!(!ask(&mut budget, &spec, Money::ZERO));
    budget.begun(&spec, NOW, false);
    assert!(ask(&mut budget, &spec, Money::ZERO));
    assert!(!ask(&mut budget, &spec, Money::ZERO), "it was taken");
}

#[test]
fn retries_are_no_first_attempts_of_a_ratio() {
    let spec = RetryBudgetSpec::Ratio(Share::ALL);
    let mut budget = RetryBudget::default();
    budget.begun(&spec, NOW, true);
    assert!(!ask(&mut budget, &spec, Money::ZERO));
    budget.begun(&spec, NOW, false);
    assert!(ask(&mut budget, &spec, Money::ZERO));
}

#[test]
fn failures_are_held_against_first_attempts() {
    // One failure in four first attempts is a quarter, whoever made it.
    let spec = RetryBudgetSpec::Failures(Share(250_000));
    let mut budget = RetryBudget::default();
    let failure = ended(true, Outcome::Transient, Money::ZERO, 0);
    budget.ended(&spec, NOW, &failure);
    for (n, granted) in [(1, false), (2, false), (3, false), (4, true)] {
        for retry in [false, true, true, true] {
            budget.begun(&spec, NOW, retry);
        }
        budget.ended(&spec, NOW, &ended(true, Outcome::Ok, Money::ZERO, 0));
        assert_eq!(ask(&mut budget, &spec, Money::ZERO), granted, "{n}");
    }
    budget.ended(&spec, NOW, &failure);
    assert!(!ask(&mut budget, &spec, Money::ZERO), "two of four");
}

#[test]
fn a_quota_is_refilled_by_success_alone() {
    let spec = RetryBudgetSpec::Quota(QuotaSpec {
        capacity: 6,
        cost: 5,
        throttled: 5,
        timeout: 5,
        success: 2,
    });
    let mut budget = RetryBudget::default();
    let held = budget.take(&spec, Outcome::Transient);
    let failure = ended(true, Outcome::Transient, Money::ZERO, held);
    budget.ended(&spec, NOW, &failure);
    // One is left; each success at the first attempt gives two back, whatever it is said to hold.
    for granted in [false, true] {
        budget.ended(&spec, NOW, &ended(false, Outcome::Ok, Money::ZERO, held));
        let room = budget.has_room(&spec, NOW, Outcome::Transient, Money::ZERO);
        assert_eq!(room, granted);
    }
}

#[test]
fn a_budget_says_what_it_must_hear_and_remember() {
    let count = RetryBudgetSpec::Count(3);
    let ratio = RetryBudgetSpec::Ratio(Share::ALL);
    let quota = RetryBudgetSpec::Quota(QuotaSpec {
        capacity: 1,
        cost: 1,
        throttled: 1,
        timeout: 1,
        success: 1,
    });
    let says = [count, ratio, quota].map(|spec| (spec.watches(), spec.remembers()));
    assert_eq!(says, [(false, false), (true, false), (true, true)]);
}
