//! The masters that commands run in.

use wasser_sdk::{Error, Host, Pod, Result};

use crate::describe::MASTER;

/// Returns a ready master, or the wait for one.
pub fn master(host: &impl Host) -> Result<Pod> {
    let ready = host.ready_pods(MASTER)?.into_iter().next();
    ready.ok_or_else(|| Error::retry_after(2, "no master pod is ready"))
}
