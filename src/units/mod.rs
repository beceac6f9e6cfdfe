//! Quantities: time, money, tokens, shares and rates, and how they are written.
//!
//! Every quantity is an integer in one fixed unit, so that sums are exact and do not depend on
//! their order.

mod money;
mod rate;
mod share;
pub mod text;
mod time;

pub use money::{Money, Price};
pub use rate::Rate;
pub use share::Share;
pub use time::{Span, Time};
