//! Why a release could not be read or changed.

use kube::core::Status;

use crate::policy::Violation;
use crate::quote::{self, words};

/// Why a release could not be read or changed. Each names what was tried and on which object.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A request failed.
    #[error("{action}: {}", quote::answer(.source))]
    Kube {
        /// What was tried, on which object.
        action: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The policy refuses an object.
    #[error(transparent)]
    NotGranted(#[from] Violation),
    /// The API server finds an object invalid.
    #[error("{object} is not valid: {}; correct the values that the manifest leads to, or the chart of the plugin", words(.message))]
    Invalid {
        /// Kind, namespace and name.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// An upgrade would change what cannot be changed.
    #[error(
        "{object} cannot be changed in place: {}; take back the change that leads to it, or delete the object, which is then installed \
         again; its pods begin without a cache", words(.message)
    )]
    Immutable {
        /// Kind, namespace and name.
        object: String,
        /// The API server's words, which name the fields.
        message: String,
    },
    /// The cluster does not know a kind of the chart.
    #[error("{object}: the cluster has no kind {} in {}; install what defines it", quote::name(.kind), quote::name(.api_version))]
    UnknownKind {
        /// Kind and name.
        object: String,
        /// The kind.
        kind: String,
        /// Its group and version.
        api_version: String,
    },
    /// A release of that name is not this runtime's.
    #[error(
        "the Helm release {namespace}/{name} is of the chart {} and not this runtime's; uninstall it, or give the Dataset and its runtime \
         another name", quote::name(.chart)
    )]
    Foreign {
        /// Namespace of the release.
        namespace: String,
        /// Name of the release.
        name: String,
        /// The chart that it is of.
        chart: String,
    },
    /// A record is damaged, or cannot be written.
    #[error("{record}: {}", words(.message))]
    Record {
        /// Kind, namespace and name of the record.
        record: String,
        /// What is wrong.
        message: String,
    },
    /// A hook failed or did not end.
    #[error("the {event} hook {object} {}", words(.message))]
    Hook {
        /// The event that it belongs to.
        event: &'static str,
        /// Kind, namespace and name.
        object: String,
        /// What happened.
        message: String,
    },
}

impl ReleaseError {
    /// Whether another attempt would end in the same way until somebody changes an object.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotGranted(_) | Self::Invalid { .. } | Self::Immutable { .. } => true,
            Self::Kube { source, .. } => matches!(status(source), Some(status) if status.code == 422 || status.code == 400),
            Self::UnknownKind { .. } | Self::Foreign { .. } | Self::Record { .. } | Self::Hook { .. } => false,
        }
    }

    /// A record that cannot be decoded.
    pub(super) fn unreadable(record: String, problem: &str) -> Self {
        let message = format!(
            "no readable Helm release ({}); delete it if the release is not needed",
            words(problem)
        );
        Self::Record { record, message }
    }

    /// A failed request, for `map_err`.
    pub(super) fn kube(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Self::Kube {
            action,
            source: Box::new(source),
        }
    }

    /// The failure of writing an object of the chart.
    pub(super) fn write(object: &str, source: kube::Error) -> Self {
        match status(&source) {
            Some(status) if status.code == 422 || status.code == 400 => {
                let (object, message) = (object.to_owned(), status.message.clone());
                if is_immutable(&message) {
                    Self::Immutable { object, message }
                } else {
                    Self::Invalid { object, message }
                }
            }
            _ => Self::Kube {
                action: format!("applying {object}"),
                source: Box::new(source),
            },
        }
    }
}

/// The API server has no code for it, only two phrases.
fn is_immutable(message: &str) -> bool {
    message.contains("immutable") || message.contains("updates to statefulset spec for fields other than")
}

fn status(error: &kube::Error) -> Option<&Status> {
    if let kube::Error::Api(status) = error { Some(status) } else { None }
}

/// Whether there is no such object.
pub(super) fn is_not_found(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.code == 404)
}

/// Whether the object exists already, has changed in the meantime, or somebody else owns a field.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.code == 409)
}
