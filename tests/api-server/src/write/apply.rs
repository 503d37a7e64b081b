//! Server-side apply.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{By, Part, Written, check_kind, decode, owner, to_core};
use crate::call::Call;
use crate::failure::Failure;
use crate::fields::{Managers, Operation, Shape};
use crate::kinds::Kind;
use crate::state::{State, text};

impl State {
    /// Applies a configuration: creates the object, or changes the fields that differ.
    pub(super) fn apply(&mut self, path: &Arc<Kind>, call: &Call, part: Part, body: &[u8]) -> Result<Written, Failure> {
        let mut config = decode(body)?;
        check_config(path, call, &config)?;
        config = to_core(path, config);
        let kind = self.stored(path);
        let key = kind.key(&call.namespace, &call.name);
        let live = self.store.get(&key).cloned();
        check_target(&kind, call, live.as_deref(), &config)?;
        if live.is_none() && part == Part::Status {
            return Err(Failure::not_found(&kind, &call.name));
        }
        let (owner, force) = (owner(&kind, call, Operation::Apply), call.query.flag("force"));
        let said = said(&kind, part, &config);
        let empty = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": call.name}});
        let before = live.as_deref().unwrap_or(&empty);
        let mut managers = Managers::of(before);
        let applied = managers.applied(before, &said, &Shape::of(&kind), (owner, force), &self.now());
        let mut object = applied.map_err(|conflicts| conflicted(&kind, &conflicts))?;
        match live {
            None if self.is_dry => Ok(Written::object(201, Arc::new(object))),
            None => {
                object["metadata"]["name"] = json!(call.name);
                let created = self.create(&kind, call, object, By::Managers(managers))?;
                Ok(Written::object(201, created))
            }
            Some(live) => {
                let version = config.pointer("/metadata/resourceVersion").cloned();
                object["metadata"]["resourceVersion"] = version.unwrap_or(Value::Null);
                let updated = self.update(&kind, &live, part, object, By::Managers(managers))?;
                Ok(Written::object(200, updated))
            }
        }
    }
}

/// Checks the fields that every configuration must have or must not have.
fn check_config(kind: &Kind, call: &Call, config: &Value) -> Result<(), Failure> {
    if call.query.get("fieldManager").is_empty() {
        return Err(Failure::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    if text(config, "/apiVersion").is_empty() || text(config, "/kind").is_empty() {
        return Err(Failure::bad_request("apiVersion and kind must be set"));
    }
    check_kind(kind, config)?;
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let name = text(config, "/metadata/name");
    if !name.is_empty() && name != call.name {
        let message = format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.name
        );
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

/// Checks that the object is the one that the configuration names.
fn check_target(kind: &Kind, call: &Call, live: Option<&Value>, config: &Value) -> Result<(), Failure> {
    let uid = text(config, "/metadata/uid");
    let version = text(config, "/metadata/resourceVersion");
    match live {
        None if !uid.is_empty() => {
            let why =
                format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            Err(Failure::conflict(kind, &call.name, &why))
        }
        None if !version.is_empty() => Err(Failure::not_found(kind, &call.name)),
        Some(live) if !version.is_empty() && text(live, "/metadata/resourceVersion") != version => {
            Err(Failure::outdated(kind, &call.name))
        }
        _ => Ok(()),
    }
}

/// Returns the fields of a configuration that belong to the part that is written.
fn said(kind: &Kind, part: Part, config: &Value) -> Value {
    let mut said = config.clone();
    let Some(fields) = said.as_object_mut() else {
        return said;
    };
    if kind.has_status {
        match part {
            Part::Main => drop(fields.remove("status")),
            Part::Status => fields.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "status")),
        }
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            metadata.remove(field);
        }
    }
    said
}

fn conflicted(kind: &Kind, conflicts: &[crate::fields::Conflict]) -> Failure {
    let text = |one: &crate::fields::Conflict| format!("conflict with {}: {}", one.with, one.field);
    let texts: Vec<String> = conflicts.iter().map(text).collect();
    let count = conflicts.len();
    let plural = if count == 1 { "" } else { "s" };
    let message = format!("Apply failed with {count} conflict{plural}: {}", texts.join("\n"));
    let mut failure = Failure::new(409, "Conflict", message);
    let cause = |one: &crate::fields::Conflict| {
        json!({"reason": "FieldManagerConflict",
        "message": format!("conflict with {}", one.with), "field": one.field})
    };
    failure.details = json!({"kind": kind.plural, "causes": conflicts.iter().map(cause).collect::<Vec<_>>()});
    failure
}
