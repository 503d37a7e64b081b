//! The chart that installs Wasser, with the registration of a built-in plugin in it, as a release
//! has them.
//!
//! `UPDATE=1` rewrites what is expected; with `HELM=/path/to/helm` it is compared with what the
//! real `helm` makes of the chart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

#[path = "installer/nodes.rs"]
mod nodes;
#[path = "installer/rights.rs"]
mod rights;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{difference, meta, pack, rendered, renderer, sorted, template};
use tempfile::TempDir;
use wasser_chart::Capabilities;

/// Where each object of a manifest begins.
const BEGINS: &str = "---\n# Source: ";
/// The template of the CRDs, which are long and have golden files of their own.
const CRDS: &str = "wasser/templates/crds.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart as `cargo xtask image` makes it of one plugin, with a digest that is none.
fn chart() -> (TempDir, PathBuf) {
    chart_with(&["juicefs"])
}

/// The names of all built-in plugins.
fn built_in() -> Vec<String> {
    let plugins = sorted(&root().join("plugins")).into_iter();
    let registered = plugins.filter(|plugin| plugin.join("plugin.yaml").exists());
    registered
        .map(|plugin| plugin.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// The same with these plugins.
fn chart_with(plugins: &[impl AsRef<str>]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let chart = directory.path().join("wasser");
    copy(&root().join("charts/wasser"), &chart);
    fs::create_dir(chart.join("files/plugins")).unwrap();
    for plugin in plugins {
        let plugin = plugin.as_ref();
        let registration = fs::read_to_string(root().join(format!("plugins/{plugin}/plugin.yaml"))).unwrap();
        let registration = registration
            .replace("{inline: ", "{path: ")
            .replace("digest: \"\"", &format!("digest: sha256:{}", "0".repeat(64)));
        fs::write(chart.join(format!("files/plugins/{plugin}.yaml")), registration).unwrap();
    }
    fs::write(chart.join("files/architecture"), "amd64").unwrap();
    (directory, chart)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The objects of a manifest, without and with CRDs.
fn split(manifest: &str) -> (String, Vec<String>) {
    let objects = manifest.split(BEGINS).filter(|object| !object.is_empty());
    let (crds, others): (Vec<&str>, Vec<&str>) = objects.partition(|object| object.starts_with(CRDS));
    let others = others.into_iter().flat_map(|object| [BEGINS, object]).collect();
    (others, crds.into_iter().map(str::to_owned).collect())
}

#[tokio::test]
async fn values_make_the_objects_that_are_expected_of_them() {
    let (_directory, chart) = chart();
    let (packed, here) = (
        pack(&chart),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/installer"),
    );
    let mut differences = Vec::new();
    for values in sorted(&here.join("cases")) {
        let name = values.file_name().unwrap().to_str().unwrap();
        let output = rendered(&packed, Some(&values)).await;
        if let Some(helm) = std::env::var_os("HELM") {
            differences.extend(difference(
                &format!("{name} by helm"),
                &template(&helm, &chart, Some(&values)),
                &output,
            ));
        }
        let (objects, crds) = split(&output.unwrap_or_else(|error| panic!("{name}: {error}")));
        let kept = crds
            .iter()
            .filter(|crd| crd.contains("helm.sh/resource-policy: keep"))
            .count();
        let wanted = if name == "no-csi.yaml" {
            0
        } else {
            sorted(&root().join("crds")).len()
        };
        assert_eq!(
            (crds.len(), kept),
            (wanted, wanted),
            "{name}: CRDs, and those that stay"
        );
        let expected = here.join("expected").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &objects).unwrap();
        }
        let expected = fs::read_to_string(&expected).map_err(|error| format!("{}: {error}", expected.display()));
        differences.extend(difference(name, &expected, &Ok(objects)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// CRDs with `optionalOldSelf` are refused by Kubernetes before 1.30.
#[tokio::test]
async fn rules_for_names_come_where_the_api_server_knows_them() {
    let (_directory, chart) = chart();
    let packed = pack(&chart);
    let has_rules = |crd: &&String| crd.contains("optionalOldSelf: true");
    let files = sorted(&root().join("crds"));
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let all = texts.iter().filter(has_rules).count();
    assert!(all >= 5, "{all}");
    for (version, rules) in [("v1.29.9", 0), ("v1.30.0", all), ("v1.35.1", all)] {
        let capabilities = Capabilities {
            kube_version: Some(version.to_owned()),
            ..Capabilities::default()
        };
        let renderer = renderer().with_capabilities(capabilities);
        let rendered = renderer.render(&packed, &meta(), &serde_json::json!({})).await.unwrap();
        let (_, crds) = split(&rendered.template());
        assert_eq!(crds.iter().filter(has_rules).count(), rules, "{version}");
        assert!(crds.iter().all(|crd| crd.contains("openAPIV3Schema:")), "{version}");
    }
}

/// The policy that confines the account of the node plugin.
const NODE_POLICY: &str = "csi/policy.yaml";

#[tokio::test]
async fn the_node_plugin_is_confined_where_the_api_server_can() {
    let (_directory, chart) = chart();
    let packed = pack(&chart);
    let served = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy";
    for (version, more, confined) in [
        ("v1.29.9", None, false),
        ("v1.29.9", Some(served), true),
        ("v1.30.0", None, true),
        ("v1.35.1", None, true),
    ] {
        let more_versions = more.map(str::to_owned).into_iter().collect();
        let capabilities = Capabilities::fixed(Some(version.to_owned()), more_versions);
        let renderer = renderer().with_capabilities(capabilities);
        let rendered = renderer.render(&packed, &meta(), &serde_json::json!({})).await.unwrap();
        assert_eq!(
            rendered.template().contains(NODE_POLICY),
            confined,
            "{version} {more:?}"
        );
    }
    for value in ["ownNodeOnly", "useNodeAuthorization", "enabled"] {
        let rendered = with(&format!("csi.{value}"), (value == "useNodeAuthorization").into()).await;
        assert!(!rendered.unwrap().contains(NODE_POLICY), "{value}");
    }
}

#[tokio::test]
async fn a_session_manager_listens_below_the_mount_root_where_it_is_wanted() {
    let by_default = with("efc.sessionManager.enabled", false.into()).await.unwrap();
    assert!(!by_default.contains("efc-sock"));
    let values = serde_json::json!({"efc": {"sessionManager": {"enabled": true}}, "runtime": {"mountRoot": "/data/"}});
    let (_directory, chart) = chart();
    let rendered = renderer()
        .render(&pack(&chart), &meta(), &values)
        .await
        .unwrap()
        .template();
    let set = rendered
        .split(BEGINS)
        .find(|object| object.contains("efc-sock"))
        .unwrap();
    let (_source, set) = set.split_once('\n').unwrap();
    let set: Value = yaml_serde::from_str(set).unwrap();
    let pods = &set["spec"]["template"]["spec"];
    assert_eq!(pods["volumes"][0]["hostPath"]["path"], "/data/efc-sock");
    assert_eq!(
        pods["nodeSelector"],
        serde_json::json!({"fluid.io/efc-sessmgr": "true"})
    );
    // Clients look for it where the plugin's are, in its version.
    let registration = fs::read_to_string(root().join("plugins/efc/plugin.yaml")).unwrap();
    for container in ["initContainers", "containers"] {
        let image = pods[container][0]["image"].as_str().unwrap();
        assert!(registration.contains(&format!(": {image}\n")), "{image}");
    }
}

#[tokio::test]
async fn only_api_servers_that_are_named_reach_the_webhook() {
    let values = serde_json::json!({"enabled": true, "from": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]});
    let text = with("webhook.networkPolicy", values).await.unwrap();
    let policy = text
        .split(BEGINS)
        .find(|object| object.contains("kind: NetworkPolicy"))
        .unwrap();
    let (_source, policy) = policy.split_once('\n').unwrap();
    let policy: Value = yaml_serde::from_str(policy).unwrap();
    let expected = serde_json::json!([{"from": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        "ports": [{"port": "https", "protocol": "TCP"}]}]);
    assert_eq!(policy["spec"]["ingress"], expected);
    assert!(
        !with("webhook.replicas", 1.into())
            .await
            .unwrap()
            .contains("kind: NetworkPolicy")
    );
}

/// The rules about Secrets in the operator's ClusterRole.
fn secret_rules(text: &str) -> Vec<Value> {
    let mut rules = operator_rules(text);
    rules.retain(|rule| rule["resources"].to_string().contains("secrets"));
    rules
}

#[tokio::test]
async fn the_operator_has_no_right_to_secrets_of_others_where_records_are_in_config_maps() {
    let by_default = with_all(&serde_json::json!({})).await;
    for plugin in built_in() {
        assert!(by_default.contains(&format!("\n  name: {plugin}\n")), "{plugin}");
    }
    assert_eq!(secret_rules(&by_default).len(), 1);
    assert!(!by_default.contains("--look-up-secrets") && by_default.contains("WASSER_HELM_DRIVER, value: secret"));
    let config_maps = with_all(&serde_json::json!({"runtime": {"helmDriver": "configmap"}})).await;
    assert_eq!(secret_rules(&config_maps), Vec::<Value>::new());
    assert!(
        config_maps.contains("--look-up-secrets=false") && config_maps.contains("WASSER_HELM_DRIVER, value: configmap")
    );
    let both = serde_json::json!({"runtime": {"helmDriver": "configmap", "lookUpSecrets": true}});
    let both = with_all(&both).await;
    assert_eq!(secret_rules(&both)[0]["verbs"], serde_json::json!(["get"]));
    assert!(!both.contains("--look-up-secrets"));
    // Whoever lets a plugin keep something in Secrets gives the operator the right.
    let thin = serde_json::json!({"settings": {"fuse-config-storage": "secret"},
        "grants": {"kinds": ["StatefulSet", "DaemonSet", "ConfigMap", "Secret"]}});
    let kept = serde_json::json!({"runtime": {"helmDriver": "configmap"}, "plugins": {"thin": thin}});
    let kept = with_all(&kept).await;
    let all = serde_json::json!(["get", "create", "patch", "delete"]);
    assert_eq!(secret_rules(&kept)[0]["verbs"], all);
}

/// A rendering with one value other than by default.
async fn with(path: &str, value: Value) -> Result<String, String> {
    let values = path
        .rsplit('.')
        .fold(value, |value, key| serde_json::json!({key: value}));
    made(&chart().1, &values).await
}

/// A rendering with all built-in plugins.
async fn with_all(values: &Value) -> String {
    made(&chart_with(&built_in()).1, values).await.unwrap()
}

async fn made(chart: &Path, values: &Value) -> Result<String, String> {
    let rendered = renderer().render(&pack(chart), &meta(), values).await;
    rendered
        .map(|rendered| rendered.template())
        .map_err(|error| error.to_string())
}

/// The rules of the operator's ClusterRole.
fn operator_rules(text: &str) -> Vec<Value> {
    let object = |object: &str| {
        let (_source, object) = object.split_once('\n')?;
        yaml_serde::from_str::<Value>(object).ok()
    };
    let is_operators =
        |object: &Value| object["kind"] == "ClusterRole" && object["rules"].to_string().contains("datasets/status");
    let role = text.split(BEGINS).filter_map(object).find(is_operators).unwrap();
    role["rules"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_other_plugins_need_is_in_maps_that_add_up_or_in_lists() {
    let rule = serde_json::json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]});
    let maps = serde_json::json!({
        "runtimes": {"MyRuntime": true, "YourRuntime": true, "OurRuntime": false},
        "kinds": {"Deployment": true, "Certificate.cert-manager.io": true},
        "objects": {"ReplicaSet": true, "MyClass@/spec/class": true},
        "extraRules": {"MyRuntime": [rule], "YourRuntime": []},
    });
    let lists = serde_json::json!({
        "runtimes": ["MyRuntime", "YourRuntime"], "kinds": ["Deployment", "Certificate.cert-manager.io"],
        "objects": ["ReplicaSet", "MyClass@/spec/class"], "extraRules": [rule],
    });
    let (by_maps, by_lists) = (with("rbac", maps).await.unwrap(), with("rbac", lists).await.unwrap());
    assert_eq!(by_maps, by_lists);
    let rules = operator_rules(&by_maps);
    assert!(rules.contains(&rule), "{rules:?}");
    let verbs = |resource: &str| {
        let of = rules
            .iter()
            .filter(|rule| rule["resources"].as_array().unwrap().contains(&resource.into()));
        of.map(|rule| rule["verbs"].to_string()).collect::<Vec<_>>().join(" ")
    };
    for served in ["myruntimes", "yourruntimes"] {
        assert!(verbs(served).contains("list"), "{served}: {}", verbs(served));
    }
    assert_eq!(verbs("ourruntimes"), "");
    for (installed, verbs_of) in [
        ("deployments", "create"),
        ("certificates", "create"),
        ("replicasets", "get"),
        ("myclasses", "watch"),
    ] {
        assert!(verbs(installed).contains(verbs_of), "{installed}: {}", verbs(installed));
    }
}

#[tokio::test]
async fn values_that_cannot_work_are_refused_by_name() {
    let bad = [
        ("operator.replica", serde_json::json!(3), "replica"),
        ("operator.workers", serde_json::json!(0), "/operator/workers"),
        (
            "operator.maxUnavailable",
            serde_json::json!("half"),
            "/operator/maxUnavailable",
        ),
        ("csi.publishTimeout", serde_json::json!(30), "/csi/publishTimeout"),
        ("csi.publishTimeout", serde_json::json!("0s"), "/csi/publishTimeout"),
        (
            "runtime.syncRetryDuration",
            serde_json::json!("0h0.0s"),
            "/runtime/syncRetryDuration",
        ),
        (
            "commonLabels",
            serde_json::json!({"app.kubernetes.io/part-of": "data-platform"}),
            "app.kubernetes.io/part-of",
        ),
        (
            "csi.podLabels",
            serde_json::json!({"app.kubernetes.io/name": "node"}),
            "app.kubernetes.io/name",
        ),
        ("csi.maxUnavailable", serde_json::json!(0), "/csi/maxUnavailable"),
        ("csi.maxUnavailable", serde_json::json!("0%"), "/csi/maxUnavailable"),
        (
            "csi.nodePublishMethod",
            serde_json::json!("bind"),
            "/csi/nodePublishMethod",
        ),
        (
            "csi.kubelet.rootDir",
            serde_json::json!("var/lib/kubelet"),
            "/csi/kubelet/rootDir",
        ),
        (
            "runtime.syncScheduleInfoNodeExcludeSelector",
            serde_json::json!("pool"),
            "NodeExcludeSelector",
        ),
        (
            "webhook",
            serde_json::json!({"networkPolicy": {"enabled": true}}),
            "webhook.networkPolicy.from",
        ),
        (
            "webhook",
            serde_json::json!({"hostNetwork": true, "networkPolicy": {"enabled": true, "from": [{}]}}),
            "webhook.hostNetwork",
        ),
        ("runtime.references", serde_json::json!("nobody"), "/runtime/references"),
        (
            "efc.sessionManager.updateStrategy",
            serde_json::json!("Recreate"),
            "/efc/sessionManager/updateStrategy",
        ),
        ("image.pullPolicy", serde_json::json!("Sometimes"), "/image/pullPolicy"),
        ("rbac.kinds", serde_json::json!(["deployments"]), "/rbac/kinds"),
        ("rbac.kinds", serde_json::json!({"deployments": true}), "/rbac/kinds"),
        (
            "rbac.runtimes",
            serde_json::json!({"MyRuntime": "yes"}),
            "/rbac/runtimes",
        ),
        (
            "plugins",
            serde_json::json!({"juicefs": {"image": "x"}}),
            "/plugins/juicefs",
        ),
        ("plugins", serde_json::json!({"juicef": {}}), "no built-in plugin"),
        (
            "pluginRegistries.keys",
            serde_json::json!({"configMap": "keys", "secret": "keys"}),
            "pluginRegistries.keys: both",
        ),
        (
            "pluginRegistries.plainHTTP",
            serde_json::json!(["http://registry.local"]),
            "/pluginRegistries/plainHTTP",
        ),
    ];
    for (path, value, says) in bad {
        let error = with(path, value).await.expect_err(path);
        assert!(error.contains(says), "{path}: {error}");
    }
}

#[tokio::test]
async fn keys_for_plugins_come_from_a_secret_as_well() {
    let text = with("pluginRegistries.keys.secret", "trusted".into()).await.unwrap();
    assert!(
        text.contains("WASSER_PLUGIN_KEYS, value: /etc/wasser/plugin-keys") && text.contains("secretName: trusted"),
        "{text}"
    );
    let by_default = with("pluginRegistries.keys.secret", "".into()).await.unwrap();
    assert!(!by_default.contains("plugin-keys"), "{by_default}");
}

#[tokio::test]
async fn the_dashboard_is_json_where_grafanas_sidecar_looks() {
    let values = serde_json::json!({"enabled": true, "namespace": "monitoring", "labels": {"a": "b"}});
    let text = with("metrics.dashboard", values).await.unwrap();
    let object = text
        .split(BEGINS)
        .find(|object| object.contains("grafana_dashboard"))
        .unwrap();
    let (_source, object) = object.split_once('\n').unwrap();
    let map: Value = yaml_serde::from_str(object).unwrap();
    assert_eq!(map["metadata"]["namespace"], "monitoring");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(map["metadata"]["labels"]["a"], "b");
    let dashboard: Value = serde_json::from_str(map["data"]["wasser.json"].as_str().unwrap()).unwrap();
    assert_eq!(dashboard["title"], "Wasser");
    assert!(
        !with("operator.replicas", serde_json::json!(1))
            .await
            .unwrap()
            .contains("grafana_dashboard")
    );
}

/// The values of a map, by their paths.
fn paths(values: &Value, path: &str, found: &mut Vec<String>) {
    match values {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                paths(value, &format!("{path}/{key}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn the_schema_describes_every_value() {
    let chart = root().join("charts/wasser");
    let values: Value = yaml_serde::from_str(&fs::read_to_string(chart.join("values.yaml")).unwrap()).unwrap();
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart.join("values.schema.json")).unwrap()).unwrap();
    let mut all = Vec::new();
    paths(&values, "", &mut all);
    assert!(all.len() > 40, "{all:?}");
    // What is below these is as Kubernetes has it.
    let free = ["resources", "tolerations"];
    for path in all {
        let mut here = &schema;
        for key in path.split('/').skip(1) {
            here = &here["properties"][key];
            assert!(
                here["description"].is_string(),
                "values.schema.json does not describe {path}"
            );
            if free.contains(&key) {
                break;
            }
        }
    }
}
