//! Where records are: Secrets, and the ConfigMaps that Fluid's own Helm writes.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Status;
use super::entry::{Attempt, Driver, Entry, LEFT, NOTE, RecordPlace, SIGNATURE};
use super::error::ReleaseError;
use super::record;
use super::signature::{Signed, SigningKey};
use crate::api_error::{OrGone, is_conflict};
use crate::params::{patch_params, post_params};

pub(super) const SECRET_TYPE: &str = "helm.sh/release.v1";
/// How records are written.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Where. With [`Driver::ConfigMap`] no Secret is read or written.
    pub driver: Driver,
    /// What they are signed with.
    pub key: SigningKey,
}

/// The records of one release.
pub struct Store<'a> {
    client: &'a Client,
    recording: &'a Recording,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Store<'a> {
    /// The records of the release of this name.
    pub fn new(client: &'a Client, recording: &'a Recording, namespace: &'a str, name: &'a str) -> Self {
        Self {
            client,
            recording,
            namespace,
            name,
        }
    }

    /// The records in Secrets, oldest first. None where they are kept in ConfigMaps.
    pub async fn secrets(&self) -> Result<Vec<Entry>, ReleaseError> {
        if self.recording.driver == Driver::ConfigMap {
            return Ok(Vec::new());
        }
        let list = self
            .secret_api()
            .list(&self.selector())
            .await
            .map_err(ReleaseError::kube(self.action("listing the Secrets")))?;
        let records = list.items.into_iter();
        Ok(sorted(records.filter_map(|secret| self.of_secret(secret))))
    }

    /// The records in ConfigMaps, oldest first.
    pub async fn config_maps(&self) -> Result<Vec<Entry>, ReleaseError> {
        let list = self
            .map_api()
            .list(&self.selector())
            .await
            .map_err(ReleaseError::kube(self.action("listing the ConfigMaps")))?;
        let records = list.items.into_iter();
        Ok(sorted(records.filter_map(|map| self.of_config_map(map))))
    }

    /// The records that count: those in Secrets, and if there are none, those in ConfigMaps.
    pub async fn current(&self) -> Result<Vec<Entry>, ReleaseError> {
        let secrets = self.secrets().await?;
        if secrets.is_empty() {
            self.config_maps().await
        } else {
            Ok(secrets)
        }
    }

    /// The records that count, of which a watch shows but this one. Lists are expensive: the API server
    /// goes through all objects of the namespace.
    pub async fn with_only(&self, record: &RecordPlace) -> Result<Vec<Entry>, ReleaseError> {
        let attempt = || format!("reading {}", record.reference().describe(self.namespace));
        let entry = match record.driver() {
            Driver::Secret if self.recording.driver == Driver::ConfigMap => None,
            Driver::Secret => {
                let found = self.secret_api().get_opt(record.object()).await;
                found
                    .map_err(ReleaseError::kube(attempt()))?
                    .and_then(|secret| self.of_secret(secret))
            }
            Driver::ConfigMap => {
                let found = self.map_api().get_opt(record.object()).await;
                found
                    .map_err(ReleaseError::kube(attempt()))?
                    .and_then(|map| self.of_config_map(map))
            }
        };
        match entry {
            Some(entry) if entry.status == Status::Deployed.as_str() && entry.left.is_none() => Ok(vec![entry]),
            // The watch is late, or there is more to know.
            _ => self.current().await,
        }
    }

    fn of_secret(&self, secret: Secret) -> Option<Entry> {
        if secret.type_.as_deref() != Some(SECRET_TYPE) {
            return None;
        }
        let text = secret
            .data
            .and_then(|mut data| data.remove("release"))
            .map(|ByteString(bytes)| bytes);
        Entry::of(Driver::Secret, self.name, secret.metadata, text)
    }

    fn of_config_map(&self, map: ConfigMap) -> Option<Entry> {
        let text = map
            .data
            .and_then(|mut data| data.remove("release"))
            .map(String::into_bytes);
        Entry::of(Driver::ConfigMap, self.name, map.metadata, text)
    }

    /// Writes a revision. False if there is one already.
    pub async fn create(
        &self,
        revision: u32,
        status: Status,
        text: String,
        owner: &OwnerReference,
    ) -> Result<bool, ReleaseError> {
        let place = RecordPlace::of(self.recording.driver, self.name, revision);
        let signature = self.sign(revision, &text, owner);
        let metadata = ObjectMeta {
            name: Some(place.object().to_owned()),
            namespace: Some(self.namespace.to_owned()),
            labels: Some(self.labels(revision, status)),
            annotations: Some(BTreeMap::from([(SIGNATURE.to_owned(), signature)])),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        };
        let params = post_params();
        let key = "release".to_owned();
        let created = match place.driver() {
            Driver::Secret => {
                let secret = Secret {
                    metadata,
                    type_: Some(SECRET_TYPE.to_owned()),
                    data: Some(BTreeMap::from([(key, ByteString(text.into_bytes()))])),
                    ..Secret::default()
                };
                self.secret_api().create(&params, &secret).await.map(drop)
            }
            Driver::ConfigMap => {
                let map = ConfigMap {
                    metadata,
                    data: Some(BTreeMap::from([(key, text)])),
                    ..ConfigMap::default()
                };
                self.map_api().create(&params, &map).await.map(drop)
            }
        };
        match created {
            Ok(()) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => {
                let attempt = format!("writing {}", place.reference().describe(self.namespace));
                Err(ReleaseError::kube(attempt)(error))
            }
        }
    }

    /// Marks an earlier revision as superseded. One of another driver is copied to where the history
    /// goes on.
    pub async fn supersede(&self, entry: &Entry, owner: &OwnerReference) -> Result<(), ReleaseError> {
        let unreadable = |problem: String| ReleaseError::unreadable(entry.describe(self.namespace), &problem);
        let text = record::restate(&entry.text, Status::Superseded).map_err(unreadable)?;
        if entry.driver != self.recording.driver {
            self.create(entry.revision, Status::Superseded, text, owner).await?;
            return Ok(());
        }
        let labels = json!({"status": Status::Superseded.as_str(), "modifiedAt": seconds()});
        let annotations = json!({LEFT: null, SIGNATURE: self.sign(entry.revision, &text, owner)});
        let mut patch = json!({"metadata": {"labels": labels, "annotations": annotations}});
        patch["data"]["release"] = match entry.driver {
            Driver::Secret => json!(ByteString(text.into_bytes())),
            Driver::ConfigMap => json!(text),
        };
        if entry.owners.is_empty() {
            // What Helm has written goes with the runtime from now on.
            patch["metadata"]["ownerReferences"] = json!([owner]);
        }
        let attempt = format!("marking {} as superseded", entry.describe(self.namespace));
        let marked = self.patch(&entry.record(), &patch).await;
        marked.or_gone().map(drop).map_err(ReleaseError::kube(attempt))
    }

    /// Notes something in a record.
    pub async fn note(&self, record: &RecordPlace, note: &str) -> Result<(), ReleaseError> {
        self.annotate(record, NOTE, note).await
    }

    /// Marks a record as one that an upgrade is about to leave.
    pub async fn leave(&self, record: &RecordPlace, attempt: Attempt) -> Result<(), ReleaseError> {
        self.annotate(record, LEFT, attempt.text()).await
    }

    async fn annotate(&self, record: &RecordPlace, key: &str, value: &str) -> Result<(), ReleaseError> {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        let attempt = format!("annotating {}", record.reference().describe(self.namespace));
        let noted = self.patch(record, &patch).await;
        noted.map_err(ReleaseError::kube(attempt))
    }

    async fn patch(&self, record: &RecordPlace, patch: &Value) -> Result<(), kube::Error> {
        let (params, object, patch) = (patch_params(), record.object(), Patch::Merge(patch));
        match record.driver() {
            Driver::Secret => self
                .secret_api()
                .patch_metadata(object, &params, &patch)
                .await
                .map(drop),
            Driver::ConfigMap => self.map_api().patch_metadata(object, &params, &patch).await.map(drop),
        }
    }

    fn sign(&self, revision: u32, text: &str, owner: &OwnerReference) -> String {
        self.recording.key.sign(&Signed {
            namespace: self.namespace,
            release: self.name,
            owner: &owner.uid,
            revision,
            text: text.as_bytes(),
        })
    }

    /// Deletes a record.
    pub async fn delete(&self, entry: &Entry) -> Result<(), ReleaseError> {
        let params = DeleteParams::default();
        let outcome = match entry.driver {
            Driver::Secret => self.secret_api().delete(&entry.object, &params).await.map(drop),
            Driver::ConfigMap => self.map_api().delete(&entry.object, &params).await.map(drop),
        };
        let attempt = format!("deleting {}", entry.describe(self.namespace));
        outcome.or_gone().map(drop).map_err(ReleaseError::kube(attempt))
    }

    fn labels(&self, revision: u32, status: Status) -> BTreeMap<String, String> {
        let pairs = [
            ("createdAt", seconds()),
            ("name", self.name.to_owned()),
            ("owner", "helm".to_owned()),
            ("status", status.as_str().to_owned()),
            ("version", revision.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn selector(&self) -> ListParams {
        ListParams::default().labels(&format!("owner=helm,name={}", self.name))
    }

    fn action(&self, what: &str) -> String {
        format!("{what} of the Helm release {}/{}", self.namespace, self.name)
    }

    fn secret_api(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    fn map_api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), self.namespace)
    }
}

fn sorted(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by_key(|entry| entry.revision);
    entries
}

fn seconds() -> String {
    jiff::Timestamp::now().as_second().to_string()
}
