//! `ports`: host ports.

use crate::bindings::ports::Host;
use crate::sandbox::imports::shape::{is_key, tidy};
use crate::sandbox::store::StoreData;

/// The maximum number of ports of one runtime.
const MOST: usize = 32;

impl Host for StoreData {
    async fn allocate(&mut self, names: Vec<String>) -> wasmtime::Result<Result<Vec<u16>, String>> {
        self.enter()?;
        if let Err(refusal) = self.granted(|grants| grants.ports, "ports: true") {
            return Ok(Err(refusal));
        }
        if names.len() > MOST {
            return Ok(Err(format!(
                "{} ports are asked for, and a runtime may have {MOST}",
                names.len()
            )));
        }
        if let Some(wrong) = names.iter().find(|name| !is_key(name)) {
            return Ok(Err(format!(
                "`{}` cannot be the name of a port: use letters, digits, `-`, `_` and `.`",
                tidy(wrong, 64)
            )));
        }
        Ok(self
            .backend
            .allocate_ports(&self.scope, &names)
            .await
            .map_err(|error| error.to_string()))
    }
}
