//! Which runtimes there are, as whoever watches them knows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// The runtimes that are watched.
pub trait Runtimes: Send + Sync {
    /// Whether the owner that an object of this namespace names is a runtime that there is; `None` if
    /// those of its kind are not listed.
    fn is_there(&self, namespace: &str, owner: &OwnerReference) -> Option<bool>;

    /// Whether kinds may still be listed that were served before the operator started.
    fn is_starting(&self) -> bool;
}
