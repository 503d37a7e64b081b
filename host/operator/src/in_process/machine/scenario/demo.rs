//! The life of a runtime of the plugin of these tests, and of a Dataset that refers to it.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::{Scenario, Step, are_gone, count, create, dataset, field, is_bound, mount_on, ready, runtime, set};
use crate::in_process::machine::guest;
use crate::in_process::scene::Scene;

const KIND: &str = "DemoRuntime";

pub const LIFE: Scenario = Scenario {
    name: "life",
    runtimes: "demoruntimes",
    tells_time: false,
    scene,
    steps: LIFE_STEPS,
};

pub const REFERENCE: Scenario = Scenario {
    name: "reference",
    runtimes: "demoruntimes",
    tells_time: false,
    scene,
    steps: REFERENCE_STEPS,
};

pub const OPERATION: Scenario = Scenario {
    name: "operation",
    runtimes: "demoruntimes",
    tells_time: false,
    scene,
    steps: OPERATION_STEPS,
};

pub const DRIFT: Scenario = Scenario {
    name: "drift",
    runtimes: "demoruntimes",
    tells_time: false,
    scene,
    steps: DRIFT_STEPS,
};

const CREATE: Step = Step {
    name: "create",
    act: |server| create(server, &[dataset("demo", &mounts(&["demo://one"])), demo()]),
    goal: |server| is_bound(server, "demo"),
};

const DELETE: Step = Step {
    name: "delete",
    act: |server| {
        server.delete("Dataset", "default", "demo");
        server.delete(KIND, "default", "demo");
    },
    goal: |server| are_gone(server, &[("Dataset", "demo"), (KIND, "demo")]),
};

const LIFE_STEPS: &[Step] = &[
    CREATE,
    Step {
        name: "use",
        act: |server| mount_on(server, "node-b"),
        goal: |server| ready(server, "DaemonSet", "demo-fuse") == 1,
    },
    Step {
        name: "scale-out",
        act: |server| set(server, KIND, "/spec/replicas", json!(3)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 3,
    },
    Step {
        name: "mount",
        act: |server| set(server, "Dataset", "/spec/mounts", mounts(&["demo://one", "demo://two"])),
        goal: |server| count(server, "Dataset", "demo", "/status/mounts") == 2,
    },
    Step {
        name: "spec",
        act: |server| set(server, KIND, "/spec/values/mode", json!("two")),
        goal: |server| field(server, "ConfigMap", "demo-config", "/data/mode") == "two",
    },
    Step {
        name: "unmount",
        act: |server| set(server, "Dataset", "/spec/mounts", mounts(&["demo://one"])),
        goal: |server| count(server, "Dataset", "demo", "/status/mounts") == 1,
    },
    Step {
        name: "scale-in",
        act: |server| set(server, KIND, "/spec/replicas", json!(1)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 1,
    },
    DELETE,
];

const DRIFT_STEPS: &[Step] = &[
    CREATE,
    Step {
        name: "edit",
        act: |server| {
            server.edit("DaemonSet", "default", "demo-fuse", |set| {
                set["spec"]["template"]["spec"]["containers"][0]["image"] = json!("other")
            });
        },
        goal: |server| {
            field(
                server,
                "DaemonSet",
                "demo-fuse",
                "/spec/template/spec/containers/0/image",
            ) == "demo"
        },
    },
    Step {
        name: "remove",
        act: |server| {
            server.delete("ConfigMap", "default", "demo-config");
        },
        goal: |server| field(server, "ConfigMap", "demo-config", "/data/mode") == "one",
    },
    DELETE,
];

const REFERENCE_STEPS: &[Step] = &[
    Step {
        name: "create",
        act: |server| {
            let refers = dataset("mirror", &mounts(&["dataset://default/demo"]));
            create(server, &[refers, dataset("demo", &mounts(&["demo://one"])), demo()]);
        },
        goal: |server| is_bound(server, "mirror"),
    },
    Step {
        name: "scale-out",
        act: |server| set(server, KIND, "/spec/replicas", json!(3)),
        goal: |server| ready(server, "StatefulSet", "demo-worker") == 3,
    },
    Step {
        name: "delete",
        act: |server| {
            // The one that is referred to stays until the other is gone.
            server.delete("Dataset", "default", "demo");
            server.delete("Dataset", "default", "mirror");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), ("Dataset", "mirror")]),
    },
];

const OPERATION_STEPS: &[Step] = &[
    Step {
        name: "create",
        act: |server| {
            create(
                server,
                &[
                    operation("warm", &json!({})),
                    dataset("demo", &mounts(&["demo://one"])),
                    demo(),
                ],
            );
        },
        goal: |server| is_complete(server, "warm"),
    },
    Step {
        name: "follow",
        act: |server| {
            create(
                server,
                &[operation(
                    "next",
                    &json!({"runAfter": {"kind": "DataLoad", "name": "warm"}}),
                )],
            )
        },
        goal: |server| is_complete(server, "next"),
    },
    Step {
        name: "remove",
        act: |server| {
            server.delete("DataLoad", "default", "warm");
        },
        goal: |server| are_gone(server, &[("DataLoad", "warm"), ("Job", "warm-loader-job")]),
    },
    Step {
        name: "delete",
        act: |server| {
            server.delete("Dataset", "default", "demo");
            server.delete(KIND, "default", "demo");
        },
        goal: |server| are_gone(server, &[("Dataset", "demo"), (KIND, "demo"), ("DataLoad", "next")]),
    },
];

fn operation(name: &str, more: &Value) -> Value {
    let mut spec = json!({"dataset": {"name": "demo"}});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad",
        "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    })
}

fn is_complete(server: &ApiServer, name: &str) -> bool {
    field(server, "DataLoad", name, "/status/phase") == "Complete"
}

fn scene() -> Scene {
    Scene::serving(&guest::objects())
}

fn mounts(points: &[&str]) -> Value {
    let mount = |(index, point)| json!({"mountPoint": point, "name": format!("m{index}")});
    points.iter().enumerate().map(mount).collect()
}

fn demo() -> Value {
    let level = json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "1Gi"});
    let spec = json!({"replicas": 2, "values": {"mode": "one"}, "tieredstore": {"levels": [level]}});
    runtime(KIND, &spec)
}
