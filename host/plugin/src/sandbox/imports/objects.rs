//! `objects`: objects of the runtime's namespace, and objects of the cluster that the runtime
//! names.

use crate::bindings::objects::Host;
use crate::sandbox::imports::shape::{is_object_name, tidy};
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn get(&mut self, kind: String, name: String) -> wasmtime::Result<Result<Option<String>, String>> {
        self.enter()?;
        let yaml = format!("objects: [{}]", tidy(&kind, 64));
        if kind == "Secret" {
            return Ok(Err(
                "a Secret cannot be read as an object: that is the capability `secrets`".to_owned(),
            ));
        }
        if self.identity.effective.named_objects().any(|(named, _)| named == kind) {
            if !self.is_named(&kind, &name) {
                return Ok(Err(format!(
                    "{} does not name the {kind} `{}`",
                    *self.scope,
                    tidy(&name, 64)
                )));
            }
        } else if let Err(refusal) = self.granted(|grants| grants.objects.contains(&kind), &yaml) {
            return Ok(Err(refusal));
        }
        if !is_object_name(&name) {
            return Ok(Err(format!("`{}` cannot be the name of an object", tidy(&name, 64))));
        }
        let found = self.backend.object(&self.scope, &kind, &name).await;
        Ok(found
            .map(|object| object.map(|object| object.to_string()))
            .map_err(|error| error.to_string()))
    }
}
