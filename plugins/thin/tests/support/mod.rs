//! What the tests share: manifests as contexts, and the values of those.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use wasser_api::labels;
use wasser_sdk::testing::{FakeHost, raw_context};
use wasser_sdk::{Context, Error, Implement, RawContext};
use wasser_thin::Thin;

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Thin as Implement>::Spec;

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
    let mut runtime = find("ThinRuntime").expect("a ThinRuntime");
    let mut dataset = find("Dataset").expect("a Dataset");
    for object in [&mut runtime, &mut dataset] {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.entry("namespace").or_insert("default".into());
        metadata.insert("uid".into(), UID.into());
    }
    let mut raw = raw_context(&runtime, Some(&dataset), "thin-fuse");
    let uid = dataset["metadata"]["uid"].as_str().unwrap();
    raw.dataset_id = labels::dataset_id(&raw.namespace, &raw.name, uid);
    raw.fuse_label = labels::fuse_label(&raw.namespace, &raw.name, uid);
    let settings = find("Settings").unwrap_or_default();
    let settings = settings["data"].as_object().cloned().unwrap_or_default();
    raw.settings = settings.into_iter().map(|(k, v)| (k, v.as_str().unwrap().to_string())).collect();
    raw
}

/// The same, read.
pub fn context(documents: &[Value]) -> Result<Context<Spec>, Error> {
    Context::parse(raw(documents))
}

/// The values of a new release.
pub fn values(documents: &[Value]) -> Result<Value, Error> {
    let ctx = context(documents)?;
    let host = host(documents);
    Thin::validate(&ctx, &host)?;
    let values = Thin::setup_master(&ctx, &host)?;
    Ok(serde_json::to_value(values).unwrap())
}

/// The values that `documents` ask of the release with the values `installed`, at the given time.
pub fn synced(documents: &[Value], installed: &Value, now_ms: u64) -> Result<Value, Error> {
    let mut raw = raw(documents);
    raw.installed = Some(installed.to_string());
    let host = host(documents).at(now_ms);
    let values = Thin::sync_runtime(&Context::parse(raw)?, &host)?;
    Ok(serde_json::to_value(values.expect("live changes")).unwrap())
}

/// The host that has the objects in `documents` besides Dataset and runtime.
pub fn host(documents: &[Value]) -> FakeHost {
    let others = documents.iter().filter(|document| document["kind"] != "Settings");
    others.fold(FakeHost::new(), |host, document| {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        host.with_object(text("/kind"), text("/metadata/name"), document.clone())
    })
}

/// A Dataset, a runtime and a profile with these fields over the least that works.
pub fn trio(dataset: Value, runtime: Value, profile: Value) -> Vec<Value> {
    let base = |mut spec: Value, over: Value| {
        merge(&mut spec, over);
        spec
    };
    let dataset = base(json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]}), dataset);
    let runtime = base(json!({"profileName": "s3"}), runtime);
    let profile = base(
        json!({"fileSystemType": "fuse.s3fs", "fuse": {"image": "example/s3fs", "imageTag": "1"}}),
        profile,
    );
    let metadata = json!({"namespace": "default", "name": "demo"});
    vec![
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": metadata, "spec": dataset}),
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntime", "metadata": metadata, "spec": runtime}),
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntimeProfile", "metadata": {"name": "s3"}, "spec": profile}),
    ]
}

fn merge(base: &mut Value, over: Value) {
    for (key, value) in over.as_object().unwrap() {
        base[key] = value.clone();
    }
}

/// The manifests, by name.
pub fn cases() -> Vec<(String, Vec<Value>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
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
