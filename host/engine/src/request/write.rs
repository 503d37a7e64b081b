//! The status writes of a reconcile: at most one per object, of what changed, and none where nothing
//! did.

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, ObjectMeta, Patch};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetStatus};
use wasser_api::runtime_status::RuntimeStatus;

use crate::error::EngineError;
use crate::request::Request;
use crate::request::status_patch::status_patch;
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
        let shown = self.object.get("status").cloned().unwrap_or(Value::Null);
        let known = serde_json::from_value::<RuntimeStatus>(shown.clone());
        let known = known.map_or(Value::Null, |known| to_value(&known));
        let api =
            Api::<DynamicObject>::namespaced_with(self.shared.client.clone(), &self.identity.namespace, &self.resource);
        let attempt = format!(
            "writing the status of {} {}",
            self.identity.kind,
            self.identity.display()
        );
        let same = |now: &DynamicObject| now.data.get("status").unwrap_or(&Value::Null) == &shown;
        let statuses = (&shown, &known, &to_value(&self.runtime_status));
        let written = write_difference(&self.shared, &api, &self.runtime.metadata, statuses, same).await;
        let written = written.map_err(EngineError::kube(attempt))?;
        if matches!(written, Written::Yes) {
            self.shared.status_throttle.restart(&self.uid);
        }
        self.look_again_at(written);
        Ok(())
    }

    async fn write_dataset_status(&mut self) -> Result<(), EngineError> {
        if let Some(dataset) = self.dataset.clone() {
            let written = write_status_of(&self.shared, &dataset, &self.dataset_status).await?;
            if std::mem::take(&mut self.gives_mounts) {
                let generation = dataset.metadata.generation.unwrap_or_default();
                let shown = &self.shared.mounts_shown;
                shown.note(&self.uid, generation, Instant::now());
            }
            self.look_again_at(written);
        }
        Ok(())
    }

    fn look_again_at(&mut self, written: Written) {
        if let Written::InVain { again } = written {
            self.look_again_in(again);
        }
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

/// Writes what of the status of a Dataset differs, provided that it is still as it was read.
///
/// # Errors
/// The request fails, or somebody else has changed the status since.
pub async fn write_dataset_status(
    shared: &Shared,
    dataset: &Dataset,
    status: &DatasetStatus,
) -> Result<(), EngineError> {
    write_status_of(shared, dataset, status).await.map(drop)
}

async fn write_status_of(shared: &Shared, dataset: &Dataset, status: &DatasetStatus) -> Result<Written, EngineError> {
    let shown = dataset.status.as_ref().map_or(Value::Null, to_value);
    let ObjectKey { namespace, name } = ObjectKey::of(dataset);
    let api = Api::<Dataset>::namespaced(shared.client.clone(), &namespace);
    let attempt = format!("writing the status of Dataset {namespace}/{name}");
    let same = |now: &Dataset| now.status == dataset.status;
    let statuses = (&shown, &shown, &to_value(status));
    let written = write_difference(shared, &api, &dataset.metadata, statuses, same).await;
    written.map_err(EngineError::kube(attempt))
}

/// What became of a status.
#[derive(Debug, Clone, Copy)]
enum Written {
    Yes,
    /// Nothing differs, or the object is gone.
    Not,
    /// The API server drops what differs. It is sent again after this time.
    InVain {
        again: Duration,
    },
}

/// Writes the difference between the status that an object `read` shows, with what of it is known,
/// and the one that is wanted, unless the same was written in vain a short while ago.
async fn write_difference<K>(
    shared: &Shared,
    api: &Api<K>,
    read: &ObjectMeta,
    (shown, known, wanted): (&Value, &Value, &Value),
    same: impl Fn(&K) -> bool,
) -> kube::Result<Written>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let (uid, vain) = (read.uid.clone().unwrap_or_default(), &shared.vain_patches);
    let difference = status_patch(shown, known, wanted);
    let Some(difference) = difference else {
        return Ok(Written::Not);
    };
    if let Some(again) = vain.rest(&uid, shown, &difference, Instant::now()) {
        return Ok(Written::InVain { again });
    }
    let patch = StatusPatch {
        name: read.name.clone().unwrap_or_default(),
        uid,
        version: read.resource_version.clone(),
        difference,
    };
    let Some(written) = patch.write(api, same).await.or_gone()? else {
        return Ok(Written::Not);
    };
    shared.own_writes.wrote(&written);
    if written.meta().resource_version != read.resource_version {
        return Ok(Written::Yes);
    }
    let again = vain.note(&patch.uid, shown, &patch.difference, Instant::now());
    Ok(Written::InVain { again })
}

/// A change of the status of one object.
struct StatusPatch {
    name: String,
    uid: String,
    version: Option<String>,
    difference: Value,
}

impl StatusPatch {
    /// Patches the status in the version of the object that was read. Where somebody else has
    /// written to the object since, but its status is still the `same`, in the present version: who
    /// writes something else to it all the time must not keep its status from being written.
    async fn write<K>(&self, api: &Api<K>, same: impl Fn(&K) -> bool) -> kube::Result<K>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let (mut tries, mut version) = (TRIES, self.version.clone());
        loop {
            let body = json!({
                "metadata": {"uid": self.uid, "resourceVersion": version},
                "status": self.difference,
            });
            let error = match api
                .patch_status(&self.name, &crate::patch_params(), &Patch::Merge(&body))
                .await
            {
                Err(error) if is_conflict(&error) && tries > 1 => error,
                outcome => return outcome,
            };
            tries -= 1;
            let now = api.get(&self.name).await?;
            if now.meta().uid.as_deref() != Some(&self.uid) || !same(&now) {
                return Err(error);
            }
            version.clone_from(&now.meta().resource_version);
        }
    }
}

fn to_value(status: &impl Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}
