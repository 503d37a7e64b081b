//! Loads, limits and calls runtime plugins: WebAssembly components behind the world
//! `wasser:runtime`.
//!
//! The life of a plugin begins with a ConfigMap, which is parsed into a [`Registration`].
//! [`PluginHost::load`] checks digest, size and WIT, compiles the component, asks it to `describe`
//! itself and returns a [`Plugin`]. The [`Registry`] holds the plugin that serves each kind. Every
//! reconcile takes a fresh [`Instance`] of it, whose imports reach the cluster through a
//! [`Backend`], as far as its [`Grants`] allow.
//!
//! [`Registrar`] does all of this for the registrations of a cluster. It also compares plugins with
//! the CRDs that exist, settles competing claims on a kind or a name, and keeps the last good
//! plugin if a change is bad.
//!
//! # Layers
//! `registry` → [`PluginHost::load`] → `plugin` → `engine` → `sandbox` → `package`. A file uses
//! files of its own folder and of folders to the right, and no two files use each other.
//! [`bindings`] and [`Backend`] are below all of them.

mod backend;
pub mod bindings;
mod context;
mod engine;
mod load;
mod package;
mod plugin;
mod registry;
mod sandbox;

pub use backend::{
    Backend, BackendError, Captured, Ending, ExecCommand, HttpRequest, Output, PodRecord, Response, Room, StateEntry,
};
pub use context::Context;
pub use engine::error::{CompileError, HostError};
pub use engine::threads::Threads;
pub use engine::{HostConfig, PluginHost};
pub use load::LoadError;
pub use package::crd::{CRD_SECTION, CrdError, crds};
pub use package::description::DescriptionError;
pub use package::digest::{Digest, DigestError};
pub use package::grants::{GrantError, Grants};
pub use package::interfaces::Interface;
pub use package::limits::{LimitError, Limits};
pub use package::readable::{PERSISTENT_VOLUME, READABLE_KINDS, ReadableKind, readable};
pub use package::registration::{PLUGIN_KEY, PLUGIN_LABEL, Pulled, Registration, RegistrationError, check_size};
pub use package::source::{Source, SourceError};
pub use package::wit::PACKAGES as WIT;
pub use package::world::{CheckError, World};
pub use plugin::Plugin;
pub use plugin::instance::{Instance, Observer};
pub use plugin::quarantine::{Quarantine, Standing};
pub use registry::Registry;
pub use registry::definition::{Definition, DefinitionSpec, DefinitionStatus};
pub use registry::definitions::{DefinitionError, Definitions, crd_name};
pub use registry::loading::{Artifact, Loading};
pub use registry::registrar::Registrar;
pub use registry::settle::{Claim, ClaimedNames, LostClaim, settle};
pub use registry::standings::Outcome;
pub use registry::verdict::{
    CANNOT_LIST, ROLLOUT_ANNOTATION, State, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION, VERDICT_REASON_ANNOTATION,
    Verdict,
};
pub use sandbox::error::{CallError, CallSite};
