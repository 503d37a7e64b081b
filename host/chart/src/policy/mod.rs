//! What a plugin's chart may install.
//!
//! A chart is written by the author of a plugin and rendered with values that come from users, so
//! its objects are checked before they are applied, hooks like the rest: they are in the runtime's
//! namespace, of kinds that were granted, owned by the runtime, and give nobody more than the
//! chart's own pods need. Of their node, pods have what was granted (`powers.rs`) or what the user
//! asks for in objects of his own (`named.rs`).
//!
//! Helm's annotation `helm.sh/resource-policy: keep` is allowed and has no effect: the runtime owns
//! every object, so all go with it.

mod access;
mod image;
pub(crate) mod kinds;
mod named;
mod own;
mod path;
mod permission;
mod pods;
mod powers;
mod problem;
mod rules;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::DynamicObject;
use serde::Deserialize as _;
use serde_json::Value;

pub use named::Named;
pub use powers::Powers;
pub use problem::Problem;
pub use secrets::Secrets;

use crate::quote;
use crate::render::{Hook, Rendered};
use access::Own;
pub(crate) use access::gives_access;

/// What one runtime's release may contain. By default, nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// The only namespace that objects may be in.
    pub namespace: String,
    /// The kinds that were granted: plainly what Kubernetes itself has in namespaces, such as
    /// `StatefulSet`; with its group what it has not, such as
    /// `ServiceMonitor.monitoring.coreos.com`.
    pub kinds: BTreeSet<String>,
    /// What Roles may give beyond what the pods of a cache system need as a rule: `secrets:get`,
    /// `deployments.apps:patch`.
    pub rbac: BTreeSet<String>,
    /// What pods may have of their node.
    pub powers: Powers,
    /// Which Secrets pods may have in addition to those that users name and those of the chart.
    pub secrets: Secrets,
    /// What users name in their own objects.
    pub named: Named,
    /// The directory of the node below which the runtime's clients mount; empty if there is none.
    pub mount: String,
    /// Accounts that pods may run under although the chart does not have them: those that the user
    /// of an operation names, who could make such pods as well.
    pub accounts: BTreeSet<String>,
    /// The runtime, which owns every object.
    pub owner: OwnerReference,
    /// Labels that the host gives to every object and to every pod: `fluid.io/dataset-id`, by which
    /// it watches them.
    pub labels: BTreeMap<String, String>,
}

/// Every pod specification in a part of an object, of whatever kind the object is.
pub fn pod_specs(part: &Value) -> impl Iterator<Item = &Value> {
    pods::find(part).into_iter().map(|pods| pods.spec())
}

/// An object that the policy refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} {problem}")]
pub struct Violation {
    /// Kind and name of the object.
    pub object: String,
    /// What is wrong with it, and the remedy.
    pub problem: Problem,
}

impl Policy {
    /// Whether everything that was rendered may be installed, hooks included.
    ///
    /// # Errors
    /// The first object that may not.
    pub fn admit_release(&self, rendered: &Rendered) -> Result<(), Violation> {
        let hooks = rendered
            .hooks
            .iter()
            .filter_map(|hook| Some((hook, hook.object.as_ref()?)));
        let all: Vec<&DynamicObject> = rendered
            .objects
            .iter()
            .chain(hooks.clone().map(|(_, object)| object))
            .collect();
        // What a hook of a deletion or a test would bring is not there for the rest of the chart:
        // somebody else may have that name later.
        let lasting = hooks.filter(|(hook, _)| is_lasting(hook)).map(|(_, object)| object);
        let present: Vec<&DynamicObject> = rendered.objects.iter().chain(lasting).collect();
        let (own, own_of_hooks) = (Own::of(&self.namespace, &present), Own::of(&self.namespace, &all));
        self.admit_each(&all, |index| {
            if index < rendered.objects.len() {
                &own
            } else {
                &own_of_hooks
            }
        })
    }

    /// Whether all of these may be installed together.
    ///
    /// # Errors
    /// The first object that may not.
    pub fn admit<'a>(&'a self, objects: impl IntoIterator<Item = &'a DynamicObject>) -> Result<(), Violation> {
        let objects: Vec<&DynamicObject> = objects.into_iter().collect();
        let own = Own::of(&self.namespace, &objects);
        self.admit_each(&objects, |_| &own)
    }

    /// Whether this object may be installed together with objects of these groups, kinds and names,
    /// which are the runtime's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn admit_beside<'a>(
        &'a self,
        object: &DynamicObject,
        own: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Result<(), Violation> {
        let own = Own::named(&self.namespace, own);
        self.admit_each(&[object], |_| &own)
    }

    fn admit_each<'o>(&self, objects: &[&DynamicObject], own: impl Fn(usize) -> &'o Own<'o>) -> Result<(), Violation> {
        let mut seen = BTreeSet::new();
        for (index, object) in objects.iter().enumerate() {
            let refuse = |problem| Violation {
                object: describe(index, object),
                problem,
            };
            self.check(object, own(index)).map_err(refuse)?;
            if !seen.insert((kinds::identify(object), object.metadata.name.as_deref())) {
                return Err(refuse(Problem::Duplicate));
            }
        }
        Ok(())
    }

    fn check(&self, object: &DynamicObject, own: &Own<'_>) -> Result<(), Problem> {
        let (group, kind) = kinds::identify(object).ok_or(Problem::Untyped)?;
        if object.metadata.name.as_deref().unwrap_or_default().is_empty() {
            return Err(Problem::Unnamed);
        }
        for part in [
            object.metadata.name.as_deref(),
            object.types.as_ref().map(kinds::version),
        ]
        .into_iter()
        .flatten()
        {
            if !kinds::is_plain(part) {
                return Err(Problem::Name { name: part.to_owned() });
            }
        }
        if kinds::is_cluster_scoped(group, kind) {
            return Err(Problem::ClusterScoped);
        }
        self.check_place(object)?;
        if !self.grants(group, kind) {
            return Err(Problem::Kind {
                grant: kinds::grant(group, kind),
            });
        }
        own.check(group, kind, &object.data, self)?;
        for pods in pods::find(&object.data) {
            if let Some(account) = pods.account().filter(|account| !self.accounts.contains(*account)) {
                own.check_account(account)?;
            }
            let is_known = |name: &str| own.has_secret(name) || self.named.has(name);
            self.secrets.check(pods.path(), pods.spec(), is_known)?;
            pods.check(self)?;
        }
        Ok(())
    }

    fn check_place(&self, object: &DynamicObject) -> Result<(), Problem> {
        if let Some(found) = object
            .metadata
            .namespace
            .as_deref()
            .filter(|found| !found.is_empty() && *found != self.namespace)
        {
            return Err(Problem::Namespace {
                found: found.to_owned(),
                expected: self.namespace.clone(),
            });
        }
        let stranger = object
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.uid != self.owner.uid);
        match stranger {
            Some(owner) => Err(Problem::Owner {
                kind: owner.kind.clone(),
                name: owner.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether pods may have a directory of their node, or its device for file systems.
    fn grants_path(&self, path: &str) -> bool {
        let listed =
            |directory: &String| path::normal(directory).is_some_and(|directory| path::is_within(path, &directory));
        (self.powers.mounts() && self.is_of_clients(path)) || self.powers.host_paths.iter().any(listed)
    }

    /// Whether a client that mounts file systems needs a directory: its own, or one that users name.
    fn is_of_clients(&self, path: &str) -> bool {
        path == pods::DEVICE || self.is_of_mount(path) || self.named.has_path(path)
    }

    /// Whether a directory is the runtime's own mount directory, or below it.
    fn is_of_mount(&self, path: &str) -> bool {
        !self.mount.is_empty() && path::is_within(path, &self.mount)
    }

    /// Whether containers with powers over their node may run an image.
    fn grants_image(&self, image: &str) -> bool {
        self.powers.images.contains(image) || self.named.has_image(image, &self.powers.images)
    }

    /// Whether objects of this kind may be installed, and removed again.
    pub(crate) fn grants(&self, group: &str, kind: &str) -> bool {
        !kinds::is_cluster_scoped(group, kind) && self.kinds.contains(&kinds::grant(group, kind))
    }
}

/// The images of containers with powers over their node in the manifest of a release. What of it
/// cannot be read has none.
pub fn powerful_images(manifest: &str) -> BTreeSet<String> {
    let documents = yaml_serde::Deserializer::from_str(manifest);
    let objects = documents.filter_map(|document| Value::deserialize(document).ok());
    let images = |object: Value| {
        let pods = pods::find(&object);
        let images = pods.iter().flat_map(|pods| pods.powerful_images().map(str::to_owned));
        images.collect::<Vec<String>>()
    };
    objects.flat_map(images).collect()
}

/// Whether the object of a hook is there once the release is installed.
fn is_lasting(hook: &Hook) -> bool {
    let runs = hook
        .events
        .iter()
        .any(|event| event == "pre-install" || event == "post-install");
    runs && !hook.delete_policies.iter().any(|policy| policy == "hook-succeeded")
}

/// Kind and name, or what there is of them.
fn describe(index: usize, object: &DynamicObject) -> String {
    let kind = kinds::identify(object).map_or("object", |(_, kind)| kind);
    match object.metadata.name.as_deref() {
        Some(name) if !name.is_empty() => format!("{} {}", quote::name(kind), quote::name(name)),
        _ => format!("{} number {}", quote::name(kind), index + 1),
    }
}
