//! `secrets`: values of Secrets. They are off by default, because a secret reaches a pod by
//! reference.

use crate::bindings::secrets::Host;
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::{is_key, is_object_name, tidy};
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn get(&mut self, name: String, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, HostError>> {
        self.enter_far().await?;
        Ok(self.secret(&name, &key).await)
    }
}

impl StoreData {
    async fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.granted(|grants| grants.secrets, "secrets: true")?;
        if !is_object_name(name) || !is_key(key) {
            return refused(format!(
                "`{}` with the key `{}` cannot be a Secret",
                tidy(name, 64),
                tidy(key, 64)
            ));
        }
        Ok(self.backend.secret(&self.scope, name, key).await?)
    }
}
