//! Randomness that depends on *what* is drawn and never on how many draws came before.
//!
//! Weather is drawn from a counter-based generator ([`philox`]) keyed by who, which task, which
//! step, which attempt and what for ([`Weather`]), so two policies that reach the same attempt of
//! the same step meet the same luck (common random numbers). Whole processes, such as arrivals and
//! failure episodes, have ChaCha8 streams of their own ([`stream`]). All mathematics goes through
//! [`math`], because the platform's `ln` and `exp` differ in the last bit, and one bit re-orders
//! events.

mod distribution;
mod exponential;
mod fixed;
mod gamma;
mod hyperexponential;
mod logarithm;
pub mod math;
pub mod philox;
pub mod stream;
#[cfg(test)]
mod ulps;
mod weather;

pub use distribution::Distribution;
pub use gamma::{Gamma, SHAPES};
pub use hyperexponential::Hyperexponential;
pub use weather::{Purpose, Spot, Weather, unit, unit_open};
