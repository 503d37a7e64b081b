//! `state`: a few KiB that outlive a call.

use crate::bindings::state::{Entry, Host};
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::{is_key, tidy};
use crate::sandbox::store::StoreData;

/// The maximum bytes of one value. The backend limits the total of all keys.
const VALUE: usize = 8 << 10;

impl Host for StoreData {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Entry>, HostError>> {
        self.enter_far().await?;
        Ok(self.get_state(&key).await)
    }

    async fn keys(&mut self) -> wasmtime::Result<Result<Vec<String>, HostError>> {
        self.enter_far().await?;
        Ok(self.state_keys().await)
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        if_version: Option<String>,
    ) -> wasmtime::Result<Result<String, HostError>> {
        self.enter_far().await?;
        Ok(self.set_state(&key, Some(value), if_version.as_deref()).await)
    }

    async fn remove(&mut self, key: String, if_version: String) -> wasmtime::Result<Result<(), HostError>> {
        self.enter_far().await?;
        Ok(self.set_state(&key, None, Some(&if_version)).await.map(drop))
    }
}

impl StoreData {
    async fn get_state(&self, key: &str) -> Result<Option<Entry>, HostError> {
        self.may_keep(key)?;
        Ok(self.backend.get_state(&self.scope, key).await?)
    }

    async fn state_keys(&self) -> Result<Vec<String>, HostError> {
        self.granted(|grants| grants.state, "state: true")?;
        Ok(self.backend.state_keys(&self.scope).await?)
    }

    async fn set_state(
        &self,
        key: &str,
        value: Option<Vec<u8>>,
        if_version: Option<&str>,
    ) -> Result<String, HostError> {
        self.may_keep(key)?;
        if let Some(size) = value.as_ref().map(Vec::len).filter(|size| *size > VALUE) {
            return refused(format!(
                "the value of `{key}` has {size} bytes, and {VALUE} are allowed"
            ));
        }
        Ok(self.backend.set_state(&self.scope, key, value, if_version).await?)
    }

    fn may_keep(&self, key: &str) -> Result<(), HostError> {
        self.granted(|grants| grants.state, "state: true")?;
        if is_key(key) {
            return Ok(());
        }
        refused(format!(
            "`{}` cannot be a key: use letters, digits, `-`, `_` and `.`",
            tidy(key, 64)
        ))
    }
}
