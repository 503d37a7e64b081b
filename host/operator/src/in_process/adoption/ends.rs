//! Ends, and what is not as it should be: deletions, workloads and records that are gone or in a state
//! of their own, kinds that nobody serves.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_oci::Registry as OciRegistry;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Verb};

use super::changes::loaders;
use super::{ALLUXIO, Cluster, Driver, EFC, JINDO, JUICEFS, Left, THIN, VINEYARD, events, pods};
use crate::cli::adopt::Looking;
use crate::in_process::scene::{OPERATOR, plugins, renderer};
use crate::registration::Artifacts;

#[rstest]
#[case::by_the_dataset(true)]
#[case::of_the_runtime_alone(false)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_leaves_nothing(
    #[case] of_dataset: bool,
    #[values(JUICEFS, ALLUXIO, JINDO, THIN, VINEYARD, EFC)] file: usize,
    #[values(Driver::ConfigMap, Driver::Secret)] driver: Driver,
) {
    let cluster = Cluster::with(file, driver, |left| left).await;
    assert_eq!(loaders(cluster.server()).len(), if file == JUICEFS { 3 } else { 0 });
    let _operator = cluster.start().await;
    let (name, kind) = (cluster.left.name.clone(), cluster.left.kind.clone());
    let deleted = if of_dataset { "Dataset" } else { kind.as_str() };
    cluster.server().delete(deleted, "default", &name);
    let gone = |server: &ApiServer| server.object(deleted, "default", &name).is_none().then_some(());
    cluster.server().until("the deletion to end", gone).await;
    cluster.rest().await;
    let id = format!("default-{name}");
    for kind in [
        "StatefulSet",
        "DaemonSet",
        "ConfigMap",
        "Secret",
        "Service",
        "PersistentVolume",
        "PersistentVolumeClaim",
    ] {
        let left: Vec<Value> = cluster.server().objects(kind, "");
        let left = left.iter().filter(|object| {
            let labels = &object["metadata"]["labels"];
            labels["fluid.io/dataset-id"] == id.as_str() || labels["name"] == name.as_str()
        });
        assert_eq!(left.count(), 0, "{kind}: {}", cluster.server().situation());
    }
    assert_eq!(loaders(cluster.server()), Vec::<String>::new());
    let labels = cluster.server().object("Node", "", "node-b").unwrap()["metadata"]["labels"].to_string();
    assert!(!labels.contains(&id), "{labels}");
    if !of_dataset {
        // What Fluid's controllers wrote goes too: a runtime of another kind may follow.
        let status = &cluster.object("Dataset")["status"];
        assert_eq!(status["phase"], "NotBound");
        for field in ["runtimes", "cacheStates"] {
            assert!(
                status[field].is_null() || status[field] == json!({}),
                "{field}: {status}"
            );
        }
        assert!(!status["conditions"].to_string().contains("DatasetReady"), "{status}");
    }
}

/// The user's last resort, for claims of another size: the workload goes, its pods stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_lost_their_workload_are_taken_back() {
    let cluster = Cluster::new(JUICEFS).await;
    let _operator = cluster.start().await;
    let before = pods(cluster.server());
    let name = cluster.left.workload("-worker");
    let first = cluster.workers()["metadata"]["uid"].clone();
    cluster
        .server()
        .delete_with("StatefulSet", "default", &name, &json!({"propagationPolicy": "Orphan"}));
    let again = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", &name)?;
        (set["metadata"]["uid"] != first).then_some(set)
    };
    let set = cluster.server().until("the workers to be made again", again).await;
    assert_eq!(
        set["spec"]["replicas"], 2,
        "a workload that begins with none deletes the pods"
    );
    assert_eq!(
        set["spec"]["selector"],
        json!({"matchLabels": set["spec"]["selector"]["matchLabels"]})
    );
    cluster.rest().await;
    assert!(
        before.iter().all(|pod| pods(cluster.server()).contains(pod)),
        "{}",
        cluster.server().situation()
    );
}

/// What it says of its clients is not in Fluid's record: the plugin knows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_somebody_has_deleted_comes_back_as_it_was() {
    let cluster = Cluster::new(EFC).await;
    let _operator = cluster.start().await;
    let volume = |server: &ApiServer| server.object("PersistentVolume", "", "default-share");
    let before = volume(cluster.server()).unwrap();
    cluster.server().delete("PersistentVolumeClaim", "default", "share");
    cluster.server().delete("PersistentVolume", "", "default-share");
    let again = |server: &ApiServer| volume(server).filter(|now| now["metadata"]["uid"] != before["metadata"]["uid"]);
    let now = cluster.server().until("the volume to be made again", again).await;
    assert_eq!(now["spec"]["csi"], before["spec"]["csi"]);
}

#[rstest]
#[case::pending("pending-upgrade")]
#[case::failed("failed")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_helm_did_not_end_is_not_what_is_there(#[case] status: &str) {
    let cluster = Cluster::new(JUICEFS).await;
    let left = &cluster.left;
    left.write_record(Driver::ConfigMap, 2, status).await;
    let _operator = cluster.start().await;
    assert_eq!(
        cluster.workers()["metadata"]["generation"],
        2,
        "made and scaled by Fluid"
    );
    assert_eq!(cluster.records().0, ["v1", "v2"]);
    cluster
        .edit("JuiceFSRuntime", |runtime| {
            runtime["spec"]["fuse"]["options"] = json!({"cache-size": "1024"})
        })
        .await;
    assert_eq!(cluster.records(), (vec![], vec!["v1".to_owned(), "v3".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_dataset_of_a_release_that_helm_did_not_end_is_kept() {
    let pending = |left: Left| left.with("/recorded", json!("pending-install"));
    let cluster = Cluster::with(JUICEFS, Driver::ConfigMap, pending).await;
    let _operator = cluster.start().await;
    assert_eq!(cluster.differences(), "");
}

/// Its kind has no plugin: nothing is done, and that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_of_a_kind_that_no_plugin_serves_is_left_alone() {
    let cluster = Cluster::serving("juicefs", ALLUXIO, Driver::ConfigMap, |left| left).await;
    let before = [cluster.object("Dataset"), cluster.object("AlluxioRuntime")];
    let _operator = cluster.start().await;
    let said = |server: &ApiServer| (events(server, "ErrorProcessDataset") == 1).then_some(());
    cluster.server().until("the warning", said).await;
    assert_eq!(cluster.differences(), "");
    assert_eq!([cluster.object("Dataset"), cluster.object("AlluxioRuntime")], before);
}

#[rstest]
#[case::juicefs(JUICEFS)]
#[case::alluxio(ALLUXIO)]
#[case::jindo(JINDO)]
#[case::thin(THIN)]
#[case::efc(EFC)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upgrade_would_change_is_shown_without_a_write(#[case] file: usize) {
    let cluster = Cluster::new(file).await;
    let (client, kept) = (cluster.server().client("adopt"), tempfile::tempdir().unwrap());
    // As the operator's account: it lists what runtimes name, and has no right to Secrets.
    let gets = Fault::any().of("adopt").verb(Verb::Get);
    let forbidden = gets.when(|attempt| {
        let path = attempt.call.path();
        path == "thinruntimeprofiles" || path == "secrets"
    });
    let refused = Effect::Answer(Failure::new(403, "Forbidden", "no role says so"));
    let _refusing = cluster.server().arm(forbidden, refused);
    cluster.server().create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"plugin.yaml": "runtime: X"},
        "metadata": {"name": "broken", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
    }));
    let looking = Looking {
        namespace: None,
        operator: OPERATOR.to_owned(),
        mount_root: "/runtime-mnt".to_owned(),
        driver: wasser_chart::Driver::ConfigMap,
        artifacts: Artifacts::new(OciRegistry::default(), kept.path(), client.clone(), OPERATOR),
        renderer: renderer(),
    };
    let text = looking.report(&client, &plugins()).await.unwrap();
    let first = format!(
        "default/{} ({}): kept as Fluid has installed it; ",
        cluster.left.name, cluster.left.kind
    );
    assert!(text.starts_with(&format!("{first}an upgrade would change\n")), "{text}");
    let fuse = format!("  DaemonSet {}: /", cluster.left.workload("-fuse"));
    assert!(text.contains(&fuse), "{text}");
    let workloads = text.lines().filter(|line| line.contains("Set "));
    let changed: Vec<&str> = workloads.filter(|line| line.contains("/spec/selector")).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(text.contains("\nbroken: not looked at: "), "{text}");
    let writes = cluster.server().take_requests().of("adopt").writes();
    assert_eq!(writes.describe(), "");
}

/// Somebody has changed `helmDriver`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_both_places_are_of_one_release() {
    let cluster = Cluster::new(JUICEFS).await;
    cluster.left.write_record(Driver::Secret, 1, "deployed").await;
    let _operator = cluster.start().await;
    assert_eq!(cluster.records(), (vec!["v1".to_owned()], vec!["v1".to_owned()]));
    assert_eq!(cluster.object("Dataset")["status"]["phase"], "Bound");
    cluster.server().delete("Dataset", "default", "photos");
    let gone = |server: &ApiServer| server.object("Dataset", "default", "photos").is_none().then_some(());
    cluster.server().until("the deletion to end", gone).await;
    assert_eq!(cluster.records(), (vec![], vec![]));
}
