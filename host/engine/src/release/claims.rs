//! The Secrets with which the volumes are mounted that a Dataset refers to by `pvc://`: a client may
//! need the same.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{Api, Client};
use serde_json::Value;

use crate::error::EngineError;

/// How a data source says that it is a claim of the namespace.
const CLAIM: &str = "pvc://";

/// Returns the names of the Secrets that the volumes of a Dataset's claims name.
///
/// # Errors
/// A request fails. A claim or volume that does not exist names none.
pub async fn secrets(client: &Client, namespace: &str, objects: &[Value]) -> Result<BTreeSet<String>, EngineError> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let mut found = BTreeSet::new();
    for name in names(objects) {
        let attempt = format!("reading PersistentVolumeClaim {namespace}/{name}");
        let claim = claims.get_opt(name).await.map_err(EngineError::kube(attempt))?;
        let Some(volume) = claim
            .and_then(|claim| claim.spec?.volume_name)
            .filter(|name| !name.is_empty())
        else {
            continue;
        };
        let attempt = format!("reading PersistentVolume {volume}");
        let volume = volumes.get_opt(&volume).await.map_err(EngineError::kube(attempt))?;
        let reference = volume.and_then(|volume| volume.spec?.csi?.node_publish_secret_ref);
        found.extend(reference.and_then(|reference| reference.name));
    }
    Ok(found)
}

/// The claims that the mounts of Datasets refer to.
fn names(objects: &[Value]) -> BTreeSet<&str> {
    let mounts = objects.iter().flat_map(|object| object["spec"]["mounts"].as_array());
    let points = mounts.flatten().filter_map(|mount| mount["mountPoint"].as_str());
    let claims = points.filter_map(|point| point.strip_prefix(CLAIM)?.split('/').next());
    claims.filter(|name| is_dns_name(name)).collect()
}

/// Whether a text can be the name of an object, and so one part of a path.
fn is_dns_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.') && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_named_by_mount_points() {
        let points = [
            "pvc://slow/models",
            "pvc://fast",
            "s3://bucket",
            "pvc://../x",
            "pvc://",
            "pvc://A",
        ];
        let mounts: Vec<Value> = points.iter().map(|point| json!({"mountPoint": point})).collect();
        let dataset = json!({"spec": {"mounts": mounts}});
        assert_eq!(names(&[dataset]), ["fast", "slow"].into());
    }
}
