//! Answers other than success, in Kubernetes' words.

use std::time::Duration;

use serde_json::{Value, json};
use wasser_schema::Problem;

use crate::kinds::Kind;

/// An answer other than success, which clients receive as a `Status` object.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The HTTP status.
    pub code: u16,
    /// The reason, as Kubernetes spells it.
    pub reason: &'static str,
    /// The message for users.
    pub message: String,
    /// The `details` of the `Status`.
    pub details: Value,
    /// The pause before another attempt, for the header `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Returns a failure without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: json!({}),
            retry_after: None,
        }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = kind.details(name);
        self
    }

    /// The object does not exist.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", message).about(kind, name)
    }

    /// The path does not exist.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// An object of this name exists.
    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// The object is not the one that the request expects.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            kind.qualified()
        );
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object has another version than the request expects.
    pub(crate) fn outdated(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// The object is not valid, or must not be changed in this way.
    pub(crate) fn invalid(kind: &Kind, name: &str, problems: &[Problem]) -> Self {
        let texts: Vec<String> = problems.iter().map(Problem::text).collect();
        let text = match texts.as_slice() {
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        let group = if kind.group.is_empty() {
            String::new()
        } else {
            format!(".{}", kind.group)
        };
        let message = format!("{}{group} \"{name}\" is invalid: {text}", kind.kind);
        let mut failure = Self::new(422, "Invalid", message).about(kind, name);
        failure.details["kind"] = json!(kind.kind);
        failure.details["causes"] = problems.iter().map(Problem::cause).collect();
        failure
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The version is older than the history.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The resource does not know this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// Nothing may be created in this namespace.
    pub(crate) fn terminating(kind: &Kind, namespace: &str, name: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.qualified());
        let mut failure = Self::new(403, "Forbidden", message).about(kind, name);
        let cause = format!("namespace {namespace} is being terminated");
        failure.details["causes"] =
            json!([{"reason": "NamespaceTerminating", "message": cause, "field": "metadata.namespace"}]);
        failure
    }

    /// Somebody else wrote at the same time; for faults.
    pub fn conflicting() -> Self {
        Self::new(
            409,
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest \
                version and try again",
        )
    }

    /// The server is overloaded.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        let mut failure = Self::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        );
        failure.details = json!({"retryAfterSeconds": retry_after.as_secs()});
        failure.retry_after = Some(retry_after);
        failure
    }

    /// The server failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// The server received no answer in time, so that the outcome is unknown.
    pub fn timeout() -> Self {
        Self::new(
            504,
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
        )
    }

    /// Returns the `Status` object.
    pub fn status(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code,
        })
    }
}
