//! `wasser-serve csi`: the node plugin.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use clap::ArgAction;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config as ClientConfig};
use tokio_util::sync::CancellationToken;
use wasser_csi::cluster::ClusterError;
use wasser_csi::kube::{KubeCluster, NodeClients};
use wasser_csi::{Config, DRIVER, Health};
use wasser_process::{client, listening, logs, options, signals};

use crate::{csi_probe, runtime};

/// Options, each also an environment variable.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the node.
    #[arg(long = "nodeid", env = "NODE_ID")]
    node_id: String,
    /// Name of the driver.
    #[arg(long, env = "WASSER_CSI_DRIVER", default_value = DRIVER)]
    driver: String,
    /// The CSI socket, below the kubelet's directory [default: csi-plugins/<driver>/csi.sock
    /// there].
    #[arg(long, env = "CSI_ENDPOINT")]
    endpoint: Option<String>,
    /// The kubelet's directory: under the same path as on the node, with Bidirectional mount
    /// propagation.
    #[arg(long, env = "KUBELET_ROOTDIR", default_value = "/var/lib/kubelet")]
    kubelet_root: PathBuf,
    /// The directory below which fuse pods mount, under the same path as on the node.
    #[arg(long, env = "MOUNT_ROOT", default_value = "/runtime-mnt")]
    mount_root: PathBuf,
    /// A directory of the plugin's own, where mounts are prepared.
    #[arg(long, env = "WASSER_CSI_WORK_DIR", default_value = "/run/wasser-csi")]
    work_dir: PathBuf,
    /// A procfs that shows the node's processes, as /proc does with hostPID. Without, traces of
    /// dead mounts are kept until their pods end.
    #[arg(long, env = "WASSER_CSI_HOST_PROC")]
    host_proc: Option<PathBuf>,
    /// The kubelet's kubeconfig: the node is labelled with its identity [default: the pod's own].
    #[arg(long, env = "WASSER_CSI_KUBELET_KUBECONFIG")]
    kubelet_kube_config: Option<PathBuf>,
    /// How volumes are published that do not say: bindMount or symlink.
    #[arg(long, env = "NODEPUBLISH_METHOD", default_value = "bindMount", value_parser = ["bindMount", "symlink"])]
    publish_method: String,
    /// Whether mounts whose fuse pod was replaced are mounted again, in running containers too.
    #[arg(long, env = "WASSER_CSI_RECOVERY", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true")]
    recovery: bool,
    /// How long publish waits for the fuse pod's mount.
    #[arg(long, env = "WASSER_CSI_PUBLISH_TIMEOUT", default_value = "30s", value_parser = options::period)]
    publish_timeout: Duration,
    /// How long stage waits for the session manager of the node, for volumes that need one.
    #[arg(long, env = "WASSER_CSI_SESSION_TIMEOUT", default_value = "30s", value_parser = options::period)]
    session_timeout: Duration,
    /// How long a client may take to end after its label is removed. Pods that come meanwhile wait for
    /// its successor.
    #[arg(long, env = "WASSER_CSI_LEAVE_TIMEOUT", default_value = "11m", value_parser = options::period)]
    leave_timeout: Duration,
    /// How long a file system may take to answer before it counts as hanging.
    #[arg(long, env = "WASSER_CSI_PROBE_TIMEOUT", default_value = "5s", value_parser = options::period)]
    probe_timeout: Duration,
    /// How often the mounts of the clients of published volumes are looked at.
    #[arg(long, env = "WASSER_CSI_PROBE_INTERVAL", default_value = "10s", value_parser = options::period)]
    probe_interval: Duration,
    /// Address of /readyz; 0 for none.
    #[arg(long, env = "WASSER_CSI_HEALTH_ADDR", default_value = "0", value_parser = options::listen)]
    health_addr: options::Listen,
    #[command(flatten)]
    logs: logs::Options,
}

/// Serves the kubelet until SIGTERM or SIGINT.
pub fn run(args: Args) -> Result<()> {
    args.logs.start()?;
    let runtime = runtime()?;
    let done = runtime.block_on(serve(args));
    // A file system that hangs may hold a thread for ever.
    runtime.shutdown_background();
    done
}

async fn serve(args: Args) -> Result<()> {
    let config = ClientConfig::infer().await.context("finding the API server")?;
    let client = client::impatient(config).context("setting up the client of the API server")?;
    let (node, driver) = (args.node_id.clone(), args.driver.clone());
    let cluster = match args.kubelet_kube_config {
        None => KubeCluster::new(client.clone(), client, node, driver),
        Some(path) => {
            let kubelet = Kubelet { kubeconfig: path };
            // What is wrong with it from the start, is shown at the start.
            kubelet.client().await?;
            KubeCluster::new(client, kubelet, node, driver)
        }
    };
    let endpoint = args
        .endpoint
        .as_deref()
        .map(|endpoint| PathBuf::from(endpoint.strip_prefix("unix://").unwrap_or(endpoint)));
    let config = Config {
        endpoint: endpoint.unwrap_or_else(|| Config::default_endpoint(&args.kubelet_root, &args.driver)),
        node_id: args.node_id,
        driver: args.driver,
        kubelet_root: args.kubelet_root,
        mount_root: args.mount_root,
        work_dir: args.work_dir,
        host_proc: args.host_proc,
        symlink: args.publish_method == "symlink",
        recovery: args.recovery,
        publish_timeout: args.publish_timeout,
        session_timeout: args.session_timeout,
        leave_timeout: args.leave_timeout,
        probe_timeout: args.probe_timeout,
        probe_interval: args.probe_interval,
    };
    let (stop, health) = (CancellationToken::new(), Arc::<Health>::default());
    signals::on_signal(stop.clone())?;
    if let Some(address) = args.health_addr.0 {
        let listener = listening::bind(address).with_context(|| format!("listening on {address}"))?;
        tokio::spawn(csi_probe::serve(listener, health.clone(), stop.clone()));
    }
    wasser_csi::serve(config, Arc::new(cluster), health, stop)
        .await
        .context("serving the kubelet")
}

/// The identity of the kubelet. Its certificate is replaced while it runs, so the files are read for
/// each request: there are few.
struct Kubelet {
    kubeconfig: PathBuf,
}

#[async_trait]
impl NodeClients for Kubelet {
    async fn client(&self) -> Result<Client, ClusterError> {
        let path = &self.kubeconfig;
        let client = async {
            let file = Kubeconfig::read_from(path)?;
            let config = ClientConfig::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
            anyhow::Ok(client::impatient(config)?)
        };
        client.await.map_err(|error| ClusterError {
            action: format!("using the kubelet's kubeconfig {}", path.display()),
            message: format!("{error:#}"),
            is_refused: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use wasser_csi::cluster::Cluster;

    use super::*;

    #[tokio::test]
    async fn an_identity_that_the_kubelet_has_got_meanwhile_is_used() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (directory, address) = (tempfile::tempdir().unwrap(), server.local_addr().unwrap());
        let kubeconfig = directory.path().join("kubelet.conf");
        let write = |token: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
                 clusters: [{{name: a, cluster: {{server: \"http://{address}\"}}}}]\n\
                 users: [{{name: a, user: {{token: {token}}}}}]\n\
                 contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n"
            );
            std::fs::write(&kubeconfig, text).unwrap();
        };
        let kubelet = Kubelet {
            kubeconfig: kubeconfig.clone(),
        };
        let own = ClientConfig::new(format!("http://{address}").parse().unwrap());
        let own = client::impatient(own).unwrap();
        let cluster = KubeCluster::new(own, kubelet, "node".to_owned(), DRIVER.to_owned());
        for identity in ["first", "second"] {
            write(identity);
            let answering = async {
                let (mut stream, _) = server.accept().await.unwrap();
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                String::from_utf8_lossy(&request[..length]).to_ascii_lowercase()
            };
            let (labelled, request) = tokio::join!(cluster.label_node("fluid.io/f-a-b", true), answering);
            assert!(
                request.contains(&format!("authorization: bearer {identity}")),
                "{request}"
            );
            // The server has said nothing.
            labelled.unwrap_err();
        }
    }
}
