//! What a runtime and its Dataset asked for when a release that Fluid had installed was taken over.
//!
//! Such a release is kept until somebody asks for something else. Digests of what is asked for are
//! remembered with the record of the release, so that a change is also noticed that was made while
//! no operator ran. There are two, because some cache systems change their mounts without an
//! upgrade.

use std::fmt;

use serde_json::{Map, Value, json};
use wasser_api::dataset::{DatasetSpec, Mount};
use wasser_api::labels;
use wasser_plugin::Digest;

/// What of a runtime's spec is followed without an upgrade, in addition to the number of workers:
/// how the cache is emptied and its metadata read.
const FOLLOWED: &str = "/spec/management";
/// Annotations of a runtime that its chart follows.
const ANNOTATIONS: [&str; 2] = [labels::METADATA_LIST, labels::FUSE_HOST_PID];
/// Mounts that are volumes of the pods, and therefore part of their templates.
const VOLUMES: [&str; 2] = ["local://", "pvc://"];

/// What is asked for, as two digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Of all but the mounts.
    spec: String,
    /// Of the mounts.
    mounts: String,
}

/// How what is asked for now differs from what was asked for when a release was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is the same.
    Nothing,
    /// The mounts differ.
    Mounts,
    /// More than the mounts differs.
    Spec,
}

impl Asked {
    /// What these objects ask for. `workers` points to the number of workers in the runtime;
    /// `named` are the specs of cluster objects that the runtime names.
    pub fn of(runtime: &Value, dataset: &DatasetSpec, workers: Option<&str>, named: &[Value]) -> Self {
        let mut runtime = runtime.clone();
        for pointer in workers.into_iter().chain([FOLLOWED]) {
            remove(&mut runtime, pointer);
        }
        let annotations = ANNOTATIONS.map(|key| runtime["metadata"]["annotations"][key].clone());
        let volumes: Vec<&Mount> = dataset.mounts.iter().filter(|mount| is_volume(mount)).collect();
        let mut secrets: Vec<String> = dataset
            .mounts
            .iter()
            .filter(|mount| !mount.encrypt_options.is_empty())
            .map(|mount| json!(mount.encrypt_options).to_string())
            .collect();
        secrets.sort();
        let rest = DatasetSpec {
            mounts: Vec::new(),
            shared_options: Default::default(),
            ..dataset.clone()
        };
        Self {
            spec: digest(&json!([runtime["spec"], annotations, rest, volumes, secrets, named])),
            mounts: digest(&json!([dataset.mounts, dataset.shared_options])),
        }
    }

    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let (spec, mounts) = text.split_once('.')?;
        Some(Self {
            spec: spec.to_owned(),
            mounts: mounts.to_owned(),
        })
    }

    /// What of it is different `now`.
    pub fn difference(&self, now: &Self) -> Difference {
        match (self.spec == now.spec, self.mounts == now.mounts) {
            (true, true) => Difference::Nothing,
            (true, false) => Difference::Mounts,
            (false, _) => Difference::Spec,
        }
    }

    /// The same with the mounts of `now`, which were made.
    #[must_use]
    pub fn with_mounts(&self, now: &Self) -> Self {
        Self {
            spec: self.spec.clone(),
            mounts: now.mounts.clone(),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.spec, self.mounts)
    }
}

fn is_volume(mount: &Mount) -> bool {
    VOLUMES.iter().any(|scheme| mount.mount_point.starts_with(scheme))
}

fn remove(object: &mut Value, pointer: &str) {
    let parent = pointer
        .rsplit_once('/')
        .and_then(|(parent, field)| Some((object.pointer_mut(parent)?, field)));
    if let Some((Value::Object(parent), field)) = parent {
        parent.remove(field);
    }
}

fn digest(asked: &Value) -> String {
    let text = plain(asked).unwrap_or_default().to_string();
    Digest::of(text.as_bytes()).hex().chars().take(20).collect()
}

/// The same without what says nothing: Fluid's controllers add empty objects, definitions default
/// texts to empty ones, and another version of a definition does so for other fields.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields
                .iter()
                .filter_map(|(key, field)| Some((key.clone(), plain(field)?)))
                .collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            (!fields.is_empty()).then(|| Value::Object(Map::from_iter(fields)))
        }
        Value::Array(items) if items.is_empty() => None,
        // The place of an item in a list says something.
        Value::Array(items) => Some(items.iter().map(|item| plain(item).unwrap_or_default()).collect()),
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn asked(runtime: Value, dataset: Value, named: &[Value]) -> Asked {
        let dataset: DatasetSpec = serde_json::from_value(dataset).unwrap();
        Asked::of(&json!({"spec": runtime}), &dataset, Some("/spec/replicas"), named)
    }

    fn runtime() -> Value {
        json!({"replicas": 2, "fuse": {"options": {"a": "b"}}})
    }

    fn dataset() -> Value {
        json!({"mounts": [{"mountPoint": "s3://a", "name": "a", "options": {"x": "1"}}]})
    }

    #[rstest]
    #[case::the_same(runtime(), dataset(), Difference::Nothing)]
    #[case::workers(json!({"replicas": 5, "fuse": {"options": {"a": "b"}}}), dataset(), Difference::Nothing)]
    #[case::no_workers(json!({"fuse": {"options": {"a": "b"}}}), dataset(), Difference::Nothing)]
    #[case::what_says_nothing(
        json!({"worker": {"resources": {}}, "volumes": [], "version": {"image": ""}, "fuse": {"options": {"a": "b"}}}),
        dataset(),
        Difference::Nothing
    )]
    #[case::how_it_is_deleted(
        json!({"management": {"cleanCachePolicy": {"maxRetryAttempts": 1}}, "fuse": {"options": {"a": "b"}}}),
        dataset(),
        Difference::Nothing
    )]
    #[case::an_option(json!({"fuse": {"options": {"a": "c"}}}), dataset(), Difference::Spec)]
    #[case::a_flag(json!({"fuse": {"options": {"a": "b"}}, "master": {"disabled": false}}), dataset(), Difference::Spec)]
    #[case::an_option_of_a_mount(
        runtime(),
        json!({"mounts": [{"mountPoint": "s3://a", "name": "a", "options": {"x": "2"}}]}),
        Difference::Mounts
    )]
    #[case::shared_options(
        runtime(),
        json!({"mounts": dataset()["mounts"], "sharedOptions": {"y": "2"}}),
        Difference::Mounts
    )]
    #[case::a_mount(runtime(), json!({"mounts": [dataset()["mounts"][0], {"mountPoint": "s3://b"}]}), Difference::Mounts)]
    #[case::placement(runtime(), json!({"mounts": dataset()["mounts"], "placement": "Shared"}), Difference::Spec)]
    fn a_change_is_one_that_means_something(#[case] now: Value, #[case] in_dataset: Value, #[case] change: Difference) {
        let before = asked(runtime(), dataset(), &[]);
        assert_eq!(before.difference(&asked(now, in_dataset, &[])), change);
        assert_eq!(Asked::parse(&before.to_string()), Some(before));
    }

    #[test]
    fn volumes_and_secrets_of_mounts_are_in_the_templates_of_pods() {
        let secret = json!([{"name": "k", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
        let with = |more: Value| {
            let mount = json!({"mountPoint": "s3://b", "name": "b"});
            let mut mounts = vec![dataset()["mounts"][0].clone(), mount.clone()];
            let before = asked(runtime(), json!({"mounts": mounts}), &[]);
            for (field, value) in more.as_object().unwrap() {
                mounts[1][field] = value.clone();
            }
            before.difference(&asked(runtime(), json!({"mounts": mounts}), &[]))
        };
        assert_eq!(with(json!({"mountPoint": "pvc://claim"})), Difference::Spec);
        assert_eq!(with(json!({"encryptOptions": secret})), Difference::Spec);
        assert_eq!(with(json!({"mountPoint": "s3://c"})), Difference::Mounts);
    }

    #[test]
    fn a_profile_that_changes_is_asked_for_as_well() {
        let with = |profile: Value| asked(runtime(), dataset(), &[profile]);
        assert_eq!(
            with(json!({"image": "a"})).difference(&with(json!({"image": "b"}))),
            Difference::Spec
        );
        let now = asked(runtime(), json!({"mounts": [{"mountPoint": "s3://z"}]}), &[]);
        let before = asked(runtime(), dataset(), &[]);
        assert_eq!(before.with_mounts(&now).difference(&now), Difference::Nothing);
        assert_eq!(Asked::parse("x"), None);
    }
}
