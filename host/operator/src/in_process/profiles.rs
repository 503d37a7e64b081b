//! What a profile says of the clients, and the volume or the node plugin need to know.

use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::shared::FuseCleanPolicy;
use wasser_csi::DRIVER;
use wasser_csi::cluster::Cluster;
use wasser_csi::kube::KubeCluster;
use wasser_test_api_server::ApiServer;

use super::machine::scenario::{registered, thin_objects};
use super::machine::world::World;
use super::scene::{Operator, Scene};

/// A Dataset with a profile, bound.
async fn bound(of_profile: &Value, of_runtime: &Value) -> (Scene, World, Operator) {
    let scene = Scene::serving(&[registered("thin")]);
    let world = World::start(&scene.server);
    let operator = scene.start().await;
    for mut object in thin_objects() {
        let said = match object["kind"].as_str() {
            Some("ThinRuntimeProfile") => of_profile.as_object(),
            Some("ThinRuntime") => of_runtime.as_object(),
            _ => None,
        };
        for (field, value) in said.into_iter().flatten() {
            object["spec"]["fuse"][field] = value.clone();
        }
        scene.server.create(&object);
    }
    scene.phase("Bound").await;
    scene.volume().await;
    (scene, world, operator)
}

fn nodes_of_volume(server: &ApiServer) -> Value {
    let volume = server.object("PersistentVolume", "", "default-demo").unwrap();
    volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"].clone()
}

#[tokio::test]
async fn the_volume_is_where_clients_can_be_and_stays_there_with_them() {
    let pools = (
        json!({"nodeSelector": {"pool": "a"}}),
        json!({"nodeSelector": {"zone": "z"}}),
    );
    let (scene, _world, _operator) = bound(&pools.0, &pools.1).await;
    let server = &scene.server;
    let wanted = json!([{"matchExpressions": [
        {"key": "pool", "operator": "In", "values": ["a"]},
        {"key": "zone", "operator": "In", "values": ["z"]},
    ]}]);
    assert_eq!(nodes_of_volume(server), wanted);
    // The clients that are installed stay, so a volume that is made again is where they are.
    server.edit("ThinRuntime", "default", "demo", |runtime| {
        runtime["spec"]["fuse"]["nodeSelector"] = json!({"zone": "y"});
        runtime["spec"]["fuse"]["imageTag"] = json!("v2");
    });
    let is_followed = |server: &ApiServer| {
        let set = server.object("DaemonSet", "default", "demo-fuse")?;
        let image = &set["spec"]["template"]["spec"]["containers"][0]["image"];
        (image == "files:v2").then_some(())
    };
    server.until("the edit to be followed", is_followed).await;
    let uid =
        |server: &ApiServer| Some(server.object("PersistentVolume", "", "default-demo")?["metadata"]["uid"].clone());
    let before = uid(server);
    server.delete("PersistentVolume", "", "default-demo");
    let is_back = |server: &ApiServer| {
        server.release_protection();
        uid(server).filter(|now| Some(now) != before.as_ref())
    };
    server.until("the volume to be back", is_back).await;
    assert_eq!(nodes_of_volume(server), wanted);
}

#[tokio::test]
async fn the_node_plugin_knows_the_clean_policy_of_a_profile_and_follows_it() {
    let (scene, _world, _operator) = bound(&json!({"cleanPolicy": "OnDemand"}), &json!({})).await;
    let server = &scene.server;
    let client = server.client("node-plugin");
    let cluster = KubeCluster::new(client.clone(), client, "node-a".to_owned(), DRIVER.to_owned());
    let runtime = ObjectKey {
        namespace: "default".to_owned(),
        name: "demo".to_owned(),
    };
    let policy = async || cluster.clean_policy(&runtime).await.unwrap();
    assert_eq!(policy().await, Some(FuseCleanPolicy::OnDemand));

    let on_claim = |server: &ApiServer| {
        let claim = server.object("PersistentVolumeClaim", "default", "demo")?;
        Some(claim["metadata"]["annotations"]["wasser.fluid.io/clean-policy"].clone())
    };
    server.edit("ThinRuntimeProfile", "", "files", |profile| {
        profile["spec"]["fuse"]["cleanPolicy"] = json!("OnRuntimeDeleted");
    });
    let is_shown = |server: &ApiServer| on_claim(server).filter(|policy| policy == "OnRuntimeDeleted");
    server.until("the policy on the claim", is_shown).await;
    assert_eq!(policy().await, Some(FuseCleanPolicy::OnRuntimeDeleted));

    // What the runtime says counts at once.
    server.edit("ThinRuntime", "default", "demo", |runtime| {
        runtime["spec"]["fuse"]["cleanPolicy"] = json!("OnDemand");
    });
    assert_eq!(policy().await, Some(FuseCleanPolicy::OnDemand));
    let is_gone = |server: &ApiServer| on_claim(server).filter(Value::is_null);
    server.until("the claim to say nothing", is_gone).await;
    assert_eq!(policy().await, Some(FuseCleanPolicy::OnDemand));
}
