//! From one version to the next, and back.

use serde_json::{Value, json};

use super::{Counter, Demo, WANTS, answering, terms};
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::error::ChangeError;
use crate::cli::plugin::installed::terms::Terms;
use crate::cli::plugin::installed::verdict::Ending;
use crate::in_process::common::Guest;
use crate::in_process::scene::OPERATOR;

/// What the next version asks for.
const MORE: [(&str, &[&str]); 3] = [("exec", &["worker"]), ("kinds", &["StatefulSet"]), ("state", &[])];

#[tokio::test]
async fn grants_that_are_new_need_consent_and_what_was_changed_by_hand_stays() {
    let (counter, _operator) = Counter::open().await;
    let first = counter.installed().await;
    counter.scene.server.edit("ConfigMap", OPERATOR, &counter.name, |map| {
        let yaml = map["data"]["plugin.yaml"].as_str().unwrap();
        map["data"]["plugin.yaml"] = yaml.replace("worker: demo:1", "worker: mirror/demo:1").into();
    });
    let before = counter.map();
    let mut next = Demo::new("2.0.0", &MORE);
    next.plugin_yaml = "runtime: DemoRuntime\ncomponent: {}\ndigest: \"\"\nchart: {}\nimages: {worker: demo:2}\n";
    let second = counter.offer(next).await;
    let refused = counter
        .upgrade(&second, &terms(&[]), Consent::Absent)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("beyond what it may do now (state)"), "{refused}");
    let refused = counter
        .upgrade(&second, &terms(&[]), answering("no"))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("nothing was changed"), "{refused}");
    assert_eq!(counter.map()["data"], before["data"]);

    let ending = counter.upgrade(&second, &terms(&[]), answering("y")).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    let shown = counter.out.text();
    for line in [
        "plugin                demo 1.0.0 → 2.0.0\n",
        &format!("instead of            {}\n", first.reference()),
        "changed by hand, kept images.worker\n",
        "asks for              state: keeps a few KiB for each runtime\n",
        "may already           exec [worker]: ",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let yaml = counter.plugin_yaml();
    assert_eq!(yaml["images"], json!({"worker": "mirror/demo:1"}));
    assert_eq!(
        yaml["grants"],
        json!({"exec": ["worker"], "kinds": ["StatefulSet"], "state": true})
    );

    // Back to what was installed, although it is not in the registry any more.
    counter.registry.fail(wasser_test_registry::Fault::Status(404));
    let ending = counter.rollback(Some(1)).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    assert_eq!(counter.plugin_yaml()["images"], json!({"worker": "demo:1"}));
    assert_eq!(counter.plugin_yaml()["component"]["oci"], first.reference());
    let shown = counter.out.text();
    assert!(shown.contains("may no longer         state: "), "{shown}");
    let missing = counter.rollback(Some(9)).await.unwrap_err().to_string();
    assert!(
        missing.contains("has no revision 9; there are 1 (1.0.0, ") && missing.contains("3 (2.0.0, "),
        "{missing}"
    );
}

#[tokio::test]
async fn crds_that_are_new_need_consent() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    let mut next = Demo::new("2.0.0", &WANTS);
    let extra = next.crds.replace("DemoRuntime", "ExtraRuntime");
    next.crds.push_str(&extra.replace("demoruntime", "extraruntime"));
    let offer = counter.offer(next).await;
    let created = || {
        let crd = counter
            .scene
            .server
            .object("CustomResourceDefinition", "", "extraruntimes.data.fluid.io");
        crd.is_some()
    };
    let refused = counter
        .upgrade(&offer, &terms(&[]), Consent::Absent)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("beyond what it may do now (the CRD extraruntimes.data.fluid.io)"),
        "{refused}"
    );
    assert!(!created());
    let ending = counter.upgrade(&offer, &terms(&[]), answering("y")).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)) && created(), "{ending:?}");
}

#[tokio::test]
async fn what_was_refused_once_is_not_given_by_an_upgrade() {
    let (counter, _operator) = Counter::open().await;
    let first = counter.offer(Demo::new("1.0.0", &MORE)).await;
    let some = terms(&WANTS);
    counter.install(&first, &some, Consent::Absent).await.unwrap();
    let second = counter.offer(Demo::new("2.0.0", &MORE)).await;
    let ending = counter.upgrade(&second, &terms(&[]), Consent::Absent).await.unwrap();
    assert!(
        matches!(&ending, Ending::Serves(message) if message.contains("not granted: state")),
        "{ending:?}"
    );
    let again = counter.upgrade(&second, &terms(&[]), Consent::Absent).await.unwrap();
    assert_eq!(again, ending, "nothing is changed, and it serves");
    let third = counter.offer(Demo::new("3.0.0", &MORE)).await;
    counter
        .upgrade(&third, &terms(&[("state", &[])]), Consent::Absent)
        .await
        .unwrap();
    assert_eq!(counter.plugin_yaml()["grants"]["state"], true);
}

#[tokio::test]
async fn a_version_that_is_refused_leaves_the_old_one_serving_and_says_the_way_back() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    counter.scene.create_runtime();
    counter.scene.bind().await;
    // Its resource has another name than the CRD.
    let mut broken = Demo::new("2.0.0", &[]);
    broken.guest = Guest::default()
        .called(["DemoRuntime", "demos", "demo", "demo-fuse"])
        .versioned("2.0.0")
        .answers("desired", b"{}");
    broken.crds.clear();
    let offer = counter.offer(broken).await;
    let ending = counter.upgrade(&offer, &terms(&[]), Consent::Absent).await.unwrap();
    assert_eq!(ending.code(), 1);
    let data = counter.map()["data"].clone();
    let again = counter.upgrade(&offer, &terms(&[]), Consent::Absent).await.unwrap();
    assert_eq!(
        (again, &counter.map()["data"]),
        (ending, &data),
        "it is no better by now"
    );
    let said = counter.errors.text();
    assert!(
        said.contains("The plugin loaded before (sha256:")
            && said.contains("keeps serving")
            && said.contains(&format!("wasser plugin rollback {} --to 1 -n {OPERATOR}", counter.name)),
        "{said}"
    );
    counter.scene.phase("Bound").await;
    let ending = counter.rollback(None).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    let annotations = &counter.map()["metadata"]["annotations"];
    assert_eq!(annotations["wasser.fluid.io/plugin-version"], "1.0.0");
    let history: Value = serde_json::from_str(annotations["wasser.fluid.io/history"].as_str().unwrap()).unwrap();
    let versions: Vec<&Value> = history.as_array().unwrap().iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, ["1.0.0", "2.0.0", "1.0.0"]);
}

#[tokio::test]
async fn a_registration_by_hand_is_taken_over_with_what_stands_in_it() {
    let (counter, _operator) = Counter::open().await;
    let first = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    counter.scene.server.create(&crate::in_process::scene::crd());
    let plugin = format!(
        "runtime: DemoRuntime\ncomponent: {{oci: \"{0}\"}}\ndigest: {1}\nchart: {{oci: \"{0}\"}}\nsettings: {{mine: x}}\n\
         grants: {{exec: [worker]}}\n",
        first.reference(),
        first.digest
    );
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": plugin},
        "metadata": {"name": counter.name, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let second = counter.offer(Demo::new("2.0.0", &WANTS)).await;
    let kinds = terms(&[("kinds", &["StatefulSet"])]);
    let ending = counter.upgrade(&second, &kinds, Consent::Absent).await.unwrap();
    assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
    let shown = counter.out.text();
    assert!(shown.contains("plugin                demo unknown → 2.0.0"), "{shown}");
    let yaml = counter.plugin_yaml();
    assert_eq!(yaml["settings"], json!({"mine": "x"}));
    assert_eq!(yaml["grants"], json!({"exec": ["worker"], "kinds": ["StatefulSet"]}));
}

#[tokio::test]
async fn what_is_not_there_or_serves_another_kind_is_not_upgraded() {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let missing = counter
        .upgrade(&offer, &terms(&[]), Consent::Given)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("is registered in the namespace wasser-system; there is none"),
        "{missing}"
    );
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: OtherRuntime\n"},
        "metadata": {"name": counter.name, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let other = counter
        .upgrade(&offer, &terms(&[]), Consent::Given)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        other.contains("serves OtherRuntime, and the artifact DemoRuntime"),
        "{other}"
    );
}

#[tokio::test]
async fn what_others_change_meanwhile_is_not_lost() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    let seen = counter.desk.find(&counter.name).await.unwrap();
    let edit = |change: &dyn Fn(&mut Value)| {
        counter
            .scene
            .server
            .edit("ConfigMap", OPERATOR, &counter.name, |map| change(map));
    };
    edit(&|map| map["metadata"]["annotations"]["example.org/note"] = "kept".into());
    let change = |map: &mut k8s_openapi::api::core::v1::ConfigMap| {
        let data = map.data.get_or_insert_default();
        data.insert("more".to_owned(), "x".to_owned());
    };
    counter.desk.change(&seen, change).await.unwrap();
    assert_eq!(counter.map()["metadata"]["annotations"]["example.org/note"], "kept");
    assert_eq!(counter.map()["data"]["more"], "x");
    let refused = counter.desk.change(&seen, change).await.unwrap_err();
    assert!(matches!(refused, ChangeError::Changed(_)), "{refused}");
}

#[tokio::test]
async fn a_dry_run_of_an_upgrade_changes_nothing() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    let before = counter.map();
    let second = counter.offer(Demo::new("2.0.0", &MORE)).await;
    let dry = Terms {
        is_dry: true,
        ..terms(&[])
    };
    assert_eq!(
        counter.upgrade(&second, &dry, Consent::Absent).await.unwrap(),
        Ending::Nothing
    );
    assert_eq!(counter.map(), before);
    assert!(
        counter.out.text().contains("# asks for              state"),
        "{}",
        counter.out.text()
    );
}
