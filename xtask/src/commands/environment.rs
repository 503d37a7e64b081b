//! What tests and the demo need in addition to the cluster: kubectl and helm, the JuiceFS image, a
//! Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasser_test_cluster::machine::tools::Tool;
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::packages::images;
use wasser_test_cluster::{Cluster, Node};

/// The variable that names a Redis, for clusters that were not started here.
pub const REDIS: &str = "WASSER_REDIS";
/// The annotation of kwok's nodes.
const KWOK: &str = "kwok.x-k8s.io/node";

/// The programs and servers for one cluster.
pub struct Environment {
    /// Whether pods have containers.
    pub real: bool,
    /// The URL of a Redis that pods reach; `None` if the cluster of `KUBECONFIG` comes without one.
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
            // Pods of fake nodes do not connect to it.
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

/// Creates a directory with `kubectl` and `helm` in it, each for this cluster unless its caller has
/// set KUBECONFIG.
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
    script(
        &directory.join("kubectl"),
        cluster.kubeconfig(),
        &words.collect::<Vec<_>>(),
    )?;
    script(&directory.join("helm"), cluster.kubeconfig(), &[helm])?;
    Ok(directory)
}

fn script(path: &Path, kubeconfig: &Path, words: &[String]) -> Result<()> {
    fs::write(path, script_text(kubeconfig, words)).with_context(|| format!("writing {}", path.display()))?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, executable).with_context(|| format!("making {} executable", path.display()))
}

/// Returns a script that runs a command for this cluster, or for the one that its caller's
/// KUBECONFIG names.
fn script_text(kubeconfig: &Path, words: &[String]) -> String {
    let quote = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let command: Vec<String> = words.iter().map(|word| quote(word)).collect();
    let kubeconfig = quote(&kubeconfig.display().to_string());
    // Within double quotes, the single ones would become part of the path.
    format!(
        "#!/bin/sh\nexport KUBECONFIG=${{KUBECONFIG:-{kubeconfig}}}\nexec {} \"$@\"\n",
        command.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_script_runs_its_command_for_this_cluster() {
        let words = ["/opt/it's here/kubernetes", "kubectl"].map(str::to_owned);
        let text = script_text(Path::new("/target/cluster/kubeconfig"), &words);
        assert_eq!(
            text,
            "#!/bin/sh\nexport KUBECONFIG=${KUBECONFIG:-'/target/cluster/kubeconfig'}\n\
             exec '/opt/it'\\''s here/kubernetes' 'kubectl' \"$@\"\n"
        );
    }

    #[test]
    fn a_script_respects_the_callers_kubeconfig() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("kubectl");
        let words = ["sh", "-c", r#"echo "$KUBECONFIG""#].map(str::to_owned);
        script(&program, Path::new("/a b/it's"), &words).unwrap();
        let says = |set: Option<&str>| {
            let mut command = Command::new(&program);
            command
                .env_remove("KUBECONFIG")
                .envs(set.map(|value| ("KUBECONFIG", value)));
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        assert_eq!(says(None), "/a b/it's\n");
        assert_eq!(says(Some("")), "/a b/it's\n");
        assert_eq!(says(Some("/theirs")), "/theirs\n");
    }
}
