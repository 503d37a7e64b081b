//! The number of workers, and where they run.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Affinity;
use kube::Api;
use kube::api::Patch;
use serde_json::json;
use wasser_api::conditions::runtime as conditions;
use wasser_api::dataset::DatasetSpec;
use wasser_api::reasons::{events, runtime as reasons};
use wasser_chart::{OrGone, Workers};

use crate::error::EngineError;
use crate::objects::placement;
use crate::request::Request;
use crate::request::roles::{RoleName, RoleState};

impl Request {
    /// Places the workers and scales them to what the runtime wants.
    pub async fn setup_workers(&mut self) -> Result<(), EngineError> {
        if !self.refused {
            let outcome = self.implement.setup_workers(&self.context).await;
            self.answer("setup-workers", outcome)?;
        }
        let Some(worker) = self.role(RoleName::Worker).cloned() else {
            return Ok(());
        };
        let Some(wanted) = worker.wanted else { return Ok(()) };
        let mut spec = json!({"replicas": wanted});
        if !worker.placed {
            spec["template"] = json!({"spec": {"affinity": self.worker_affinity()}});
        }
        let api = Api::<StatefulSet>::namespaced(self.shared.client.clone(), &self.identity.namespace);
        let params = crate::patch_params();
        let attempt = format!("scaling StatefulSet {}/{}", self.identity.namespace, worker.workload);
        let patch = Patch::Merge(json!({"metadata": {"uid": worker.uid}, "spec": spec}));
        let scaled = api.patch_metadata(&worker.workload, &params, &patch).await;
        // If it was deleted by hand, the watch reports that soon, and the release is repaired.
        let Some(written) = scaled.or_gone().map_err(EngineError::kube(attempt))? else {
            return Ok(());
        };
        self.shared.own_writes.wrote(&written);
        self.workers_are_set_up();
        Ok(())
    }

    /// How the workers begin, where nothing comes between the release and them: no master, and none
    /// of the plugin's methods. The release then makes them as they are wanted; to place and scale
    /// them afterwards would take a second write.
    pub(crate) fn first_workers(&self) -> Option<Workers> {
        let worker = self.role(RoleName::Worker)?.clone();
        if worker.role.workload != "StatefulSet" || self.role(RoleName::Master).is_some() {
            return None;
        }
        if self.plugin.has("should-check-ufs") || self.plugin.has("setup-workers") {
            return None;
        }
        Some(Workers {
            stateful_set: worker.workload,
            replicas: worker.wanted?,
            affinity: json!(self.worker_affinity()),
        })
    }

    /// How the workers of a runtime that is set up begin once more, if somebody has deleted their
    /// workload: with as many as are wanted, since their pods may have stayed, and a workload that
    /// begins with none deletes them.
    pub(crate) async fn workers_again(&mut self) -> Result<Option<Workers>, EngineError> {
        let worker = self.role(RoleName::Worker).cloned();
        let is_missing = |worker: &RoleState| !worker.exists && worker.role.workload == "StatefulSet";
        let Some(worker) = worker.filter(|worker| is_missing(worker) && self.is_set_up()) else {
            return Ok(None);
        };
        if !self.refused {
            let outcome = self.implement.setup_workers(&self.context).await;
            self.answer("setup-workers", outcome)?;
        }
        Ok(worker.wanted.map(|replicas| Workers {
            stateful_set: worker.workload,
            replicas,
            affinity: json!(self.worker_affinity()),
        }))
    }

    /// The affinity of workers that have none.
    fn worker_affinity(&self) -> Affinity {
        let dataset = self.dataset.as_ref().map(|dataset| &dataset.spec);
        let shared = dataset.is_some_and(DatasetSpec::is_shared);
        let required = dataset.and_then(|spec| spec.node_affinity.as_ref()?.required.clone());
        placement::affinity(shared, &self.identity.fuse_label(), required)
    }

    /// Notes that the workers are placed and scaled to what the runtime wants.
    pub(crate) fn workers_are_set_up(&mut self) {
        if let Some(state) = self.roles.iter_mut().find(|state| state.is(RoleName::Worker)) {
            state.desired = state.wanted.unwrap_or(state.desired);
            state.placed = true;
        }
        self.set_runtime_condition(
            conditions::WORKERS_INITIALIZED,
            reasons::WORKERS_INITIALIZED,
            "The workers are initialized.",
            true,
        );
    }

    /// Whether the watch shows the workers as they were before this process wrote them last: its
    /// event leads to another look.
    pub(crate) fn workers_are_stale(&self) -> bool {
        let worker = self
            .role(RoleName::Worker)
            .filter(|worker| worker.role.workload == "StatefulSet");
        let set = worker.and_then(|worker| self.shared.caches.own_stateful_set(self.owner(), &worker.workload));
        set.is_some_and(|set| self.shared.own_writes.is_stale(&*set))
    }

    /// SyncReplicas: follows a change of the wanted replicas on a runtime that is set up.
    pub async fn sync_replicas(&mut self) -> Result<(), EngineError> {
        let Some(worker) = self.role(RoleName::Worker).cloned() else {
            return Ok(());
        };
        let (Some(wanted), true) = (worker.wanted, worker.exists) else {
            return Ok(());
        };
        if self.workers_are_stale() {
            return Ok(());
        }
        let before = if wanted == worker.desired {
            // A reconcile that has scaled them and did not come to its status is finished.
            let shown = self.runtime_status.desired_worker_number_scheduled;
            if !self.is_set_up() || shown == wanted {
                return Ok(());
            }
            shown
        } else {
            self.setup_workers().await?;
            worker.desired
        };
        let (condition, reason, words) = if wanted < before {
            (conditions::WORKERS_SCALED_IN, reasons::WORKERS_SCALED_IN, "in")
        } else {
            (conditions::WORKERS_SCALED_OUT, reasons::WORKERS_SCALED_OUT, "out")
        };
        let message = format!("Workers scaled {words} from {before} replicas to {wanted} replicas.");
        self.set_runtime_condition(condition, reason, &message, true);
        let event = format!("Runtime scaled {words}. {message}");
        self.shared
            .events
            .publish_change(self.reference(), events::SUCCEED, &event)
            .await;
        self.changed(events::SCALED, message);
        if !self.refused {
            let outcome = self.implement.sync_replicas(&self.context).await;
            self.answer("sync-replicas", outcome)?;
        }
        Ok(())
    }
}
