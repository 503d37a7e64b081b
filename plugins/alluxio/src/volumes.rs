//! Volumes of the pods, and where their containers mount them.

use serde_json::{Value, json};
use wasser_sdk::Result;
use wasser_sdk::spec::{VolumeNames, Volumes};

use crate::input::Spec;
use crate::mounts::{Entry, Mounts, Native, SECRETS, Volume};
use crate::restore::Backup;
use crate::tiers::Tiers;

/// The volumes that the chart adds.
const RESERVED: &[&str] = &[
    "alluxio-mount-conf",
    "alluxio-journal",
    "alluxio-backup",
    "alluxio-fuse-device",
    "alluxio-fuse-mount",
    "alluxio-users",
    "hdfs-confs",
];

/// Returns the user's mounts of a component with the volumes that they name.
pub fn of(component: &str, mounts: &[Value], spec: &Spec) -> Result<Volumes> {
    let names = VolumeNames {
        volumes: &spec.volumes,
        reserved: RESERVED,
        ..VolumeNames::default()
    };
    names.mounted(&format!("AlluxioRuntime.spec.{component}.volumeMounts"), mounts)
}

/// Adds the directories of the tiered store, under names that no other volume has. Returns these.
pub fn add_tiers(volumes: &mut Volumes, tiers: &Tiers) -> Vec<String> {
    let (of_tiers, mounts) = tiers.volumes();
    let both = of_tiers.into_iter().zip(mounts);
    both.map(|(volume, mount)| volumes.add_own(volume, mount)).collect()
}

/// Adds the `local://` and `pvc://` mounts, and returns the names of their volumes. A directory of
/// the node must exist: an empty one in its place would be an empty Dataset. If `read_only`, nothing
/// writes to any of them.
pub fn add_native(volumes: &mut Volumes, mounts: &Mounts, read_only: bool) -> Vec<String> {
    let of_user = volumes
        .mounts
        .iter()
        .filter_map(|mount| mount.get("mountPath")?.as_str());
    let of_mounts = mounts.native.iter().map(|native| native.container_path.as_str());
    let places: Vec<String> = of_user.chain(of_mounts).map(str::to_owned).collect();
    // The place of a volume below another is a directory that the container's start makes there.
    let holds_another = |native: &Native| {
        let below = format!("{}/", native.container_path);
        places.iter().any(|place| place.starts_with(&below))
    };
    let asks = |native: &Native| native.entry.read_only && !holds_another(native);
    // The kubelet mounts a claim once for a pod.
    let whole = |claim: &str| {
        let is_of = |native: &&Native| matches!(&native.volume, Volume::Claim(name, _) if name == claim);
        mounts.native.iter().filter(is_of).all(asks)
    };
    let mut names = Vec::new();
    for (at, native) in mounts.native.iter().enumerate() {
        let mut mount = json!({"mountPath": native.container_path, "mountPropagation": "HostToContainer"});
        let mut volume = match &native.volume {
            Volume::Directory(directory) => json!({"hostPath": {"path": directory, "type": "Directory"}}),
            Volume::Claim(claim, directory) => {
                if !directory.is_empty() {
                    mount["subPath"] = directory.as_str().into();
                }
                let mut source = json!({"claimName": claim});
                if whole(claim) {
                    source["readOnly"] = true.into();
                }
                json!({"persistentVolumeClaim": source})
            }
        };
        if asks(native) || read_only && !holds_another(native) {
            mount["readOnly"] = true.into();
        }
        volume["name"] = format!("ufs-{at}").into();
        names.push(volumes.add_own(volume, mount));
    }
    names
}

/// Returns the directories of claims that must exist before the kubelet makes them: volume, claim
/// and directory. `names` are those of the volumes of the mounts.
pub fn claim_directories(mounts: &Mounts, names: &[String]) -> Vec<Value> {
    let directory = |(name, native): (&String, &Native)| match &native.volume {
        Volume::Claim(claim, directory) if !directory.is_empty() => {
            Some(json!({"volume": name, "claim": claim, "directory": directory}))
        }
        _ => None,
    };
    names.iter().zip(&mounts.native).filter_map(directory).collect()
}

/// Adds the Secrets of the mounts, as files.
pub fn add_secrets(volumes: &mut Volumes, mounts: &Mounts) {
    let secrets = mounts.entries().flat_map(|entry: &Entry| entry.secrets.values());
    let mut names: Vec<&str> = secrets.map(|secret| secret.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (at, secret) in names.into_iter().enumerate() {
        let name = format!("ufs-secret-{at}");
        let volume = json!({"name": name, "secret": {"secretName": secret}});
        let mount = json!({"name": name, "mountPath": format!("{SECRETS}/{secret}"), "readOnly": true});
        volumes.add_own(volume, mount);
    }
}

/// Adds the backup that the master starts from.
pub fn add_backup(volumes: &mut Volumes, backup: &Backup) {
    let mount = json!({"name": "restore", "mountPath": backup.mount_path()});
    let volume = match &backup.claim {
        Some(claim) => json!({"name": "restore", "persistentVolumeClaim": {"claimName": claim}}),
        None => json!({"name": "restore", "hostPath": {"path": backup.directory, "type": "Directory"}}),
    };
    volumes.add_own(volume, mount);
}
