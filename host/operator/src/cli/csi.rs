//! `wasser csi`: the node plugin.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ArgAction;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config as ClientConfig};
use tokio_util::sync::CancellationToken;
use wasser_csi::kube::KubeCluster;
use wasser_csi::{Config, DRIVER};

use super::{logs, options, signals};

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
    #[command(flatten)]
    logs: logs::Options,
}

/// Serves the kubelet until SIGTERM or SIGINT.
pub fn run(args: Args) -> Result<()> {
    args.logs.start()?;
    // Requests are few and short; every thread costs memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the async runtime")?;
    let done = runtime.block_on(serve(args));
    // A file system that hangs may hold a thread for ever.
    runtime.shutdown_background();
    done
}

async fn serve(args: Args) -> Result<()> {
    let client = Client::try_default().await.context("finding the API server")?;
    let node_client = match &args.kubelet_kube_config {
        None => client.clone(),
        Some(path) => kubelet_client(path)
            .await
            .with_context(|| format!("using the kubelet's kubeconfig {}", path.display()))?,
    };
    let cluster = KubeCluster::new(client, node_client, args.node_id.clone(), args.driver.clone());
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
    let stop = CancellationToken::new();
    signals::on_signal(stop.clone())?;
    wasser_csi::serve(config, Arc::new(cluster), stop)
        .await
        .context("serving the kubelet")
}

async fn kubelet_client(path: &std::path::Path) -> Result<Client> {
    let config =
        ClientConfig::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
