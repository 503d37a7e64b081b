//! Sync: keeps a bound dataset true to its cache system. The order is the seed's table, row by row.

use wasser_api::conditions::dataset as conditions;
use wasser_api::dataset::DatasetPhase;
use wasser_api::reasons::dataset as reasons;

use crate::error::EngineError;
use crate::request::Request;

impl Request {
    /// Brings the statuses, the workers, the release and the node labels up to date.
    pub async fn sync(&mut self) -> Result<(), EngineError> {
        // Told at the end: sizes that cannot be read keep nothing from being repaired, such as the mounts that they are read from.
        let metadata = self.sync_metadata();
        let repaired = self.repair().await;
        if let (Err(error), Err(_)) = (&metadata, &repaired) {
            tracing::warn!(runtime = self.identity.display(), %error, "something else failed as well");
        }
        repaired.and(metadata)
    }

    /// The rows after the first.
    async fn repair(&mut self) -> Result<(), EngineError> {
        self.sync_replicas().await?;
        self.sync_runtime().await?;
        self.check_runtime_healthy().await?;
        self.check_and_update_runtime_status();
        self.sync_cache_states();
        self.update_cache_of_dataset();
        self.sync_ufs().await?;
        self.sync_schedule_info_to_cache_nodes();
        Ok(())
    }

    /// SyncRuntime: a change of the spec becomes an upgrade of the release, and so does an object of it that somebody deleted.
    async fn sync_runtime(&mut self) -> Result<(), EngineError> {
        let damaged = match self.installed().await? {
            Some(release) => self.is_damaged(&release),
            None => true,
        };
        let outcome = self.implement.sync_runtime(&self.context).await;
        let wanted = self.answer("sync-runtime", outcome)?.flatten();
        let values = match (wanted, damaged) {
            (Some(values), _) => values,
            (None, false) => return Ok(()),
            (None, true) => match self.context.installed.clone() {
                Some(installed) => installed,
                None => {
                    let outcome = self.implement.setup_master(&self.context).await;
                    let Some(values) = self.answer("setup-master", outcome)? else {
                        return Ok(());
                    };
                    values
                }
            },
        };
        if self.apply_values(&values).await? {
            tracing::info!(
                runtime = self.identity.display(),
                kind = self.identity.kind,
                damaged,
                "upgraded the release"
            );
        }
        Ok(())
    }

    /// Fails where the system is not healthy, and sets the Dataset's phase accordingly: `Failed` where a workload is missing, `Bound`
    /// where all is well. A role that is merely not ready leaves the phase as it is.
    async fn check_runtime_healthy(&mut self) -> Result<(), EngineError> {
        let missing = self.roles.iter().find(|state| state.role.needed_for_bound && !state.exists);
        if let Some(missing) = missing {
            let message = format!("the {} {} is missing", missing.role.workload, missing.workload);
            self.check_and_update_runtime_status();
            self.update_dataset_status(DatasetPhase::Failed);
            return Err(EngineError::Failed {
                method: "check-runtime-healthy",
                message,
            });
        }
        let outcome = self.implement.check_runtime_healthy(&self.context).await;
        if let Err(error) = self.answer("check-runtime-healthy", outcome) {
            self.update_dataset_status(DatasetPhase::Failed);
            return Err(error);
        }
        let idle = self.roles.iter().find(|state| state.role.needed_for_bound && !state.serves());
        if let Some(idle) = idle {
            let message = format!(
                "the {} {} is not healthy, expect at least one replica is ready",
                idle.role.name, idle.workload
            );
            self.check_and_update_runtime_status();
            return Err(EngineError::Failed {
                method: "check-runtime-healthy",
                message,
            });
        }
        self.update_dataset_status(DatasetPhase::Bound);
        Ok(())
    }

    /// ShouldUpdateUFS and UpdateOnUFSChange: mounts that came or went.
    async fn sync_ufs(&mut self) -> Result<(), EngineError> {
        let outcome = self.implement.should_update_ufs(&self.context).await;
        let Some(change) = self.answer("should-update-ufs", outcome)? else {
            return Ok(());
        };
        if change.added.is_empty() && change.removed.is_empty() {
            return Ok(());
        }
        self.dataset_status.phase = DatasetPhase::Updating;
        self.set_dataset_condition(conditions::UPDATING, reasons::UPDATING, "The ddc runtime is updating.", true);
        let outcome = self.implement.update_ufs(&self.context, &change).await;
        let Some(update) = self.answer("update-ufs", outcome)? else {
            return Ok(());
        };
        if let Some(values) = update.values {
            self.apply_values(&values).await?;
        }
        if update.ready {
            self.mounted();
            self.dataset_status.mounts = self.dataset.as_ref().map(|dataset| dataset.spec.mounts.clone()).unwrap_or_default();
            self.remove_dataset_condition(conditions::UPDATING);
            self.update_dataset_status(DatasetPhase::Bound);
            self.restart_metadata_sync();
        }
        Ok(())
    }
}
