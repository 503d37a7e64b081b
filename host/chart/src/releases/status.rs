//! The states of a release.

use serde::{Deserialize, Serialize};

/// `info.status` of a record, in Helm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    #[default]
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Helm's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::Uninstalled => "uninstalled",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Unknown => "unknown",
        }
    }
}
