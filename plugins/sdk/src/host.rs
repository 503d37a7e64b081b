//! What a plugin can ask of the host. Every function needs the capability of its interface,
//! declared and granted.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::{Command, Error, HostError, Output, Said};

/// The host functions. Methods take `&impl Host`, so that a component imports only those that it
/// calls.
pub trait Host {
    /// Returns the pods of a role, by name. Capability `exec` or `http` for the role.
    fn pods(&self, role: &str) -> Result<Vec<Pod>, HostError>;

    /// Runs a command in a pod of this runtime, and returns what it wrote, however it ended.
    /// Capability `exec` for the role. [`Host::ask`] and [`Host::run`] read that as text.
    ///
    /// In a component, the method ends here with [`HostError::Pending`], and is called again once
    /// there is the result: no instance waits for a pod. So a method is written as if the command
    /// ran at once, and may do again what it does before.
    fn exec(&self, command: &Command<'_>) -> Result<Output, HostError>;

    /// Runs commands at the same time, and returns their results in the same order. Better than one
    /// after the other where there may be many pods.
    fn exec_all(&self, commands: &[Command<'_>]) -> Vec<Result<Output, HostError>> {
        commands.iter().map(|command| self.exec(command)).collect()
    }

    /// Sends a request to a pod of this runtime. Capability `http` for role and port. The method
    /// ends and is called again, as for [`Host::exec`].
    fn http(&self, request: &Request<'_>) -> Result<Response, HostError>;

    /// Returns the value of a key of a Secret in the runtime's namespace; `None` if it does not
    /// exist. Capability `secrets`.
    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// Returns an object of the runtime's namespace; `None` if it does not exist. Capability
    /// `objects` for the kind.
    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, HostError>;

    /// Allocates a host port for each name, free of collisions between all runtimes, and returns
    /// them in the order of the names. The same names get the same ports again, until the runtime
    /// is deleted. Capability `ports`.
    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>, HostError>;

    /// Returns the value of a key that outlives a call, and its version. Capability `state`.
    fn state(&self, key: &str) -> Result<Option<Entry>, HostError>;

    /// Returns the keys that have a value. Capability `state`.
    fn state_keys(&self) -> Result<Vec<String>, HostError>;

    /// Sets a key that has the value of this version, or that has none if there is no version, and
    /// returns the new version. A [`HostError::Conflict`] if somebody else has set it in between.
    /// Capability `state`.
    fn set_state(&self, key: &str, value: &[u8], if_version: Option<&str>) -> Result<String, HostError>;

    /// Removes a key that has the value of this version. Capability `state`.
    fn remove_state(&self, key: &str, if_version: &str) -> Result<(), HostError>;

    /// Writes a line to the host's log, marked with plugin and runtime.
    fn log(&self, level: Level, message: &str);

    /// Publishes an event on the runtime. The reason is one word in CamelCase. Capability `events`.
    fn event(&self, severity: Severity, reason: &str, message: &str) -> Result<(), HostError>;

    /// Returns the pods of a role whose containers are all ready.
    fn ready_pods(&self, role: &str) -> Result<Vec<Pod>, HostError> {
        Ok(self.pods(role)?.into_iter().filter(|p| p.ready).collect())
    }

    /// Runs a command in the role's own container to its end, and returns exit code and text. One
    /// that takes too long, or writes more than the limit, is an error.
    fn ask(&self, pod: &str, argv: &[&str], timeout: Duration) -> Result<Said, HostError> {
        self.exec(&Command::new(pod, argv, timeout))?.said()
    }

    /// Runs a command in the role's own container and returns its standard output; any other exit
    /// code than 0 is an error that quotes standard error.
    fn run(&self, pod: &str, argv: &[&str], timeout: Duration) -> Result<String, Error> {
        let describe = |why: &dyn fmt::Display| Error::failed(format!("`{}` in pod {pod}: {why}", argv.join(" ")));
        let said = self.ask(pod, argv, timeout).map_err(|e| describe(&e))?;
        match said.code {
            0 => Ok(said.stdout),
            code => Err(describe(&format_args!("exit code {code}: {}", last_line(&said.stderr)))),
        }
    }

    /// Sends GET `http://<pod's address>:<port><path>`. Capability `http` for role and port.
    fn http_get(&self, pod: &str, port: u16, path: &str, timeout: Duration) -> Result<Response, HostError> {
        self.http(&Request {
            pod,
            port,
            method: "GET",
            path,
            headers: &[],
            body: None,
            timeout: Some(timeout),
        })
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("nothing on standard error")
}

/// A pod of the runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// The role that it belongs to.
    pub role: String,
    /// The node that it runs on; empty until it is scheduled.
    pub node: String,
    /// Its address; empty until it has one.
    pub ip: String,
    /// Whether all its containers are ready.
    pub ready: bool,
    /// When the latest of its running containers started, in milliseconds since 1970; 0 while none
    /// runs.
    pub started_at: u64,
}

/// An HTTP request. The present host sends GET only, and neither headers nor a body.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The name of the pod.
    pub pod: &'a str,
    /// The port.
    pub port: u16,
    /// The method.
    pub method: &'a str,
    /// The path, with its query.
    pub path: &'a str,
    /// Headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: Option<&'a [u8]>,
    /// How long the answer can take; `None` for as long as the call lasts.
    pub timeout: Option<Duration>,
}

/// An HTTP answer. Redirects are not followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, at most the limit of the registration.
    pub body: Vec<u8>,
    /// Whether the body is longer.
    pub truncated: bool,
}

/// A value that outlives a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value itself.
    pub value: Vec<u8>,
    /// Names this value, for a write that follows it.
    pub version: String,
}

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something happened as it should.
    Normal,
    /// Somebody should look at it.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        })
    }
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd, and the plugin goes on.
    Warn,
    /// Something failed.
    Error,
}
