//! What the chart of a runtime may install.

use serde_json::Value;
use wasser_api::labels;
use wasser_chart::{Named, Policy, Powers};
use wasser_plugin::Plugin;

use crate::objects::identity::Identity;
use crate::objects::owner::owner_reference;

/// What of a policy comes from the installation and its users.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The UID of the runtime.
    pub uid: String,
    /// Where clients mount the file system.
    pub mount_path: String,
    /// What users name in their own objects.
    pub named: Named,
}

/// Returns what the chart of a runtime may install: the kinds that its plugin was granted, owned by
/// the runtime.
pub fn policy(plugin: &Plugin, identity: &Identity, around: &Surroundings) -> Policy {
    let mount = around
        .mount_path
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory);
    Policy {
        namespace: identity.namespace.clone(),
        kinds: plugin.grants.kinds.clone(),
        rbac: plugin.grants.rbac.clone(),
        powers: powers(plugin),
        named: around.named.clone(),
        mount: mount.to_owned(),
        accounts: Default::default(),
        owner: owner_reference(&identity.kind, &identity.name, &around.uid),
        labels: [(labels::DATASET_ID.to_owned(), identity.dataset_id())].into(),
    }
}

/// Returns what a plugin's pods may have of their node.
pub fn powers(plugin: &Plugin) -> Powers {
    let grants = &plugin.grants;
    Powers {
        privileged: grants.privileged,
        fuse: grants.fuse,
        host_network: grants.host_network,
        host_paths: grants.host_paths.clone(),
        images: plugin.images.values().cloned().collect(),
    }
}

/// Returns what a user names in a runtime and in the other objects that belong to it.
pub fn named<'a>(runtime: &'a Value, others: impl IntoIterator<Item = &'a Value>) -> Named {
    let asked = runtime["metadata"]["annotations"][labels::FUSE_HOST_PID].as_str();
    let host_pid = asked.is_some_and(|text| ["true", "t", "1"].contains(&text.to_ascii_lowercase().as_str()));
    Named::of(std::iter::once(runtime).chain(others)).with_host_pid(host_pid)
}
