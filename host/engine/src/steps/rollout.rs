//! Which releases another build of the plugin reaches when: the turn of this one, and how it is
//! after its upgrade.

use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use wasser_plugin::bindings::types::Role;

use crate::error::EngineError;
use crate::release::Installed;
use crate::request::Request;
use crate::request::roles::{RoleState, wanted};
use crate::shared::rollouts::{Asked, Candidate, Health, Seen, Turn};

impl Request {
    /// Notes that the release has what the plugin wants.
    pub(super) async fn settle(&self) {
        let candidate = self.candidate().await;
        self.shared.rollouts.settle(candidate);
    }

    /// Waits for the turn of this release, should another build of the plugin want to change it. One
    /// that has to be written again anyway has its turn at once.
    pub(super) async fn take_turn(&mut self, release: &Installed, is_damaged: bool) -> Result<(), EngineError> {
        // What this build has installed itself, and what Fluid has, is changed because users want it.
        let is_its_own = release.installer().is_some_and(|by| by.build == self.plugin.build);
        if is_its_own || release.adoption().is_some() {
            return Ok(());
        }
        let (candidate, health, now) = (self.candidate().await, self.health(), Instant::now());
        let rollouts = &self.shared.rollouts;
        if is_damaged {
            rollouts.force(candidate, health, now);
            return Ok(());
        }
        match rollouts.turn(candidate, health, now, &self.wake) {
            Turn::Now => Ok(()),
            Turn::Later => Err(EngineError::AwaitsTurn {
                release: self.identity.display(),
                plugin: self.plugin.registration.clone(),
            }),
        }
    }

    /// Notes that the release was upgraded in this reconcile, which has seen nothing of what came of
    /// it.
    pub(super) fn upgraded_now(&mut self) {
        let (kind, build) = (&self.identity.kind, &self.plugin.build);
        self.shared.rollouts.upgraded(kind, build, &self.uid, Instant::now());
        self.upgraded = true;
    }

    /// Says how the release is after its upgrade, if that is observed. `outcome` is that of the
    /// reconcile.
    pub async fn observe_upgrade(&mut self, outcome: Option<&EngineError>) {
        let (kind, build) = (&self.identity.kind, &self.plugin.build);
        if !self.shared.rollouts.is_observed(kind, build, &self.uid) {
            return;
        }
        let name = self.identity.display();
        // That pods have to end first says nothing about the release.
        let outcome = outcome.filter(|error| !matches!(error, EngineError::OutdatedVolume { .. }));
        let seen = match outcome {
            Some(error) if error.is_refusal() || matches!(error, EngineError::Plugin { .. }) => {
                Seen::Fails(format!("{name}: {error}"))
            }
            Some(error) => Seen::NotYet(format!("{name}: {error}")),
            // What this reconcile has seen is how things were before.
            None if self.upgraded => Seen::NotYet(format!("{name} was upgraded just now")),
            None if !self.attended => Seen::Unattended,
            None if self.refused => Seen::NotYet(format!("the plugin is not asked about {name}")),
            None if !self.is_rolled_out() => Seen::NotYet(format!("pods of {name} are as they were before")),
            None => match self.health() {
                Health::Whole => Seen::Works,
                Health::Part => Seen::Serves(format!("pods of {name} are not ready")),
                Health::None if self.is_idle() => Seen::Idle,
                Health::None => Seen::NotYet(format!("{name} does not serve")),
            },
        };
        let candidate = self.candidate().await;
        if self.shared.rollouts.observe(candidate, seen, Instant::now()) {
            self.look_again_in(self.shared.rollouts.settling());
        }
    }

    async fn candidate(&self) -> Candidate<'_> {
        Candidate {
            kind: &self.identity.kind,
            build: &self.plugin.build,
            uid: &self.uid,
            asked: self.asked_for().await,
        }
    }

    async fn asked_for(&self) -> Option<Asked> {
        let asked = self.asked().await?;
        let named = self
            .plugin
            .grants
            .named_objects()
            .map(|(kind, pointer)| format!("{kind}@{pointer}"));
        let workers = self
            .plugin
            .description
            .roles
            .iter()
            .filter_map(|role| role.replicas.clone());
        let of: Vec<String> = named.chain(workers).collect();
        Some(Asked {
            of: of.join(" "),
            digest: asked.to_string(),
        })
    }

    /// How much of the system works. One without any pod says nothing.
    fn health(&self) -> Health {
        let serves = |state: &RoleState| state.exists && !state.fails_dataset();
        let has_pods = self.roles.iter().any(|state| state.desired > 0);
        if !self.is_set_up() || !has_pods || !self.roles.iter().all(serves) {
            return Health::None;
        }
        if self.troubles.is_empty() && self.roles.iter().all(|state| state.whole) {
            Health::Whole
        } else {
            Health::Part
        }
    }

    /// Whether there are no pods because nobody wants any: users have asked for none, and no node is
    /// to have a client. Roles that the build has left out of its chart count with what they were
    /// asked for.
    fn is_idle(&self) -> bool {
        let unwanted = |role: &Role| {
            let has_none = self
                .roles
                .iter()
                .all(|state| state.role.name != role.name || state.desired == 0);
            has_none && (role.workload == "DaemonSet" || wanted(role, &self.object) == 0)
        };
        let label = self.identity.fuse_label();
        let has_client = |node: &Arc<PartialObjectMeta<Node>>| node.labels().contains_key(&label);
        self.plugin.description.roles.iter().all(unwanted) && !self.shared.caches.nodes.state().iter().any(has_client)
    }

    fn is_rolled_out(&self) -> bool {
        self.roles.iter().all(|state| state.observed && state.updated)
    }
}
