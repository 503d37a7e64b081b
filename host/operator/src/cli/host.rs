//! The operator's own files: plugins, Helm's engine, and what is kept of both. Commands that run in
//! its container find them by the same environment.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use kube::Client;
use wasser_api::quantity;
use wasser_chart::Renderer;
use wasser_oci::Registry as OciRegistry;
use wasser_plugin::{HostConfig, PluginHost};

use super::options;
use crate::registration::Artifacts;

/// The shares of the disk, in percent. What is left is for Helm's engine and what is being written.
const COMPILED: u64 = 40;
const LAST_GOOD: u64 = 20;
const ARTIFACTS: u64 = 20;

/// Options, each also an environment variable.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HostArgs {
    /// Where compiled plugins are kept; only this user may write there [default: the user's cache
    /// directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// How much disk all of that may take, such as 1Gi [default: no limit but for what is pulled].
    #[arg(long, env = "WASSER_CACHE_SIZE", value_parser = bytes)]
    cache_size: Option<u64>,
    /// A directory of root's with Helm's engine and plugins as `wasser precompile --shipped` has compiled
    /// them.
    #[arg(long, env = "WASSER_COMPILED_DIR")]
    compiled_dir: Option<PathBuf>,
    /// The directory below which registrations may name files.
    #[arg(long, env = "WASSER_PLUGIN_DIR")]
    plugin_dir: Option<PathBuf>,
    /// Registries that are spoken to without encryption, each a host with its port.
    #[arg(
        long,
        env = "WASSER_PLAIN_HTTP_REGISTRIES",
        value_delimiter = ',',
        value_name = "HOST:PORT,…"
    )]
    plain_http_registries: Vec<String>,
    /// Public keys in PEM, of which one must have signed whatever is pulled from a registry: files, or
    /// directories of such files.
    #[arg(long, env = "WASSER_PLUGIN_KEYS", value_delimiter = ',', value_name = "FILE|DIR,…")]
    plugin_keys: Vec<PathBuf>,
}

impl HostArgs {
    /// Returns the host of plugins. Components are compiled by a child of the same program, whose
    /// memory is gone afterwards.
    pub fn plugins(&self) -> Result<PluginHost> {
        let program = std::env::current_exe().context("finding this program's own file")?;
        let config = HostConfig {
            plugin_dir: self.plugin_dir.clone(),
            compiled_dir: self.compiled_dir.clone(),
            precompiler: Some(vec![program, "precompile".into()]),
            compiled_bytes: self.share(COMPILED).unwrap_or(u64::MAX),
            last_good_bytes: self.share(LAST_GOOD).unwrap_or(u64::MAX),
            ..HostConfig::new(self.cache().join("plugins"))
        };
        Ok(PluginHost::new(config)?)
    }

    /// Returns where the artifacts of registrations in this namespace come from.
    pub fn artifacts(&self, client: Client, namespace: &str) -> Result<Artifacts> {
        let way = OciRegistry {
            plain_hosts: self.plain_http_registries.clone(),
            ..OciRegistry::default()
        };
        let keys =
            options::public_keys(&self.plugin_keys).context("reading the keys that plugins must be signed with")?;
        let artifacts = Artifacts::new(way, &self.cache().join("artifacts"), client, namespace).signed_by(keys);
        Ok(match self.share(ARTIFACTS) {
            Some(bytes) => artifacts.limited_to(bytes),
            None => artifacts,
        })
    }

    /// Opens Helm's engine, as it was shipped, or compiled by a child where it was never compiled
    /// before.
    pub async fn renderer(&self) -> Result<Renderer> {
        if let Some(shipped) = &self.compiled_dir
            && let Some(renderer) = Renderer::open_shipped(shipped).context("preparing Helm's engine")?
        {
            return Ok(renderer);
        }
        let directory = self.cache().join("helm");
        if !directory.is_dir() {
            tracing::info!("compiling Helm's engine, once");
            let program = std::env::current_exe().context("finding this program's own file")?;
            let compiled = tokio::process::Command::new(program)
                .arg("precompile")
                .arg("--helm")
                .arg(&directory)
                .kill_on_drop(true)
                .status()
                .await;
            // If it failed, the attempt in this process says why.
            tracing::debug!(?compiled, "compiled Helm's engine");
        }
        let opened = tokio::task::spawn_blocking(move || Renderer::open(&directory))
            .await
            .context("preparing Helm's engine")?;
        opened.context("preparing Helm's engine")
    }

    fn cache(&self) -> PathBuf {
        options::cache_dir(self.cache_dir.clone())
    }

    fn share(&self, percent: u64) -> Option<u64> {
        self.cache_size.map(|bytes| bytes / 100 * percent)
    }
}

/// Reads a number of bytes as Kubernetes writes it.
fn bytes(text: &str) -> Result<u64, String> {
    let value = quantity::parse(text).map_err(|error| error.to_string())?;
    u64::try_from(value).map_err(|_| format!("`{text}` is less than nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_leave_room_for_what_is_being_written() {
        let host = HostArgs {
            cache_size: Some(bytes("1Gi").unwrap()),
            ..HostArgs::default()
        };
        let shares = [COMPILED, LAST_GOOD, ARTIFACTS].map(|percent| host.share(percent).unwrap());
        let rest = (1 << 30) - shares.iter().sum::<u64>();
        assert!(rest > 200 << 20 && shares[0] > 400 << 20, "{shares:?}");
        assert_eq!(HostArgs::default().share(COMPILED), None);
        assert!(bytes("-1").is_err() && bytes("much").is_err());
    }
}
