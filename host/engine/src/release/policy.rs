//! What the chart of a runtime may install.

use std::collections::BTreeSet;

use serde_json::Value;
use wasser_api::labels;
use wasser_chart::{Named, Policy, Powers, Secrets};
use wasser_plugin::Plugin;

use crate::objects::identity::Identity;
use crate::objects::owner::owner_reference;

/// The setting of a registration that names Secrets for pulling images, separated by commas.
const PULL_SECRETS: &str = "image-pull-secrets";

/// The mount root that grants are written for: a directory below it is one below the mount root of
/// the installation.
const MOUNT_ROOT: &str = "/runtime-mnt";

/// The objects of the account for data loads that some releases of Fluid's have. It may run commands
/// in pods, so it does not outlive the release.
const LOADER: [&str; 3] = ["ServiceAccount", "Role", "RoleBinding"];

/// What of a policy comes from the installation and its users.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The UID of the runtime.
    pub uid: String,
    /// Where clients mount the file system.
    pub mount_path: String,
    /// What users name in their own objects.
    pub named: Named,
    /// Secrets of the volumes that the Dataset refers to.
    pub claimed_secrets: BTreeSet<String>,
}

/// Returns what the chart of a runtime may install: the kinds that its plugin was granted, owned by
/// the runtime.
pub fn policy(plugin: &Plugin, identity: &Identity, around: &Surroundings) -> Policy {
    let mount = around
        .mount_path
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory);
    // The copy of what a volume is mounted with, by the name that Fluid gives it.
    let copy = std::iter::once(format!("{}-{}-publish-secret", identity.name, identity.runtime_type));
    let loader = |kind: &str| (kind.to_owned(), format!("{}-loader", identity.name));
    Policy {
        namespace: identity.namespace.clone(),
        kinds: plugin.grants.kinds.clone(),
        removable: LOADER.into_iter().map(loader).collect(),
        rbac: plugin.grants.rbac.clone(),
        powers: Powers {
            host_paths: below_mount_root(&plugin.grants.host_paths, identity, mount),
            ..powers(plugin)
        },
        named: around.named.clone(),
        mount: mount.to_owned(),
        secrets: Secrets {
            listed: copy.chain(around.claimed_secrets.iter().cloned()).collect(),
            ..secrets(plugin)
        },
        accounts: Default::default(),
        owner: owner_reference(&identity.kind, &identity.name, &around.uid),
        labels: [(labels::DATASET_ID.to_owned(), identity.dataset_id())].into(),
    }
}

/// Returns the directories that were granted, as they are in an installation where clients mount in
/// `mount`.
fn below_mount_root(granted: &BTreeSet<String>, identity: &Identity, mount: &str) -> BTreeSet<String> {
    let own = format!("/{}/{}/{}", identity.runtime_type, identity.namespace, identity.name);
    let root = mount.strip_suffix(&own).unwrap_or(MOUNT_ROOT);
    let moved = |path: &String| match path.strip_prefix(MOUNT_ROOT) {
        Some(below) if below.starts_with('/') => format!("{root}{below}"),
        _ => path.clone(),
    };
    granted.iter().map(moved).collect()
}

/// Returns what a plugin's pods may have of their node.
pub fn powers(plugin: &Plugin) -> Powers {
    let grants = &plugin.grants;
    Powers {
        privileged: grants.privileged,
        fuse: grants.fuse,
        host_network: grants.host_network,
        host_paths: grants.host_paths.clone(),
        system_priority: grants.system_priority,
        images: plugin.images.values().cloned().collect(),
    }
}

/// Returns the Secrets that a plugin's pods may have: those for pulling images that the installation
/// sets, or all.
pub fn secrets(plugin: &Plugin) -> Secrets {
    let set = plugin
        .settings
        .get(PULL_SECRETS)
        .map(String::as_str)
        .unwrap_or_default();
    Secrets {
        all: plugin.grants.secrets,
        for_pulling: set.split(',').map(|name| name.trim().to_owned()).collect(),
        ..Secrets::default()
    }
}

/// Returns what a user names in a runtime and in the other objects that belong to it.
pub fn named<'a>(runtime: &'a Value, others: impl IntoIterator<Item = &'a Value>) -> Named {
    let asked = runtime["metadata"]["annotations"][labels::FUSE_HOST_PID].as_str();
    let host_pid = asked.and_then(labels::truth) == Some(true);
    Named::of(std::iter::once(runtime).chain(others)).with_host_pid(host_pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::usual("/runtime-mnt/demo/ns/data", "/runtime-mnt/sock")]
    #[case::moved("/data/mnt/demo/ns/data", "/data/mnt/sock")]
    #[case::unknown("", "/runtime-mnt/sock")]
    fn directories_below_the_mount_root_move_with_it(#[case] mount: &str, #[case] expected: &str) {
        let identity = Identity {
            namespace: "ns".to_owned(),
            name: "data".to_owned(),
            dataset_uid: String::new(),
            runtime_type: "demo".to_owned(),
            implementation: "demo".to_owned(),
            kind: "DemoRuntime".to_owned(),
            mount_directory: "demo-fuse".to_owned(),
        };
        let with = |path: &str| -> BTreeSet<String> {
            let others = ["/dev/shm", "/runtime-mnt2/sock", "/runtime-mnt"];
            others.into_iter().chain([path]).map(str::to_owned).collect()
        };
        let granted = with("/runtime-mnt/sock");
        assert_eq!(below_mount_root(&granted, &identity, mount), with(expected));
    }
}
