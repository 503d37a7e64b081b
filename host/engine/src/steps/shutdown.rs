//! Shutdown: everything that a runtime leaves behind, removed in an order that can be interrupted
//! anywhere.

use std::time::Duration;

use futures::FutureExt;
use kube::api::{DeleteParams, Preconditions};
use wasser_api::reasons::events;
use wasser_plugin::bindings::types::Role;

use crate::error::EngineError;
use crate::release::workloads::{installs, workload};
use crate::request::Request;
use crate::steps::TOLD;
use crate::watched::pods::PodIndex;
use wasser_chart::{OrGone, ReleaseError};

/// How long pods are waited for. Those of a node that is lost never go.
const PODS_GONE_WITHIN: Duration = Duration::from_secs(120);
/// How many nodes are named that do not let labels be removed.
const NODES_NAMED: usize = 3;
/// What is remembered of a runtime whose cache is cleaned.
const CACHE: &str = "cache";
/// What is remembered of a runtime whose release is gone.
const RELEASE: &str = "release";
/// The wait for the pods of a release that is gone.
const PODS: &str = "pods";

impl Request {
    /// Cleans the cache, the nodes, the release and the records. Fails with a wait while something
    /// is still going on.
    pub async fn shutdown(&mut self) -> Result<(), EngineError> {
        if !self.shared.is_gone(&self.uid, RELEASE) {
            // Clients are brought to no node any more once labels have begun to go.
            if !self.shared.is_gone(&self.uid, CACHE) {
                if self.may_have_cache() {
                    self.reach_caches().await?;
                    self.clean_cache().await?;
                }
                self.shared.remember_gone(&self.uid, CACHE);
            }
            self.clear_node_labels()?;
            let installed = self.shared.known_release(&self.uid).flatten();
            let uninstalled = self.uninstall().await?;
            let removed = installed.filter(|_| uninstalled);
            let is_removed = |role: &Role| {
                let objects = removed.as_ref().map(|release| release.objects()).unwrap_or_default();
                installs(objects, role, &self.identity.name)
            };
            self.remove_workloads(|role| !is_removed(role)).await?;
            self.shared.remember_gone(&self.uid, RELEASE);
        }
        self.await_pods().await?;
        self.delete_config_map(&self.identity.values_config_map()).await
    }

    /// Fails with a wait until no node has a label of the runtime any more.
    fn clear_node_labels(&self) -> Result<(), EngineError> {
        let wanted = self.wanted_node_labels();
        if self.shared.labeler.leave(&self.uid, wanted, self.wake.clone()) {
            return Ok(());
        }
        let mut message = "the labels of the runtime are being removed from nodes".to_owned();
        let failures = self.shared.labeler.failures_of(&self.uid);
        let mut named: Vec<String> = failures
            .iter()
            .take(NODES_NAMED)
            .map(|(node, error)| format!("{node} ({error})"))
            .collect();
        if let Some(rest) = failures.len().checked_sub(NODES_NAMED).filter(|rest| *rest > 0) {
            named.push(format!("and {rest} more"));
        }
        // That a node refuses is only known after an attempt, which nothing tells.
        let mut after = TOLD.min(self.shared.settings.patience);
        if !named.is_empty() {
            message.push_str(&format!("; it is tried again on the nodes {}", named.join(", ")));
            after = TOLD;
        }
        Err(EngineError::NotYet { after, message })
    }

    /// Whether there is anything to clean, and to clean it with. After a restart, the release may
    /// be gone already.
    pub fn may_have_cache(&self) -> bool {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        self.shared.caches.has_record(namespace, name) || self.roles.iter().any(|role| role.exists)
    }

    /// Removes the workloads of some roles, as far as they are the runtime's. What belongs to no
    /// record goes with the runtime at the latest, but its pods are waited for before.
    async fn remove_workloads(&self, of: impl Fn(&Role) -> bool) -> Result<(), EngineError> {
        let roles = self.plugin.description.roles.iter();
        let workloads: Vec<(&str, String)> = roles
            .filter(|role| self.plugin.grants.kinds.contains(&role.workload) && of(role))
            .map(|role| (role.workload.as_str(), workload(role, &self.identity.name)))
            .collect();
        let (name, policy) = (&self.identity.name, self.policy_of_hooks());
        let removing = self.shared.releases.remove_workloads(name, &policy, &workloads).boxed();
        self.own_time
            .wait(removing)
            .await
            .map_err(|error| self.release_error(error))
    }

    /// Returns whether there was a record of the release.
    async fn uninstall(&self) -> Result<bool, EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let config_maps = self.shared.caches.release_config_maps.has(namespace, name);
        let policy = self.policy_of_hooks();
        let uninstalling = self
            .shared
            .releases
            .uninstall(namespace, name, &policy, config_maps)
            .boxed();
        // Its requests and hooks have limits.
        let uninstalled = self.own_time.wait(uninstalling).await;
        uninstalled.map_err(|error| self.release_error(error))
    }

    fn release_error(&self, source: ReleaseError) -> EngineError {
        EngineError::Release {
            release: self.identity.display(),
            source: Box::new(source),
        }
    }

    /// Waits until the pods of the release are gone. Kubernetes takes a pod that is terminating for
    /// one of a new DaemonSet of the same name, and would start none in its place.
    async fn await_pods(&self) -> Result<(), EngineError> {
        let caches = &self.shared.caches;
        let roles = self.plugin.description.roles.iter();
        let workloads = roles.map(|role| workload(role, &self.identity.name));
        let pods: Vec<String> = workloads
            .flat_map(|workload| {
                let of = |index: &PodIndex| index.of(&self.identity.namespace, &workload);
                [of(&caches.worker_pods), of(&caches.other_pods)].into_iter().flatten()
            })
            .map(|pod| pod.name)
            .collect();
        if pods.is_empty() {
            return Ok(());
        }
        // An installation that the deletion has ended may have had a request on its way.
        let is_seen =
            |role: &Role| caches.own_facts(&role.workload, self.owner(), &workload(role, &self.identity.name));
        self.remove_workloads(|role| is_seen(role).is_some()).await?;
        // Not since the deletion: what came before may have taken longer than pods may.
        let waited = self.shared.waited(&self.uid, PODS);
        let pods = pods.join(", ");
        if waited < PODS_GONE_WITHIN {
            return Err(EngineError::NotYet {
                after: PODS_GONE_WITHIN - waited,
                message: format!("the pods {pods} are terminating"),
            });
        }
        let message = format!(
            "The pods {pods} are still terminating after {} s, and the deletion goes on; if their node is lost, \
                delete its Node object",
            waited.as_secs()
        );
        self.warn(events::ERROR_PROCESS_RUNTIME, &message).await;
        Ok(())
    }

    /// Deletes a ConfigMap that the host keeps for the runtime. One of somebody else is left.
    async fn delete_config_map(&self, name: &str) -> Result<(), EngineError> {
        let api = self.config_maps();
        let failed = |what: &str| EngineError::kube(format!("{what} ConfigMap {}/{name}", self.identity.namespace));
        let Some(found) = api.get_metadata_opt(name).await.map_err(failed("looking at"))? else {
            return Ok(());
        };
        let policy = self.policy();
        if let Err(error) = wasser_chart::check_kept(&found.metadata, &policy.owner, &policy.labels) {
            tracing::info!(runtime = self.identity.display(), %error, "a ConfigMap is left, since it is not the \
                runtime's");
            return Ok(());
        }
        let only = Preconditions {
            uid: found.metadata.uid,
            resource_version: None,
        };
        let deleted = api.delete(name, &DeleteParams::default().preconditions(only)).await;
        deleted.or_another().map(drop).map_err(failed("deleting"))
    }
}
