//! `pods`: lists the pods of the runtime's release, and finds the role of one.

use std::time::Duration;

use crate::bindings::pods::{Host, Pod};
use crate::bindings::types::{HostError, Role};
use crate::package::grants::Grants;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The time that a guest has at least, after it has waited, to report that it waited.
const MARGIN: Duration = Duration::from_millis(500);

impl StoreData {
    /// Returns the role of a pod of this runtime, if the call is granted for the role. Granted
    /// roles are searched first; the others are listed only for a better answer.
    pub(super) async fn role_of(
        &self,
        pod: &str,
        allows: impl Fn(&Grants, &str) -> bool,
        yaml: impl Fn(&str) -> String,
    ) -> Result<Role, HostError> {
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
                self.granted(|grants| allows(grants, &role.name), &yaml(&role.name))?;
            }
        }
        Err(HostError::NotFound(format!(
            "{} has no pod `{}`",
            self.scope,
            tidy(pod, 253)
        )))
    }

    async fn has_pod(&self, role: &Role, pod: &str) -> Result<bool, HostError> {
        Ok(self
            .backend
            .list_pods(&self.scope, role)
            .await?
            .iter()
            .any(|found| found.name == pod))
    }

    /// Returns the time that the guest may wait: as long as it asked for, but shorter than the
    /// call's deadline, so that it can still report what it waited for.
    pub(super) fn wait_limit(&self, timeout_ms: Option<u32>) -> Duration {
        wait_limit(self.deadline, self.began.elapsed(), timeout_ms)
    }
}

/// Returns the same for whoever waits in place of the guest: of a deadline, so much is over.
pub fn wait_limit(deadline: Duration, over: Duration, timeout_ms: Option<u32>) -> Duration {
    let margin = (deadline / 20).max(MARGIN.min(deadline / 4));
    let longest = deadline.saturating_sub(over + margin);
    timeout_ms.map_or(longest, |asked| Duration::from_millis(asked.into()).min(longest))
}

impl Host for StoreData {
    async fn list(&mut self, role: String) -> wasmtime::Result<Result<Vec<Pod>, HostError>> {
        self.enter()?;
        Ok(self.pods_of(&role).await)
    }
}

impl StoreData {
    async fn pods_of(&self, role: &str) -> Result<Vec<Pod>, HostError> {
        let Some(role) = self.identity.roles.iter().find(|known| known.name == role) else {
            return Err(HostError::NotFound(format!(
                "the plugin's `describe` has no role `{}`",
                tidy(role, 64)
            )));
        };
        let allows = |grants: &Grants| grants.allows_exec(&role.name) || grants.allows_some_http(&role.name);
        self.granted(allows, &format!("exec: [{}]", role.name))?;
        Ok(self.backend.list_pods(&self.scope, role).await?)
    }
}
