//! Which plugin serves which kind: that of the kind's CRD, under names that no other kind has.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::objects::resource;
use wasser_e2e::operator::install_crds;
use wasser_e2e::plugins::{JUICEFS, Verdict, message, plugin_yaml};
use wasser_e2e::{charts, manifests};

/// As long as the kind that it replaces in the component, so that nothing else moves.
const EVIL: &str = "EvilSysRuntime";
const EVIL_PLURAL: &str = "evilsysruntimes";

/// Makes the JuiceFS plugin one for another kind that describes itself with JuiceFS' names.
fn evil(map: &mut ConfigMap) {
    rename(map, JUICEFS, EVIL);
    *plugin_yaml(map) = plugin_yaml(map).replace(JUICEFS, EVIL);
}

/// Replaces a text in the component of a registration by one of the same length.
fn rename(map: &mut ConfigMap, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut component = map.binary_data.as_ref().unwrap()["juicefs.wasm"].0.clone();
    let places: Vec<usize> = (0..component.len() - from.len())
        .filter(|at| component[*at..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "the component has no {from}");
    for at in places {
        component[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    charts::replace_component(map, component);
}

fn crds(operator: &Operator) -> Api<DynamicObject> {
    Api::all_with(
        operator.client.clone(),
        &resource("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    )
}

/// Removes a CRD, and waits until it is gone.
async fn undefine(operator: &Operator, name: &str) {
    let api = crds(operator);
    api.delete(name, &DeleteParams::default()).await.unwrap();
    let gone = || async { api.get_opt(name).await.unwrap().is_none().then_some(()) };
    operator.eventually(&format!("the CRD {name} is gone"), gone).await;
}

/// Installs the CRD of the other kind.
async fn define_evil(operator: &Operator) -> String {
    let crd: Value = manifests::documents("crds/data.fluid.io_juicefsruntimes.yaml").remove(0);
    let mut crd: Value = serde_json::from_str(
        &crd.to_string()
            .replace("juicefsruntime", "evilsysruntime")
            .replace(JUICEFS, EVIL),
    )
    .unwrap();
    crd["spec"]["names"]["shortNames"] = json!([]);
    let name = format!("{EVIL_PLURAL}.data.fluid.io");
    let api = crds(operator);
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&crd))
        .await
        .unwrap();
    let established = || async {
        let conditions = api.get(&name).await.ok()?.data["status"]["conditions"]
            .as_array()?
            .clone();
        let is = |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
        conditions.iter().any(is).then_some(())
    };
    operator
        .eventually(&format!("the CRD {name} is established"), established)
        .await;
    name
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_plugin_takes_no_runtimes_of_another_kind_over() {
    let operator = Operator::start_serving("evil").await;
    operator.create("before").await;
    operator.bound("before").await;

    operator.register_map("evil", evil).await;
    let map = operator.verdict("evil", Verdict::Waiting).await;
    let said = message(&map);
    assert!(
        said.contains("the CRD juicefsruntimes.data.fluid.io belongs to JuiceFSRuntime, not to EvilSysRuntime"),
        "{said}"
    );
    operator.event("PluginWaitsForCRD", &map.uid().unwrap()).await;
    operator.verdict("juicefs", Verdict::Loaded).await;

    // The runtimes are JuiceFS' still, those that are there and new ones.
    operator.scale("before", 2).await;
    operator
        .status(JUICEFS, "before", &json!({"desiredWorkerNumberScheduled": 2}))
        .await;
    operator.apply(&manifests::dataset("after")).await;
    operator.apply(&manifests::runtime("after")).await;
    operator.bound("after").await;
    assert_eq!(operator.log_lines("belongs to the older"), 0);

    operator.maps.delete("evil", &DeleteParams::default()).await.unwrap();
    operator.delete_dataset("before").await;
    operator.delete_dataset("after").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_name_that_is_taken_is_given_when_it_is_free() {
    let mut operator = Operator::start_serving("name").await;
    let crd = define_evil(&operator).await;
    operator
        .register_map("evil", |map| {
            evil(map);
            rename(map, "juicefsruntimes", EVIL_PLURAL);
        })
        .await;
    let map = operator.verdict("evil", Verdict::Waiting).await;
    assert!(
        message(&map).contains(
            "`engine: juicefs` of the plugin's `describe` belongs to JuiceFSRuntime, which the \
                registration juicefs serves"
        ),
        "{}",
        message(&map)
    );
    operator.event("PluginNameTaken", &map.uid().unwrap()).await;
    assert!(operator.terminate().await.success());
    operator.restart().await;
    operator.metric(r#"wasser_cache_entries{name="plugins"} 1"#).await;
    operator.verdict("juicefs", Verdict::Loaded).await;

    operator.maps.delete("juicefs", &DeleteParams::default()).await.unwrap();
    operator.verdict("evil", Verdict::Loaded).await;
    // Now it is the other one that comes too late.
    operator.register("juicefs", |_| ()).await;
    operator.verdict("juicefs", Verdict::Waiting).await;
    operator.maps.delete("evil", &DeleteParams::default()).await.unwrap();
    operator.verdict("juicefs", Verdict::Loaded).await;
    undefine(&operator, &crd).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_plugin_serves_while_its_crd_is_there() {
    let mut operator = Operator::start_serving("crd").await;
    let crd = "juicefsruntimes.data.fluid.io";
    undefine(&operator, crd).await;
    let map = operator.verdict("juicefs", Verdict::Waiting).await;
    let said = message(&map);
    assert!(
        said.contains(crd) && said.contains("wasser plugin crd FILE | kubectl apply"),
        "{said}"
    );
    assert!(!map.annotations().contains_key("wasser.fluid.io/digest"));

    install_crds(&operator.client).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    operator.create("demo").await;
    operator.bound("demo").await;

    // After a start, nothing is said to be missing that is there.
    assert!(operator.terminate().await.success());
    operator.restart().await;
    operator.bound("demo").await;
    assert_eq!(operator.log_lines(&format!("{crd} does not exist")), 0);
    assert_eq!(operator.log_lines("serves JuiceFSRuntime"), 1);
    operator.delete_dataset("demo").await;
    operator.end().await;
}
