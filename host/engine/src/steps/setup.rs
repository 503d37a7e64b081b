//! Setup: from a spec to a cache system that is bound to its Dataset. The order is that of
//! `docs/template-engine.md`, row by row.

use wasser_api::dataset::DatasetPhase;
use wasser_api::reasons::events;

use crate::error::EngineError;
use crate::request::Request;
use crate::request::roles::{RoleName, RoleState};
use crate::steps::damage::Damage;

impl Request {
    /// Deploys the cache system. True once it is ready and bound.
    pub async fn setup(&mut self) -> Result<bool, EngineError> {
        let installed = self.installed().await?;
        let damage = match &installed {
            Some(release) => self.damage(release).await?,
            None => None,
        };
        if installed.is_none() || damage.is_some() {
            self.setup_master(damage).await?;
        } else {
            // What is corrected before it ever worked must not wait until it works. Why a release
            // is left as it is on purpose is reported once it does.
            match self.sync_runtime().await {
                Err(error) if !error.leaves_release() => return Err(error),
                _ => {}
            }
        }
        if !self.check_master_ready().await? {
            self.check_and_update_runtime_status();
            return Ok(false);
        }
        if self.should_check_ufs().await? {
            self.prepare_ufs().await?;
        }
        if self.should_setup_workers() {
            self.setup_workers().await?;
        }
        if !self.check_workers_ready().await? {
            self.check_and_update_runtime_status();
            return Ok(false);
        }
        if !self.check_and_update_runtime_status() {
            return Ok(false);
        }
        self.bind_to_dataset();
        Ok(true)
    }

    /// Installs the release from the plugin's values, or repairs it.
    async fn setup_master(&mut self, damage: Option<Damage>) -> Result<(), EngineError> {
        let values = self.desired().await?;
        let workers = self.first_workers();
        let are_made = workers.is_some() && self.role(RoleName::Worker).is_some_and(|worker| !worker.exists);
        if self.apply_values(&values, workers, damage.as_ref()).await? {
            let message = format!("The release {} was installed.", self.identity.name);
            self.changed(events::INSTALLED, message);
            self.roles.iter_mut().for_each(RoleState::mark_installed);
            if are_made {
                self.workers_are_set_up();
            }
        }
        Ok(())
    }

    /// Whether the master serves; a runtime without one waits for none.
    async fn check_master_ready(&mut self) -> Result<bool, EngineError> {
        match self.role(RoleName::Master).cloned() {
            Some(master) => self.check_ready(&master).await,
            None => Ok(true),
        }
    }

    /// Whether a role serves: by the plugin's word, else by its ready pods.
    async fn check_ready(&mut self, state: &RoleState) -> Result<bool, EngineError> {
        let outcome = self.implement.check_ready(&self.context, &state.role.name).await;
        Ok(self.answer("check-ready", outcome)?.unwrap_or(state.serves()))
    }

    async fn should_check_ufs(&mut self) -> Result<bool, EngineError> {
        let outcome = self.implement.should_check_ufs(&self.context).await;
        Ok(self.answer("should-check-ufs", outcome)?.unwrap_or(false))
    }

    async fn prepare_ufs(&mut self) -> Result<(), EngineError> {
        let outcome = self.implement.prepare_ufs(&self.context).await;
        if self.answer("prepare-ufs", outcome)?.is_some() {
            self.mounted();
        }
        Ok(())
    }

    /// Whether the workers are not yet scaled to what the runtime wants.
    fn should_setup_workers(&self) -> bool {
        let differs =
            |worker: &RoleState| worker.exists && worker.wanted.is_some_and(|wanted| wanted != worker.desired);
        self.role(RoleName::Worker).is_some_and(differs) && !self.workers_are_stale()
    }

    /// Whether everything serves that the Dataset needs, besides the master.
    async fn check_workers_ready(&mut self) -> Result<bool, EngineError> {
        let is_waited_for = |state: &&RoleState| state.role.needed_for_bound && !state.is(RoleName::Master);
        let needed: Vec<RoleState> = self.roles.iter().filter(is_waited_for).cloned().collect();
        for state in needed {
            if !self.check_ready(&state).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records in the Dataset that the runtime serves it.
    fn bind_to_dataset(&mut self) {
        self.update_dataset_status(DatasetPhase::Bound);
    }
}
