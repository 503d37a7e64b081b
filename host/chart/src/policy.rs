//! What a plugin's chart may install.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::DynamicObject;

/// What one runtime's release may contain.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The only namespace that objects may be in.
    pub namespace: String,
    /// The kinds that were granted.
    pub kinds: BTreeSet<String>,
    /// Whether pods may have privileges on their node.
    pub privileged: bool,
    /// The runtime, which owns every object.
    pub owner: OwnerReference,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Its kind was not granted.
    #[error("is of a kind that was not granted")]
    Kind,
}

/// An object that the policy refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} {problem}")]
pub struct Violation {
    /// Kind and name of the object.
    pub object: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Policy {
    /// Whether all of these may be installed.
    ///
    /// # Errors
    /// The first object that may not.
    pub fn admit(&self, _objects: &[DynamicObject]) -> Result<(), Violation> {
        Ok(())
    }
}
