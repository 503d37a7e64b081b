//! PUT, and the rules for every change of an object.

use std::sync::Arc;

use serde_json::{Value, json};
use wasser_schema::Problem;

use super::{By, Part, Written, check_kind, owner};
use crate::admit;
use crate::call::Call;
use crate::failure::Failure;
use crate::fields::{Managers, Operation, Shape};
use crate::kinds::{Kind, crd};
use crate::state::{State, text, texts};

/// Metadata that an update does not change.
const KEPT: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

impl State {
    /// Replaces an object.
    pub(super) fn replace(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        part: Part,
        object: Value,
    ) -> Result<Written, Failure> {
        check_kind(kind, &object)?;
        let live = self.named(kind, call)?;
        let is_unconditional = text(&object, "/metadata/resourceVersion").is_empty();
        if kind.is_custom() && is_unconditional {
            let problem = Problem::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            return Err(Failure::invalid(kind, &call.name, &[problem]));
        }
        let by = By::Owner(owner(kind, call, Operation::Update));
        self.update(kind, &live, part, object, by)
            .map(|object| Written::object(200, object))
    }

    /// Changes an object as far as that is allowed. Writes nothing if nothing changes.
    pub(crate) fn update(
        &mut self,
        kind: &Arc<Kind>,
        live: &Value,
        part: Part,
        mut wanted: Value,
        by: By,
    ) -> Result<Arc<Value>, Failure> {
        let name = text(live, "/metadata/name").to_owned();
        let key = kind.key(text(live, "/metadata/namespace"), &name);
        check_same(kind, &name, live, &wanted)?;
        (wanted["apiVersion"], wanted["kind"]) = (json!(kind.api_version()), json!(kind.kind));
        keep_metadata(live, &mut wanted);
        keep_other_part(kind, part, live, &mut wanted);
        let mut object = admit::prepare(kind, &name, wanted)?;
        let problems = [admit::refused(kind, live, &object), new_finalizers(live, &object)].concat();
        if !problems.is_empty() {
            return Err(Failure::invalid(kind, &name, &problems));
        }
        if kind.has_generation && without_status(kind, live) != without_status(kind, &object) {
            let generation = live
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .unwrap_or_default();
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let managers = match by {
            By::Managers(managers) => managers,
            By::Owner(owner) => {
                let mut managers = Managers::of(live);
                managers.updated(live, &object, &Shape::of(kind), owner, &self.now());
                managers
            }
        };
        managers.write(&mut object);
        object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        if self.is_dry || object == *live {
            return Ok(Arc::new(object));
        }
        if is_let_go(&object) {
            return Ok(self.remove(kind, &key, object));
        }
        if kind.kind == "CustomResourceDefinition"
            && let Some(defined) = crd::kind(&object)
        {
            self.kinds.add(defined);
        }
        Ok(self.store.put(key, object))
    }

    /// Removes an object for good.
    pub(crate) fn remove(&mut self, kind: &Kind, key: &crate::store::Key, last: Value) -> Arc<Value> {
        if kind.kind == "CustomResourceDefinition"
            && let Some(defined) = crd::kind(&last)
        {
            // Its objects go with it, whatever holds them.
            for (key, object) in self.store.list(&defined.group, &defined.plural, "") {
                self.store.remove(&key, (*object).clone());
            }
            self.kinds.remove(&defined.group, &defined.plural);
        }
        self.store.remove(key, last)
    }
}

/// Checks that a write is meant for this very object.
fn check_same(kind: &Kind, name: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    let differs = |field: &str| {
        let (live, wanted) = (text(live, field), text(wanted, field));
        !wanted.is_empty() && live != wanted
    };
    if differs("/metadata/name") {
        let message = "the name of the object does not match the name on the URL";
        return Err(Failure::bad_request(message));
    }
    if differs("/metadata/namespace") {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if differs("/metadata/uid") {
        let (given, live) = (text(wanted, "/metadata/uid"), text(live, "/metadata/uid"));
        let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {live}");
        return Err(Failure::conflict(kind, name, &why));
    }
    if differs("/metadata/resourceVersion") {
        return Err(Failure::outdated(kind, name));
    }
    Ok(())
}

fn keep_metadata(live: &Value, wanted: &mut Value) {
    if !wanted["metadata"].is_object() {
        wanted["metadata"] = json!({});
    }
    let Some(metadata) = wanted["metadata"].as_object_mut() else {
        return;
    };
    metadata.remove("managedFields");
    for field in KEPT {
        match live["metadata"].get(field) {
            Some(value) => drop(metadata.insert(field.to_owned(), value.clone())),
            None => drop(metadata.remove(field)),
        }
    }
    // What is empty is as good as what is not there.
    metadata.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()));
    for field in ["labels", "annotations"] {
        if metadata
            .get(field)
            .and_then(Value::as_object)
            .is_some_and(serde_json::Map::is_empty)
        {
            metadata.remove(field);
        }
    }
}

/// Restores the part that a write must not change: everything but the status, or the status.
fn keep_other_part(kind: &Kind, part: Part, live: &Value, wanted: &mut Value) {
    if !kind.has_status {
        return;
    }
    match part {
        Part::Main => set(wanted, "status", live.get("status")),
        Part::Status => {
            let status = wanted.get("status").cloned();
            *wanted = live.clone();
            set(wanted, "status", status.as_ref());
            wanted["metadata"]
                .as_object_mut()
                .into_iter()
                .for_each(|metadata| drop(metadata.remove("managedFields")));
        }
    }
}

fn set(object: &mut Value, field: &str, value: Option<&Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value.clone())),
        None => drop(fields.remove(field)),
    }
}

/// Returns an object without the parts that do not count for its generation.
fn without_status(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("metadata");
        if kind.has_status {
            fields.remove("status");
        }
    }
    object
}

/// Returns a problem if a finalizer is added to an object that is being deleted.
fn new_finalizers(live: &Value, object: &Value) -> Vec<Problem> {
    if live.pointer("/metadata/deletionTimestamp").is_none() {
        return Vec::new();
    }
    let before = texts(live, "/metadata/finalizers");
    let added: Vec<String> = texts(object, "/metadata/finalizers")
        .into_iter()
        .filter(|one| !before.contains(one))
        .collect();
    if added.is_empty() {
        return Vec::new();
    }
    let message =
        format!("no new finalizers can be added if the object is being deleted, found new finalizers {added:?}");
    vec![Problem::forbidden("metadata.finalizers", &message)]
}

/// Returns whether an object is being deleted and nothing holds it.
pub(super) fn is_let_go(object: &Value) -> bool {
    let grace = object
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64);
    let is_namespace = object["kind"] == "Namespace" && !texts(object, "/spec/finalizers").is_empty();
    object.pointer("/metadata/deletionTimestamp").is_some()
        && texts(object, "/metadata/finalizers").is_empty()
        && grace.unwrap_or_default() == 0
        && !is_namespace
}
