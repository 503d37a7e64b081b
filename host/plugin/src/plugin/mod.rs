//! A loaded plugin and the calls to it.
//!
//! # Prepared once, called often
//! Whatever is the same for all calls is made when the plugin is loaded. An [`Instance`] is what
//! remains per reconcile.
//!
//! # A failed call leaves nothing behind
//! An instance is reused only after a call that succeeded; after any other one, the next call gets
//! a fresh store (`instance.rs`).
//!
//! # Nothing waits in an instance
//! A method that asks for a command or a request is called again once there is the result; until then
//! it has no instance (`conversation.rs`).
//!
//! # Only the plugin's own faults count against it
//! Traps and broken limits lead to quarantine. A slow cluster, a full pool and a method that is not
//! exported do not (`quarantine.rs`).
//!
//! # Answers are checked
//! The host does not act on an answer before it has checked what can be checked without knowing the
//! runtime, and the texts in it are of bounded length (`answer.rs`).

pub mod answer;
#[macro_use]
mod calls;
pub mod conversation;
pub mod instance;
mod narrow;
pub mod pre;
pub mod quarantine;
mod sound;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::Backend;
use crate::bindings::types::Description;
use crate::package::digest::Digest;
use crate::package::grants::Grants;
use crate::package::limits::Limits;
use crate::package::world::World;
use crate::plugin::instance::Instance;
use crate::plugin::pre::PluginPre;
use crate::plugin::quarantine::Standing;
use bytes::Bytes;
use wasser_api::ObjectKey;

/// Everything of a plugin that is made once. An [`Instance`] is what remains per reconcile.
pub struct Plugin {
    /// The name of the ConfigMap that registered it.
    pub registration: String,
    /// The plugin's description of itself.
    pub description: Description,
    /// The component's digest.
    pub digest: Digest,
    /// The exports and imports of the component.
    pub world: World,
    /// The chart, a tgz.
    pub chart: Bytes,
    /// The chart's digest.
    pub chart_digest: Digest,
    /// Images by role.
    pub images: BTreeMap<String, String>,
    /// Settings of the installation.
    pub settings: BTreeMap<String, String>,
    /// The effective grants: declared by the plugin and given by the registration.
    pub grants: Grants,
    /// The capabilities that the plugin declares and the registration does not give.
    pub not_given: Grants,
    /// The capabilities that the registration gives and the plugin does not declare.
    pub not_declared: Grants,
    /// What differs between two plugins whose runtimes may want other values: another component,
    /// chart, image, setting or grant.
    pub build: String,
    /// The limits of one call.
    pub limits: Limits,
    pub(crate) pre: Arc<PluginPre>,
}

/// How many digits of a digest tell a build from others.
const BUILD_DIGITS: usize = 16;

impl Plugin {
    /// Returns what tells a build from others.
    pub(crate) fn build_of(
        digest: &Digest,
        chart: &Digest,
        images: &BTreeMap<String, String>,
        settings: &BTreeMap<String, String>,
        grants: &Grants,
    ) -> String {
        let parts = format!("{digest} {chart} {images:?} {settings:?} {grants}");
        Digest::of(parts.as_bytes()).hex().chars().take(BUILD_DIGITS).collect()
    }

    /// Whether its calls have been slow lately, so that those of others come first.
    pub fn takes_much(&self) -> bool {
        self.pre.cpu.is_strained()
    }

    /// Returns a fresh instance for one reconcile of one runtime.
    pub fn instance(&self, scope: ObjectKey, backend: Arc<dyn Backend>) -> Instance {
        Instance::new(self.pre.clone(), scope, backend)
    }

    /// Returns whether the plugin has a method: an optional function of `implement`.
    pub fn has(&self, method: &str) -> bool {
        self.pre.identity.methods.contains(method)
    }

    /// Returns whether the plugin supports data operations.
    pub fn has_operations(&self) -> bool {
        self.pre.operations.is_some()
    }

    /// Returns whether the plugin translates what other versions, or Fluid, have installed.
    pub fn has_migration(&self) -> bool {
        self.pre.migration.is_some()
    }

    /// Returns whether the plugin is called, or in quarantine after consecutive failures: for the
    /// namespace that has the most.
    pub fn standing(&self) -> Standing {
        self.pre.standing()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "Plugin({} for {}, {})",
            self.registration,
            self.description.kind,
            self.digest.short()
        )
    }
}
