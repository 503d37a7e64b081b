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
//! # Only the plugin's own faults count against it
//! Traps and broken limits lead to quarantine. A slow cluster, a full pool and a method that is not
//! exported do not (`quarantine.rs`).
//!
//! # Answers are checked
//! The host does not act on an answer before it has checked what can be checked without knowing the
//! runtime, and the texts in it are of bounded length.

pub mod instance;
pub mod quarantine;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use wasmtime::component::InstancePre;

use crate::backend::{Backend, Scope};
use crate::bindings::types::Description;
use crate::bindings::{implement, operations};
use crate::engine::Shared;
use crate::package::digest::Digest;
use crate::package::grants::Grants;
use crate::package::limits::Limits;
use crate::package::world::World;
use crate::plugin::instance::Instance;
use crate::plugin::quarantine::{Quarantine, Standing};
use crate::sandbox::error::{CallError, CallSite};
use crate::sandbox::store::{Charter, StoreData};

/// Everything of a plugin that is made once; an [`Instance`] is what remains per reconcile.
pub struct Plugin {
    /// Name of the ConfigMap that registered it.
    pub registration: String,
    /// What it said about itself.
    pub description: Description,
    /// The component's digest.
    pub digest: Digest,
    /// What the component exports and imports.
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
    /// What the plugin declares and the registration does not give.
    pub not_given: Grants,
    /// What the registration gives and the plugin does not declare.
    pub not_declared: Grants,
    /// What a call may use.
    pub limits: Limits,
    pub(crate) core: Arc<Core>,
}

/// What an instance needs of its plugin.
pub struct Core {
    pub shared: Arc<Shared>,
    pub charter: Arc<Charter>,
    pub pre: InstancePre<StoreData>,
    pub implement: implement::GuestIndices,
    pub operations: Option<operations::GuestIndices>,
    pub quarantine: Arc<Mutex<Quarantine>>,
}

impl Plugin {
    /// A fresh instance, to be used for one reconcile of one runtime.
    pub fn instance(&self, scope: Scope, backend: Arc<dyn Backend>) -> Instance {
        Instance::new(self.core.clone(), scope, backend)
    }

    /// Whether it does data operations.
    pub fn has_operations(&self) -> bool {
        self.core.operations.is_some()
    }

    /// How it stands: good, or not called for a while after failures in a row.
    pub fn standing(&self) -> Standing {
        self.core
            .quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .standing(Instant::now())
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

impl Core {
    /// What a failed call is reported with.
    pub fn site(&self, method: &'static str, scope: &Scope) -> CallSite {
        let charter = &self.charter;
        CallSite {
            kind: charter.kind.clone(),
            registration: charter.registration.clone(),
            digest: charter.digest,
            method,
            scope: (!scope.name.is_empty()).then(|| scope.clone()),
        }
    }

    /// Refuses a call while the plugin is in quarantine.
    pub fn admit(&self, site: impl FnOnce() -> CallSite) -> Result<(), CallError> {
        match self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()) {
            Standing::Good { .. } => Ok(()),
            Standing::Quarantined { faults, wait } => Err(CallError::Quarantined {
                site: Box::new(site()),
                faults,
                wait,
            }),
        }
    }

    /// Counts the outcome of a call.
    pub fn record<T>(&self, outcome: &Result<T, CallError>) {
        match outcome {
            Ok(_) => self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).succeeded(),
            Err(error) => self.record_fault(error),
        }
    }

    /// Counts a failed call, if the plugin is to blame.
    pub fn record_fault(&self, error: &CallError) {
        if error.is_fault() {
            self.quarantine
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .failed(Instant::now());
        }
    }
}
