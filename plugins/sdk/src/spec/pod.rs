//! What specs say about the pods of a component.

pub use wasser_api::shared::{FuseCleanPolicy as CleanPolicy, NetworkMode, PodMetadata};

use crate::{Error, Result};

/// Refuses a network mode at `field` that is not known.
pub fn check_network_mode(field: &str, mode: &NetworkMode) -> Result<()> {
    match mode {
        NetworkMode::Other(_) => Err(Error::invalid(field, "is neither HostNetwork nor ContainerNetwork")),
        _ => Ok(()),
    }
}

/// Refuses a clean policy at `field` that is not known.
pub fn check_clean_policy(field: &str, policy: &CleanPolicy) -> Result<()> {
    let CleanPolicy::Other(other) = policy else {
        return Ok(());
    };
    let other = other.escape_debug();
    let message = format!("`{other}` is none of OnDemand, OnRuntimeDeleted, OnFuseChanged");
    Err(Error::invalid(field, message))
}
