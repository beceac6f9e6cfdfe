//! squall plays a fleet of AI agents against flaky tools, rate limits and outages, under several
//! retry policies and the same weather, and says what each policy does and costs.

pub mod experiment;
pub mod report;
pub mod statistics;
pub mod units;
pub mod wire;
