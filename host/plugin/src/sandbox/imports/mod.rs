//! The imports of the world, one file for each WIT interface.
//!
//! Every function counts itself (`enter`), checks the grant, then the shape of what the guest sent, and only then reaches the
//! [`Backend`](crate::Backend). A refusal is an answer that names what to put where, never a trap.

mod clock;
mod events;
mod http;
mod log;
mod objects;
mod pods;
mod ports;
mod secrets;
mod shape;
mod state;
pub mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::RuntimeWithOperations;
use crate::package::grants::Grants;
use crate::sandbox::store::StoreData;

/// A linker with every interface of the world, whatever the grants are: what is not granted refuses when it is called.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    RuntimeWithOperations::add_to_linker::<_, HasSelf<StoreData>>(&mut linker, |data| data)?;
    Ok(linker)
}

// The interface has types only.
impl crate::bindings::types::Host for StoreData {}

impl StoreData {
    /// Whether a grant is effective; if not, what is missing and where it belongs. `yaml` is how the grant is written in a registration.
    fn granted(&self, allows: impl Fn(&Grants) -> bool, yaml: &str) -> Result<(), String> {
        let identity = &self.identity;
        if allows(&identity.effective) {
            return Ok(());
        }
        Err(match (allows(&identity.declared), allows(&identity.given)) {
            (true, false) => format!(
                "`{yaml}` is not granted: add it to `grants` in plugin.yaml of the ConfigMap {}",
                identity.registration
            ),
            (false, true) => format!(
                "`{yaml}` is granted by the ConfigMap {}, but the plugin does not declare it: its `describe` must list it in `wants`",
                identity.registration
            ),
            _ => format!(
                "`{yaml}` is neither declared nor granted: the plugin's `describe` must list it in `wants`, and `grants` in plugin.yaml of \
                 the ConfigMap {} must give it",
                identity.registration
            ),
        })
    }
}
