//! A Dataset that refers to another one: nothing is installed for it. It has a volume that leads to
//! the other's file system, and shows the other's state.

use std::sync::Arc;
use std::time::Duration;

use wasser_api::conditions::dataset::NOT_READY;
use wasser_api::dataset::{CATEGORY_ACCELERATE, Dataset, DatasetCondition, DatasetPhase, DatasetRuntime, Reference};
use wasser_api::runtime_status::RuntimeStatus;

use crate::error::EngineError;
use crate::request::Request;
use crate::request::write::write_dataset_status;

/// The field that names the other Dataset.
const MOUNT_POINT: &str = "Dataset.spec.mounts[0].mountPoint";
/// When to look again for what a watch usually tells.
const SOON: Duration = Duration::from_secs(10);
/// When to look again at what the watch shows as it was before a write of our own.
const STALE: Duration = Duration::from_secs(1);

impl Request {
    /// What the Dataset refers to, if it refers to another one. Once the Dataset is gone, the
    /// status of the runtime still says it.
    ///
    /// # Errors
    /// The mounts cannot be served.
    pub fn refers_to(&self) -> Result<Option<Reference>, EngineError> {
        let mounts = match self.dataset.as_ref().filter(|_| self.unreadable().is_none()) {
            Some(dataset) => &dataset.spec.mounts,
            None => &self.runtime_status.mounts,
        };
        Reference::of(mounts).map_err(|invalid| EngineError::InvalidSpec {
            field: "Dataset.spec.mounts".to_owned(),
            message: invalid.to_string(),
        })
    }

    /// Brings volume and statuses to where the other Dataset is. `other_status` is that of the
    /// other's runtime.
    pub async fn follow(
        &mut self,
        reference: &Reference,
        other_status: Option<RuntimeStatus>,
    ) -> Result<(), EngineError> {
        let Some(dataset) = self.dataset.clone() else {
            return Ok(());
        };
        self.shared.references.note(self.identity.key(), reference.key());
        let other = self.other(reference)?;
        let status = other.status.clone().unwrap_or_default();
        if status.phase == DatasetPhase::Unset || status.phase == DatasetPhase::NotBound {
            return Err(EngineError::NotYet {
                after: SOON,
                message: format!("the Dataset {} that it refers to is not Bound", reference.display()),
            });
        }
        self.may_refer(&other, reference).await?;
        self.register(&other, reference).await?;
        let outdated = self.keep_linked_volume(&dataset, &other, reference).await?;
        let taken = self.share_config(&other).await?;
        let wrong = outdated.or(taken);
        let complaint = self.take_complaint(self.refused || wrong.is_some());
        let operations = std::mem::take(&mut self.dataset_status.operation_ref);
        self.dataset_status = status;
        self.dataset_status.operation_ref = operations;
        if let Some(complaint) = complaint {
            // As it was, so that it is not another one each time.
            self.remove_dataset_condition(NOT_READY);
            self.dataset_status.conditions.push(complaint);
        }
        self.dataset_status.dataset_ref.clear();
        self.dataset_status.runtimes = vec![DatasetRuntime {
            name: self.identity.name.clone(),
            namespace: self.identity.namespace.clone(),
            category: CATEGORY_ACCELERATE.to_owned(),
            runtime_type: self.identity.runtime_type.clone(),
            master_replicas: None,
        }];
        let mounts = if self.refused {
            std::mem::take(&mut self.runtime_status.mounts)
        } else {
            dataset.spec.mounts.clone()
        };
        self.runtime_status = other_status.unwrap_or_default();
        self.runtime_status.mounts = mounts;
        // All else is as it has to be, and shown with it.
        self.attended |= wrong.is_some();
        wrong.map_or(Ok(()), Err)
    }

    /// The condition by which this Dataset shows what is wrong with itself, while something is.
    fn take_complaint(&mut self, is_wrong: bool) -> Option<DatasetCondition> {
        let conditions = std::mem::take(&mut self.dataset_status.conditions);
        let mut complaints = conditions.into_iter().filter(|_| is_wrong);
        complaints.find(|condition| condition.condition_type == NOT_READY)
    }

    /// Lets the other Dataset know that this one no longer refers to it.
    pub async fn unfollow(&self, reference: &Reference) -> Result<(), EngineError> {
        let own = self.identity.display();
        if let Some(other) = self.shared.caches.dataset(&reference.namespace, &reference.name) {
            let mut status = other.status.clone().unwrap_or_default();
            if status.dataset_ref.contains(&own) {
                self.is_fresh(&other, reference)?;
                status.dataset_ref.retain(|known| *known != own);
                write_dataset_status(&self.shared, &other, &status).await?;
            }
        }
        self.shared.references.forget(&self.identity.key(), &reference.key());
        Ok(())
    }

    /// The other Dataset, if it can be referred to.
    fn other(&self, reference: &Reference) -> Result<Arc<Dataset>, EngineError> {
        let field = MOUNT_POINT.to_owned();
        let Some(other) = self.shared.caches.dataset(&reference.namespace, &reference.name) else {
            return Err(EngineError::Missing {
                field,
                message: format!(
                    "there is no Dataset {}; create it, or correct the reference",
                    reference.display()
                ),
                after: SOON,
            });
        };
        if !matches!(Reference::of(&other.spec.mounts), Ok(None)) {
            let message = format!(
                "the Dataset {} refers to another one itself; refer to that one",
                reference.display()
            );
            return Err(EngineError::InvalidSpec { field, message });
        }
        Ok(other)
    }

    /// Fails if the other Dataset is not shared with this one's namespace. A volume that leads to it
    /// stays: pods may use it.
    async fn may_refer(&self, other: &Dataset, reference: &Reference) -> Result<(), EngineError> {
        let rules = &self.shared.settings.tenant_rules;
        match rules.refused_reference(&self.identity.namespace, reference, other) {
            Some(message) if !self.has_volume_of(reference).await? => Err(EngineError::InvalidSpec {
                field: MOUNT_POINT.to_owned(),
                message,
            }),
            _ => Ok(()),
        }
    }

    /// Enters this Dataset into `status.datasetRef` of the other, which then is not deleted before
    /// it.
    async fn register(&self, other: &Arc<Dataset>, reference: &Reference) -> Result<(), EngineError> {
        let own = self.identity.display();
        let mut status = other.status.clone().unwrap_or_default();
        if status.dataset_ref.contains(&own) {
            return Ok(());
        }
        if other.metadata.deletion_timestamp.is_some() {
            return Err(EngineError::NotYet {
                after: SOON,
                message: format!("the Dataset {} that it refers to is being deleted", reference.display()),
            });
        }
        self.is_fresh(other, reference)?;
        status.dataset_ref.push(own);
        write_dataset_status(&self.shared, other, &status).await
    }

    /// Fails with a wait where the watch does not yet show what this process wrote last.
    fn is_fresh(&self, other: &Arc<Dataset>, reference: &Reference) -> Result<(), EngineError> {
        if self.shared.own_writes.is_stale(&**other) {
            return Err(EngineError::NotYet {
                after: STALE,
                message: format!("the Dataset {} was just written", reference.display()),
            });
        }
        Ok(())
    }
}
