//! Why a command on data operations did not do what it was asked to.

use kube::core::Status;
use kube::runtime::watcher;

use super::names::Named;
use crate::watch_answer::watch_answer;

/// The most names that a message lists.
const LISTED: usize = 10;

/// Why a command did not do what it was asked to. Each says what was tried, and what helps.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Options that make no operation.
    #[error("{0}")]
    Usage(String),
    /// A spec that the operator would refuse.
    #[error("the operator would refuse this: {0}")]
    Refused(String),
    /// The Dataset does not exist.
    #[error("the Dataset {namespace}/{name} does not exist{there}; create it first, or name another one")]
    NoDataset {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Which ones there are, as the end of a sentence.
        there: String,
    },
    /// The operation does not exist.
    #[error("{named} does not exist in the namespace {namespace}{there}")]
    NoOperation {
        /// The operation.
        named: Named,
        /// Its namespace.
        namespace: String,
        /// Which ones there are, as the end of a sentence.
        there: String,
    },
    /// An operation of this name exists.
    #[error(
        "{named} exists already in the namespace {namespace}, and is left as it is; choose another --name, or remove \
         it first: {cancel}"
    )]
    Exists {
        /// The operation.
        named: Named,
        /// Its namespace.
        namespace: String,
        /// The command that removes it.
        cancel: String,
    },
    /// The namespace does not exist.
    #[error("the namespace {0} does not exist; create it, or name another one with --namespace")]
    NoNamespace(String),
    /// The API server does not serve the kind.
    #[error(
        "the cluster does not serve {0}: Wasser's definitions are not installed; install its chart, which has them, or \
         apply what the command `crds` prints"
    )]
    NotInstalled(String),
    /// The user may not do that.
    #[error(
        "this account may not {verb} {resource} in {place}: {message}; ask for a role with that verb, or choose \
         another --context"
    )]
    Forbidden {
        /// The verb of RBAC.
        verb: &'static str,
        /// The resource with its group: `dataloads.data.fluid.io`.
        resource: String,
        /// The namespace, for people.
        place: String,
        /// The words of the API server.
        message: String,
    },
    /// Another request that failed.
    #[error("{attempt}: {message}")]
    Request {
        /// What was tried, on which object.
        attempt: String,
        /// Why it failed.
        message: String,
    },
}

/// A request, as messages about it call it.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// The verb of RBAC.
    pub verb: &'static str,
    /// The resource with its group.
    pub resource: &'a str,
    /// The namespace; none for all of them.
    pub namespace: Option<&'a str>,
    /// What was tried, on which object: `creating dataload/warm`.
    pub what: String,
}

impl Problem {
    /// Returns the problem of options that make no operation.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Returns the problem of a request that failed.
    pub fn of(error: &kube::Error, attempt: &Attempt<'_>) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status, attempt),
            other => Self::Request {
                attempt: attempt.what.clone(),
                message: chain(other),
            },
        }
    }

    /// Returns the problem of a watch that failed, if trying again is of no use.
    pub fn of_watch(error: &watcher::Error, attempt: &Attempt<'_>) -> Option<Self> {
        let status = watch_answer(error)?;
        let attempt = Attempt {
            verb: match error {
                watcher::Error::InitialListFailed(_) => "list",
                _ => "watch",
            },
            ..attempt.clone()
        };
        matches!(status.code, 401 | 403 | 404).then(|| Self::of_status(status, &attempt))
    }

    fn of_status(status: &Status, attempt: &Attempt<'_>) -> Self {
        let about = status.details.as_ref().map(|details| details.kind.as_str());
        match status.code {
            404 if about == Some("namespaces") => Self::NoNamespace(attempt.namespace.unwrap_or_default().to_owned()),
            // An object that is missing has a name.
            404 if status.details.as_ref().is_none_or(|details| details.name.is_empty()) => {
                Self::NotInstalled(attempt.resource.to_owned())
            }
            403 if status.is_forbidden() => Self::Forbidden {
                verb: attempt.verb,
                resource: attempt.resource.to_owned(),
                place: attempt
                    .namespace
                    .map_or_else(|| "all namespaces".to_owned(), |name| format!("the namespace {name}")),
                message: status.message.clone(),
            },
            _ => Self::Request {
                attempt: attempt.what.clone(),
                message: status.message.clone(),
            },
        }
    }
}

/// Returns which objects there are, as the end of a sentence.
pub fn there(names: &[String]) -> String {
    match names {
        [] => "; there is none".to_owned(),
        [only] => format!("; there is only {only}"),
        names if names.len() <= LISTED => format!("; there are {}", names.join(", ")),
        names => format!("; there are {} others", names.len()),
    }
}

/// Returns an error with its causes, each of which is said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn problem(status: serde_json::Value) -> String {
        let status: Status = serde_json::from_value(status).unwrap();
        let attempt = Attempt {
            verb: "create",
            resource: "dataloads.data.fluid.io",
            namespace: Some("team"),
            what: "creating dataload/warm".to_owned(),
        };
        Problem::of(&kube::Error::Api(Box::new(status)), &attempt).to_string()
    }

    #[rstest]
    #[case(serde_json::json!({"code": 403, "reason": "Forbidden", "message": "no"}),
        "may not create dataloads.data.fluid.io in the namespace team")]
    #[case(serde_json::json!({"code": 404, "reason": "NotFound", "message": "404 page not found"}),
        "what the command `crds` prints")]
    #[case(serde_json::json!({"code": 404, "reason": "NotFound", "message": "the server could not find it",
        "details": {}}), "does not serve dataloads.data.fluid.io")]
    #[case(serde_json::json!({"code": 404, "reason": "NotFound", "message": "x",
        "details": {"kind": "namespaces", "name": "team"}}), "the namespace team does not exist")]
    #[case(serde_json::json!({"code": 422, "reason": "Invalid", "message": "spec.parallelism: too small"}),
        "creating dataload/warm: spec.parallelism: too small")]
    fn answers_of_the_api_server_are_explained(#[case] status: serde_json::Value, #[case] words: &str) {
        let problem = problem(status);
        assert!(problem.contains(words), "{problem}");
    }

    #[test]
    fn a_few_names_are_listed() {
        let names = |count: usize| (0..count).map(|at| format!("d{at}")).collect::<Vec<_>>();
        assert_eq!(there(&names(0)), "; there is none");
        assert_eq!(there(&names(1)), "; there is only d0");
        assert_eq!(there(&names(3)), "; there are d0, d1, d2");
        assert_eq!(there(&names(11)), "; there are 11 others");
    }
}
