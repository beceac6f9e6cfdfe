//! One run: a policy, a replication, from the first event to the last.
//!
//! A run is an event loop over flat state. Each event wakes one agent, moves one job at a server,
//! brings one task or puts a failed one back; [`drive`] then takes the agent through plan and
//! layers until it waits again. What happens is told to an [`Observer`]; nothing is printed, named
//! or allocated on the way (arrays grow until the run has reached its full size, then no more).
//!
//! ```text
//! agenda ──► agent wakes ──► layers (enter/leave) ──► attempt ──► server ──► agenda
//!    ▲             └──────────── task ends ──► queue ──► next task          │
//!    └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The order of things, each in a file of its own: [`program`] compiles plans and policies;
//! `drive` steps through ops and blocks, `strides` goes from call to call where nothing can come
//! between; `layers` and `gates` go through single layers, `stored` through those that ask a store;
//! `attempts` launches and ends attempts, `bills` says what they use and cost; `jobs` moves those
//! that travel or queue, `sharing` works on many at once, `rows` is what some write, `moods` and `pressure` are what time and load do to them;
//! `hedges` sends several side by side, `detours` to other targets; `tasks` hands out work from
//! `queues`; [`agent`] and [`server`] hold the state.

pub mod agent;
mod arrivals;
mod attach;
mod attempts;
mod bills;
mod compile;
mod dead_letters;
mod detours;
mod drive;
mod families;
mod gates;
mod guards;
mod hedges;
mod jobs;
mod later;
mod layers;
mod memory;
mod moods;
pub mod observer;
mod pages;
mod plain;
mod pressure;
pub mod program;
mod queues;
mod rows;
mod run;
mod server;
mod shared;
mod sharing;
mod slots;
mod stored;
mod strides;
mod tasks;
mod throttles;

pub use observer::{Attempt, Denial, Observer, Silent, TaskEnd};
pub use program::{LayerId, NO_LAYER, Program};
pub use run::{Cut, MOST_AT_ONCE, RunEnd, run, run_on};
