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
        &mut self,
        pod: &str,
        allows: impl Fn(&Grants, &str) -> bool,
        yaml: impl Fn(&str) -> String,
    ) -> wasmtime::Result<Result<Role, HostError>> {
        let identity = self.identity.clone();
        let (granted, others): (Vec<&Role>, Vec<&Role>) = identity
            .roles
            .iter()
            .partition(|role| allows(&identity.effective, &role.name));
        for role in granted.into_iter().chain(others) {
            match self.look(role).await? {
                Ok(pods) if pods.iter().any(|found| found.name == pod) => {
                    let granted = self.granted(|grants| allows(grants, &role.name), &yaml(&role.name));
                    return Ok(granted.map(|()| role.clone()));
                }
                Ok(_) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Err(HostError::NotFound(format!(
            "{} has no pod `{}`",
            self.scope,
            tidy(pod, 253)
        ))))
    }

    /// Returns the pods of a role. It counts as what it costs: those that are watched cost nothing.
    async fn look(&mut self, role: &Role) -> wasmtime::Result<Result<Vec<Pod>, HostError>> {
        if self.backend.asks_for_pods(role) {
            self.enter_far().await?;
        }
        let pods = self.backend.list_pods(&self.scope, role).await;
        Ok(pods.map_err(HostError::from))
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
        match self.role_named(&role) {
            Ok(role) => self.look(&role).await,
            Err(error) => Ok(Err(error)),
        }
    }
}

impl StoreData {
    /// Returns the role of this name, if its pods may be listed.
    fn role_named(&self, name: &str) -> Result<Role, HostError> {
        let Some(role) = self.identity.roles.iter().find(|known| known.name == name) else {
            return Err(HostError::NotFound(format!(
                "the plugin's `describe` has no role `{}`",
                tidy(name, 64)
            )));
        };
        let allows = |grants: &Grants| grants.allows_exec(&role.name) || grants.allows_some_http(&role.name);
        self.granted(allows, &format!("exec: [{}]", role.name))?;
        Ok(role.clone())
    }
}
