//! Which plugin a release has its values of, and whether this one reads them as they are.

use wasser_chart::{Installer, Release};
use wasser_plugin::Plugin;
use wasser_plugin::bindings::migration::Origin;

/// The plugin as records name it.
pub fn installer(plugin: &Plugin) -> Installer {
    Installer {
        name: plugin.description.name.clone(),
        version: plugin.description.version.clone(),
        build: plugin.build.clone(),
    }
}

/// Whether the plugin translates values that another one has given, or nobody knows which.
pub fn is_to_migrate(plugin: &Plugin, by: Option<&Installer>) -> bool {
    plugin.has_migration() && !by.is_some_and(|by| by.is_same_version(&installer(plugin)))
}

/// Who has installed a release, as plugins are told.
pub fn origin(release: &Release) -> Origin {
    match release.installer() {
        _ if release.is_adopted() => Origin::Fluid(release.chart_version.clone()),
        Some(Installer { name, version, .. }) => Origin::Plugin((name.clone(), version.clone())),
        None => Origin::Other("the record of the release names no plugin".to_owned()),
    }
}
