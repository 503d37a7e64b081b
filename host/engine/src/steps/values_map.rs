//! The ConfigMap that shows the values of a release, for users, DataLoad jobs and Fluid's own
//! tools.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::Value;
use wasser_api::labels;
use wasser_chart::{OrGone, check_kept, is_conflict};
use wasser_plugin::Digest;

use crate::error::EngineError;
use crate::release::Installed;
use crate::request::Request;
use crate::{FIELD_MANAGER, post_params};

impl Request {
    /// Whether a ConfigMap shows the values: the runtime's annotation may say that none does.
    pub(crate) fn shows_values(&self) -> bool {
        let annotation = self.runtime.annotations().get(labels::DISABLE_VALUES);
        annotation.is_none_or(|text| !text.eq_ignore_ascii_case("true"))
    }

    /// The metadata of the values ConfigMap. None if there is none; that of somebody else is refused,
    /// before anything is installed.
    pub(super) async fn find_values_map(&self) -> Result<Option<ObjectMeta>, EngineError> {
        let name = self.identity.values_config_map();
        let found = self.config_maps().get_metadata_opt(&name).await;
        let attempt = format!("looking at ConfigMap {}/{name}", self.identity.namespace);
        let Some(found) = found.map_err(EngineError::kube(attempt))? else {
            return Ok(None);
        };
        let policy = self.policy();
        check_kept(&found.metadata, &policy.owner, &policy.labels).map_err(|source| self.release_failed(source))?;
        Ok(Some(found.metadata))
    }

    /// Writes the values ConfigMap again if it is missing or shows other values than those of the
    /// release: somebody has deleted it, or the operator was interrupted after the release.
    pub(crate) async fn keep_values_map(&self, release: &Installed) -> Result<(), EngineError> {
        if !self.shows_values() || self.shows(release) {
            return Ok(());
        }
        match self.find_values_map().await {
            // The watch was late with it.
            Ok(Some(found)) if shows(&found, release) => Ok(()),
            Ok(found) => {
                let uid = found.and_then(|found| found.uid);
                self.record_values(&release.values(), uid).await.map(drop)
            }
            // An upgrade says so. Until then, the runtime works without.
            Err(EngineError::Release { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the values ConfigMap shows the values of the release, as far as the watch says.
    fn shows(&self, release: &Installed) -> bool {
        let name = self.identity.values_config_map();
        let map = self.shared.caches.config_map(&self.identity.namespace, &name);
        map.is_some_and(|map| self.shared.own_writes.is_stale(&*map) || shows(&map.metadata, release))
    }

    /// Writes the values ConfigMap, which DataLoad jobs and Fluid's own tools read: what is
    /// installed, and only while nothing is what is about to be. It has this UID; without one it is
    /// created, unless it is somebody else's. Returns the UID if it was created.
    pub(super) async fn record_values(
        &self,
        values: &Value,
        uid: Option<String>,
    ) -> Result<Option<String>, EngineError> {
        let name = self.identity.values_config_map();
        let text = yaml_serde::to_string(values).map_err(|error| EngineError::Failed {
            method: "desired",
            message: format!("the chart values cannot be written as YAML: {error}"),
        })?;
        let policy = self.policy();
        let mut map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(policy.namespace),
                labels: Some(policy.labels),
                annotations: Some(BTreeMap::from([(
                    labels::VALUES_DIGEST.to_owned(),
                    digest(&values.to_string()),
                )])),
                owner_references: Some(vec![policy.owner]),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([("data".to_owned(), text)])),
            ..ConfigMap::default()
        };
        let attempt = format!("writing ConfigMap {}/{name}", self.identity.namespace);
        let api = self.config_maps();
        map.metadata.uid = match uid {
            Some(uid) => Some(uid),
            None => match api.create(&post_params(), &map).await {
                Ok(created) => {
                    self.shared.own_writes.wrote(&created);
                    return Ok(created.metadata.uid);
                }
                // It is that of an attempt before, or somebody else's.
                Err(error) if is_conflict(&error) => self.find_values_map().await?.and_then(|found| found.uid),
                Err(error) => return Err(EngineError::kube(attempt)(error)),
            },
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = api.patch_metadata(&name, &params, &Patch::Apply(&map)).await;
        let written = written.map_err(EngineError::kube(attempt))?;
        self.shared.own_writes.wrote(&written);
        Ok(None)
    }

    /// Takes back a values ConfigMap of a release that was refused.
    pub(super) async fn delete_values_map(&self, uid: String) -> Result<(), EngineError> {
        let name = self.identity.values_config_map();
        let only = DeleteParams::default().preconditions(Preconditions {
            uid: Some(uid),
            resource_version: None,
        });
        let attempt = format!("deleting ConfigMap {}/{name}", self.identity.namespace);
        let deleted = self.config_maps().delete(&name, &only).await;
        deleted.or_another().map(drop).map_err(EngineError::kube(attempt))
    }

    /// The ConfigMaps of the runtime's namespace.
    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.shared.client.clone(), &self.identity.namespace)
    }
}

/// Whether a values ConfigMap shows the values of the release. One that Fluid has made does not say
/// which it shows, and is left with Fluid's release.
fn shows(map: &ObjectMeta, release: &Installed) -> bool {
    let shown = map.annotations.as_ref().and_then(|all| all.get(labels::VALUES_DIGEST));
    shown.map_or(release.adoption().is_some(), |shown| *shown == digest(release.text()))
}

fn digest(values: &str) -> String {
    Digest::of(values.as_bytes()).to_string()
}
