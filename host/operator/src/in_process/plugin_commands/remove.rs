//! Removing plugins, and what must be gone before.

use rstest::rstest;
use serde_json::json;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Verb};

use super::{Counter, USER};
use crate::cli::plugin::installed::error::ChangeError;
use crate::cli::plugin::installed::remove::remove;
use crate::in_process::scene::{OPERATOR, crd};

/// The definition of the kind.
const CRD: &str = "demoruntimes.data.fluid.io";

async fn removed(counter: &Counter, with_crds: bool) -> Result<(), ChangeError> {
    remove(&counter.desk, &counter.name, with_crds, &mut counter.screen()).await
}

fn runtime(counter: &Counter, name: &str) {
    counter.scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DemoRuntime",
        "metadata": {"name": name, "namespace": "default"}, "spec": {},
    }));
}

#[tokio::test]
async fn a_plugin_with_runtimes_stays_and_names_them() {
    let (mut counter, _operator) = Counter::open().await;
    counter.desk.repeated = " --context staging".to_owned();
    counter.installed().await;
    let names: Vec<String> = (0..6).map(|at| format!("r{at}")).collect();
    names.iter().for_each(|name| runtime(&counter, name));
    let refused = removed(&counter, true).await.unwrap_err().to_string();
    assert!(
        refused.contains(
            "serves 6 DemoRuntimes, which nobody would look after: default/r0, default/r1, default/r2, default/r3, \
             default/r4, …; delete them first, with their Datasets: kubectl delete demoruntimes.data.fluid.io -n \
             NAMESPACE NAME --context staging"
        ),
        "{refused}"
    );
    counter.map();

    for name in &names {
        counter.scene.server.delete("DemoRuntime", "default", name);
    }
    let gone = |server: &ApiServer| server.objects("DemoRuntime", "default").is_empty().then_some(());
    counter.scene.server.until("the runtimes to be gone", gone).await;
    removed(&counter, true).await.unwrap();
    assert!(
        counter
            .scene
            .server
            .object("ConfigMap", OPERATOR, &counter.name)
            .is_none()
    );
    assert!(
        counter
            .scene
            .server
            .object("CustomResourceDefinition", "", CRD)
            .is_none()
    );
    let said = counter.out.text();
    assert!(said.contains(&format!("the CRD {CRD} is deleted")), "{said}");
    let missing = removed(&counter, false).await.unwrap_err().to_string();
    assert!(
        missing.contains("no plugin") && missing.contains("there is none"),
        "{missing}"
    );
}

#[rstest]
#[case("DemoRuntime", "OtherRuntime")]
#[case("OtherRuntime", "DemoRuntime")]
#[tokio::test]
async fn runtimes_of_the_kind_that_is_written_and_of_the_one_that_is_served_count(
    #[case] written: &str,
    #[case] served: &str,
) {
    let counter = Counter::closed().await;
    counter.scene.server.create(&crd());
    runtime(&counter, "r0");
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": format!("runtime: {written}\n")},
        "metadata": {
            "name": counter.name, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"},
            "annotations": {"wasser.fluid.io/kind": served, "wasser.fluid.io/verdict": "last-good"},
        },
    }));
    let refused = removed(&counter, false).await.unwrap_err().to_string();
    assert!(refused.contains("serves 1 DemoRuntimes"), "{refused}");
    counter.map();
    // Who only claims the kind looks after none of them.
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: DemoRuntime\n"},
        "metadata": {
            "name": "claims", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"},
            "annotations": {"wasser.fluid.io/kind": "ThirdRuntime", "wasser.fluid.io/verdict": "last-good"},
        },
    }));
    let refused = removed(&counter, false).await.unwrap_err();
    assert!(matches!(refused, ChangeError::RuntimesAlive { .. }), "{refused}");
}

/// Checks that the CRD is there, and that the user was told why.
fn crd_stays(counter: &Counter, why: &str) {
    let said = counter.out.text();
    assert!(said.contains(&format!("the CRD {CRD} stays: {why}")), "{said}");
    let crd = counter.scene.server.object("CustomResourceDefinition", "", CRD);
    assert!(crd.is_some());
}

#[tokio::test]
async fn a_crd_stays_unless_it_is_to_go_and_was_made_here() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    removed(&counter, false).await.unwrap();
    crd_stays(&counter, "--crd deletes it");

    let (counter, _operator) = Counter::open().await;
    counter.scene.server.create(&crd());
    counter.installed().await;
    removed(&counter, true).await.unwrap();
    crd_stays(&counter, "it was made by somebody else");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_stays() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    counter.scene.server.edit("ConfigMap", OPERATOR, &counter.name, |map| {
        map["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "argocd".into();
    });
    let refused = removed(&counter, false).await.unwrap_err().to_string();
    assert!(
        refused.contains("belongs to argocd, so it is left as it is"),
        "{refused}"
    );
    counter.map();
}

#[tokio::test]
async fn a_registration_that_does_not_serve_goes_although_its_kind_has_runtimes() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    runtime(&counter, "r0");
    let second = format!("{}-second", counter.name);
    let data = counter.map()["data"].clone();
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": second, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let refused = remove(&counter.desk, &second, true, &mut counter.screen())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains(&format!("DemoRuntime belongs to the registration {}", counter.name)),
        "{refused}"
    );
    remove(&counter.desk, &second, false, &mut counter.screen())
        .await
        .unwrap();
    assert!(counter.scene.server.object("ConfigMap", OPERATOR, &second).is_none());
    counter.map();
}

#[rstest]
#[case::at_the_crd("customresourcedefinitions")]
#[case::after_the_crd("configmaps")]
#[tokio::test]
async fn a_removal_that_stops_halfway_is_given_again(#[case] resource: &str) {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    let deletes = Fault::any().of(USER).verb(Verb::Delete).resource(resource);
    let forbidden = Failure::new(403, "Forbidden", "no role says so");
    let armed = counter.scene.server.arm(deletes, Effect::Answer(forbidden));
    let refused = removed(&counter, true).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("may not delete {resource}")), "{refused}");
    counter.map();
    drop(armed);
    removed(&counter, true).await.unwrap();
    let server = &counter.scene.server;
    assert!(server.object("ConfigMap", OPERATOR, &counter.name).is_none());
    assert!(server.object("CustomResourceDefinition", "", CRD).is_none());
    let said = counter.out.text();
    assert!(!said.contains("stays"), "{said}");
}

/// Has somebody hold the CRD.
fn hold(counter: &Counter) {
    counter.scene.server.edit("CustomResourceDefinition", "", CRD, |crd| {
        crd["metadata"]["finalizers"] = json!(["example.org/hold"]);
    });
}

/// Lets go of the CRD once it is being deleted.
async fn let_go(counter: &Counter) {
    let is_deleted = |server: &ApiServer| {
        let crd = server.object("CustomResourceDefinition", "", CRD)?;
        crd["metadata"]["deletionTimestamp"].is_string().then_some(())
    };
    counter.scene.server.until("the CRD to be deleted", is_deleted).await;
    counter.scene.server.edit("CustomResourceDefinition", "", CRD, |crd| {
        crd["metadata"].as_object_mut().unwrap().remove("finalizers");
    });
}

#[tokio::test]
async fn a_crd_that_is_deleted_is_gone_before_the_next_one_comes() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    hold(&counter);
    let (end, ()) = tokio::join!(removed(&counter, true), let_go(&counter));
    end.unwrap();
    let live = || counter.scene.server.object("CustomResourceDefinition", "", CRD);
    assert!(live().is_none(), "the command has waited");

    // Whoever installs it while somebody else deletes the CRD has one in the end.
    counter.installed().await;
    removed(&counter, false).await.unwrap();
    hold(&counter);
    let before = live().unwrap()["metadata"]["uid"].clone();
    counter.scene.server.delete("CustomResourceDefinition", "", CRD);
    let (_offer, ()) = tokio::join!(counter.installed(), let_go(&counter));
    let now = live().unwrap();
    assert!(
        now["metadata"]["deletionTimestamp"].is_null() && now["metadata"]["uid"] != before,
        "{now}"
    );
}

#[rstest]
#[case::known(Some("runtime: DemoRuntime\n"), "serves 1 DemoRuntimes")]
#[case::unknown(None, "does not say which kind it serves")]
#[tokio::test]
async fn a_registration_that_cannot_be_read_is_not_taken_for_one_without_runtimes(
    #[case] earlier: Option<&str>,
    #[case] says: &str,
) {
    let counter = Counter::closed().await;
    counter.scene.server.create(&crd());
    runtime(&counter, "r0");
    let revision =
        |number: u32, plugin: &str| json!({"revision": number, "version": "", "reference": "", "plugin": plugin});
    let history: Vec<_> = earlier.iter().map(|plugin| revision(1, plugin)).collect();
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: [\n"},
        "metadata": {
            "name": counter.name, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"},
            "annotations": {
                "wasser.fluid.io/verdict": "refused", "wasser.fluid.io/history": json!(history).to_string(),
            },
        },
    }));
    let refused = removed(&counter, false).await.unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
    counter.map();
}
