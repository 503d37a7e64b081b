//! Manifests, and what the host and its cluster make of them.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use wasser_api::labels;
use wasser_sdk::testing::{FakeHost, raw_context};
use wasser_sdk::{Description, RawContext};

use crate::{UID, read};

/// Returns the documents of a manifest.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}

/// Returns the manifests that a file shows: those of its listings, or the file itself if it is one.
pub(crate) fn shown(path: &Path) -> Vec<Vec<Value>> {
    let text = read(path);
    if path.extension().is_some_and(|extension| extension == "yaml") {
        return vec![documents(&text)];
    }
    let listings = text.split("```yaml\n").skip(1);
    listings
        .map(|rest| documents(rest.split("```").next().unwrap()))
        .collect()
}

/// Returns the object `demo` of a kind.
pub(crate) fn object(kind: &str, spec: Value) -> Value {
    let metadata = json!({"namespace": "default", "name": "demo"});
    json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// Returns the context of the Dataset and the runtime in `documents`, without images.
pub(crate) fn raw(description: &Description, documents: &[Value]) -> RawContext {
    let find = |kind: &str| documents.iter().find(|document| document["kind"] == kind).cloned();
    let [mut runtime, mut dataset] =
        [&description.kind, "Dataset"].map(|kind| find(kind).unwrap_or_else(|| panic!("the manifest has no {kind}")));
    for object in [&mut runtime, &mut dataset] {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.entry("namespace").or_insert("default".into());
        metadata.insert("uid".into(), UID.into());
    }
    let mut raw = raw_context(&runtime, Some(&dataset), &description.fuse.directory);
    raw.dataset_id = labels::dataset_id(&raw.namespace, &raw.name, UID);
    raw.fuse_label = labels::fuse_label(&raw.namespace, &raw.name, UID);
    let settings = find("Settings").unwrap_or_default();
    let settings = settings["data"].as_object().cloned().unwrap_or_default();
    raw.settings = settings
        .into_iter()
        .map(|(k, v)| (k, v.as_str().unwrap().to_string()))
        .collect();
    raw
}

/// Returns a host that has the objects of the manifest.
pub fn host(documents: &[Value]) -> FakeHost {
    let objects = documents.iter().filter(|document| document["kind"] != "Settings");
    objects.fold(FakeHost::new(), |host, object| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        host.with_object(text("/kind"), text("/metadata/name"), object.clone())
    })
}

/// Sets the fields of `over` in `base`.
pub fn merge(mut base: Value, over: Value) -> Value {
    for (key, value) in over.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}
