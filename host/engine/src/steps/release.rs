//! Chart values become a release: rendered, admitted, applied, and recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};
use wasser_api::labels;
use wasser_chart::{Policy, ReleaseError, ReleaseMeta, RenderError, check_kept};

use crate::FIELD_MANAGER;
use crate::error::EngineError;
use crate::objects::owner::owner_reference;
use crate::request::Request;
use crate::request::roles;
use crate::shared::Installed;

/// What of a rendered object the roles are found by.
fn kind_and_name(object: &DynamicObject) -> (String, String) {
    let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
    (kind, object.metadata.name.clone().unwrap_or_default())
}

impl Request {
    /// The release as it is, from memory where it was seen before.
    pub async fn installed(&mut self) -> Result<Option<Arc<Installed>>, EngineError> {
        if let Some(known) = self.cluster.known_release(&self.uid) {
            return Ok(known);
        }
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let found = if self.cluster.caches.has_record(namespace, name) {
            let found = self.cluster.releases.find(name, &self.policy()).await;
            found.map_err(|source| self.release_failed(source))?
        } else {
            // Should the watch be late, the record that the installation wants to write is there already, and is then read.
            self.cluster.releases.take_for_absent(namespace, name);
            None
        };
        let release = found.filter(|release| release.is_deployed()).map(|release| {
            let objects = release
                .objects()
                .into_iter()
                .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
                .collect();
            Arc::new(Installed {
                text: release.values().to_string(),
                values: release.values().clone(),
                objects,
            })
        });
        self.cluster.remember_release(&self.uid, release.clone());
        self.context.installed = release.as_ref().map(|release| release.text.clone());
        if let Some(release) = &release {
            self.read_roles(release);
        }
        Ok(release)
    }

    /// Whether some object of the release that the host watches is missing.
    pub fn is_damaged(&self, release: &Installed) -> bool {
        !self.missing(release).is_empty()
    }

    /// The objects of the release that are missing, of those that the host watches.
    pub(crate) fn missing(&self, release: &Installed) -> Vec<String> {
        let missing = |(kind, name): &&(String, String)| !self.cluster.caches.has(kind, &self.identity.namespace, name);
        let objects = release.objects.iter().filter(missing);
        objects.map(|(kind, name)| format!("{kind} {name}")).collect()
    }

    /// Installs or upgrades the release to these values. False if it already was so.
    pub async fn apply_values(&mut self, text: &str) -> Result<bool, EngineError> {
        let values = self.complete(text)?;
        let before = self.installed().await?;
        if before
            .as_ref()
            .is_some_and(|release| release.values == values && !self.is_damaged(release))
        {
            return Ok(false);
        }
        if let Some(before) = &before {
            self.check_repeated(before, &values)?;
        }
        let display = self.identity.display();
        let chart = self.cluster.chart(&self.plugin)?;
        let policy = self.policy();
        let meta = ReleaseMeta {
            name: self.identity.name.clone(),
            namespace: self.identity.namespace.clone(),
            revision: 1,
            is_upgrade: before.is_some(),
        };
        meta.check().map_err(|invalid| EngineError::InvalidSpec {
            field: format!("{}.metadata.name", self.identity.kind),
            message: invalid.to_string(),
        })?;
        let rendered = self
            .cluster
            .renderer
            .render(&chart, &meta, &values)
            .await
            .map_err(|source: RenderError| EngineError::Render {
                release: display.clone(),
                source: Box::new(source),
            })?;
        let objects: Vec<(String, String)> = rendered.objects.iter().map(kind_and_name).collect();
        self.check_roles(&objects)?;
        policy.admit_release(&rendered).map_err(|source| EngineError::NotGranted {
            release: display.clone(),
            source,
        })?;
        let values_map = if self.shows_values() { self.find_values_map().await? } else { None };
        // Until the record says otherwise, nobody knows what is installed: an interruption must lead to a fresh look.
        self.cluster.forget_release(&self.uid);
        let releases = &self.cluster.releases;
        let done = if before.is_some() {
            releases.upgrade(&chart, &meta, &rendered, &values, &policy).boxed().await
        } else {
            releases.install(&chart, &meta, &rendered, &values, &policy).boxed().await
        };
        done.map_err(|source| self.release_failed(source))?;
        if self.shows_values() {
            self.record_values(&values, values_map).await?;
        }
        let installed = Installed {
            text: values.to_string(),
            objects,
            values,
        };
        self.context.installed = Some(installed.text.clone());
        self.read_roles(&installed);
        if before.is_some() {
            self.cluster.upgrades.upgraded(&self.uid);
        }
        // Right after, there is nothing to show yet.
        self.cluster.pace.restart(&self.uid);
        self.cluster.remember_release(&self.uid, Some(Arc::new(installed)));
        Ok(true)
    }

    /// A failure of the release. If something is in its way, the runtime is looked at again as soon as that is gone.
    fn release_failed(&self, source: ReleaseError) -> EngineError {
        let wake = Arc::clone(&self.wake);
        let (name, policy) = (&self.identity.name, self.policy());
        self.cluster.releases.wake_when_free(name, &policy, &source, move || wake());
        EngineError::Release {
            release: self.identity.display(),
            source: Box::new(source),
        }
    }

    /// A chart may leave out roles that the runtime does not want, but not all of them: nothing would ever serve the Dataset.
    fn check_roles(&self, objects: &[(String, String)]) -> Result<(), EngineError> {
        let roles = &self.plugin.description.roles;
        if roles.is_empty() || roles.iter().any(|role| roles::installs(objects, role, &self.identity.name)) {
            return Ok(());
        }
        let names: Vec<String> = roles
            .iter()
            .map(|role| format!("{} {}{}", role.workload, self.identity.name, role.suffix))
            .collect();
        Err(EngineError::Failed {
            method: "setup-master",
            message: format!(
                "the chart renders none of the workloads that the plugin describes: {}",
                names.join(", ")
            ),
        })
    }

    /// What the chart of this runtime may install.
    pub fn policy(&self) -> Policy {
        Policy {
            namespace: self.identity.namespace.clone(),
            kinds: self.plugin.grants.kinds.iter().cloned().collect(),
            privileged: self.plugin.grants.privileged,
            owner: owner_reference(&self.identity.kind, &self.identity.name, &self.uid),
            labels: BTreeMap::from([(labels::DATASET_ID.to_owned(), self.identity.dataset_id())]),
        }
    }

    /// Adds what all charts are given (`controllers.md` §5.2) to the plugin's values, where the plugin did not set it.
    pub(crate) fn complete(&self, text: &str) -> Result<Value, EngineError> {
        let invalid = |message: String| EngineError::Failed {
            method: "setup-master",
            message,
        };
        let values: Value = serde_json::from_str(text).map_err(|error| invalid(format!("the chart values are not JSON: {error}")))?;
        let Value::Object(mut values) = values else {
            return Err(invalid("the chart values are not an object".to_owned()));
        };
        let common = self.common_values();
        for (key, value) in common {
            values.entry(key).or_insert(value);
        }
        Ok(Value::Object(values))
    }

    fn common_values(&self) -> Map<String, Value> {
        let owner = owner_reference(&self.identity.kind, &self.identity.name, &self.uid);
        let mut common = Map::new();
        common.insert("fullnameOverride".to_owned(), json!(self.identity.name));
        common.insert("ownerDatasetId".to_owned(), json!(self.identity.dataset_id()));
        common.insert(
            "runtimeIdentity".to_owned(),
            json!({"namespace": self.identity.namespace, "name": self.identity.name}),
        );
        common.insert(
            "owner".to_owned(),
            json!({"enabled": true, "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
                   "controller": true, "blockOwnerDeletion": false}),
        );
        common
    }

    /// Whether a ConfigMap shows the values: the runtime's annotation may say that none does.
    pub(crate) fn shows_values(&self) -> bool {
        let annotation = self.runtime.annotations().get(labels::DISABLE_VALUES);
        annotation.is_none_or(|text| !text.eq_ignore_ascii_case("true"))
    }

    /// The UID of the values ConfigMap. None if there is none; that of somebody else is refused, before anything is installed.
    async fn find_values_map(&self) -> Result<Option<String>, EngineError> {
        let name = self.identity.values_config_map();
        let found = self.config_maps().get_metadata_opt(&name).await;
        let attempt = format!("looking at ConfigMap {}/{name}", self.identity.namespace);
        let Some(found) = found.map_err(EngineError::kube(attempt))? else {
            return Ok(None);
        };
        let policy = self.policy();
        check_kept(&found.metadata, &policy.owner, &policy.labels).map_err(|source| self.release_failed(source))?;
        Ok(found.metadata.uid)
    }

    /// Puts the values ConfigMap back if it is missing: somebody has deleted it, or the operator was interrupted after the release.
    pub(crate) async fn keep_values_map(&self, release: &Installed) -> Result<(), EngineError> {
        let name = self.identity.values_config_map();
        if !self.shows_values() || self.cluster.caches.has("ConfigMap", &self.identity.namespace, &name) {
            return Ok(());
        }
        match self.find_values_map().await {
            Ok(uid) => self.record_values(&release.values, uid).await,
            // An upgrade says so. Until then, the runtime works without.
            Err(EngineError::Release { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes the values ConfigMap, which DataLoad jobs and Fluid's own tools read: what is installed, never what was about to be. It has this
    /// UID; one that somebody has made since it was looked for is a conflict.
    async fn record_values(&self, values: &Value, uid: Option<String>) -> Result<(), EngineError> {
        let name = self.identity.values_config_map();
        let text = yaml_serde::to_string(values).map_err(|error| EngineError::Failed {
            method: "setup-master",
            message: format!("the chart values cannot be written as YAML: {error}"),
        })?;
        let policy = self.policy();
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = uid.is_some();
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(policy.namespace),
                uid,
                labels: Some(policy.labels),
                owner_references: Some(vec![policy.owner]),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([("data".to_owned(), text)])),
            ..ConfigMap::default()
        };
        self.config_maps()
            .patch(&name, &params, &Patch::Apply(&map))
            .await
            .map_err(EngineError::kube(format!("writing ConfigMap {}/{name}", self.identity.namespace)))?;
        Ok(())
    }

    /// The ConfigMaps of the runtime's namespace.
    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.client.clone(), &self.identity.namespace)
    }
}
