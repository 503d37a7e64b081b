//! One thing that a rule of a Role gives.

use std::fmt;

/// A verb on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The API group of the resource; empty for the core.
    pub group: String,
    /// The resource, with its subresource: `pods/exec`.
    pub resource: String,
    /// The verb.
    pub verb: String,
}

impl fmt::Display for Permission {
    /// Writes it as a grant names it: `secrets:get`, `deployments.apps/scale:patch`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resource, verb } = self;
        match resource.split_once('/') {
            _ if group.is_empty() => write!(out, "{resource}:{verb}"),
            Some((resource, subresource)) => write!(out, "{resource}.{group}/{subresource}:{verb}"),
            None => write!(out, "{resource}.{group}:{verb}"),
        }
    }
}
