//! Clusters come up, work, and leave nothing behind. Ignored by default, because a first run builds
//! Kubernetes; run with `cargo test -p wasser-test-cluster --test cluster -- --ignored`.

#![allow(clippy::unwrap_used)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use wasser_test_cluster::machine::process::wait;
use wasser_test_cluster::packages::images;
use wasser_test_cluster::{Cluster, Node, Options, real};

/// A pod that mounts something where a second one sees it.
const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: mounter}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: busybox:stable
      command:
        - sh
        - -c
        - mkdir -p /shared/inner && mount -t tmpfs shared /shared/inner && echo mounted && exec sleep 1000
      securityContext: {privileged: true}
      volumeMounts: [{name: shared, mountPath: /shared, mountPropagation: Bidirectional}]
  volumes: [{name: shared, hostPath: {path: /data/shared, type: DirectoryOrCreate}}]
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: busybox:stable
      command: [sleep, "1000"]
      volumeMounts: [{name: shared, mountPath: /seen, mountPropagation: HostToContainer}]
  volumes: [{name: shared, hostPath: {path: /data/shared, type: DirectoryOrCreate}}]
"#;

/// Takes the cluster down however the test ends.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = Cluster::down(self.0) {
            eprintln!("{error:#}");
        }
    }
}

fn names(directory: &str) -> BTreeSet<String> {
    fs::read_dir(directory)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().file_name().display().to_string())
                .collect()
        })
        .unwrap_or_default()
}

/// What a cluster of this name might leave on the machine: links, mounts, cgroups, processes,
/// files.
fn traces(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(
        fs::read_to_string("/proc/mounts")
            .unwrap()
            .lines()
            .filter(|line| line.contains(&format!("/target/{name}/")))
            .map(str::to_owned),
    );
    for directory in ["/sys/fs/cgroup".to_owned()].into_iter().chain(
        names("/sys/fs/cgroup")
            .into_iter()
            .map(|name| format!("/sys/fs/cgroup/{name}")),
    ) {
        found.extend(
            names(&directory)
                .into_iter()
                .filter(|folder| *folder == format!("wasser-{name}")),
        );
    }
    for process in names("/proc").iter().filter(|name| name.parse::<u32>().is_ok()) {
        let command = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        found.extend(command.contains(&format!("/target/{name}/")).then_some(command));
    }
    found
}

fn apply(cluster: &Cluster, manifest: &str) {
    let mut child = cluster
        .kubectl_command()
        .args(["apply", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), manifest.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "builds Kubernetes if it is not in the cache"]
fn fake_nodes_make_pods_ready_and_leave_nothing() {
    const NAME: &str = "cluster-self-fake";
    let _guard = Guard(NAME);
    let mut cluster = Cluster::up(&Options::fake(NAME, 2)).unwrap();
    apply(&cluster, PODS);
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Ready",
            "pod/mounter",
            "pod/reader",
            "--timeout=20s",
        ])
        .unwrap();
    assert_eq!(
        cluster.kubectl(&["get", "nodes", "-o", "name"]).unwrap(),
        "node/node1\nnode/node2\n"
    );
    cluster.load_image(&images::Image::new("example.org/x:1")).unwrap();
    let again = Cluster::up(&Options {
        node: None,
        ..Options::fake(NAME, 2)
    })
    .unwrap();
    assert_eq!(again.state().unwrap().server, cluster.state().unwrap().server);
    cluster.restart("kube-apiserver").unwrap();
    cluster
        .wait("pods after a restart", &["get", "pods", "-o", "name"], |text| {
            text == "pod/mounter\npod/reader\n"
        })
        .unwrap();
    assert!(cluster.restart("kubelet").is_err());

    assert!(Cluster::down(NAME).unwrap());
    assert!(!Cluster::down(NAME).unwrap());
    assert_eq!(traces(NAME), [""; 0]);
}

#[test]
#[ignore = "builds Kubernetes if it is not in the cache, and needs root"]
fn a_real_node_runs_pods_shares_their_mounts_and_leaves_nothing() {
    const NAME: &str = "cluster-self-real";
    if let Some(why) = real::unmet_requirement() {
        eprintln!("skipped: {why}");
        return;
    }
    let links = names("/sys/class/net");
    let _guard = Guard(NAME);
    let mut cluster = Cluster::up(&Options {
        node: Some(Node::Real),
        ..Options::fake(NAME, 1)
    })
    .unwrap();
    apply(&cluster, PODS);
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Ready",
            "pod/mounter",
            "pod/reader",
            "--timeout=60s",
        ])
        .unwrap();
    let seen = || {
        cluster
            .kubectl(&["exec", "reader", "--", "cat", "/proc/mounts"])
            .unwrap()
            .contains(" /seen/inner tmpfs")
    };
    assert!(wait(Duration::from_secs(20), seen));
    assert_eq!(cluster.kubectl(&["logs", "mounter"]).unwrap(), "mounted\n");
    let api = [
        "exec",
        "reader",
        "--",
        "sh",
        "-c",
        "nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null && echo reached",
    ];
    assert_eq!(cluster.kubectl(&api).unwrap(), "reached\n");

    let url = cluster.redis().unwrap();
    assert_eq!(url, cluster.redis().unwrap());
    let address = url
        .trim_start_matches("redis://")
        .trim_end_matches("/1")
        .replace(':', " ");
    let ping = format!("(echo PING; sleep 1) | nc -w 5 {address} | head -n 1");
    assert_eq!(
        cluster
            .kubectl(&["exec", "reader", "--", "sh", "-c", &ping])
            .unwrap()
            .trim(),
        "+PONG"
    );

    // Pods outlive a restart of the kubelet.
    cluster.restart("kubelet").unwrap();
    cluster
        .wait("the restarted kubelet", &["exec", "reader", "--", "true"], |_| true)
        .unwrap();

    assert!(Cluster::down(NAME).unwrap());
    assert_eq!(traces(NAME), [""; 0]);
    assert_eq!(names("/sys/class/net"), links);
}
