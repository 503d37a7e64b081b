//! The controllers: one for Datasets, and one for every kind of runtime that a plugin is registered
//! for.

mod bound;
mod change_bus;
mod cluster_objects;
mod dataset;
mod dataset_writes;
mod deletion;
mod drive;
mod kinds;
mod next;
mod operations;
mod overtime;
mod pauses;
mod present;
mod run;
mod runtime;
mod runtime_changes;
mod runtime_index;
mod runtime_writes;
mod touches;
mod unserved;
mod vanished;
mod watches;

pub use change_bus::ChangeBus;
pub use next::DEADLINE;
pub use run::run;
