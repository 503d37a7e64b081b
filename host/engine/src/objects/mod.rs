//! Names and objects that follow from a Dataset and its runtime alone: pure functions, no state, no
//! requests.

pub mod identity;
pub mod owner;
pub mod placement;
pub mod volume;
