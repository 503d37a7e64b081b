//! etcd, API server, controller manager and scheduler, as processes of this machine.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::running::Cluster;
use super::state::State;
use super::{kubeconfig, pki};
use crate::machine::ports::free_ports;
use crate::machine::process::wait;
use crate::machine::tools::Tool;

/// How long the API server may take to become ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// Records the requests of Wasser's service accounts alone, to compare them with what these
/// accounts are allowed.
const AUDIT_POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: ["system:serviceaccounts:wasser-system"]
  - level: None
"#;

/// The addresses of the API server, of Services and of the node.
pub struct Network {
    /// Its address, on loopback or on the link to the node.
    pub address: Ipv4Addr,
    /// The range of Services as CIDR, and its first address, under which pods reach the API server.
    pub services: (String, Ipv4Addr),
    /// Whether pods can reach the API server at its address.
    pub reachable: bool,
    /// The real node; `None` if all nodes are fake.
    pub node: Option<NodeAddress>,
}

/// A real node, as its certificates name it.
#[derive(Clone, Copy)]
pub struct NodeAddress {
    /// Its name in the API server.
    pub name: &'static str,
    /// Where the API server reaches its kubelet.
    pub address: Ipv4Addr,
}

/// Starts everything and waits until the API server is ready and pods can be created.
pub fn start(state: &mut State, network: &Network) -> Result<Cluster> {
    let began = Instant::now();
    let kubernetes = Tool::Kubernetes.ensure()?.display().to_string();
    let [client_port, peer_port, manager_port] = free_ports(Ipv4Addr::LOCALHOST)?;
    let [api_port] = free_ports(network.address)?;
    state.server = format!("https://{}:{api_port}", network.address);
    credentials(state, network)?;

    let (etcd, peer) = (
        format!("http://127.0.0.1:{client_port}"),
        format!("http://127.0.0.1:{peer_port}"),
    );
    let data = state.directory.join("etcd").display().to_string();
    // A crash of the machine may lose the store, but then the cluster is started from nothing
    // anyway.
    let etcd_flags = [
        format!("--data-dir={data}"),
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls={etcd}"),
        format!("--advertise-client-urls={etcd}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--log-level=warn".to_owned(),
    ];
    spawn(state, &kubernetes, "etcd", &etcd_flags)?;
    let policy = state.directory.join("audit-policy.yaml");
    fs::write(&policy, AUDIT_POLICY).with_context(|| format!("writing {}", policy.display()))?;
    let mut api_flags = api_server_flags(state, network, &etcd, api_port);
    api_flags.push(format!("--audit-policy-file={}", policy.display()));
    api_flags.push(format!("--audit-log-path={}", state.log("audit").display()));
    spawn(state, &kubernetes, "kube-apiserver", &api_flags)?;
    let cluster = Cluster {
        kubeconfig: state.kubeconfig(),
        kubectl: vec![kubernetes.clone(), "kubectl".to_owned()],
        state: None,
    };
    ready(&cluster, state)?;
    command_line(state, &kubernetes)?;

    // Before the API server is ready, the controller manager ends with "forbidden".
    let manager_flags = [
        format!("--kubeconfig={}", state.pki("controller-manager.kubeconfig")),
        format!("--service-account-private-key-file={}", state.pki("tokens.key")),
        format!("--root-ca-file={}", state.pki("ca.crt")),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={manager_port}"),
        "--kube-api-qps=400".to_owned(),
        "--kube-api-burst=800".to_owned(),
        "--concurrent-statefulset-syncs=10".to_owned(),
    ];
    spawn(state, &kubernetes, "kube-controller-manager", &manager_flags)?;
    let scheduler_flags = [
        format!("--kubeconfig={}", state.pki("scheduler.kubeconfig")),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=400".to_owned(),
        "--kube-api-burst=800".to_owned(),
    ];
    spawn(state, &kubernetes, "kube-scheduler", &scheduler_flags)?;
    cluster.wait(
        "the service account `default`, without which no pod is admitted",
        &["get", "serviceaccount", "default"],
        |_| true,
    )?;
    eprintln!(
        "control plane ready after {:.1} s: {}",
        began.elapsed().as_secs_f32(),
        state.server
    );
    Ok(cluster)
}

fn api_server_flags(state: &State, network: &Network, etcd: &str, port: u16) -> Vec<String> {
    vec![
        format!("--etcd-servers={etcd}"),
        format!("--bind-address={}", network.address),
        format!("--advertise-address={}", network.address),
        format!("--secure-port={port}"),
        format!("--client-ca-file={}", state.pki("ca.crt")),
        format!("--tls-cert-file={}", state.pki("apiserver.crt")),
        format!("--tls-private-key-file={}", state.pki("apiserver.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--kubelet-certificate-authority={}", state.pki("ca.crt")),
        format!("--kubelet-client-certificate={}", state.pki("kubelet-client.crt")),
        format!("--kubelet-client-key={}", state.pki("kubelet-client.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", state.pki("tokens.pub")),
        format!("--service-account-signing-key-file={}", state.pki("tokens.key")),
        format!("--service-cluster-ip-range={}", network.services.0),
        format!(
            "--endpoint-reconciler-type={}",
            if network.reachable { "lease" } else { "none" }
        ),
        // A stop must not wait for clients.
        "--shutdown-delay-duration=0s".to_owned(),
    ]
}

/// Writes keys, certificates, and the kubeconfig files of the administrator and the components.
fn credentials(state: &State, network: &Network) -> Result<()> {
    let directory = state.directory.join("pki");
    let authority = pki::Authority::new()?;
    pki::write_file(&directory.join("ca.crt"), &authority.certificate)?;
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let addresses = [
        IpAddr::V4(network.address),
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4(network.services.1),
    ];
    pki::write(
        &directory,
        "apiserver",
        &authority.server("kube-apiserver", &names, &addresses)?,
    )?;
    pki::write(
        &directory,
        "kubelet-client",
        &authority.client("kube-apiserver-kubelet-client", Some("system:masters"))?,
    )?;
    let (public, private) = pki::token_keys()?;
    pki::write_file(&directory.join("tokens.pub"), &public)?;
    pki::write_file(&directory.join("tokens.key"), &private)?;

    let config = |path: &Path, user: &str, group: Option<&str>| {
        kubeconfig::write(
            path,
            &state.server,
            &authority.certificate,
            &authority.client(user, group)?,
        )
    };
    config(&state.kubeconfig(), "administrator", Some("system:masters"))?;
    config(
        &directory.join("controller-manager.kubeconfig"),
        "system:kube-controller-manager",
        None,
    )?;
    config(&directory.join("scheduler.kubeconfig"), "system:kube-scheduler", None)?;
    if let Some(NodeAddress { name: node, address }) = network.node {
        config(
            &directory.join("kubelet.kubeconfig"),
            &format!("system:node:{node}"),
            Some("system:nodes"),
        )?;
        config(&directory.join("proxy.kubeconfig"), "system:kube-proxy", None)?;
        pki::write(
            &directory,
            "kubelet",
            &authority.server(node, &[node], &[IpAddr::V4(address)])?,
        )?;
    } else {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        pki::write(
            &directory,
            "kubelet",
            &authority.server("fake", &["localhost"], &[address])?,
        )?;
    }
    Ok(())
}

fn spawn(state: &mut State, kubernetes: &str, part: &str, flags: &[String]) -> Result<()> {
    let command: Vec<&str> = [kubernetes, part]
        .into_iter()
        .chain(flags.iter().map(String::as_str))
        .collect();
    state.spawn(part, &command)
}

/// Writes a kubectl of the cluster's version, for machines without one.
fn command_line(state: &State, kubernetes: &str) -> Result<()> {
    let path = state.programs().join("kubectl");
    fs::create_dir_all(state.programs()).with_context(|| format!("creating {}", state.programs().display()))?;
    let script = format!("#!/bin/sh\nexec '{kubernetes}' kubectl \"$@\"\n");
    fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, executable).with_context(|| format!("making {} executable", path.display()))
}

fn ready(cluster: &Cluster, state: &State) -> Result<()> {
    let mut ended = false;
    let ready = wait(PATIENCE, || {
        ended = state.processes.iter().any(|process| !process.runs());
        ended || cluster.kubectl(&["get", "--raw=/readyz"]).is_ok()
    });
    if ended {
        let who = state
            .processes
            .iter()
            .find(|process| !process.runs())
            .map_or("a process", |process| &process.name);
        bail!("{who} has ended; its log is {}", state.log(who).display());
    }
    if !ready {
        bail!(
            "the API server is not ready after {} s; its log is {}",
            PATIENCE.as_secs(),
            state.log("kube-apiserver").display()
        );
    }
    Ok(())
}
