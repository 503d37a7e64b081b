//! DELETE: at once, or once no finalizer holds the object.

use std::sync::Arc;

use serde_json::{Value, json};

use super::update::is_let_go;
use super::{Written, decode};
use crate::call::Call;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::state::{State, text, texts};

/// The finalizer of a deletion that deletes dependents first.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that leaves dependents alone.
pub(crate) const ORPHAN: &str = "orphan";

impl State {
    /// Deletes the object that a request names.
    pub(super) fn delete(&mut self, kind: &Arc<Kind>, call: &Call, body: &[u8]) -> Result<Written, Failure> {
        let options = options(call, body)?;
        let live = self.named(kind, call)?;
        self.delete_object(kind, &live, &options)
    }

    /// Deletes an object, with these `DeleteOptions`.
    pub(crate) fn delete_object(
        &mut self,
        kind: &Arc<Kind>,
        live: &Value,
        options: &Value,
    ) -> Result<Written, Failure> {
        let name = text(live, "/metadata/name").to_owned();
        check_preconditions(kind, &name, live, &options["preconditions"])?;
        let mut object = live.clone();
        let was_deleted = object.pointer("/metadata/deletionTimestamp").is_some();
        let policy = match (options["propagationPolicy"].as_str(), &options["orphanDependents"]) {
            (Some(policy), _) => policy,
            (None, Value::Bool(true)) => "Orphan",
            _ => "",
        };
        follow(policy, &mut object);
        let grace = options["gracePeriodSeconds"].as_i64();
        let grace = if kind.kind == "Pod" {
            grace_of_pod(&object, grace)
        } else {
            0
        };
        if !was_deleted {
            object["metadata"]["deletionTimestamp"] = json!(self.now());
            let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
            if let Some(generation) = generation {
                object["metadata"]["generation"] = json!(generation + 1);
            }
            if kind.kind == "Namespace" {
                object["status"]["phase"] = json!("Terminating");
            }
        }
        if !was_deleted || grace == 0 {
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
        let key = kind.key(text(live, "/metadata/namespace"), &name);
        if is_let_go(&object) {
            let removed = self.remove(kind, &key, object);
            let mut details = kind.details(&name);
            details["uid"] = removed["metadata"]["uid"].clone();
            let status =
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
            return Ok(Written {
                code: 200,
                object: Arc::new(status),
                is_status: true,
            });
        }
        let object = if object == *live {
            Arc::new(object)
        } else {
            self.store.put(key, object)
        };
        Ok(Written::object(200, object))
    }
}

/// Returns the options of a request, from its body or its address.
fn options(call: &Call, body: &[u8]) -> Result<Value, Failure> {
    let mut options = if body.is_empty() { json!({}) } else { decode(body)? };
    for field in ["propagationPolicy", "gracePeriodSeconds", "orphanDependents"] {
        let given = call.query.get(field);
        if !given.is_empty() {
            options[field] = serde_json::from_str(given).unwrap_or_else(|_| json!(given));
        }
    }
    Ok(options)
}

fn check_preconditions(kind: &Kind, name: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    for (field, words) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (given, live) = (
            text(wanted, &format!("/{field}")),
            text(live, &format!("/metadata/{field}")),
        );
        if !given.is_empty() && given != live {
            let why = format!("Precondition failed: {words} in precondition: {given}, {words} in object meta: {live}");
            return Err(Failure::conflict(kind, name, &why));
        }
    }
    Ok(())
}

/// Sets the finalizer that makes the garbage collector handle dependents.
fn follow(policy: &str, object: &mut Value) {
    let wanted = match policy {
        "Foreground" => Some(FOREGROUND),
        "Orphan" => Some(ORPHAN),
        "Background" => None,
        _ => return,
    };
    let mut finalizers = texts(object, "/metadata/finalizers");
    finalizers.retain(|one| one != FOREGROUND && one != ORPHAN);
    finalizers.extend(wanted.map(str::to_owned));
    if finalizers.is_empty() {
        object["metadata"]
            .as_object_mut()
            .into_iter()
            .for_each(|metadata| drop(metadata.remove("finalizers")));
    } else {
        object["metadata"]["finalizers"] = json!(finalizers);
    }
}

/// Returns the grace period of a pod, which is zero unless the pod runs on a node.
fn grace_of_pod(pod: &Value, wanted: Option<i64>) -> i64 {
    let phase = text(pod, "/status/phase");
    if text(pod, "/spec/nodeName").is_empty() || matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    let own = pod
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_i64);
    wanted.or(own).unwrap_or(30).max(0)
}
