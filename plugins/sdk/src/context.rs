//! Everything that a method knows about the runtime that it is called for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use wasser_api::labels::{FUSE_HOST_PID, truth};

use crate::{DatasetSpec, Error, Result, Want, fields};

/// The setting of the installation that keeps fuse pods running when a node lacks resources.
const CRITICAL: &str = "critical-fuse-pod";
/// The setting of the installation that names Secrets for pulling images, separated by commas.
const PULL_SECRETS: &str = "image-pull-secrets";

/// The facts of the resource `context` of the WIT, with JSON documents still text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawContext {
    /// See [`Context::namespace`].
    pub namespace: String,
    /// See [`Context::name`].
    pub name: String,
    /// See [`Context::dataset_id`].
    pub dataset_id: String,
    /// See [`Context::runtime`].
    pub runtime: String,
    /// See [`Context::dataset`].
    pub dataset: Option<String>,
    /// See [`Context::mount_path`].
    pub mount_path: String,
    /// See [`Context::fuse_label`].
    pub fuse_label: String,
    /// See [`Context::images`].
    pub images: Vec<(String, String)>,
    /// See [`Context::settings`].
    pub settings: Vec<(String, String)>,
    /// See [`Context::installed`].
    pub installed: Option<String>,
    /// See [`Context::roles`].
    pub roles: Vec<RoleStatus>,
    /// See [`Context::now_ms`].
    pub now_ms: u64,
    /// See [`Context::granted`].
    pub granted: Vec<Want>,
}

/// Everything that a method knows about the runtime that it is called for. `S` is the type of the
/// runtime's spec.
#[derive(Debug, Clone)]
pub struct Context<S> {
    /// Namespace of the runtime and of its Dataset.
    pub namespace: String,
    /// Name of the runtime and of its Dataset.
    pub name: String,
    /// The value of the label `fluid.io/dataset-id`: `<namespace>-<name>`, or the Dataset's UID
    /// where that is too long.
    pub dataset_id: String,
    /// The runtime object.
    pub runtime: Object<S>,
    /// The Dataset of the same name; `None` once it is gone (only `shutdown` sees that).
    pub dataset: Option<Object<DatasetSpec>>,
    /// The absolute path on a node where the fuse process mounts the file system.
    pub mount_path: String,
    /// The node label that brings a fuse pod to a node, to be put into the fuse node selector with
    /// the value `true`.
    pub fuse_label: String,
    /// Images as the registration lists them.
    pub images: BTreeMap<String, String>,
    /// Settings of the installation, as the registration lists them.
    pub settings: BTreeMap<String, String>,
    /// The chart values of the release as it is installed now; `None` before the first
    /// installation.
    pub installed: Option<Value>,
    /// The roles' pods as last seen.
    pub roles: Vec<RoleStatus>,
    /// When these facts were gathered, in milliseconds since 1970; the same for all calls of a
    /// reconcile.
    pub now_ms: u64,
    /// The capabilities that hold: those that `describe` wants and the registration grants.
    pub granted: Vec<Want>,
}

impl<S: DeserializeOwned> Context<S> {
    /// Reads the documents of `raw`. A runtime or Dataset that does not fit its type is an
    /// [`Error::InvalidSpec`] with the field, for the user to correct; values that do not parse are
    /// a failure.
    pub fn parse(raw: RawContext) -> Result<Self> {
        Ok(Context {
            runtime: runtime(&raw.runtime)?,
            dataset: raw
                .dataset
                .as_deref()
                .map(|text| fields::parse(|| "Dataset".into(), text))
                .transpose()?,
            installed: raw
                .installed
                .as_deref()
                .map(serde_json::from_str)
                .transpose()
                .map_err(|e| {
                    Error::failed(format!(
                        "cannot read the installed values of {}/{}: {e}",
                        raw.namespace, raw.name
                    ))
                })?,
            namespace: raw.namespace,
            name: raw.name,
            dataset_id: raw.dataset_id,
            mount_path: raw.mount_path,
            fuse_label: raw.fuse_label,
            images: raw.images.into_iter().collect(),
            settings: raw.settings.into_iter().collect(),
            roles: raw.roles,
            now_ms: raw.now_ms,
            granted: raw.granted,
        })
    }
}

impl<S> Context<S> {
    /// Returns the Dataset's spec. Its absence is an error for every method but `shutdown`.
    pub fn dataset(&self) -> Result<&DatasetSpec> {
        let missing = || {
            Error::failed(format!(
                "Dataset {}/{} does not exist; create it, or delete the runtime",
                self.namespace, self.name
            ))
        };
        self.dataset.as_ref().map(|d| &d.spec).ok_or_else(missing)
    }

    /// Reports whether a capability holds, for this scope if it has scopes.
    pub fn is_granted(&self, capability: &str, scope: Option<&str>) -> bool {
        let covers = |want: &&Want| scope.is_none_or(|scope| want.scope.iter().any(|granted| granted == scope));
        let mut of_name = self.granted.iter().filter(|want| want.capability == capability);
        of_name.any(|want| covers(&want))
    }

    /// Reports whether a setting of the installation is `true`.
    pub fn is_set(&self, setting: &str) -> bool {
        self.settings.get(setting).is_some_and(|v| v == "true")
    }

    /// Reports whether a setting of the installation that is on by default is not `false`.
    pub fn is_on(&self, setting: &str) -> bool {
        self.settings.get(setting).is_none_or(|v| v != "false")
    }

    /// Returns the Secrets for pulling images that the installation sets, for pods of runtimes that
    /// name none.
    pub fn pull_secrets(&self) -> Vec<Value> {
        let names = self.settings.get(PULL_SECRETS).map(String::as_str).unwrap_or_default();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| json!({"name": name})).collect()
    }

    /// Returns the first of these lists of Secrets for pulling images that is not empty, the
    /// component's before the runtime's, else the Secrets that the installation sets.
    pub fn pull_secrets_or(&self, component: &[Value], runtime: &[Value]) -> Vec<Value> {
        match [component, runtime].into_iter().find(|secrets| !secrets.is_empty()) {
            Some(secrets) => secrets.to_vec(),
            None => self.pull_secrets(),
        }
    }

    /// Reports whether fuse pods keep running when a node lacks resources, which they do unless the
    /// installation says otherwise: applications hang without them.
    pub fn critical_fuse_pod(&self) -> bool {
        self.is_on(CRITICAL)
    }

    /// Returns the directory of the mount path, which pods mount so that they see the mount come
    /// and go.
    pub fn mount_parent(&self) -> &str {
        self.mount_path.rsplit_once('/').map_or("/", |(parent, _)| parent)
    }

    /// Reports whether the runtime's annotation lets its fuse pods see the node's processes.
    pub fn host_pid(&self) -> Result<bool> {
        let Some(asked) = self.runtime.metadata.annotations.get(FUSE_HOST_PID) else {
            return Ok(false);
        };
        truth(asked).ok_or_else(|| {
            Error::invalid(
                format!("{}.metadata.annotations[{FUSE_HOST_PID}]", self.runtime.kind),
                "is neither true nor false",
            )
        })
    }

    /// Returns how many pods of a role were ready when the host last looked.
    pub fn ready(&self, role: &str) -> u32 {
        self.roles.iter().find(|r| r.name == role).map_or(0, |r| r.ready)
    }
}

/// Reads a runtime. One without a spec asks for what one asks for whose spec is empty.
fn runtime<S: DeserializeOwned>(text: &str) -> Result<Object<S>> {
    fields::parse(|| kind(text), text).or_else(|error| {
        let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|_| error.clone())?;
        if object.contains_key("spec") {
            return Err(error);
        }
        object.insert("spec".into(), Value::Object(Map::new()));
        fields::parse(|| kind(text), &Value::Object(object).to_string())
    })
}

/// Returns the kind of an object, even if nothing else of it can be read.
fn kind(object: &str) -> String {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    serde_json::from_str(object).map_or_else(|_| "the runtime".into(), |Kind { kind }| kind)
}

/// A Kubernetes object with the metadata that plugins read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound = "S: DeserializeOwned")]
pub struct Object<S> {
    /// Group and version: `data.fluid.io/v1alpha1`.
    #[serde(default)]
    pub api_version: String,
    /// The kind.
    #[serde(default)]
    pub kind: String,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Metadata,
    /// What the user asks for.
    pub spec: S,
    /// What was observed; null before.
    #[serde(default)]
    pub status: Value,
}

/// The metadata of an object, as far as plugins read it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The numbers of pods of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleStatus {
    /// The name of the role, as `describe` declares it.
    pub name: String,
    /// Pods that the workload asks for.
    pub desired: u32,
    /// Pods that are ready.
    pub ready: u32,
}
