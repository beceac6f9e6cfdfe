//! What a client makes of the headers by which servers ask it to wait.
//!
//! Two steps, kept apart: [`HeaderRules::read`] turns header texts into a length of time (each
//! library has its own grammar), [`HeaderRules::told`] decides what to do with that time. In a
//! simulation servers name the time itself, as `Retry-After`, and only the second step is needed.

use super::predicate::StatusSet;
use crate::units::Span;
use crate::wire::{Reply, RetryHeader};

/// What a client does with a server's wish to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeaderRules {
    /// What it does with a time that it accepts.
    pub rule: RetryAfterRule,
    /// Which headers it reads.
    pub reads: HeaderSet,
    /// How it reads them.
    pub grammar: Grammar,
    /// With which statuses it looks for them; `None` is all.
    pub statuses: Option<StatusSet>,
    /// Whether zero is a time, or no time at all.
    pub zero_counts: bool,
    /// A shorter time counts as this one.
    pub shortest: Span,
    /// The longest time that is accepted, and what happens to a longer one.
    pub longest: Option<(Span, WhenTooLong)>,
}

/// What a client does with a time that it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryAfterRule {
    /// Nothing: it backs off as ever.
    Ignore,
    /// It waits exactly so long, in place of its backoff.
    Honor,
    /// It waits so long and this much more.
    HonorPlus(Span),
    /// It waits so long and up to this much more. Source: LiteLLM 1.106.2 (750 ms).
    HonorJittered(Span),
    /// It waits so long and up to this share of it more. Source: Envoy,
    /// `rate_limited_retry_back_off` (50 %).
    HonorStretched(f64),
    /// It waits its backoff at least, and at most this much longer.
    /// Source: botocore 1.44, `x-amz-retry-after` (5 s).
    Within(Span),
}

/// What a client does when told to wait longer than it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenTooLong {
    /// It gives up at once.
    GiveUp,
    /// It backs off as if it had not been told.
    Backoff,
    /// It backs off, or waits as it was told if that is shorter.
    /// Source: Vercel AI SDK 5, `retryWithExponentialBackoffRespectingRetryHeaders`.
    Shorter,
    /// It waits for the longest time that it accepts.
    Cap,
    /// It is back at once: the timer overflows. Source: Node.js, `setTimeout` above 2^31 - 1 ms.
    AtOnce,
}

/// What follows from a reply's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// Wait so long.
    Wait(Span),
    /// Wait so long if the backoff is longer still.
    WaitIfShorter(Span),
    /// Give up.
    GiveUp,
}

/// A set of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderSet(u8);

/// How a client reads header texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grammar {
    /// Which numbers it understands in `Retry-After`.
    pub seconds: Number,
    /// Whether it understands dates there.
    pub dates: bool,
    /// What a text that it does not understand comes to.
    pub unusable: Unusable,
    /// Whether a time that is past counts as zero, or as no time at all.
    pub past_is_zero: bool,
    /// Whether `inf` is a time: a very long one.
    pub infinity: bool,
    /// Whether a header of milliseconds that says zero is passed over for `Retry-After`.
    pub skips_zero_millis: bool,
}

/// Which numbers a client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Whole ones.
    Integer,
    /// Any, as a whole text.
    Float,
    /// Any that the text begins with (JavaScript's `parseFloat`).
    Leading,
}

/// What a text comes to that a client does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was not told.
    Nothing,
    /// It is told to wait for no time at all (JavaScript's `setTimeout(NaN)`).
    Zero,
    /// It fails at once (urllib3's `InvalidHeader`).
    GiveUp,
}

/// What a client reads in the headers of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nothing.
    Nothing,
    /// A wish to wait so long, in that header.
    Wait(Span, RetryHeader),
    /// Something over which it fails.
    Broken,
}

/// The texts of the headers of one reply.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderTexts<'a> {
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// `retry-after-ms`.
    pub millis: Option<&'a str>,
    /// `x-ms-retry-after-ms`.
    pub azure_millis: Option<&'a str>,
    /// `x-amz-retry-after`.
    pub amazon_millis: Option<&'a str>,
    /// `grpc-retry-pushback-ms`.
    pub pushback: Option<&'a str>,
}

impl HeaderSet {
    /// No header.
    pub const NONE: HeaderSet = HeaderSet(0);

    /// The set of these headers.
    pub const fn of(headers: &[RetryHeader]) -> HeaderSet {
        let mut bits = 0;
        let mut i = 0;
        while i < headers.len() {
            bits |= 1 << headers[i] as u8;
            i += 1;
        }
        HeaderSet(bits)
    }

    /// Whether `header` is in the set.
    pub const fn has(self, header: RetryHeader) -> bool {
        self.0 & (1 << header as u8) != 0
    }
}

impl HeaderRules {
    /// `Retry-After` is honoured, however long.
    pub const HONOR: HeaderRules = HeaderRules {
        rule: RetryAfterRule::Honor,
        reads: HeaderSet::of(&[RetryHeader::Seconds]),
        grammar: Grammar {
            seconds: Number::Float,
            dates: true,
            unusable: Unusable::Nothing,
            past_is_zero: false,
            infinity: false,
            skips_zero_millis: false,
        },
        statuses: None,
        zero_counts: true,
        shortest: Span::ZERO,
        longest: None,
    };

    /// What follows from the headers of `reply`.
    #[inline]
    pub fn told(&self, reply: &Reply) -> Told {
        let Some(asked) = reply.retry_after else {
            return Told::Nothing;
        };
        if self.rule == RetryAfterRule::Ignore
            || !self.reads.has(reply.header)
            || self.statuses.is_some_and(|set| !set.has(reply.status))
            || asked == Span::ZERO && !self.zero_counts
        {
            return Told::Nothing;
        }
        let asked = asked.max(self.shortest);
        match self.longest {
            Some((longest, rule)) if asked > longest => match rule {
                WhenTooLong::GiveUp => Told::GiveUp,
                WhenTooLong::Backoff => Told::Nothing,
                WhenTooLong::Shorter => Told::WaitIfShorter(asked),
                WhenTooLong::Cap => Told::Wait(longest),
                WhenTooLong::AtOnce => Told::Wait(Span::ZERO),
            },
            _ => Told::Wait(asked),
        }
    }

    /// Whether the reply has a plain `Retry-After` that the client reads, whatever it does with it.
    #[inline]
    pub fn hears(&self, reply: &Reply) -> bool {
        self.rule != RetryAfterRule::Ignore
            && reply.retry_after.is_some()
            && reply.header == RetryHeader::Seconds
            && self.reads.has(RetryHeader::Seconds)
    }

    /// The wait that comes of being told `asked`, with luck `u`, where the backoff is `backoff`.
    #[inline]
    pub fn wait(&self, asked: Span, backoff: Span, u: f64) -> Span {
        let more = |span: Span, share: f64| Span::from_nanos_f64(span.0 as f64 * share);
        match self.rule {
            RetryAfterRule::Ignore => backoff,
            RetryAfterRule::Honor => asked,
            RetryAfterRule::HonorPlus(extra) => asked + extra,
            RetryAfterRule::HonorJittered(most) => asked + more(most, u),
            RetryAfterRule::HonorStretched(share) => asked + more(asked, share * u),
            RetryAfterRule::Within(most) => asked.min(backoff + most).max(backoff),
        }
    }

    /// Whether the wait after this reply is the header's to say, whatever the backoff.
    #[inline]
    pub fn replace_backoff(&self, reply: &Reply) -> bool {
        reply.retry_after.is_some()
            && !matches!(self.rule, RetryAfterRule::Within(_))
            && matches!(self.told(reply), Told::Wait(_))
    }

    /// Whether what it does with a header depends on luck.
    pub fn draws(&self) -> bool {
        matches!(
            self.rule,
            RetryAfterRule::HonorJittered(_) | RetryAfterRule::HonorStretched(_)
        )
    }

    /// Reads header texts as this client does; `now` is the date, in seconds since 1970.
    ///
    /// Milliseconds come first, from the most special header to the most general. A pushback that is
    /// no whole number from 0 up (to 2^31 - 1) forbids to try again, whatever `unusable` says.
    pub fn read(&self, texts: &HeaderTexts, now: f64) -> Reading {
        if let Some(text) = texts
            .pushback
            .filter(|_| self.reads.has(RetryHeader::Pushback))
        {
            return match text.parse::<i32>().map(u64::try_from) {
                Ok(Ok(ms)) => Reading::Wait(Span::millis(ms), RetryHeader::Pushback),
                _ => Reading::Broken,
            };
        }
        let millis = [
            (texts.amazon_millis, RetryHeader::AmazonMillis),
            (texts.azure_millis, RetryHeader::AzureMillis),
            (texts.millis, RetryHeader::Millis),
        ];
        for (text, header) in millis {
            if let Some(text) = text.filter(|_| self.reads.has(header))
                && let Some(ms) = number(text, self.grammar.seconds.with_decimals())
                && !(ms == 0.0 && self.grammar.skips_zero_millis)
            {
                return self.grammar.reading(Some(ms * 1e6), header);
            }
        }
        let Some(text) = texts
            .retry_after
            .filter(|_| self.reads.has(RetryHeader::Seconds))
        else {
            return Reading::Nothing;
        };
        let seconds = self.grammar.seconds(text, now);
        self.grammar
            .reading(seconds.map(|s| s * 1e9), RetryHeader::Seconds)
    }
}

impl Grammar {
    fn seconds(self, text: &str, now: f64) -> Option<f64> {
        let number = number(text, self.seconds);
        number.or_else(|| Some(date(text).filter(|_| self.dates)? - now))
    }

    fn reading(self, ns: Option<f64>, header: RetryHeader) -> Reading {
        let zero = Reading::Wait(Span::ZERO, header);
        match ns {
            Some(ns) if ns < 0.0 => match self.past_is_zero {
                true => zero,
                false => Reading::Nothing,
            },
            Some(ns) if ns.is_finite() || ns > 0.0 && self.infinity => {
                Reading::Wait(Span::from_nanos_f64(ns), header)
            }
            _ => match self.unusable {
                Unusable::Nothing => Reading::Nothing,
                Unusable::Zero => zero,
                Unusable::GiveUp => Reading::Broken,
            },
        }
    }
}

impl Number {
    /// Milliseconds may have decimals even where seconds may not.
    fn with_decimals(self) -> Number {
        match self {
            Number::Integer => Number::Float,
            other => other,
        }
    }
}

fn number(text: &str, kind: Number) -> Option<f64> {
    let text = text.trim();
    match kind {
        Number::Integer => text.parse::<i64>().ok().map(|n| n as f64),
        Number::Float => text.parse::<f64>().ok(),
        Number::Leading => {
            let end = text
                .char_indices()
                .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || *i == 0 && "+-".contains(*c)));
            text[..end.map_or(text.len(), |(i, _)| i)]
                .parse::<f64>()
                .ok()
        }
    }
}

/// Seconds since 1970 of a date such as `Mon, 21 Sep 2026 14:13:50 GMT` (RFC 9110, section 5.6.7;
/// the preferred form only).
pub fn date(text: &str) -> Option<f64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let rest = text.trim().split_once(", ")?.1;
    let mut words = rest.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| *m == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|n| n.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next()? != "GMT" || words.next().is_some() || !(1970..=9999).contains(&year) {
        return None;
    }
    let days = days_since_1970(year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) as f64)
}

/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Outcome;

    fn rules() -> HeaderRules {
        HeaderRules {
            reads: HeaderSet::of(&[RetryHeader::Seconds, RetryHeader::Millis]),
            ..HeaderRules::HONOR
        }
    }

    fn read(rules: &HeaderRules, retry_after: &str) -> Option<u64> {
        let texts = HeaderTexts {
            retry_after: Some(retry_after),
            ..HeaderTexts::default()
        };
        match rules.read(&texts, 1_000_000.0) {
            Reading::Wait(span, _) => Some(span.0 / 1_000_000),
            Reading::Nothing => None,
            Reading::Broken => Some(u64::MAX),
        }
    }

    #[test]
    fn texts_are_read_by_grammar() {
        let mut rules = rules();
        assert_eq!(read(&rules, "7"), Some(7000));
        assert_eq!(read(&rules, "7.5"), Some(7500));
        assert_eq!(read(&rules, "7abc"), None);
        assert_eq!(read(&rules, "nan"), None);
        assert_eq!(read(&rules, "-3"), None);
        rules.grammar.seconds = Number::Integer;
        assert_eq!(read(&rules, "7.5"), None);
        rules.grammar.seconds = Number::Leading;
        assert_eq!(read(&rules, "7abc"), Some(7000));
        rules.grammar.past_is_zero = true;
        assert_eq!((read(&rules, "-3"), read(&rules, "soon")), (Some(0), None));
        rules.grammar.unusable = Unusable::Zero;
        assert_eq!(read(&rules, "soon"), Some(0));
        rules.grammar.unusable = Unusable::GiveUp;
        assert_eq!(read(&rules, "soon"), Some(u64::MAX));
        rules.grammar.seconds = Number::Float;
        rules.grammar.infinity = true;
        assert_eq!(read(&rules, "inf"), Some(u64::MAX / 1_000_000));
    }

    #[test]
    fn dates_are_read_where_they_are_understood() {
        // 12 days after 1 January 1970 less 13:46:40.
        let text = "Mon, 12 Jan 1970 13:47:10 GMT";
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0.0));
        assert_eq!(date("Tue, 29 Feb 2028 00:00:00 GMT"), Some(1_835_395_200.0));
        assert_eq!(date("Mon, 12 Jan 1970"), None);
        let mut rules = rules();
        assert_eq!(read(&rules, text), Some(30_000));
        rules.grammar.dates = false;
        assert_eq!(read(&rules, text), None);
    }

    #[test]
    fn milliseconds_come_first() {
        let texts = |millis| HeaderTexts {
            retry_after: Some("7"),
            millis: Some(millis),
            ..HeaderTexts::default()
        };
        let mut rules = rules();
        let read = |rules: &HeaderRules, ms| match rules.read(&texts(ms), 0.0) {
            Reading::Wait(span, _) => Some(span.0),
            _ => None,
        };
        assert_eq!(read(&rules, "250"), Some(250_000_000));
        assert_eq!(read(&rules, "x"), Some(7_000_000_000));
        assert_eq!(read(&rules, "0"), Some(0));
        rules.grammar.skips_zero_millis = true;
        assert_eq!(read(&rules, "0"), Some(7_000_000_000));
        rules.reads = HeaderSet::of(&[RetryHeader::Seconds]);
        assert_eq!(read(&rules, "250"), Some(7_000_000_000));
        rules.reads = HeaderSet::NONE;
        assert_eq!(read(&rules, "250"), None);
    }

    #[test]
    fn a_pushback_says_when_or_forbids() {
        let mut rules = rules();
        rules.reads = HeaderSet::of(&[RetryHeader::Pushback]);
        let read = |rules: &HeaderRules, text| {
            let texts = HeaderTexts {
                pushback: Some(text),
                ..HeaderTexts::default()
            };
            rules.read(&texts, 0.0)
        };
        let wait = |ms| Reading::Wait(Span::millis(ms), RetryHeader::Pushback);
        assert_eq!(read(&rules, "500"), wait(500));
        assert_eq!(read(&rules, "0"), wait(0));
        for forbids in ["-1", "soon", "", "0.5", "2147483648"] {
            assert_eq!(read(&rules, forbids), Reading::Broken, "{forbids}");
        }
        rules.reads = HeaderSet::of(&[RetryHeader::Seconds]);
        assert_eq!(read(&rules, "-1"), Reading::Nothing);
    }

    #[test]
    fn what_is_told_depends_on_its_length() {
        let told = |rules: &HeaderRules, s| {
            let asked = Some(Span::seconds(s));
            rules.told(&Reply::of(Outcome::RateLimited).asking(asked))
        };
        let mut rules = rules();
        rules.zero_counts = false;
        rules.shortest = Span::seconds(2);
        assert_eq!(told(&rules, 0), Told::Nothing);
        assert_eq!(told(&rules, 1), Told::Wait(Span::seconds(2)));
        let longest = Span::seconds(60);
        for (rule, expected) in [
            (WhenTooLong::GiveUp, Told::GiveUp),
            (WhenTooLong::Backoff, Told::Nothing),
            (WhenTooLong::Shorter, Told::WaitIfShorter(Span::seconds(61))),
            (WhenTooLong::Cap, Told::Wait(longest)),
            (WhenTooLong::AtOnce, Told::Wait(Span::ZERO)),
        ] {
            rules.longest = Some((longest, rule));
            assert_eq!(told(&rules, 60), Told::Wait(longest));
            assert_eq!(told(&rules, 61), expected, "{rule:?}");
        }
        rules.statuses = Some(StatusSet::EMPTY.with(503, 503));
        assert_eq!(told(&rules, 7), Told::Nothing);
    }

    #[test]
    fn a_time_is_kept_as_the_rule_says() {
        let wait = |rule| {
            let rules = HeaderRules { rule, ..rules() };
            rules.wait(Span::seconds(10), Span::seconds(2), 0.5)
        };
        assert_eq!(wait(RetryAfterRule::Ignore), Span::seconds(2));
        assert_eq!(wait(RetryAfterRule::Honor), Span::seconds(10));
        assert_eq!(
            wait(RetryAfterRule::HonorPlus(Span::SECOND)),
            Span::seconds(11)
        );
        let jittered = RetryAfterRule::HonorJittered(Span::seconds(2));
        assert_eq!(wait(jittered), Span::seconds(11));
        assert_eq!(
            wait(RetryAfterRule::HonorStretched(0.5)),
            Span::millis(12_500)
        );
        assert_eq!(
            wait(RetryAfterRule::Within(Span::seconds(5))),
            Span::seconds(7)
        );
        assert_eq!(
            wait(RetryAfterRule::Within(Span::seconds(50))),
            Span::seconds(10)
        );
    }
}
