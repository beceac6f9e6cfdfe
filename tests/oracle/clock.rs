//! Virtual time for coroutines: each process is an `async` block, each event sets one flag and
//! polls one process.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A process, or a part of one.
pub type Fut<T> = Pin<Box<dyn Future<Output = T>>>;

/// Something that a process waits for.
#[derive(Clone)]
pub struct Signal {
    fired: Rc<Cell<bool>>,
    process: usize,
}

/// The clock, the agenda and the processes.
#[derive(Default)]
pub struct Clock {
    now: Cell<u64>,
    scheduled: Cell<u64>,
    current: Cell<usize>,
    /// What is scheduled from here on was not known before the latest instant.
    first_now: Cell<u64>,
    /// How many timers fired at the latest instant, and the instants with more than one.
    fired: Cell<u32>,
    contested: RefCell<BTreeSet<u64>>,
    /// How many requests were given up at the latest instant at which any were.
    given_up: Cell<(u64, u32)>,
    /// Whether it stands still for good.
    stopped: Cell<bool>,
    agenda: RefCell<BTreeMap<(u64, u64), Signal>>,
    processes: RefCell<Vec<Option<Fut<()>>>>,
}

impl Signal {
    /// Waits until it is fired.
    pub async fn wait(&self) {
        poll_fn(|_| match self.fired.get() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Whether these are the same signal.
    pub fn same(&self, other: &Signal) -> bool {
        Rc::ptr_eq(&self.fired, &other.fired)
    }

    /// Whether it has been fired.
    pub fn fired(&self) -> bool {
        self.fired.get()
    }
}

impl Clock {
    /// The time [ns].
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// A signal that wakes the process that is running now.
    pub fn signal(&self) -> Signal {
        Signal {
            fired: Rc::default(),
            process: self.current.get(),
        }
    }

    /// Fires a signal at that time; events of one instant run in the order of these calls. Returns its
    /// place in that order.
    pub fn fire(&self, time: u64, signal: &Signal) -> u64 {
        let n = self.scheduled.replace(self.scheduled.get() + 1);
        self.agenda.borrow_mut().insert((time, n), signal.clone());
        n
    }

    /// Takes off the agenda what is planned for that time and place, if it is still to come.
    pub fn take_back(&self, planned: (u64, u64)) {
        self.agenda.borrow_mut().remove(&planned);
    }

    /// Fires a signal now, after what is due now already.
    pub fn fire_now(&self, signal: &Signal) {
        self.fire(self.now(), signal);
    }

    /// Fires a signal and runs its process until that waits again, before anything else.
    pub fn wake(&self, signal: &Signal) {
        signal.fired.set(true);
        self.poll(signal.process);
    }

    /// A signal that fires after so long.
    pub fn timer(&self, after: u64) -> Signal {
        let signal = self.signal();
        self.fire(self.now().saturating_add(after), &signal);
        signal
    }

    /// Waits so long.
    pub async fn sleep(&self, span: u64) {
        self.timer(span).wait().await;
    }

    /// Starts a process and runs it until it waits.
    pub fn spawn(&self, process: Fut<()>) -> usize {
        let mut processes = self.processes.borrow_mut();
        processes.push(Some(process));
        let id = processes.len() - 1;
        drop(processes);
        self.poll(id);
        id
    }

    /// Ends a process where it stands; what it holds is dropped.
    pub fn kill(&self, id: usize) {
        let process = self.processes.borrow_mut()[id].take();
        drop(process);
    }

    fn poll(&self, id: usize) {
        let Some(mut process) = self.processes.borrow_mut()[id].take() else {
            return;
        };
        let caller = self.current.replace(id);
        let mut context = Context::from_waker(Waker::noop());
        if process.as_mut().poll(&mut context).is_pending() {
            self.processes.borrow_mut()[id] = Some(process);
        }
        self.current.set(caller);
    }

    /// Runs everything that is due before `horizon`.
    pub fn run(&self, horizon: u64) {
        self.first_now.set(self.scheduled.get());
        for events in 0.. {
            assert!(
                events < 300_000,
                "a loop that never ends, at {} ns",
                self.now()
            );
            let next = self.agenda.borrow_mut().pop_first();
            match next {
                Some(((time, n), signal)) if time < horizon => {
                    if time > self.now() {
                        self.fired.set(0);
                        self.first_now.set(self.scheduled.get());
                    }
                    self.now.set(time);
                    // What was scheduled at this very instant is a consequence, not a coincidence.
                    if n < self.first_now.get() {
                        self.fired.set(self.fired.get() + 1);
                    }
                    if self.fired.get() > 1 {
                        self.contested.borrow_mut().insert(time);
                    }
                    signal.fired.set(true);
                    self.poll(signal.process);
                }
                _ => break,
            }
        }
    }

    /// A request is given up that its target then leaves. Where one event gives up several, their order
    /// is a matter of taste as well: the first to go may free a server for another of them.
    pub fn gives_up(&self) {
        let (at, before) = self.given_up.get();
        let before = if at == self.now() { before } else { 0 };
        self.given_up.set((self.now(), before + 1));
        if before > 0 {
            self.contest();
        }
    }

    /// The order of what happens now is a matter of taste.
    pub fn contest(&self) {
        self.contested.borrow_mut().insert(self.now());
    }

    /// The instants at which several things happened that were planned before, so that their order
    /// is a matter of taste.
    pub fn contested(&self) -> BTreeSet<u64> {
        self.contested.take()
    }

    /// Whether it stands still for good: what ends now ends with everything else.
    pub fn has_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Stops for good, and ends all processes.
    pub fn clear(&self) {
        self.stopped.set(true);
        let processes = std::mem::take(&mut *self.processes.borrow_mut());
        drop(processes);
    }
}

/// A client's time for something, which is planned anew whenever the client begins to wait for something
/// else; taken off the agenda when dropped.
pub struct TimeLimit {
    clock: Rc<Clock>,
    at: u64,
    place: Cell<u64>,
    signal: Signal,
}

impl TimeLimit {
    pub fn new(clock: &Rc<Clock>, after: u64) -> TimeLimit {
        let at = clock.now().saturating_add(after);
        TimeLimit::at(clock.clone(), at, clock.signal())
    }

    fn at(clock: Rc<Clock>, at: u64, signal: Signal) -> TimeLimit {
        let place = Cell::new(clock.fire(at, &signal));
        TimeLimit {
            clock,
            at,
            place,
            signal,
        }
    }

    /// The same limit, planned once more for one of several who wait side by side: the first that is
    /// due counts.
    pub fn beside(&self) -> TimeLimit {
        TimeLimit::at(self.clock.clone(), self.at, self.signal())
    }

    /// Plans it anew: behind what is due at the same time and was planned before.
    pub fn again(&self) {
        let old = (self.at, self.place.get());
        if self.clock.agenda.borrow_mut().remove(&old).is_some() {
            self.place.set(self.clock.fire(self.at, &self.signal));
        }
    }

    pub fn signal(&self) -> Signal {
        self.signal.clone()
    }
}

impl Drop for TimeLimit {
    fn drop(&mut self) {
        let mine = (self.at, self.place.get());
        self.clock.agenda.borrow_mut().remove(&mine);
    }
}

/// Runs `inner` until `limit` fires; `None` if that came first, and `inner` is dropped then.
pub async fn race<T>(inner: Fut<T>, limit: Signal) -> Option<T> {
    let mut inner = Some(inner);
    poll_fn(move |context| {
        if limit.fired() {
            inner = None;
            return Poll::Ready(None);
        }
        let inner = inner.as_mut().expect("polled after its end");
        inner.as_mut().poll(context).map(Some)
    })
    .await
}

/// Runs all, and returns what they return, in their order.
pub async fn all<T: Unpin + 'static>(parts: Vec<Fut<T>>) -> Vec<T> {
    let parts = parts.into_iter().map(|part| (part, None)).collect();
    let mut parts = NewestFirst(parts);
    poll_fn(move |context| {
        let parts = &mut parts.0;
        for (part, result) in parts.iter_mut() {
            if result.is_none()
                && let Poll::Ready(value) = part.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if parts.iter().any(|(_, result)| result.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(parts.iter_mut().filter_map(|(_, r)| r.take()).collect())
    })
    .await
}

/// What is given up from its end, as sub-agents are.
struct NewestFirst<T>(Vec<T>);

impl<T> Drop for NewestFirst<T> {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// The number and the result of the first part to end, which is taken out; `None` if `limit` fires
/// before.
pub async fn first_of<T>(
    parts: &mut Vec<(usize, Fut<T>)>,
    limit: Option<&Signal>,
) -> Option<(usize, T)> {
    poll_fn(|context| {
        for i in 0..parts.len() {
            if let Poll::Ready(value) = parts[i].1.as_mut().poll(context) {
                return Poll::Ready(Some((parts.remove(i).0, value)));
            }
        }
        match limit.is_some_and(Signal::fired) {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    })
    .await
}
