//! `secrets`: values of Secrets. They are off by default, because a secret reaches a pod by
//! reference.

use crate::bindings::secrets::Host;
use crate::sandbox::imports::shape::{is_key, is_object_name, tidy};
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn get(&mut self, name: String, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        self.enter()?;
        if let Err(refusal) = self.granted(|grants| grants.secrets, "secrets: true") {
            return Ok(Err(refusal));
        }
        if !is_object_name(&name) || !is_key(&key) {
            return Ok(Err(format!(
                "`{}` with the key `{}` cannot be a Secret",
                tidy(&name, 64),
                tidy(&key, 64)
            )));
        }
        Ok(self
            .backend
            .secret(&self.scope, &name, &key)
            .await
            .map_err(|error| error.to_string()))
    }
}
