//! Places, and a line before them: servers at a target, slots of a `concurrency` layer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use squall::world::Order;

use super::clock::{Clock, Signal};

/// So many places.
pub struct Gate {
    clock: Rc<Clock>,
    places: u32,
    state: Rc<RefCell<State>>,
}

struct State {
    free: u32,
    longest_line: usize,
    order: Order,
    /// Longer waits than this come to nothing.
    patience: u64,
    line: Vec<Waiting>,
}

type Deed = Box<dyn Fn(bool)>;

/// Somebody in the line.
#[derive(Clone)]
struct Waiting {
    signal: Signal,
    since: u64,
    stale: Rc<Cell<bool>>,
    /// What is done at once when its turn comes; told whether it comes too late.
    deed: Rc<RefCell<Option<Deed>>>,
}

/// A place, or a place in the line; given back when dropped.
pub struct Ticket {
    clock: Rc<Clock>,
    state: Rc<RefCell<State>>,
    turn: Option<Waiting>,
}

impl Gate {
    pub fn new(clock: &Rc<Clock>, places: u32, longest_line: Option<u32>, order: Order) -> Gate {
        Gate {
            clock: clock.clone(),
            places,
            state: Rc::new(RefCell::new(State {
                free: places,
                longest_line: longest_line.map_or(usize::MAX, |n| n as usize),
                order,
                patience: u64::MAX,
                line: vec![],
            })),
        }
    }

    /// From now on nobody gets a place who has waited longer than this.
    pub fn lose_patience(&self, after: u64) {
        self.state.borrow_mut().patience = after;
    }

    /// How many are in line, how many have a place, and how many places there are.
    pub fn census(&self) -> (u64, u64, u64) {
        let state = self.state.borrow();
        let taken = self.places - state.free;
        (state.line.len() as u64, taken.into(), self.places.into())
    }

    /// A ticket, unless the line is full.
    pub fn ask(&self) -> Option<Ticket> {
        let state = self.state.borrow();
        let full = state.free == 0 && state.line.len() >= state.longest_line;
        drop(state);
        (!full).then(|| self.force())
    }

    /// A ticket, however long the line.
    pub fn force(&self) -> Ticket {
        let mut state = self.state.borrow_mut();
        let turn = if state.free > 0 {
            state.free -= 1;
            None
        } else {
            let waiting = Waiting {
                signal: self.clock.signal(),
                since: self.clock.now(),
                stale: Rc::default(),
                deed: Rc::default(),
            };
            state.line.push(waiting.clone());
            Some(waiting)
        };
        Ticket {
            clock: self.clock.clone(),
            state: self.state.clone(),
            turn,
        }
    }
}

impl Ticket {
    /// Says what is done at the very moment at which its turn comes, now if it need not wait;
    /// it is told whether the turn comes too late.
    pub fn when_its_turn_comes(&self, f: impl Fn(bool) + 'static) {
        match &self.turn {
            Some(mine) => *mine.deed.borrow_mut() = Some(Box::new(f)),
            None => f(false),
        }
    }

    /// Whether it had to wait for its turn.
    pub fn is_in_line(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for its turn; false if it has come too late.
    pub async fn turn(&self) -> bool {
        let Some(mine) = &self.turn else {
            return true;
        };
        mine.signal.wait().await;
        !mine.stale.get()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.clock.has_stopped() {
            return;
        }
        let mut state = self.state.borrow_mut();
        if let Some(mine) = &self.turn {
            let is_mine = |w: &Waiting| w.signal.same(&mine.signal);
            if let Some(place) = state.line.iter().position(is_mine) {
                state.line.remove(place);
                return;
            }
            if mine.stale.get() {
                return;
            }
        }
        while !state.line.is_empty() {
            let last = state.line.len() - 1;
            let place = match state.order {
                Order::Fifo | Order::Shared(_) => 0,
                Order::Lifo => last,
                Order::LifoBeyond(most) if last < most as usize => 0,
                Order::LifoBeyond(_) => last,
            };
            let next = state.line.remove(place);
            let stale = self.clock.now() - next.since > state.patience;
            next.stale.set(stale);
            self.clock.fire_now(&next.signal);
            drop(state);
            if let Some(deed) = next.deed.borrow().as_ref() {
                deed(stale);
            }
            if !stale {
                return;
            }
            state = self.state.borrow_mut();
        }
        state.free += 1;
    }
}
