//! A cluster that somebody else has brought up.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::machine::{self, paths};

/// The file that `KUBECONFIG` names, unless that is of a cluster which was started here.
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
        "KUBECONFIG names {}, which is no file; unset it for a cluster of this project's own",
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

/// The kubectl of the machine: for a cluster that is there, nothing is built.
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
    fn clusters_of_this_workspace_are_no_foreign_ones() {
        assert!(started_here(&paths::target().join("cluster/kubeconfig")));
        assert!(started_here(&paths::target().join("cluster-b/kubeconfig")));
        assert!(!started_here(&paths::target().join("kubeconfig")));
        assert!(!started_here(Path::new("/root/.kube/config")));
    }
}
