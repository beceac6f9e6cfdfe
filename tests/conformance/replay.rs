//! Plays a conversation through layers on a virtual clock: those that retry, and those that bound
//! the retries inside them.

use squall::resilience::{
    Decision, HeaderTexts, MOST_DEPLOYMENTS, Reading, RetryBudget, RetryBudgetSpec, RetrySpec,
    RetryState, Router, RouterSpec, date,
};
use squall::scenario::LayerKind;
use squall::units::{Money, Span, Time};
use squall::wire::{Advice, NO_STATUS, Outcome, OutcomeSet, Reply};

/// The clock of every recording: `Mon, 21 Sep 2026 14:13:20 GMT`.
const NOW: &str = "Mon, 21 Sep 2026 14:13:20 GMT";
/// No recording calls more often; an endless loop is cut off here.
const MOST_CALLS: usize = 1000;

/// A conversation.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What the server answers; the last one repeats.
    pub responses: Vec<Response>,
    /// The luck of every draw.
    pub u: f64,
    /// How long a call takes \[s\], where that is recorded.
    pub call_takes: Option<f64>,
    /// How many requests are made, one after the other.
    pub requests: usize,
}

/// What a server answers, or how the call fails.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status; 0 if there is none.
    pub status: u16,
    /// Whether the client gave up waiting.
    pub timeout: bool,
    /// What its error code says, where that decides.
    pub code: Option<Outcome>,
    /// Header names in lower case, and their texts.
    pub headers: Vec<(String, String)>,
}

impl Response {
    pub fn status(status: u16) -> Response {
        Response {
            status,
            ..Response::default()
        }
    }

    pub fn with(mut self, name: &str, text: &str) -> Response {
        self.headers.push((name.to_lowercase(), text.to_owned()));
        self
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, text)| text.as_str())
    }

    /// The reply as this client sees it, or `None` if it fails over reading it.
    fn reply(&self, spec: &RetrySpec, elapsed: f64) -> Option<Reply> {
        let reply = match (self.timeout, self.status) {
            (true, _) => Reply::of(Outcome::Timeout),
            (false, 0) => Reply {
                status: NO_STATUS,
                ..Reply::of(Outcome::Transient)
            },
            (false, status) => Reply::of_status(status),
        };
        let texts = HeaderTexts {
            retry_after: self.header("retry-after"),
            millis: self.header("retry-after-ms"),
            azure_millis: self.header("x-ms-retry-after-ms"),
            amazon_millis: self.header("x-amz-retry-after"),
            pushback: self.header("grpc-retry-pushback-ms"),
        };
        let reply = match self.code {
            Some(outcome) => Reply {
                status: self.status,
                ..Reply::of(outcome)
            },
            None => reply,
        };
        let advice = match self.header("x-should-retry") {
            Some("true") => Advice::Retry,
            Some("false") => Advice::Stop,
            _ => Advice::None,
        };
        let reply = Reply { advice, ..reply };
        match spec.headers.read(&texts, date(NOW).unwrap() + elapsed) {
            Reading::Nothing => Some(reply),
            Reading::Wait(asked, header) => Some(Reply {
                retry_after: Some(asked),
                header,
                ..reply
            }),
            Reading::Broken => None,
        }
    }
}

/// What came of a conversation.
#[derive(Debug)]
pub struct Talked {
    /// Calls made by each request.
    pub calls: Vec<usize>,
    /// The waits between \[s\].
    pub sleeps: Vec<f64>,
    /// How often each deployment was called.
    pub hits: [usize; MOST_DEPLOYMENTS],
}

/// The calls that are made through these layers, outermost first, and the waits between.
pub fn replay(layers: &[LayerKind], script: &Script) -> Talked {
    let mut talk = Talk {
        script,
        now: Time::ZERO,
        calls: 0,
        sleeps: vec![],
        spent: 0,
        of_agent: RetryBudget::default(),
        router: Router::default(),
        hits: [0; MOST_DEPLOYMENTS],
    };
    let mut calls = vec![];
    for _ in 0..script.requests {
        let before = talk.calls;
        talk.through(layers, Around::NOTHING);
        calls.push(talk.calls - before);
    }
    Talked {
        calls,
        sleeps: talk.sleeps,
        hits: talk.hits,
    }
}

/// What is outside a layer.
#[derive(Clone, Copy)]
struct Around {
    /// How many retries the budget outside allows.
    most: u32,
    /// Whether the retry layer next outside makes its first attempt.
    first: bool,
    /// The budget for the next retry layer inside, kept from request to request.
    next: Option<RetryBudgetSpec>,
}

impl Around {
    const NOTHING: Around = Around {
        most: u32::MAX,
        first: true,
        next: None,
    };
}

/// A conversation under way.
struct Talk<'a> {
    script: &'a Script,
    now: Time,
    calls: usize,
    sleeps: Vec<f64>,
    /// Retries inside the innermost retry budget.
    spent: u32,
    /// What is left of the only budget that requests share.
    of_agent: RetryBudget,
    /// The state of the only route.
    router: Router,
    hits: [usize; MOST_DEPLOYMENTS],
}

impl Talk<'_> {
    /// One call through these layers: the last response, unless the innermost failed to read it.
    fn through(&mut self, layers: &[LayerKind], around: Around) -> Option<Response> {
        let Some((outermost, inside)) = layers.split_first() else {
            return Some(self.call());
        };
        let outermost = match outermost {
            LayerKind::Retry(spec) => &**spec,
            LayerKind::RetryBudget(RetryBudgetSpec::Count(most)) => {
                return self.through(
                    inside,
                    Around {
                        most: *most,
                        ..around
                    },
                );
            }
            LayerKind::RetryBudget(spec @ RetryBudgetSpec::NextCount(_)) => {
                let next = Some(*spec);
                return self.through(inside, Around { next, ..around });
            }
            LayerKind::Fallback(to, on) => return self.fall_back(to.len(), *on, inside, around),
            LayerKind::Route(_, spec) => return self.route(spec, inside, around),
            // No recorded call takes as long as a timeout.
            _ => return self.through(inside, around),
        };
        let mut state = RetryState::begin(self.now);
        loop {
            let within = Around {
                first: state.attempts == 1,
                next: None,
                ..around
            };
            let response = self.through(inside, within)?;
            let reply = response.reply(outermost, 0.0)?;
            if outermost.only_in_first && !around.first {
                return Some(response);
            }
            let decision = outermost.decide(&mut state, self.now, reply, self.script.u);
            let (wait, last) = match decision {
                Decision::GiveUp => return Some(response),
                Decision::RetryAfter(wait) => (wait, false),
                Decision::GiveUpAfter(wait) => (wait, true),
            };
            let route = inside.iter().find_map(|layer| match layer {
                LayerKind::Route(_, spec) => Some(spec),
                _ => None,
            });
            let asked = route.map_or(Some(wait), |spec| {
                self.router.before_retry(spec, self.now, wait)
            });
            let Some(wait) = asked else {
                return Some(response);
            };
            if last {
                self.sleeps.push(wait.as_seconds());
                self.now += wait;
                return Some(response);
            }
            if let Some(spec) = &around.next {
                let budget = &mut self.of_agent;
                if !budget.has_room(spec, self.now, reply.outcome, Money::ZERO) {
                    return Some(response);
                }
                budget.take(spec, reply.outcome);
            }
            if around.most != u32::MAX {
                if self.spent >= around.most {
                    return Some(response);
                }
                self.spent += 1;
            }
            if self.calls >= MOST_CALLS {
                return None;
            }
            self.sleeps.push(wait.as_seconds());
            self.now += wait;
            state.again(self.now);
        }
    }

    /// The same at other targets, as long as it fails with one of these outcomes.
    fn fall_back(
        &mut self,
        others: usize,
        on: OutcomeSet,
        inside: &[LayerKind],
        around: Around,
    ) -> Option<Response> {
        let mut response = self.through(inside, around)?;
        for _ in 0..others {
            let reply = response.reply(&RetrySpec::default(), 0.0)?;
            if !on.has(reply.outcome) {
                break;
            }
            response = self.through(inside, around)?;
        }
        Some(response)
    }

    /// One of the deployments that do not rest; without any, a refusal.
    fn route(
        &mut self,
        spec: &RouterSpec,
        inside: &[LayerKind],
        around: Around,
    ) -> Option<Response> {
        let Some(chosen) = self.router.choose(spec, self.now, self.script.u) else {
            return Some(Response {
                code: Some(Outcome::Rejected),
                ..Response::default()
            });
        };
        self.hits[usize::from(chosen)] += 1;
        let response = self.through(inside, around)?;
        let reply = response.reply(&RetrySpec::default(), 0.0)?;
        self.router.record(spec, self.now, chosen, reply.outcome);
        Some(response)
    }

    fn call(&mut self) -> Response {
        // Otherwise it takes a moment, so that the least period of hot loops does not show as a wait.
        let takes = self
            .script
            .call_takes
            .map(|s| Span::from_nanos_f64(s * 1e9));
        self.now += takes.unwrap_or(RetrySpec::LEAST_PERIOD);
        let last = self.script.responses.len() - 1;
        self.calls += 1;
        self.script.responses[(self.calls - 1).min(last)].clone()
    }
}
