//! `pods`: lists the pods of the runtime's release, and finds the role of one.

use std::time::Duration;

use crate::backend::BackendError;
use crate::bindings::pods::{Host, Pod};
use crate::bindings::types::{PodError, Role};
use crate::package::grants::Grants;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The time that a guest has at least, after it has waited, to report that it waited.
const MARGIN: Duration = Duration::from_millis(500);

impl From<BackendError> for PodError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::NotFound(what) => Self::NotFound(what),
            BackendError::Timeout => Self::Timeout,
            BackendError::Failed(what) => Self::Failed(what),
        }
    }
}

impl StoreData {
    /// Returns the role of a pod of this runtime, if the call is granted for the role. Granted
    /// roles are searched first; the others are listed only for a better answer.
    pub(super) async fn role_of(
        &self,
        pod: &str,
        allows: impl Fn(&Grants, &str) -> bool,
        yaml: impl Fn(&str) -> String,
    ) -> Result<Role, PodError> {
        let (granted, others): (Vec<&Role>, Vec<&Role>) = self
            .identity
            .roles
            .iter()
            .partition(|role| allows(&self.identity.effective, &role.name));
        for role in granted {
            if self.has_pod(role, pod).await? {
                return Ok(role.clone());
            }
        }
        for role in others {
            if self.has_pod(role, pod).await? {
                self.granted(|grants| allows(grants, &role.name), &yaml(&role.name))
                    .map_err(PodError::NotGranted)?;
            }
        }
        Err(PodError::NotFound(format!(
            "{} has no pod `{}`",
            self.scope,
            tidy(pod, 253)
        )))
    }

    async fn has_pod(&self, role: &Role, pod: &str) -> Result<bool, PodError> {
        Ok(self
            .backend
            .list_pods(&self.scope, role)
            .await?
            .iter()
            .any(|found| found.name == pod))
    }

    /// Returns the time that the guest may wait: as long as it asked for, but shorter than the
    /// call's deadline, so that it can still report what it waited for. 0 asks for the longest
    /// time.
    pub(super) fn wait_limit(&self, timeout_ms: u32) -> Duration {
        let margin = (self.deadline / 20).max(MARGIN.min(self.deadline / 4));
        let longest = self.deadline.saturating_sub(self.began.elapsed() + margin);
        if timeout_ms == 0 {
            longest
        } else {
            Duration::from_millis(timeout_ms.into()).min(longest)
        }
    }
}

impl Host for StoreData {
    async fn list(&mut self, role: String) -> wasmtime::Result<Result<Vec<Pod>, PodError>> {
        self.enter()?;
        let Some(role) = self.identity.roles.iter().find(|known| known.name == role) else {
            return Ok(Err(PodError::NotFound(format!(
                "the plugin's `describe` has no role `{}`",
                tidy(&role, 64)
            ))));
        };
        let allows = |grants: &Grants| grants.allows_exec(&role.name) || grants.allows_some_http(&role.name);
        if let Err(refusal) = self.granted(allows, &format!("exec: [{}]", role.name)) {
            return Ok(Err(PodError::NotGranted(refusal)));
        }
        Ok(self.backend.list_pods(&self.scope, role).await.map_err(PodError::from))
    }
}
