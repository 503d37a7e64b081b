//! `ports`: host ports.

use crate::bindings::ports::Host;
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::{is_key, tidy};
use crate::sandbox::store::StoreData;

/// The maximum number of ports of one runtime, as the WIT says.
const MOST: usize = 32;

impl Host for StoreData {
    async fn allocate(&mut self, names: Vec<String>) -> wasmtime::Result<Result<Vec<(String, u16)>, HostError>> {
        self.enter()?;
        Ok(self.allocate_ports(names).await)
    }
}

impl StoreData {
    async fn allocate_ports(&self, names: Vec<String>) -> Result<Vec<(String, u16)>, HostError> {
        self.granted(|grants| grants.ports, "ports: true")?;
        if names.len() > MOST {
            return refused(format!(
                "{} ports are asked for, and a runtime may have {MOST}",
                names.len()
            ));
        }
        if let Some(wrong) = names.iter().find(|name| !is_key(name)) {
            return refused(format!(
                "`{}` cannot be the name of a port: use letters, digits, `-`, `_` and `.`",
                tidy(wrong, 64)
            ));
        }
        let ports = self.backend.allocate_ports(&self.scope, &names).await?;
        Ok(names.into_iter().zip(ports).collect())
    }
}
