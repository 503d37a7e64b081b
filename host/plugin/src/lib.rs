//! Loads, limits and calls runtime plugins: WebAssembly components behind the world `wasser:runtime`.
//!
//! The way of a plugin: a ConfigMap is parsed into a [`Registration`]; [`PluginHost::load`] checks digest, size and WIT, compiles, asks
//! the component to `describe` itself and yields a [`Plugin`]; the [`Registry`] holds the plugin that serves each kind; every reconcile
//! takes a fresh [`Instance`] of it, whose imports reach the cluster through a [`Backend`] as far as its [`Grants`] go.
//! [`Registrar`] goes all of that way, compares plugins with the CRDs that there are, settles two claims on one kind or name, and keeps the
//! last good plugin where a change is bad.

mod backend;
pub mod bindings;
mod cache;
mod call;
mod check;
mod compile;
mod crd;
mod definition;
mod description;
mod digest;
mod engine;
mod grants;
mod host;
mod instance;
mod limits;
mod load;
mod meter;
mod plugin;
mod quarantine;

mod registrar;
mod registration;
mod registry;
mod settle;
mod source;
mod store;
mod ticker;
mod verdict;

pub use backend::{Backend, BackendError, Output, PodRecord, Response, Scope};
pub use call::{CallError, CallSite};
pub use check::{CheckError, Interface, SUPPORTED_VERSIONS, World};
pub use crd::{CRD_SECTION, CrdError, crds};
pub use definition::{Definition, DefinitionError, DefinitionSpec, DefinitionStatus, Definitions, crd_name};
pub use description::DescriptionError;
pub use digest::{Digest, DigestError};
pub use engine::{HostConfig, HostError, PluginHost};
pub use grants::{GrantError, Grants};
pub use instance::Instance;
pub use limits::{LimitError, Limits};
pub use load::LoadError;
pub use plugin::Plugin;
pub use quarantine::{Quarantine, Standing};

pub use registrar::{Outcome, Registrar};
pub use registration::{PLUGIN_LABEL, Registration, RegistrationError, check_size};
pub use registry::Registry;
pub use settle::{Claim, Loss, Names, settle};
pub use source::{Source, SourceError};
pub use verdict::{State, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION, Verdict};
