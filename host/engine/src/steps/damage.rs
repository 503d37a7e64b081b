//! What of a release is not in the cluster as its record says: something is missing, an upgrade was
//! not completed, or somebody has changed an object.
//!
//! The watches say where to look. Whether an object really differs is asked of the API server, and
//! only after its content was changed: the workloads are compared when the record is read, and
//! ConfigMaps, of which the watch shows no content, from then on.

use std::fmt;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Resource};
use serde_json::Value;
use wasser_api::labels;
use wasser_chart::{Drift, Release};

use crate::error::EngineError;
use crate::release::Installed;
use crate::request::Request;
use crate::shared::seen_objects::Sight;
use crate::watched::workload_facts::WorkloadFacts;

/// The most objects that a message names.
const NAMED: usize = 3;

/// Why a release is written again although nobody asks for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// An object is missing, or is somebody else's by now.
    Missing,
    /// An upgrade was begun and not completed.
    Unfinished,
    /// A repair was begun and not completed.
    Unrepaired,
    /// Somebody has changed these objects.
    Changed(Vec<Drift>),
}

/// As the end of a sentence that begins with the name of the release.
impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("something was missing, and was put back"),
            Self::Unrepaired => out.write_str("a repair that had been interrupted was completed"),
            Self::Unfinished => out.write_str("an upgrade that had been interrupted was completed or taken back"),
            Self::Changed(drifts) => {
                let name = |drift: &Drift| {
                    let field = drift.fields.first().map_or("", String::as_str);
                    format!("{} {} at {field}", drift.kind, drift.name)
                };
                let named: Vec<String> = drifts.iter().take(NAMED).map(name).collect();
                write!(out, "somebody had changed {}, which was put back", named.join(", "))
            }
        }
    }
}

impl Damage {
    /// What an attempt has left that was not completed.
    pub(super) fn left_in(release: &Installed) -> Option<Self> {
        let how = if release.is_left_by_repair() {
            Self::Unrepaired
        } else {
            Self::Unfinished
        };
        release.is_left().then_some(how)
    }

    /// Whether all objects are those of the record, but for what is missing or was changed.
    pub(super) fn is_of_one_revision(&self) -> bool {
        !matches!(self, Self::Unfinished)
    }
}

impl Request {
    /// Returns what is wrong with the objects of the release. A watch may lag behind an
    /// installation, so the API server is asked about each object that the watch does not show.
    pub(crate) async fn damage(&self, release: &Installed) -> Result<Option<Damage>, EngineError> {
        if let Some(left) = Damage::left_in(release) {
            return Ok(Some(left));
        }
        for (kind, name) in self.unseen(release) {
            if !self.is_there(kind, name).await? {
                return Ok(Some(Damage::Missing));
            }
        }
        // Nobody knows what Fluid's values mean to another chart, so nothing of its is put back.
        if release.adoption().is_some() {
            return Ok(None);
        }
        let drifts = self.drifts(release).await?;
        Ok((!drifts.is_empty()).then_some(Damage::Changed(drifts)))
    }

    /// Kind and name of the objects of the release that their watch does not show as the runtime's.
    pub(crate) fn unseen<'a>(&self, release: &'a Installed) -> Vec<&'a (String, String)> {
        let (caches, owner) = (&self.shared.caches, self.owner());
        let objects = release.objects().iter();
        objects
            .filter(|(kind, name)| !caches.has_own(kind, owner, name))
            .collect()
    }

    /// Whether an object that its watch does not show is there nevertheless. Without the label by
    /// which it is watched, it would never be seen.
    async fn is_there(&self, kind: &str, name: &str) -> Result<bool, EngineError> {
        let attempt = format!("looking for {kind} {}/{name}", self.identity.namespace);
        let group = if kind == "ConfigMap" { "" } else { "apps" };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let client = self.shared.client.clone();
        let api = Api::<DynamicObject>::namespaced_with(client, &self.identity.namespace, &resource);
        let found = api.get_metadata_opt(name).await.map_err(EngineError::kube(attempt))?;
        Ok(found.is_some_and(|found| {
            let labels = found.metadata.labels.as_ref();
            let is_watched = labels.is_some_and(|labels| labels.contains_key(labels::DATASET_ID));
            is_watched && self.owner().owns(&found.metadata)
        }))
    }

    /// The objects of the release that somebody has changed.
    async fn drifts(&self, release: &Installed) -> Result<Vec<Drift>, EngineError> {
        let mut suspected = Vec::new();
        for (kind, name) in release.objects() {
            let Some(seen) = self.sight(kind, name) else {
                continue;
            };
            let (key, digest) = ((kind.clone(), name.clone()), || {
                self.facts(kind, name).map(|facts| facts.digest)
            });
            if self
                .shared
                .seen_objects
                .may_differ(&self.uid, key.clone(), &seen, digest)
            {
                let content = digest();
                suspected.push((key, Sight { content, ..seen }));
            }
        }
        if suspected.is_empty() {
            return Ok(Vec::new());
        }
        let objects: Vec<(String, String)> = suspected.iter().map(|(key, _)| key.clone()).collect();
        let (releases, name) = (&self.shared.releases, &self.identity.name);
        let found = releases.drift(name, &self.policy(), &objects).await;
        let drifts = found.map_err(|source| self.release_failed(source))?;
        for (key, seen) in suspected {
            let is_right = !drifts
                .iter()
                .any(|drift| (&drift.kind, &drift.name) == (&key.0, &key.1));
            if is_right {
                self.shared.seen_objects.accept(&self.uid, key, seen);
            }
        }
        Ok(drifts)
    }

    /// Compares the workloads with the record that was just read.
    pub(crate) fn compare(&self, release: &Release) {
        if release.is_adopted() {
            return;
        }
        for (kind, name) in release.objects() {
            let (Some(seen), Some(facts)) = (self.sight(kind, name), self.facts(kind, name)) else {
                continue;
            };
            let key = (kind.to_owned(), name.to_owned());
            if facts.spec().is_none_or(|spec| release.may_differ(kind, name, &spec)) {
                self.shared.seen_objects.suspect(&self.uid, key);
            } else {
                let content = Some(facts.digest);
                self.shared
                    .seen_objects
                    .accept(&self.uid, key, Sight { content, ..seen });
            }
        }
    }

    /// An object of the release as its watch shows it.
    fn sight(&self, kind: &str, name: &str) -> Option<Sight> {
        let (caches, owner) = (&self.shared.caches, self.owner());
        match kind {
            "StatefulSet" => caches.own_stateful_set(owner, name).map(|set| workload(&*set)),
            "DaemonSet" => caches.own_daemon_set(owner, name).map(|set| workload(&*set)),
            "ConfigMap" => {
                let map = caches.config_map(owner.namespace, name)?;
                let version = map.metadata.resource_version.clone().unwrap_or_default();
                owner.owns(&map.metadata).then(|| sight(&*map, version))
            }
            _ => None,
        }
    }

    /// What the spec of a workload of the release says, as its watch shows it.
    fn facts(&self, kind: &str, name: &str) -> Option<Arc<WorkloadFacts>> {
        self.shared.caches.own_facts(kind, self.owner(), name)
    }

    /// The spec of a workload of the release as its watch shows it.
    pub(super) fn spec(&self, kind: &str, name: &str) -> Option<Value> {
        self.facts(kind, name)?.spec()
    }
}

fn workload(set: &impl Resource) -> Sight {
    sight(set, set.meta().generation.unwrap_or_default().to_string())
}

fn sight(object: &impl Resource, version: String) -> Sight {
    Sight {
        uid: object.meta().uid.clone().unwrap_or_default(),
        version,
        content: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_objects_and_a_field_of_each() {
        let drift = Drift {
            kind: "DaemonSet".to_owned(),
            name: "demo-fuse".to_owned(),
            fields: vec!["/spec/template/spec/containers/0/image".to_owned()],
        };
        let text = Damage::Changed(vec![drift]).to_string();
        assert!(
            text.contains("DaemonSet demo-fuse at /spec/template/spec/containers/0/image"),
            "{text}"
        );
    }
}
