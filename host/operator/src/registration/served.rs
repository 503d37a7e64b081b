//! The kinds that are served: a plugin is registered for them, and their CRDs are theirs.

use kube::core::{ApiResource, GroupVersionKind};
use wasser_plugin::{Plugin, Registry};

use crate::context::ServedKind;

/// The kinds of the plugins in the registry.
pub fn served(registry: &Registry) -> Vec<ServedKind> {
    let kind = |plugin: &Plugin| {
        let kind = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, &plugin.description.kind);
        ServedKind {
            resource: ApiResource::from_gvk_with_plural(&kind, &plugin.description.plural),
            digest: plugin.build.clone(),
        }
    };
    registry.all().iter().map(|plugin| kind(plugin)).collect()
}
