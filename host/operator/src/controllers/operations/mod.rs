//! The controller of data operations: one for each of the four kinds, all running the same.
//!
//! # By watch only
//! Operations, their Datasets, Jobs and CronJobs are watched; nothing is asked again and again but how
//! far a running pod is (`progress`), for which nobody waits. What changes for one operation wakes
//! those that it may let go on: those on the same Dataset, and those that run after it (`kinds.rs`).
//!
//! # One after the other
//! Which operations exclude each other is in the engine. An operation claims its Dataset before it
//! starts, in memory; after a restart, the claims are those of operations that execute (`claims.rs`).
//!
//! # One writer for what Datasets show
//! `status.operationRef` of a Dataset is computed from all operations and written by one task
//! (`registry.rs`), so that hundreds of operations do not make each other's writes fail.
//!
//! # By owner and UID
//! Everything that an operation makes is controlled by it. What has the name and is not its own is
//! neither followed nor deleted.

mod adoption;
mod all;
mod changes;
mod claims;
mod conclusion;
mod deletion;
mod edits;
mod ending;
mod held;
mod index;
mod install;
mod kinds;
mod nodes;
mod order;
mod placement;
mod progress;
mod reconcile;
mod registry;
mod start;
mod status;
mod target;
mod turns;
mod words;

pub use kinds::run;
