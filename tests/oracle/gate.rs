//! Places, and a line before them: servers at a target, slots of a `concurrency` layer.

use std::cell::RefCell;
use std::rc::Rc;

use super::clock::{Clock, Signal};

/// So many places.
pub struct Gate {
    clock: Rc<Clock>,
    state: Rc<RefCell<State>>,
}

struct State {
    free: u32,
    longest_line: usize,
    line: Vec<Signal>,
}

/// A place, or a place in the line; given back when dropped.
pub struct Ticket {
    clock: Rc<Clock>,
    state: Rc<RefCell<State>>,
    turn: Option<Signal>,
}

impl Gate {
    pub fn new(clock: &Rc<Clock>, places: u32, longest_line: Option<u32>) -> Gate {
        Gate {
            clock: clock.clone(),
            state: Rc::new(RefCell::new(State {
                free: places,
                longest_line: longest_line.map_or(usize::MAX, |n| n as usize),
                line: vec![],
            })),
        }
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
            let signal = self.clock.signal();
            state.line.push(signal.clone());
            Some(signal)
        };
        Ticket {
            clock: self.clock.clone(),
            state: self.state.clone(),
            turn,
        }
    }
}

impl Ticket {
    /// Waits for its turn.
    pub async fn turn(&self) {
        if let Some(signal) = &self.turn {
            signal.wait().await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        if let Some(mine) = &self.turn {
            let place = state.line.iter().position(|s| s.same(mine));
            if let Some(place) = place {
                state.line.remove(place);
                return;
            }
        }
        if state.line.is_empty() {
            state.free += 1;
        } else {
            let next = state.line.remove(0);
            self.clock.fire_now(&next);
        }
    }
}
