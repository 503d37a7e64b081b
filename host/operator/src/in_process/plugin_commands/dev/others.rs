//! What others have: registrations, kinds, grants and registries that a build does not take.

use std::sync::Arc;

use parking_lot::Mutex;
use rstest::rstest;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wasser_oci::Credentials;
use wasser_pack::oci::artifact::{Artifact, Parts};
use wasser_plugin::Digest;

use super::{Files, Project, build};
use crate::cli::plugin::dev::session::{Push, Session};
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::verdict::Ending;
use crate::in_process::common::Guest;
use crate::in_process::plugin_commands::{Counter, WANTS, answering, terms, way};
use crate::in_process::scene::{OPERATOR, crd, registration};

/// What the next build asks for.
const MORE: [(&str, &[&str]); 3] = [("exec", &["worker"]), ("kinds", &["StatefulSet"]), ("state", &[])];

#[rstest]
#[case(json!({}), "", "registers no plugin, so it is left as it is")]
#[case(json!({"labels": {"wasser.fluid.io/plugin": "true", "app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "wasser"}}), "", "belongs to the Helm release wasser")]
#[case(json!({"labels": {"wasser.fluid.io/plugin": "true"}}), "runtime: OtherRuntime\n",
    "serves OtherRuntime, and the artifact DemoRuntime; install that under another name: wasser plugin dev my-demo --name NAME")]
#[tokio::test]
async fn what_belongs_to_somebody_else_is_left_alone(
    #[case] metadata: Value,
    #[case] plugin: &str,
    #[case] says: &str,
) {
    let counter = Counter::closed().await;
    let mut metadata = metadata;
    (metadata["name"], metadata["namespace"]) = (json!(counter.name), json!(OPERATOR));
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"plugin.yaml": plugin},
    }));
    let before = counter.scene.server.snapshot();
    let project = Project::of(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    let (_files, changes) = Files::new();
    // No change of a file helps with that, so none is awaited.
    let refused = session.run(changes, CancellationToken::new()).await.unwrap_err();
    assert!(refused.to_string().contains(says), "{refused}");
    assert!(before.differences(&counter.scene.server.snapshot()).is_empty());
}

#[tokio::test]
async fn a_kind_that_is_taken_is_left_to_whoever_has_it() {
    let counter = Counter::closed().await;
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: DemoRuntime\n"},
        "metadata": {"name": "first", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let project = Project::of(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    let refused = session.once().await.unwrap_err().to_string();
    assert!(refused.contains("belongs to the registration first"), "{refused}");
}

#[tokio::test]
async fn grants_that_a_later_build_asks_for_in_addition_need_consent() {
    let (counter, _operator) = Counter::open().await;
    let project = Project::of(build("1.0.0", &WANTS));
    let before = counter.scene.server.snapshot();
    let mut nobody = counter.session(&project, terms(&[]), Consent::Absent);
    let refused = nobody.once().await.unwrap_err().to_string();
    assert!(refused.contains("give `--yes`"), "{refused}");
    assert!(before.differences(&counter.scene.server.snapshot()).is_empty());

    let mut session = counter.session(&project, terms(&WANTS), Consent::Absent);
    session.once().await.unwrap();
    project.becomes(build("1.0.1", &MORE));
    let before = counter.map();
    let refused = session.once().await.unwrap_err().to_string();
    assert!(refused.contains("beyond what it may do now (state)"), "{refused}");
    assert_eq!(counter.map(), before);
    let shown = counter.out.text();
    assert!(
        shown.ends_with("asks for              state: keeps a few KiB for each runtime\n"),
        "{shown}"
    );

    // What was named for the first build is not asked for by all later ones.
    project.becomes(build("1.0.2", &[("kinds", &["StatefulSet"])]));
    session.once().await.unwrap();
    assert_eq!(counter.plugin_yaml()["grants"], json!({"kinds": ["StatefulSet"]}));

    project.becomes(build("1.0.3", &MORE));
    let mut asked = counter.session(&project, terms(&[]), answering("y"));
    asked.once().await.unwrap();
    assert_eq!(counter.plugin_yaml()["grants"]["state"], true);
}

#[tokio::test]
async fn what_was_installed_is_replaced_with_consent_and_can_be_gone_back_to() {
    let (counter, _operator) = Counter::open().await;
    let installed = counter.installed().await;
    let project = Project::of(build("1.1.0", &WANTS));
    let before = counter.map();
    let mut nobody = counter.session(&project, terms(&[]), Consent::Absent);
    let refused = nobody.once().await.unwrap_err().to_string();
    assert!(refused.contains("in the place of"), "{refused}");
    assert_eq!(counter.map(), before);

    let (files, changes) = Files::new();
    let stop = CancellationToken::new();
    let mut session = counter.session(&project, terms(&[]), answering("yes"));
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { session.run(changes, stop).await }
    });
    counter.out.until(" changed: serves DemoRuntime").await;
    project.becomes(build("1.1.1", &WANTS));
    counter.out.until("is watched").await;
    files.save("next");
    counter
        .scene
        .server
        .until("the next build", |_| {
            let versions: Vec<Value> = counter.history().iter().map(|one| one["version"].clone()).collect();
            (versions == ["1.0.0", "1.1.1"]).then_some(())
        })
        .await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let back = format!("wasser plugin rollback {} --to 1 -n {OPERATOR}\n", counter.name);
    let shown = counter.out.text();
    assert!(shown.ends_with(&back), "{shown}");

    let ending = counter.rollback(Some(1)).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    assert_eq!(counter.served(), installed.digest.to_string());
}

/// Registers a plugin by hand whose component is in the ConfigMap under this key. Returns its digest.
fn by_hand(counter: &Counter, key: &str) -> String {
    let artifact = build("0.9.0", &WANTS).artifact();
    let grants = "exec: [worker], kinds: [StatefulSet]";
    let map = registration(artifact.component(), artifact.chart(), grants, "{}");
    let text = map.to_string().replace("demo.wasm", key);
    let mut map: Value = serde_json::from_str(&text).unwrap();
    map["metadata"]["name"] = json!(counter.name);
    counter.scene.server.create(&crd());
    counter.scene.server.create(&map);
    Digest::of(artifact.component()).to_string()
}

#[tokio::test]
async fn what_was_registered_by_hand_stays_in_the_config_map_and_can_be_gone_back_to() {
    let (counter, _operator) = Counter::open().await;
    let digest = by_hand(&counter, "demo.wasm");
    let project = Project::of(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), answering("yes"));
    for version in ["1.0.0", "1.0.1"] {
        project.becomes(build(version, &WANTS));
        let ending = session.once().await.unwrap();
        assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
        assert_ne!(counter.served(), digest);
    }
    let ending = counter.rollback(None).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    assert_eq!(counter.served(), digest);
}

#[tokio::test]
async fn what_has_to_make_room_for_a_build_is_given_up_with_consent() {
    let counter = Counter::closed().await;
    by_hand(&counter, "component.wasm");
    let before = counter.map();
    let project = Project::of(build("1.0.0", &WANTS));
    let mut nobody = counter.session(&project, terms(&[]), Consent::Absent);
    let refused = nobody.once().await.unwrap_err().to_string();
    assert!(
        refused.contains("(inline component.wasm, to which there is no way back) needs consent"),
        "{refused}"
    );
    let no = Consent::Asked(Box::new(|question: &str| {
        assert!(
            question.contains("in wasser-system, without a way back, and let"),
            "{question}"
        );
        Ok("no".to_owned())
    }));
    counter.session(&project, terms(&[]), no).once().await.unwrap_err();
    assert_eq!(counter.map(), before);
    let shown = counter.out.text();
    assert!(
        shown.contains("given up              inline component.wasm: its component makes room"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_a_config_map_does_not_take_goes_through_a_registry() {
    let (counter, _operator) = Counter::open().await;
    let large = Artifact::new(Parts {
        name: "demo",
        version: "0.1.0",
        component: &Guest::default().build(),
        chart: &vec![0; 2 << 20],
        crds: b"",
        plugin_yaml: "runtime: DemoRuntime\n",
    });
    let project = Project(Arc::new(Mutex::new(Some(large.unwrap()))));
    let (_files, changes) = Files::new();
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    let refused = session.run(changes, CancellationToken::new()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("more than a ConfigMap takes; give `--push REGISTRY/REPOSITORY`"),
        "{refused}"
    );

    let digest = project.becomes(build("1.0.0", &WANTS));
    let reference = format!("{}/me/demo:dev", counter.registry.host()).parse().unwrap();
    let mut bench = counter.bench(&project, terms(&[]), Consent::Given);
    bench.push = Some(Push {
        registry: way(),
        reference,
        credentials: Credentials::anonymous(),
    });
    let mut session = Session::new(bench);
    assert_eq!(session.once().await.unwrap().code(), 0);
    assert_eq!(counter.served(), digest.to_string());
    let source = counter.plugin_yaml()["component"]["oci"].clone();
    let pushed = format!(
        "{}/me/demo:dev@{}",
        counter.registry.host(),
        project.build().unwrap().digest()
    );
    assert_eq!(source, pushed);
    assert_eq!(counter.map()["binaryData"], Value::Null);
    let shown = counter.out.text();
    assert!(shown.contains(" s, push ") && shown.contains(" s, serving "), "{shown}");

    // A registry that fails registers nothing.
    let before = counter.map();
    project.becomes(build("1.0.1", &WANTS));
    counter.registry.fail(wasser_test_registry::Fault::Status(503));
    let failed = session.once().await.unwrap_err().to_string();
    assert!(failed.contains("it answers 503"), "{failed}");
    assert_eq!(counter.map(), before);
}
