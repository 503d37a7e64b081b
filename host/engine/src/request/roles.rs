//! The roles of a runtime as they are: what the plugin declares, what the user wants, and what
//! runs.
//!
//! A plugin declares the roles that its system can have. Which of them a runtime has is for the
//! chart to say, which knows the spec: a role whose workload the release does not install is none
//! of this runtime's. Before anything is installed, all are expected.

use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use kube::api::ObjectMeta;
use serde_json::Value;
use wasser_api::runtime_status::RuntimePhase;
use wasser_plugin::bindings::types::{Role, RoleStatus};

use crate::objects::identity::Identity;
use crate::objects::owner::Owner;
use crate::release::Installed;
use crate::release::workloads::{installs, workload};
use crate::watched::Caches;
use crate::watched::workload::{Counts, Workload};
use crate::watched::workload_facts::WorkloadFacts;

/// The name of a role. A plugin with a role of another name is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleName {
    /// What holds the metadata.
    Master,
    /// What holds the cache.
    Worker,
    /// What mounts.
    Fuse,
}

impl RoleName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Master, Self::Worker, Self::Fuse];

    /// Returns the name as plugins write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Worker => "worker",
            Self::Fuse => "fuse",
        }
    }
}

/// The roles that a runtime has.
pub fn read(
    declared: &[Role],
    identity: &Identity,
    runtime: &Value,
    caches: &Caches,
    installed: Option<&Installed>,
) -> Vec<RoleState> {
    let name = &identity.name;
    let owner = Owner {
        namespace: &identity.namespace,
        name,
        uid: runtime
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    };
    let has = |role: &&Role| installed.is_none_or(|release| installs(release.objects(), role, name));
    declared
        .iter()
        .filter(has)
        .map(|role| RoleState::read(role, owner, runtime, caches))
        .collect()
}

/// A role with pods that do not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleTrouble {
    /// The name of the role.
    pub role: String,
    /// One word of Kubernetes.
    pub reason: String,
    /// The text for users: which pod, why, and what helps.
    pub text: String,
}

/// A role and its workload.
#[derive(Debug, Clone)]
pub struct RoleState {
    /// What the plugin declares.
    pub role: Role,
    /// Name of the workload.
    pub workload: String,
    /// UID of the workload, once the watch shows it.
    pub uid: Option<String>,
    /// Whether the workload exists, and is the runtime's.
    pub exists: bool,
    /// Pods that the user wants; none where the workload decides by itself.
    pub wanted: Option<i32>,
    /// Pods that the workload asks for.
    pub desired: i32,
    /// Pods that exist.
    pub current: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are available.
    pub available: i32,
    /// Pods that are not.
    pub unavailable: i32,
    /// Whether the pod template already has an affinity.
    pub placed: bool,
    /// Labels of the pod template's `fuse.runtime.fluid.io/generation`.
    pub generation: Option<String>,
    /// Whether the workload controller has seen the newest spec.
    pub observed: bool,
    /// Whether all pods are ready that can be.
    pub whole: bool,
    /// Whether all pods are as the newest spec has them, or stay as they are until they are deleted.
    pub updated: bool,
}

impl RoleState {
    /// The state of a role in the caches.
    pub fn read(role: &Role, owner: Owner<'_>, runtime: &Value, caches: &Caches) -> Self {
        let workload = workload(role, owner.name);
        let wanted = (role.replicas.is_some() || role.workload == "StatefulSet").then(|| wanted(role, runtime));
        let mut state = Self {
            role: role.clone(),
            uid: None,
            exists: false,
            wanted,
            desired: 0,
            current: 0,
            ready: 0,
            available: 0,
            unavailable: 0,
            placed: false,
            generation: None,
            observed: true,
            whole: true,
            updated: true,
            workload: workload.clone(),
        };
        match role.workload.as_str() {
            "DaemonSet" => drop(
                caches
                    .own_daemon_set(owner, &workload)
                    .map(|set| state.fill_from_daemon_set(&set)),
            ),
            _ => drop(
                caches
                    .own_stateful_set(owner, &workload)
                    .map(|set| state.fill_from_stateful_set(&set)),
            ),
        }
        state
    }

    /// Takes the workload of a fresh release for existing, without waiting for the watch to tell:
    /// one that starts at zero is scaled up in the same reconcile.
    pub fn mark_installed(&mut self) {
        if !self.exists {
            self.exists = true;
            self.desired = if self.role.starts_at_zero {
                0
            } else {
                self.wanted.unwrap_or(0)
            };
        }
    }

    fn fill_from_stateful_set(&mut self, set: &Workload<StatefulSet>) {
        self.fill(&set.metadata, &set.counts);
        self.desired = set.facts.replicas.unwrap_or(1);
        self.unavailable = (self.desired - self.available).max(0);
        self.placed = set.facts.is_placed;
        self.compare(&set.counts, &set.facts);
    }

    fn fill_from_daemon_set(&mut self, set: &Workload<DaemonSet>) {
        self.fill(&set.metadata, &set.counts);
        self.desired = set.counts.desired.unwrap_or(0);
        self.unavailable = set.counts.unavailable.unwrap_or(0);
        self.generation.clone_from(&set.facts.client_generation);
        self.compare(&set.counts, &set.facts);
    }

    fn compare(&mut self, counts: &Counts, facts: &WorkloadFacts) {
        self.whole = self.ready >= self.desired;
        self.updated = facts.is_updated_on_delete || counts.updated >= self.desired;
    }

    fn fill(&mut self, metadata: &ObjectMeta, counts: &Counts) {
        self.uid.clone_from(&metadata.uid);
        self.observed = counts.observed >= metadata.generation;
        self.exists = metadata.deletion_timestamp.is_none();
        self.current = counts.current;
        self.ready = counts.ready;
        self.available = counts.available;
    }

    /// The phase that the status shows. A DaemonSet has the pods that its nodes ask for.
    pub fn phase(&self) -> RuntimePhase {
        match (self.exists, self.role.workload.as_str()) {
            (false, _) => RuntimePhase::NotReady,
            (true, "DaemonSet") => RuntimePhase::Ready,
            (true, _) => RuntimePhase::of_workload(self.wanted.unwrap_or(self.desired), self.ready),
        }
    }

    /// Whether this is the role of this name.
    pub fn is(&self, name: RoleName) -> bool {
        self.role.name == name.as_str()
    }

    /// Whether the role serves: some pod is ready, or none is wanted.
    pub fn serves(&self) -> bool {
        self.phase().serves()
    }

    /// Whether the Dataset needs the role to serve, and it does not.
    pub fn fails_dataset(&self) -> bool {
        self.role.needed_for_bound && !self.serves()
    }

    /// Words for a workload that somebody has scaled to zero although pods are wanted. The host scales
    /// workers only: whoever has scaled another role may have a reason, and may not know what it
    /// stops.
    pub fn scaled_to_zero(&self) -> Option<String> {
        let wanted = self
            .wanted
            .filter(|wanted| *wanted > 0 && self.exists && self.desired == 0)?;
        Some(format!(
            "the {kind} was scaled to 0; scale it to {wanted} again",
            kind = self.role.workload
        ))
    }

    /// What the plugin gets to know.
    pub fn status(&self) -> RoleStatus {
        RoleStatus {
            name: self.role.name.clone(),
            desired: u32::try_from(self.wanted.unwrap_or(self.desired)).unwrap_or(0),
            ready: u32::try_from(self.ready).unwrap_or(0),
        }
    }
}

/// Pods of a role that the runtime object asks for.
pub(crate) fn wanted(role: &Role, runtime: &Value) -> i32 {
    let found = role
        .replicas
        .as_deref()
        .and_then(|pointer| runtime.pointer(pointer))
        .and_then(Value::as_i64);
    found
        .and_then(|replicas| i32::try_from(replicas.max(0)).ok())
        .unwrap_or_else(|| i32::try_from(role.default_replicas).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> Role {
        Role {
            name: "worker".into(),
            workload: "StatefulSet".into(),
            suffix: "-worker".into(),
            container: "c".into(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: Some("/spec/replicas".into()),
            default_replicas: 1,
        }
    }

    fn state(exists: bool, wanted: i32, ready: i32) -> RoleState {
        RoleState {
            role: worker(),
            workload: "a-worker".into(),
            uid: None,
            exists,
            wanted: Some(wanted),
            desired: wanted,
            current: ready,
            ready,
            available: ready,
            unavailable: 0,
            placed: false,
            generation: None,
            observed: true,
            whole: true,
            updated: true,
        }
    }

    #[test]
    fn phases_follow_the_ready_pods() {
        for (exists, wanted, ready, phase) in [
            (false, 1, 1, RuntimePhase::NotReady),
            (true, 0, 0, RuntimePhase::Ready),
            (true, 2, 0, RuntimePhase::NotReady),
            (true, 2, 1, RuntimePhase::PartialReady),
            (true, 2, 2, RuntimePhase::Ready),
            (true, 1, 2, RuntimePhase::Ready),
        ] {
            assert_eq!(state(exists, wanted, ready).phase(), phase, "{exists} {wanted} {ready}");
        }
    }

    #[test]
    fn a_role_that_somebody_has_scaled_to_zero_says_so() {
        for (exists, wanted, desired, says) in [
            (true, 1, 0, true),
            (true, 1, 1, false),
            (true, 0, 0, false),
            (false, 1, 0, false),
        ] {
            let state = RoleState {
                desired,
                ..state(exists, wanted, 0)
            };
            let words = state.scaled_to_zero();
            assert_eq!(words.is_some(), says, "{exists} {wanted} {desired}");
            assert!(words.is_none_or(|words| words.contains("scale it to 1 again")));
        }
    }

    #[test]
    fn replicas_come_from_the_spec_or_the_default() {
        assert_eq!(
            super::wanted(&worker(), &serde_json::json!({"spec": {"replicas": 3}})),
            3
        );
        assert_eq!(super::wanted(&worker(), &serde_json::json!({"spec": {}})), 1);
        assert_eq!(
            super::wanted(&worker(), &serde_json::json!({"spec": {"replicas": -1}})),
            0
        );
    }
}
