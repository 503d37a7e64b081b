//! What is known of a record before it is decoded.

use kube::api::ObjectMeta;

use super::record::Author;
use super::reference::Reference;
use super::signature::{Signed, SigningKey};
use super::status::Status;

/// The annotation of a record that has what was noted about its release.
pub(super) const NOTE: &str = "wasser.fluid.io/adopted";
/// The annotation of a record after which an upgrade has begun that has none yet.
pub(super) const LEFT: &str = "wasser.fluid.io/upgrading";
/// The annotation of a record that says that this installation has written it.
pub(super) const SIGNATURE: &str = "wasser.fluid.io/signature";

/// Bytes of an annotation that are kept: notes and signatures have fewer, and of others any number
/// of records may come.
const MAX_ANNOTATION: usize = 256;
/// Owners that are kept of a record. Wasser's have one.
const MAX_OWNERS: usize = 4;
/// Bytes of a UID.
const MAX_UID: usize = 64;

/// What an upgrade is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Another content.
    Change,
    /// The same content as before, which somebody has changed.
    Repair,
}

impl Attempt {
    /// Returns how an annotation says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Change => "true",
            Self::Repair => "repair",
        }
    }

    fn of(text: &str) -> Self {
        if text == Self::Repair.text() {
            Self::Repair
        } else {
            Self::Change
        }
    }
}

/// Which of Helm's drivers wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Helm's default, and Wasser's.
    Secret,
    /// Fluid's default.
    ConfigMap,
}

impl Driver {
    /// The kind of its objects.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Secret => Self::ConfigMap,
            Self::ConfigMap => Self::Secret,
        }
    }
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    driver: Driver,
    object: String,
}

/// A record that has not been decoded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it is.
    pub driver: Driver,
    /// Name of the object.
    pub object: String,
    /// The revision.
    pub revision: u32,
    /// The label `status`.
    pub status: String,
    /// The UID of the object.
    pub uid: Option<String>,
    /// The version of the object.
    pub version: Option<String>,
    /// UIDs of the owners: those that Wasser wrote belong to the runtime.
    pub owners: Vec<String>,
    /// What was noted about the release.
    pub note: Option<String>,
    /// What has begun since, and was not recorded.
    pub left: Option<Attempt>,
    /// What says who has written it.
    pub signature: Option<String>,
    /// The encoded record. None if it was let go.
    pub text: Option<Vec<u8>>,
}

impl RecordPlace {
    /// Where the record of a revision is.
    pub fn of(driver: Driver, release: &str, revision: u32) -> Self {
        let object = record_name(release, &revision.to_string());
        Self { driver, object }
    }

    /// Which driver's it is.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// The name of the object.
    pub fn object(&self) -> &str {
        &self.object
    }

    pub(super) fn reference(&self) -> Reference {
        Reference::of_core(self.driver.kind(), &self.object)
    }
}

impl Entry {
    /// Reads an object of a release, if it is one of its records.
    pub fn of(driver: Driver, release: &str, metadata: ObjectMeta, text: Option<Vec<u8>>) -> Option<Self> {
        let object = metadata.name?;
        let revision = object.strip_prefix(&record_name(release, ""))?.parse().ok()?;
        let mut annotations = metadata.annotations.unwrap_or_default();
        let status = metadata
            .labels
            .and_then(|mut labels| labels.remove("status"))
            .unwrap_or_default();
        let owners = metadata
            .owner_references
            .into_iter()
            .flatten()
            .map(|owner| owner.uid)
            .filter(|uid| uid.len() <= MAX_UID)
            .take(MAX_OWNERS)
            .collect();
        let kept = |text: &String| text.len() <= MAX_ANNOTATION;
        Some(Self {
            driver,
            object,
            revision,
            status,
            uid: metadata.uid,
            version: metadata.resource_version,
            owners,
            note: annotations.remove(NOTE).filter(kept),
            left: annotations.get(LEFT).map(|what| Attempt::of(what)),
            signature: annotations.remove(SIGNATURE).filter(kept),
            text: Some(text.unwrap_or_default()),
        })
    }

    /// Returns who has written it, as it is: this installation for the runtime with this UID, or
    /// anybody.
    pub fn author(&self, key: &SigningKey, namespace: &str, release: &str, owner: &str) -> Author {
        let is_signed = |text: &Vec<u8>| {
            let signed = Signed {
                namespace,
                release,
                owner,
                revision: self.revision,
                text,
            };
            let signature = self.signature.as_deref();
            signature.is_some_and(|signature| key.verify(&signed, signature))
        };
        if self.text.as_ref().is_some_and(is_signed) {
            Author::Own
        } else {
            Author::Other
        }
    }

    /// Whether its label says that it is what is installed.
    pub fn is_deployed(&self) -> bool {
        self.status == Status::Deployed.as_str()
    }

    /// Where it is.
    pub fn record(&self) -> RecordPlace {
        RecordPlace {
            driver: self.driver,
            object: self.object.clone(),
        }
    }

    /// The same, for requests.
    pub fn reference(&self) -> Reference {
        self.record().reference()
    }

    /// Its kind, namespace and name, for messages.
    pub fn describe(&self, namespace: &str) -> String {
        self.reference().describe(namespace)
    }
}

/// The name of the record of a revision.
fn record_name(release: &str, revision: &str) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}
