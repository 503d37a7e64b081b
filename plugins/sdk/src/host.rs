//! What a plugin can ask of the host. Every function needs the capability of its interface,
//! declared and granted.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::Error;

/// The host functions. Methods take `&impl Host`, so that a component imports only those that it
/// calls.
pub trait Host {
    /// Returns the pods of a role, by name. Capability `exec` for the role.
    fn pods(&self, role: &str) -> Result<Vec<Pod>, PodError>;

    /// Runs a command in a container of a pod of this runtime; an empty `container` is the role's
    /// own. There is no shell in between: `argv` reaches the process as it is. Capability `exec`
    /// for the role.
    fn exec(&self, pod: &str, container: &str, argv: &[&str], timeout: Duration) -> Result<Output, PodError>;

    /// Sends GET `http://<pod's address>:<port><path>`; redirects are not followed. Capability
    /// `http` for role and port.
    fn http_get(&self, pod: &str, port: u16, path: &str, timeout: Duration) -> Result<Response, PodError>;

    /// Returns the value of a key of a Secret in the runtime's namespace; `None` if it does not
    /// exist. Capability `secrets`.
    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Returns an object of the runtime's namespace; `None` if it does not exist. Capability
    /// `objects` for the kind.
    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, Error>;

    /// Allocates a host port for each name, free of collisions between all runtimes. The same names
    /// get the same ports again, until the runtime is deleted. Capability `ports`.
    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>, Error>;

    /// Returns the value of a key that outlives a call. Capability `state`.
    fn state(&self, key: &str) -> Option<Vec<u8>>;

    /// Sets a key, or removes it. Fails over the size limit. Capability `state`.
    fn set_state(&self, key: &str, value: Option<&[u8]>) -> Result<(), Error>;

    /// Writes a line to the host's log, marked with plugin and runtime.
    fn log(&self, level: Level, message: &str);

    /// Publishes an event on the runtime. `kind` is `Normal` or `Warning`. Capability `events`.
    fn event(&self, kind: &str, reason: &str, message: &str) -> Result<(), Error>;

    /// Returns the pods of a role whose containers are all ready.
    fn ready_pods(&self, role: &str) -> Result<Vec<Pod>, PodError> {
        Ok(self.pods(role)?.into_iter().filter(|p| p.ready).collect())
    }

    /// Runs a command in the role's own container and returns its standard output; any other exit
    /// code than 0 is an error that quotes standard error.
    fn run(&self, pod: &str, argv: &[&str], timeout: Duration) -> Result<String, Error> {
        let describe = |why: &dyn fmt::Display| Error::failed(format!("`{}` in pod {pod}: {why}", argv.join(" ")));
        let output = self.exec(pod, "", argv, timeout).map_err(|e| describe(&e))?;
        match output.code {
            0 => Ok(output.stdout),
            code => Err(describe(&format_args!(
                "exit code {code}: {}",
                last_line(&output.stderr)
            ))),
        }
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
    /// When its first container started, in milliseconds since 1970; 0 before.
    pub started_at: u64,
}

/// What a command left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// Standard output without surrounding white space, at most the limit of the registration.
    pub stdout: String,
    /// Standard error, in the same way.
    pub stderr: String,
}

/// An HTTP answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, at most the limit of the registration.
    pub body: Vec<u8>,
}

/// Why a pod could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodError {
    /// The registration does not grant this, or the plugin did not declare it.
    NotGranted(String),
    /// There is no such pod or container, or it is not running.
    NotFound(String),
    /// The command did not finish in time.
    Timeout,
    /// Anything else, for people.
    Failed(String),
}

impl fmt::Display for PodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodError::NotGranted(what) => write!(f, "the plugin may not do this: {what}"),
            PodError::NotFound(what) => write!(f, "not found: {what}"),
            PodError::Timeout => f.write_str("did not finish in time"),
            PodError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PodError {}

impl From<PodError> for Error {
    fn from(error: PodError) -> Self {
        Error::failed(error.to_string())
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
