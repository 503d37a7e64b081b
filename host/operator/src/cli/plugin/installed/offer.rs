//! An artifact that may be installed: pulled, verified, and loaded as the operator loads it.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde_json::Value;
use wasser_oci::{Credentials, PublicKey, Reference, Registry, RegistryError};
use wasser_pack::oci::artifact::Artifact;
use wasser_plugin::{CrdError, Digest, Grants, PLUGIN_KEY, Plugin, PluginHost, Pulled, Registration};

use super::error::{ArtifactError, ChangeError};
use super::plugin_yaml::PluginYaml;

/// An artifact as it came.
#[derive(Debug)]
pub struct Fetched {
    /// Its reference, with its digest.
    pub reference: Reference,
    /// Its bytes.
    pub artifact: Artifact,
    /// The name of the key by which it is signed, if that was verified.
    pub signer: Option<String>,
}

/// An artifact that may be installed.
pub struct Offer {
    /// Its reference, with its digest.
    pub reference: Reference,
    /// The digest of its component.
    pub digest: Digest,
    /// The sizes of component and chart in bytes.
    pub sizes: [usize; 2],
    /// The name of the key by which it is signed, if that was verified.
    pub signer: Option<String>,
    /// The plugin.
    pub plugin: Plugin,
    /// What its author proposes to register.
    pub proposal: PluginYaml,
    /// The capabilities that the component asks for.
    pub wanted: Grants,
    /// Its CRDs.
    pub crds: Vec<CustomResourceDefinition>,
}

/// Pulls an artifact. If there are keys, one of them must have signed it.
///
/// # Errors
/// The registry does not give it, or none of the keys has signed it.
pub async fn fetch(
    registry: &Registry,
    reference: &Reference,
    keys: &[PublicKey],
    credentials: &Credentials,
) -> Result<Fetched, RegistryError> {
    if keys.is_empty() {
        let artifact = registry.pull(reference, credentials).await?;
        let (reference, signer) = (reference.at(&artifact.digest()), None);
        return Ok(Fetched {
            reference,
            artifact,
            signer,
        });
    }
    let (verified, key) = registry.verify(reference, keys, credentials).await?;
    Ok(Fetched {
        artifact: registry.pull(&verified, credentials).await?,
        signer: Some(key.name()),
        reference: verified,
    })
}

impl Offer {
    /// Loads what was pulled.
    ///
    /// # Errors
    /// It is not a plugin that can be registered.
    pub async fn load(host: &PluginHost, fetched: Fetched) -> Result<Self, ChangeError> {
        let Fetched {
            reference,
            artifact,
            signer,
        } = fetched;
        let failed = |reason: ArtifactError| ChangeError::of_artifact(&reference, reason);
        let digest = Digest::of(artifact.component());
        let text = artifact
            .plugin_yaml()
            .ok_or_else(|| ChangeError::NoProposal(reference.to_string()))?;
        let proposal = PluginYaml::parse(text).map_err(|error| failed(error.into()))?;
        let registration = registration(&reference, &digest, &proposal).map_err(failed)?;
        let registration = registration.with_artifact(Pulled {
            component: artifact.component().to_vec().into(),
            chart: artifact.chart().to_vec().into(),
        });
        let plugin = host.load(&registration).await.map_err(|error| failed(error.into()))?;
        Ok(Self {
            crds: crds(&artifact).map_err(failed)?,
            sizes: [artifact.component().len(), artifact.chart().len()],
            wanted: Grants::wanted(&plugin.description.wants)?,
            reference,
            digest,
            signer,
            plugin,
            proposal,
        })
    }

    /// Returns the kind that it serves.
    pub fn kind(&self) -> &str {
        &self.plugin.description.kind
    }

    /// Returns the version of the plugin.
    pub fn version(&self) -> &str {
        &self.plugin.description.version
    }
}

/// Returns what the proposal would register.
fn registration(reference: &Reference, digest: &Digest, proposal: &PluginYaml) -> Result<Registration, ArtifactError> {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(reference.name().to_owned());
    map.metadata.namespace = Some(reference.registry().to_owned());
    let text = proposal.text(&reference.to_string(), digest)?;
    map.data.get_or_insert_default().insert(PLUGIN_KEY.to_owned(), text);
    Ok(Registration::parse(&map)?)
}

/// Returns the CRDs of an artifact: those that `wasser plugin crd` prints, or else those of its layer.
fn crds(artifact: &Artifact) -> Result<Vec<CustomResourceDefinition>, ArtifactError> {
    let found = match wasser_plugin::crds(artifact.component()) {
        Ok(found) => found,
        Err(CrdError::Missing) => {
            let layer = serde_json::Deserializer::from_str(artifact.crds()).into_iter::<Value>();
            layer.collect::<Result<Vec<_>, _>>()?
        }
        Err(error) => return Err(error.into()),
    };
    let crds = found.into_iter().map(serde_json::from_value);
    let crds = crds.collect::<Result<Vec<CustomResourceDefinition>, _>>()?;
    match crds.iter().find(|crd| has_webhook(crd)) {
        Some(crd) => Err(ArtifactError::Conversion(crd.name_any())),
        None => Ok(crds),
    }
}

fn has_webhook(crd: &CustomResourceDefinition) -> bool {
    let conversion = crd.spec.conversion.as_ref();
    conversion.is_some_and(|conversion| conversion.strategy != "None" || conversion.webhook.is_some())
}
