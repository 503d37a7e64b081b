//! The life of a dataset that Fluid has set up.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::{Scenario, Step, are_gone, field, is_bound, ready, real, set};
use crate::in_process::fluid::{ALL, Driver, Left};

pub const ADOPTED: Scenario = Scenario {
    name: "adopted",
    runtimes: "juicefsruntimes",
    tells_time: true,
    scene: real::juicefs_scene,
    steps: STEPS,
};

const KIND: &str = "JuiceFSRuntime";
const RECORD: &str = "sh.helm.release.v1.demo.v1";
/// What shows a Dataset and its runtime.
const SHOWN: [&str; 2] = ["datasets", "juicefsruntimes"];

const STEPS: &[Step] = &[
    Step {
        name: "adopt",
        act: leave,
        goal: |server| {
            let note = field(
                server,
                "Secret",
                RECORD,
                "/metadata/annotations/wasser.fluid.io~1adopted",
            );
            is_bound(server, "demo") && note.is_string() && ready(server, "DaemonSet", "demo-fuse") == 1
        },
    },
    Step {
        name: "scale-out",
        act: |server| set(server, KIND, "/spec/replicas", json!(3)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 3,
    },
    Step {
        name: "spec",
        act: |server| set(server, KIND, "/spec/worker/resources/requests/memory", json!("4Gi")),
        goal: |server| {
            let requests = "/spec/template/spec/containers/0/resources/requests/memory";
            field(server, "StatefulSet", "demo-worker", requests) == "4Gi"
        },
    },
    Step {
        name: "delete",
        act: |server| {
            server.delete("Dataset", "default", "demo");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), (KIND, "demo")]),
    },
];

/// Does what Fluid has done. The operator, which runs already, sees it when it is complete.
fn leave(server: &ApiServer) {
    SHOWN.iter().for_each(|resource| server.hold(resource));
    let left = Left::read(server.client("fluid"), &ALL[0].replace("photos", "demo"));
    for (index, name) in ["node-a", "node-b"].into_iter().enumerate() {
        let label = |node: &mut Value| {
            let labels = &mut node["metadata"]["labels"];
            left.label(index, labels);
            if name == "node-b" {
                labels["fluid.io/f-default-demo"] = json!("true");
            }
        };
        server.edit("Node", "", name, label);
    }
    let server = server.clone();
    tokio::spawn(async move {
        left.leave(Driver::Secret).await;
        SHOWN.iter().for_each(|resource| server.release(resource));
    });
}
