//! What the author of a runtime plugin does before there is a cluster: the commands
//! `wasser plugin`, without their command line.
//!
//! A [`Package`] becomes a plugin as the operator makes one of it ([`Loader`]). A [`Pair`] of a
//! Dataset and a runtime is what it is asked for, a [`Scenario`] says what it finds there, and a
//! [`Scripted`] cluster answers it. [`check`] asks it everything with hostile contexts, [`dry`] in the
//! order of a reconcile, and [`scenarios`] compares that with what its author expects.
//! A [`Project`] is the directory of a plugin, which [`create`] makes.
//!
//! `scenarios` → `dry`, `check` → `trial` → `step`, `manifest`, `cluster` → `scenario`, `package`.
//! Errors are for the person at the command line; what a plugin does wrong is not an error, but a
//! finding.

mod build;
pub mod check;
mod cluster;
mod documents;
pub mod dry;
mod load;
mod manifest;
mod package;
mod project;
mod scaffold;
mod scenario;
pub mod scenarios;
mod step;
mod trial;

pub use build::Compilers;
pub use cluster::Scripted;
pub use documents::objects;
pub use load::Loader;
pub use manifest::{Pair, UID};
pub use package::Package;
pub use project::{Packed, Project};
pub use scaffold::{Language, Sdk, create};
pub use scenario::{Counts, Scenario};
pub use trial::Trial;
