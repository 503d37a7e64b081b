//! Volumes and volume mounts of the pods.

use serde_json::{Value, json};
use wasser_sdk::spec::{VolumeNames, Volumes};
use wasser_sdk::{Error, Result};

use crate::input::Spec;
use crate::store::{self, Store, Volume};

/// Returns the user's mounts of a component with the volumes that they name. A mount can also name
/// one of `claims`, the claim templates of the workers, but none of `reserved`, the volumes that
/// the chart adds.
pub fn of(component: &str, mounts: &[Value], spec: &Spec, claims: &[&str], reserved: &[&str]) -> Result<Volumes> {
    let names = VolumeNames {
        volumes: &spec.volumes,
        claims,
        reserved,
    };
    names.mounted(&format!("JuiceFSRuntime.spec.{component}.volumeMounts"), mounts)
}

/// Adds the directories of the option `cache-dir`, except those where the user mounts something.
/// Returns the names of their volumes.
pub fn add_cache(volumes: &mut Volumes, cache_dir: &str, store: &Store) -> Vec<String> {
    let mut names = Vec::new();
    for (at, directory) in cache_dir.split(':').enumerate() {
        let is_mounted = |mount: &Value| store::same(text(mount, "mountPath"), directory);
        if !directory.starts_with('/') || volumes.mounts.iter().any(is_mounted) {
            continue;
        }
        let name = format!("cache-dir-{}", at + 1);
        names.push(volumes.add_own(
            cache_volume(&name, directory, store),
            json!({"name": name, "mountPath": directory}),
        ));
    }
    names
}

/// Reports whether a path is in a volume that outlives the pod, and not in a directory that goes
/// with it.
pub fn hold(volumes: &Volumes, path: &str) -> bool {
    let path = store::parts(path);
    let lasts = |mount: &Value| {
        let name = text(mount, "name");
        let volume = volumes.volumes.iter().find(|volume| text(volume, "name") == name);
        volume.is_none_or(|volume| volume.get("emptyDir").is_none())
    };
    // The innermost mount is the one that counts.
    let above = volumes
        .mounts
        .iter()
        .map(|mount| (store::parts(text(mount, "mountPath")), mount));
    let above = above.filter(|(at, _)| !at.is_empty() && path.starts_with(at));
    above
        .max_by_key(|(at, _)| at.len())
        .is_some_and(|(_, mount)| lasts(mount))
}

/// Returns a text of a JSON object, empty if it is missing.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
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

/// Returns the names of the claim templates, after checking that each is used and none is a volume
/// as well.
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
