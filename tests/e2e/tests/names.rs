//! Names that cannot work are refused when an object is created, by the API server itself, with
//! what its kind allows. What has such a name already is changed and deleted as anything else:
//! Fluid accepted them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use wasser_e2e::{Operator, User};

const API: &str = "data.fluid.io/v1alpha1";

/// An object of this kind and name.
fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Kinds and specs, with what their names may have.
fn limits() -> Vec<(&'static str, Value, usize)> {
    let mounts = |point: &str| json!({"mounts": [{"mountPoint": point, "name": "data"}]});
    vec![
        ("Dataset", mounts("s3://bucket"), 53),
        ("Dataset", mounts("dataset://other/data"), 63),
        ("JuiceFSRuntime", json!({"replicas": 1}), 45),
        ("AlluxioRuntime", json!({"replicas": 1}), 45),
        ("JindoRuntime", json!({"replicas": 1}), 37),
        ("ThinRuntime", json!({"profileName": "s3fs"}), 53),
        (
            "ThinRuntime",
            json!({"profileName": "s3fs", "worker": {"enabled": true}}),
            45,
        ),
        ("ThinRuntime", json!({}), 63),
    ]
}

/// The least that a status of this kind has.
fn status(kind: &str) -> Value {
    if kind == "Dataset" {
        return json!({"conditions": [], "phase": "NotBound"});
    }
    let mut status = json!({"valueFile": "", "masterPhase": "", "workerPhase": "", "fusePhase": ""});
    for role in ["Master", "Worker", "Fuse"] {
        for number in ["current", "desired"] {
            status[format!("{number}{role}NumberScheduled")] = 0.into();
        }
        status[format!("{}NumberReady", role.to_lowercase())] = 0.into();
    }
    status
}

/// What the API server says to a new object, which it does not keep.
async fn tried(user: &User, object: &Value) -> Result<(), String> {
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let api = user.api(API, object["kind"].as_str().unwrap());
    let created = api
        .create(&parameters, &serde_json::from_value(object.clone()).unwrap())
        .await;
    created.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn names_that_cannot_work_are_refused_with_what_would() {
    let operator = Operator::start("names").await;
    for (kind, spec, longest) in limits() {
        let fits = "a".repeat(longest);
        assert_eq!(
            tried(&operator, &object(kind, &fits, &spec)).await,
            Ok(()),
            "{kind} {longest}"
        );
        // Two more are refused as surely as one: whether a pod gets a label of 63 characters is a
        // lottery.
        for more in ["b", "bb"] {
            let refused = tried(&operator, &object(kind, &format!("{fits}{more}"), &spec))
                .await
                .unwrap_err();
            let limit = format!("{longest}");
            assert!(
                refused.contains("metadata.name: is longer than") && refused.contains(&limit),
                "{kind}: {refused}"
            );
        }
        for name in ["9-lives", "a.b"] {
            let refused = tried(&operator, &object(kind, name, &spec)).await.unwrap_err();
            assert!(
                refused.contains("metadata.name: is not a name that Services can have"),
                "{kind}: {refused}"
            );
        }
    }
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_has_such_a_name_already_is_changed_and_deleted() {
    let operator = Operator::start("old-names").await;
    let long = "a".repeat(80);
    let all: Vec<Value> = limits()
        .into_iter()
        .enumerate()
        .flat_map(|(at, (kind, spec, _))| {
            [format!("9-{at}"), format!("{long}-{at}")].map(|name| object(kind, &name, &spec))
        })
        .collect();
    operator.apply_without_rules(&all).await;
    for object in &all {
        let (kind, name) = (
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap(),
        );
        let another = wasser_e2e::manifests::with(object.clone(), "/metadata/name", json!(format!("{name}-more")));
        let refused = || async { tried(&operator, &another).await.err() };
        operator
            .eventually("the API server knows the rules again", refused)
            .await;
        let api = operator.api(API, kind);
        let merge = |patch: Value| {
            let api = api.clone();
            async move {
                api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .unwrap()
            }
        };
        // As kubectl annotates and applies, as controllers write statuses, and as finalizers come
        // and go.
        merge(json!({"metadata": {"annotations": {"touched": "yes"}}})).await;
        operator.apply(object).await;
        let spec = if kind == "Dataset" {
            json!({"placement": "Shared"})
        } else {
            json!({"volumes": []})
        };
        merge(json!({"spec": spec})).await;
        let status = Patch::Merge(json!({"status": status(kind)}));
        api.patch_status(name, &PatchParams::default(), &status).await.unwrap();
        merge(json!({"metadata": {"finalizers": ["test.example.com/held"]}})).await;
        operator.delete(API, kind, name).await;
        merge(json!({"metadata": {"finalizers": null}})).await;
        operator.gone(API, kind, name).await;
    }
    operator.end().await;
}
