//! The steps of a reconcile: methods of [`Request`](crate::Request), named as in the tables of
//! Fluid's runtime guide.
//!
//! Each step may be interrupted and run again at any point, with watches that lag behind: it looks
//! at what there is, changes only what differs, and returns an error that says what to do. Work
//! that may take minutes runs as a task, whose result a later reconcile picks up.
//! `docs/template-engine.md` lists the methods.

mod adopt;
mod cache_nodes;
mod cache_states;
mod clean_policy;
mod cleanup;
mod client_mount;
mod client_nodes;
mod clients_config;
pub mod create_volume;
pub mod damage;
mod delete_volume;
pub mod first_error;
mod linked_volume;
pub mod links;
mod migrate;
mod node_labels;
mod observe;
mod outdated_volume;
#[cfg(test)]
mod plugin_failures;
mod reference;
mod refused;
mod release;
mod repeated;
mod rollout;
mod setup;
mod shutdown;
mod sizes;
mod sync;
mod task_faults;
mod unsigned;
mod validate;
mod values_map;
mod volume_label;
mod workers;

use std::time::Duration;

/// When to look again at what a watch or a task tells of: in case that it is silent.
pub const TOLD: Duration = Duration::from_secs(60);
