//! Pushes and pulls artifacts.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::{Client, RegistryOperation};
use wasser_pack::oci::artifact::Artifact;
use wasser_pack::oci::manifest::{ArtifactError, Descriptor, INDEX, MANIFEST, Manifest};
use wasser_pack::sha256;

use crate::challenge;
use crate::credentials::Credentials;
use crate::error::{Cause, RegistryError, shortened};
use crate::reference::Reference;

/// What this program says that it is.
const AGENT: &str = concat!("wasser/", env!("CARGO_PKG_VERSION"));

/// How long a registry may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To accept a connection.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub pause: Duration,
    /// For everything.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            pause: Duration::from_secs(30),
            whole: Duration::from_secs(300),
        }
    }
}

/// The way to registries.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// How long they may take.
    pub limits: Limits,
    /// Whether all of them are spoken to without encryption.
    pub plain_http: bool,
    /// The hosts, with ports, that are spoken to without encryption.
    pub plain_hosts: Vec<String>,
}

/// One attempt: whom it speaks to, and as whom.
pub(crate) struct Attempt<'a> {
    pub(crate) client: Client,
    pub(crate) reference: &'a Reference,
    pub(crate) credentials: &'a Credentials,
    limits: Limits,
    /// The address at which the registry says how to log in.
    root: String,
}

impl Registry {
    /// Pushes an artifact under the tag of a reference. Returns the reference with its digest.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push(
        &self,
        reference: &Reference,
        artifact: &Artifact,
        credentials: &Credentials,
    ) -> Result<Reference, RegistryError> {
        self.timed("pushing", reference, async {
            if reference.tag().is_none() {
                return Err(Cause::NoTag(reference.to_string()));
            }
            self.attempt(reference, credentials)?.push(artifact).await?;
            Ok(reference.at(&artifact.digest()))
        })
        .await
    }

    /// Pulls an artifact, by its digest if the reference has one, else by its tag.
    ///
    /// # Errors
    /// The registry does not give it, or it is not a plugin.
    pub async fn pull(&self, reference: &Reference, credentials: &Credentials) -> Result<Artifact, RegistryError> {
        let pull = async { self.attempt(reference, credentials)?.pull().await };
        self.timed("pulling", reference, pull).await
    }

    /// Returns the digest that a tag leads to now.
    ///
    /// # Errors
    /// The registry does not say it.
    pub async fn resolve(&self, reference: &Reference, credentials: &Credentials) -> Result<String, RegistryError> {
        let resolve = async { self.attempt(reference, credentials)?.resolve().await };
        self.timed("looking for", reference, resolve).await
    }

    /// Does something within the time that all of it may take.
    pub(crate) async fn timed<T>(
        &self,
        doing: &str,
        reference: &Reference,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, RegistryError> {
        let limit = self.limits.whole;
        let ended = tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(Cause::Slow {
                registry: reference.registry().to_owned(),
                limit,
            })
        });
        ended.map_err(|cause| RegistryError {
            tried: format!("{doing} {reference}"),
            cause,
        })
    }

    pub(crate) fn attempt<'a>(
        &self,
        reference: &'a Reference,
        credentials: &'a Credentials,
    ) -> Result<Attempt<'a>, Cause> {
        let scheme = if self.is_plain(reference) { "http" } else { "https" };
        Ok(Attempt {
            client: self.client(reference, credentials)?,
            reference,
            credentials,
            limits: self.limits,
            root: format!("{scheme}://{}/v2/", reference.parsed().resolve_registry()),
        })
    }

    fn is_plain(&self, reference: &Reference) -> bool {
        self.plain_http || self.plain_hosts.iter().any(|host| host == reference.registry())
    }

    /// Each attempt has a client of its own, because clients keep the first credentials for a
    /// registry that they are given.
    fn client(&self, reference: &Reference, credentials: &Credentials) -> Result<Client, Cause> {
        let is_plain = self.is_plain(reference);
        if is_plain && !credentials.is_anonymous() && !reference.is_loopback() {
            return Err(Cause::Unencrypted {
                registry: reference.registry().to_owned(),
            });
        }
        // Whoever was first decides for the process; it is the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let config = ClientConfig {
            protocol: if is_plain {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(self.limits.connect),
            read_timeout: Some(self.limits.pause),
            user_agent: AGENT,
            ..ClientConfig::default()
        };
        Client::try_from(config).map_err(|error| Cause::Client(error.to_string()))
    }
}

impl Attempt<'_> {
    /// Shows the credentials, so that an answer to them is not taken for one to what follows.
    pub(crate) async fn begin(&self, operation: RegistryOperation) -> Result<(), Cause> {
        self.check_realm().await?;
        let auth = self.credentials.auth();
        let begun = self.client.auth(self.reference.parsed(), &auth, operation).await;
        let token = begun.map_err(|error| self.cause(error))?;
        // The client panics when it writes such a one into a header.
        match token.map(|token| HeaderValue::from_str(&token)) {
            Some(Err(_)) => Err(Cause::Garbage {
                registry: self.reference.registry().to_owned(),
                reason: "its token has characters that no header may have".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks to whom the credentials would go for a token, which the client does not.
    async fn check_realm(&self) -> Result<(), Cause> {
        if self.credentials.is_anonymous() {
            return Ok(());
        }
        let client = reqwest::Client::builder()
            .connect_timeout(self.limits.connect)
            .read_timeout(self.limits.pause)
            .user_agent(AGENT)
            .build()
            .map_err(|error| Cause::Client(error.to_string()))?;
        let unencrypted = challenge::unencrypted(&client, &self.root).await;
        match unencrypted.map_err(|error| self.cause(error))? {
            None => Ok(()),
            Some(realm) => Err(Cause::UnencryptedToken {
                registry: self.reference.registry().to_owned(),
                realm: shortened(&realm),
            }),
        }
    }

    pub(crate) async fn resolve(&self) -> Result<String, Cause> {
        self.begin(RegistryOperation::Pull).await?;
        let auth = self.credentials.auth();
        let digest = self.client.fetch_manifest_digest(self.reference.parsed(), &auth).await;
        digest.map_err(|error| self.cause(error))
    }

    async fn push(&self, artifact: &Artifact) -> Result<(), Cause> {
        self.begin(RegistryOperation::Push).await?;
        let to = self.reference.parsed();
        for (descriptor, bytes) in artifact.blobs() {
            self.put_blob(descriptor, bytes).await?;
        }
        let kind = HeaderValue::from_static(MANIFEST);
        let pushed = self
            .client
            .push_manifest_raw(to, artifact.manifest().to_vec(), kind)
            .await;
        pushed.map(drop).map_err(|error| self.cause(error))
    }

    /// Pushes a blob, unless it is there.
    pub(crate) async fn put_blob(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), Cause> {
        if self.has_blob(descriptor).await? {
            return Ok(());
        }
        let to = self.reference.parsed();
        match self.client.push_blob(to, bytes.to_vec(), &descriptor.digest).await {
            // Some registries do not say where it is, as they should. It counts that it is there.
            Err(OciDistributionError::RegistryNoLocationError) if self.has_blob(descriptor).await? => Ok(()),
            pushed => pushed.map(drop).map_err(|error| self.cause(error)),
        }
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Cause> {
        let there = self
            .client
            .blob_exists(self.reference.parsed(), &descriptor.digest)
            .await;
        there.map_err(|error| self.cause(error))
    }

    async fn pull(&self) -> Result<Artifact, Cause> {
        self.begin(RegistryOperation::Pull).await?;
        let (from, auth) = (self.reference.parsed(), self.credentials.auth());
        let raw = self.client.pull_manifest_raw(from, &auth, &[MANIFEST, INDEX]).await;
        let (raw, _) = raw.map_err(|error| self.cause(error))?;
        let found = sha256(&raw);
        if let Some(expected) = self.reference.digest().filter(|expected| *expected != found) {
            return Err(Cause::Artifact(ArtifactError::Digest {
                found,
                expected: expected.to_owned(),
            }));
        }
        let manifest = Manifest::parse(&raw).map_err(Cause::Artifact)?;
        let mut blobs = Vec::new();
        for descriptor in manifest.blobs() {
            blobs.push(self.blob(descriptor).await?);
        }
        Artifact::assemble(raw.to_vec(), blobs).map_err(Cause::Artifact)
    }

    /// Pulls a blob, and not more of it than its manifest says.
    pub(crate) async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Cause> {
        let from = self.reference.parsed();
        let stream = self.client.pull_blob_stream(from, descriptor.digest.as_str()).await;
        let mut stream = stream.map_err(|error| self.cause(error))?.stream;
        // Grown by and by, it would take twice its size.
        let mut bytes = Vec::with_capacity(usize::try_from(descriptor.size).unwrap_or_default());
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| self.cause(broken(error)))?;
            if (bytes.len() + piece.len()) as u64 > descriptor.size {
                return Err(Cause::Digest {
                    registry: self.reference.registry().to_owned(),
                    reason: format!("more than the {} bytes of {}", descriptor.size, descriptor.digest),
                });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    pub(crate) fn cause(&self, error: OciDistributionError) -> Cause {
        let registry = self.reference.registry();
        Cause::of(error, registry, &self.credentials.who(), self.limits.pause)
    }
}

/// Returns the error that a stream hides in one of the system.
fn broken(error: std::io::Error) -> OciDistributionError {
    match error.downcast().map(OciDistributionError::DigestError) {
        Ok(found) => found,
        Err(error) => error
            .downcast()
            .map_or_else(OciDistributionError::IoError, OciDistributionError::RequestError),
    }
}
