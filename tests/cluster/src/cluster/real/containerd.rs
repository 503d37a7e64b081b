//! containerd on the node.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::namespaces::NodeNamespaces;
use super::{files, network};
use crate::cluster::state::State;
use crate::machine::run;
use crate::packages::images;

/// Where it listens, on the node.
pub const SOCKET: &str = "/run/containerd/containerd.sock";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// The magic number of overlayfs, on which further overlays cannot be stacked.
const OVERLAY: u32 = 0x794c_7630;

/// Starts containerd, and does not wait until it answers.
pub fn start(state: &mut State, node: &NodeNamespaces) -> Result<()> {
    let number = state.network.context("the node has no addresses")?;
    files::write(node.root(), "cni/pods.conflist", &network::cni(number).to_string())?;
    let stacked = u32::try_from(rustix::fs::statfs(node.root())?.f_type) == Ok(OVERLAY);
    let config = config(if stacked { "native" } else { "overlayfs" });
    let file = files::write(node.root(), "containerd.toml", &config)?;
    node.spawn(state, "containerd", &["containerd", "--config", &file])
}

/// Returns the settings of containerd. AppArmor and the OOM killer are left alone: not every
/// machine allows to change them, and nothing here depends on either.
fn config(snapshotter: &str) -> String {
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/wasser/cni"
"#,
        pause = images::PAUSE
    )
}

/// Waits until containerd answers.
pub fn wait(node: &NodeNamespaces) -> Result<()> {
    let mut last = None;
    let answers = crate::machine::process::wait(PATIENCE, || match ctr(node, &["version"]) {
        Ok(_) => true,
        Err(error) => {
            last = Some(error);
            false
        }
    });
    ensure!(
        answers,
        "containerd does not answer after {} s: {:#}",
        PATIENCE.as_secs(),
        last.unwrap_or_else(|| anyhow::anyhow!("no answer"))
    );
    Ok(())
}

/// Imports an image into the node's containerd. Returns false if it is there already.
pub fn import(node: &NodeNamespaces, image: &images::Image) -> Result<bool> {
    let key = image.key()?;
    let directory = node.root().join("wasser/images");
    let mark = directory.join(&key);
    if mark.is_file() {
        return Ok(false);
    }
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let archive = directory.join(format!("{key}.tar"));
    image.write(&archive)?;
    let imported = ctr(
        node,
        &[
            "images",
            "import",
            "--snapshotter",
            &snapshotter(node)?,
            &format!("/wasser/images/{key}.tar"),
        ],
    );
    fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
    imported.with_context(|| format!("importing the image {}", image.name))?;
    fs::write(&mark, &image.name).with_context(|| format!("writing {}", mark.display()))?;
    Ok(true)
}

fn snapshotter(node: &NodeNamespaces) -> Result<String> {
    let path = node.root().join("wasser/containerd.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("snapshotter = "));
    Ok(line.unwrap_or("overlayfs").trim_matches('"').to_owned())
}

fn ctr(node: &NodeNamespaces, arguments: &[&str]) -> Result<String> {
    run(node
        .command("ctr")
        .args(["--address", SOCKET, "--namespace", "k8s.io"])
        .args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_what_the_node_has() {
        let config = config("overlayfs");
        for line in [
            r#"address = "/run/containerd/containerd.sock""#,
            r#"snapshotter = "overlayfs""#,
            r#"conf_dir = "/wasser/cni""#,
        ] {
            assert!(config.lines().any(|found| found == line), "{line}");
        }
    }
}
