//! Lives of runtimes of the plugins that are shipped.

use std::path::Path;

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Command, Outcome};

use super::{Scenario, Step, are_gone, create, dataset, field, is_bound, mount_on, ready, runtime, set};
use crate::in_process::scene::{OPERATOR, Scene};

pub const JUICEFS: Scenario = Scenario {
    name: "juicefs",
    runtimes: "juicefsruntimes",
    tells_time: false,
    scene: juicefs_scene,
    steps: JUICEFS_STEPS,
};

pub const THIN: Scenario = Scenario {
    name: "thin",
    runtimes: "thinruntimes",
    tells_time: false,
    scene: || scene("thin"),
    steps: THIN_STEPS,
};

const JUICEFS_KIND: &str = "JuiceFSRuntime";

const JUICEFS_STEPS: &[Step] = &[
    Step {
        name: "create",
        act: |server| create(server, &juicefs_objects()),
        goal: |server| is_bound(server, "demo"),
    },
    Step {
        name: "use",
        act: |server| mount_on(server, "node-b"),
        goal: |server| ready(server, "DaemonSet", "demo-fuse") == 1,
    },
    Step {
        name: "scale-out",
        act: |server| set(server, JUICEFS_KIND, "/spec/replicas", json!(3)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 3,
    },
    Step {
        name: "spec",
        act: |server| {
            set(
                server,
                JUICEFS_KIND,
                "/spec/worker/resources/limits/memory",
                json!("2Gi"),
            )
        },
        goal: |server| {
            let limits = "/spec/template/spec/containers/0/resources/limits/memory";
            field(server, "StatefulSet", "demo-worker", limits) == "2Gi"
        },
    },
    Step {
        name: "delete",
        act: |server| {
            server.delete("Dataset", "default", "demo");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), (JUICEFS_KIND, "demo")]),
    },
];

const THIN_STEPS: &[Step] = &[
    Step {
        name: "create",
        act: |server| create(server, &thin_objects()),
        goal: |server| is_bound(server, "demo"),
    },
    Step {
        name: "use",
        act: |server| mount_on(server, "node-b"),
        goal: |server| ready(server, "DaemonSet", "demo-fuse") == 1,
    },
    Step {
        name: "spec",
        act: |server| set(server, "ThinRuntime", "/spec/fuse/imageTag", json!("v2")),
        goal: |server| image(server) == "files:v2",
    },
    Step {
        name: "delete",
        act: |server| {
            server.delete("ThinRuntime", "default", "demo");
            server.delete("Dataset", "default", "demo");
            server.delete("ThinRuntimeProfile", "", "files");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), ("ThinRuntime", "demo")]),
    },
];

/// A scene with the JuiceFS plugin, whose pods answer.
pub fn juicefs_scene() -> Scene {
    let scene = scene("juicefs");
    scene.server.on_exec(|command| std::future::ready(juicefs(&command)));
    scene
}

/// A Dataset on JuiceFS, and its runtime.
pub fn juicefs_objects() -> [Value; 2] {
    let key = json!({"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}});
    let mount = json!({"mountPoint": "juicefs:///", "name": "files", "encryptOptions": [key],
        "options": {"storage": "minio", "bucket": "http://minio:9000/files"}});
    let level = json!({"mediumtype": "SSD", "path": "/var/cache", "quota": "1Gi", "low": "0.1"});
    let resources = json!({"limits": {"memory": "1Gi"}});
    let spec = json!({"replicas": 2, "tieredstore": {"levels": [level]}, "worker": {"resources": resources}});
    [dataset("demo", &json!([mount])), runtime(JUICEFS_KIND, &spec)]
}

/// A Dataset of a file system that a profile describes, its runtime, and the profile.
pub fn thin_objects() -> [Value; 3] {
    let profile = json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntimeProfile", "metadata": {"name": "files"},
        "spec": {"fileSystemType": "fuse.files", "fuse": {"image": "files", "imageTag": "v1",
            "imagePullPolicy": "IfNotPresent", "command": ["mount"]}},
    });
    let mount = json!({"mountPoint": "files://one", "name": "files"});
    let spec = json!({"profileName": "files", "fuse": {"imageTag": "v1"}});
    [dataset("demo", &json!([mount])), runtime("ThinRuntime", &spec), profile]
}

fn image(server: &ApiServer) -> Value {
    field(
        server,
        "DaemonSet",
        "demo-fuse",
        "/spec/template/spec/containers/0/image",
    )
}

/// A scene with a plugin that was built before.
pub fn scene(plugin: &str) -> Scene {
    Scene::serving(&[registered(plugin)])
}

/// The registration of a plugin that was built before.
pub fn registered(plugin: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/plugins/{plugin}.yaml"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask guests`", path.display()));
    let mut registered: Value = yaml_serde::from_str(&text).unwrap();
    registered["metadata"]["namespace"] = json!(OPERATOR);
    registered
}

/// What a pod of JuiceFS answers.
fn juicefs(command: &Command) -> Outcome {
    const MOUNT: &str = "/runtime-mnt/juicefs/default/demo/juicefs-fuse";
    let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
    match argv.as_slice() {
        ["df", ..] => Outcome::printing(&format!(
            "Filesystem 1-blocks Used Available Capacity Mounted on\nJuiceFS:files 9000 1024 8000 1% {MOUNT}\n"
        )),
        [_, "info", ..] => Outcome::printing("/mnt :\n  inode: 1\n  files: 4\n   dirs: 3\n"),
        ["sh", "-c", script, ..] if script.contains("status") => {
            Outcome::printing(r#"{"Setting": {"Name": "files", "UUID": "7d84ffba-de86-4f94-b7f1-01614106b74a"}}"#)
        }
        ["rm", ..] => Outcome::printing(""),
        _ => Outcome::failing(1, "not now"),
    }
}
