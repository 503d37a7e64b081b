//! Contexts that are meant to work.

use serde_json::{Value, json};
use wasser_plugin::Plugin;

use super::case::Case;
use super::hostile::pods;
use super::schema;
use crate::manifest::Pair;

/// Mount points of which a plugin may like one.
const SOURCES: [&str; 6] = [
    "s3://bucket/data",
    "local:///mnt/data",
    "pvc://claim/data",
    "https://example.org/data",
    "oss://bucket/data",
    "hdfs://namenode:8020/data",
];

/// Returns the author's manifests, by the names of their files, and guesses.
pub fn sane(manifests: &[(String, Pair)], plugin: &Plugin, schema: &Value) -> Vec<Case> {
    let given = manifests.iter().map(|(name, pair)| Case {
        name: name.clone(),
        pair: pair.clone(),
        file: String::new(),
    });
    // Many systems call their own file system by their name.
    let own = format!("{}:///data", plugin.description.engine);
    let sources = SOURCES.iter().copied().chain([own.as_str()]);
    let guesses = sources.filter_map(|source| guess(plugin, schema, source));
    let numbered = given.chain(guesses).zip(1..).map(|(case, number)| Case {
        file: format!("manifest-{number}"),
        ..case
    });
    numbered.collect()
}

/// The smallest runtime that fits the schema, with a Dataset of one mount.
fn guess(plugin: &Plugin, schema: &Value, source: &str) -> Option<Case> {
    let spec = &schema["properties"]["spec"];
    let mut spec_value = schema::smallest(spec);
    if spec["properties"].get("replicas").is_some() {
        spec_value["replicas"] = json!(1);
    }
    let object = |kind: &str, spec: Value| {
        let metadata = json!({"name": "demo"});
        json!({"apiVersion": wasser_api::API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let objects = vec![
        object("Dataset", json!({"mounts": [{"mountPoint": source, "name": "data"}]})),
        object(&plugin.description.kind, spec_value),
    ];
    let mut pair = Pair::find(objects, &plugin.description.kind, "default").ok()?;
    pair.scenario.cluster.pods = pods(&plugin.description, &pair.name);
    Some(Case {
        name: format!("the smallest spec and a mount of {source}"),
        pair,
        file: String::new(),
    })
}
