//! A cluster that was not brought up here.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::machine::{self, paths};

/// Returns the file that `KUBECONFIG` names, unless its cluster was started here.
pub fn kubeconfig() -> Result<Option<PathBuf>> {
    let Some(value) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = std::path::absolute(PathBuf::from(value))?;
    if started_here(&path) {
        return Ok(None);
    }
    ensure!(
        path.is_file(),
        "KUBECONFIG names {}, which is not a file; unset it to start a cluster of this workspace",
        path.display()
    );
    Ok(Some(path))
}

fn started_here(path: &Path) -> bool {
    let directory = path.strip_prefix(paths::target()).ok().and_then(Path::parent);
    directory
        .and_then(Path::to_str)
        .is_some_and(|directory| super::options::name(directory).is_ok())
}

/// Returns the machine's kubectl: nothing is built for a cluster that exists already.
pub fn kubectl() -> Result<Vec<String>> {
    ensure!(
        machine::has_program("kubectl"),
        "the cluster of KUBECONFIG needs `kubectl` in PATH: install it, or unset KUBECONFIG"
    );
    Ok(vec!["kubectl".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_this_workspace_are_not_foreign() {
        assert!(started_here(&paths::target().join("cluster/kubeconfig")));
        assert!(started_here(&paths::target().join("cluster-b/kubeconfig")));
        assert!(!started_here(&paths::target().join("kubeconfig")));
        assert!(!started_here(Path::new("/root/.kube/config")));
    }
}
