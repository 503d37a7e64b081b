//! From a reference to a plugin that serves, and what is in the way.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_oci::{PrivateKey, PublicKey};
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Verb};

use super::{Counter, Demo, USER, WANTS, answering, terms};
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::terms::Terms;
use crate::cli::plugin::installed::verdict::Ending;
use crate::in_process::common::Guest;
use crate::in_process::scene::{OPERATOR, crd};

#[tokio::test]
async fn a_plugin_is_shown_agreed_to_registered_by_its_digest_and_serves() {
    let (counter, _operator) = Counter::open().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let terms = Terms {
        pull_secrets: vec!["registry".to_owned()],
        ..terms(&[])
    };
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", "namespace": OPERATOR},
        "data": {".dockerconfigjson": "e30="},
    }));
    let ending = counter.install(&offer, &terms, answering("yes")).await.unwrap();
    assert!(
        matches!(&ending, Ending::Serves(message) if message.contains("serves DemoRuntime")),
        "{ending:?}"
    );
    assert_eq!(ending.code(), 0);
    let shown = counter.out.text();
    for line in [
        "plugin                demo 1.0.0\n",
        "kind                  DemoRuntime\n",
        &format!("artifact              {}\n", offer.reference()),
        "signed with           not verified; --key FILE does\n",
        "CRD                   demoruntimes.data.fluid.io is created\n",
        "image                 worker: demo:1\n",
        "asks for              exec [worker]: runs commands in pods of these roles\n",
        "asks for              kinds [StatefulSet]: its chart installs objects of these kinds\n",
        &format!("{} serves DemoRuntime with the component", counter.name),
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let yaml = counter.plugin_yaml();
    let reference = offer.reference();
    assert!(reference.contains(":1@sha256:"), "{reference}");
    assert_eq!(yaml["component"]["oci"], reference);
    assert_eq!(yaml["grants"], json!({"exec": ["worker"], "kinds": ["StatefulSet"]}));
    assert_eq!(yaml["pullSecrets"], json!(["registry"]), "not those of the author");
    assert_eq!(
        counter.map()["metadata"]["annotations"]["wasser.fluid.io/plugin-version"],
        "1.0.0"
    );

    // What serves is used.
    counter.scene.create_runtime();
    counter.scene.bind().await;
}

#[tokio::test]
async fn a_plugin_whose_runtimes_the_operator_may_not_list_is_refused() {
    let (counter, _operator) = Counter::open().await;
    let lists = Fault::any().of(OPERATOR).verb(Verb::List).resource("demoruntimes");
    let refused = Failure::new(403, "Forbidden", "no role says so");
    let _withheld = counter.scene.server.arm(lists, Effect::Answer(refused));
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let ending = counter.install(&offer, &terms(&[]), Consent::Given).await.unwrap();
    assert!(
        matches!(&ending, Ending::Refused(message) if message.contains("rbac.runtimes.DemoRuntime=true")),
        "{ending:?}"
    );
}

#[tokio::test]
async fn nothing_is_written_without_consent() {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let before = counter.scene.server.snapshot();
    let refused = counter.install(&offer, &terms(&[]), Consent::Absent).await.unwrap_err();
    assert!(refused.to_string().contains("give `--yes`"), "{refused}");
    let refused = counter.install(&offer, &terms(&[]), answering("n")).await.unwrap_err();
    assert!(
        refused.to_string().contains("was not agreed to; nothing was changed"),
        "{refused}"
    );
    let dry = Terms {
        is_dry: true,
        ..terms(&[])
    };
    let ending = counter.install(&offer, &dry, Consent::Absent).await.unwrap();
    assert_eq!(ending, Ending::Nothing);
    assert!(before.differences(&counter.scene.server.snapshot()).is_empty());
    let shown = counter.out.text();
    let (_, printed) = shown.rsplit_once("# plugin ").unwrap();
    let manifest: Value = yaml_serde::from_str(&format!("# {printed}")).unwrap();
    assert_eq!(manifest["metadata"]["labels"]["wasser.fluid.io/plugin"], "true");
}

#[tokio::test]
async fn a_plugin_gets_what_is_named_and_is_told_what_it_does_not_get() {
    let (counter, _operator) = Counter::open().await;
    let offer = counter
        .offer(Demo::new("1.0.0", &[("exec", &["worker"]), ("secrets", &[])]))
        .await;
    let refused = counter.install(&offer, &terms(&[("fuse", &[])]), Consent::Absent).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("does not ask for `fuse`; it asks for: exec [worker], secrets"),
        "{refused}"
    );

    let ending = counter
        .install(&offer, &terms(&[("exec", &["worker"])]), Consent::Absent)
        .await
        .unwrap();
    assert!(
        matches!(&ending, Ending::Serves(message) if message.contains("not granted: secrets")),
        "{ending:?}"
    );
    assert_eq!(counter.plugin_yaml()["grants"], json!({"exec": ["worker"]}));
    let shown = counter.out.text();
    assert!(
        shown.contains("may not, but would    secrets: reads Secrets"),
        "{shown}"
    );
}

#[rstest]
#[case(json!({}), "", "registers no plugin, so it is left as it is; choose another name")]
#[case(json!({"labels": {"wasser.fluid.io/plugin": "true", "app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "wasser"}}), "", "belongs to the Helm release wasser")]
#[case(json!({"labels": {"wasser.fluid.io/plugin": "true"}}), "runtime: DemoRuntime\n",
    "is installed already, for DemoRuntime; upgrade it: wasser plugin upgrade demo-")]
#[tokio::test]
async fn a_name_that_is_taken_is_left_to_whoever_has_it(
    #[case] metadata: Value,
    #[case] plugin: &str,
    #[case] says: &str,
) {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let mut metadata = metadata;
    (metadata["name"], metadata["namespace"]) = (json!(counter.name), json!(OPERATOR));
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"plugin.yaml": plugin},
    }));
    let before = counter.scene.server.snapshot();
    let refused = counter
        .install(&offer, &terms(&[]), Consent::Given)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(&counter.name) && refused.contains(says), "{refused}");
    assert!(before.differences(&counter.scene.server.snapshot()).is_empty());
}

#[tokio::test]
async fn a_kind_has_one_plugin() {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: DemoRuntime\n"},
        "metadata": {"name": "first", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let refused = counter
        .install(&offer, &terms(&[]), Consent::Given)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "DemoRuntime belongs to the registration first of this namespace, and a kind has one plugin; upgrade or \
         remove that one"
    );
    assert!(
        counter
            .scene
            .server
            .object("CustomResourceDefinition", "", "demoruntimes.data.fluid.io")
            .is_none()
    );
}

#[tokio::test]
async fn a_name_of_a_plugin_that_another_kind_has_is_the_operators_refusal() {
    let (counter, _operator) = Counter::open().await;
    counter.installed().await;
    // The same engine for another kind.
    let mut other = Demo::new("1.0.0", &[]);
    other.guest = Guest::default()
        .called(["OtherRuntime", "otherruntimes", "demo", "other-fuse"])
        .answers("desired", b"{}");
    other.crds = format!("{}\n", crd())
        .replace("DemoRuntime", "OtherRuntime")
        .replace("demoruntime", "otherruntime");
    other.plugin_yaml = "runtime: OtherRuntime\ncomponent: {}\ndigest: \"\"\nchart: {}\n";
    let offer = counter.offer(other).await;
    let mut second = counter;
    second.name = format!("{}-other", second.name);
    let ending = second.install(&offer, &terms(&[]), Consent::Given).await.unwrap();
    assert_eq!(ending.code(), 1);
    let said = second.errors.text();
    assert!(
        said.contains("`engine: demo` of the plugin's `describe` belongs to DemoRuntime")
            && said.contains(&format!(
                "To remove it: wasser plugin remove {} -n {OPERATOR}",
                second.name
            )),
        "{said}"
    );
}

#[tokio::test]
async fn without_an_operator_there_is_no_verdict() {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let hasty = Terms {
        limit: Duration::from_millis(50),
        ..terms(&[])
    };
    let ending = counter.install(&offer, &hasty, Consent::Given).await.unwrap();
    assert_eq!(ending.code(), 3);
    let said = counter.errors.text();
    assert!(
        said.contains("no operator has looked at it; is Wasser in the namespace wasser-system"),
        "{said}"
    );
}

#[tokio::test]
async fn a_verdict_on_another_component_is_not_taken_for_the_one_that_is_waited_for() {
    let counter = Arc::new(Counter::closed().await);
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let right = offer.digest.to_string();
    let installing = {
        let counter = counter.clone();
        tokio::spawn(async move { counter.install(&offer, &terms(&[]), Consent::Given).await.unwrap() })
    };
    let (server, name) = (&counter.scene.server, &counter.name);
    let written = |server: &ApiServer| server.object("ConfigMap", OPERATOR, name);
    server.until("the registration", written).await;
    let say = |word: &str, reason: &str, message: &str, digest: &str| {
        server.edit("ConfigMap", OPERATOR, name, |map| {
            for (key, value) in [
                ("verdict", word),
                ("reason", reason),
                ("message", message),
                ("digest", digest),
            ] {
                map["metadata"]["annotations"][format!("wasser.fluid.io/{key}")] = value.into();
            }
        });
    };
    say("loaded", "PluginLoaded", "the one before", "sha256:00");
    say("waiting", "PluginIsPulled", "on its way", "");
    counter.out.until("on its way").await;
    say("loaded", "PluginLoaded", "this one", &right);
    assert_eq!(installing.await.unwrap(), Ending::Serves("this one".to_owned()));
}

#[tokio::test]
async fn an_operator_that_cannot_pull_says_why_until_the_time_is_over() {
    let (counter, _operator) = Counter::open().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    counter.registry.fail(wasser_test_registry::Fault::Status(503));
    let hasty = Terms {
        limit: Duration::from_secs(2),
        ..terms(&[])
    };
    let ending = counter.install(&offer, &hasty, Consent::Given).await.unwrap();
    assert!(
        matches!(&ending, Ending::NotInTime(_, Some(last)) if last.contains("it answers 503") && last.ends_with("it is tried again")),
        "{ending:?}"
    );
}

#[tokio::test]
async fn an_operator_that_does_not_trust_a_plugin_lets_nobody_wait() {
    let mut counter = Counter::closed().await;
    let trusted = PrivateKey::generate().unwrap();
    counter.scene.keys = PublicKey::parse_all(&trusted.public).unwrap();
    let _operator = counter.scene.start_unserved();
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let ending = counter.install(&offer, &terms(&[]), Consent::Given).await.unwrap();
    assert!(
        matches!(&ending, Ending::Refused(message) if message.contains("it is not signed") && message.ends_with("it is tried again")),
        "{ending:?}"
    );
    assert_eq!(ending.code(), 1);
}

#[tokio::test]
async fn a_crd_of_somebody_else_is_used_as_it_is() {
    let (counter, _operator) = Counter::open().await;
    counter.scene.server.create(&crd());
    let theirs = counter
        .scene
        .server
        .object("CustomResourceDefinition", "", "demoruntimes.data.fluid.io");
    counter.installed().await;
    let shown = counter.out.text();
    assert!(
        shown.contains("demoruntimes.data.fluid.io was made by somebody else, and stays as it is"),
        "{shown}"
    );
    let now = counter
        .scene
        .server
        .object("CustomResourceDefinition", "", "demoruntimes.data.fluid.io");
    assert_eq!(now, theirs);
}

#[rstest]
#[case(
    Verb::Create,
    "configmaps",
    "may not create configmaps in the namespace wasser-system"
)]
#[case(Verb::Watch, "configmaps", "may not watch configmaps in the namespace wasser-system")]
#[case(Verb::List, "configmaps", "may not list configmaps in the namespace wasser-system")]
#[case(
    Verb::Get,
    "customresourcedefinitions",
    "may not get customresourcedefinitions.apiextensions.k8s.io in all"
)]
#[tokio::test]
async fn a_right_that_is_missing_is_named(#[case] verb: Verb, #[case] resource: &str, #[case] says: &str) {
    let counter = Counter::closed().await;
    let offer = counter.offer(Demo::new("1.0.0", &WANTS)).await;
    let fault = Fault::any().of(USER).verb(verb).resource(resource);
    let forbidden = Failure::new(403, "Forbidden", "no role says so");
    let _armed = counter.scene.server.arm(fault, Effect::Answer(forbidden));
    let refused = counter
        .install(&offer, &terms(&[]), Consent::Given)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(says), "{refused}");
}
