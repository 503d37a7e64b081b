//! The status writes of a reconcile: at most one per object, and none where nothing changed.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetStatus};

use crate::FIELD_MANAGER;
use crate::error::EngineError;
use crate::request::Request;
use crate::shared::Shared;
use wasser_chart::{OrGone, is_conflict};

/// How often a status is written to an object that others write to at the same time, before the
/// next reconcile looks again.
const TRIES: u32 = 5;

impl Request {
    /// Writes the statuses that differ from what was read.
    pub async fn write_statuses(&mut self) -> Result<(), EngineError> {
        self.write_runtime_status().await?;
        self.write_dataset_status().await
    }

    async fn write_runtime_status(&mut self) -> Result<(), EngineError> {
        let status = to_value(&self.runtime_status);
        if self.object.get("status") == Some(&status) {
            return Ok(());
        }
        let api =
            Api::<DynamicObject>::namespaced_with(self.shared.client.clone(), &self.identity.namespace, &self.resource);
        let body = self.body(
            &self.resource.api_version,
            &self.resource.kind,
            self.runtime_version(),
            &status,
        );
        let attempt = format!(
            "writing the status of {} {}",
            self.identity.kind,
            self.identity.display()
        );
        let (uid, shown) = (self.uid.clone(), self.object.get("status").cloned());
        let same = |now: &DynamicObject| now.uid().as_deref() == Some(&uid) && now.data.get("status") == shown.as_ref();
        let written = apply_status(&api, body, same)
            .await
            .or_gone()
            .map_err(EngineError::kube(attempt))?;
        if let Some(written) = written {
            self.shared.own_writes.wrote(&written);
            self.shared.status_throttle.restart(&self.uid);
        }
        Ok(())
    }

    async fn write_dataset_status(&mut self) -> Result<(), EngineError> {
        let Some(dataset) = self.dataset.clone() else {
            return Ok(());
        };
        if dataset.status.as_ref() == Some(&self.dataset_status) {
            return Ok(());
        }
        apply_dataset_status(&self.shared, &dataset, &self.dataset_status).await
    }

    fn body(&self, api_version: &str, kind: &str, resource_version: Option<String>, status: &Value) -> Value {
        json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": self.identity.name, "namespace": self.identity.namespace,
                "resourceVersion": resource_version},
            "status": status,
        })
    }

    /// ReconcileRuntimeDeletion's reset: the Dataset is what it was before a runtime came, but for
    /// what others recorded in it.
    pub async fn reset_dataset(&mut self) -> Result<(), EngineError> {
        // One that goes as well is not shown to anybody any more.
        if self
            .dataset
            .as_ref()
            .is_some_and(|dataset| dataset.metadata.deletion_timestamp.is_some())
        {
            return Ok(());
        }
        let status = &mut self.dataset_status;
        status.phase = DatasetPhase::NotBound;
        status.ufs_total = Some(String::new());
        status.file_num = Some(String::new());
        status.conditions.clear();
        status.cache_states.clear();
        status.runtimes.clear();
        status.hcfs = None;
        self.write_dataset_status().await
    }
}

/// Applies the status of a Dataset, provided that it is still as it was read.
pub async fn apply_dataset_status(
    shared: &Shared,
    dataset: &Dataset,
    status: &DatasetStatus,
) -> Result<(), EngineError> {
    let (namespace, name) = (dataset.namespace().unwrap_or_default(), dataset.name_any());
    let body = json!({
        "apiVersion": wasser_api::API_VERSION,
        "kind": "Dataset",
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": dataset.resource_version()},
        "status": to_value(status),
    });
    let api = Api::<Dataset>::namespaced(shared.client.clone(), &namespace);
    let same = |now: &Dataset| now.uid() == dataset.uid() && now.status == dataset.status;
    let attempt = format!("writing the status of Dataset {namespace}/{name}");
    let written = apply_status(&api, body, same)
        .await
        .or_gone()
        .map_err(EngineError::kube(attempt))?;
    if let Some(written) = written {
        shared.own_writes.wrote(&written);
    }
    Ok(())
}

/// Applies a status to the version of the object that `body` names. Where somebody else has written
/// to the object since, but its status is still the `same`, to the present version: who writes
/// something else to it all the time must not keep its status from being written.
async fn apply_status<K>(api: &Api<K>, mut body: Value, same: impl Fn(&K) -> bool) -> kube::Result<K>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mut tries = TRIES;
    loop {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let error = match api.patch_status(&name, &parameters, &Patch::Apply(&body)).await {
            Err(error) if is_conflict(&error) && tries > 1 => error,
            outcome => return outcome,
        };
        tries -= 1;
        let now = api.get(&name).await?;
        if !same(&now) {
            return Err(error);
        }
        body["metadata"]["resourceVersion"] = json!(now.meta().resource_version);
    }
}

fn to_value(status: &impl Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}
