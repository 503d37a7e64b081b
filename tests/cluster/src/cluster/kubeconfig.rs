//! kubeconfig files that contain the certificate of their user.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::pki::Pair;

/// Writes the kubeconfig of one user.
pub fn write(path: &Path, server: &str, authority: &str, user: &Pair) -> Result<()> {
    let encode = |pem: &str| STANDARD.encode(pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "wasser",
        "clusters": [{
            "name": "wasser",
            "cluster": {"server": server, "certificate-authority-data": encode(authority)},
        }],
        "users": [{
            "name": "wasser",
            "user": {"client-certificate-data": encode(&user.certificate), "client-key-data": encode(&user.key)},
        }],
        "contexts": [{"name": "wasser", "context": {"cluster": "wasser", "user": "wasser"}}],
    });
    fs::write(path, yaml_serde::to_string(&config)?).with_context(|| format!("writing {}", path.display()))?;
    super::pki::only_for_owner(path)
}
