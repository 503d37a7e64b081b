//! A volume that leads somewhere else than the clients mount now. The API server takes no change of
//! what is in it, so it is made again once no pod uses it.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use serde_json::Value;
use wasser_api::dataset::Dataset;

use crate::error::EngineError;
use crate::request::Request;
use crate::steps::create_volume::is_of;
use crate::watched::volumes::{Difference, difference};

/// When to look again for what a watch usually tells.
const SOON: Duration = Duration::from_secs(10);
/// When to look again for pods that use a claim: each look lists those of the namespace.
const USERS: Duration = Duration::from_secs(30);
/// How many pods a message names.
const NAMED: usize = 3;

impl Request {
    /// Deletes a volume whose mount is not that of the clients, by the installed `values`, so that it is
    /// created again. Fails with a wait until it is gone.
    ///
    /// # Errors
    /// Pods use the volume, and it does not lead to what the clients mount.
    pub(super) async fn renew_outdated_volume(&mut self, dataset: &Dataset, values: &Value) -> Result<(), EngineError> {
        let name = self.identity.volume();
        let own = self.shared.caches.volume(&name);
        let Some(own) = own.filter(|volume| is_of(volume, &self.identity)) else {
            return Ok(());
        };
        let Some(mount) = self.mount_of_own_clients(values) else {
            return Ok(());
        };
        let mut wanted = self.volume_input(dataset, &mount, None).persistent_volume();
        // Plugins leave the clients on the nodes that they were installed for, whatever the runtime
        // selects later.
        if let (Some(wanted), Some(own)) = (&mut wanted.spec, &own.spec) {
            wanted.node_affinity.clone_from(&own.node_affinity);
        }
        if difference(&own, &wanted).is_none() {
            return Ok(());
        }
        // The watch may show an earlier one.
        let own = self.read_volume(&name).await?;
        let own = own.filter(|volume| is_of(volume, &self.identity));
        let Some(difference) = own.and_then(|own| difference(&own, &wanted)) else {
            return Ok(());
        };
        let outdated = self.end_outdated(difference, "the clients have", USERS).await?;
        outdated.map_or(Ok(()), Err)
    }

    /// Deletes a volume that differs from what others have by now, as `who_has` says, and fails with a wait
    /// until it is gone. If pods use it, returns the complaint about that, unless they have what they need.
    pub(super) async fn end_outdated(
        &mut self,
        difference: Difference,
        who_has: &str,
        after: Duration,
    ) -> Result<Option<EngineError>, EngineError> {
        let users = self.end_volume().await?;
        let Difference { own, wanted, misleads } = difference;
        Ok(misleads.then(|| EngineError::OutdatedVolume {
            volume: self.identity.volume(),
            message: format!("it has {own}, and {who_has} {wanted} by now; {}", remedy(&users)),
            after,
        }))
    }

    /// Deletes the volume and its claim, and fails with a wait until they are gone. If pods use them,
    /// returns those and deletes nothing.
    async fn end_volume(&mut self) -> Result<Vec<String>, EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let api = Api::<PersistentVolumeClaim>::namespaced(self.shared.client.clone(), namespace);
        // The watch may be late with it, and shows none without Wasser's label.
        let claim = api.get_metadata_opt(name).await;
        let claim = claim.map_err(EngineError::kube(format!(
            "reading PersistentVolumeClaim {namespace}/{name}"
        )))?;
        // Pods that name a claim which is gone, or goes, wait for the next one.
        if claim.is_some_and(|claim| claim.metadata.deletion_timestamp.is_none()) {
            let users = self.shared.claim_users.of(&self.shared.client, namespace, name).await?;
            if !users.is_empty() {
                return Ok(users);
            }
        }
        self.delete_volume().await?;
        Err(EngineError::NotYet {
            after: SOON,
            message: format!("PersistentVolume {} was deleted", self.identity.volume()),
        })
    }
}

/// What to do about a volume that pods use.
fn remedy(users: &[String]) -> String {
    let more = match users.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<&str> = users.iter().take(NAMED).map(String::as_str).collect();
    let named = named.join(", ");
    format!("end the pods that use it ({named}{more}), and it is made again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_some_of_the_pods() {
        let users: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert!(remedy(&users).contains("(a, b, c and 2 more)"), "{}", remedy(&users));
        assert!(remedy(&users[..1]).contains("(a)"), "{}", remedy(&users[..1]));
    }
}
