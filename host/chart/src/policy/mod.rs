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
mod claims;
mod fields;
mod image;
pub(crate) mod kinds;
mod named;
mod network;
mod own;
mod path;
mod permission;
mod pods;
mod powers;
mod problem;
mod rules;
mod secrets;
mod selectors;

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

/// How the labels and annotations begin by which the host finds what is its own.
const OF_THE_HOST: &str = "wasser.fluid.io/";
/// How the names of Helm's records begin.
const RECORD_PREFIX: &str = "sh.helm.release.";

/// What one runtime's release may contain. By default, nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// The only namespace that objects may be in.
    pub namespace: String,
    /// The kinds that were granted: plainly what Kubernetes itself has in namespaces, such as
    /// `StatefulSet`; with its group what it has not, such as
    /// `ServiceMonitor.monitoring.coreos.com`.
    pub kinds: BTreeSet<String>,
    /// Objects that may be removed although charts may not install them, by their kinds as in a grant
    /// and their names: those that an earlier chart of somebody else's has left.
    pub removable: BTreeSet<(String, String)>,
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
        check_metadata(object)?;
        if !self.grants(group, kind) {
            return Err(Problem::Kind {
                grant: kinds::grant(group, kind),
            });
        }
        own.check(group, kind, &object.data, self)?;
        network::check(group, kind, &object.data, &self.powers)?;
        self.check_selector(group, kind, &object.data)?;
        claims::check(&object.data, |name| own.has_claim(name) || self.named.has_claim(name))?;
        if !self.powers.privileged {
            let annotations = object.metadata.annotations.iter().flatten();
            pods::check_annotations(annotations.map(|(key, value)| (key.as_str(), value.as_str())))?;
        }
        for pods in pods::find(&object.data) {
            if let Some(account) = pods.account().filter(|account| !self.accounts.contains(*account)) {
                own.check_account(account)?;
            }
            let is_known = |name: &str| own.has_secret(name) || self.named.has_secret(name);
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
    ///
    /// What is below a listed directory is only for those that may mount, who can do anything on a
    /// node: others could put a link there that leads somewhere else, and ask for that.
    fn grants_path(&self, path: &str) -> bool {
        let mounts = self.powers.mounts();
        let listed = |directory: &String| {
            path::normal(directory)
                .is_some_and(|directory| path == directory || (mounts && path::is_within(path, &directory)))
        };
        (mounts && self.is_of_clients(path)) || self.powers.host_paths.iter().any(listed)
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

    /// Whether an object of a release may be removed.
    pub(crate) fn removes(&self, group: &str, kind: &str, name: &str) -> bool {
        let is_left = || (kinds::grant(group, kind), name.to_owned());
        self.grants(group, kind) || (!kinds::is_cluster_scoped(group, kind) && self.removable.contains(&is_left()))
    }
}

/// The images of containers with powers over their node in the manifest of a release. What of it
/// cannot be read has none.
pub fn powerful_images(manifest: &str) -> BTreeSet<String> {
    // As Helm takes manifests apart: YAML has more ends of lines, at which a text could begin another
    // document that was never installed.
    let documents = manifest
        .split("\n---")
        .filter_map(|text| yaml_serde::Deserializer::from_str(text).next());
    let objects = documents.filter_map(|document| Value::deserialize(document).ok());
    let images = |object: Value| {
        let pods = pods::find(&object);
        let images = pods.iter().flat_map(|pods| pods.powerful_images().map(str::to_owned));
        images.collect::<Vec<String>>()
    };
    objects.flat_map(images).collect()
}

/// Whether an object's metadata have nothing that the host or Helm would act on, and nothing that
/// keeps the object from going.
fn check_metadata(object: &DynamicObject) -> Result<(), Problem> {
    let metadata = &object.metadata;
    if let Some(finalizer) = metadata.finalizers.iter().flatten().next() {
        return Err(Problem::Finalizer {
            finalizer: finalizer.clone(),
        });
    }
    let keys = metadata.labels.iter().chain(&metadata.annotations).flatten();
    if let Some((key, _)) = keys.into_iter().find(|(key, _)| key.starts_with(OF_THE_HOST)) {
        return Err(Problem::OfTheHost { key: key.clone() });
    }
    let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key));
    let is_named = metadata
        .name
        .as_deref()
        .is_some_and(|name| name.starts_with(RECORD_PREFIX));
    if is_named || label("owner").is_some_and(|owner| owner == "helm") {
        return Err(Problem::Record);
    }
    Ok(())
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
