//! A Dataset and its runtime, from a manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use wasser_plugin::Plugin;

use crate::documents::objects;
use crate::scenario::{self, Scenario};

/// The UID of objects that no API server has seen.
pub const UID: &str = "00000000-0000-0000-0000-000000000000";

/// A Dataset and its runtime, with whatever else the manifest has.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The namespace of both.
    pub namespace: String,
    /// The name of both.
    pub name: String,
    /// The kind of the runtime.
    pub kind: String,
    /// The Dataset; `None` after it was deleted.
    pub dataset: Option<Value>,
    /// The runtime.
    pub runtime: Value,
    /// The other objects.
    pub others: Vec<Value>,
    /// What else the plugin finds.
    pub scenario: Scenario,
}

impl Pair {
    /// Reads the pair of this kind from a file, in its namespace or the one given.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Self::find`].
    pub fn read(file: &Path, kind: &str, namespace: &str) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let pair = objects(&text).and_then(|objects| Self::find(objects, kind, namespace));
        pair.with_context(|| file.display().to_string())
    }

    /// Finds the pair of this kind in a manifest, in its namespace or the one given.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(mut objects: Vec<Value>, kind: &str, namespace: &str) -> Result<Self> {
        let scenario = scenario::take(&mut objects)?;
        objects.iter_mut().for_each(drop_nulls);
        let (mut runtimes, rest): (Vec<Value>, Vec<Value>) =
            objects.into_iter().partition(|object| text(object, "/kind") == kind);
        let mut runtime = runtimes
            .pop()
            .ok_or_else(|| anyhow!("the manifest has no {kind}, which is what the plugin serves"))?;
        if !runtimes.is_empty() {
            bail!("the manifest has more than one {kind}; give one pair at a time");
        }
        let name = text(&runtime, "/metadata/name").to_owned();
        let namespace = Some(text(&runtime, "/metadata/namespace"))
            .filter(|name| !name.is_empty())
            .unwrap_or(namespace)
            .to_owned();
        let is_dataset = |object: &Value| text(object, "/kind") == "Dataset" && text(object, "/metadata/name") == name;
        let (mut datasets, others): (Vec<Value>, Vec<Value>) = rest.into_iter().partition(is_dataset);
        let mut dataset = datasets
            .pop()
            .ok_or_else(|| anyhow!("the manifest has no Dataset `{name}` for the {kind} of that name"))?;
        for object in [&mut dataset, &mut runtime] {
            place(object, &namespace);
        }
        // A Dataset need not have one, and plugins see it as the operator reads it.
        if let Some(dataset) = dataset.as_object_mut() {
            dataset.entry("spec").or_insert_with(|| json!({}));
        }
        Ok(Self {
            namespace,
            name,
            kind: kind.to_owned(),
            dataset: Some(dataset),
            runtime,
            others,
            scenario,
        })
    }

    /// Returns the objects of a manifest from which [`Self::find`] makes this pair again.
    ///
    /// # Errors
    /// The scenario cannot be written as JSON.
    pub fn documents(&self) -> Result<Vec<Value>> {
        let objects = self.dataset.iter().chain([&self.runtime]).chain(&self.others);
        let mut documents: Vec<Value> = objects.cloned().collect();
        if self.scenario != Scenario::default() {
            documents.push(self.scenario.document()?);
        }
        Ok(documents)
    }

    /// Returns the Secrets with which the volumes of the manifest are mounted.
    pub fn volume_secrets(&self) -> BTreeSet<String> {
        let names = self
            .others
            .iter()
            .map(|object| text(object, "/spec/csi/nodePublishSecretRef/name"));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Returns the other objects of the manifest that the runtime names.
    pub fn named(&self, plugin: &Plugin) -> Vec<Value> {
        let names = |object: &&Value| {
            plugin.grants.named_objects().any(|(kind, pointer)| {
                let name = self.runtime.pointer(pointer).and_then(Value::as_str);
                text(object, "/kind") == kind && name == Some(text(object, "/metadata/name"))
            })
        };
        self.others.iter().filter(names).cloned().collect()
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Gives an object what the API server would: a namespace and a UID.
fn place(object: &mut Value, namespace: &str) {
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), namespace.into());
        metadata.entry("uid").or_insert_with(|| UID.into());
    }
}

/// Drops fields without a value, as the API server does where a CRD does not allow null: manifests
/// that a person or a chart has written may have `fuse:` with nothing behind it.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str) -> Value {
        json!({"kind": kind, "metadata": {"name": name}})
    }

    #[test]
    fn a_pair_is_found_among_others() {
        let pair = Pair::find(
            vec![
                object("Secret", "s"),
                object("Dataset", "a"),
                object("DemoRuntime", "a"),
                object("Dataset", "b"),
            ],
            "DemoRuntime",
            "here",
        )
        .unwrap();
        assert_eq!(
            (pair.name.as_str(), pair.namespace.as_str(), pair.others.len()),
            ("a", "here", 2)
        );
        assert_eq!(text(&pair.runtime, "/metadata/namespace"), "here");
        assert_eq!(
            pair.dataset.as_ref().unwrap()["spec"],
            json!({}),
            "as the operator reads it"
        );
        let again = Pair::find(pair.documents().unwrap(), "DemoRuntime", "there").unwrap();
        assert_eq!((again.namespace.as_str(), again.others.len()), ("here", 2));
    }

    #[test]
    fn a_field_without_a_value_is_none() {
        let mut runtime = object("DemoRuntime", "a");
        runtime["spec"] = json!({"fuse": null, "levels": [{"path": null, "quota": "1Gi"}], "replicas": 0});
        let pair = Pair::find(vec![object("Dataset", "a"), runtime], "DemoRuntime", "here").unwrap();
        assert_eq!(
            pair.runtime["spec"],
            json!({"levels": [{"quota": "1Gi"}], "replicas": 0})
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |objects| Pair::find(objects, "DemoRuntime", "here").err().unwrap().to_string();
        assert!(refused(vec![object("Dataset", "a")]).contains("no DemoRuntime"));
        assert!(refused(vec![object("DemoRuntime", "a"), object("Dataset", "b")]).contains("no Dataset `a`"));
        assert!(refused(vec![object("DemoRuntime", "a"), object("DemoRuntime", "b")]).contains("more than one"));
    }
}
