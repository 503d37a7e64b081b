//! Manifests that cannot work: each is refused or held with words that name the field and the
//! remedy, costs nothing while it waits, and proceeds by itself once it is corrected.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::manifests::{SECRET, dataset, runtime, secret, with};
use wasser_e2e::objects::resource;
use wasser_e2e::operator::{install_crds, relax_crds};
use wasser_e2e::{Operator, environment};

const API: &str = "data.fluid.io/v1alpha1";
/// Reconciles of a pair that is held: a few for what the objects go through, and none afterwards.
const FEW: u64 = 12;

/// Applies a pair that cannot work, checks what the user reads, corrects it, and waits until it
/// is Bound.
async fn held_until_corrected(name: &str, bad: (Value, Value), says: &[&str]) {
    let operator = Operator::start_serving(name).await;
    operator.apply(&secret(1)).await;
    held(&operator, bad, says).await;
    operator.apply(&dataset("demo")).await;
    operator.apply(&runtime("demo")).await;
    proceeds(operator).await;
}

/// Applies a pair and checks that it is held with these words.
async fn held(operator: &Operator, bad: (Value, Value), says: &[&str]) {
    operator.apply(&bad.0).await;
    let uid = operator.apply(&bad.1).await.uid().unwrap();
    shown(operator, &uid, says).await;
    stands_still(operator).await;
}

/// The event on the runtime and the condition on the Dataset.
async fn shown(operator: &Operator, uid: &str, says: &[&str]) {
    let event = operator.event_saying("ErrorValidateSpecFields", uid, says[0]).await;
    for text in says {
        assert!(event.message.as_deref().unwrap().contains(text), "{event:?}");
    }
    operator.condition_saying("demo", "NotReady", says).await;
}

/// Nothing is tried again and again.
async fn stands_still(operator: &Operator) {
    let reconciles = operator
        .at_rest("the number of reconciles", |metrics| {
            metrics.reconciles("JuiceFSRuntime")
        })
        .await;
    assert!(reconciles <= FEW, "{reconciles} reconciles");
    let datasets = operator
        .at_rest("the number of reconciles", |metrics| metrics.reconciles("Dataset"))
        .await;
    assert!(datasets <= FEW, "{datasets} reconciles of the Dataset");
}

async fn proceeds(operator: Operator) {
    operator.bound("demo").await;
    let conditions = operator.datasets().get("demo").await.unwrap().data["status"]["conditions"].clone();
    let bad = |condition: &&Value| condition["type"] == "NotReady" && condition["status"] == "True";
    assert!(
        conditions.as_array().unwrap().iter().find(bad).is_none(),
        "still not ready: {conditions}"
    );
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_without_a_runtime_waits_for_one() {
    let operator = Operator::start_serving("no-runtime").await;
    operator.apply(&secret(1)).await;
    let uid = operator.apply(&dataset("demo")).await.uid().unwrap();
    operator.phase("demo", "NotBound").await;
    operator
        .event_saying("ErrorCreateDataset", &uid, "there is no runtime demo")
        .await;
    assert!(operator.condition("demo", "NotReady").await.contains("create one"));
    stands_still(&operator).await;
    operator.apply(&runtime("demo")).await;
    proceeds(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_without_a_dataset_waits_for_one() {
    let operator = Operator::start_serving("no-dataset").await;
    operator.apply(&secret(1)).await;
    let uid = operator.apply(&runtime("demo")).await.uid().unwrap();
    operator
        .event_saying("ErrorProcessRuntime", &uid, "No dataset can be bound")
        .await;
    stands_still(&operator).await;
    operator.apply(&dataset("demo")).await;
    proceeds(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_without_mounts_is_held() {
    let mut without = dataset("demo");
    without["spec"].as_object_mut().unwrap().remove("mounts");
    held_until_corrected(
        "no-mounts",
        (without, runtime("demo")),
        &["Dataset.spec.mounts", "add a mount"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_empty_list_of_mounts_is_refused() {
    let operator = Operator::start_serving("empty-mounts").await;
    let refused = operator
        .try_apply(&with(dataset("demo"), "/spec/mounts", json!([])))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("spec.mounts"), "{refused}");
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_unknown_option_is_held() {
    let bad = with(dataset("demo"), "/spec/mounts/0/options/no-such-option", json!("1"));
    held_until_corrected(
        "option",
        (bad, runtime("demo")),
        &["Dataset.spec.mounts[0].options", "no-such-option"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_unknown_option_of_the_workers_is_held() {
    let bad = with(runtime("demo"), "/spec/worker/options/no-such-option", json!("1"));
    held_until_corrected(
        "worker-option",
        (dataset("demo"), bad),
        &["JuiceFSRuntime.spec.worker.options", "no-such-option"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_quantity_that_is_none_is_refused() {
    let operator = Operator::start_serving("quantity").await;
    let bad = with(runtime("demo"), "/spec/tieredstore/levels/0/quota", json!("plenty"));
    let refused = operator.try_apply(&bad).await.unwrap_err().to_string();
    assert!(refused.contains("spec.tieredstore.levels[0].quota"), "{refused}");
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_quota_of_the_file_system_that_is_no_quantity_is_held() {
    let bad = with(
        with(dataset("demo"), "/spec/mounts/0/mountPoint", json!("juicefs:///part")),
        "/spec/mounts/0/options/quota",
        json!("plenty"),
    );
    held_until_corrected(
        "fs-quota",
        (bad, runtime("demo")),
        &["Dataset.spec.mounts[0].options", "plenty", "10Gi"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn fewer_quotas_than_paths_are_held() {
    let level =
        json!([{"mediumtype": "SSD", "path": "/var/cache/a:/var/cache/b:/var/cache/c", "quotaList": "1Gi,2Gi"}]);
    let bad = with(runtime("demo"), "/spec/tieredstore/levels", level);
    held_until_corrected(
        "quotas",
        (dataset("demo"), bad),
        &["JuiceFSRuntime.spec.tieredstore.levels[0].quotaList"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_mount_of_a_volume_that_is_not_there_is_held() {
    let bad = with(
        runtime("demo"),
        "/spec/worker/volumeMounts",
        json!([{"name": "nowhere", "mountPath": "/data"}]),
    );
    held_until_corrected(
        "volume",
        (dataset("demo"), bad),
        &["JuiceFSRuntime.spec.worker.volumeMounts[0]", "nowhere", "spec.volumes"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_missing_secret_is_waited_for() {
    let operator = Operator::start_serving("no-secret").await;
    operator.apply(&dataset("demo")).await;
    let uid = operator.apply(&runtime("demo")).await.uid().unwrap();
    operator.event_saying("ErrorProcessRuntime", &uid, SECRET).await;
    let says = ["Dataset.spec.mounts[].encryptOptions[metaurl]", SECRET, "create it"];
    operator.condition_saying("demo", "NotReady", &says).await;
    stands_still(&operator).await;
    operator.apply(&secret(1)).await;
    proceeds(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_missing_key_of_a_secret_is_waited_for() {
    let operator = Operator::start_serving("no-key").await;
    let other =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": {"other": "x"}});
    operator.apply(&other).await;
    operator.apply(&dataset("demo")).await;
    let uid = operator.apply(&runtime("demo")).await.uid().unwrap();
    operator
        .event_saying("ErrorProcessRuntime", &uid, "no key \"metaurl\"")
        .await;
    operator
        .condition_saying("demo", "NotReady", &["no key \"metaurl\""])
        .await;
    stands_still(&operator).await;
    operator.apply(&secret(1)).await;
    proceeds(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn of_two_kinds_of_runtime_a_dataset_takes_one() {
    let operator = Operator::start_serving("two-kinds").await;
    operator.apply(&secret(1)).await;
    operator.apply(&dataset("demo")).await;
    operator.phase("demo", "NotBound").await;
    // A runtime of another kind, served by another operator, and what that writes when it has got
    // the Dataset.
    let metadata = json!({"name": "demo"});
    let runtime_of_others = json!({"apiVersion": API, "kind": "AlluxioRuntime", "metadata": metadata});
    operator.apply(&runtime_of_others).await;
    let other = json!([{"name": "demo", "namespace": operator.namespace, "category": "Accelerate", "type": "alluxio"}]);
    let taken = |runtimes: Value| json!({"status": {"runtimes": runtimes}});
    operator
        .datasets()
        .patch_status("demo", &PatchParams::default(), &Patch::Merge(&taken(other)))
        .await
        .unwrap();
    let uid = operator.apply(&runtime("demo")).await.uid().unwrap();
    shown(
        &operator,
        &uid,
        &[
            "JuiceFSRuntime.metadata.name",
            "belongs to the alluxio runtime",
            "delete one of the two",
        ],
    )
    .await;
    stands_still(&operator).await;
    let others = operator.api_of(API, "AlluxioRuntime");
    others.delete("demo", &DeleteParams::default()).await.unwrap();
    operator
        .datasets()
        .patch_status("demo", &PatchParams::default(), &Patch::Merge(&taken(json!([]))))
        .await
        .unwrap();
    proceeds(operator).await;
}

/// A name that cannot be used cannot be corrected either: another pair takes its place.
/// The definitions refuse most of such names, but objects may be older than they are.
async fn a_bad_name(test: &str, name: &str) {
    let operator = Operator::start_serving(test).await;
    operator.apply(&secret(1)).await;
    let created = operator.apply_without_rules(&[dataset(name), runtime(name)]).await;
    let [of_dataset, of_runtime] = [0, 1].map(|at: usize| created[at].uid().unwrap());
    let shown = operator.event_saying("ErrorCreateDataset", &of_dataset, name).await;
    assert!(
        shown.message.as_deref().unwrap().contains("under another name"),
        "{shown:?}"
    );
    operator
        .event_saying("ErrorValidateSpecFields", &of_runtime, "JuiceFSRuntime.metadata.name")
        .await;
    assert!(operator.condition(name, "NotReady").await.contains("63 characters"));
    stands_still(&operator).await;
    operator.delete(API, "JuiceFSRuntime", name).await;
    operator.delete_dataset(name).await;
    operator.create("demo").await;
    proceeds(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_name_over_63_characters_is_held() {
    a_bad_name("long", &"a".repeat(64)).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_name_that_is_no_dns_label_is_held() {
    a_bad_name("label", "1demo").await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn one_bad_pair_does_not_hold_up_another() {
    let operator = Operator::start_serving("other").await;
    operator.apply(&secret(1)).await;
    let bad = with(dataset("demo"), "/spec/mounts/0/options/no-such-option", json!("1"));
    held(&operator, (bad, runtime("demo")), &["no-such-option"]).await;
    operator.apply(&dataset("good")).await;
    operator.apply(&runtime("good")).await;
    operator.bound("good").await;
    operator.delete_dataset("demo").await;
    operator.delete_dataset("good").await;
    operator.end().await;
}

/// The chart's policy, as its golden file has it, but for one namespace, with which it goes.
async fn install_policy(operator: &Operator) {
    let rendered = environment::root().join("host/chart/tests/installer/expected/defaults.yaml");
    let rendered = std::fs::read_to_string(rendered).unwrap();
    let namespace = Api::<Namespace>::all(operator.client.clone())
        .get(&operator.namespace)
        .await
        .unwrap();
    let owner =
        json!([{"apiVersion": "v1", "kind": "Namespace", "name": operator.namespace, "uid": namespace.metadata.uid}]);
    let objects = rendered
        .split("\n---\n")
        .filter(|text| text.contains("# Source: wasser/templates/policy.yaml"));
    let mut installed = 0;
    for text in objects {
        let mut object: Value = yaml_serde::from_str(text).unwrap();
        object["metadata"] = json!({"name": operator.namespace, "ownerReferences": owner});
        let kind = object["kind"].as_str().unwrap().to_owned();
        if kind == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["policyName"] = json!(operator.namespace);
            let labels = json!({"kubernetes.io/metadata.name": operator.namespace});
            object["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": labels}});
        }
        let resource = resource("admissionregistration.k8s.io/v1", &kind);
        let api = Api::<DynamicObject>::all_with(operator.client.clone(), &resource);
        let parameters = PatchParams::apply("test").force();
        api.patch(&operator.namespace, &parameters, &Patch::Apply(&object))
            .await
            .unwrap();
        installed += 1;
    }
    assert_eq!(installed, 2, "{rendered}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_charts_policy_refuses_names_that_cannot_work() {
    let operator = Operator::start_serving("policy").await;
    let long = "a".repeat(64);
    // The CRDs of the built-in kinds have such rules of their own; those of other kinds need not.
    relax_crds(&operator.client).await;
    // What was there before goes on, and can be deleted.
    let accepted = || async { operator.try_apply(&dataset("9-lives")).await.ok() };
    operator
        .eventually("the API server knows the CRDs without rules", accepted)
        .await;
    install_policy(&operator).await;
    let long: DynamicObject = serde_json::from_value(with(dataset("demo"), "/metadata/name", json!(long))).unwrap();
    // Not stored, for what is there may be changed.
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let datasets = operator.datasets();
    let refused = || async { datasets.create(&parameters, &long).await.err() };
    let refused = operator
        .eventually("the API server knows the policy", refused)
        .await
        .to_string();
    assert!(
        refused.contains("metadata.name") && refused.contains("at most 63"),
        "{refused}"
    );
    for name in ["9-lives-more", "a.b"] {
        for object in [dataset(name), runtime(name)] {
            let refused = operator.try_apply(&object).await.unwrap_err().to_string();
            assert!(refused.contains("choose another"), "{refused}");
        }
    }
    operator.delete(API, "Dataset", "9-lives").await;
    install_crds(&operator.client).await;
    operator.create(&"a".repeat(40)).await;
    operator.bound(&"a".repeat(40)).await;
    operator.delete_dataset(&"a".repeat(40)).await;
    operator.end().await;
}
