//! Why a plugin of a cluster is not installed, changed or removed.

use wasser_oci::RegistryError;
use wasser_plugin::{CrdError, GrantError, LoadError, RegistrationError};

use super::yaml_error::YamlError;
use crate::cli::data::problem::Problem;

/// Why a plugin of a cluster is not installed, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The registry does not give the artifact.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The artifact does not say how it is registered.
    #[error(
        "{0} has no plugin.yaml, so it does not say which kind it serves; let its author push what `wasser plugin \
         pack` makes, or register it by a ConfigMap of your own"
    )]
    NoProposal(String),
    /// What the artifact proposes cannot be registered.
    #[error("{reference}: {reason}; nothing was changed")]
    Artifact {
        /// The artifact.
        reference: String,
        /// The reason, with what helps.
        reason: String,
    },
    /// A capability is given that the plugin does not ask for.
    #[error("--grant: the plugin does not ask for `{named}`; it asks for: {wanted}")]
    Unasked {
        /// What is given.
        named: String,
        /// What it asks for.
        wanted: String,
    },
    /// A capability has no meaning.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// Nobody can be asked.
    #[error(
        "{what} needs consent, and there is no terminal to show it and to ask on; give `--yes` for all that is asked \
         for, or name with `--grant` what the plugin may do"
    )]
    NoConsent {
        /// What needs it.
        what: String,
    },
    /// The user does not want it.
    #[error("{what} was not agreed to; nothing was changed")]
    Declined {
        /// What was not agreed to.
        what: String,
    },
    /// A ConfigMap of the name is something else.
    #[error("the ConfigMap {namespace}/{name} exists and registers no plugin, so it is left as it is; {remedy}")]
    NotAPlugin {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What helps.
        remedy: &'static str,
    },
    /// A registration belongs to another tool.
    #[error("the ConfigMap {namespace}/{name} belongs to {owner}, so it is left as it is; {remedy}")]
    Foreign {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Whom it belongs to.
        owner: String,
        /// What helps.
        remedy: String,
    },
    /// A registration of the name exists.
    #[error("{name} is installed already, for {kind}; upgrade it: {upgrade}, or choose another --name")]
    Installed {
        /// Its name.
        name: String,
        /// The kind that it serves.
        kind: String,
        /// The command that upgrades it.
        upgrade: String,
    },
    /// A registration is for another kind.
    #[error("{name} serves {registered}, and the artifact {offered}; install that under another name: {install}")]
    OtherKind {
        /// The name of the registration.
        name: String,
        /// The kind that it serves.
        registered: String,
        /// The kind of the artifact.
        offered: String,
        /// The command that installs it.
        install: String,
    },
    /// Another registration serves the kind.
    #[error(
        "{kind} belongs to the registration {owner} of this namespace, and a kind has one plugin; upgrade or remove \
         that one"
    )]
    KindTaken {
        /// The kind.
        kind: String,
        /// The registration that has it.
        owner: String,
    },
    /// There is no such registration.
    #[error("no plugin {name} is registered in the namespace {namespace}{there}")]
    Missing {
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
        /// Which ones there are, as the end of a sentence.
        there: String,
    },
    /// There is nothing to go back to.
    #[error("{name} has no revision {wanted}; {there}")]
    NoRevision {
        /// The name of the registration.
        name: String,
        /// The revision that is wanted.
        wanted: String,
        /// Those that there are.
        there: String,
    },
    /// What is kept about earlier revisions is not readable.
    #[error("the annotation {annotation} of the ConfigMap {name} cannot be read: {reason}; repair it, or remove it")]
    History {
        /// The annotation.
        annotation: &'static str,
        /// The ConfigMap.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A registration cannot be read.
    #[error("the ConfigMap {name}: {reason}; repair it first")]
    Unreadable {
        /// Its name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// Somebody else has changed the registration.
    #[error("the ConfigMap {0} was changed by somebody else meanwhile; look at it, and try again")]
    Changed(String),
    /// A registration was written, and cannot be followed.
    #[error("{name} is registered, but what the operator makes of it cannot be followed: {reason}; look later: {look}")]
    Unfollowed {
        /// Its name.
        name: String,
        /// The reason.
        reason: String,
        /// The command that shows it.
        look: String,
    },
    /// Runtimes would be left alone.
    #[error(
        "{name} serves {runtimes}, which nobody would look after: {some}; delete them first, with their \
         Datasets: {delete}"
    )]
    RuntimesAlive {
        /// The name of the registration.
        name: String,
        /// How many of which kind there are.
        runtimes: String,
        /// The first few.
        some: String,
        /// The command that deletes one.
        delete: String,
    },
    /// Objects would be deleted with their CRD.
    #[error("the CRD {crd} has {count} objects, which would go with it: {some}; delete them first, or leave out --crd")]
    ObjectsLeft {
        /// The CRD.
        crd: String,
        /// How many there are.
        count: String,
        /// The first few.
        some: String,
    },
    /// The API server does not serve a CRD.
    #[error("the CRD {crd} is not served {seconds} s after it was applied; see `{look}`")]
    NotEstablished {
        /// The CRD.
        crd: String,
        /// How long that was waited for.
        seconds: u64,
        /// The command that shows it.
        look: String,
    },
    /// A CRD is still there.
    #[error(
        "the CRD {crd} is still there {seconds} s after it was deleted, and what is applied meanwhile would go with it; \
         see its finalizers: `{look}`"
    )]
    NotGone {
        /// The CRD.
        crd: String,
        /// How long that was waited for.
        seconds: u64,
        /// The command that shows it.
        look: String,
    },
    /// Nobody knows whose runtimes would be left alone.
    #[error(
        "the ConfigMap {name} does not say which kind it serves, so it cannot be told whether runtimes of it are left; \
         {remedy}"
    )]
    UnknownKind {
        /// The name of the registration.
        name: String,
        /// What helps.
        remedy: String,
    },
    /// A request to the API server failed.
    #[error(transparent)]
    Request(#[from] Problem),
}

impl ChangeError {
    /// Returns why an artifact cannot be installed.
    pub fn of_artifact(reference: &dyn std::fmt::Display, reason: impl Into<ArtifactError>) -> Self {
        Self::Artifact {
            reference: reference.to_string(),
            reason: reason.into().to_string(),
        }
    }
}

/// What can be wrong with an artifact.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It proposes something that is not a plugin.yaml.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// It proposes something that is not a registration.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The plugin cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its CRDs cannot be read.
    #[error(transparent)]
    Crds(#[from] CrdError),
    /// One of its CRDs has a webhook.
    #[error(
        "its CRD {0} has objects converted by a webhook, which may change all of them and is not part of the plugin; \
         let its author set `conversion.strategy: None`, or apply the CRD yourself and register the plugin by a \
         ConfigMap of your own"
    )]
    Conversion(String),
    /// One of its CRDs is something else.
    #[error("a CRD of it cannot be read: {0}")]
    Crd(#[from] serde_json::Error),
}
