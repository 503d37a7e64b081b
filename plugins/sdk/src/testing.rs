//! Native tests of a runtime: a context from manifests, and a host that answers from a script.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Context, Error, Host, Level, Output, Pod, PodError, RawContext, Response, Result, RoleStatus};

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

type Script = dyn Fn(&str, &[&str]) -> std::result::Result<Output, PodError>;
type HttpScript = dyn Fn(&str, u16, &str) -> std::result::Result<Response, PodError>;

/// A host that answers from a script and remembers what it was asked.
#[derive(Default)]
pub struct FakeHost {
    pods: Vec<Pod>,
    exec: Option<Box<Script>>,
    http: Option<Box<HttpScript>>,
    secrets: Option<BTreeMap<(String, String), Vec<u8>>>,
    objects: BTreeMap<(String, String), Value>,
    first_port: Option<u16>,
    state: RefCell<BTreeMap<String, Vec<u8>>>,
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

    /// Answers commands: the script gets the pod and the argv.
    pub fn on_exec(
        mut self,
        script: impl Fn(&str, &[&str]) -> std::result::Result<Output, PodError> + 'static,
    ) -> Self {
        self.exec = Some(Box::new(script));
        self
    }

    /// Answers requests: the script gets the pod, the port and the path.
    pub fn on_http(
        mut self,
        script: impl Fn(&str, u16, &str) -> std::result::Result<Response, PodError> + 'static,
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

    fn note(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }
}

/// Returns a command that succeeded with `stdout`.
pub fn ok(stdout: &str) -> std::result::Result<Output, PodError> {
    Ok(Output {
        stdout: stdout.trim().to_string(),
        ..Output::default()
    })
}

/// Returns a command that ended with `code` and `stderr`.
pub fn exit(code: i32, stderr: &str) -> std::result::Result<Output, PodError> {
    Ok(Output {
        code,
        stderr: stderr.to_string(),
        ..Output::default()
    })
}

/// Returns the pods of a role, for [`Context::roles`].
pub fn role(name: &str, desired: u32, ready: u32) -> RoleStatus {
    RoleStatus {
        name: name.into(),
        desired,
        ready,
    }
}

impl Host for FakeHost {
    fn pods(&self, role: &str) -> std::result::Result<Vec<Pod>, PodError> {
        Ok(self.pods.iter().filter(|p| p.role == role).cloned().collect())
    }

    fn exec(
        &self,
        pod: &str,
        _container: &str,
        argv: &[&str],
        _timeout: Duration,
    ) -> std::result::Result<Output, PodError> {
        self.note(format!("exec {pod} {}", argv.join(" ")));
        match &self.exec {
            Some(script) => script(pod, argv),
            None => Err(PodError::NotGranted("exec".into())),
        }
    }

    fn http_get(
        &self,
        pod: &str,
        port: u16,
        path: &str,
        _timeout: Duration,
    ) -> std::result::Result<Response, PodError> {
        self.note(format!("get {pod}:{port}{path}"));
        match &self.http {
            Some(script) => script(pod, port, path),
            None => Err(PodError::NotGranted("http".into())),
        }
    }

    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.note(format!("secret {name}/{key}"));
        let secrets = self
            .secrets
            .as_ref()
            .ok_or_else(|| Error::failed("secrets are not granted"))?;
        Ok(secrets.get(&(name.to_string(), key.to_string())).cloned())
    }

    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        self.note(format!("object {kind}/{name}"));
        Ok(self.objects.get(&(kind.to_string(), name.to_string())).cloned())
    }

    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>> {
        self.note(format!("ports {}", names.join(" ")));
        let first = self.first_port.ok_or_else(|| Error::failed("ports are not granted"))?;
        Ok((first..).take(names.len()).collect())
    }

    fn state(&self, key: &str) -> Option<Vec<u8>> {
        self.state.borrow().get(key).cloned()
    }

    fn set_state(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        let mut state = self.state.borrow_mut();
        match value {
            Some(value) => drop(state.insert(key.into(), value.into())),
            None => drop(state.remove(key)),
        }
        Ok(())
    }

    fn log(&self, _level: Level, _message: &str) {}

    fn event(&self, kind: &str, reason: &str, message: &str) -> Result<()> {
        self.note(format!("event {kind} {reason} {message}"));
        Ok(())
    }
}
