//! `objects`: objects of the runtime's namespace, and objects of the cluster that the runtime
//! names.

use crate::bindings::objects::Host;
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::{is_object_name, tidy};
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn get(&mut self, kind: String, name: String) -> wasmtime::Result<Result<Option<String>, HostError>> {
        self.enter_far().await?;
        Ok(self.object(&kind, &name).await)
    }
}

impl StoreData {
    async fn object(&self, kind: &str, name: &str) -> Result<Option<String>, HostError> {
        if kind == "Secret" {
            let message = "a Secret cannot be read as an object: that is the capability `secrets`";
            return Err(HostError::NotGranted(message.to_owned()));
        }
        if self.identity.effective.named_objects().any(|(named, _)| named == kind) {
            if !self.is_named(kind, name) {
                return Err(HostError::NotGranted(format!(
                    "{} does not name the {kind} `{}`",
                    *self.scope,
                    tidy(name, 64)
                )));
            }
        } else {
            let yaml = format!("objects: [{}]", tidy(kind, 64));
            self.granted(|grants| grants.objects.contains(kind), &yaml)?;
        }
        if !is_object_name(name) {
            return refused(format!("`{}` cannot be the name of an object", tidy(name, 64)));
        }
        let found = self.backend.object(&self.scope, kind, name).await?;
        Ok(found.map(|object| object.to_string()))
    }
}
