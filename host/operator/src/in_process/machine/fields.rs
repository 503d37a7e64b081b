//! Every field of an object that users write, set to other values and set back: what it leads to
//! must go as well.
//!
//! The values follow from the schema: those that are allowed, those at the bounds, and nothing.
//! `WASSER_FAULTS` chooses the fields: `all`, or a prefix of `fields/<resource>/<path>`.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Snapshot};

use super::scenario::{self, Scenario};
use super::world::World;
use super::{AT_ONCE, message, oracle};
use crate::in_process::scene::{OPERATOR, QUIET};

/// Changes that one scene sees, one after the other.
const EACH: usize = 8;
/// Changes in the sample.
const SAMPLE: usize = 16;
/// Requests that a change and its end may cost.
const REQUESTS: usize = 120;
/// Parts of a spec that have hundreds of fields of Kubernetes, which are passed on as they are.
const PASSED_ON: [&str; 3] = ["volumes", "volumeClaimTemplates", "volumeSource"];

/// Fields whose last value stays: the images of a runtime that names none are those that are
/// installed.
const KEPT: [&str; 4] = [
    "juicefsruntimes/juicefsVersion.image",
    "juicefsruntimes/juicefsVersion.imageTag",
    "juicefsruntimes/fuse.image",
    "juicefsruntimes/fuse.imageTag",
];

/// An object whose fields are set, and the scenario that it is in.
struct Subject {
    resource: &'static str,
    scenario: &'static Scenario,
    /// The objects of the user. This one is among them.
    objects: fn() -> Vec<Value>,
    index: usize,
}

static SUBJECTS: [Subject; 4] = [
    Subject {
        resource: "juicefsruntimes",
        scenario: &scenario::JUICEFS,
        objects: || scenario::juicefs_objects().into(),
        index: 1,
    },
    Subject {
        resource: "datasets",
        scenario: &scenario::JUICEFS,
        objects: || scenario::juicefs_objects().into(),
        index: 0,
    },
    Subject {
        resource: "thinruntimes",
        scenario: &scenario::THIN,
        objects: || scenario::thin_objects().into(),
        index: 1,
    },
    Subject {
        resource: "thinruntimeprofiles",
        scenario: &scenario::THIN,
        objects: || scenario::thin_objects().into(),
        index: 2,
    },
];

/// A field and another value for it.
#[derive(Clone)]
struct Change {
    subject: &'static Subject,
    path: Vec<String>,
    value: Value,
}

impl Change {
    fn field(&self) -> String {
        format!("{}/{}", self.subject.resource, self.path.join("."))
    }

    fn id(&self) -> String {
        format!("fields/{}", self.field())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_set_and_set_back_leaves_nothing() {
    let chosen = choose(changes());
    let of_one_subject = chosen.chunk_by(|one, next| std::ptr::eq(one.subject, next.subject));
    let parts: Vec<Vec<Change>> = of_one_subject
        .flat_map(|changes| changes.chunks(EACH))
        .map(<[Change]>::to_vec)
        .collect();
    let outcomes: Vec<Result<usize, String>> = futures::stream::iter(parts)
        .map(|part| async move { tokio::spawn(play(part)).await.map_err(message) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let refused: usize = outcomes.iter().flatten().sum();
    let failures: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err().cloned())
        .collect();
    let counts = json!({"runs": chosen.len(), "refused by the schema": refused, "failed": failures.len()});
    println!("{}", json!({"fields": counts}));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The changes that the environment chooses, else a sample that is the same each time.
fn choose(mut changes: Vec<Change>) -> Vec<Change> {
    match std::env::var("WASSER_FAULTS").unwrap_or_default().as_str() {
        "all" => {}
        prefix if prefix.is_empty() || prefix.starts_with("seed:") => {
            let step = changes.len().div_ceil(SAMPLE).max(1);
            changes = changes.into_iter().step_by(step).collect();
        }
        prefix => {
            changes.retain(|change| change.id().starts_with(prefix));
            let is_meant = prefix.starts_with("fields");
            assert!(!changes.is_empty() || !is_meant, "WASSER_FAULTS chooses no field");
        }
    }
    changes
}

/// All changes of the fields of all subjects.
fn changes() -> Vec<Change> {
    let server = ApiServer::new();
    server.install_crds();
    let mut all = Vec::new();
    for subject in &SUBJECTS {
        let name = format!("{}.data.fluid.io", subject.resource);
        let crd = server.object("CustomResourceDefinition", "", &name).unwrap();
        let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        walk(subject, crd.pointer(schema).unwrap(), &mut Vec::new(), &mut all);
    }
    all.retain(|change| !KEPT.contains(&change.field().as_str()));
    all
}

fn walk(subject: &'static Subject, schema: &Value, path: &mut Vec<String>, all: &mut Vec<Change>) {
    if path.last().is_some_and(|name| PASSED_ON.contains(&name.as_str())) {
        return;
    }
    if !path.is_empty() {
        let values = values(schema);
        all.extend(values.into_iter().map(|value| Change {
            subject,
            path: path.clone(),
            value,
        }));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        walk(subject, inner, path, all);
        path.pop();
    }
    if schema["items"]["properties"].is_object() {
        path.push("0".to_owned());
        walk(subject, &schema["items"], path, all);
        path.pop();
    }
}

/// The values that a field is set to; null stands for nothing.
fn values(schema: &Value) -> Vec<Value> {
    let allowed = schema["enum"].as_array().cloned().unwrap_or_default();
    let bound = |name: &str| schema[name].as_i64();
    let mut values = match schema["type"].as_str() {
        _ if !allowed.is_empty() => allowed,
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => {
            let bounds: BTreeSet<i64> = [bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(1)].into();
            bounds.into_iter().map(|number| json!(number)).collect()
        }
        Some("string") => vec![json!("a"), json!("")],
        Some("array") => vec![json!([])],
        _ if schema["additionalProperties"]["type"] == "string" => vec![json!({"a": "b"})],
        _ => vec![json!({})],
    };
    values.push(Value::Null);
    values
}

/// Makes changes of one subject, and takes each back. Returns how many the schema refuses.
async fn play(changes: Vec<Change>) -> usize {
    let Some(Change { subject, .. }) = changes.first() else {
        return 0;
    };
    let scene = (subject.scenario.scene)();
    let server = scene.server.clone();
    let _world = World::start(&server);
    let _operator = scene.start().await;
    let objects = (subject.objects)();
    objects.iter().for_each(|object| drop(server.apply(object).unwrap()));
    let original = &objects[subject.index];
    let before = Arc::new(oracle::undisturbed(&server, &subject.scenario.steps[0]).await);
    let mut refused = 0;
    for change in changes {
        let (mut other, mut spec) = (original.clone(), original["spec"].clone());
        set(&mut spec, &change.path, &change.value);
        other["spec"] = spec;
        server.take_requests();
        if server.apply(&other).is_err() {
            refused += 1;
            continue;
        }
        server.settled(QUIET).await;
        // Defaults of the schema would stay where an apply removes only what it had set.
        let (kind, namespace) = (text(original, "/kind"), text(original, "/metadata/namespace"));
        server.edit(kind, namespace, text(original, "/metadata/name"), |object| {
            object["spec"] = original["spec"].clone();
        });
        let expected = lasting(&before);
        let is_back = |server: &ApiServer| lasting(&oracle::look(server)) == expected;
        if !oracle::comes(&server, "a field set back", is_back).await {
            let differences = oracle::differences(&expected, &lasting(&oracle::look(&server)));
            panic!("WASSER_FAULTS={} ({}):\n{differences}", change.id(), change.value);
        }
        let requests = server.requests().of(OPERATOR).0.len();
        assert!(
            requests <= REQUESTS,
            "WASSER_FAULTS={} ({}): {requests} requests",
            change.id(),
            change.value
        );
    }
    refused
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Sets a field, with the objects and lists around it, or removes it.
fn set(object: &mut Value, path: &[String], value: &Value) {
    let Some((name, rest)) = path.split_first() else {
        *object = value.clone();
        return;
    };
    if name == "0" {
        if object.as_array().is_none_or(Vec::is_empty) {
            // What most lists of Kubernetes require of their items.
            *object = json!([{"name": "a", "mountPath": "/a", "containerPort": 1, "key": "a"}]);
        }
        return set(&mut object[0], rest, value);
    }
    if !object.is_object() {
        *object = json!({});
    }
    match (value, rest) {
        (Value::Null, []) => drop(object.as_object_mut().map(|fields| fields.remove(name))),
        _ => set(&mut object[name.as_str()], rest, value),
    }
}

fn is_of_a_user(name: &str) -> bool {
    SUBJECTS.iter().any(|subject| {
        let kind = (subject.objects)()[subject.index]["kind"].clone();
        kind.as_str().is_some_and(|kind| name.starts_with(&format!("{kind} ")))
    })
}

/// The objects without what says that there were changes: revisions, marks on pods that are to be
/// replaced, and conditions of what once happened.
fn lasting(all: &Snapshot) -> Snapshot {
    const MARKS: [&str; 2] = ["kubectl.kubernetes.io/restartedAt", "fuse.runtime.fluid.io/generation"];
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                MARKS.iter().for_each(|mark| drop(fields.remove(*mark)));
                fields.retain(|name, inner| {
                    clean(inner);
                    name != "annotations" || inner.as_object().is_none_or(|fields| !fields.is_empty())
                });
            }
            Value::Array(items) => {
                items.retain(|item| {
                    !item["type"]
                        .as_str()
                        .is_some_and(|text| text.starts_with("WorkersScaled"))
                });
                items.iter_mut().for_each(clean);
            }
            _ => {}
        }
    }
    let mut all = all
        .clone()
        .only(|name| !name.contains("sh.helm.release.v1.demo") && !name.ends_with("-values"));
    all.0.values_mut().for_each(clean);
    // Defaults of the schema stay where a part of the spec was removed.
    for (_, object) in all.0.iter_mut().filter(|(name, _)| is_of_a_user(name)) {
        object["spec"] = Value::Null;
    }
    all
}
