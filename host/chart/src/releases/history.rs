//! Revisions: writing the next one, and what becomes of the earlier ones.

use futures::FutureExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::apply::together;
use super::entry::{Attempt, Driver, Entry, RecordPlace};
use super::error::ReleaseError;
use super::record::{self, Info, Unwritable, Written};
use super::reference::Reference;
use super::release::Release;
use super::status::Status;
use super::store::Store;
use super::{Before, Change, Ready, Releases};
use crate::policy::Policy;
use crate::render::ReleaseMeta;

/// Revisions that are kept, as by Helm.
const HISTORY: usize = 10;

/// Bytes that a record may take: what a Secret holds, less what its later status may add.
const MAX_RECORD: usize = (1 << 20) - 4096;

/// The next revision and its record, which is known to fit before anything is written.
pub struct Next {
    release: Release,
    text: String,
}

/// Makes the next revision. The objects must have been rendered with its number, by which a chart
/// may tell revisions apart.
pub fn next(change: &Change<'_>, before: Option<&Before>, driver: Driver) -> Result<Next, ReleaseError> {
    let Change {
        chart,
        meta,
        rendered,
        values,
        installer,
        ..
    } = change;
    let now = jiff::Timestamp::now().to_string();
    let revision = next_revision(before);
    if meta.revision != revision {
        return Err(overtaken(meta, before));
    }
    let release = Release {
        revision,
        newest: revision,
        status: Status::Deployed,
        chart: chart.name().to_owned(),
        chart_version: chart.version().to_owned(),
        config: (*values).clone(),
        manifest: rendered.manifest.clone(),
        hooks: rendered.hooks.clone(),
        first_deployed: before
            .map(|before| before.release.first_deployed.clone())
            .filter(|time| !time.is_empty())
            .unwrap_or_else(|| now.clone()),
        objects: rendered.objects.iter().filter_map(Reference::of).collect(),
        adopted: false,
        note: None,
        left: None,
        signed: true,
        installer: installer.cloned(),
        record: RecordPlace::of(driver, &meta.name, revision),
    };
    let written = Written {
        name: &meta.name,
        info: Info {
            first_deployed: release.first_deployed.clone(),
            last_deployed: now,
            deleted: String::new(),
            description: if before.is_some() {
                "Upgrade complete"
            } else {
                "Install complete"
            }
            .to_owned(),
            status: release.status,
            notes: rendered.notes.clone(),
        },
        chart: &rendered.chart,
        config: &release.config,
        manifest: &release.manifest,
        hooks: &release.hooks,
        version: release.revision,
        namespace: &meta.namespace,
        plugin: *installer,
    };
    let too_large = |size, limit| ReleaseError::TooLarge {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        size,
        limit,
    };
    let text = record::encode(&written).map_err(|problem| match problem {
        Unwritable::TooLarge { size, limit } => too_large(size, limit),
        Unwritable::Json(error) => ReleaseError::Record {
            record: format!("release {}/{}", meta.namespace, meta.name),
            message: error.to_string(),
        },
    })?;
    if text.len() > MAX_RECORD {
        return Err(too_large(text.len(), MAX_RECORD));
    }
    Ok(Next { release, text })
}

/// What ends an attempt that somebody else has been faster than.
pub fn overtaken(meta: &ReleaseMeta, before: Option<&Before>) -> ReleaseError {
    ReleaseError::Overtaken {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        rendered: meta.revision,
        next: next_revision(before),
    }
}

fn next_revision(before: Option<&Before>) -> u32 {
    before.map_or(1, |before| before.release.next_revision())
}

impl Before {
    /// Marks the newest revision as one that an upgrade is about to leave. False if it is no longer
    /// what was read.
    pub(super) async fn leave(&self, store: &Store<'_>, attempt: Attempt) -> Result<bool, ReleaseError> {
        let is_newest = |entry: &&Entry| entry.record() == *self.release.place();
        match self.entries.iter().find(is_newest) {
            Some(entry) => store.leave(entry, attempt).await,
            None => Ok(false),
        }
    }
}

impl Releases {
    /// Writes the record, then what it makes of the earlier ones. None if somebody else has just
    /// written that revision.
    pub(super) async fn record(&self, change: &Change<'_>, ready: Ready) -> Result<Option<Release>, ReleaseError> {
        let (meta, policy) = (change.meta, change.policy);
        let Next { release, text } = ready.next;
        let store = self.store(&meta.namespace, &meta.name);
        if !store
            .create(release.revision, release.status, text, &policy.owner)
            .await?
        {
            return Ok(None);
        }
        if let Some(before) = &ready.before {
            retire(&store, &before.entries, policy, self.recording.driver).await?;
        }
        Ok(Some(release))
    }
}

/// Marks the earlier revisions that this runtime has deployed as superseded: the upgrade after them
/// was interrupted when its own record was written. Those that Helm has made for Fluid have no owner.
pub(super) async fn supersede_earlier(
    store: &Store<'_>,
    entries: &[Entry],
    owner: &OwnerReference,
) -> Result<(), ReleaseError> {
    let earlier = entries.split_last().map_or(&[][..], |(_, earlier)| earlier);
    let is_own = |entry: &&Entry| match entry.driver {
        // Helm itself has written over it, as a rollback does.
        Driver::Secret => entry.owners.is_empty() || entry.owners.contains(&owner.uid),
        Driver::ConfigMap => entry.owners.contains(&owner.uid),
    };
    for entry in earlier.iter().filter(is_own) {
        if entry.is_deployed() {
            store.supersede(entry, owner).await?;
        }
    }
    Ok(())
}

/// Marks what was deployed as superseded, and deletes what is too old or another driver's.
async fn retire(store: &Store<'_>, entries: &[Entry], policy: &Policy, driver: Driver) -> Result<(), ReleaseError> {
    for entry in entries {
        if entry.is_deployed() {
            store.supersede(entry, &policy.owner).await?;
        }
    }
    let kept = entries.len().saturating_sub(HISTORY - 1);
    let old = entries
        .iter()
        .enumerate()
        .filter(|(index, entry)| *index < kept || entry.driver != driver);
    let old: Vec<&Entry> = old.map(|(_, entry)| entry).collect();
    delete_all(store, &old).await
}

pub(super) async fn delete_all(store: &Store<'_>, entries: &[&Entry]) -> Result<(), ReleaseError> {
    together(entries.iter().map(|entry| store.delete(entry).boxed()).collect()).await
}
