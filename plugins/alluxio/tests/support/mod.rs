//! What the tests share: manifests as contexts, and the values of those.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use wasser_alluxio::Alluxio;
use wasser_api::labels;
use wasser_sdk::testing::{FakeHost, raw_context};
use wasser_sdk::{Context, Error, Implement, RawContext};

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Alluxio as Implement>::Spec;

/// The UID of Dataset and runtime.
pub const UID: &str = "0b6f5a7e-1d0c-4f3e-9a54-2f1f8c1d7e10";

/// The documents of a manifest.
pub fn documents(text: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}

/// The context of the Dataset and the runtime in `documents`, as the host makes it. A document of the kind `Settings` stands for the
/// settings of the registration.
pub fn raw(documents: &[Value]) -> RawContext {
    let find = |kind: &str| documents.iter().find(|document| document["kind"] == kind).cloned();
    let mut runtime = find("AlluxioRuntime").expect("an AlluxioRuntime");
    let mut dataset = find("Dataset").expect("a Dataset");
    for object in [&mut runtime, &mut dataset] {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.entry("namespace").or_insert("default".into());
        metadata.insert("uid".into(), UID.into());
    }
    let mut raw = raw_context(&runtime, Some(&dataset), "alluxio-fuse");
    raw.dataset_id = labels::dataset_id(&raw.namespace, &raw.name, UID);
    raw.fuse_label = labels::fuse_label(&raw.namespace, &raw.name, UID);
    let images = [
        ("runtime", "alluxio/alluxio:2.9.4"),
        ("fuse", "alluxio/alluxio:2.9.4"),
        ("init", "fluidcloudnative/init-users:v0.3.0-1467caa"),
    ];
    raw.images = images.map(|(name, image)| (name.to_string(), image.to_string())).to_vec();
    let settings = find("Settings").unwrap_or_default();
    let settings = settings["data"].as_object().cloned().unwrap_or_default();
    raw.settings = settings.into_iter().map(|(k, v)| (k, v.as_str().unwrap().to_string())).collect();
    raw
}

/// The same, read.
pub fn context(documents: &[Value]) -> Context<Spec> {
    Context::parse(raw(documents)).unwrap()
}

/// A host with ports, and the ConfigMaps of the manifest.
pub fn host(documents: &[Value], first_port: u16) -> FakeHost {
    let maps = documents.iter().filter(|document| document["kind"] == "ConfigMap");
    maps.fold(FakeHost::new().ports_from(first_port), |host, map| {
        host.with_object("ConfigMap", map["metadata"]["name"].as_str().unwrap(), map.clone())
    })
}

/// The values of a new release.
pub fn values(documents: &[Value]) -> Result<Value, Error> {
    let ctx = Context::parse(raw(documents))?;
    let host = host(documents, 21_000);
    Alluxio::validate(&ctx, &host)?;
    Alluxio::setup_master(&ctx, &host)
}

/// The values that `documents` ask of the release with the values `installed`.
pub fn synced(documents: &[Value], installed: &Value) -> Value {
    let mut raw = raw(documents);
    raw.installed = Some(installed.to_string());
    let ctx = Context::parse(raw).unwrap();
    Alluxio::sync_runtime(&ctx, &host(documents, 25_000))
        .unwrap()
        .expect("live changes")
}

/// A Dataset and a runtime with these specs.
pub fn pair(dataset: Value, runtime: Value) -> Vec<Value> {
    let metadata = json!({"namespace": "default", "name": "demo"});
    vec![
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": metadata, "spec": dataset}),
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "AlluxioRuntime", "metadata": metadata, "spec": runtime}),
    ]
}

/// The manifests, by name.
pub fn cases() -> Vec<(String, Vec<Value>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{paths:?}");
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let documents = documents(&fs::read_to_string(&path).unwrap());
        (name, documents)
    };
    paths.into_iter().map(read).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// YAML with sorted keys, whatever order the types write them in.
pub fn yaml(value: &impl serde::Serialize) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    yaml_serde::to_string(&sorted(serde_json::to_value(value).unwrap())).unwrap()
}

/// Compares with a golden file, or writes it.
pub fn expect(name: &str, kind: &str, text: &str) {
    let path = directory().join("golden").join(format!("{name}.{kind}.yaml"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    similar_asserts::assert_eq!(golden, text, "{}; set UPDATE=1 and test again if this is wanted", path.display());
}
