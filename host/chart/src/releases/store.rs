//! Where records are: Secrets, and the ConfigMaps that Fluid's own Helm writes.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::Status;
use super::error::ReleaseError;
use super::record;
use super::reference::Reference;
use crate::FIELD_MANAGER;
use crate::api_error::{OrGone, is_conflict};

const SECRET_TYPE: &str = "helm.sh/release.v1";
/// The annotation of a record that has what was noted about its release.
const NOTE: &str = "wasser.fluid.io/adopted";
/// The annotation of a record after which an upgrade has begun that has none yet.
const LEFT: &str = "wasser.fluid.io/upgrading";

/// Which of Helm's drivers wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Helm's default, and Wasser's.
    Secret,
    /// Fluid's default.
    ConfigMap,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    driver: Driver,
    object: String,
}

/// A record that has not been decoded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it is.
    pub driver: Driver,
    /// Name of the object.
    pub object: String,
    /// The revision.
    pub revision: u32,
    /// The label `status`.
    pub status: String,
    /// UIDs of the owners: those that Wasser wrote belong to the runtime.
    pub owners: Vec<String>,
    /// What was noted about the release.
    pub note: Option<String>,
    /// Whether an upgrade has begun since, and was not recorded.
    pub left: bool,
    /// The encoded record.
    pub text: Vec<u8>,
}

impl RecordPlace {
    /// Where the record of a revision is that Wasser writes.
    pub fn of(release: &str, revision: u32) -> Self {
        Self {
            driver: Driver::Secret,
            object: record_name(release, &revision.to_string()),
        }
    }

    fn reference(&self) -> Reference {
        match self.driver {
            Driver::Secret => Reference::of_core("Secret", &self.object),
            Driver::ConfigMap => Reference::config_map(&self.object),
        }
    }
}

impl Entry {
    /// Where it is.
    pub fn record(&self) -> RecordPlace {
        RecordPlace {
            driver: self.driver,
            object: self.object.clone(),
        }
    }

    /// The same, for requests.
    pub fn reference(&self) -> Reference {
        self.record().reference()
    }

    /// Its kind, namespace and name, for messages.
    pub fn describe(&self, namespace: &str) -> String {
        self.reference().describe(namespace)
    }
}

/// The records of one release.
pub struct Store<'a> {
    client: &'a Client,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Store<'a> {
    /// The records of the release of this name.
    pub fn new(client: &'a Client, namespace: &'a str, name: &'a str) -> Self {
        Self {
            client,
            namespace,
            name,
        }
    }

    /// The records in Secrets, oldest first.
    pub async fn secrets(&self) -> Result<Vec<Entry>, ReleaseError> {
        let list = self
            .secret_api()
            .list(&self.selector())
            .await
            .map_err(ReleaseError::kube(self.action("listing the Secrets")))?;
        let records = list
            .items
            .into_iter()
            .filter(|secret| secret.type_.as_deref() == Some(SECRET_TYPE));
        let read = |secret: Secret| {
            let text = secret
                .data
                .and_then(|mut data| data.remove("release"))
                .map(|ByteString(bytes)| bytes);
            self.entry(Driver::Secret, secret.metadata, text)
        };
        Ok(sorted(records.filter_map(read)))
    }

    /// The records in ConfigMaps, oldest first.
    pub async fn config_maps(&self) -> Result<Vec<Entry>, ReleaseError> {
        let list = self
            .map_api()
            .list(&self.selector())
            .await
            .map_err(ReleaseError::kube(self.action("listing the ConfigMaps")))?;
        let read = |map: ConfigMap| {
            let text = map
                .data
                .and_then(|mut data| data.remove("release"))
                .map(String::into_bytes);
            self.entry(Driver::ConfigMap, map.metadata, text)
        };
        Ok(sorted(list.items.into_iter().filter_map(read)))
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

    fn entry(&self, driver: Driver, metadata: ObjectMeta, text: Option<Vec<u8>>) -> Option<Entry> {
        let object = metadata.name?;
        let revision = object.strip_prefix(&record_name(self.name, ""))?.parse().ok()?;
        let mut annotations = metadata.annotations.unwrap_or_default();
        let status = metadata
            .labels
            .and_then(|mut labels| labels.remove("status"))
            .unwrap_or_default();
        let owners = metadata
            .owner_references
            .into_iter()
            .flatten()
            .map(|owner| owner.uid)
            .collect();
        Some(Entry {
            driver,
            object,
            revision,
            status,
            owners,
            note: annotations.remove(NOTE),
            left: annotations.contains_key(LEFT),
            text: text.unwrap_or_default(),
        })
    }

    /// Writes a revision. False if there is one already.
    pub async fn create(
        &self,
        revision: u32,
        status: Status,
        text: String,
        owner: &OwnerReference,
    ) -> Result<bool, ReleaseError> {
        let object = record_name(self.name, &revision.to_string());
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(object.clone()),
                namespace: Some(self.namespace.to_owned()),
                labels: Some(self.labels(revision, status)),
                owner_references: Some(vec![owner.clone()]),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(BTreeMap::from([("release".to_owned(), ByteString(text.into_bytes()))])),
            ..Secret::default()
        };
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self.secret_api().create(&params, &secret).await {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(ReleaseError::kube(format!(
                "writing the Helm release Secret {}/{object}",
                self.namespace
            ))(error)),
        }
    }

    /// Marks an earlier revision as superseded. One in a ConfigMap is copied to a Secret, where the
    /// history goes on.
    pub async fn supersede(&self, entry: &Entry, owner: &OwnerReference) -> Result<(), ReleaseError> {
        let unreadable = |problem: String| ReleaseError::unreadable(entry.describe(self.namespace), &problem);
        let text = record::restate(&entry.text, Status::Superseded).map_err(unreadable)?;
        if entry.driver == Driver::ConfigMap {
            self.create(entry.revision, Status::Superseded, text, owner).await?;
            return Ok(());
        }
        let labels = json!({"status": Status::Superseded.as_str(), "modifiedAt": seconds()});
        let metadata = json!({"labels": labels, "annotations": {LEFT: null}});
        let patch = json!({"metadata": metadata, "data": {"release": ByteString(text.into_bytes())}});
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let attempt = format!("marking {} as superseded", entry.describe(self.namespace));
        let secrets = self.secret_api();
        let marked = secrets
            .patch_metadata(&entry.object, &params, &Patch::Merge(&patch))
            .await;
        marked.or_gone().map(drop).map_err(ReleaseError::kube(attempt))
    }

    /// Notes something in a record.
    pub async fn note(&self, record: &RecordPlace, note: &str) -> Result<(), ReleaseError> {
        self.annotate(record, NOTE, note).await
    }

    /// Marks a record as one that an upgrade is about to leave.
    pub async fn leave(&self, record: &RecordPlace) -> Result<(), ReleaseError> {
        self.annotate(record, LEFT, "true").await
    }

    async fn annotate(&self, record: &RecordPlace, key: &str, value: &str) -> Result<(), ReleaseError> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let noted = match record.driver {
            Driver::Secret => self
                .secret_api()
                .patch_metadata(&record.object, &params, &patch)
                .await
                .map(drop),
            Driver::ConfigMap => self
                .map_api()
                .patch_metadata(&record.object, &params, &patch)
                .await
                .map(drop),
        };
        let attempt = format!("annotating {}", record.reference().describe(self.namespace));
        noted.map_err(ReleaseError::kube(attempt))
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

/// The name of the record of a revision.
fn record_name(release: &str, revision: &str) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

fn sorted(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by_key(|entry| entry.revision);
    entries
}

fn seconds() -> String {
    jiff::Timestamp::now().as_second().to_string()
}
