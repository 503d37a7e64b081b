//! A plugin that may be registered: pulled and verified, or built here, and loaded as the operator
//! loads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde_json::Value;
use wasser_api::shell::word;
use wasser_oci::{Credentials, PublicKey, Reference, Registry, RegistryError};
use wasser_pack::oci::artifact::Artifact;
use wasser_pack::{CHART_KEY, COMPONENT_KEY, Registered};
use wasser_plugin::{CrdError, Digest, Grants, PLUGIN_KEY, Plugin, PluginHost, Pulled, Registration};

use super::desk::Desk;
use super::error::{ArtifactError, ChangeError};
use super::plugin_yaml::PluginYaml;
use super::revision;

/// The namespace of what is not registered yet.
const NAMESPACE: &str = "offered";

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

/// A plugin that may be registered.
pub struct Offer {
    /// Where its registration takes component and chart from.
    pub from: Registered,
    /// Component and chart.
    pub parts: Pulled,
    /// The digest of its component.
    pub digest: Digest,
    /// How far its signature was looked at.
    pub signature: Signature,
    /// The plugin.
    pub plugin: Plugin,
    /// What its author proposes to register.
    pub proposal: PluginYaml,
    /// The capabilities that the component asks for.
    pub wanted: Grants,
    /// Its CRDs.
    pub crds: Vec<CustomResourceDefinition>,
}

/// How far the signature of an artifact was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// It was not verified.
    Unverified,
    /// It is by the key of this name.
    By(String),
    /// Nobody has signed what was built here.
    BuiltHere(Built),
}

/// What was built on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The directory of the project.
    pub directory: String,
    /// The file with its artifact.
    pub file: PathBuf,
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
        let (shown, name) = (fetched.reference.to_string(), fetched.reference.name().to_owned());
        let signature = fetched.signer.map_or(Signature::Unverified, Signature::By);
        Self::of(
            host,
            fetched.artifact,
            Registered::Oci(shown.clone()),
            signature,
            [&shown, &name],
        )
        .await
    }

    /// Loads what was built here, and is in the ConfigMap or in the registry that `from` says.
    ///
    /// # Errors
    /// It is not a plugin that can be registered.
    pub async fn built(
        host: &PluginHost,
        artifact: Artifact,
        from: Registered,
        built: Built,
    ) -> Result<Self, ChangeError> {
        let what = format!("the build of {}", built.directory);
        Self::of(host, artifact, from, Signature::BuiltHere(built), [&what, "built"]).await
    }

    async fn of(
        host: &PluginHost,
        artifact: Artifact,
        from: Registered,
        signature: Signature,
        [shown, name]: [&str; 2],
    ) -> Result<Self, ChangeError> {
        let failed = |reason: ArtifactError| ChangeError::of_artifact(&shown, reason);
        let text = artifact
            .plugin_yaml()
            .ok_or_else(|| ChangeError::NoProposal(shown.to_owned()))?;
        let proposal = PluginYaml::parse(text).map_err(|error| failed(error.into()))?;
        let crds = crds(&artifact).map_err(failed)?;
        let digest = Digest::of(artifact.component());
        let (component, chart) = artifact.into_component_and_chart();
        let parts = Pulled {
            component: component.into(),
            chart: chart.into(),
        };
        let registration = registration(name, &from, &digest, &proposal, &parts).map_err(failed)?;
        let plugin = host.load(&registration).await.map_err(|error| failed(error.into()))?;
        Ok(Self {
            wanted: Grants::wanted(&plugin.description.wants)?,
            crds,
            from,
            parts,
            digest,
            signature,
            plugin,
            proposal,
        })
    }

    /// Returns where its component comes from, as messages and histories say it.
    pub fn reference(&self) -> String {
        match &self.from {
            Registered::Oci(reference) => reference.clone(),
            Registered::Inline => revision::inline(COMPONENT_KEY),
        }
    }

    /// Returns the words of a command that registers it under another name.
    pub fn elsewhere(&self) -> String {
        match &self.signature {
            Signature::BuiltHere(built) => format!("dev {} --name NAME", word(&built.directory)),
            _ => format!("install {} --name NAME", self.reference()),
        }
    }

    /// Returns the command that applies its CRDs.
    pub fn crd_command(&self, desk: &Desk) -> String {
        let apply = desk.kubectl("apply --server-side -f -");
        if let Signature::BuiltHere(built) = &self.signature {
            let file = word(&built.file.display().to_string());
            return format!("wasser plugin crd {file} | {apply}");
        }
        let reference = self.reference();
        let name = reference
            .parse::<Reference>()
            .map(|reference| reference.name().to_owned());
        let file = format!("{}.oci.tar", name.unwrap_or_default());
        format!("wasser plugin pull {reference} && wasser plugin crd {file} | {apply}")
    }

    /// Returns what belongs into the ConfigMap in addition to plugin.yaml.
    pub fn inline(&self) -> BTreeMap<String, ByteString> {
        inline(&self.from, &self.parts)
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

fn inline(from: &Registered, parts: &Pulled) -> BTreeMap<String, ByteString> {
    match from {
        Registered::Oci(_) => BTreeMap::new(),
        Registered::Inline => BTreeMap::from([
            (COMPONENT_KEY.to_owned(), ByteString(parts.component.to_vec())),
            (CHART_KEY.to_owned(), ByteString(parts.chart.to_vec())),
        ]),
    }
}

/// Returns what the proposal would register.
fn registration(
    name: &str,
    from: &Registered,
    digest: &Digest,
    proposal: &PluginYaml,
    parts: &Pulled,
) -> Result<Registration, ArtifactError> {
    let mut map = ConfigMap::default();
    (map.metadata.name, map.metadata.namespace) = (Some(name.to_owned()), Some(NAMESPACE.to_owned()));
    let text = proposal.text(from, digest)?;
    map.data.get_or_insert_default().insert(PLUGIN_KEY.to_owned(), text);
    map.binary_data = Some(inline(from, parts));
    let registration = Registration::parse(&map)?;
    Ok(match from {
        Registered::Oci(_) => registration.with_artifact(parts.clone()),
        Registered::Inline => registration,
    })
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
