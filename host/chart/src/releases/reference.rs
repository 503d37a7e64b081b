//! The objects of a manifest, by what tells them apart.

use std::collections::HashSet;

use kube::api::{DynamicObject, GroupVersionKind};
use serde::Deserialize;
use serde_json::Value;

use crate::policy::kinds;
use crate::quote;

/// An object of a manifest, without its content but for the replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// The object's own namespace, if the manifest says one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// `spec.replicas`.
    pub replicas: Option<i64>,
}

impl Reference {
    /// What tells objects apart; the version of the API does not.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.gvk.group, &self.gvk.kind, &self.name)
    }

    /// The object, if it says what it is.
    pub fn of(object: &DynamicObject) -> Option<Self> {
        let types = object.types.as_ref()?;
        Some(Self {
            gvk: gvk(&types.api_version, &types.kind),
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone()?,
            replicas: object
                .data
                .pointer("/spec/replicas")
                .and_then(serde_json::Value::as_i64),
        })
    }

    /// A ConfigMap.
    pub fn config_map(name: &str) -> Self {
        Self::of_core("ConfigMap", name)
    }

    /// A StatefulSet or a DaemonSet.
    pub fn workload(kind: &str, name: &str) -> Self {
        Self::at("apps/v1", kind, name)
    }

    /// An object of the core group.
    pub fn of_core(kind: &str, name: &str) -> Self {
        Self::at("v1", kind, name)
    }

    fn at(api_version: &str, kind: &str, name: &str) -> Self {
        Self {
            gvk: gvk(api_version, kind),
            namespace: None,
            name: name.to_owned(),
            replicas: None,
        }
    }

    /// Kind, namespace and name, for messages.
    pub fn describe(&self, namespace: &str) -> String {
        format!(
            "{} {namespace}/{}",
            quote::name(&self.gvk.kind),
            quote::name(&self.name)
        )
    }

    /// The content of the object of this kind and name in a manifest. None if there is none, or the
    /// manifest cannot be read.
    pub fn find_in(&self, manifest: &str) -> Option<Value> {
        let documents = yaml_serde::Deserializer::from_str(manifest);
        let mut all = documents.filter_map(|document| Value::deserialize(document).ok());
        all.find(|object| {
            let text = |field: &Value| field.as_str().map(str::to_owned).unwrap_or_default();
            let found = gvk(&text(&object["apiVersion"]), &text(&object["kind"]));
            (&found.group, &found.kind) == (&self.gvk.group, &self.gvk.kind)
                && object["metadata"]["name"] == self.name.as_str()
        })
    }

    /// Whether its pods stay if it is deleted with `--cascade=orphan`, and are its own again once it
    /// is back: they are known by their names.
    pub fn keeps_orphans(&self) -> bool {
        (self.gvk.group.as_str(), self.gvk.kind.as_str()) == ("apps", "StatefulSet")
    }

    /// Whether pods come and go with it.
    pub fn has_pods(&self) -> bool {
        kinds::pod_template(&self.gvk.group, &self.gvk.kind).is_some()
            || (self.gvk.group.is_empty() && self.gvk.kind == "Pod")
    }
}

fn gvk(api_version: &str, kind: &str) -> GroupVersionKind {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    GroupVersionKind::gvk(group, version, kind)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Option<Spec>,
    items: Vec<Document>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
}

/// `spec` may be anything in kinds that are not of Kubernetes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Spec {
    Scalable { replicas: Option<i64> },
    Other(serde::de::IgnoredAny),
}

/// The objects of a manifest.
///
/// # Errors
/// The words of the YAML parser.
pub fn parse(manifest: &str) -> Result<Vec<Reference>, String> {
    let mut references = Vec::new();
    for document in yaml_serde::Deserializer::from_str(manifest) {
        let document = Option::<Document>::deserialize(document).map_err(|error| error.to_string())?;
        collect(document.unwrap_or_default(), &mut references);
    }
    Ok(references)
}

fn collect(document: Document, references: &mut Vec<Reference>) {
    if document.kind.is_empty() || document.metadata.name.is_empty() {
        document.items.into_iter().for_each(|item| collect(item, references));
        return;
    }
    let replicas = match document.spec {
        Some(Spec::Scalable { replicas }) => replicas,
        Some(Spec::Other(_)) | None => None,
    };
    let gvk = gvk(&document.api_version, &document.kind);
    references.push(Reference {
        gvk,
        namespace: document.metadata.namespace,
        name: document.metadata.name,
        replicas,
    });
}

/// What `before` has and `after` has no more.
pub fn dropped<'a>(before: &'a [Reference], after: &[Reference]) -> Vec<&'a Reference> {
    let kept: HashSet<_> = after.iter().map(Reference::key).collect();
    before
        .iter()
        .filter(|reference| !kept.contains(&reference.key()))
        .collect()
}

/// The order of installation: what pods refer to, then who may do what, then workloads, then what
/// acts on workloads.
///
/// It is Helm's order without the distinctions that make no difference, so that objects of one
/// phase can be applied at once.
pub fn phase(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("rbac.authorization.k8s.io", "RoleBinding") => 1,
        // Where a name is taken, it should be known before pods start on every node.
        ("apps", "DaemonSet") => 3,
        ("", "Pod" | "ReplicationController") | ("apps" | "batch", _) => 2,
        ("autoscaling", _) | ("networking.k8s.io", "Ingress") => 4,
        _ if kinds::is_known(group, kind) => 0,
        // Custom resources come late, as in Helm.
        _ => 4,
    }
}
