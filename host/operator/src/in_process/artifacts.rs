//! Plugins that are registered by `oci`: pulled, kept, and missed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasser_oci::{Credentials, PrivateKey, PublicKey, Reference, Registry};
use wasser_pack::oci::artifact::{Artifact, Parts};
use wasser_plugin::Digest;
use wasser_test_api_server::ApiServer;
use wasser_test_registry::{Fault, TestRegistry};

use super::common::Guest;
use super::scene::{OPERATOR, STATEFUL_SET, Scene, chart, crd};

/// A plugin whose values say which one it is.
fn artifact(values: &str) -> Artifact {
    let component = Guest::default().answers("desired", values.as_bytes()).build();
    Artifact::new(Parts {
        name: "demo",
        version: "0.1.0",
        component: &component,
        chart: &chart(&[("worker.yaml", STATEFUL_SET)]),
        crds: b"",
        plugin_yaml: "",
    })
    .unwrap()
}

fn way() -> Registry {
    Registry {
        plain_http: true,
        ..Registry::default()
    }
}

async fn push(registry: &TestRegistry, artifact: &Artifact, as_whom: &Credentials) -> Reference {
    let tagged: Reference = format!("{}/demo:1", registry.host()).parse().unwrap();
    way().push(&tagged, artifact, as_whom).await.unwrap()
}

fn plugin_yaml(reference: &str, artifact: &Artifact, more: &str) -> String {
    format!(
        "runtime: DemoRuntime\ncomponent: {{oci: \"{reference}\"}}\ndigest: {}\nchart: {{oci: \"{reference}\"}}\n\
         grants: {{exec: [worker], kinds: [StatefulSet]}}\n{more}",
        Digest::of(artifact.component())
    )
}

/// Returns the name of a registration that no run of a test has had before: what served under one is
/// kept next to the compiled plugins, which all runs share.
fn named(name: &str, registry: &TestRegistry) -> String {
    let port = registry.host().rsplit(':').next().unwrap_or_default();
    format!("{name}-{port}-{}", std::process::id())
}

fn registration(name: &str, plugin: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
        "data": {"plugin.yaml": plugin},
    })
}

/// Waits for a verdict that says this, and returns its word.
async fn verdict(server: &ApiServer, name: &str, says: &str) -> String {
    let what = format!("a verdict on {name} that says: {says}");
    let found = server.until(&what, |server| {
        let map = server.object("ConfigMap", OPERATOR, name)?;
        let annotations = &map["metadata"]["annotations"];
        let message = annotations["wasser.fluid.io/message"].as_str()?;
        message
            .contains(says)
            .then(|| annotations["wasser.fluid.io/verdict"].as_str().map(str::to_owned))
    });
    found.await.unwrap()
}

#[tokio::test]
async fn a_plugin_comes_from_a_registry_and_is_kept_for_a_restart() {
    let registry = TestRegistry::start().await;
    let name = named("oci-restart", &registry);
    let demo = artifact("{}");
    let reference = push(&registry, &demo, &Credentials::anonymous()).await;
    let plugin = plugin_yaml(&reference.to_string(), &demo, "");
    let scene = Scene::serving(&[crd(), registration(&name, &plugin)]).pulling_from(&registry);
    let operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    assert_eq!(verdict(&scene.server, &name, "serves DemoRuntime").await, "loaded");
    // Its own annotations are no reason to ask again.
    let asked = |registry: &TestRegistry| {
        registry
            .requests()
            .iter()
            .filter(|it| it.contains("/manifests/"))
            .count()
    };
    assert_eq!(asked(&registry), 2, "pushed once, pulled once");

    scene.kill(operator);
    drop(registry);
    let _operator = scene.start().await;
    assert_eq!(verdict(&scene.server, &name, "serves DemoRuntime").await, "loaded");
}

#[tokio::test]
async fn an_outage_keeps_the_last_good_plugin_until_the_next_one_is_here() {
    let registry = TestRegistry::start().await;
    let name = named("oci-outage", &registry);
    let (first, second) = (artifact("{\"v\": 1}"), artifact("{\"v\": 2}"));
    let reference = push(&registry, &first, &Credentials::anonymous()).await;
    let next = push(&registry, &second, &Credentials::anonymous()).await;
    let plugin = plugin_yaml(&reference.to_string(), &first, "");
    let scene = Scene::serving(&[crd(), registration(&name, &plugin)]).pulling_from(&registry);
    let _operator = scene.start().await;

    registry.fail(Fault::Status(503));
    scene.server.edit("ConfigMap", OPERATOR, &name, |map| {
        map["data"]["plugin.yaml"] = plugin_yaml(&next.to_string(), &second, "").into();
    });
    let says = format!("pulling {next}: {} failed: it answers 503", registry.host());
    assert_eq!(verdict(&scene.server, &name, &says).await, "last-good");
    verdict(&scene.server, &name, "it is tried again. The plugin loaded before").await;
    let short: String = Digest::of(first.component()).short().to_string();
    verdict(&scene.server, &name, &format!("({short}) keeps serving")).await;
    scene.create_runtime();
    scene.bind().await;

    registry.fail(None);
    let short: String = Digest::of(second.component()).short().to_string();
    let says = format!("serves DemoRuntime with the component {short}");
    assert_eq!(verdict(&scene.server, &name, &says).await, "loaded");
}

#[tokio::test]
async fn a_tag_alone_is_refused_with_the_reference_to_write() {
    let registry = TestRegistry::start().await;
    let name = named("oci-tag", &registry);
    let demo = artifact("{}");
    let reference = push(&registry, &demo, &Credentials::anonymous()).await;
    let tag = format!("{}/demo:1", registry.host());
    let scene = Scene::serving(&[crd(), registration(&name, &plugin_yaml(&tag, &demo, ""))]).pulling_from(&registry);
    let _operator = scene.start_unserved();
    let says =
        format!("oci: `{tag}` has no digest, and a tag may lead to something else tomorrow; write `{reference}`");
    assert_eq!(verdict(&scene.server, &name, &says).await, "waiting");
    scene.server.edit("ConfigMap", OPERATOR, &name, |map| {
        map["data"]["plugin.yaml"] = plugin_yaml(&reference.to_string(), &demo, "").into();
    });
    assert_eq!(verdict(&scene.server, &name, "serves DemoRuntime").await, "loaded");
}

#[tokio::test]
async fn pull_secrets_are_read_in_the_operators_namespace() {
    let registry = TestRegistry::start().await;
    let name = named("oci-secret", &registry);
    registry.require("me", "secret");
    let demo = artifact("{}");
    let reference = push(&registry, &demo, &Credentials::user("me", "secret")).await;
    let plugin = plugin_yaml(&reference.to_string(), &demo, "pullSecrets: [registry]\n");
    let scene = Scene::serving(&[crd(), registration(&name, &plugin)]).pulling_from(&registry);
    let secret = |namespace: &str, password: &str| {
        let auths = json!({"auths": {registry.host(): {"username": "me", "password": password}}});
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", "namespace": namespace},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": STANDARD.encode(auths.to_string())},
        })
    };
    scene.server.create(&secret("default", "secret"));
    let _operator = scene.start_unserved();
    let says = format!("pullSecrets: the Secret {OPERATOR}/registry does not exist");
    assert_eq!(verdict(&scene.server, &name, &says).await, "waiting");
    scene.server.create(&secret(OPERATOR, "wrong"));
    verdict(&scene.server, &name, "does not allow it to the user me").await;
    scene.server.edit("Secret", OPERATOR, "registry", |stored| {
        stored["data"] = secret("", "secret")["data"].clone()
    });
    assert_eq!(verdict(&scene.server, &name, "serves DemoRuntime").await, "loaded");
}

#[tokio::test]
async fn only_what_is_signed_serves_where_there_are_keys() {
    let registry = TestRegistry::start().await;
    let name = named("oci-signed", &registry);
    let (demo, nobody) = (artifact("{}"), Credentials::anonymous());
    let reference = push(&registry, &demo, &nobody).await;
    let plugin = plugin_yaml(&reference.to_string(), &demo, "");
    let mut scene = Scene::serving(&[crd(), registration(&name, &plugin)]).pulling_from(&registry);
    let [other, trusted] = [(); 2].map(|()| PrivateKey::generate().unwrap());
    // Pulled before there was a key, and so not trusted now.
    let operator = scene.start().await;
    scene.kill(operator);
    scene.keys = PublicKey::parse_all(&trusted.public).unwrap();
    let _operator = scene.start_unserved();
    let says = format!("verifying {reference}: it is not signed (there is no ");
    assert_eq!(verdict(&scene.server, &name, &says).await, "waiting");
    let sign = async |key: &str| {
        let key = PrivateKey::parse(key).unwrap();
        way().sign(&reference, &key, &nobody).await.unwrap();
    };
    sign(&other.private).await;
    verdict(
        &scene.server,
        &name,
        "none of its 1 signatures is by a key that is trusted here",
    )
    .await;
    sign(&trusted.private).await;
    assert_eq!(verdict(&scene.server, &name, "serves DemoRuntime").await, "loaded");
}
