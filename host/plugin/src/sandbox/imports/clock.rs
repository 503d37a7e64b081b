//! `clock`: the time. It is always granted.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::clock::Host;
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.clock_offset;
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
