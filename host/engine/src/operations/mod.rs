//! Data operations: from the object of a user to a release with a Job, and from the Job back to the
//! status.
//!
//! All of it is pure. A [`Plan`] is what a plugin or the host wants to run; [`values`] adds what
//! holds for every operation; [`Operation`] and [`check`] are the object, read and checked;
//! [`run`] reads a Job. The controller that does things with them is in the operator.

pub mod charts;
pub mod check;
pub mod exclusion;
pub mod figures;
pub mod fit;
#[cfg(test)]
mod guide;
pub mod load;
pub mod operation;
pub mod place;
pub mod plan;
pub mod process;
pub mod progress;
pub mod refused;
pub mod run;
pub mod schedule;
#[cfg(test)]
mod tests;
pub mod values;

pub use check::check;
pub use operation::{Operation, Spec};
pub use plan::Plan;
pub use refused::Refused;
