//! What runs on nodes: the DaemonSets of the node plugin and of EFC's session manager.

use serde_json::{Value, json};

use crate::{BEGINS, chart, made, with};

/// The DaemonSet of a template.
fn daemon_set(text: &str, template: &str) -> Value {
    let source = format!("wasser/templates/{template}/daemonset.yaml");
    let set = text.split(BEGINS).find(|object| object.starts_with(&source)).unwrap();
    let (_source, set) = set.split_once('\n').unwrap();
    yaml_serde::from_str(set).unwrap()
}

/// The directories and files of its node that the node plugin mounts.
fn node_paths(set: &Value) -> Vec<String> {
    let pods = &set["spec"]["template"]["spec"];
    let mounts = pods["containers"][0]["volumeMounts"].as_array().unwrap();
    let volumes = pods["volumes"].as_array().unwrap();
    for volume in volumes {
        assert!(mounts.iter().any(|mount| mount["name"] == volume["name"]), "{volume}");
    }
    assert_eq!(mounts.len(), volumes.len(), "{pods}");
    let paths = volumes.iter().filter_map(|volume| volume["hostPath"]["path"].as_str());
    paths.map(str::to_owned).collect()
}

/// A mount below the kubelet's directory, which is shared with the node, stays there for ever.
#[tokio::test]
async fn what_is_below_the_kubelets_directory_is_mounted_with_it() {
    for (config, certificates, paths) in [
        (
            "/etc/kubelet.conf",
            "/etc/pki",
            "/var/lib/kubelet /runtime-mnt /etc/kubelet.conf /etc/pki",
        ),
        (
            "/var/lib/kubelet/kubeconfig",
            "/var/lib/kubelet/pki",
            "/var/lib/kubelet /runtime-mnt",
        ),
        (
            "/var/lib/kubelet-kubeconfig",
            "",
            "/var/lib/kubelet /runtime-mnt /var/lib/kubelet-kubeconfig",
        ),
    ] {
        let values = json!({"useNodeAuthorization": true, "certDir": certificates,
            "kubelet": {"rootDir": "/var/lib/kubelet/", "kubeConfigFile": config}});
        let text = with("csi", values).await.unwrap();
        assert_eq!(node_paths(&daemon_set(&text, "csi")).join(" "), paths);
        assert!(text.contains(&format!("--kubelet-kube-config={config}\n")), "{config}");
    }
}

#[tokio::test]
async fn an_upgrade_replaces_node_plugins_one_after_the_other_or_as_many_at_once_as_wanted() {
    for most in [Value::Null, json!(3), json!("10%")] {
        let text = with("csi.maxUnavailable", most.clone()).await.unwrap();
        let set = daemon_set(&text, "csi");
        let strategy = &set["spec"]["updateStrategy"]["rollingUpdate"];
        assert_eq!(strategy["maxUnavailable"], most);
    }
}

/// A namespace with a quota takes no pod with a container that does not say.
#[tokio::test]
async fn all_containers_of_the_session_manager_have_its_resources() {
    let resources = json!({"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    let values = json!({"enabled": true, "resources": resources});
    let set = daemon_set(&with("efc.sessionManager", values).await.unwrap(), "efc");
    for containers in ["initContainers", "containers"] {
        for container in set["spec"]["template"]["spec"][containers].as_array().unwrap() {
            assert_eq!(container["resources"], resources, "{container}");
        }
    }
}

/// Strict readers refuse a key that is there twice.
#[tokio::test]
async fn a_label_of_pods_takes_the_place_of_the_one_for_all_objects() {
    let values = json!({"commonLabels": {"team": "platform", "zone": "a"}, "csi": {"podLabels": {"team": "nodes"}}});
    let text = made(&chart().1, &values).await.unwrap();
    let set = daemon_set(&text, "csi");
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["team"], "nodes");
    assert_eq!(labels["zone"], "a");
    let object = text
        .split(BEGINS)
        .find(|object| object.starts_with("wasser/templates/csi/daemonset.yaml"));
    let teams: Vec<&str> = object.unwrap().lines().filter(|line| line.contains("team:")).collect();
    assert_eq!(teams, ["    team: platform", "        team: nodes"]);
}
