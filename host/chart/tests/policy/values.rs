//! Values that are nearly right, as a plugin that means harm would hand them over: whatever the
//! built-in charts make of them, what the policy admits has nothing of its node beyond the grants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Union;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use wasser_chart::{Chart, Limits, ReleaseMeta, RenderError, Rendered, Renderer};
use wasser_test_mutations::{check, json};

use super::beyond::{Said, beyond};
use super::*;

/// The built-in charts, and the directory of each for the mounts of its runtimes.
const CHARTS: [(&str, &str); 7] = [
    ("alluxio", "alluxio"),
    ("cache", "cache"),
    ("efc", "efc"),
    ("jindo", "jindofs"),
    ("juicefs", "juicefs"),
    ("thin", "thin"),
    ("vineyard", "vineyard"),
];
/// The case that each chart has, of the least that works.
const LEAST: &str = "bare";
/// How many policies each input is tried with.
const POLICIES: usize = 5;
/// Where charts read what becomes of their pods.
const PARTS: [&str; 4] = ["/master", "/worker", "/fuse", "/client/spec"];

/// Fields that a plugin which means harm would add somewhere.
fn harmful() -> Vec<(&'static str, Value)> {
    let container = json!({"name": "c", "image": "evil", "securityContext": {"privileged": true}});
    let manifest = "true\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: demo}\nspec: {hostPID: true, containers: \
        [{name: c, image: evil}]}";
    vec![
        ("volumes", json!([{"name": "v", "hostPath": {"path": "/etc"}}])),
        ("hostPath", json!({"path": "/dev/fuse/../sda"})),
        ("hostMountPath", json!("/")),
        ("path", json!("/var/lib/kubelet")),
        (
            "volumeMounts",
            json!([{"name": "v", "mountPath": "/m", "mountPropagation": "Bidirectional"}]),
        ),
        ("image", json!("evil")),
        ("image", json!("evil\n          securityContext: {privileged: true}")),
        ("command", json!(manifest)),
        ("annotations", json!({"a": "b\n  finalizers: [c]"})),
        ("hostNetwork", json!(true)),
        ("hostPID", json!(true)),
        ("privileged", json!(true)),
        ("securityContext", json!({"capabilities": {"add": ["SYS_PTRACE"]}})),
        ("ports", json!([{"name": "p", "containerPort": 22, "hostPort": 22}])),
        (
            "readinessProbe",
            json!({"httpGet": {"host": "169.254.169.254", "port": 80}}),
        ),
        ("containers", json!([container])),
        ("initContainers", json!([container])),
    ]
}

/// The right values of a runtime, and who renders and checks those that are nearly the same.
struct Case {
    chart: Arc<Chart>,
    meta: ReleaseMeta,
    values: Value,
    /// That of the registration first, that of one without grants last.
    policies: Vec<Policy>,
    said: Said,
}

impl Case {
    fn of(chart: &Arc<Chart>, directory: &str, grants: &Value, documents: &[Value], values: Value) -> Self {
        let text = |pointer: &str| values.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("/runtimeIdentity/namespace"), text("/runtimeIdentity/name"));
        let of_users = |object: &&Value| object["apiVersion"] == "data.fluid.io/v1alpha1";
        let registered = Policy {
            namespace: namespace.to_owned(),
            kinds: texts(&grants["kinds"]),
            owner: OwnerReference {
                name: name.to_owned(),
                ..owner(text("/owner/uid"))
            },
            mount: format!("/runtime-mnt/{directory}/{namespace}/{name}"),
            named: Named::of(documents.iter().filter(of_users)),
            ..Policy::default()
        };
        let meta = ReleaseMeta {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            ..support::meta()
        };
        let policies = powers(grants, &values).map(|powers| Policy {
            powers,
            ..registered.clone()
        });
        Self {
            chart: chart.clone(),
            meta,
            policies: policies.into(),
            said: Said::of(documents.iter().filter(of_users)),
            values,
        }
    }

    fn beyond(&self, rendered: &Rendered, policy: &Policy) -> Vec<String> {
        let hooks = rendered.hooks.iter().filter_map(|hook| hook.object.as_ref());
        let objects = rendered.objects.iter().chain(hooks);
        objects.flat_map(|object| beyond(object, policy, &self.said)).collect()
    }

    /// Checks that what each policy admits has nothing beyond it.
    fn check(&self, rendered: &Rendered) {
        for policy in &self.policies {
            if policy.admit_release(rendered).is_ok() {
                let found = self.beyond(rendered, policy);
                assert_eq!(found, Vec::<String>::new(), "{}", rendered.template());
            }
        }
    }
}

/// What registrations may grant to pods: what that in the repository does, parts of it, and nothing.
fn powers(grants: &Value, values: &Value) -> [Powers; POLICIES] {
    let mut images = BTreeSet::new();
    collect_images(values, &mut images);
    let granted = Powers {
        privileged: grants["privileged"] == true,
        fuse: grants["fuse"] == true,
        host_network: grants["host-network"] == true,
        host_paths: texts(&grants["host-paths"]),
        system_priority: grants["system-priority"] == true,
        images,
    };
    let mounts = Powers {
        fuse: true,
        images: granted.images.clone(),
        ..Powers::default()
    };
    let privileged = Powers {
        privileged: true,
        ..mounts.clone()
    };
    let unprivileged = Powers {
        privileged: false,
        fuse: false,
        ..granted.clone()
    };
    [granted, mounts, privileged, unprivileged, Powers::default()]
}

/// The images that right values name, which are those of the registration or of the user.
fn collect_images(values: &Value, images: &mut BTreeSet<String>) {
    match values {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let tag = fields.get(&format!("{key}Tag")).and_then(Value::as_str);
                match (inner, tag) {
                    (Value::String(image), Some(tag)) => images.extend([format!("{image}:{tag}")]),
                    (Value::String(image), None) if key == "image" => images.extend([image.clone()]),
                    _ => collect_images(inner, images),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_images(inner, images)),
        _ => {}
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let documents = yaml_serde::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// The cases that the plugins of the charts are tested with, by names like `juicefs/bare`.
fn cases() -> BTreeMap<String, Case> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cases = BTreeMap::new();
    for (name, directory) in CHARTS {
        let chart = support::pack(&root.join("charts").join(name));
        let plugin = root.join("plugins").join(name);
        let registration = documents(&plugin.join("plugin.yaml")).remove(0);
        for manifest in support::sorted(&plugin.join("tests/cases")) {
            if manifest.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let case = manifest.file_stem().unwrap().to_str().unwrap();
            let values = plugin.join(format!("tests/cases/golden/{case}.values.yaml"));
            let values = documents(&values).remove(0);
            let grants = &registration["grants"];
            let prepared = Case::of(&chart, directory, grants, &documents(&manifest), values);
            cases.insert(format!("{name}/{case}"), prepared);
        }
    }
    cases
}

/// What is tried: the name of a case, and values for its chart.
#[derive(Deserialize)]
struct Input {
    case: String,
    values: Value,
}

fn input(case: &str, values: &Value) -> Vec<u8> {
    json!({"case": case, "values": values}).to_string().into_bytes()
}

/// Values without what a policy with few grants refuses of any chart, so that the rest of them is judged.
fn modest(values: &Value) -> Value {
    match values {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| *key != "priorityClassName");
            let modest = |key: &str, inner: &Value| match key {
                "hostNetwork" | "useHostNetwork" | "hostPID" | "criticalPod" => Value::Bool(false),
                _ => modest(inner),
            };
            Value::Object(kept.map(|(key, inner)| (key.clone(), modest(key, inner))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(modest).collect()),
        other => other.clone(),
    }
}

/// All right values as they are and in their modest form, and the least of each chart with one harmful
/// field in one of its parts, in both forms.
fn seeds(cases: &BTreeMap<String, Case>) -> Vec<Vec<u8>> {
    let right = cases.iter().flat_map(|(name, case)| {
        let forms = [case.values.clone(), modest(&case.values)];
        forms.map(|values| input(name, &values))
    });
    let mut seeds: Vec<Vec<u8>> = right.collect();
    for (chart, _) in CHARTS {
        let name = format!("{chart}/{LEAST}");
        for part in PARTS {
            for (field, value) in harmful() {
                for mut values in [cases[&name].values.clone(), modest(&cases[&name].values)] {
                    if let Some(Value::Object(fields)) = values.pointer_mut(part) {
                        fields.insert(field.to_owned(), value.clone());
                        seeds.push(input(&name, &values));
                    }
                }
            }
        }
    }
    seeds
}

/// Helm's engine, for threads without a runtime.
struct Helm {
    renderer: Renderer,
    runtime: Runtime,
}

impl Helm {
    fn open() -> Self {
        // What takes long is refused well before libFuzzer takes it for something that hangs.
        let limits = Limits {
            deadline: Duration::from_secs(2),
            parallel: 1,
            ..Limits::default()
        };
        Self {
            renderer: support::renderer().with_limits(limits),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn render(&self, case: &Case, values: &Value) -> Result<Rendered, RenderError> {
        let rendering = self.renderer.render(&case.chart, &case.meta, values);
        self.runtime.block_on(rendering)
    }
}

/// Renders and checks an input. What is none, or what Helm refuses, is not installed.
fn try_one(helm: &Helm, cases: &BTreeMap<String, Case>, bytes: &[u8]) {
    let Ok(input) = serde_json::from_slice::<Input>(bytes) else {
        return;
    };
    let Some(case) = cases.get(&input.case) else { return };
    if let Ok(rendered) = helm.render(case, &input.values) {
        case.check(&rendered);
    }
}

#[test]
fn no_values_of_a_plugin_get_power_over_nodes_past_the_policy() {
    let (helm, cases) = (Helm::open(), cases());
    for (chart, _) in CHARTS {
        let case = &cases[&format!("{chart}/{LEAST}")];
        let rendered = helm.render(case, &case.values);
        let rendered = rendered.unwrap_or_else(|error| panic!("{chart}: {error}"));
        let refusal = case.policies[0].admit_release(&rendered);
        assert!(refusal.is_ok(), "the right values of {chart} are refused: {refusal:?}");
        let found = case.beyond(&rendered, &Policy::default());
        assert!(!found.is_empty(), "what the clients of {chart} have is overlooked");
    }
    let mut admitted = [false; POLICIES];
    for case in cases.values() {
        if let Ok(rendered) = helm.render(case, &modest(&case.values)) {
            for (admitted, policy) in admitted.iter_mut().zip(&case.policies) {
                *admitted |= policy.admit_release(&rendered).is_ok();
            }
        }
    }
    assert_eq!(
        admitted, [true; POLICIES],
        "a policy that refuses everything proves nothing"
    );
    let seeds = seeds(&cases);
    let nearly = cases.iter().flat_map(|(name, case)| {
        [case.values.clone(), modest(&case.values)].map(|values| {
            let name = name.clone();
            json(&values, harmful()).prop_map(move |values| input(&name, &values))
        })
    });
    let inputs = Union::new(nearly.collect::<Vec<_>>());
    check(150, inputs, seeds, move |input| try_one(&helm, &cases, input));
}
