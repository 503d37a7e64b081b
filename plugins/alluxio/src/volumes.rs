//! Volumes of the pods, and where their containers mount them.

use serde_json::{Value, json};
use wasser_sdk::{Error, Result};

use crate::input::Spec;
use crate::mounts::{Entry, LOCAL_ROOT, Mounts, Native, SECRETS, Volume};
use crate::restore::Backup;

/// Volumes of a pod and where its containers mount them.
#[derive(Debug, Clone, Default)]
pub struct Volumes {
    /// As in a pod spec.
    pub volumes: Vec<Value>,
    /// As in a container.
    pub mounts: Vec<Value>,
}

/// Names that the chart gives to volumes of its own.
const RESERVED: &[&str] = &[
    "alluxio-mount-conf",
    "alluxio-journal",
    "alluxio-fuse-device",
    "alluxio-fuse-mount",
    "hdfs-confs",
    "dir",
    "user",
    "group",
];

/// A string of a JSON object; empty where it is missing.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Volumes {
    /// The user's mounts of a component with the volumes that they name.
    pub fn of_component(component: &str, mounts: &[Value], spec: &Spec) -> Result<Self> {
        let mut found = Volumes::default();
        for (at, mount) in mounts.iter().enumerate() {
            let name = text(mount, "name");
            let field = || format!("AlluxioRuntime.spec.{component}.volumeMounts[{at}].name");
            if RESERVED.contains(&name) {
                let message = format!("`{name}` is a volume of the pods themselves; give yours another name");
                return Err(Error::invalid(field(), message));
            }
            let volume = spec.volumes.iter().find(|volume| text(volume, "name") == name).ok_or_else(|| {
                let message = format!(
                    "failed to find the volume for volumeMount {}; add it to spec.volumes",
                    name.escape_debug()
                );
                Error::invalid(field(), message)
            })?;
            found.add(volume.clone(), mount.clone());
        }
        Ok(found)
    }

    fn add(&mut self, volume: Value, mount: Value) {
        if !self.volumes.iter().any(|other| text(other, "name") == text(&volume, "name")) {
            self.volumes.push(volume);
        }
        self.mounts.push(mount);
    }

    /// Adds volumes under names that no other has.
    pub fn extend(&mut self, volumes: Vec<Value>, mounts: Vec<Value>) {
        for (mut volume, mut mount) in volumes.into_iter().zip(mounts) {
            let mut name = text(&volume, "name").to_string();
            while self.volumes.iter().any(|other| text(other, "name") == name) {
                name.push_str("-tier");
            }
            volume["name"] = name.as_str().into();
            mount["name"] = name.into();
            self.add(volume, mount);
        }
    }

    /// Adds the `local://` and `pvc://` mounts. A directory of the node must be there: an empty one in its place would be an empty Dataset.
    pub fn add_native(&mut self, mounts: &Mounts) {
        for (at, native) in mounts.native.iter().enumerate() {
            let name = format!("ufs-{at}");
            let path = if native.container_path.is_empty() {
                LOCAL_ROOT
            } else {
                &native.container_path
            };
            let (volume, sub_path) = match &native.volume {
                Volume::Directory(directory) => (json!({"name": name, "hostPath": {"path": directory, "type": "Directory"}}), ""),
                Volume::Claim(claim, directory) => {
                    let claim = json!({"name": name, "persistentVolumeClaim": {"claimName": claim}});
                    (claim, directory.as_str())
                }
            };
            let mut mount = json!({"name": name, "mountPath": path, "mountPropagation": "HostToContainer"});
            if !sub_path.is_empty() {
                mount["subPath"] = sub_path.into();
            }
            self.add(volume, mount);
        }
    }

    /// Directories of claims that must be there before the kubelet makes them: volume, claim and directory.
    pub fn claim_directories(mounts: &Mounts) -> Vec<Value> {
        let directory = |(at, native): (usize, &Native)| match &native.volume {
            Volume::Claim(claim, directory) if !directory.is_empty() => {
                Some(json!({"volume": format!("ufs-{at}"), "claim": claim, "directory": directory}))
            }
            _ => None,
        };
        mounts.native.iter().enumerate().filter_map(directory).collect()
    }

    /// Adds the Secrets of the mounts, as files.
    pub fn add_secrets(&mut self, mounts: &Mounts) {
        let secrets = mounts.entries().flat_map(|entry: &Entry| entry.secrets.values());
        let mut names: Vec<&str> = secrets.map(|secret| secret.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for (at, secret) in names.into_iter().enumerate() {
            let name = format!("ufs-secret-{at}");
            let volume = json!({"name": name, "secret": {"secretName": secret}});
            let mount = json!({"name": name, "mountPath": format!("{SECRETS}/{secret}"), "readOnly": true});
            self.add(volume, mount);
        }
    }

    /// Adds the backup that the master starts from.
    pub fn add_backup(&mut self, backup: &Backup) {
        let mount = json!({"name": "restore", "mountPath": backup.mount_path()});
        let volume = match &backup.claim {
            Some(claim) => json!({"name": "restore", "persistentVolumeClaim": {"claimName": claim}}),
            None => json!({"name": "restore", "hostPath": {"path": backup.directory, "type": "Directory"}}),
        };
        self.add(volume, mount);
    }

    /// Adds the pod's labels as a file, `labels`, below `directory`.
    pub fn add_labels(&mut self, directory: &str) {
        let name = "fuse-labels-downward-api-volume";
        let items = json!([{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]);
        self.add(
            json!({"name": name, "downwardAPI": {"items": items}}),
            json!({"name": name, "mountPath": directory}),
        );
    }
}
