//! The life of a runtime of the CacheRuntime plugin, whose class changes while it is used.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Command, Outcome};

use super::real::scene;
use super::{Scenario, Step, are_gone, create, dataset, field, is_bound, mount_on, ready, runtime, set};
use crate::in_process::scene::Scene;

pub const CACHE: Scenario = Scenario {
    name: "cache",
    runtimes: "cacheruntimes",
    tells_time: false,
    scene: cache_scene,
    steps: STEPS,
};

const KIND: &str = "CacheRuntime";
const CLASS: &str = "CacheRuntimeClass";

const STEPS: &[Step] = &[
    Step {
        name: "create",
        act: |server| create(server, &objects()),
        goal: |server| is_bound(server, "demo") && !field(server, KIND, "demo", "/status/mountTime").is_null(),
    },
    Step {
        name: "use",
        act: |server| mount_on(server, "node-b"),
        goal: |server| ready(server, "DaemonSet", "demo-client") == 1,
    },
    Step {
        name: "scale-out",
        act: |server| set(server, KIND, "/spec/worker/replicas", json!(3)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 3 && config(server).contains("\"replicas\":3"),
    },
    Step {
        name: "class",
        act: |server| {
            server.edit(CLASS, "", "files", |class| *class = merged(class, "v2"));
        },
        goal: |server| image(server) == "files:v2",
    },
    Step {
        name: "delete",
        act: |server| {
            server.delete("Dataset", "default", "demo");
            server.delete(CLASS, "", "files");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), (KIND, "demo")]),
    },
];

/// A Dataset, its runtime, and the class of that.
fn objects() -> [Value; 3] {
    let mount = json!({"mountPoint": "files://one", "name": "files"});
    let level = json!({"emptyDir": {"quota": "1Gi"}});
    let worker = json!({"replicas": 2, "tieredStore": {"levels": [level]}});
    let class = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": CLASS, "metadata": {"name": "files"}});
    [
        dataset("demo", &json!([mount])),
        runtime(KIND, &json!({"runtimeClassName": "files", "worker": worker})),
        merged(&class, "v1"),
    ]
}

/// The class with images of this tag.
fn merged(class: &Value, tag: &str) -> Value {
    let component = |name: &str, entries: Value| {
        let container = json!({"name": name, "image": format!("files:{tag}"), "imagePullPolicy": "IfNotPresent"});
        json!({"service": {"headless": {}}, "executionEntries": entries,
            "template": {"spec": {"containers": [container]}}})
    };
    let entries = json!({"mountUFS": {"command": ["mount"]}, "reportSummary": {"command": ["report"]}});
    let mut class = class.clone();
    class["fileSystemType"] = json!("fuse.files");
    class["topology"] = json!({"master": component("master", entries), "worker": component("worker", json!({})),
        "client": component("client", json!({}))});
    class
}

/// A scene with the plugin, whose masters mount what they are told.
fn cache_scene() -> Scene {
    let scene = scene("cache");
    let server = scene.server.clone();
    scene
        .server
        .on_exec(move |command| std::future::ready(answer(&server, &command)));
    scene
}

fn answer(server: &ApiServer, command: &Command) -> Outcome {
    match command.argv.first().map(String::as_str) {
        Some("cat") => Outcome::printing(&config(server)),
        Some("mount") => Outcome::printing(r#"{"mounted": ["/files"]}"#),
        Some("report") => Outcome::printing(r#"{"cached": "0B", "cacheCapacity": "1GiB"}"#),
        _ => Outcome::failing(1, "not now"),
    }
}

fn config(server: &ApiServer) -> String {
    let text = field(server, "ConfigMap", "fluid-runtime-config-demo", "/data/runtime.json");
    text.as_str().unwrap_or_default().to_owned()
}

fn image(server: &ApiServer) -> Value {
    let image = "/spec/template/spec/containers/0/image";
    field(server, "StatefulSet", "demo-worker", image)
}
