//! The artifacts that registrations name: from the cache, or from their registry with the pull
//! Secrets of the operator's namespace.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasser_oci::{
    Cache, Credentials, CredentialsError, Helpers, PublicKey, Reference, ReferenceError, Registry, RegistryError,
};
use wasser_pack::oci::artifact::Artifact;
use wasser_plugin::{Digest, Registration};

/// Artifacts that are pulled, or wait for the registrar, at the same time.
const AT_ONCE: usize = 2;
/// The key of a Secret of the type `kubernetes.io/dockerconfigjson`.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// Where artifacts come from.
#[derive(Clone)]
pub struct Artifacts {
    /// The way to registries.
    pub registry: Registry,
    /// What was pulled before.
    pub cache: Cache,
    /// For Secrets.
    pub client: Client,
    /// The operator's namespace.
    pub namespace: String,
    /// Of these keys one must have signed what is pulled; none need have if there are none.
    keys: Vec<PublicKey>,
    directory: PathBuf,
    places: Arc<Semaphore>,
}

/// What a registration wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    reference: String,
    pull_secrets: Vec<String>,
}

impl Wanted {
    /// Returns what a ConfigMap wants, if it names an artifact.
    pub fn of(map: &ConfigMap) -> Option<Self> {
        let registration = Registration::parse(map).ok()?;
        Some(Self {
            reference: registration.artifact()?.to_owned(),
            pull_secrets: registration.pull_secrets,
        })
    }
}

/// Why an artifact is not here.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// It is named wrongly.
    #[error("plugin.yaml: oci: {0}")]
    Reference(#[from] ReferenceError),
    /// It is named by a tag only.
    #[error(
        "plugin.yaml: oci: `{reference}` has no digest, and a tag may lead to something else tomorrow; {}",
        match now {
            Ok(pinned) => format!("write `{pinned}`, which is what it leads to now"),
            Err(reason) => format!("add `@sha256:…`, which `wasser plugin push` has printed ({reason})"),
        }
    )]
    NoDigest {
        /// The reference.
        reference: String,
        /// What it leads to now.
        now: Result<String, String>,
    },
    /// A Secret cannot be used.
    #[error("plugin.yaml: pullSecrets: the Secret {namespace}/{name} {reason}")]
    Secret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why not, and what helps.
        reason: String,
    },
    /// Credentials in a Secret cannot be used.
    #[error("plugin.yaml: pullSecrets: {0}")]
    Credentials(#[from] CredentialsError),
    /// The attempt has ended in the middle.
    #[error("the attempt has ended by an error in the program, which should be reported: {0}")]
    Panic(String),
    /// The registry does not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl PullError {
    /// Whether another attempt can only fail in the same way, until the registration changes.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Reference(_) | Self::NoDigest { .. } => true,
            Self::Secret { .. } | Self::Credentials(_) | Self::Panic(_) => false,
            Self::Registry(error) => error.cause.is_lasting(),
        }
    }

    /// Whether waiting is of no use to whoever waits for the artifact.
    pub fn needs_change(&self) -> bool {
        match self {
            Self::Registry(error) => error.cause.needs_change(),
            other => other.is_lasting(),
        }
    }
}

impl Artifacts {
    /// Pulls from registries on this way, with Secrets of this namespace, and keeps what came below
    /// this directory.
    pub fn new(registry: Registry, directory: &Path, client: Client, namespace: &str) -> Self {
        Self {
            registry,
            cache: Cache::new(directory, "any"),
            client,
            namespace: namespace.to_owned(),
            keys: Vec::new(),
            directory: directory.to_owned(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Takes only what is signed with one of these keys. What was pulled under other conditions is
    /// verified again.
    #[must_use]
    pub fn signed_by(mut self, keys: Vec<PublicKey>) -> Self {
        self.keys = keys;
        if let Some(mark) = self.keys() {
            self.cache = Cache::new(&self.directory, &mark);
        }
        self
    }

    /// Returns what stands for the keys, if there are any.
    pub fn keys(&self) -> Option<String> {
        let mut names: Vec<String> = self.keys.iter().map(PublicKey::name).collect();
        names.sort();
        let digest = || Digest::of(names.concat().as_bytes()).hex().chars().take(16).collect();
        (!names.is_empty()).then(digest)
    }

    /// Keeps at most this many bytes.
    #[must_use]
    pub fn limited_to(mut self, bytes: u64) -> Self {
        self.cache = self.cache.limited_to(bytes);
        self
    }

    /// Returns an artifact that was pulled before.
    pub async fn cached(&self, wanted: &Wanted) -> Option<Artifact> {
        let reference: Reference = wanted.reference.parse().ok()?;
        let (cache, digest) = (self.cache.clone(), reference.digest()?.to_owned());
        tokio::task::spawn_blocking(move || cache.get(&digest)).await.ok()?
    }

    /// Waits until there is room for another artifact in memory, and takes it until the answer is
    /// dropped. Nobody closes the semaphore, so there always is an answer.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Pulls an artifact, and keeps it.
    ///
    /// # Errors
    /// It cannot be had now, or never.
    pub async fn pull(&self, wanted: &Wanted) -> Result<Artifact, PullError> {
        let reference: Reference = wanted.reference.parse()?;
        let credentials = self.credentials(&reference, &wanted.pull_secrets).await?;
        if reference.digest().is_none() {
            let now = self.registry.resolve(&reference, &credentials).await;
            return Err(PullError::NoDigest {
                reference: wanted.reference.clone(),
                now: now
                    .map(|digest| reference.at(&digest).to_string())
                    .map_err(|error| error.to_string()),
            });
        }
        if !self.keys.is_empty() {
            self.registry.verify(&reference, &self.keys, &credentials).await?;
        }
        let artifact = self.registry.pull(&reference, &credentials).await?;
        // It may be large, so there is one of it.
        let artifact = Arc::new(artifact);
        let (cache, kept) = (self.cache.clone(), artifact.clone());
        let keep = tokio::task::spawn_blocking(move || cache.put(&kept));
        if let Ok(Err(error)) = keep.await {
            tracing::warn!(%reference, %error, "the artifact is not kept for a restart");
        }
        Ok(Arc::unwrap_or_clone(artifact))
    }

    /// Returns the first credentials for the registry in these Secrets.
    async fn credentials(&self, reference: &Reference, secrets: &[String]) -> Result<Credentials, PullError> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        for name in secrets {
            let refused = |reason: String| PullError::Secret {
                namespace: self.namespace.clone(),
                name: name.clone(),
                reason,
            };
            let secret = match api.get_opt(name).await {
                Ok(Some(secret)) => secret,
                Ok(None) => return Err(refused("does not exist; create it, or correct the name".to_owned())),
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    return Err(refused(
                        "may not be read; name it in `rbac.pullSecrets` of the values of Wasser's chart".to_owned(),
                    ));
                }
                Err(error) => return Err(refused(format!("cannot be read: {error}"))),
            };
            let data = secret.data.as_ref().and_then(|data| data.get(DOCKER_CONFIG));
            let config = data.ok_or_else(|| {
                refused(format!(
                    "has no key `{DOCKER_CONFIG}`; make it with `kubectl create secret docker-registry`"
                ))
            })?;
            let origin = format!("the Secret {}/{name}", self.namespace);
            if let Some(found) = Credentials::find(&config.0, reference, Helpers::Ignore, &origin)? {
                return Ok(found);
            }
        }
        Ok(Credentials::anonymous())
    }
}
