//! The client: plans, turn by turn and step by step.

use std::cell::Cell;
use std::rc::Rc;

use squall::scenario::{LlmStep, OnFailure, ParallelStep, Step, Tokens};
use squall::units::Share;
use squall::wire::{Outcome, Reply};

use super::attempt::{Call, attempt};
use super::clock::{Fut, TimeLimit, all};
use super::layers::{Bound, Inner, Purse, through};
use super::server::certain;
use super::sim::Sim;

/// Where a piece of a plan runs: for whom, and inside which layers.
#[derive(Clone)]
pub struct Env {
    pub sim: Rc<Sim>,
    pub fleet: usize,
    pub task: u32,
    /// How often the task was submitted again before.
    pub run: u32,
    pub agent: u64,
    /// Which attempt inside a hedge, from 1; 0 outside.
    pub lane: usize,
    /// Where its call is made, if not where the plan says.
    pub elsewhere: Option<usize>,
    /// Whether a `repeat` or `parallel` around it was begun before in this task.
    pub anew: bool,
    /// The conversation so far [tokens].
    pub conversation: Rc<Cell<u32>>,
    /// Where in the plan: steps, rounds, branches.
    pub path: Vec<u32>,
    /// The retry budgets around this.
    pub retry_budgets: Vec<Bound>,
    /// The budgets around this.
    pub budgets: Vec<Rc<Purse>>,
    /// The timeouts around this, up to the sub-agent that it is in.
    pub timeouts: Vec<Rc<TimeLimit>>,
}

impl Env {
    fn at(&self, place: u32) -> Env {
        let mut env = self.clone();
        env.path.push(place);
        env
    }

    /// As it is inside a `repeat` or `parallel` that stands here and begins now.
    fn begun(&self) -> Env {
        let mut env = self.clone();
        let place = (env.fleet, env.task, env.path.clone());
        let mut begun = env.sim.begun.borrow_mut();
        let before = begun.entry(place).or_insert(false);
        env.anew |= std::mem::replace(before, true);
        drop(begun);
        env
    }

    /// It begins to wait for something, which is planned right after this.
    pub fn waits(&self) {
        self.timeouts.iter().for_each(|timeout| timeout.again());
    }

    /// Waits so long.
    pub async fn sleep(&self, span: u64) {
        self.waits();
        self.sim.clock.sleep(span).await;
    }

    /// Notes that a layer or a budget refused an attempt.
    pub fn refuse(&self, target: Option<usize>, outcome: Outcome) -> Reply {
        let now = self.sim.clock.now();
        let row = (now, self.fleet, self.task, target, outcome);
        self.sim.log.borrow_mut().refused(row);
        Reply::of(outcome)
    }
}

fn tokens(tokens: &Tokens) -> u32 {
    match tokens {
        Tokens::Drawn(distribution) => certain(distribution) as u32,
        other => panic!("{other:?} is not certain"),
    }
}

/// Runs a whole task, its layers around it.
pub fn task(env: Env, plan: &'static [Step]) -> Fut<Reply> {
    let inner: Inner = Rc::new(move |env: Env| {
        env.conversation.set(0);
        steps(env, plan)
    });
    through(env.clone(), &env.sim.policy.task, None, inner)
}

/// Whether there is a model step here, sub-agents aside.
fn thinks(step: &Step) -> bool {
    match step {
        Step::Llm(_) => true,
        Step::Repeat { steps, .. } => steps.iter().any(thinks),
        _ => false,
    }
}

/// Runs steps, turn by turn.
fn steps(env: Env, plan: &'static [Step]) -> Fut<Reply> {
    Box::pin(async move {
        let mut i = 0;
        while i < plan.len() {
            let from = i;
            i += 1;
            let reply = if matches!(plan[from], Step::Llm(_)) {
                while i < plan.len() && !thinks(&plan[i]) {
                    i += 1;
                }
                turn(env.clone(), &plan[from..i], from as u32).await
            } else {
                step(env.at(from as u32), &plan[from]).await
            };
            if reply.outcome != Outcome::Ok {
                return reply;
            }
        }
        Reply::of(Outcome::Ok)
    })
}

/// Runs a turn, its layers around it.
fn turn(env: Env, plan: &'static [Step], from: u32) -> Fut<Reply> {
    let before = env.conversation.get();
    let inner: Inner = Rc::new(move |env: Env| {
        env.conversation.set(before);
        Box::pin(async move {
            for (i, each) in plan.iter().enumerate() {
                let reply = step(env.at(from + i as u32), each).await;
                if reply.outcome != Outcome::Ok {
                    return reply;
                }
            }
            Reply::of(Outcome::Ok)
        })
    });
    through(env.clone(), &env.sim.policy.turn, None, inner)
}

fn step(env: Env, step: &'static Step) -> Fut<Reply> {
    match step {
        Step::Llm(it) => Box::pin(llm(env, it)),
        Step::Tool(it) => Box::pin(async move {
            let target = usize::from(it.target.0);
            let call = Call {
                target,
                input: 0,
                output: 0,
                passes: true,
                attempts: Cell::new(0),
                grown: Default::default(),
            };
            let reply = self::call(env.clone(), call).await;
            if reply.outcome == Outcome::Ok {
                let result = tokens(&it.result_tokens);
                env.conversation.set(env.conversation.get() + result);
            }
            forgive(reply, it.on_failure)
        }),
        Step::Wait(span) => Box::pin(async move {
            env.sleep(certain(span) as u64).await;
            Reply::of(Outcome::Ok)
        }),
        Step::Repeat { times, steps: plan } => Box::pin(async move {
            let env = env.begun();
            for round in 0..*times {
                let reply = steps(env.at(round), plan).await;
                if reply.outcome != Outcome::Ok {
                    return reply;
                }
            }
            Reply::of(Outcome::Ok)
        }),
        Step::Parallel(it) => Box::pin(parallel(env, it)),
    }
}

fn forgive(reply: Reply, on_failure: OnFailure) -> Reply {
    match on_failure {
        OnFailure::Continue => Reply::of(Outcome::Ok),
        OnFailure::Fail => reply,
    }
}

async fn llm(env: Env, it: &'static LlmStep) -> Reply {
    let before = match it.fresh {
        true => 0,
        false => env.conversation.get(),
    };
    let (input, output) = (before + tokens(&it.prompt), tokens(&it.output));
    let certain = |share: Share| match share {
        Share::ALL => true,
        Share::NONE => false,
        other => panic!("{other:?} is not certain"),
    };
    let call = Call {
        target: usize::from(it.target.0),
        input,
        output,
        passes: certain(it.passes) && !certain(it.never),
        attempts: Cell::new(0),
        grown: Default::default(),
    };
    let reply = self::call(env.clone(), call).await;
    if reply.outcome == Outcome::Ok && !it.fresh {
        env.conversation.set(input + output);
    }
    forgive(reply, it.on_failure)
}

async fn parallel(env: Env, it: &'static ParallelStep) -> Reply {
    let env = env.begun();
    let mut children: Vec<Fut<bool>> = vec![];
    let first_bad: Rc<Cell<Option<Outcome>>> = Rc::default();
    for branch in &it.branches {
        for _ in 0..branch.agents {
            let mut child = env.at(children.len() as u32);
            child.conversation = Rc::default();
            child.agent = env.sim.new_agent();
            child.timeouts = vec![];
            for bound in &mut child.retry_budgets {
                bound.held = Rc::default();
            }
            let first_bad = first_bad.clone();
            children.push(Box::pin(async move {
                // It begins when its parent has begun all of them.
                child.sim.clock.sleep(0).await;
                let reply = steps(child, &branch.steps).await;
                let ok = reply.outcome == Outcome::Ok;
                if !ok && first_bad.get().is_none() {
                    first_bad.set(Some(reply.outcome));
                }
                ok
            }));
        }
    }
    env.waits();
    let good = all(children).await.into_iter().filter(|ok| *ok).count();
    // It goes on when what the last of them has set free at this instant has had its turn.
    env.sleep(0).await;
    let report = it.result_tokens * good as u32;
    env.conversation.set(env.conversation.get() + report);
    let outcome = first_bad.get().unwrap_or(Outcome::Ok);
    forgive(Reply::of(outcome), it.on_failure)
}

/// A call, its layers around it.
fn call(env: Env, call: Call) -> Fut<Reply> {
    let sim = env.sim.clone();
    let layers = match sim.scenario.targets[call.target].is_model() {
        true => &sim.policy.llm,
        false => &sim.policy.tool,
    };
    let own = layers
        .of
        .iter()
        .find(|(t, _)| usize::from(t.0) == call.target);
    let layers = own.map_or(&layers.others, |(_, layers)| layers);
    let call = Rc::new(call);
    let inner: Inner = Rc::new({
        let call = call.clone();
        move |env| Box::pin(attempt(env, call.clone()))
    });
    through(env, layers, Some(call), inner)
}
