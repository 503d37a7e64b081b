//! What can go wrong, in the words that end up in a pod's events.

use std::io;
use std::path::{Path, PathBuf};

use tonic::{Code, Status};

use crate::cluster::ClusterError;

/// What can go wrong. Every variant has one gRPC code; the kubelet tries again in any case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request or an attribute of the volume is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// A field of the request or an attribute of the volume cannot be used.
    #[error("{what} is {value:?}: {why}")]
    Invalid {
        /// Which field.
        what: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        why: String,
    },
    /// A path that leads, or would lead, out of the directory it must stay in.
    #[error("{path} is refused: {why}")]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another call works on the same volume or target.
    #[error("another operation on {0} is under way")]
    Busy(String),
    /// The fuse pod's mount did not come in time.
    #[error("{0}")]
    NotReady(String),
    /// The file system is there, the directory asked for is not in it.
    #[error("sub path {sub_path:?} does not exist in {fluid_path}: create it, or correct the dataset's mount point")]
    NoSubPath {
        /// The directory asked for.
        sub_path: String,
        /// Where the file system is mounted.
        fluid_path: PathBuf,
    },
    /// Pods still use the volume.
    #[error("volume {volume} is still mounted at {target}")]
    InUse {
        /// The volume.
        volume: String,
        /// Where.
        target: PathBuf,
    },
    /// The target is published in another way.
    #[error("{target} is already mounted {is}, but {wanted} is asked for")]
    Incompatible {
        /// The target.
        target: PathBuf,
        /// How it is mounted.
        is: &'static str,
        /// How it should be.
        wanted: &'static str,
    },
    /// A system call failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The API server could not be asked, or refused.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A defect: a task of the node plugin itself ended unexpectedly.
    #[error("internal task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// A failed system call.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    /// The code for the kubelet.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) | Self::Invalid { .. } | Self::Refused { .. } => Code::InvalidArgument,
            Self::Busy(_) => Code::Aborted,
            Self::NotReady(_) => Code::DeadlineExceeded,
            Self::NoSubPath { .. } => Code::NotFound,
            Self::InUse { .. } => Code::FailedPrecondition,
            Self::Incompatible { .. } => Code::AlreadyExists,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Code::PermissionDenied,
            Self::Io { .. } | Self::Task(_) => Code::Internal,
            Self::Cluster(_) => Code::Unavailable,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Adds to a failed system call what was attempted, on what.
pub trait Attempt<T> {
    /// Names the attempt.
    ///
    /// # Errors
    /// The failure, named.
    fn attempt(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error> {
        self.map_err(|error| Error::io(action, path, error))
    }
}
