//! A release as it was found or made.

use serde_json::{Value, json};

use super::bounds;
use super::entry::{Attempt, Entry, RecordPlace};
use super::error::ReleaseError;
use super::record::{self, Author, Installer};
use super::reference::{self, Reference};
use super::status::Status;
use crate::policy::Policy;
use crate::render::{Hook, Rendered};

/// The newest revision of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its revision, from 1.
    pub revision: u32,
    /// Its status.
    pub status: Status,
    /// Name of its chart.
    pub chart: String,
    /// Version of its chart.
    pub chart_version: String,
    /// The values it was installed with.
    pub config: Value,
    /// What was applied, hooks aside.
    pub manifest: String,
    /// Its hooks.
    pub hooks: Vec<Hook>,
    /// The number of the last record, which may be one of an upgrade that Helm did not end.
    pub(super) newest: u32,
    pub(super) first_deployed: String,
    pub(super) objects: Vec<Reference>,
    pub(super) adopted: bool,
    pub(super) note: Option<String>,
    pub(super) left: Option<Attempt>,
    pub(super) signed: bool,
    pub(super) installer: Option<Installer>,
    pub(super) record: RecordPlace,
}

impl Release {
    /// Whether the last installation or upgrade was completed.
    pub fn is_deployed(&self) -> bool {
        self.status == Status::Deployed
    }

    /// The number of the revision that an upgrade makes.
    pub fn next_revision(&self) -> u32 {
        self.newest.saturating_add(1)
    }

    /// Whether Helm has made it, as Fluid runs Helm, and Wasser has never written a revision of it.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Whether an upgrade has begun after it that was not completed, so that some of its objects may
    /// be those of another revision.
    pub fn is_left(&self) -> bool {
        self.left.is_some()
    }

    /// Whether what was not completed only puts back what the record says.
    pub fn is_left_by_repair(&self) -> bool {
        self.left == Some(Attempt::Repair)
    }

    /// Whether this installation has written its record, for this runtime. What another record says
    /// may be anybody's who may write such objects: Fluid's, that of a user with `helm`, or a forged
    /// one.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Where its record is.
    pub fn place(&self) -> &RecordPlace {
        &self.record
    }

    /// What [`Releases::note`](super::Releases::note) has noted about it.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The plugin that has given its values. None if nobody has noted it, as Helm does not.
    pub fn installer(&self) -> Option<&Installer> {
        self.installer.as_ref()
    }

    /// The values it was installed with.
    pub fn values(&self) -> &Value {
        &self.config
    }

    /// Kind and name of every object in the manifest.
    pub fn objects(&self) -> Vec<(&str, &str)> {
        self.objects
            .iter()
            .map(|object| (object.gvk.kind.as_str(), object.name.as_str()))
            .collect()
    }

    /// Reads a record that `author` has written.
    pub(super) fn read(entry: &Entry, author: Author, namespace: &str) -> Result<Self, ReleaseError> {
        let unreadable = |problem: String| ReleaseError::unreadable(entry.describe(namespace), &problem);
        let text = entry.text.as_deref().unwrap_or_default();
        let stored: record::Stored = record::decode(text, author).map_err(unreadable)?;
        let objects = read_manifest(&stored.manifest, author);
        let objects = objects.map_err(|problem| unreadable(format!("its manifest: {problem}")))?;
        Ok(Self {
            revision: entry.revision,
            newest: entry.revision,
            status: stored.info.status,
            chart: stored.chart.metadata.name,
            chart_version: stored.chart.metadata.version,
            config: stored.config.unwrap_or_else(|| json!({})),
            manifest: stored.manifest,
            hooks: stored.hooks.unwrap_or_default(),
            first_deployed: stored.info.first_deployed,
            objects,
            adopted: false,
            note: entry.note.clone(),
            left: entry.left,
            signed: author == Author::Own,
            installer: stored.plugin,
            record: entry.record(),
        })
    }
}

fn read_manifest(manifest: &str, author: Author) -> Result<Vec<Reference>, String> {
    if author == Author::Own {
        return reference::parse(manifest);
    }
    bounds::check_manifest(manifest)?;
    let objects = reference::parse(manifest)?;
    bounds::check_objects(objects.len())?;
    Ok(objects)
}

/// Whether rendering gave what the release already has, so that nothing needs to be applied.
pub fn is_unchanged(release: &Release, rendered: &Rendered) -> bool {
    let recorded = release.hooks.iter().map(|hook| &hook.manifest);
    release.manifest == rendered.manifest && recorded.eq(rendered.hooks.iter().map(|hook| &hook.manifest))
}

/// Whether a release is this runtime's. The runtime owns the records that Wasser wrote; the values
/// of all others name their owner, as those that Fluid's Helm wrote. Values that name an earlier
/// runtime of the same kind and name are those of a release that this one succeeds: there is never
/// more than one of a name.
pub(super) fn belongs(entries: &[Entry], newest: &Release, policy: &Policy) -> bool {
    let owner = &policy.owner;
    let named = &newest.config["owner"];
    entries.iter().any(|entry| entry.owners.contains(&owner.uid))
        || newest.manifest.contains(owner.uid.as_str())
        || newest.config.to_string().contains(owner.uid.as_str())
        || (named["kind"] == owner.kind.as_str() && named["name"] == owner.name.as_str())
}
