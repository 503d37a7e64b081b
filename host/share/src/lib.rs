//! What the work of one tenant may take of a machine on which others want to get on: calls of
//! plugins, renders of their charts, and questions to the API server.
//!
//! Time is that of a processor, which a thread has had. By the clock on the wall, work that lasts is
//! charged for what others do on an overloaded machine, and is ended there although it does nothing
//! wrong.

mod allowance;
mod fair_places;
mod looks;
mod others;
pub mod thread;

pub use allowance::Allowance;
pub use fair_places::{FairPlaces, Place};
pub use looks::Looks;
pub use others::{AtWork, Idle, Others, idle};
