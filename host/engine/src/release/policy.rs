//! What the chart of a runtime may install.

use wasser_api::labels;
use wasser_chart::Policy;
use wasser_plugin::Plugin;

use crate::objects::identity::Identity;
use crate::objects::owner::owner_reference;

/// Returns what the chart of the runtime with this UID may install: the kinds that its plugin was
/// granted, owned by the runtime.
pub fn policy(plugin: &Plugin, identity: &Identity, uid: &str) -> Policy {
    Policy {
        namespace: identity.namespace.clone(),
        kinds: plugin.grants.kinds.clone(),
        rbac: plugin.grants.rbac.clone(),
        privileged: plugin.grants.privileged,
        accounts: Default::default(),
        owner: owner_reference(&identity.kind, &identity.name, uid),
        labels: [(labels::DATASET_ID.to_owned(), identity.dataset_id())].into(),
    }
}
