//! Clusters where Fluid ran before: what it has left goes on as it is, and can be changed.

mod changes;
mod ends;
mod forged;
mod reference;
mod unlabelled;

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Outcome, Record, Requests, Snapshot};

use super::fluid::{ALL, Driver, Left};
use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{OPERATOR, Operator, QUIET, Scene};

const JUICEFS: usize = 0;
const ALLUXIO: usize = 1;
const JINDO: usize = 2;
const THIN: usize = 3;
const VINEYARD: usize = 4;
const EFC: usize = 5;
/// The plugins that serve the kinds of the files.
const PLUGINS: [&str; 6] = ["juicefs", "alluxio", "jindo", "thin", "vineyard", "efc"];
/// Longer than what an operator puts off.
const REST: Duration = Duration::from_millis(2500);

/// A cluster that Fluid has left.
struct Cluster {
    scene: Scene,
    left: Left,
    before: Snapshot,
    _world: World,
}

impl Cluster {
    /// A cluster with the runtime of one file.
    async fn new(file: usize) -> Self {
        Self::with(file, Driver::ConfigMap, |left| left).await
    }

    async fn with(file: usize, driver: Driver, change: impl FnOnce(Left) -> Left) -> Self {
        Self::serving(PLUGINS[file], file, driver, change).await
    }

    async fn serving(plugin: &str, file: usize, driver: Driver, change: impl FnOnce(Left) -> Left) -> Self {
        let scene = Scene::serving(&[registered(plugin)]);
        scene.server.on_exec(|command| {
            // Caches can be emptied; nothing else is answered.
            let is_emptied = command
                .argv
                .iter()
                .any(|word| word == "rm" || word == "free" || word.contains("format"));
            let answer = if is_emptied {
                Outcome::printing("")
            } else {
                Outcome::failing(1, "not now")
            };
            std::future::ready(answer)
        });
        let world = World::start(&scene.server);
        let left = change(Left::read(scene.server.client("fluid"), ALL[file]))
            .leave(driver)
            .await;
        let label = format!("fluid.io/f-default-{}", left.name);
        scene.server.edit("Node", "", "node-b", |node| {
            node["metadata"]["labels"][&label] = json!("true")
        });
        for (index, node) in ["node-a", "node-b"].into_iter().enumerate() {
            let label = |node: &mut Value| left.label(index, &mut node["metadata"]["labels"]);
            scene.server.edit("Node", "", node, label);
        }
        scene.server.settled(QUIET).await;
        let fuse = format!("{}-fuse", left.workload(""));
        let is_ready = |server: &ApiServer| {
            let set = server.object("DaemonSet", "default", &fuse)?;
            (set["status"]["numberReady"] == 1).then_some(())
        };
        scene.server.until("the clients to be ready", is_ready).await;
        scene.server.settled(QUIET).await;
        let before = objects(&scene.server, &left.kind);
        Self {
            scene,
            left,
            before,
            _world: world,
        }
    }

    async fn start(&self) -> Operator {
        let operator = self.scene.start().await;
        self.rest().await;
        operator
    }

    fn server(&self) -> &ApiServer {
        &self.scene.server
    }

    /// What of the objects is different from when Fluid left, as lines.
    fn differences(&self) -> String {
        let now = objects(self.server(), &self.left.kind);
        let all: Vec<String> = self.before.differences(&now).iter().map(ToString::to_string).collect();
        all.join("\n")
    }

    fn object(&self, kind: &str) -> Value {
        self.server()
            .object(kind, "default", &self.left.name)
            .unwrap_or_default()
    }

    fn workload(&self, kind: &str, end: &str) -> Value {
        let found = self.server().object(kind, "default", &self.left.workload(end));
        found.unwrap_or_default()
    }

    fn workers(&self) -> Value {
        self.workload("StatefulSet", "-worker")
    }

    /// Names of the records in ConfigMaps and in Secrets.
    fn records(&self) -> (Vec<String>, Vec<String>) {
        let of = |kind: &str| {
            let prefix = format!("sh.helm.release.v1.{}.", self.left.name);
            let all = self.server().objects(kind, "default");
            let names = all.iter().filter_map(|object| object["metadata"]["name"].as_str());
            names
                .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
                .collect()
        };
        (of("ConfigMap"), of("Secret"))
    }

    /// Changes the Dataset or the runtime, and waits for rest.
    async fn edit(&self, kind: &str, change: impl FnOnce(&mut Value)) {
        self.server().edit(kind, "default", &self.left.name, change);
        self.rest().await;
    }

    /// Waits until the operator is at rest.
    async fn rest(&self) {
        let rest = tokio::time::timeout(Duration::from_secs(120), self.server().settled(REST));
        assert!(
            rest.await.is_ok(),
            "no rest: {}",
            self.server().take_requests().of(OPERATOR).describe()
        );
    }
}

/// The objects that must stay as they are: all but those whose statuses an operator writes, and
/// events. Of records, only what they are about.
fn objects(server: &ApiServer, runtime: &str) -> Snapshot {
    let shown = [runtime, "Dataset", "Event", "CustomResourceDefinition"].map(|kind| format!("{kind} "));
    let own = format!("ConfigMap {OPERATOR}/");
    let is_shown = |name: &str| name.starts_with(&own) || shown.iter().any(|kind| name.starts_with(kind));
    let mut all = server.snapshot_of(|name| !is_shown(name));
    for (name, object) in &mut all.0 {
        if name.contains("sh.helm.release.v1.")
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            metadata.remove("annotations");
        }
    }
    all
}

/// What was written, one request on each line. Nobody here answers how large a Dataset is, which is
/// asked again after growing pauses.
fn bodies(writes: &Requests) -> String {
    let is_size = |record: &&Record| {
        let status = record.body["status"].as_object();
        status.is_some_and(|status| status.keys().all(|field| field == "ufsTotal" || field == "fileNum"))
    };
    let lines = writes
        .0
        .iter()
        .filter(|record| !is_size(record))
        .map(|record| format!("{} {}\n", record.describe(), record.body));
    lines.collect()
}

/// The UIDs of all pods.
fn pods(server: &ApiServer) -> Vec<Value> {
    let pods = server.objects("Pod", "default");
    pods.iter().map(|pod| pod["metadata"]["uid"].clone()).collect()
}

fn events(server: &ApiServer, reason: &str) -> usize {
    let events = server.objects("Event", "default");
    events.iter().filter(|event| event["reason"] == reason).count()
}

#[rstest]
#[case::juicefs(JUICEFS, Driver::ConfigMap)]
#[case::alluxio(ALLUXIO, Driver::ConfigMap)]
#[case::jindo(JINDO, Driver::ConfigMap)]
#[case::thin(THIN, Driver::ConfigMap)]
#[case::vineyard(VINEYARD, Driver::ConfigMap)]
#[case::efc(EFC, Driver::ConfigMap)]
#[case::in_a_secret(JUICEFS, Driver::Secret)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_changed_that_fluid_has_left(#[case] file: usize, #[case] driver: Driver) {
    let cluster = Cluster::with(file, driver, |left| left).await;
    let spec = cluster.object(&cluster.left.kind)["spec"].clone();
    let endpoint = cluster.object("Dataset")["status"]["hcfs"].clone();
    let first = cluster.start().await;
    assert_eq!(cluster.differences(), "");
    let (dataset, runtime) = (cluster.object("Dataset"), cluster.object(&cluster.left.kind));
    assert_eq!(dataset["status"]["phase"], "Bound");
    assert_eq!(
        dataset["status"]["conditions"].as_array().unwrap().len(),
        1,
        "{dataset}"
    );
    assert_eq!(dataset["status"]["hcfs"], endpoint);
    assert_eq!(runtime["spec"], spec, "users' own");
    assert_eq!(events(cluster.server(), "RuntimeAdopted"), 2, "on Dataset and runtime");
    // Nothing is written any more, neither when it is looked at again nor by the next operator.
    cluster.server().take_requests();
    cluster
        .edit(&cluster.left.kind, |runtime| {
            runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
        })
        .await;
    let writes = |server: &ApiServer| server.take_requests().of(OPERATOR).writes();
    assert_eq!(bodies(&writes(cluster.server())), "");
    cluster.scene.kill(first);
    let _second = cluster.start().await;
    assert_eq!(bodies(&writes(cluster.server())), "");
    assert_eq!(cluster.differences(), "");
}
