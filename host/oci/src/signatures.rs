//! Signatures of artifacts, where cosign keeps them: in the same repository, under the tag
//! `sha256-<digest>.sig`, as layers of simple signing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use oci_client::RegistryOperation;
use serde::{Deserialize, Serialize};
use wasser_pack::oci::manifest::{Descriptor, MANIFEST};

use crate::credentials::Credentials;
use crate::error::{Cause, RegistryError};
use crate::keys::{PrivateKey, PublicKey};
use crate::reference::Reference;
use crate::registry::{Attempt, Registry};

/// The media type of a signature's payload.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with the signature of the payload.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// What a payload says that it is.
const TYPE: &str = "cosign container image signature";
/// The largest payload in bytes.
const MAX_PAYLOAD: u64 = 64 << 10;
/// The number of signatures of one artifact that are looked at.
const MAX_SIGNATURES: usize = 32;

/// The manifest of signatures.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signatures {
    schema_version: u32,
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl Registry {
    /// Signs the artifact that a reference leads to, in addition to who has signed it. Nothing is added
    /// to a signature of the same key. Returns the reference with the digest that is signed.
    ///
    /// # Errors
    /// The registry does not have it, or does not take the signature, or as many have signed it as are
    /// looked at.
    pub async fn sign(
        &self,
        reference: &Reference,
        key: &PrivateKey,
        credentials: &Credentials,
    ) -> Result<Reference, RegistryError> {
        self.timed("signing", reference, async {
            let attempt = self.attempt(reference, credentials)?;
            let signed = match reference.digest() {
                Some(_) => reference.clone(),
                None => reference.at(&attempt.resolve().await?),
            };
            let place = place(&signed)?;
            let to = self.attempt(&place, credentials)?;
            to.begin(RegistryOperation::Push).await?;
            let layers = to.layers().await?.unwrap_or_default();
            let digest = signed.digest().unwrap_or_default();
            // What cannot be read is no signature of this key, and no reason not to sign.
            if let Ok(Some(_)) = to.signer(&layers, &[key.public()], digest).await {
                return Ok(signed);
            }
            if layers.iter().filter(|layer| is_signature(layer)).count() >= MAX_SIGNATURES {
                return Err(Cause::TooManySignatures {
                    place: place.to_string(),
                    most: MAX_SIGNATURES,
                });
            }
            to.put(&signed, key, layers).await?;
            Ok(signed)
        })
        .await
    }

    /// Verifies that one of these keys has signed the artifact that a reference leads to. Returns the
    /// reference with its digest, and the key.
    ///
    /// # Errors
    /// The registry does not answer, or none of them has.
    pub async fn verify<'a>(
        &self,
        reference: &Reference,
        keys: &'a [PublicKey],
        credentials: &Credentials,
    ) -> Result<(Reference, &'a PublicKey), RegistryError> {
        self.timed("verifying", reference, async {
            let digest = match reference.digest() {
                Some(digest) => digest.to_owned(),
                None => self.attempt(reference, credentials)?.resolve().await?,
            };
            let verified = reference.at(&digest);
            let place = place(&verified)?;
            let from = self.attempt(&place, credentials)?;
            from.begin(RegistryOperation::Pull).await?;
            let layers = from.layers().await?.ok_or_else(|| Cause::Unsigned(place.to_string()))?;
            match from.signer(&layers, keys, &digest).await? {
                Some(key) => Ok((verified, key)),
                None => Err(Cause::WrongSignature {
                    found: looked_at(&layers).count(),
                    keys: keys.iter().map(PublicKey::name).collect::<Vec<_>>().join(", "),
                }),
            }
        })
        .await
    }
}

impl Attempt<'_> {
    /// Returns the key of these by which one of the signatures is that are looked at, if there is one.
    async fn signer<'a>(
        &self,
        layers: &[Descriptor],
        keys: &'a [PublicKey],
        digest: &str,
    ) -> Result<Option<&'a PublicKey>, Cause> {
        for layer in looked_at(layers) {
            let encoded = layer.annotations.get(SIGNATURE);
            let Some(signature) = encoded.and_then(|text| STANDARD.decode(text).ok()) else {
                continue;
            };
            let payload = self.blob(layer).await?;
            let found = keys.iter().find(|key| key.verifies(&payload, &signature));
            // Where it was when it was signed is of no interest: it may have been copied.
            if let Some(key) = found.filter(|_| layer.check(&payload).is_ok() && is_about(&payload, digest)) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Returns the signatures at this place, and whatever else is among them; `None` if there are none.
    async fn layers(&self) -> Result<Option<Vec<Descriptor>>, Cause> {
        let auth = self.credentials.auth();
        let raw = self
            .client
            .pull_manifest_raw(self.reference.parsed(), &auth, &[MANIFEST])
            .await;
        let raw = match raw.map_err(|error| self.cause(error)) {
            Ok((raw, _)) => raw,
            Err(Cause::NotFound { .. }) => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let manifest: Signatures = serde_json::from_slice(&raw).map_err(|error| Cause::Garbage {
            registry: self.reference.registry().to_owned(),
            reason: format!("the manifest of signatures: {error}"),
        })?;
        Ok(Some(manifest.layers))
    }

    /// Adds a signature to those that are here.
    async fn put(&self, signed: &Reference, key: &PrivateKey, mut layers: Vec<Descriptor>) -> Result<(), Cause> {
        let failed = |error: serde_json::Error| Cause::Client(error.to_string());
        let payload = Payload {
            critical: Critical {
                identity: Identity {
                    reference: signed.repository(),
                },
                image: Image {
                    digest: signed.digest().unwrap_or_default().to_owned(),
                },
                kind: TYPE.to_owned(),
            },
            optional: None,
        };
        let payload = serde_json::to_vec(&payload).map_err(failed)?;
        let no_random = || Cause::Client("the system gives no random numbers".to_owned());
        let signature = STANDARD.encode(key.sign(&payload).ok_or_else(no_random)?);
        let mut layer = Descriptor::of(SIMPLE_SIGNING, &payload);
        layer.annotations.insert(SIGNATURE.to_owned(), signature);
        // First, where an operator that looks at fewer still sees it. What is here stays.
        layers.insert(0, layer);
        let ids: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        let config = serde_json::json!({
            "architecture": "", "os": "", "config": {}, "created": "0001-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": ids},
        });
        let config = config.to_string().into_bytes();
        let manifest = Signatures {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor::of(CONFIG, &config),
            layers,
        };
        let manifest_bytes = serde_json::to_vec(&manifest).map_err(failed)?;
        self.put_blob(&Descriptor::of(SIMPLE_SIGNING, &payload), &payload)
            .await?;
        self.put_blob(&manifest.config, &config).await?;
        let kind = HeaderValue::from_static(MANIFEST);
        let pushed = self
            .client
            .push_manifest_raw(self.reference.parsed(), manifest_bytes, kind)
            .await;
        pushed.map(drop).map_err(|error| self.cause(error))
    }
}

/// Returns whether a layer is a signature that can be looked at.
fn is_signature(layer: &Descriptor) -> bool {
    layer.media_type == SIMPLE_SIGNING && layer.size <= MAX_PAYLOAD
}

/// Returns the signatures that are looked at.
fn looked_at(layers: &[Descriptor]) -> impl Iterator<Item = &Descriptor> {
    layers.iter().filter(|layer| is_signature(layer)).take(MAX_SIGNATURES)
}

/// Returns the tag of the signatures of an artifact.
fn place(signed: &Reference) -> Result<Reference, Cause> {
    let digest = signed.digest().and_then(wasser_pack::hex_of);
    let hex = digest.ok_or_else(|| Cause::Client("the digest is not SHA-256".to_owned()))?;
    Ok(signed.tagged(&format!("sha256-{hex}.sig")))
}

/// Whether a payload says that it is a signature of this digest.
fn is_about(payload: &[u8], digest: &str) -> bool {
    let payload = serde_json::from_slice::<Payload>(payload);
    payload.is_ok_and(|payload| payload.critical.kind == TYPE && payload.critical.image.digest == digest)
}
