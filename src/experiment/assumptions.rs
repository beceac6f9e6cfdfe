//! What a scenario assumes of a target, in words, for the reader of a report.

use crate::random::Distribution;
use crate::units::text::{count, money, share, span};
use crate::units::{Money, Price, Span};
use crate::world::{
    Calendar, Capacity, Curve, LimitSpec, LimitUnit, LoadBy, Order, Reach, Recurring,
    RetryAfterHint, Shape, StruckBy, Target, Window,
};

/// One sentence fragment for each assumption: prices, failures, limits, capacity.
pub fn of(target: &Target) -> Vec<String> {
    let mut words = prices(target);
    words.extend(failures(target));
    words.extend(target.limits.iter().map(limit));
    words.extend(load(target));
    match &target.capacity {
        Capacity::Infinite => {}
        Capacity::Load { each, share: part } => words.push(format!(
            "each other attempt in flight adds {} and {:.1}% to the latency",
            span(*each),
            part * 100.0
        )),
        Capacity::Servers {
            servers,
            queue,
            retry_after,
            stale,
            order,
            ..
        } => {
            if let Order::Shared(most) = order {
                let most = most.map_or("all".to_owned(), |n| format!("at most {n}"));
                words.push(format!("{most} share the servers"));
            }
            let queue = queue.map_or("any number".to_owned(), |n| count(u128::from(n)));
            let told = told(retry_after);
            words.push(format!("{servers} servers, {queue} may wait{told}"));
            if let Some(stale) = stale {
                let after = span(stale.after);
                words.push(format!(
                    "who has waited longer than {after} is not worked on"
                ));
            }
        }
    }
    words
}

fn prices(target: &Target) -> Vec<String> {
    let price = &target.price;
    let mut words = vec![];
    if let Some(p) = price.tokens {
        let each = |price: Price| money(Money(i128::from(price.0) * 1_000_000));
        words.push(format!(
            "per million tokens {} input, {} cached input, {} cache write, {} output",
            each(p.input),
            each(p.cached_input),
            each(p.cache_write),
            each(p.output)
        ));
    }
    if price.per_call != Money::ZERO {
        words.push(format!("{} a call", money(price.per_call)));
    }
    if !price.by_prompt.is_empty() {
        words.push("a price a call by the size of its prompt".to_owned());
    }
    words
}

fn failures(target: &Target) -> Vec<String> {
    let mut words = vec![];
    let failures = &target.failures;
    if failures.rate.0 > 0 {
        let outcome = failures.outcome.name();
        words.push(format!(
            "fails {} of attempts ({outcome}){}",
            share(failures.rate),
            told(&failures.retry_after)
        ));
    }
    if let Some(hangs) = &target.hangs {
        words.push(format!("{} of attempts hang", share(hangs.rate)));
    }
    each(&target.outages, |when, outage| {
        words.push(format!(
            "outage {when} ({}){}{}",
            outage.outcome.name(),
            struck(outage.reach),
            told(&outage.retry_after)
        ));
    });
    if let Some(episodes) = &target.episodes {
        words.push(format!(
            "fails {} of {}s in episodes of {} on average, {} apart{}",
            share(episodes.reach.rate),
            whom(episodes.reach),
            span(episodes.mean_down),
            span(episodes.mean_up),
            told(&episodes.retry_after)
        ));
    }
    if target.script.is_some() {
        words.push("replies by a script".to_owned());
    }
    if !target.pauses.once.is_empty() {
        words.push(format!("pauses {} times", target.pauses.once.len()));
    }
    for (pause, ()) in &target.pauses.again {
        words.push(format!("pauses {}{}", when(pause.first), again(*pause)));
    }
    if let Some(breakdowns) = &target.breakdowns {
        let of = |d: &Distribution| span(Span::from_nanos_f64(d.mean()));
        words.push(format!(
            "breaks down for {} on average, {} apart",
            of(&breakdowns.down),
            of(&breakdowns.up)
        ));
    }
    each(&target.slowdowns, |when, slowdown| {
        let (factor, struck) = (slowdown.factor, struck(slowdown.reach));
        words.push(format!("{factor}× slower {when}{struck}"));
    });
    words
}

/// Each window of a calendar: when it is, and what is about it.
fn each<T>(calendar: &Calendar<T>, mut say: impl FnMut(String, &T)) {
    for (window, about) in &calendar.once {
        say(when(*window), about);
    }
    for (recurring, about) in &calendar.again {
        let when = when(recurring.first) + &again(*recurring);
        say(when, about);
    }
}

fn when(window: Window) -> String {
    let from = seconds(window.from.as_seconds());
    format!("for {} at {from}", span(window.length()))
}

fn again(recurring: Recurring) -> String {
    let every = span(recurring.every);
    match recurring.times {
        Some(times) => format!(" and every {every}, {times} times in all"),
        None => format!(" and every {every}"),
    }
}

/// What is said of when to come back, behind the rest.
fn told(hint: &RetryAfterHint) -> String {
    match hint {
        RetryAfterHint::Silent => String::new(),
        RetryAfterHint::Fixed(wait) => format!(", with a Retry-After of {}", span(*wait)),
        RetryAfterHint::Drawn(wait) => format!(
            ", with a Retry-After of {} on average",
            span(Span::from_nanos_f64(wait.mean()))
        ),
        RetryAfterHint::ToReset => ", with a Retry-After until its end".to_owned(),
        RetryAfterHint::Jittered(more) => {
            format!(
                ", with a Retry-After until its end and up to {} more",
                span(*more)
            )
        }
    }
}

/// Whom something strikes that does not strike all, behind the rest.
fn struck(reach: Reach) -> String {
    match reach.strikes_all() {
        true => String::new(),
        false => format!(", for {} of {}s", share(reach.rate), whom(reach)),
    }
}

fn whom(reach: Reach) -> &'static str {
    match reach.by {
        StruckBy::Attempt => "attempt",
        StruckBy::Task => "task",
        StruckBy::Agent => "agent",
        StruckBy::Fleet => "fleet",
    }
}

/// What load does to it.
fn load(target: &Target) -> Vec<String> {
    let mut words = vec![];
    if let Some(latency) = &target.under_load.latency {
        words.push(format!("latency is multiplied by {}", curve(latency)));
    }
    if let Some(failures) = &target.under_load.failures {
        let told = told(&failures.retry_after);
        let (outcome, rate) = (failures.outcome.name(), curve(&failures.rate));
        words.push(format!(
            "fails by load ({outcome}), a share of {rate}{told}"
        ));
    }
    words
}

/// A curve as a formula in `n`, and what `n` is.
fn curve(curve: &Curve) -> String {
    let above = |beyond: f64| match beyond > 0.0 {
        true => format!("(n - {beyond}, at least 0)"),
        false => "n".to_owned(),
    };
    let formula = match &curve.shape {
        Shape::Power {
            from,
            times,
            exponent,
            beyond,
            full,
        } => {
            format!("{from} + {times}·({}/{full})^{exponent}", above(*beyond))
        }
        Shape::Knee { exponent, full } => format!("(n/{full})^{exponent}, at least 1"),
        Shape::Exponential { base, beyond, full } => {
            format!("{base}^({}/{full})", above(*beyond))
        }
        Shape::Inverse { full } => format!("1/(1 - n/{full})"),
        Shape::Excess { share, full } => format!("{share}·(1 - {full}/n), at least 0"),
        Shape::Points(points) => format!("a table of {} points", points.len()),
        Shape::Steps { steps, .. } => format!("{} steps", steps.len()),
    };
    let most = match curve.most.is_finite() {
        true => format!(", at most {}", curve.most),
        false => String::new(),
    };
    let n = match curve.by {
        LoadBy::InFlight => "attempts in flight".to_owned(),
        LoadBy::Others => "other attempts in flight".to_owned(),
        LoadBy::Waiting => "attempts in line".to_owned(),
        LoadBy::Serving => "attempts being served".to_owned(),
        LoadBy::Arrivals(window) => format!("attempts let in within {}", span(window)),
    };
    format!("{formula}{most}, where n is {n}")
}

fn seconds(s: f64) -> String {
    format!("{s} s")
}

fn limit(spec: &LimitSpec) -> String {
    let unit = match spec.unit {
        LimitUnit::Requests => "requests",
        _ => "tokens",
    };
    let algorithm = format!("{:?}", spec.algorithm);
    let name = algorithm.split([' ', '{']).next().unwrap_or_default();
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    let quota = count(u128::from(spec.quota));
    match words.as_str() {
        "concurrency" => format!("at most {quota} at once"),
        _ => format!("at most {quota} {unit} in {} ({words})", span(spec.window)),
    }
}
