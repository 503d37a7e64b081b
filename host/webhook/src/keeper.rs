//! Keeps the certificates in a Secret that all replicas share, and the API server's trust in them.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::certificates::{CertificateError, Certificates, renewed};

/// Keys of the Secret.
const AUTHORITIES: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Its annotations: when they end, and for which names the certificate is.
const AUTHORITY_ENDS: &str = "wasser.fluid.io/authority-ends";
const ENDS: &str = "wasser.fluid.io/certificate-ends";
const NAMES: &str = "wasser.fluid.io/certificate-names";
/// How often another replica may be first, before something else must be wrong.
const ATTEMPTS: usize = 5;

/// The certificates, or the trust in them, could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// They could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The API server refused or did not answer.
    #[error("{action} failed: {source}")]
    Api {
        /// What was tried, on which object.
        action: String,
        /// Its words.
        source: Box<kube::Error>,
    },
    /// The object changes each time.
    #[error(
        "writing the {0} failed {ATTEMPTS} times, because somebody else had changed it; is it written by another \
            program?"
    )]
    Contended(String),
    /// The API server does not trust them, and refuses to.
    #[error("changing the MutatingWebhookConfiguration {0} failed: {1}")]
    Untrusted(String, Box<kube::Error>),
    /// They are not what they should be.
    #[error("the certificate in the Secret {0} cannot be used: {1}; delete the Secret, and it is made again")]
    Unusable(String, String),
    /// There is nothing to put the authorities into.
    #[error("there is no MutatingWebhookConfiguration {0}; install it, or name another with --configuration")]
    NoConfiguration(String),
}

impl KeeperError {
    /// Whether the API server is known not to trust the certificates: it was asked, and answered.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::NoConfiguration(_) | Self::Untrusted(..) | Self::Contended(_)
        )
    }
}

/// Where everything is.
#[derive(Clone)]
pub struct Keeper {
    /// For the API server.
    pub client: Client,
    /// The namespace of the Secret.
    pub namespace: String,
    /// Its name.
    pub secret: String,
    /// The name of the MutatingWebhookConfiguration.
    pub configuration: String,
    /// The names and addresses under which the API server reaches this server.
    pub names: Vec<String>,
}

impl Keeper {
    /// The certificates that hold now: those of the Secret, or new ones where there are none or
    /// they end soon.
    ///
    /// # Errors
    /// If the Secret can be neither read nor written.
    pub async fn certificates(&self) -> Result<Certificates, KeeperError> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        let place = format!("{}/{}", self.namespace, self.secret);
        for _ in 0..ATTEMPTS {
            let found = secrets.get_opt(&self.secret).await;
            let found = found.map_err(|source| api(format!("reading the Secret {place}"), source))?;
            let existing = found.as_ref().and_then(read);
            let Some(made) = renewed(existing.as_ref(), &self.names, Timestamp::now())? else {
                if let Some(existing) = existing {
                    return Ok(existing);
                }
                continue;
            };
            let written = match found {
                None => {
                    secrets
                        .create(&PostParams::default(), &self.write(&made, Secret::default()))
                        .await
                }
                // With the version that was read: of two replicas, one is refused.
                Some(found) => {
                    secrets
                        .replace(&self.secret, &PostParams::default(), &self.write(&made, found))
                        .await
                }
            };
            match written {
                Ok(_) => {
                    tracing::info!(secret = place, names = made.names, "made a new certificate");
                    return Ok(made);
                }
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(source) => return Err(api(format!("writing the Secret {place}"), source)),
            }
        }
        Err(KeeperError::Contended(format!("Secret {place}")))
    }

    /// Makes the API server trust the authorities.
    ///
    /// # Errors
    /// If there is no configuration, or it cannot be changed.
    pub async fn trust(&self, authorities: &str) -> Result<(), KeeperError> {
        let configurations = Api::<MutatingWebhookConfiguration>::all(self.client.clone());
        let action = || format!("reading the MutatingWebhookConfiguration {}", self.configuration);
        for _ in 0..ATTEMPTS {
            let found = configurations.get_opt(&self.configuration).await;
            let found = found.map_err(|source| api(action(), source))?;
            let found = found.ok_or_else(|| KeeperError::NoConfiguration(self.configuration.clone()))?;
            let Some(patch) = trusting(&found, authorities) else {
                return Ok(());
            };
            let patch = Patch::<()>::Json(patch);
            match configurations
                .patch(&self.configuration, &PatchParams::default(), &patch)
                .await
            {
                Ok(_) => {
                    tracing::info!(configuration = self.configuration, "the API server trusts this server");
                    return Ok(());
                }
                // Another replica was first: the version is no longer the one that was read.
                Err(kube::Error::Api(status)) if [409, 422].contains(&status.code) => {}
                Err(source) => return Err(KeeperError::Untrusted(self.configuration.clone(), Box::new(source))),
            }
        }
        Err(KeeperError::Contended(format!(
            "MutatingWebhookConfiguration {}",
            self.configuration
        )))
    }

    /// Reports each change of the configuration, which a chart that is installed again makes without
    /// the authorities.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + use<> {
        let api = Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(self.client.clone());
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.configuration));
        let events = watcher(api, only).default_backoff();
        events.filter_map(async |event| match event {
            Ok(Event::Init | Event::InitApply(_)) => None,
            Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => Some(()),
            Err(error) => {
                tracing::debug!(%error, "the watch of the configuration was interrupted; it starts again");
                None
            }
        })
    }

    fn write(&self, made: &Certificates, secret: Secret) -> Secret {
        let data = [
            (AUTHORITIES, &made.authorities),
            (AUTHORITY_KEY, &made.authority_key),
            (CERTIFICATE, &made.certificate),
            (KEY, &made.key),
        ];
        let data = data.map(|(key, text)| (key.to_owned(), ByteString(text.clone().into_bytes())));
        let mut annotations = secret.metadata.annotations.unwrap_or_default();
        annotations.insert(AUTHORITY_ENDS.to_owned(), made.authority_ends.to_string());
        annotations.insert(ENDS.to_owned(), made.ends.to_string());
        annotations.insert(NAMES.to_owned(), made.names.clone());
        Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                annotations: Some(annotations),
                ..secret.metadata
            },
            data: Some(BTreeMap::from(data)),
            ..Secret::default()
        }
    }
}

/// What a Secret holds; none if a part is missing.
fn read(secret: &Secret) -> Option<Certificates> {
    let text = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
    let seconds = |key: &str| secret.annotations().get(key)?.parse().ok();
    Some(Certificates {
        authorities: text(AUTHORITIES)?,
        authority_key: text(AUTHORITY_KEY)?,
        authority_ends: seconds(AUTHORITY_ENDS)?,
        certificate: text(CERTIFICATE)?,
        key: text(KEY)?,
        ends: seconds(ENDS)?,
        names: secret.annotations().get(NAMES)?.clone(),
    })
}

/// The patch that puts the authorities into each webhook; none if they are there.
fn trusting(configuration: &MutatingWebhookConfiguration, authorities: &str) -> Option<json_patch::Patch> {
    let bundle = ByteString(authorities.as_bytes().to_vec());
    let webhooks = configuration.webhooks.iter().flatten().enumerate();
    let missing = webhooks.filter(|(_, webhook)| webhook.client_config.ca_bundle.as_ref() != Some(&bundle));
    let mut operations: Vec<_> = missing
        .map(|(index, _)| {
            json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"),
            "value": bundle})
        })
        .collect();
    if operations.is_empty() {
        return None;
    }
    // The places hold for this version only.
    let version =
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": configuration.metadata.resource_version});
    operations.insert(0, version);
    serde_json::from_value(operations.into()).ok()
}

fn api(action: String, source: kube::Error) -> KeeperError {
    KeeperError::Api {
        action,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use super::*;

    #[test]
    fn each_webhook_is_given_the_authorities_once() {
        let webhook = |bundle: Option<&str>| {
            json!({"name": "a.b.c", "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "clientConfig": {"caBundle": bundle}})
        };
        let configuration = |webhooks: serde_json::Value| -> MutatingWebhookConfiguration {
            serde_json::from_value(json!({"metadata": {"name": "w", "resourceVersion": "7"}, "webhooks": webhooks}))
                .unwrap()
        };
        // "ca" in base64.
        let patch = trusting(&configuration(json!([webhook(Some("Y2E=")), webhook(None)])), "ca").unwrap();
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": "Y2E="}
            ])
        );
        assert_eq!(trusting(&configuration(json!([webhook(Some("Y2E="))])), "ca"), None);
    }
}
