//! Identifies the plugin that a store belongs to.

use std::collections::BTreeSet;

use crate::bindings::types::Role;
use crate::package::digest::Digest;
use crate::package::grants::Grants;
use crate::package::limits::Limits;
use crate::package::registration::Registration;

/// The names of a plugin, for messages, and the bounds of what it may do.
#[derive(Debug, Clone)]
pub struct PluginIdentity {
    /// The kind that it serves.
    pub kind: String,
    /// Namespace and name of its ConfigMap.
    pub registration: String,
    /// The component's digest.
    pub digest: Digest,
    /// The capabilities that its description declares.
    pub declared: Grants,
    /// The capabilities that the registration gives.
    pub given: Grants,
    /// The capabilities that are in both.
    pub effective: Grants,
    /// The functions of `implement` that it has.
    pub methods: BTreeSet<String>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// The limits of one call.
    pub limits: Limits,
}

impl PluginIdentity {
    /// Returns the identity of a plugin before it has described itself. Nothing is granted yet.
    pub fn undescribed(registration: &Registration) -> Self {
        Self {
            kind: registration.runtime.clone(),
            registration: format!("{}/{}", registration.namespace, registration.name),
            digest: registration.digest,
            declared: Grants::default(),
            given: Grants::default(),
            effective: Grants::default(),
            methods: BTreeSet::new(),
            roles: Vec::new(),
            limits: registration.limits,
        }
    }
}
