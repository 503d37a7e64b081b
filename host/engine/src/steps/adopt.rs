//! Releases that Fluid has installed: kept as they are, until the runtime or the Dataset asks for
//! something else.
//!
//! What runs was made by another chart, and pods of both would meet: a client that starts with new
//! ports does not reach a master that runs with the old ones. So nothing of such a release is
//! written, by which a container that restarts would read something else than it began with, before
//! somebody wants a change; then all of it is upgraded at once, as any other release.

use std::sync::Arc;

use serde_json::Value;
use wasser_api::reasons::events;

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::adoption::{Asked, Difference};
use crate::request::Request;
use crate::request::change::Change;
use crate::request::roles::RoleName;

impl Request {
    /// Finds out whether the release is Fluid's, and what is asked for beyond what it was taken over
    /// with. The first time, that is noted with its record.
    pub(crate) async fn adopt(&mut self) -> Result<(), EngineError> {
        self.kept = None;
        let Some(release) = self.installed().await? else {
            return Ok(());
        };
        let Some(adoption) = release.adoption() else {
            return Ok(());
        };
        self.kept = Some(Difference::Nothing);
        // What cannot be read is not asked for.
        let Some(now) = self.asked().await else { return Ok(()) };
        match &adoption.asked {
            Some(before) => self.kept = Some(before.difference(&now)),
            None => {
                self.note_asked(&release, now).await?;
                self.changes.push(Change {
                    reason: events::ADOPTED,
                    message: format!(
                        "The release {} was installed by Fluid and is kept as it is. A change of the {} or the Dataset \
                            upgrades it, once; `wasser adopt --dry-run` shows to what.",
                        self.identity.name, self.identity.kind
                    ),
                    on_runtime: true,
                });
            }
        }
        Ok(())
    }

    /// Whether the release is Fluid's, and stays as it is. A plugin that changes mounts without an
    /// upgrade needs none for them.
    pub(crate) fn stays(&self) -> bool {
        match self.kept {
            None | Some(Difference::Spec) => false,
            Some(Difference::Nothing) => true,
            Some(Difference::Mounts) => self.plugin.has("update-ufs"),
        }
    }

    /// Notes that the mounts of a release of Fluid's are now those that are asked for.
    pub(crate) async fn note_mounts(&mut self) -> Result<(), EngineError> {
        if self.kept != Some(Difference::Mounts) {
            return Ok(());
        }
        let (release, now) = (self.installed().await?, self.asked().await);
        let (Some(release), Some(now)) = (release, now) else {
            return Ok(());
        };
        let before = release.adoption().and_then(|adoption| adoption.asked.clone());
        let noted = before.map_or_else(|| now.clone(), |before| before.with_mounts(&now));
        self.note_asked(&release, noted).await
    }

    async fn note_asked(&self, release: &Installed, asked: Asked) -> Result<(), EngineError> {
        let Some(adoption) = release.adoption() else {
            return Ok(());
        };
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let (releases, note) = (&self.shared.releases, asked.to_string());
        let noted = releases.note(namespace, name, &adoption.record, &note);
        noted.await.map_err(|source| self.release_failed(source))?;
        let release = Arc::new(release.clone().asked_for(asked));
        self.shared.remember_release(&self.uid, Some(release));
        Ok(())
    }

    /// What the runtime and its Dataset ask for. None if that is not known.
    pub(super) async fn asked(&self) -> Option<Asked> {
        let dataset = self.dataset.as_ref().filter(|_| self.unreadable().is_none())?;
        let mut named = Vec::new();
        for (kind, pointer) in self.plugin.grants.named_objects() {
            let Some(name) = self.object.pointer(pointer).and_then(Value::as_str) else {
                continue;
            };
            let found = self.shared.caches.cluster_objects.get(kind, name).await.ok()?;
            named.push(found.map(|object| object.data["spec"].clone()).unwrap_or_default());
        }
        let roles = &self.plugin.description.roles;
        let worker = roles.iter().find(|role| role.name == RoleName::Worker.as_str());
        let workers = worker.and_then(|worker| worker.replicas.as_deref());
        Some(Asked::of(&self.object, &dataset.spec, workers, &named))
    }
}
