//! What commands that register a plugin have in common: how the artifact is fetched, and on which
//! terms its plugin is registered.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use wasser_oci::{Credentials, Reference, Registry};
use wasser_plugin::bindings::types::Want;
use wasser_plugin::{HostConfig, PluginHost};

use super::consent::Consent;
use super::error::ChangeError;
use super::grants::{self, Decision};
use super::offer::{Offer, Signature, fetch};
use super::plugin_yaml::PluginYaml;
use super::revision::Revision;
use crate::cli::options;
use crate::cli::plugin::registry::Login;

/// The options of commands that register a plugin.
#[derive(Debug, clap::Args)]
pub struct TermsArgs {
    /// Let the plugin do this, and nothing else that is new but its CRDs: `fuse`, `exec=worker`,
    /// `kinds=StatefulSet,Service`. Give it several times.
    #[arg(long, value_name = "NAME[=SCOPE,…]", value_parser = grants::want, conflicts_with = "yes")]
    grant: Vec<Want>,
    /// Agree to everything that the plugin asks for.
    #[arg(long, short)]
    yes: bool,
    /// A Secret of the operator's namespace with credentials for the registry, of the type
    /// kubernetes.io/dockerconfigjson. Give it several times.
    #[arg(long, value_name = "NAME")]
    pull_secret: Vec<String>,
    /// How long to wait until the plugin serves; after that, the exit code is 3.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = options::period)]
    timeout: Duration,
    /// Where compiled plugins are kept [default: the user's cache directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    #[command(flatten)]
    login: Login,
}

/// The options of `install` and `upgrade`.
#[derive(Debug, clap::Args)]
pub struct ArtifactArgs {
    #[command(flatten)]
    terms: TermsArgs,
    /// Keys of which one must have signed the artifact, in PEM. Give it several times, or several keys
    /// in a file.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Change nothing, and print the ConfigMap that would be written.
    #[arg(long)]
    dry_run: bool,
}

/// On which terms a plugin is registered.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The capabilities that the user names.
    pub grants: Vec<Want>,
    /// The pull secrets that the user names.
    pub pull_secrets: Vec<String>,
    /// How long the operator has for its verdict.
    pub limit: Duration,
    /// Whether nothing is changed.
    pub is_dry: bool,
}

impl TermsArgs {
    /// Returns the way to the registry, and the credentials for an artifact in it.
    ///
    /// # Errors
    /// The credentials cannot be read.
    pub fn registry(&self, reference: &Reference) -> Result<(Registry, Credentials)> {
        Ok((self.login.registry(), self.login.credentials(reference)?))
    }

    /// Returns what loads plugins.
    ///
    /// # Errors
    /// The cache cannot be used.
    pub fn host(&self) -> Result<PluginHost> {
        let cache = options::cache_dir(self.cache_dir.clone()).join("plugins");
        Ok(PluginHost::new(HostConfig::new(cache))?)
    }

    /// Returns the terms.
    pub fn terms(&self) -> Terms {
        Terms {
            grants: self.grant.clone(),
            pull_secrets: self.pull_secret.clone(),
            limit: self.timeout,
            is_dry: false,
        }
    }

    /// Returns whether the user agrees to everything.
    pub fn is_agreed(&self) -> bool {
        self.yes
    }
}

impl ArtifactArgs {
    /// Pulls an artifact, and loads its plugin.
    pub async fn offer(&self, reference: &Reference) -> Result<Offer> {
        let keys = options::public_keys(&self.key).context("reading the keys that the artifact must be signed with")?;
        let (registry, credentials) = self.terms.registry(reference)?;
        let fetched = fetch(&registry, reference, &keys, &credentials).await;
        let fetched = fetched.map_err(ChangeError::from)?;
        Ok(Offer::load(&self.terms.host()?, fetched).await?)
    }

    /// Returns the terms.
    pub fn terms(&self) -> Terms {
        Terms {
            is_dry: self.dry_run,
            ..self.terms.terms()
        }
    }

    /// Returns who agrees to them.
    pub fn consent(&self) -> Consent {
        Consent::of_process(self.terms.is_agreed())
    }
}

impl Offer {
    /// Returns the revision that registers the plugin like this.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn revision(&self, yaml: &PluginYaml, decision: &Decision) -> Result<Revision, ChangeError> {
        let reference = self.reference();
        let text = yaml.text(&self.from, &self.digest);
        Ok(Revision {
            revision: 0,
            version: self.version().to_owned(),
            asked: grants::yaml(&decision.asked),
            plugin: text.map_err(|error| ChangeError::of_artifact(&reference, error))?,
            reference,
            is_dev: matches!(self.signature, Signature::BuiltHere(_)),
        })
    }
}
