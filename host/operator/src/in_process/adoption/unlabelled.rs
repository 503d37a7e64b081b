//! Volumes and claims of an earlier Fluid, which gave them no label of their Dataset.

use serde_json::{Value, json};

use super::{Cluster, Driver, JUICEFS, Left, bodies};
use crate::in_process::scene::OPERATOR;

const LABEL: &str = ".metadata.labels.fluid.io/dataset-id: \"<missing>\" → \"default-photos\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_without_the_label_get_it_once_and_are_known_from_then_on() {
    let unlabelled = |left: Left| left.with("/volume/unlabelled", json!(true));
    let cluster = Cluster::with(JUICEFS, Driver::ConfigMap, unlabelled).await;
    let first = cluster.start().await;
    let volumes = [
        "PersistentVolume default-photos",
        "PersistentVolumeClaim default/photos",
    ];
    let labelled = volumes.map(|volume| format!("~ {volume}\n    {LABEL}")).join("\n");
    assert_eq!(cluster.differences(), labelled);
    let dataset = cluster.object("Dataset");
    assert_eq!(dataset["status"]["phase"], "Bound");
    assert_eq!(
        dataset["status"]["conditions"].as_array().map(Vec::len),
        Some(1),
        "{dataset}"
    );
    // Neither is made or written again: when it is looked at again, and by the next operator.
    cluster.server().take_requests();
    cluster
        .edit(&cluster.left.kind, |runtime: &mut Value| {
            runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
        })
        .await;
    let writes = || cluster.server().take_requests().of(OPERATOR).writes();
    assert_eq!(bodies(&writes()), "");
    cluster.scene.kill(first);
    let _second = cluster.start().await;
    assert_eq!(bodies(&writes()), "");
}
