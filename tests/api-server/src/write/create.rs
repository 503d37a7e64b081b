//! POST.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{By, check_kind};
use crate::admit;
use crate::call::Call;
use crate::failure::Failure;
use crate::fields::{Managers, Shape};
use crate::kinds::{Kind, crd};
use crate::state::{State, text};

/// Metadata that only the server sets.
const SET_BY_SERVER: [&str; 8] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
];

impl State {
    /// Creates an object.
    pub(super) fn create(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        mut object: Value,
        by: By,
    ) -> Result<Arc<Value>, Failure> {
        check_kind(kind, &object)?;
        if !object.is_object() {
            return Err(Failure::bad_request("the body is not an object"));
        }
        (object["apiVersion"], object["kind"]) = (json!(kind.api_version()), json!(kind.kind));
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        self.place(kind, call, &mut object)?;
        if !text(&object, "/metadata/resourceVersion").is_empty() {
            return Err(Failure::internal(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let metadata = object["metadata"].as_object_mut().into_iter();
        metadata.for_each(|metadata| SET_BY_SERVER.iter().for_each(|field| drop(metadata.remove(*field))));
        if kind.has_status && kind.kind != "Node" {
            object
                .as_object_mut()
                .into_iter()
                .for_each(|fields| drop(fields.remove("status")));
        }
        let name = text(&object, "/metadata/name").to_owned();
        let problems = admit::problems_of_metadata(&object);
        if !problems.is_empty() {
            return Err(Failure::invalid(kind, &name, &problems));
        }
        let key = kind.key(&call.namespace, &name);
        if self.store.get(&key).is_some() {
            return Err(Failure::already_exists(kind, &name));
        }
        let mut object = admit::prepare(kind, &name, object)?;
        let uid = self.random.uid();
        self.uids.insert(
            uid.clone(),
            format!("{} {}", kind.kind, display(&call.namespace, &name)),
        );
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["creationTimestamp"] = json!(self.now());
        if kind.has_generation {
            object["metadata"]["generation"] = json!(1);
        }
        let managers = match by {
            By::Managers(managers) => managers,
            By::Owner(owner) => {
                let mut managers = Managers::default();
                managers.updated(&json!({"metadata": {}}), &object, &Shape::of(kind), owner, &self.now());
                managers
            }
        };
        managers.write(&mut object);
        admit::complete(kind, &mut object, self.store.version());
        if self.is_dry {
            return Ok(Arc::new(object));
        }
        if kind.kind == "CustomResourceDefinition" {
            crd::establish(&mut object, &self.now());
            let defined =
                crd::kind(&object).ok_or_else(|| Failure::bad_request("the CRD names no kind or no version"))?;
            self.kinds.add(defined);
        }
        Ok(self.store.put(key, object))
    }

    /// Sets the name and the namespace of an object.
    fn place(&mut self, kind: &Kind, call: &Call, object: &mut Value) -> Result<(), Failure> {
        let prefix = text(object, "/metadata/generateName").to_owned();
        if text(object, "/metadata/name").is_empty() && !prefix.is_empty() {
            object["metadata"]["name"] = json!(format!("{prefix}{}", self.random.suffix()));
        }
        let name = text(object, "/metadata/name").to_owned();
        if !kind.namespaced {
            object["metadata"]
                .as_object_mut()
                .into_iter()
                .for_each(|metadata| drop(metadata.remove("namespace")));
            return Ok(());
        }
        let namespace = text(object, "/metadata/namespace");
        if !namespace.is_empty() && namespace != call.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        object["metadata"]["namespace"] = json!(call.namespace);
        let Some(namespaces) = self.kinds.named("Namespace") else {
            return Ok(());
        };
        match self.store.get(&namespaces.key("", &call.namespace)) {
            None => Err(Failure::not_found(&namespaces, &call.namespace)),
            Some(found) if found.pointer("/metadata/deletionTimestamp").is_some() => {
                Err(Failure::terminating(kind, &call.namespace, &name))
            }
            Some(_) => Ok(()),
        }
    }
}

fn display(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}
