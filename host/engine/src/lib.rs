//! The template engine: Setup, CreateVolume, Sync and Shutdown of any runtime, in the order of
//! Fluid's runtime guide.
//!
//! A reconcile is a [`Request`]: everything it reads is gathered once from watches, its steps are
//! methods named as in the guide's tables, and what it learnt is written in at most one status
//! write per object. The engine knows no cache system; it asks a plugin. `docs/template-engine.md`
//! lists every method, the file it is in, and what host and plugin do in it.
//!
//! The folders import each other in one direction:
//! `steps` → `request` → `plugin`, `shared` → `release`, `watched` → `objects`. [`operations`] stands
//! by itself. What an installation lets tenants do is in `tenant_rules`, for all of them.

mod age;
mod error;
mod objects;
pub mod operations;
mod plugin;
mod release;
mod request;
mod shared;
mod steps;
mod tenant_rules;
mod watched;

pub use age::age;
pub use error::{EngineError, Retry, is_conflict_of};
pub use objects::identity::Identity;
pub use objects::owner::Owner;
pub use objects::owner::owner_reference;
pub use plugin::answer::{Outcome, answer};
pub use plugin::context::context;
pub use release::claims::secrets as claimed_secrets;
pub use release::differences::differences;
pub use release::origin::{is_to_migrate, origin};
pub use release::policy::{Surroundings, named, policy, powers, secrets};
pub use release::prepare::{Prepared, Revision, prepare};
pub use release::values::complete;
pub use request::status_patch::status_patch;
pub use request::write::write_dataset_status;
pub use request::{Request, Wake};
pub use shared::backoff::Backoff;
pub use shared::events::Events;
pub use shared::labeler::{Labeler, NodeChange};
pub use shared::rollouts::{Rollouts, Standing};
pub use shared::spread::share;
pub use shared::{EngineSettings, Shared};
pub use steps::TOLD;
pub use steps::create_volume::is_ours;
pub use steps::first_error::FirstError;
pub use steps::links::live_references;
pub use tenant_rules::{Sharing, TenantRules};
pub use wasser_chart::{FIELD_MANAGER, OrGone, is_conflict, is_not_found, is_outage, patch_params, post_params};
pub use wasser_share::{FairPlaces, Place};
pub use watched::cluster_objects::{self, ClusterObjects};
pub use watched::helm_records::{self, Records};
pub use watched::metadata::slim_metadata;
pub use watched::namesake;
pub use watched::pods::{Changed, PodIndex};
pub use watched::readable::{Readable, Unreadable};
pub use watched::runtime_object::RuntimeObject;
pub use watched::runtimes::Runtimes;
pub use watched::trouble::Trouble;
pub use watched::volumes::slim_volume;
pub use watched::workload::{Workload, WorkloadKind};
pub use watched::{Caches, mapped};
