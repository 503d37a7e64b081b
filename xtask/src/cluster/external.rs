//! A cluster that somebody else has brought up.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::machine;

/// The file that `KUBECONFIG` names, unless that is of a cluster which belongs to this module.
pub fn kubeconfig(own: &Path) -> Result<Option<PathBuf>> {
    let Some(value) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = std::path::absolute(PathBuf::from(value))?;
    if path == own.join("kubeconfig") {
        return Ok(None);
    }
    ensure!(
        path.is_file(),
        "KUBECONFIG names {}, which is no file; unset it for a cluster of this project's own",
        path.display()
    );
    Ok(Some(path))
}

/// The kubectl of the machine: for a cluster that is there, nothing is built.
pub fn kubectl() -> Result<Vec<String>> {
    ensure!(
        machine::has_program("kubectl"),
        "the cluster of KUBECONFIG needs `kubectl` in PATH: install it, or unset KUBECONFIG"
    );
    Ok(vec!["kubectl".to_owned()])
}
