//! Writes, and what all of them have in common.

mod apply;
mod create;
mod delete;
mod patch;
mod scale;
mod update;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::delete::{FOREGROUND, ORPHAN};
use crate::call::{Call, Verb};
use crate::failure::Failure;
use crate::fields::{Managers, Operation, Owner};
use crate::kinds::Kind;
use crate::state::State;

/// The part of an object that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything except for a status that is a subresource.
    Main,
    /// The status.
    Status,
}

/// The owners of an object's fields after a write.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// The writer, of all fields that it changes.
    Owner(Owner),
    /// The owners that an apply has computed.
    Managers(Managers),
}

/// The outcome of a write.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub code: u16,
    pub object: Arc<Value>,
    /// Whether the answer is not an object of the path's kind.
    pub is_status: bool,
}

impl Written {
    fn object(code: u16, object: Arc<Value>) -> Self {
        Self {
            code,
            object,
            is_status: false,
        }
    }
}

impl State {
    /// Carries out a write.
    pub fn write(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        content_type: &str,
        body: &[u8],
    ) -> Result<Written, Failure> {
        self.is_dry = !call.query.get("dryRun").is_empty();
        let outcome = self.carry_out(kind, call, content_type, body);
        // What happens without a request, such as the work of controllers, is never tried only.
        self.is_dry = false;
        outcome
    }

    fn carry_out(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        content_type: &str,
        body: &[u8],
    ) -> Result<Written, Failure> {
        let is_apply = call.verb == Verb::Patch && content_type.starts_with("application/apply-patch");
        let can_be_dry = (is_apply || call.verb == Verb::Create) && call.subresource.is_empty();
        if self.is_dry && !can_be_dry {
            return Err(Failure::bad_request(
                "dryRun: this server in a test's process does that for a create or an apply only",
            ));
        }
        let part = match call.subresource.as_str() {
            "" => Part::Main,
            "status" if kind.has_status => Part::Status,
            "scale" if kind.scale.is_some() => return self.write_scale(kind, call, content_type, body),
            _ => return Err(Failure::no_such_path()),
        };
        match call.verb {
            Verb::Create if part == Part::Main => {
                let object = to_core(kind, decode(body)?);
                let kind = self.stored(kind);
                let created = self.create(&kind, call, object, By::Owner(owner(&kind, call, Operation::Update)))?;
                Ok(Written::object(201, created))
            }
            Verb::Update => {
                let object = to_core(kind, decode(body)?);
                let kind = self.stored(kind);
                self.replace(&kind, call, part, object)
            }
            Verb::Patch if is_apply => self.apply(kind, call, part, body),
            Verb::Patch => self.patch(kind, call, part, content_type, &decode(body)?),
            Verb::Delete if part == Part::Main => self.delete(&self.stored(kind), call, body),
            _ => Err(Failure::method_not_allowed()),
        }
    }

    /// Returns the kind in whose form the objects are stored.
    pub fn stored(&self, kind: &Arc<Kind>) -> Arc<Kind> {
        if kind.view.is_none() {
            return kind.clone();
        }
        self.kinds.of_key(&kind.key("", "")).unwrap_or_else(|| kind.clone())
    }

    /// Returns the object that a request names.
    fn named(&self, kind: &Kind, call: &Call) -> Result<Arc<Value>, Failure> {
        let found = self.store.get(&kind.key(&call.namespace, &call.name));
        found.cloned().ok_or_else(|| Failure::not_found(kind, &call.name))
    }
}

fn to_core(kind: &Kind, object: Value) -> Value {
    match kind.view {
        Some(view) if object["apiVersion"] == kind.api_version() => (view.to_core)(object),
        _ => object,
    }
}

/// Parses a body. Clients also send YAML.
fn decode(body: &[u8]) -> Result<Value, Failure> {
    let json = serde_json::from_slice(body);
    let read = json.or_else(|_| yaml_serde::from_slice(body).map_err(|error| error.to_string()));
    read.map_err(|error| Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}")))
}

/// Returns the owner as which a request writes.
fn owner(kind: &Kind, call: &Call, operation: Operation) -> Owner {
    let manager = match call.query.get("fieldManager") {
        "" => "unknown",
        manager => manager,
    };
    Owner {
        manager: manager.to_owned(),
        operation,
        subresource: call.subresource.clone(),
        api_version: kind.api_version(),
    }
}

/// Checks that an object is of the path's kind.
fn check_kind(kind: &Kind, object: &Value) -> Result<(), Failure> {
    let (api_version, name) = (&object["apiVersion"], &object["kind"]);
    // Without them, the object is taken to be what the path says.
    if (api_version.is_null() || *api_version == kind.api_version()) && (name.is_null() || *name == kind.kind) {
        return Ok(());
    }
    Err(Failure::bad_request(format!(
        "the API version in the data ({}) does not match the expected API version ({})",
        api_version.as_str().unwrap_or_default(),
        kind.api_version()
    )))
}
