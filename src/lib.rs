//! squall plays a fleet of AI agents against flaky tools, rate limits and outages, under several
//! retry policies and the same weather, and says what each policy does and costs.
//!
//! The rooms read like the data's way: [`scenario`] (a checked file) → [`experiment`] (policies ×
//! replications) → [`simulation`] (one run) → [`meter`] (what it cost) → [`statistics`] →
//! [`experiment::document`] (the versioned result) → [`report`]. `ARCHITECTURE.md` has the map and
//! the invariants.

pub mod cli;
pub mod engine;
pub mod experiment;
pub mod meter;
pub mod presets;
pub mod random;
pub mod report;
pub mod resilience;
pub mod scenario;
pub mod simulation;
pub mod statistics;
pub mod units;
pub mod validation;
pub mod wire;
pub mod world;
