//! Plugins, loaded as the operator loads them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use wasser_plugin::{HostConfig, Plugin, PluginHost, Registration};

use crate::package::Package;

/// Loads one plugin, as often as it is needed.
pub struct Loader {
    host: PluginHost,
    registration: Registration,
    shown: String,
}

impl Loader {
    /// Prepares to load the plugin of a package, with this chart if one is given. `cache_dir` keeps
    /// compiled plugins; registrations name files below `plugin_dir`, or else next to the package.
    ///
    /// # Errors
    /// The registration cannot be read, or the directories cannot be used.
    pub fn new(
        package: &Package,
        chart: Option<Bytes>,
        cache_dir: PathBuf,
        plugin_dir: Option<PathBuf>,
    ) -> Result<Self> {
        let registration = package.registration(chart)?;
        let host = PluginHost::new(HostConfig {
            plugin_dir: Some(plugin_dir.unwrap_or_else(|| package.directory())),
            ..HostConfig::new(cache_dir)
        })?;
        Ok(Self {
            host,
            registration,
            shown: package.display().to_string(),
        })
    }

    /// Loads the plugin. One that was loaded again has used nothing yet of what the calls of a plugin
    /// may use together, and has no faults.
    ///
    /// # Errors
    /// The package does not lead to a plugin; the message names the remedy.
    pub async fn load(&self) -> Result<Plugin> {
        let loaded = self.host.load(&self.registration).await;
        loaded.with_context(|| format!("loading the plugin in {}", self.shown))
    }
}
