//! The controllers: one for Datasets, and one for every kind of runtime that a plugin is registered for.

mod dataset;
mod deletion;
mod kinds;
mod late;
mod named;
mod next;
mod operations;
mod rivals;
mod run;
mod runtime;
mod unserved;
mod watches;

pub use run::run;
