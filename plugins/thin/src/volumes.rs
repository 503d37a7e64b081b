//! Volumes and volume mounts of the pods.

use serde_json::{Value, json};
use wasser_sdk::{Error, Result};

/// Volumes of a pod and where its container mounts them.
#[derive(Debug, Clone, Default)]
pub struct Volumes {
    /// As in a pod spec.
    pub volumes: Vec<Value>,
    /// As in a container.
    pub mounts: Vec<Value>,
}

/// Volumes that the chart adds.
const RESERVED: &[&str] = &["thin-fuse-mount", "thin-conf", "cache-dir"];

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Volumes {
    /// The mounts of a component, with those of `volumes` that they name.
    pub fn of(component: &str, mounts: &[Value], volumes: &[Value]) -> Result<Self> {
        let mut used: Vec<Value> = Vec::new();
        for (at, mount) in mounts.iter().enumerate() {
            let (name, field) = (text(mount, "name"), format!("ThinRuntime.spec.{component}.volumeMounts[{at}].name"));
            if RESERVED.contains(&name) {
                return Err(Error::invalid(
                    field,
                    format!("`{name}` is a volume of the pods themselves; give yours another name"),
                ));
            }
            if used.iter().any(|volume| text(volume, "name") == name) {
                continue;
            }
            let volume = volumes.iter().find(|volume| text(volume, "name") == name).ok_or_else(|| {
                let message = format!(
                    "failed to find the volume for volumeMount {}; add it to spec.volumes",
                    name.escape_debug()
                );
                Error::invalid(field, message)
            })?;
            used.push(volume.clone());
        }
        Ok(Volumes {
            volumes: used,
            mounts: mounts.to_vec(),
        })
    }

    /// Adds one, unless a volume of this name is there.
    pub fn add(&mut self, (volume, mount): (Value, Value)) {
        if !self.volumes.iter().any(|other| text(other, "name") == text(&volume, "name")) {
            self.volumes.push(volume);
            self.mounts.push(mount);
        }
    }

    /// Adds the directory of the cache on the node. One that the user mounts something at is left to that.
    pub fn add_cache(&mut self, directory: &str) {
        if !directory.is_empty()
            && !self
                .mounts
                .iter()
                .any(|mount| text(mount, "mountPath").trim_end_matches('/') == directory)
        {
            let source = json!({"path": directory, "type": "DirectoryOrCreate"});
            self.volumes.push(json!({"name": "cache-dir", "hostPath": source}));
            self.mounts.push(json!({"name": "cache-dir", "mountPath": directory}));
        }
    }
}

/// The directory of the cache: the first path of the first level.
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
    if !path.starts_with('/') || path.split('/').all(|part| part.is_empty() || part == ".") || path.split('/').any(|part| part == "..") {
        return Err(Error::invalid(
            FIELD,
            "must be an absolute path of a directory other than `/`, without `..`",
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-+@%=~".contains(c);
    match path.chars().find(|c| !plain(*c)) {
        Some(c) => {
            let message = format!(
                "`{}` has the character {c:?}; write directories with letters, digits and _.-+@%=~ only, and commas between several",
                path.escape_debug()
            );
            Err(Error::invalid(FIELD, message))
        }
        None => Ok(trimmed.to_owned()),
    }
}
