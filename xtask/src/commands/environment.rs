//! What tests and the demo work with beside the cluster itself: kubectl and helm, the JuiceFS image, a Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::cluster::{Cluster, Node};
use xtask::machine::tools::Tool;
use xtask::machine::{self, paths};
use xtask::packages::images;

/// The variable that names a Redis, for clusters that are not this project's own.
pub const REDIS: &str = "WASSER_REDIS";
/// What kwok's nodes are annotated with.
const KWOK: &str = "kwok.x-k8s.io/node";

/// Where everything is.
pub struct Environment {
    /// Whether pods have containers.
    pub real: bool,
    /// The URL of a Redis that pods reach; none if a cluster that was there before comes without.
    pub redis: Option<String>,
    /// A directory with `kubectl` and `helm` in it.
    pub programs: PathBuf,
}

impl Environment {
    /// Builds, starts and loads what is missing.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let real = match cluster.state() {
            Some(state) => state.node == Node::Real,
            None => !cluster
                .kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.annotations}"])?
                .contains(KWOK),
        };
        if real && cluster.state().is_some() {
            cluster.load_image(&images::juicefs()?)?;
        }
        let redis = match std::env::var(REDIS).ok().filter(|url| !url.is_empty()) {
            Some(url) => Some(url),
            None if real && cluster.state().is_some() => Some(cluster.redis()?),
            // Nobody will ask it anything.
            None if !real => Some("redis://redis.invalid:6379/1".to_owned()),
            None => None,
        };
        Ok(Self {
            real,
            redis,
            programs: programs(cluster)?,
        })
    }
}

/// Makes a directory with `kubectl` and `helm` in it, each for this cluster, whoever calls them.
fn programs(cluster: &Cluster) -> Result<PathBuf> {
    let directory = match cluster.state() {
        Some(state) => state.directory.join("bin"),
        None => paths::target().join("bin"),
    };
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let kubectl = cluster.kubectl_command();
    let words = std::iter::once(kubectl.get_program())
        .chain(kubectl.get_args())
        .map(|word| word.to_string_lossy().into_owned());
    let helm = if cluster.state().is_none() && machine::has_program("helm") {
        "helm".to_owned()
    } else {
        Tool::Helm.ensure()?.display().to_string()
    };
    script(&directory.join("kubectl"), cluster.kubeconfig(), &words.collect::<Vec<_>>())?;
    script(&directory.join("helm"), cluster.kubeconfig(), &[helm])?;
    Ok(directory)
}

fn script(path: &Path, kubeconfig: &Path, words: &[String]) -> Result<()> {
    let quote = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let command: Vec<String> = words.iter().map(|word| quote(word)).collect();
    let kubeconfig = quote(&kubeconfig.display().to_string());
    let text = format!("#!/bin/sh\nexport KUBECONFIG={kubeconfig}\nexec {} \"$@\"\n", command.join(" "));
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(|| format!("making {} executable", path.display()))
}
