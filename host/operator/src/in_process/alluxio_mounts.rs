//! Mounts that come and go while a Dataset on Alluxio is in use: what the status shows is what the
//! master was told.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Outcome};

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{Operator, QUIET, Scene};

/// What mount.sh was told to mount, each time.
type Told = Arc<Mutex<Vec<String>>>;

struct Cluster {
    scene: Scene,
    told: Told,
    _operator: Operator,
    _world: World,
}

fn mount(name: &str) -> Value {
    json!({"mountPoint": format!("s3://{name}"), "name": name})
}

impl Cluster {
    /// A Dataset with these mounts that is Bound, in a cluster where Alluxio refuses `/bad`.
    async fn bound(scene: Scene, spec: Value) -> Self {
        let told = Told::default();
        let all = told.clone();
        scene.server.on_exec(move |command| {
            let mounts = command.argv.iter().find_map(|word| word.strip_prefix("FLUID_MOUNTS="));
            let script = command.argv.last().is_some_and(|program| program.ends_with("mount.sh"));
            let outcome = match mounts.filter(|_| script) {
                Some(mounts) => {
                    all.lock().unwrap().push(mounts.to_owned());
                    match mounts.contains("/bad ") {
                        true => Outcome::failing(1, "no such bucket"),
                        false => Outcome::printing(""),
                    }
                }
                None => Outcome::printing(""),
            };
            std::future::ready(outcome)
        });
        let world = World::start(&scene.server);
        let operator = scene.start().await;
        for (kind, spec) in [("Dataset", spec), ("AlluxioRuntime", json!({"replicas": 1}))] {
            scene.server.create(&json!({
                "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
                "metadata": {"name": "demo", "namespace": "default"}, "spec": spec,
            }));
        }
        scene.phase("Bound").await;
        Self {
            scene,
            told,
            _operator: operator,
            _world: world,
        }
    }

    fn want(&self, mounts: &[Value]) {
        self.scene.server.edit("Dataset", "default", "demo", |dataset| {
            dataset["spec"]["mounts"] = json!(mounts);
        });
    }

    /// Waits until the master was told these mounts last.
    async fn told(&self, mounts: &str) {
        let is_it =
            |_: &ApiServer| (self.told.lock().unwrap().last().map(String::as_str) == Some(mounts)).then_some(());
        self.scene.server.until(&format!("the mounts {mounts:?}"), is_it).await;
    }

    /// Waits until the status shows mounts of these names, and nothing that is under way.
    async fn shows(&self, names: &[&str]) {
        let is_it = |server: &ApiServer| {
            let status = server.object("Dataset", "default", "demo")?["status"].take();
            let mounts = status["mounts"].as_array().cloned().unwrap_or_default();
            let shown: Vec<&str> = mounts.iter().filter_map(|mount| mount["name"].as_str()).collect();
            let mut conditions = status["conditions"].as_array()?.iter();
            let is_done = !conditions.any(|condition| condition["type"] == "Updating");
            (shown == names && is_done && status["phase"] == "Bound").then_some(())
        };
        self.scene
            .server
            .until(&format!("the status with {names:?}"), is_it)
            .await;
    }
}

#[tokio::test]
async fn mounts_of_a_dataset_that_had_none_are_made_and_then_shown() {
    let cluster = Cluster::bound(Scene::serving(&[registered("alluxio")]), json!({})).await;
    cluster.want(&[mount("a")]);
    cluster.told("/a s3://a").await;
    cluster.shows(&["a"]).await;
}

/// What an attempt has changed before it failed is changed back.
#[tokio::test]
async fn a_change_of_mounts_that_is_taken_back_is_finished() {
    let spec = json!({"mounts": [mount("a")]});
    let cluster = Cluster::bound(Scene::serving(&[registered("alluxio")]), spec).await;
    cluster.shows(&["a"]).await;
    cluster.want(&[mount("a"), mount("bad")]);
    cluster.told("/a s3://a\n/bad s3://bad").await;
    cluster.scene.phase("Updating").await;
    cluster.told.lock().unwrap().clear();
    cluster.want(&[mount("a")]);
    cluster.told("/a s3://a").await;
    cluster.shows(&["a"]).await;
}

/// The definitions of an earlier Fluid lack fields.
#[tokio::test]
async fn mounts_that_the_definition_drops_are_not_made_again_and_again() {
    let scene = Scene::serving(&[registered("alluxio")]);
    let crd = "datasets.data.fluid.io";
    scene.server.edit("CustomResourceDefinition", "", crd, |crd| {
        let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
        let fields = crd.pointer_mut(fields).and_then(Value::as_object_mut).unwrap();
        assert!(fields.remove("mounts").is_some());
    });
    let cluster = Cluster::bound(scene, json!({"mounts": [mount("a")]})).await;
    cluster.scene.server.settled(QUIET).await;
    let made = cluster.told.lock().unwrap().len();
    for look in ["first", "second"] {
        cluster
            .scene
            .server
            .edit("AlluxioRuntime", "default", "demo", |runtime| {
                runtime["metadata"]["annotations"]["example.org/note"] = look.into();
            });
        cluster.scene.server.settled(QUIET).await;
    }
    assert_eq!(cluster.told.lock().unwrap().len(), made);
}
