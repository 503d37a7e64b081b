//! A release as it is in the cluster.

use serde_json::Value;
use wasser_chart::{Installer, RecordPlace, Release};

use crate::release::adoption::Asked;

/// A release as it was last written or read. It is made of nothing else: neither of values nor of
/// rendered objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// The values as JSON: as a tree, they would take several times the memory.
    values: Box<str>,
    objects: Vec<(String, String)>,
    revision: u32,
    next: u32,
    left: bool,
    left_by_repair: bool,
    /// The record, if somebody else has written it.
    unsigned: Option<String>,
    adoption: Option<Adoption>,
    /// The plugin whose values they are.
    installer: Option<Installer>,
}

/// What is known of a release that Fluid has installed, and that was never upgraded since.
#[derive(Debug, Clone, PartialEq)]
pub struct Adoption {
    /// Where its record is.
    pub record: RecordPlace,
    /// What was asked for when it was taken over. None if that was not noted yet.
    pub asked: Option<Asked>,
}

impl Installed {
    /// What a record says.
    pub fn recorded(release: &Release) -> Self {
        let objects = release.objects().into_iter();
        let objects = objects.map(|(kind, name)| (kind.to_owned(), name.to_owned())).collect();
        let adoption = release.is_adopted().then(|| Adoption {
            record: release.place().clone(),
            asked: release.note().and_then(Asked::parse),
        });
        Self {
            adoption,
            next: release.next_revision(),
            left: release.is_left(),
            left_by_repair: release.is_left_by_repair(),
            unsigned: (!release.is_signed()).then(|| release.place().object().to_owned()),
            ..Self::written(
                release.values(),
                objects,
                release.revision,
                release.installer().cloned(),
            )
        }
    }

    /// The same release of Fluid's, taken over with what is asked for.
    #[must_use]
    pub fn asked_for(mut self, asked: Asked) -> Self {
        if let Some(adoption) = &mut self.adoption {
            adoption.asked = Some(asked);
        }
        self
    }

    /// The same release with values that say for another version of the plugin what is installed.
    #[must_use]
    pub fn migrated(self, values: &Value, installer: Installer) -> Self {
        Self {
            values: values.to_string().into(),
            installer: Some(installer),
            ..self
        }
    }

    /// What was just written. Only `Prepared::install` knows that.
    pub(super) fn written(
        values: &Value,
        objects: Vec<(String, String)>,
        revision: u32,
        installer: Option<Installer>,
    ) -> Self {
        Self {
            values: values.to_string().into(),
            objects,
            revision,
            next: revision.saturating_add(1),
            left: false,
            left_by_repair: false,
            unsigned: None,
            adoption: None,
            installer,
        }
    }

    /// The plugin that the values are of. None if nobody knows.
    pub fn installer(&self) -> Option<&Installer> {
        self.installer.as_ref()
    }

    /// What is known of the release if Fluid has installed it.
    pub fn adoption(&self) -> Option<&Adoption> {
        self.adoption.as_ref()
    }

    /// Its revision, as Helm counts.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The number of the revision that an upgrade makes.
    pub fn next_revision(&self) -> u32 {
        self.next
    }

    /// Whether an upgrade was begun after it that was not completed.
    pub fn is_left(&self) -> bool {
        self.left
    }

    /// Whether what was not completed only puts back what the record says.
    pub fn is_left_by_repair(&self) -> bool {
        self.left_by_repair
    }

    /// The name of its record, if somebody else than this installation has written it: what that says is
    /// believed only as far as the cluster or the runtime says it too.
    pub fn unsigned(&self) -> Option<&str> {
        self.unsigned.as_deref()
    }

    /// The values that the release was rendered with.
    pub fn values(&self) -> Value {
        serde_json::from_str(&self.values).unwrap_or_default()
    }

    /// The same as text, as plugins get it.
    pub fn text(&self) -> &str {
        &self.values
    }

    /// Whether the release was rendered with these values.
    pub fn has(&self, values: &Value) -> bool {
        *self.values == *values.to_string() || self.values() == *values
    }

    /// Kind and name of each object.
    pub fn objects(&self) -> &[(String, String)] {
        &self.objects
    }
}
