//! The template engine: Setup, CreateVolume, Sync and Shutdown of any runtime, in the order of Fluid's runtime guide.
//!
//! A reconcile is a [`request::Request`]: everything it reads is gathered once from watches, its steps are methods named as in the
//! guide's tables, each in the file of its table, and what it learnt is written in at most one status write per object. The engine
//! knows no cache system; it asks a plugin through [`implement::Implement`].

pub mod backend;
mod cache_nodes;
mod cache_states;
pub mod caches;
pub mod cluster;
pub mod create_volume;
mod delete_volume;
mod differences;
pub mod error;
pub mod events;
mod faults;
pub mod identity;
pub mod implement;
pub mod install;
pub mod labeler;
pub mod lanes;
pub mod named;
pub mod namesake;
pub mod observe;
pub mod pace;
pub mod placement;
pub mod pods;
pub mod ports;
pub mod readable;
pub mod records;
mod reference;
pub mod references;
pub mod refusals;
pub mod repeated;
pub mod report;
pub mod request;
mod role_statuses;
pub mod roles;
mod schedule;
mod setup;
mod shutdown;
pub mod sizes;
mod state;
mod statuses;
mod sync;
pub mod tasks;
pub mod trouble;
pub mod unready;
pub mod users;
mod validate;
pub mod versions;
pub mod volume;
mod workers;
pub mod write;

/// The field manager of everything that Wasser writes.
pub const FIELD_MANAGER: &str = "wasser";

/// A merge patch in Wasser's name.
pub fn patch_params() -> kube::api::PatchParams {
    kube::api::PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..Default::default()
    }
}
