//! What can be done with a runtime that Fluid has left: what needs no upgrade is done without one,
//! and anything else leads to one that is complete.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::{ALLUXIO, Cluster, Driver, EFC, JINDO, JUICEFS, Left, THIN, VINEYARD, events, pods};
use crate::in_process::scene::OPERATOR;

const NOTE: &str = "wasser.fluid.io/adopted";
const UPGRADED: &str = "RuntimeUpgraded";

/// The accounts that Fluid gives to releases for data loads.
pub(super) fn loaders(server: &ApiServer) -> Vec<String> {
    let kinds = ["ServiceAccount", "Role", "RoleBinding"].into_iter();
    let objects = kinds.flat_map(|kind| server.objects(kind, "default"));
    let names = objects.filter_map(|object| Some(object["metadata"]["name"].as_str()?.to_owned()));
    names.filter(|name| name.ends_with("-loader")).collect()
}

impl Cluster {
    /// Whether the release is still Fluid's.
    fn is_kept(&self) -> bool {
        let (maps, secrets) = self.records();
        (maps.len() + secrets.len(), events(self.server(), "RuntimeUpgraded")) == (1, 0)
    }

    /// Checks that the release was upgraded, once and completely, which this event says.
    fn assert_upgraded(&self, reason: &str) {
        let status = self.object("Dataset")["status"].clone();
        assert_eq!(
            events(self.server(), reason),
            1,
            "{status}\n{}",
            self.server().situation()
        );
        assert_eq!(self.records(), (vec![], vec!["v1".to_owned(), "v2".to_owned()]));
        assert_eq!(status["phase"], "Bound");
        assert_eq!(status["conditions"].as_array().unwrap().len(), 1, "{status}");
    }

    /// All ports that pods take.
    fn ports(&self) -> Vec<u64> {
        let mut all = Vec::new();
        for kind in ["StatefulSet", "DaemonSet"] {
            for set in self.server().objects(kind, "default") {
                let name = set["metadata"]["name"].as_str().unwrap();
                let containers = &set["spec"]["template"]["spec"]["containers"];
                for container in containers
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|_| name.starts_with(&self.left.name))
                {
                    let ports = container["ports"].as_array().into_iter().flatten();
                    all.extend(ports.filter_map(|port| port["containerPort"].as_u64()));
                }
            }
        }
        all.sort();
        all.dedup();
        all
    }
}

#[rstest]
#[case::juicefs(JUICEFS)]
#[case::alluxio(ALLUXIO)]
#[case::jindo(JINDO)]
#[case::efc(EFC)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_scaled_without_an_upgrade(#[case] file: usize) {
    let cluster = Cluster::new(file).await;
    let _operator = cluster.start().await;
    let before = cluster.workers()["spec"]["template"].clone();
    for replicas in [3, 1, 0] {
        cluster
            .edit(&cluster.left.kind, |runtime| {
                runtime["spec"]["replicas"] = json!(replicas)
            })
            .await;
        assert_eq!(cluster.workers()["spec"]["replicas"], replicas);
        assert_eq!(cluster.workers()["spec"]["template"], before);
        assert!(cluster.is_kept());
    }
}

#[rstest]
#[case::juicefs(JUICEFS, "/spec/worker/resources/requests/memory", json!("4Gi"))]
#[case::env(JUICEFS, "/spec/worker/env", json!([{"name": "A", "value": "1"}]))]
#[case::alluxio(ALLUXIO, "/spec/properties", json!({"alluxio.user.block.size.bytes.default": "64MB"}))]
#[case::jindo(JINDO, "/spec/worker/resources/requests", json!({"memory": "1Gi"}))]
#[case::thin(THIN, "/spec/fuse/imageTag", json!("v0.2"))]
#[case::vineyard(VINEYARD, "/spec/worker/env", json!({"A": "1"}))]
#[case::efc(EFC, "/spec/fuse/properties", json!({"g_unas_InodeAttrExpireTimeoutSec": "100"}))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_runtime_is_upgraded_once(#[case] file: usize, #[case] pointer: &str, #[case] value: Value) {
    let cluster = Cluster::new(file).await;
    let _operator = cluster.start().await;
    let (ports, selectors) = (cluster.ports(), selectors(cluster.server()));
    let lives = pods(cluster.server());
    cluster
        .edit(&cluster.left.kind, |runtime| {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            runtime.pointer_mut(parent).unwrap()[field] = value;
        })
        .await;
    cluster.assert_upgraded(UPGRADED);
    let now = cluster.ports();
    assert!(
        ports.iter().all(|port| now.contains(port)),
        "pods of before listen on {ports:?}: {now:?}"
    );
    assert_eq!(selectors_of(cluster.server(), &selectors), selectors);
    assert_eq!(pods(cluster.server()), lives, "no pod came or went");
    assert_eq!(loaders(cluster.server()), Vec::<String>::new());
}

/// By that the node plugin knows which clients it may replace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claim_shows_the_generation_of_changed_clients() {
    const GENERATION: &str = "fuse.runtime.fluid.io/generation";
    let cluster = Cluster::new(JUICEFS).await;
    let _operator = cluster.start().await;
    let generations = || {
        let (clients, claim) = (
            cluster.workload("DaemonSet", "-fuse"),
            cluster.object("PersistentVolumeClaim"),
        );
        let template = &clients["spec"]["template"]["metadata"]["labels"];
        json!([template[GENERATION], claim["metadata"]["labels"][GENERATION]])
    };
    assert_eq!(generations(), json!(["1", "1"]));
    cluster
        .edit("JuiceFSRuntime", |runtime| {
            runtime["spec"]["fuse"]["imageTag"] = json!("ce-v1.3.1")
        })
        .await;
    assert_eq!(generations(), json!(["2", "2"]), "{}", cluster.server().situation());
}

fn selectors(server: &ApiServer) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for kind in ["StatefulSet", "DaemonSet"] {
        for set in server.objects(kind, "default") {
            let name = set["metadata"]["name"].as_str().unwrap().to_owned();
            all.push((name, json!([set["spec"]["selector"], set["spec"]["serviceName"]])));
        }
    }
    all
}

fn selectors_of(server: &ApiServer, of: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut all = selectors(server);
    all.retain(|(name, _)| of.iter().any(|(known, _)| known == name));
    all
}

#[rstest]
#[case::an_option_of_juicefs(JUICEFS, json!([{"mountPoint": "juicefs:///album", "name": "album",
    "options": {"storage": "minio", "bucket": "http://store:9000/album", "attr-cache": "120"},
    "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]}]))]
#[case::a_mount_of_thin(THIN, json!([{"mountPoint": "10.0.0.9/scans", "name": "scans"},
    {"mountPoint": "10.0.0.9/more", "name": "more"}]))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_mounts_lead_to_an_upgrade_where_they_are_in_templates(#[case] file: usize, #[case] mounts: Value) {
    let cluster = Cluster::new(file).await;
    let _operator = cluster.start().await;
    cluster
        .edit("Dataset", |dataset| dataset["spec"]["mounts"] = mounts)
        .await;
    cluster.assert_upgraded(if file == THIN { "MountsUpdated" } else { UPGRADED });
}

/// Whether the operator is alive while somebody changes the runtime does not matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_made_while_no_operator_ran_is_found() {
    let cluster = Cluster::new(JUICEFS).await;
    let first = cluster.start().await;
    cluster.scene.kill(first);
    cluster
        .edit("JuiceFSRuntime", |runtime| {
            runtime["spec"]["fuse"]["options"] = json!({"cache-size": "1024"})
        })
        .await;
    let _second = cluster.start().await;
    cluster.assert_upgraded(UPGRADED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_without_workers_gets_none() {
    let without = |left: Left| {
        left.with("/runtime/replicas", Value::Null)
            .with("/workloads/worker/replicas", json!(0))
    };
    let cluster = Cluster::with(JUICEFS, Driver::ConfigMap, without).await;
    let _operator = cluster.start().await;
    assert_eq!(cluster.differences(), "");
    assert_eq!(cluster.workers()["spec"]["replicas"], 0);
    assert_eq!(cluster.object("Dataset")["status"]["phase"], "Bound");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounts_of_alluxio_are_made_without_an_upgrade() {
    let cluster = Cluster::new(ALLUXIO).await;
    cluster.server().on_exec(|command| {
        let answer = match command.argv.last().map(String::as_str) {
            Some("/etc/fluid/scripts/mount.sh") => wasser_test_api_server::Outcome::printing(""),
            _ => wasser_test_api_server::Outcome::failing(127, "no such file"),
        };
        std::future::ready(answer)
    });
    let _operator = cluster.start().await;
    let more = json!({"mountPoint": "https://mirror.example.org/kafka/", "name": "kafka"});
    cluster
        .edit("Dataset", |dataset| {
            dataset["spec"]["mounts"].as_array_mut().unwrap().push(more)
        })
        .await;
    assert_eq!(
        cluster.object("Dataset")["status"]["mounts"][2]["name"],
        "kafka",
        "{}",
        cluster.server().situation()
    );
    assert!(cluster.is_kept());
    assert_eq!(cluster.differences(), "");
    let note = |server: &ApiServer| {
        let record = server
            .object("ConfigMap", "default", "sh.helm.release.v1.logs.v1")
            .unwrap();
        record["metadata"]["annotations"][NOTE].clone()
    };
    assert!(note(cluster.server()).is_string());
    cluster.server().take_requests();
    cluster
        .edit("Dataset", |dataset| {
            dataset["metadata"]["annotations"]["example.org/note"] = "x".into()
        })
        .await;
    let writes = cluster.server().take_requests().of(OPERATOR).writes();
    assert_eq!(writes.changes().describe(), "");
}
