//! Deleting a release.

use futures::FutureExt as _;

use super::entry::{Driver, Entry};
use super::error::ReleaseError;
use super::reference::Reference;
use super::release::belongs;
use super::{Releases, history, ownership, prune, recorded};
use crate::policy::Policy;

impl Releases {
    /// Deletes a release: its objects, then its records, with its hooks around. False if the
    /// runtime has none. Interrupted, it starts over.
    ///
    /// Objects of hooks stay, as with Helm, and go with the runtime. `config_maps` says whether
    /// there may be records in ConfigMaps, as Fluid's Helm writes them, although this installation
    /// writes none.
    ///
    /// # Errors
    /// If a request or a hook fails.
    pub async fn uninstall(
        &self,
        namespace: &str,
        name: &str,
        policy: &Policy,
        config_maps: bool,
    ) -> Result<bool, ReleaseError> {
        self.set_absent(namespace, name, false);
        self.waiting.end(namespace, name);
        let store = self.store(namespace, name);
        let secrets = store.secrets().await?;
        let config_maps = if config_maps || self.recording.driver == Driver::ConfigMap {
            store.config_maps().await?
        } else {
            Vec::new()
        };
        let all: Vec<Entry> = secrets.iter().chain(&config_maps).cloned().collect();
        let Some(newest) = secrets.last().or(config_maps.last()) else {
            return Ok(false);
        };
        match self.read(newest, name, policy) {
            Ok(release) if !belongs(&all, &release, policy) => {
                tracing::warn!(
                    namespace,
                    name,
                    chart = release.chart,
                    "a Helm release of the runtime's name is not the runtime's; it is left"
                );
                return Ok(false);
            }
            Ok(mut release) => {
                let ownership = ownership(policy, name, true);
                let content = (&release.config, release.chart_version.as_str());
                let hooks = self.hooks(ownership, release.revision, content);
                if !release.is_signed() {
                    recorded::leave_out(&mut release);
                }
                hooks.run_recorded(&release, "pre-delete").boxed().await?;
                prune::all(&self.kinds, &ownership, &release.objects).boxed().await?;
                hooks.run_recorded(&release, "post-delete").boxed().await?;
            }
            // What it installed is owned by the runtime and goes with it. What another runtime or
            // user has is not the runtime's to delete.
            Err(error) if all.iter().any(|entry| entry.owners.contains(&policy.owner.uid)) => {
                tracing::warn!(namespace, name, %error, "only the records are deleted");
            }
            Err(error) => {
                tracing::warn!(namespace, name, %error, "a Helm release of the runtime's name cannot be read; it is \
                    left");
                return Ok(false);
            }
        }
        history::delete_all(&store, &all.iter().collect::<Vec<_>>()).await?;
        Ok(true)
    }
    /// Deletes workloads by kind and name, as far as the runtime controls them. A change that did not
    /// come to its end has left them without a record, which is why [`Releases::uninstall`] knows
    /// nothing of them.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn remove_workloads(
        &self,
        name: &str,
        policy: &Policy,
        workloads: &[(&str, String)],
    ) -> Result<(), ReleaseError> {
        let references: Vec<Reference> = workloads
            .iter()
            .map(|(kind, workload)| Reference::workload(kind, workload))
            .collect();
        prune::all(&self.kinds, &ownership(policy, name, false), &references)
            .boxed()
            .await
    }
}
