//! The plugin that a store belongs to.

use crate::bindings::types::Role;
use crate::package::digest::Digest;
use crate::package::grants::Grants;
use crate::package::limits::Limits;
use crate::package::registration::Registration;

/// Who a plugin is, for messages, and what it may do.
#[derive(Debug)]
pub struct PluginIdentity {
    /// The kind that it serves.
    pub kind: String,
    /// Namespace and name of its ConfigMap.
    pub registration: String,
    /// The component's digest.
    pub digest: Digest,
    /// What its description asks for.
    pub declared: Grants,
    /// What the registration gives.
    pub given: Grants,
    /// What therefore holds.
    pub effective: Grants,
    /// Its roles.
    pub roles: Vec<Role>,
    /// What a call may use.
    pub limits: Limits,
}

impl PluginIdentity {
    /// Returns what is known of a plugin before it has described itself: nothing is granted yet.
    pub fn undescribed(registration: &Registration) -> Self {
        Self {
            kind: registration.runtime.clone(),
            registration: format!("{}/{}", registration.namespace, registration.name),
            digest: registration.digest,
            declared: Grants::default(),
            given: Grants::default(),
            effective: Grants::default(),
            roles: Vec::new(),
            limits: registration.limits,
        }
    }
}
