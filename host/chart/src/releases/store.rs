//! Where records are: Secrets, and the ConfigMaps that Fluid's own Helm writes.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Status;
use super::entry::{Attempt, Driver, Entry, LEFT, NOTE, RecordPlace, SIGNATURE};
use super::error::ReleaseError;
use super::listing::listed;
use super::record::{self, Author};
use super::signature::{Signed, SigningKey};
use crate::api_error::{OrGone, is_conflict};
use crate::params::{patch_params, post_params};

pub(super) const SECRET_TYPE: &str = "helm.sh/release.v1";
/// The signature of a record that this installation has copied, and somebody else has written.
const COPIED: &str = "";
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
        let read = |secret| self.of_secret(secret);
        let listed = listed(&self.secret_api(), self.selector(), read).await;
        listed.map_err(ReleaseError::kube(self.action("listing the Secrets")))
    }

    /// The records in ConfigMaps, oldest first.
    pub async fn config_maps(&self) -> Result<Vec<Entry>, ReleaseError> {
        let read = |map| self.of_config_map(map);
        let listed = listed(&self.map_api(), self.selector(), read).await;
        listed.map_err(ReleaseError::kube(self.action("listing the ConfigMaps")))
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
        match self.get(record).await? {
            Some(entry) if entry.is_deployed() && entry.left.is_none() => Ok(vec![entry]),
            // The watch is late, or there is more to know.
            _ => self.current().await,
        }
    }

    /// One record as it is now. None if it is gone, or in a Secret where there are none.
    async fn get(&self, record: &RecordPlace) -> Result<Option<Entry>, ReleaseError> {
        let attempt = format!("reading {}", record.reference().describe(self.namespace));
        let found = match record.driver() {
            Driver::Secret if self.recording.driver == Driver::ConfigMap => return Ok(None),
            Driver::Secret => {
                let found = self.secret_api().get_opt(record.object()).await;
                found.map(|found| found.and_then(|secret| self.of_secret(secret)))
            }
            Driver::ConfigMap => {
                let found = self.map_api().get_opt(record.object()).await;
                found.map(|found| found.and_then(|map| self.of_config_map(map)))
            }
        };
        found.map_err(ReleaseError::kube(attempt))
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
        let signature = self.sign(revision, &text, owner);
        self.put(revision, status, text, signature, owner).await
    }

    async fn put(
        &self,
        revision: u32,
        status: Status,
        text: String,
        signature: String,
        owner: &OwnerReference,
    ) -> Result<bool, ReleaseError> {
        let place = RecordPlace::of(self.recording.driver, self.name, revision);
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
    /// goes on. What somebody else has written is not signed for that.
    pub async fn supersede(&self, entry: &Entry, owner: &OwnerReference) -> Result<(), ReleaseError> {
        let read_again;
        let entry = if entry.text.is_some() {
            entry
        } else {
            let Some(found) = self.get(&entry.record()).await? else {
                return Ok(());
            };
            read_again = found;
            &read_again
        };
        let unreadable = |problem: String| ReleaseError::unreadable(entry.describe(self.namespace), &problem);
        let author = entry.author(&self.recording.key, self.namespace, self.name, &owner.uid);
        let text = entry.text.as_deref().unwrap_or_default();
        let text = record::restate(text, author, Status::Superseded).map_err(unreadable)?;
        let signature = match author {
            Author::Own => self.sign(entry.revision, &text, owner),
            Author::Other => COPIED.to_owned(),
        };
        if entry.driver != self.recording.driver {
            let status = Status::Superseded;
            self.put(entry.revision, status, text, signature, owner).await?;
            return Ok(());
        }
        let labels = json!({"status": Status::Superseded.as_str(), "modifiedAt": seconds()});
        let annotations = json!({LEFT: null, SIGNATURE: signature});
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
        let patch = json!({"metadata": {"annotations": {NOTE: note}}});
        let attempt = format!("annotating {}", record.reference().describe(self.namespace));
        let noted = self.patch(record, &patch).await;
        noted.map_err(ReleaseError::kube(attempt))
    }

    /// Marks a record as one that an upgrade is about to leave. False if somebody else has written it
    /// since it was read: what has left it already must not be marked once more.
    pub async fn leave(&self, entry: &Entry, attempt: Attempt) -> Result<bool, ReleaseError> {
        let annotations = json!({LEFT: attempt.text()});
        let patch = json!({"metadata": {"annotations": annotations, "resourceVersion": entry.version}});
        match self.patch(&entry.record(), &patch).await {
            Ok(()) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => {
                let attempt = format!("annotating {}", entry.describe(self.namespace));
                Err(ReleaseError::kube(attempt)(error))
            }
        }
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

    /// Deletes a record, if it is still the one that was read.
    pub async fn delete(&self, entry: &Entry) -> Result<(), ReleaseError> {
        let params = DeleteParams::default().preconditions(Preconditions {
            uid: entry.uid.clone(),
            resource_version: None,
        });
        let outcome = match entry.driver {
            Driver::Secret => self.secret_api().delete(&entry.object, &params).await.map(drop),
            Driver::ConfigMap => self.map_api().delete(&entry.object, &params).await.map(drop),
        };
        let attempt = format!("deleting {}", entry.describe(self.namespace));
        outcome.or_another().map(drop).map_err(ReleaseError::kube(attempt))
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

fn seconds() -> String {
    jiff::Timestamp::now().as_second().to_string()
}
