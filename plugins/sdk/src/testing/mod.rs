//! Native tests of a runtime: a context from manifests, and a host that answers from a script.

mod conversation;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Captured, Command, Context, Ending, Entry, Host, HostError, Level, Output, Pod, RawContext, Request, Response,
    Result, RoleStatus, Severity,
};

pub use conversation::{Conversing, converse};

/// Returns a context such as the host makes for `runtime` and `dataset`, both whole objects.
pub fn raw_context(runtime: &Value, dataset: Option<&Value>, directory: &str) -> RawContext {
    let text = |pointer: &str| {
        runtime
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("default")
            .to_string()
    };
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    RawContext {
        dataset_id: format!("{namespace}-{name}"),
        mount_path: format!(
            "/runtime-mnt/{}/{namespace}/{name}/{directory}",
            directory.trim_end_matches("-fuse")
        ),
        fuse_label: format!("fluid.io/f-{namespace}-{name}"),
        runtime: runtime.to_string(),
        dataset: dataset.map(Value::to_string),
        namespace,
        name,
        ..RawContext::default()
    }
}

/// Returns a typed context for a spec alone: namespace `default`, name `demo`, an empty Dataset.
pub fn context<S: DeserializeOwned>(spec: Value) -> Result<Context<S>> {
    let object = |spec| json!({"metadata": {"namespace": "default", "name": "demo", "uid": "u1"}, "spec": spec});
    Context::parse(raw_context(&object(spec), Some(&object(json!({}))), "demo-fuse"))
}

type Script = dyn Fn(&Command<'_>) -> std::result::Result<Output, HostError>;
type HttpScript = dyn Fn(&str, u16, &str) -> std::result::Result<Response, HostError>;

/// A host that answers from a script and remembers what it was asked.
#[derive(Default)]
pub struct FakeHost {
    pods: Vec<Pod>,
    exec: Option<Box<Script>>,
    http: Option<Box<HttpScript>>,
    secrets: Option<BTreeMap<(String, String), Vec<u8>>>,
    objects: BTreeMap<(String, String), Value>,
    first_port: Option<u16>,
    state: RefCell<BTreeMap<String, Entry>>,
    writes: RefCell<u32>,
    /// Every call, one line each: `exec demo-worker-0 df -P`, `ports worker-metrics`.
    pub calls: RefCell<Vec<String>>,
}

impl FakeHost {
    /// Returns a host that grants nothing and has no pods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pod of `role` that is ready or not.
    pub fn pod(mut self, role: &str, name: &str, ready: bool) -> Self {
        self.pods.push(Pod {
            name: name.into(),
            role: role.into(),
            ready,
            ..Pod::default()
        });
        self
    }

    /// Adds a ready pod of `role` on a node.
    pub fn pod_on(mut self, role: &str, name: &str, node: &str) -> Self {
        self.pods.push(Pod {
            name: name.into(),
            role: role.into(),
            node: node.into(),
            ready: true,
            ..Pod::default()
        });
        self
    }

    /// Adds a pod as it is.
    pub fn pod_as(mut self, pod: Pod) -> Self {
        self.pods.push(pod);
        self
    }

    /// Answers commands: the script gets the pod and the argv.
    pub fn on_exec(self, script: impl Fn(&str, &[&str]) -> std::result::Result<Output, HostError> + 'static) -> Self {
        self.on_command(move |command| script(command.pod, command.argv))
    }

    /// Answers commands: the script gets all of the command, with its input.
    pub fn on_command(
        mut self,
        script: impl Fn(&Command<'_>) -> std::result::Result<Output, HostError> + 'static,
    ) -> Self {
        self.exec = Some(Box::new(script));
        self
    }

    /// Answers requests: the script gets the pod, the port and the path.
    pub fn on_http(
        mut self,
        script: impl Fn(&str, u16, &str) -> std::result::Result<Response, HostError> + 'static,
    ) -> Self {
        self.http = Some(Box::new(script));
        self
    }

    /// Grants secrets, and adds the key of one.
    pub fn with_secret(mut self, name: &str, key: &str, value: &[u8]) -> Self {
        let secrets = self.secrets.get_or_insert_default();
        secrets.insert((name.into(), key.into()), value.into());
        self
    }

    /// Grants ports, counted up from `first`.
    pub fn ports_from(mut self, first: u16) -> Self {
        self.first_port = Some(first);
        self
    }

    /// Adds an object that can be read.
    pub fn with_object(mut self, kind: &str, name: &str, object: Value) -> Self {
        self.objects.insert((kind.into(), name.into()), object);
        self
    }

    /// Returns the calls so far.
    pub fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    /// Refuses a write that does not follow what is there.
    fn follows(&self, key: &str, if_version: Option<&str>) -> std::result::Result<(), HostError> {
        let state = self.state.borrow();
        if state.get(key).map(|entry| entry.version.as_str()) == if_version {
            Ok(())
        } else {
            Err(HostError::Conflict(format!("the key {key} was changed in between")))
        }
    }

    fn note(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }
}

fn ended(code: i32, stdout: &str, stderr: &str) -> Output {
    let captured = |text: &str| Captured {
        bytes: text.as_bytes().to_vec(),
        truncated: false,
    };
    Output {
        ending: Ending::Exited(code),
        stdout: captured(stdout),
        stderr: captured(stderr),
    }
}

/// Returns a command that succeeded with `stdout`.
pub fn ok(stdout: &str) -> std::result::Result<Output, HostError> {
    Ok(ended(0, stdout, ""))
}

/// Returns a command that ended with `code` and `stderr`.
pub fn exit(code: i32, stderr: &str) -> std::result::Result<Output, HostError> {
    Ok(ended(code, "", stderr))
}

/// Returns the pods of a role, for [`Context::roles`].
pub fn role(name: &str, desired: u32, ready: u32) -> RoleStatus {
    RoleStatus {
        name: name.into(),
        desired,
        ready,
    }
}

fn not_granted<T>(what: &str) -> std::result::Result<T, HostError> {
    Err(HostError::NotGranted(format!("{what} are not granted")))
}

impl Host for FakeHost {
    fn pods(&self, role: &str) -> std::result::Result<Vec<Pod>, HostError> {
        Ok(self.pods.iter().filter(|p| p.role == role).cloned().collect())
    }

    fn exec(&self, command: &Command<'_>) -> std::result::Result<Output, HostError> {
        self.note(format!("exec {} {}", command.pod, command.argv.join(" ")));
        match &self.exec {
            Some(script) => script(command),
            None => not_granted("commands"),
        }
    }

    fn http(&self, request: &Request<'_>) -> std::result::Result<Response, HostError> {
        let (pod, port, path) = (request.pod, request.port, request.path);
        self.note(format!("{} {pod}:{port}{path}", request.method.to_ascii_lowercase()));
        match &self.http {
            Some(script) => script(pod, port, path),
            None => not_granted("requests"),
        }
    }

    fn secret(&self, name: &str, key: &str) -> std::result::Result<Option<Vec<u8>>, HostError> {
        self.note(format!("secret {name}/{key}"));
        match &self.secrets {
            Some(secrets) => Ok(secrets.get(&(name.to_string(), key.to_string())).cloned()),
            None => not_granted("secrets"),
        }
    }

    fn object(&self, kind: &str, name: &str) -> std::result::Result<Option<Value>, HostError> {
        self.note(format!("object {kind}/{name}"));
        Ok(self.objects.get(&(kind.to_string(), name.to_string())).cloned())
    }

    fn allocate_ports(&self, names: &[&str]) -> std::result::Result<Vec<u16>, HostError> {
        self.note(format!("ports {}", names.join(" ")));
        match self.first_port {
            Some(first) => Ok((first..).take(names.len()).collect()),
            None => not_granted("ports"),
        }
    }

    fn state(&self, key: &str) -> std::result::Result<Option<Entry>, HostError> {
        Ok(self.state.borrow().get(key).cloned())
    }

    fn state_keys(&self) -> std::result::Result<Vec<String>, HostError> {
        Ok(self.state.borrow().keys().cloned().collect())
    }

    fn set_state(&self, key: &str, value: &[u8], if_version: Option<&str>) -> std::result::Result<String, HostError> {
        self.follows(key, if_version)?;
        let mut written = self.writes.borrow_mut();
        *written += 1;
        let (value, version) = (value.to_vec(), format!("v{written}"));
        let entry = Entry {
            value,
            version: version.clone(),
        };
        self.state.borrow_mut().insert(key.into(), entry);
        Ok(version)
    }

    fn remove_state(&self, key: &str, if_version: &str) -> std::result::Result<(), HostError> {
        self.follows(key, Some(if_version))?;
        self.state.borrow_mut().remove(key);
        Ok(())
    }

    fn log(&self, _level: Level, _message: &str) {}

    fn event(&self, severity: Severity, reason: &str, message: &str) -> std::result::Result<(), HostError> {
        self.note(format!("event {severity} {reason} {message}"));
        Ok(())
    }
}
