//! The workloads that a chart has rendered, and the roles that the plugin describes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wasser_plugin::bindings::types::Role;

use crate::trial::Trial;

/// The kinds of workloads that a role can have.
const KINDS: [&str; 2] = ["StatefulSet", "DaemonSet"];

/// The roles and workloads of several contexts.
#[derive(Debug, Default)]
pub struct Seen {
    /// The roles that have had a workload.
    roles: BTreeSet<String>,
    /// The workloads that belong to no role, by kind and what follows the name of the runtime.
    strays: BTreeSet<(String, String)>,
}

impl Seen {
    /// Notes what one context has led to. Returns what only the workload of a role should have, and one
    /// of no role has.
    pub fn note(&mut self, roles: &[Role], trial: &Trial<'_>, objects: &[Value]) -> Vec<String> {
        let mut faults = Vec::new();
        let runtime = &trial.pair.name;
        let wanted: BTreeMap<(&str, String), &Role> = roles
            .iter()
            .map(|role| ((role.workload.as_str(), name_of(role, runtime)), role))
            .collect();
        let label = trial.identity.fuse_label();
        for object in objects {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            if let Some(role) = wanted.get(&(kind, name.to_owned())) {
                self.roles.insert(role.name.clone());
                continue;
            }
            if !KINDS.contains(&kind) {
                continue;
            }
            let suffix = name.strip_prefix(runtime.as_str()).unwrap_or(name);
            self.strays.insert((kind.to_owned(), suffix.to_owned()));
            let selects = !object["spec"]["template"]["spec"]["nodeSelector"][label.as_str()].is_null();
            let what = match (object["spec"]["replicas"] == 0, selects) {
                (true, _) => "`replicas: 0`",
                (_, true) => "the nodeSelector of clients",
                _ => continue,
            };
            faults.push(format!(
                "{kind} {name} has {what}, and belongs to no role: `describe` names {}",
                listed(roles, runtime)
            ));
        }
        faults
    }

    /// Returns the roles that never had a workload, each with the nearest one that belongs to no role.
    pub fn missing(&self, roles: &[Role]) -> Vec<String> {
        let missing = roles.iter().filter(|role| !self.roles.contains(&role.name));
        let fault = |role: &Role| {
            let (name, workload) = (&role.name, format!("{} RUNTIME{}", role.workload, role.suffix));
            let nearest = self
                .strays
                .iter()
                .min_by_key(|(kind, suffix)| (strsim::levenshtein(suffix, &role.suffix), *kind != role.workload));
            let nearest = nearest.map_or_else(String::new, |(kind, suffix)| {
                format!("; the nearest that it renders is the {kind} RUNTIME{suffix}")
            });
            format!(
                "the role {name} has no workload with any of the manifests: the chart never renders the {workload}{nearest}"
            )
        };
        missing.map(fault).collect()
    }

    /// Returns whether workloads were seen that belong to no role.
    pub fn has_strays(&self) -> bool {
        !self.strays.is_empty()
    }
}

/// Returns the name of a role's workload.
fn name_of(role: &Role, runtime: &str) -> String {
    format!("{runtime}{}", role.suffix)
}

fn listed(roles: &[Role], runtime: &str) -> String {
    let names = roles
        .iter()
        .map(|role| format!("{} {}", role.workload, name_of(role, runtime)));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns what of a role's workload is not as the plugin describes it.
pub fn workload(role: &Role, trial: &Trial<'_>, objects: &[Value]) -> Vec<String> {
    let name = name_of(role, &trial.pair.name);
    let is_it = |object: &&Value| object["kind"] == role.workload && object["metadata"]["name"] == name;
    let Some(found) = objects.iter().find(is_it) else {
        return Vec::new();
    };
    let workload = format!("{} {name}", role.workload);
    let mut faults = Vec::new();
    let pod = &found["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array();
    if !containers
        .into_iter()
        .flatten()
        .any(|container| container["name"] == role.container)
    {
        faults.push(format!(
            "{workload} has no container `{}`, which `describe` names",
            role.container
        ));
    }
    if role.starts_at_zero && found["spec"]["replicas"] != 0 {
        faults.push(format!(
            "{workload} must have `replicas: 0`: the host places its pods, and then scales it up"
        ));
    }
    let label = trial.identity.fuse_label();
    if role.name == "fuse" && pod["nodeSelector"][label.as_str()] != "true" {
        faults.push(format!(
            "{workload} needs the nodeSelector `{label}: \"true\"`, the label that the context names"
        ));
    }
    faults
}
