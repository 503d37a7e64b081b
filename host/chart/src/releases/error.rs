//! Why a release could not be read or changed.

use kube::core::Status;

use super::obstacle::Obstacle;
use super::reference::Reference;
use crate::api_error::is_conflict;
use crate::policy::Violation;
use crate::quote::{self, words};

/// How many characters the names of objects that are in the way may take in a message.
const LISTED: usize = 500;

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
    /// The name cannot be that of a release.
    #[error(
        "the Helm release {namespace}/{name} cannot have that name: it has {} characters, and {limit} are allowed; \
            give the Dataset and \
         its runtime a shorter name", .name.len()
    )]
    Name {
        /// Namespace of the release.
        namespace: String,
        /// Name of the release.
        name: String,
        /// Helm's limit.
        limit: usize,
    },
    /// The API server finds an object invalid.
    #[error("{object} is not valid: {}; correct the values that the manifest leads to, or the chart of the plugin",
        words(.message))]
    Invalid {
        /// Kind, namespace and name.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// A policy or a quota of the cluster refuses an object, which somebody else may change.
    #[error(
        "applying {object}: {}; change what refuses it, or take back what leads to it",
        words(.message)
    )]
    Denied {
        /// Kind, namespace and name.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// An upgrade would change what cannot be changed.
    #[error(
        "{} cannot be changed in place: {}; take back the change that leads to it, or delete the object{}",
        .object.display, words(.message), remedy(.object)
    )]
    Immutable {
        /// The object.
        object: Fixed,
        /// The API server's words, which name the fields.
        message: String,
    },
    /// Objects of these names are there, and are not the runtime's.
    #[error(
        "{}; delete what nobody needs, give the Dataset and its runtime another name, or let the chart of the plugin \
            name its objects \
         otherwise", list(.objects)
    )]
    Taken {
        /// The objects.
        objects: Vec<Taken>,
    },
    /// The cluster does not know a kind of the chart.
    #[error("{object}: the cluster has no kind {} in {}; install what defines it", quote::name(.kind),
        quote::name(.api_version))]
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
        "the Helm release {namespace}/{name} is of the chart {} and not this runtime's; uninstall it, or give the \
            Dataset and its runtime \
         another name", quote::name(.chart)
    )]
    Foreign {
        /// Namespace of the release.
        namespace: String,
        /// Name of the release.
        name: String,
        /// The chart that it is of.
        chart: String,
        /// Its newest record.
        record: Found,
    },
    /// The record of the release would not fit into an object.
    #[error(
        "the record of the Helm release {namespace}/{name} would take {size} bytes, and {limit} are allowed; shorten \
            what the manifest \
         puts into the values, or make the chart of the plugin smaller"
    )]
    TooLarge {
        /// Namespace of the release.
        namespace: String,
        /// Name of the release.
        name: String,
        /// What it would take.
        size: usize,
        /// What it may take.
        limit: usize,
    },
    /// Somebody else has made a revision since the objects were rendered with the number of the next.
    #[error(
        "somebody else has changed the Helm release {namespace}/{name} since it was rendered as revision {rendered}; \
            it is rendered again, as revision {next}"
    )]
    Overtaken {
        /// Namespace of the release.
        namespace: String,
        /// Name of the release.
        name: String,
        /// The number that templates have seen.
        rendered: u32,
        /// The number of the revision that would be made.
        next: u32,
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

/// An object that is in the way of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    found: Found,
    display: String,
    holder: Option<String>,
}

/// An object that cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    found: Found,
    display: String,
    pods: Pods,
}

/// What becomes of the pods of an object that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pods {
    None,
    /// They are replaced.
    New,
    /// They stay, if whoever deletes it says so.
    Kept,
}

/// Where an object is, in the namespace of its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found(Box<Reference>);

impl From<Reference> for Found {
    fn from(reference: Reference) -> Self {
        Self(Box::new(reference))
    }
}

impl Taken {
    pub(super) fn new(reference: &Reference, namespace: &str, holder: Option<String>) -> Self {
        Self {
            found: reference.clone().into(),
            display: reference.describe(namespace),
            holder,
        }
    }
}

impl ReleaseError {
    /// Whether another attempt would end in the same way until somebody changes an object.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotGranted(_)
            | Self::Name { .. }
            | Self::Invalid { .. }
            | Self::Immutable { .. }
            | Self::Taken { .. }
            | Self::Foreign { .. }
            | Self::TooLarge { .. } => true,
            Self::Kube { source, .. } => {
                matches!(status(source), Some(status) if status.code == 422 || status.code == 400)
            }
            Self::UnknownKind { .. }
            | Self::Denied { .. }
            | Self::Record { .. }
            | Self::Hook { .. }
            | Self::Overtaken { .. } => false,
        }
    }

    /// Whether another attempt would end in the same way for a while: a policy of the cluster refuses
    /// an object, and no watch tells when it no longer does.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// Whether names of the release are somebody else's.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Taken { .. })
    }

    /// Whether the release has to be looked at and rendered again, since somebody else has changed it.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Overtaken { .. })
    }

    /// The objects whose removal would help.
    pub(super) fn obstacles(&self) -> Vec<Obstacle> {
        let obstacle = |found: &Found, until_owned| Obstacle {
            reference: (*found.0).clone(),
            until_owned,
        };
        match self {
            Self::Taken { objects } => objects.iter().map(|taken| obstacle(&taken.found, true)).collect(),
            Self::Immutable { object, .. } => vec![obstacle(&object.found, false)],
            Self::Foreign { record, .. } => vec![obstacle(record, false)],
            _ => Vec::new(),
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

    /// The refusal of a change of what cannot be changed.
    pub(super) fn immutable(reference: &Reference, namespace: &str, message: String) -> Self {
        let pods = match (reference.keeps_orphans(), reference.has_pods()) {
            (true, _) => Pods::Kept,
            (false, true) => Pods::New,
            (false, false) => Pods::None,
        };
        Self::Immutable {
            object: Fixed {
                found: reference.clone().into(),
                display: reference.describe(namespace),
                pods,
            },
            message,
        }
    }

    /// The failure of writing an object of the chart.
    pub(super) fn write(reference: &Reference, namespace: &str, source: kube::Error) -> Self {
        let display = reference.describe(namespace);
        match status(&source) {
            Some(status) if status.code == 422 || status.code == 400 => {
                let message = status.message.clone();
                if is_immutable(&message) {
                    Self::immutable(reference, namespace, message)
                } else {
                    Self::Invalid {
                        object: display,
                        message,
                    }
                }
            }
            Some(status) if status.code == 403 => Self::Denied {
                object: display,
                message: status.message.clone(),
            },
            _ => Self::Kube {
                action: format!("applying {display}"),
                source: Box::new(source),
            },
        }
    }
}

/// How an object is to be deleted, and what comes of it. A StatefulSet that is made again begins
/// with as many pods as are wanted (`workers.rs`), so that those that are there stay.
fn remedy(object: &Fixed) -> &'static str {
    match object.pods {
        Pods::None => ", which is then installed again",
        Pods::New => ", which is then installed again with new pods, which begin without a cache",
        Pods::Kept => {
            " with `kubectl delete --cascade=orphan`, so that its pods keep their cache; it is then installed \
            again, and a pod follows the change when it is deleted"
        }
    }
}

/// Kinds, namespaces and names of what is in the way, as many as fit, and whose they are.
fn list(objects: &[Taken]) -> String {
    let mut text = String::new();
    for (index, taken) in objects.iter().enumerate() {
        let holder = taken
            .holder
            .as_ref()
            .map_or_else(String::new, |holder| format!(" ({holder})"));
        let next = format!("{}{holder}", taken.display);
        if index > 0 && text.len() + next.len() > LISTED {
            text.push_str(&format!(" and {} more", objects.len() - index));
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&next);
    }
    let (verb, are) = if objects.len() == 1 {
        ("exists", "is")
    } else {
        ("exist", "are")
    };
    format!("{text} {verb} already and {are} not this runtime's")
}

/// The API server has no code for it, only two phrases.
fn is_immutable(message: &str) -> bool {
    message.contains("immutable") || message.contains("updates to statefulset spec for fields other than")
}

fn status(error: &kube::Error) -> Option<&Status> {
    if let kube::Error::Api(status) = error {
        Some(status)
    } else {
        None
    }
}

/// Whether the API server, asked by a dry run, would refuse to write an object. What it refuses about
/// roles may depend on others that are written before them.
pub(super) fn would_refuse(reference: &Reference, error: &kube::Error) -> bool {
    let Some(status) = status(error) else { return false };
    match status.code {
        400 | 422 => !is_outdated(error) && !status.message.contains("does not support dry run"),
        403 => reference.gvk.group != "rbac.authorization.k8s.io",
        _ => false,
    }
}

/// Whether an object is no longer the one that was looked at: it exists already, has changed in the
/// meantime, somebody else owns a field, or another one has its name.
pub(super) fn is_outdated(error: &kube::Error) -> bool {
    let causes = status(error).and_then(|status| status.details.as_ref());
    let another = causes.is_some_and(|details| details.causes.iter().any(|cause| cause.field == "metadata.uid"));
    is_conflict(error) || another
}
