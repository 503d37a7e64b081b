//! The statuses that a reconcile leads to, computed from what was observed.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasser_api::conditions::{self, Wanted};
use wasser_api::dataset::{CATEGORY_ACCELERATE, DatasetPhase, DatasetRuntime, Mount};
use wasser_api::reasons::dataset as dataset_reasons;

use crate::request::Request;
use crate::request::roles::RoleName;

/// What the status shows of a runtime that has no values ConfigMap.
const NO_VALUES: &str = "N/A";

impl Request {
    /// CheckAndUpdateRuntimeStatus: what the roles' workloads say. True if the runtime is ready to
    /// be bound.
    pub fn check_and_update_runtime_status(&mut self) -> bool {
        if self.context.installed.is_some() {
            self.runtime_status.value_file = if self.shows_values() {
                self.identity.values_config_map()
            } else {
                NO_VALUES.to_owned()
            };
        }
        self.show_roles();
        let ready = self
            .roles
            .iter()
            .filter(|state| state.role.needed_for_bound)
            .all(|state| state.exists && state.serves());
        if ready && self.runtime_status.setup_duration.is_none() {
            self.runtime_status.setup_duration = self.runtime.creation_timestamp().map(|created| age(&created));
        }
        self.runtime_status.cache_affinity = self.cache_affinity();
        self.show_endpoints();
        ready
    }

    /// Where clients reach the system, as the installed values say in `status.hcfs` and
    /// `status.apiGateway`. Those of a release that Fluid has installed say nothing of it: there it
    /// stays as Fluid has shown it.
    fn show_endpoints(&mut self) {
        let release = self.shared.known_release(&self.uid).flatten();
        let Some(release) = release.filter(|release| release.adoption().is_none()) else {
            return;
        };
        let values = release.values();
        self.dataset_status.hcfs = read_at(&values, "/status/hcfs");
        self.runtime_status.api_gateway = read_at(&values, "/status/apiGateway");
    }

    /// The node affinity of the workers, which applications near the cache follow.
    fn cache_affinity(&self) -> Option<k8s_openapi::api::core::v1::NodeAffinity> {
        let worker = self
            .roles
            .iter()
            .find(|state| state.is(RoleName::Worker) && state.role.workload == "StatefulSet")?;
        let set = self.shared.caches.own_stateful_set(self.owner(), &worker.workload)?;
        set.facts.cache_affinity.clone()
    }

    /// UpdateDatasetStatus: the phase, the condition that goes with it, and what is bound.
    ///
    /// Which mounts there are is the plugin's to say. Only those of a Dataset that is bound just now
    /// are those that it asks for, unless they were mounted, and shown, before.
    pub fn update_dataset_status(&mut self, phase: DatasetPhase) {
        let was_mounted = self.runtime_status.mount_time.is_some() && !self.dataset_status.mounts.is_empty();
        if !self.is_set_up() && !was_mounted {
            self.show_mounts();
        }
        let (reason, message, ready) = match phase {
            DatasetPhase::Bound => (dataset_reasons::READY, "The ddc runtime is ready.", true),
            DatasetPhase::Failed => (dataset_reasons::FAILED, "The ddc runtime is not ready.", false),
            _ => (dataset_reasons::READY, "The ddc runtime is unknown.", false),
        };
        self.set_dataset_condition(conditions::dataset::READY, reason, message, ready);
        let masters = self
            .role(RoleName::Master)
            .or_else(|| self.role(RoleName::Worker))
            .and_then(|state| state.wanted);
        let status = &mut self.dataset_status;
        status.phase = phase;
        // The runtime shows what is mounted too, without how.
        let without_options = |mount: &Mount| Mount {
            options: BTreeMap::new(),
            encrypt_options: Vec::new(),
            ..mount.clone()
        };
        self.runtime_status.mounts = status.mounts.iter().map(without_options).collect();
        let bound = DatasetRuntime {
            name: self.identity.name.clone(),
            namespace: self.identity.namespace.clone(),
            category: CATEGORY_ACCELERATE.to_owned(),
            runtime_type: self.identity.runtime_type.clone(),
            master_replicas: masters,
        };
        if !status
            .runtimes
            .iter()
            .any(|runtime| runtime.name == bound.name && runtime.namespace == bound.namespace)
        {
            status.runtimes = vec![bound];
        }
    }

    /// Shows that the mounts that the Dataset asks for were made just now.
    pub fn mounted(&mut self) {
        self.runtime_status.mount_time = Some(now());
        self.show_mounts();
    }

    fn show_mounts(&mut self) {
        self.dataset_status.mounts = self
            .dataset
            .as_ref()
            .map(|dataset| dataset.spec.mounts.clone())
            .unwrap_or_default();
    }

    /// UpdateCacheOfDataset: the Dataset shows what the runtime shows.
    pub fn update_cache_of_dataset(&mut self) {
        self.dataset_status.cache_states = self.runtime_status.cache_states.clone();
    }

    /// Sets a condition of the runtime.
    pub fn set_runtime_condition(&mut self, type_: &str, reason: &str, message: &str, holds: bool) {
        conditions::set_runtime(
            &mut self.runtime_status.conditions,
            &Wanted {
                condition_type: type_,
                holds,
                reason,
                message,
            },
            now(),
        );
    }

    /// Sets a condition of the Dataset.
    pub fn set_dataset_condition(&mut self, type_: &str, reason: &str, message: &str, holds: bool) {
        conditions::set_dataset(
            &mut self.dataset_status.conditions,
            &Wanted {
                condition_type: type_,
                holds,
                reason,
                message,
            },
            now(),
        );
    }

    /// Removes a condition of the Dataset.
    pub fn remove_dataset_condition(&mut self, type_: &str) {
        self.dataset_status
            .conditions
            .retain(|condition| condition.condition_type != type_);
    }
}

fn read_at<T: DeserializeOwned>(values: &Value, pointer: &str) -> Option<T> {
    values
        .pointer(pointer)
        .and_then(|found| serde_json::from_value(found.clone()).ok())
}

fn now() -> Time {
    Time(k8s_openapi::jiff::Timestamp::now())
}

/// Time since creation, to the second: `2m30s`.
fn age(created: &Time) -> String {
    let seconds = crate::age::age(Some(created)).as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}
