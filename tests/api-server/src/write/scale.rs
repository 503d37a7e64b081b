//! The subresource `scale`.

use std::sync::Arc;

use serde_json::{Value, json};
use wasser_schema::Problem;

use super::patch::patched;
use super::{By, Part, Written, decode, owner};
use crate::call::{Call, Verb};
use crate::failure::Failure;
use crate::fields::Operation;
use crate::kinds::{Kind, Scale};
use crate::state::{State, copy, text};

impl State {
    /// Changes the number of replicas.
    pub(super) fn write_scale(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        content_type: &str,
        body: &[u8],
    ) -> Result<Written, Failure> {
        let Some(scale) = kind.scale.clone() else {
            return Err(Failure::no_such_path());
        };
        let live = self.named(kind, call)?;
        let body = decode(body)?;
        let wanted = match call.verb {
            Verb::Update => body,
            Verb::Patch => patched(content_type, show(&scale, &live), &body)?,
            _ => return Err(Failure::method_not_allowed()),
        };
        let replicas = wanted["spec"]["replicas"].clone();
        if replicas.as_i64().is_none_or(|number| number < 0) {
            let problem = Problem::invalid("spec.replicas", &replicas, "must be greater than or equal to 0");
            return Err(Failure::invalid(kind, &call.name, &[problem]));
        }
        let mut object = copy(&live);
        object["metadata"]["resourceVersion"] = json!(text(&wanted, "/metadata/resourceVersion"));
        put(&mut object, &scale.spec, replicas);
        let by = By::Owner(owner(kind, call, Operation::Update));
        let updated = self.update(kind, &live, Part::Main, object, by)?;
        Ok(Written {
            code: 200,
            object: Arc::new(show(&scale, &updated)),
            is_status: true,
        })
    }

    /// Returns the `Scale` of an object.
    pub fn read_scale(&self, kind: &Kind, call: &Call) -> Result<Value, Failure> {
        let scale = kind.scale.as_ref().ok_or_else(Failure::no_such_path)?;
        self.named(kind, call).map(|object| show(scale, &object))
    }
}

fn show(scale: &Scale, object: &Value) -> Value {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let selector = scale.selector.as_ref().and_then(|pointer| object.pointer(pointer));
    let mut status = json!({"replicas": number(&scale.status)});
    match selector {
        Some(Value::String(selector)) => status["selector"] = json!(selector),
        Some(selector) => {
            let labels = selector["matchLabels"].as_object().into_iter().flatten();
            let labels: Vec<String> = labels
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                .collect();
            status["selector"] = json!(labels.join(","));
        }
        None => {}
    }
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": number(&scale.spec)},
        "status": status,
    })
}

/// Sets a field, and creates the objects on the path to it.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for name in pointer.split('/').filter(|name| !name.is_empty()) {
        place = &mut place[name];
    }
    *place = value;
}
