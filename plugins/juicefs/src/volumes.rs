//! Volumes and volume mounts of the pods.

use serde_json::{Value, json};
use wasser_sdk::{Error, Result};

use crate::input::Spec;
use crate::store::{self, Store, Volume};

/// Volumes of a pod and where its container mounts them.
#[derive(Debug, Clone, Default)]
pub struct Volumes {
    /// As in a pod spec.
    pub volumes: Vec<Value>,
    /// As in a container.
    pub mounts: Vec<Value>,
}

/// A string of a JSON object; empty where it is missing.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Volumes {
    /// The user's mounts of a component with the volumes that they name. A mount may also name one of `claims`, the claim
    /// templates of the workers, but none of `reserved`, which the chart adds.
    pub fn of_component(component: &str, mounts: &[Value], spec: &Spec, claims: &[&str], reserved: &[&str]) -> Result<Self> {
        let mut volumes: Vec<Value> = Vec::new();
        for (at, mount) in mounts.iter().enumerate() {
            let name = text(mount, "name");
            if reserved.contains(&name) {
                return Err(Error::invalid(
                    format!("JuiceFSRuntime.spec.{component}.volumeMounts[{at}].name"),
                    format!("`{name}` is a volume of the pods themselves; give yours another name"),
                ));
            }
            if claims.contains(&name) || volumes.iter().any(|v| text(v, "name") == name) {
                continue;
            }
            let volume = spec.volumes.iter().find(|v| text(v, "name") == name).ok_or_else(|| {
                let field = format!("JuiceFSRuntime.spec.{component}.volumeMounts[{at}].name");
                Error::invalid(
                    field,
                    format!(
                        "failed to find the volume for volumeMount {}; add it to spec.volumes",
                        name.escape_debug()
                    ),
                )
            })?;
            volumes.push(volume.clone());
        }
        Ok(Volumes {
            volumes,
            mounts: mounts.to_vec(),
        })
    }

    /// Adds the directories of the option `cache-dir`. One that the user mounts something at is left to that.
    pub fn add_cache(&mut self, cache_dir: &str, store: &Store) {
        for (at, directory) in cache_dir.split(':').enumerate() {
            if !directory.starts_with('/') || self.mounts.iter().any(|mount| store::same(text(mount, "mountPath"), directory)) {
                continue;
            }
            let mut name = format!("cache-dir-{}", at + 1);
            // Not that of a volume of the user's, which may be another directory.
            while self.volumes.iter().chain(&self.mounts).any(|taken| text(taken, "name") == name) {
                name.push_str("-tier");
            }
            self.volumes.push(cache_volume(&name, directory, store));
            self.mounts.push(json!({"name": name, "mountPath": directory}));
        }
    }

    /// Whether a path lies in a volume that outlives the pod, and not in a directory that goes with it.
    pub fn hold(&self, path: &str) -> bool {
        let path = store::parts(path);
        let lasts = |mount: &Value| {
            let volume = self.volumes.iter().find(|volume| text(volume, "name") == text(mount, "name"));
            volume.is_none_or(|volume| volume.get("emptyDir").is_none())
        };
        // The innermost mount is the one that counts.
        let above = self.mounts.iter().map(|mount| (store::parts(text(mount, "mountPath")), mount));
        let above = above.filter(|(at, _)| !at.is_empty() && path.starts_with(at));
        above.max_by_key(|(at, _)| at.len()).is_some_and(|(_, mount)| lasts(mount))
    }

    /// Adds the pod's labels as a file, `labels`, below `directory`.
    pub fn add_labels(&mut self, directory: &str) {
        let name = "fuse-labels-downward-api-volume";
        let items = json!([{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]);
        self.volumes.push(json!({"name": name, "downwardAPI": {"items": items}}));
        self.mounts.push(json!({"name": name, "mountPath": directory}));
    }
}

fn cache_volume(name: &str, directory: &str, store: &Store) -> Value {
    let mut volume = match store.volume_of(directory) {
        Volume::HostPath => json!({"hostPath": {"path": directory, "type": "DirectoryOrCreate"}}),
        Volume::EmptyDir if store.in_memory => json!({"emptyDir": {"medium": "Memory"}}),
        Volume::EmptyDir => json!({"emptyDir": {}}),
        Volume::Source(source) => source.clone(),
    };
    if let Some(fields) = volume.as_object_mut() {
        fields.insert("name".into(), name.into());
    }
    volume
}

/// The names of the claim templates, after checking that each is used and none is a volume as well.
pub fn claim_names(spec: &Spec) -> Result<Vec<&str>> {
    let mut names = Vec::new();
    for (at, claim) in spec.volume_claim_templates.iter().enumerate() {
        let field = format!("JuiceFSRuntime.spec.volumeClaimTemplates[{at}]");
        let name = claim.get("metadata").map(|m| text(m, "name")).unwrap_or_default();
        if name.is_empty() {
            return Err(Error::invalid(
                format!("{field}.metadata.name"),
                "is empty; a volumeMount of the worker refers to it",
            ));
        }
        if spec.volumes.iter().any(|v| text(v, "name") == name) {
            return Err(Error::invalid(
                field,
                format!("`{name}` is a name in spec.volumes as well; rename one of them"),
            ));
        }
        if !spec.worker.volume_mounts.iter().any(|m| text(m, "name") == name) {
            return Err(Error::invalid(
                field,
                format!("`{name}` is not mounted; add it to spec.worker.volumeMounts"),
            ));
        }
        names.push(name);
    }
    Ok(names)
}
