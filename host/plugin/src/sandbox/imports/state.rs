//! `state`: a few KiB that outlive a call.

use crate::bindings::state::Host;
use crate::sandbox::imports::shape::{is_key, tidy};
use crate::sandbox::stop::StopReason;
use crate::sandbox::store::StoreData;

/// The maximum bytes of one value. The backend limits the total of all keys.
const VALUE: usize = 8 << 10;
const GRANT: &str = "state: true";

fn check(key: &str) -> Result<(), String> {
    if is_key(key) {
        Ok(())
    } else {
        Err(format!(
            "`{}` cannot be a key: use letters, digits, `-`, `_` and `.`",
            tidy(key, 64)
        ))
    }
}

impl Host for StoreData {
    /// The WIT has no error here. Without the grant the value is absent, and the log gives the
    /// reason. If the cluster fails, the call ends, because a plugin that took this for "never set"
    /// would start from nothing.
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.enter()?;
        if let Err(refusal) = self.granted(|grants| grants.state, GRANT).and_then(|()| check(&key)) {
            let (plugin, runtime) = (&self.identity.kind, &self.scope);
            tracing::warn!(target: "plugin", %plugin, %runtime, "state.get returns nothing: {refusal}");
            return Ok(None);
        }
        let found = self.backend.get_state(&self.scope, &key).await;
        found.map_err(|error| {
            let reason = format!("reading the state `{key}` of {} failed: {error}", self.scope);
            StopReason::Host(reason).into()
        })
    }

    async fn set(&mut self, key: String, value: Option<Vec<u8>>) -> wasmtime::Result<Result<(), String>> {
        self.enter()?;
        if let Err(refusal) = self.granted(|grants| grants.state, GRANT).and_then(|()| check(&key)) {
            return Ok(Err(refusal));
        }
        if let Some(size) = value.as_ref().map(Vec::len).filter(|size| *size > VALUE) {
            return Ok(Err(format!(
                "the value of `{key}` has {size} bytes, and {VALUE} are allowed"
            )));
        }
        Ok(self
            .backend
            .set_state(&self.scope, &key, value)
            .await
            .map_err(|error| error.to_string()))
    }
}
