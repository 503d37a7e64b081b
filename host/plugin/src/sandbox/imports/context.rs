//! `context`: the runtime of the current call. It is always granted, and each fact that is read is
//! a call to the host.

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::context::{Context as Handle, Host, HostContext};
use crate::bindings::types::{RoleStatus, Want};
use crate::context::Context;
use crate::sandbox::store::StoreData;

impl Host for StoreData {}

impl StoreData {
    /// Returns the runtime of the current call. There is one handle at a time, so all are the same.
    fn facts(&mut self) -> wasmtime::Result<Arc<Context>> {
        self.enter()?;
        let (context, _) = self.context.as_ref().ok_or_else(no_context)?;
        Ok(context.clone())
    }
}

fn no_context() -> wasmtime::Error {
    wasmtime::Error::msg("a context was used outside of its call")
}

macro_rules! facts {
    ($($name:ident -> $fact:ty;)*) => {
        impl HostContext for StoreData {
            async fn revision(&mut self, _: Resource<Handle>) -> wasmtime::Result<u64> {
                self.enter()?;
                self.context.as_ref().map(|(_, revision)| *revision).ok_or_else(no_context)
            }

            $(
                async fn $name(&mut self, _: Resource<Handle>) -> wasmtime::Result<$fact> {
                    Ok(self.facts()?.$name.clone())
                }
            )*

            async fn drop(&mut self, _: Resource<Handle>) -> wasmtime::Result<()> {
                Ok(())
            }
        }
    };
}

facts! {
    namespace -> String;
    name -> String;
    dataset_id -> String;
    runtime -> String;
    dataset -> Option<String>;
    mount_path -> String;
    fuse_label -> String;
    images -> Vec<(String, String)>;
    settings -> Vec<(String, String)>;
    installed -> Option<String>;
    roles -> Vec<RoleStatus>;
    now -> u64;
    granted -> Vec<Want>;
}
