//! The controllers: one for Datasets, and one for every kind of runtime that a plugin is registered for.

mod dataset;
mod late;
mod named;
mod rivals;
mod run;
mod runtime;
mod watches;

pub use run::run;
