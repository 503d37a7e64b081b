//! kubelet, kube-proxy and the name server on the node.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::namespaces::NodeNamespaces;
use super::network::NODE;
use super::{cgroup, containerd, files, network};
use crate::cluster::state::State;

/// Starts all three.
pub fn start(state: &mut State, node: &NodeNamespaces, number: u8) -> Result<()> {
    let copy = |file: &str| -> Result<String> {
        let from = state.pki(file);
        files::write(
            node.root(),
            file,
            &fs::read_to_string(&from).with_context(|| format!("reading {from}"))?,
        )
    };
    let (kubelet_config, proxy_config) = (copy("kubelet.kubeconfig")?, copy("proxy.kubeconfig")?);
    // Pods must not ask the machine's name servers.
    let resolver = files::write(node.root(), "resolv.conf", "")?;
    let settings = kubelet(&cgroup::path(&state.name), number, &resolver);
    let file = files::write(node.root(), "kubelet.json", &settings.to_string())?;
    let flags = [
        format!("--config={file}"),
        format!("--kubeconfig={kubelet_config}"),
        format!("--hostname-override={NODE}"),
        format!("--node-ip={}", network::node_address(number)),
    ];
    spawn(state, node, "kubelet", &flags)?;
    let file = files::write(node.root(), "proxy.json", &proxy(number, &proxy_config).to_string())?;
    spawn(state, node, "kube-proxy", &[format!("--config={file}")])?;
    let flags = [
        format!("--kubeconfig={proxy_config}"),
        format!("--address={}:53", network::node_address(number)),
    ];
    spawn(state, node, "dns", &flags)
}

fn spawn(state: &mut State, node: &NodeNamespaces, part: &str, flags: &[String]) -> Result<()> {
    let command: Vec<&str> = ["/wasser/kubernetes", part]
        .into_iter()
        .chain(flags.iter().map(String::as_str))
        .collect();
    node.spawn(state, part, &command)
}

/// Returns the settings of the kubelet: cgroups of either version without systemd, no limits for
/// resources that it does not own, no pauses.
fn kubelet(cgroup: &str, number: u8, resolver: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", containerd::SOCKET),
        "address": network::node_address(number),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": "/wasser/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": "/wasser/pki/kubelet.crt",
        "tlsPrivateKeyFile": "/wasser/pki/kubelet.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": false,
        "enforceNodeAllocatable": ["none"],
        "oomScoreAdj": 0,
        "failSwapOn": false,
        // As small as possible, because others use the machine's disk too.
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "200Mi",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "200Mi",
            "imagefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 250,
        "serializeImagePulls": false,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "resolvConf": resolver,
        "clusterDomain": "cluster.local",
        "clusterDNS": [network::node_address(number)],
    })
}

/// Returns the settings of kube-proxy, which must not change the machine's conntrack.
fn proxy(number: u8, kubeconfig: &str) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": NODE,
        "clusterCIDR": network::pods(number),
        "clientConnection": {"kubeconfig": kubeconfig},
        "bindAddress": network::node_address(number),
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_the_cluster_s_own() {
        let settings = kubelet("/wasser-cluster", 201, "/wasser/resolv.conf");
        assert_eq!(settings["cgroupRoot"], "/wasser-cluster");
        assert_eq!(settings["clusterDNS"][0], "10.201.255.2");
        assert_eq!(settings["address"], "10.201.255.2");
        assert_eq!(proxy(201, "/wasser/proxy.kubeconfig")["clusterCIDR"], "10.201.0.0/17");
    }
}
