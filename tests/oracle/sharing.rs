//! Servers that all share: each request knows how much work is left of it, and all are counted down
//! whenever somebody comes or goes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::world::Breakdowns;

use super::clock::{Clock, Signal};
use super::working::{between, end};

/// A nanosecond of work in parts that up to this many can share evenly.
const MOST: u128 = 20;
/// What all numbers up to 20 divide.
const WHOLE: u128 = 232_792_560;

/// So many servers, and who is worked on.
pub struct Sharing {
    clock: Rc<Clock>,
    servers: u128,
    until: Cell<u64>,
    /// Work left, and as whose turn it was.
    at_work: RefCell<Vec<(u128, u64, Signal)>>,
    turns: Cell<u64>,
    planned: Cell<(u64, u64)>,
    breakdowns: Option<Breakdowns>,
}

/// A share; given back when dropped.
pub struct Share {
    of: Rc<Sharing>,
    mine: Signal,
}

impl Sharing {
    pub fn new(clock: &Rc<Clock>, servers: u32, breakdowns: Option<Breakdowns>) -> Sharing {
        Sharing {
            clock: clock.clone(),
            servers: servers.into(),
            until: Cell::new(0),
            at_work: RefCell::default(),
            turns: Cell::new(0),
            planned: Cell::new((0, 0)),
            breakdowns,
        }
    }

    /// The number of somebody whose turn it is.
    pub fn turn(&self) -> u64 {
        self.turns.replace(self.turns.get() + 1)
    }

    /// From now on the process that is running shares, until so much work is done for it.
    pub fn join(this: &Rc<Sharing>, turn: u64, work: u64) -> Share {
        let mine = this.clock.signal();
        this.count_down();
        let all = u128::from(work) * WHOLE;
        this.at_work.borrow_mut().push((all, turn, mine.clone()));
        this.plan();
        Share {
            of: this.clone(),
            mine,
        }
    }

    /// What each gets in a nanosecond.
    fn share(&self) -> u128 {
        let sharers = self.at_work.borrow().len() as u128;
        assert!(sharers <= MOST, "too many to share exactly");
        match sharers <= self.servers {
            true => WHOLE,
            false => WHOLE * self.servers / sharers,
        }
    }

    fn count_down(&self) {
        let now = self.clock.now();
        let worked = between(&self.breakdowns, self.until.replace(now), now);
        let gone = u128::from(worked) * self.share();
        for (left, ..) in self.at_work.borrow_mut().iter_mut() {
            *left = left.saturating_sub(gone);
        }
    }

    /// Who has least left is through next; of several the one whose turn was first.
    fn plan(&self) {
        self.clock.take_back(self.planned.get());
        let at_work = self.at_work.borrow();
        let first = at_work.iter().min_by_key(|(left, turn, _)| (*left, *turn));
        if let Some((left, _, signal)) = first {
            let work = left.div_ceil(self.share()) as u64;
            let at = end(&self.breakdowns, self.until.get(), work);
            // Several are through at once: what comes of one may be planned before the next goes.
            if at == self.clock.now() {
                self.clock.contest();
            }
            self.planned.set((at, self.clock.fire(at, signal)));
        }
    }
}

impl Share {
    /// Waits until the work is done.
    pub async fn through(&self) {
        self.mine.wait().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.of.clock.has_stopped() {
            return;
        }
        self.of.count_down();
        let is_mine = |(.., signal): &(u128, u64, Signal)| signal.same(&self.mine);
        let mut at_work = self.of.at_work.borrow_mut();
        let place = at_work.iter().position(is_mine).expect("it shares");
        at_work.remove(place);
        drop(at_work);
        self.of.plan();
    }
}
