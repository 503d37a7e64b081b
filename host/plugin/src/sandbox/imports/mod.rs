//! Implements the imports of the world, one file per WIT interface.
//!
//! Every function counts itself (`enter`), checks the grant, then the shape of its arguments
//! (`shape.rs`), and only then calls the [`Backend`](crate::Backend). A refusal is an answer that
//! names the missing grant and its place, never a trap.

mod context;
mod events;
mod exec;
mod http;
mod jobs;
mod log;
mod objects;
pub mod pods;
mod ports;
mod secrets;
pub mod shape;
mod state;
pub mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::backend::BackendError;
use crate::bindings::RuntimeWithAll;
use crate::bindings::types::{Delay, HostError};
use crate::package::grants::Grants;
use crate::sandbox::store::StoreData;

/// Returns a linker with every interface of the world, whatever the grants are. A function without
/// a grant refuses when it is called.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    RuntimeWithAll::add_to_linker::<_, HasSelf<StoreData>>(&mut linker, |data| data)?;
    Ok(linker)
}

// These interfaces have only types.
impl crate::bindings::wasser::types::types::Host for StoreData {}
impl crate::bindings::wasser::runtime::types::Host for StoreData {}

impl From<BackendError> for HostError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::NotFound(what) => Self::NotFound(what),
            BackendError::Conflict(what) => Self::Conflict(what),
            BackendError::Throttled { seconds, message } => Self::Throttled(Delay { seconds, message }),
            BackendError::Timeout => Self::Timeout,
            BackendError::Failed(what) => Self::Failed(what),
        }
    }
}

/// The refusal of an argument.
fn refused<T>(message: impl Into<String>) -> Result<T, HostError> {
    Err(HostError::Failed(message.into()))
}

impl StoreData {
    /// Checks that a grant is effective. `yaml` is the grant as it is written in a registration.
    ///
    /// # Errors
    /// Names what is missing, and where it belongs.
    fn granted(&self, allows: impl Fn(&Grants) -> bool, yaml: &str) -> Result<(), HostError> {
        let identity = &self.identity;
        if allows(&identity.effective) {
            return Ok(());
        }
        Err(HostError::NotGranted(
            match (allows(&identity.declared), allows(&identity.given)) {
                (true, false) => format!(
                    "`{yaml}` is not granted: add it to `grants` in plugin.yaml of the ConfigMap {}",
                    identity.registration
                ),
                (false, true) => format!(
                    "`{yaml}` is granted by the ConfigMap {}, but the plugin does not declare it: its `describe` \
                 must list it in `wants`",
                    identity.registration
                ),
                _ => format!(
                    "`{yaml}` is neither declared nor granted: the plugin's `describe` must list it in `wants`, and \
                 `grants` in plugin.yaml of the ConfigMap {} must give it",
                    identity.registration
                ),
            },
        ))
    }
}
