//! Sync: keeps a bound dataset true to its cache system. The order is that of
//! `docs/template-engine.md`, row by row.

use std::time::Instant;

use wasser_api::conditions::dataset as conditions;
use wasser_api::dataset::DatasetPhase;
use wasser_api::reasons::{dataset as reasons, events};

use crate::error::EngineError;
use crate::release::adoption::Difference;
use crate::request::Request;
use crate::request::roles::RoleState;
use crate::steps::damage::Damage;
use crate::steps::first_error::FirstError;

/// Why the release is not what the spec wants.
struct Unfollowed {
    error: EngineError,
    /// Whether these are the values of the record, so that there are no others to go back to.
    is_of_record: bool,
}

impl From<EngineError> for Unfollowed {
    fn from(error: EngineError) -> Self {
        Self {
            error,
            is_of_record: false,
        }
    }
}

impl Request {
    /// Brings the statuses, the workers, the release and the node labels up to date.
    ///
    /// A step that fails keeps the others from nothing: a spec that is refused, or a plugin that
    /// fails, must not leave a Dataset unattended. Of a refused spec only the number of workers is
    /// followed. The first error is returned.
    pub async fn sync(&mut self) -> Result<(), EngineError> {
        let mut failed = FirstError::default();
        self.forget_stale_references();
        self.sync_metadata().await;
        failed.keep(self.sync_replicas().await);
        let followed = self.sync_runtime().await;
        // A plugin that fails is not asked for more: its failures are counted.
        self.refused |= matches!(followed, Err(EngineError::Plugin { .. }));
        failed.keep(followed);
        failed.keep(self.check_runtime_healthy().await);
        self.check_and_update_runtime_status();
        self.sync_cache_states();
        self.update_cache_of_dataset();
        let serves = !self.roles.iter().any(RoleState::fails_dataset);
        if failed.get().is_none_or(EngineError::leaves_release) && !self.refused && serves {
            let is_followed = failed.get().is_none();
            failed.keep(self.sync_ufs(is_followed).await);
        }
        self.sync_schedule_info_to_cache_nodes();
        failed.into_result()
    }

    /// SyncRuntime: a change of the spec becomes an upgrade of the release, and so does an object
    /// of it that somebody deleted. What is refused does not keep the release from being repaired.
    pub(crate) async fn sync_runtime(&mut self) -> Result<(), EngineError> {
        self.adopt().await?;
        let installed = self.installed().await?;
        if let Some(release) = &installed {
            self.keep_values_map(release).await?;
        }
        let damage = match &installed {
            Some(release) => self.damage(release).await?,
            None => None,
        };
        let followed = if self.refused || (damage.is_none() && self.stays()) {
            Ok(false)
        } else {
            self.follow_spec(damage.as_ref()).await
        };
        let (followed, is_of_record) = match followed {
            Ok(applied) => (Ok(applied), false),
            Err(unfollowed) => (Err(unfollowed.error), unfollowed.is_of_record),
        };
        let may_repair = match &followed {
            _ if is_of_record => false,
            Ok(applied) => !applied,
            Err(EngineError::Kube { .. } | EngineError::Repeated { .. }) => false,
            Err(error @ EngineError::Release { .. }) => error.refuses_release(),
            Err(_) => true,
        };
        let damage = match &followed {
            Err(error) if may_repair && error.refuses_release() => self.half_upgraded().await.or(damage),
            _ => damage,
        };
        // What Fluid's values mean to another chart, nobody knows, and of a record of somebody else's
        // nobody knows what it makes of the release.
        match (installed, damage) {
            (Some(release), Some(damage)) if may_repair && self.kept.is_none() && release.unsigned().is_none() => {
                let repaired = self.go_back(release.text(), &damage).await;
                followed.and(repaired)
            }
            _ => followed.map(drop),
        }
    }

    /// The damage that an upgrade has done which was refused just now, after some of its objects were
    /// written.
    async fn half_upgraded(&mut self) -> Option<Damage> {
        // Should it not be read now, the next reconcile finds it.
        let release = self.installed().await.ok().flatten();
        release.and_then(|release| Damage::left_in(&release))
    }

    /// Writes what the release had before. Where objects are of two revisions, and that is refused
    /// as well, it is not tried again at once.
    async fn go_back(&mut self, values: &str, damage: &Damage) -> Result<(), EngineError> {
        let outcome = self.write_unless_refused(values, Some(damage), true).await;
        outcome.map(drop)
    }

    /// Upgrades the release to what the spec wants now. Returns whether anything was applied.
    async fn follow_spec(&mut self, damage: Option<&Damage>) -> Result<bool, Unfollowed> {
        let values = self.desired().await?;
        let installed = self.installed().await?;
        let complete = self.complete(&values)?;
        let stays = installed.as_ref().is_some_and(|installed| installed.has(&complete));
        match installed {
            Some(release) if !stays => self.take_turn(&release, damage.is_some()).await?,
            _ => self.settle().await,
        }
        // Values that do not come to rest are not taken.
        if !stays {
            self.check_settled(&values).await?;
        }
        // With Fluid's values, the chart would make something else than Fluid's did.
        if stays && (self.kept.is_some() || damage.is_none()) {
            return Ok(false);
        }
        let written = self.write_unless_refused(&values, damage, stays).await;
        written.map_err(|error| Unfollowed {
            error,
            is_of_record: stays,
        })
    }

    pub(super) async fn upgrade(&mut self, values: &str, damage: Option<&Damage>) -> Result<bool, EngineError> {
        let workers = match damage {
            Some(_) => self.workers_again().await?,
            None => None,
        };
        let applied = self.apply_values(values, workers, damage).await?;
        if applied {
            let name = &self.identity.name;
            let message = match damage {
                Some(damage) => format!("The release {name} was written again: {damage}."),
                None => format!("The release {name} was upgraded to what is wanted now."),
            };
            self.changed(events::UPGRADED, message);
        }
        Ok(applied)
    }

    /// Fails where the system is not healthy, and sets the Dataset's phase accordingly: `Failed`
    /// where a workload is missing, `Bound` where all is well. A role that is merely not ready
    /// leaves the phase as it is, and is a failure only after a while.
    async fn check_runtime_healthy(&mut self) -> Result<(), EngineError> {
        let missing = self
            .roles
            .iter()
            .find(|state| state.role.needed_for_bound && !state.exists);
        if let Some(missing) = missing {
            let message = format!("the {} {} is missing", missing.role.workload, missing.workload);
            self.update_dataset_status(DatasetPhase::Failed);
            return Err(EngineError::Unhealthy { message });
        }
        if !self.refused {
            let outcome = self.implement.check_runtime_healthy(&self.context).await;
            if let Err(error) = self.answer("check-runtime-healthy", outcome) {
                if !matches!(error, EngineError::NotYet { .. }) {
                    self.update_dataset_status(DatasetPhase::Failed);
                }
                return Err(match error {
                    EngineError::Failed { message, .. } => EngineError::Unhealthy { message },
                    other => other,
                });
            }
        }
        let Some(idle) = self.roles.iter().find(|state| state.fails_dataset()).cloned() else {
            self.update_dataset_status(DatasetPhase::Bound);
            return Ok(());
        };
        if self.may_be_idle(&idle) {
            return Ok(());
        }
        let trouble = self.trouble(&idle.role.name).map(|trouble| trouble.text.clone());
        let why = trouble.or_else(|| idle.scaled_to_zero()).map(|why| format!(": {why}"));
        Err(EngineError::Unhealthy {
            message: format!(
                "the {} {} is not healthy, expect at least one replica is ready{}",
                idle.role.name,
                idle.workload,
                why.unwrap_or_default()
            ),
        })
    }

    /// The chart values that runtime and Dataset ask for, by the plugin's word.
    pub(crate) async fn desired(&mut self) -> Result<String, EngineError> {
        let outcome = self.implement.desired(&self.context).await;
        self.answer("desired", outcome)?.ok_or_else(|| EngineError::Failed {
            method: "desired",
            message: "the plugin leaves it to the host, and nothing can be installed without".to_owned(),
        })
    }

    /// ShouldUpdateUFS and UpdateOnUFSChange: mounts that came or went. If the plugin has no method
    /// that changes them, they are part of the values, and the release has them by now.
    ///
    /// A change that has not succeeded may have changed some of the mounts already. So one that the
    /// user has taken back since is finished all the same.
    async fn sync_ufs(&mut self, is_followed: bool) -> Result<(), EngineError> {
        if self.mounts_are_dropped() {
            return Ok(());
        }
        let outcome = self.implement.should_update_ufs(&self.context).await;
        let Some(change) = self.answer("should-update-ufs", outcome)? else {
            return Ok(());
        };
        let is_none = change.added.is_empty() && change.removed.is_empty() && change.changed.is_empty();
        if is_none && !self.was_updating() {
            return Ok(());
        }
        let is_in_values = !self.plugin.has("update-ufs");
        // A release that is kept as it is has the mounts that it had.
        if is_in_values && (self.stays() || !is_followed) {
            return Ok(());
        }
        if self.kept != Some(Difference::Nothing) {
            self.show_updating();
        }
        let outcome = self.implement.update_ufs(&self.context, &change).await;
        if !self.answer("update-ufs", outcome)?.unwrap_or(is_in_values) {
            return Ok(());
        }
        self.mounted();
        self.gives_mounts = true;
        self.remove_dataset_condition(conditions::UPDATING);
        self.update_dataset_status(DatasetPhase::Bound);
        self.restart_metadata_sync();
        self.note_mounts().await
    }

    /// Whether the status does not have the mounts that it was given.
    fn mounts_are_dropped(&self) -> bool {
        self.dataset.as_ref().is_some_and(|dataset| {
            let shows = dataset.status.as_ref().is_some_and(|status| !status.mounts.is_empty());
            let generation = dataset.metadata.generation.unwrap_or_default();
            let given = &self.shared.mounts_shown;
            !shows && !dataset.spec.mounts.is_empty() && given.were_of(&self.uid, generation, Instant::now())
        })
    }

    /// Whether the last reconcile has begun a change of the mounts, and not ended it.
    fn was_updating(&self) -> bool {
        let status = self.dataset.as_ref().and_then(|dataset| dataset.status.as_ref());
        status.is_some_and(|status| status.phase == DatasetPhase::Updating)
    }

    fn show_updating(&mut self) {
        self.dataset_status.phase = DatasetPhase::Updating;
        self.set_dataset_condition(
            conditions::UPDATING,
            reasons::UPDATING,
            "The ddc runtime is updating.",
            true,
        );
    }
}
