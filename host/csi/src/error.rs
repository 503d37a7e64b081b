//! Errors, in the words that end up in a pod's events.

use std::io;
use std::path::{Path, PathBuf};

use tonic::{Code, Status};

use crate::cluster::ClusterError;

/// An error of a call. Every variant has one gRPC code; the kubelet repeats the call in any case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request or an attribute of the volume is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// A field of the request or an attribute of the volume cannot be used.
    #[error("{what} is {value:?}: {why}")]
    Invalid {
        /// The name of the field.
        what: &'static str,
        /// Its value.
        value: String,
        /// The values that it can have.
        why: String,
    },
    /// A path leads, or would lead, out of the directory that it must stay in.
    #[error("{path} is refused: {why}")]
    Refused {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Another call works on the same volume or target.
    #[error("another operation on {0} is under way")]
    Busy(String),
    /// The fuse pod's mount did not appear in time.
    #[error("{0}")]
    NotReady(String),
    /// The file system is mounted, but does not contain the requested directory.
    #[error("sub path {sub_path:?} does not exist in {fluid_path}: create it, or correct the dataset's mount point")]
    NoSubPath {
        /// The requested directory.
        sub_path: String,
        /// The mount point of the file system.
        fluid_path: PathBuf,
    },
    /// Pods still use the volume.
    #[error("volume {volume} is still mounted at {target}")]
    InUse {
        /// The volume.
        volume: String,
        /// The target at which it is mounted.
        target: PathBuf,
    },
    /// The target is published in another way.
    #[error("{target} is already mounted {is}, but {wanted} is asked for")]
    Incompatible {
        /// The target.
        target: PathBuf,
        /// The way in which it is mounted.
        is: &'static str,
        /// The requested way.
        wanted: &'static str,
    },
    /// A system call failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// The attempted action.
        action: &'static str,
        /// Its object.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The API server could not be asked, or refused.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The kernel no longer reports changes of mounts.
    #[error("mounts can no longer be watched, so the node plugin ends, and its container starts again")]
    Unwatched,
    /// A task of the node plugin itself ended unexpectedly, which is a defect.
    #[error("internal task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// Returns the error of a failed system call.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    /// Returns the code for the kubelet.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) | Self::Invalid { .. } | Self::Refused { .. } => Code::InvalidArgument,
            Self::Busy(_) => Code::Aborted,
            Self::NotReady(_) => Code::DeadlineExceeded,
            Self::NoSubPath { .. } => Code::NotFound,
            Self::InUse { .. } => Code::FailedPrecondition,
            Self::Incompatible { .. } => Code::AlreadyExists,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Code::PermissionDenied,
            Self::Io { .. } | Self::Unwatched | Self::Task(_) => Code::Internal,
            Self::Cluster(_) => Code::Unavailable,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Adds the attempted action and its object to a failed system call.
pub trait Attempt<T> {
    /// Adds the action and its object.
    ///
    /// # Errors
    /// Returns the failure with both.
    fn attempt(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error> {
        self.map_err(|error| Error::io(action, path, error))
    }
}
