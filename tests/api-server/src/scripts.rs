//! Scripted answers of pods: of commands in them, their logs, and servers that are reached through the
//! API server.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::call::{Call, Query};

/// A command for a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container; empty for the only one.
    pub container: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
}

impl Command {
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            namespace: call.namespace.clone(),
            pod: call.name.clone(),
            container: call.query.get("container").to_owned(),
            argv: call.query.all("command").to_vec(),
        }
    }
}

/// The output and the end of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit code.
    pub code: i32,
    /// Whether the connection breaks before the exit code is told.
    pub is_lost: bool,
}

impl Outcome {
    /// Returns the outcome of a command of which nobody learns how it ends.
    pub fn lost() -> Self {
        Self {
            is_lost: true,
            ..Self::default()
        }
    }

    /// Returns the outcome of a command that prints a text and succeeds.
    pub fn printing(text: &str) -> Self {
        Self {
            stdout: text.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// Returns the outcome of a command that prints an error and fails.
    pub fn failing(code: i32, text: &str) -> Self {
        Self {
            stderr: text.as_bytes().to_vec(),
            code,
            ..Self::default()
        }
    }
}

/// A request to a server in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The port, as it is in the address; empty for the first.
    pub port: String,
    /// The path, without a slash in front.
    pub path: String,
    /// The parameters.
    pub query: Query,
}

impl PodRequest {
    pub(crate) fn of(call: &Call) -> Self {
        let (pod, port) = call.name.split_once(':').unwrap_or((&call.name, ""));
        Self {
            namespace: call.namespace.clone(),
            pod: pod.to_owned(),
            port: port.to_owned(),
            path: call.rest.clone(),
            query: call.query.clone(),
        }
    }
}

/// The answer of a server in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodAnswer {
    /// The HTTP status.
    pub code: u16,
    /// The body.
    pub body: Bytes,
}

/// A request for the log of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container; empty for the only one.
    pub container: String,
    /// How many lines of its end are wanted, as text; empty for all.
    pub tail_lines: String,
    /// How many bytes are wanted, as text; empty for all.
    pub limit_bytes: String,
    /// Whether the client wants what is written later as well.
    pub follow: bool,
}

impl LogRequest {
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            namespace: call.namespace.clone(),
            pod: call.name.clone(),
            container: call.query.get("container").to_owned(),
            tail_lines: call.query.get("tailLines").to_owned(),
            limit_bytes: call.query.get("limitBytes").to_owned(),
            follow: call.query.flag("follow"),
        }
    }
}

pub(crate) type ExecScript = Arc<dyn Fn(Command) -> BoxFuture<'static, Outcome> + Send + Sync>;
pub(crate) type ProxyScript = Arc<dyn Fn(PodRequest) -> BoxFuture<'static, PodAnswer> + Send + Sync>;
pub(crate) type LogScript = Arc<dyn Fn(LogRequest) -> BoxFuture<'static, String> + Send + Sync>;

/// The functions that answer for pods.
#[derive(Clone)]
pub(crate) struct Scripts {
    pub exec: ExecScript,
    pub log: LogScript,
    pub proxy: ProxyScript,
}

impl Default for Scripts {
    fn default() -> Self {
        let no_command = |command: Command| {
            let text = format!(
                "no script says what `{}` does in pods; see ApiServer::on_exec\n",
                command.argv.join(" ")
            );
            std::future::ready(Outcome::failing(127, &text)).boxed()
        };
        let no_server = |request: PodRequest| {
            let text = format!("no script says what {} answers; see ApiServer::on_proxy\n", request.pod);
            let body = Bytes::from(text);
            std::future::ready(PodAnswer { code: 503, body }).boxed()
        };
        let no_log = |request: LogRequest| {
            let text = format!("no script says what {} logs; see ApiServer::on_log\n", request.pod);
            std::future::ready(text).boxed()
        };
        Self {
            exec: Arc::new(no_command),
            log: Arc::new(no_log),
            proxy: Arc::new(no_server),
        }
    }
}
