//! Volumes and volume mounts of the pods.

use serde_json::{Value, json};
use wasser_sdk::spec::{VolumeNames, Volumes};
use wasser_sdk::{Error, Result};

use crate::host_volume;

/// The volumes that the chart adds.
const RESERVED: &[&str] = &["thin-fuse-mount", "thin-conf"];

/// Returns the mounts of a component, with those of `volumes` that they name.
pub fn of(component: &str, mounts: &[Value], volumes: &[Value]) -> Result<Volumes> {
    let names = VolumeNames {
        volumes,
        reserved: RESERVED,
        ..VolumeNames::default()
    };
    names.mounted(&format!("ThinRuntime.spec.{component}.volumeMounts"), mounts)
}

/// Adds a volume of the pods themselves and its mount, unless something is mounted there already.
/// Returns its name.
pub fn add_own(volumes: &mut Volumes, volume: Value, mount: Value) -> Option<String> {
    let is_free = !volumes.mounts.iter().any(|taken| place(taken) == place(&mount));
    is_free.then(|| volumes.add_own(volume, mount))
}

/// Adds the volume of a Secret of the Dataset, and its mount. Refuses something else at its directory,
/// where the client would look for the Secret.
pub fn add_secret(volumes: &mut Volumes, volume: Value, mount: Value) -> Result<()> {
    let secret = volume.pointer("/secret/secretName").cloned().unwrap_or_default();
    let taken = volumes.mounts.iter().find(|taken| place(taken) == place(&mount));
    let name = taken.and_then(|taken| taken.get("name")).cloned();
    let Some(name) = name else {
        volumes.add_own(volume, mount);
        return Ok(());
    };
    let named = volumes.volumes.iter().find(|volume| volume.get("name") == Some(&name));
    if named.and_then(|named| named.pointer("/secret/secretName")) == Some(&secret) {
        return Ok(());
    }
    let name = name.as_str().unwrap_or_default();
    let field = if name.starts_with(host_volume::NAME) {
        format!("the option {}", host_volume::OPTION)
    } else {
        format!("ThinRuntime.spec.fuse.volumeMounts[{name}].mountPath")
    };
    let message = format!(
        "is {}, where the Secret {} of the Dataset is mounted; mount it elsewhere, in the runtime or its profile",
        place(&mount),
        secret.as_str().unwrap_or_default()
    );
    Err(Error::invalid(field, message))
}

/// Adds the directory of the cache on the node, unless the user mounts something there. Returns
/// the name of the volume.
pub fn add_cache(volumes: &mut Volumes, directory: &str) -> Option<String> {
    if directory.is_empty() {
        return None;
    }
    let source = json!({"path": directory, "type": "DirectoryOrCreate"});
    add_own(
        volumes,
        json!({"name": "cache-dir", "hostPath": source}),
        json!({"name": "cache-dir", "mountPath": directory}),
    )
}

/// Returns where something is mounted, in one of the ways to write it.
fn place(mount: &Value) -> String {
    let path = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.fold(String::new(), |place, part| place + "/" + part)
}

/// Returns the directory of the cache: the first path of the first level.
pub fn cache_directory(path: Option<&str>) -> Result<String> {
    let Some(path) = path
        .and_then(|paths| paths.split(',').next())
        .map(str::trim)
        .filter(|path| !path.is_empty())
    else {
        return Ok(String::new());
    };
    const FIELD: &str = "ThinRuntime.spec.tieredstore.levels[0].path";
    let trimmed = path.trim_end_matches('/');
    let mut parts = path.split('/');
    let is_root = parts.clone().all(|part| part.is_empty() || part == ".");
    if !path.starts_with('/') || is_root || parts.any(|part| part == "..") {
        return Err(Error::invalid(
            FIELD,
            "must be an absolute path of a directory other than `/`, without `..`",
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-+@%=~".contains(c);
    match path.chars().find(|c| !plain(*c)) {
        Some(c) => {
            let message = format!(
                "`{}` has the character {c:?}; write directories with letters, digits and _.-+@%=~ only, and commas \
                 between several",
                path.escape_debug()
            );
            Err(Error::invalid(FIELD, message))
        }
        None => Ok(trimmed.to_owned()),
    }
}
