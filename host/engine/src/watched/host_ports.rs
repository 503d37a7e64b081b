//! The ports of nodes that the workloads of runtimes take, whoever gave them: this process, an
//! earlier one, or Fluid.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use wasser_api::ObjectKey;

use crate::watched::Caches;

/// The maximum number of ports that are believed of the workloads of one Dataset. Users can write
/// workloads, and must not be able to take all ports.
const MOST: usize = 32;

/// A port that a workload takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInUse {
    /// The UID of the runtime that the workload belongs to.
    pub uid: String,
    /// The port.
    pub port: u16,
}

impl Caches {
    /// The ports of all workloads that belong to the runtime of some Dataset.
    pub fn host_ports(&self) -> Vec<PortInUse> {
        let mut found = HashMap::<ObjectKey, BTreeSet<u16>>::new();
        let mut all = Vec::new();
        let mut add = |metadata: &ObjectMeta, template: &PodTemplateSpec| {
            let ports = taken_by(template);
            let Some((key, uid)) = owner(metadata).filter(|_| !ports.is_empty()) else {
                return;
            };
            if self.dataset(&key.namespace, &key.name).is_none() {
                return;
            }
            let known = found.entry(key).or_default();
            for port in ports {
                if known.len() < MOST && known.insert(port) {
                    let uid = uid.to_owned();
                    all.push(PortInUse { uid, port });
                }
            }
        };
        for set in self.stateful_sets.state() {
            if let Some(spec) = &set.spec {
                add(&set.metadata, &spec.template);
            }
        }
        for set in self.daemon_sets.state() {
            if let Some(spec) = &set.spec {
                add(&set.metadata, &spec.template);
            }
        }
        all
    }

    /// The ports of the workloads with these names, as far as they belong to this runtime.
    pub fn host_ports_of<'a>(
        &self,
        namespace: &str,
        workloads: impl IntoIterator<Item = &'a str>,
        uid: &str,
    ) -> BTreeSet<u16> {
        let of = |metadata: &ObjectMeta, template: Option<&PodTemplateSpec>| {
            let is_own = owner(metadata).is_some_and(|(_, owner)| owner == uid);
            template.filter(|_| is_own).map(taken_by).unwrap_or_default()
        };
        let ports = |workload| {
            let stateful_set = self.stateful_set(namespace, workload);
            let daemon_set = self.daemon_set(namespace, workload);
            let first = stateful_set.map(|set| of(&set.metadata, set.spec.as_ref().map(|spec| &spec.template)));
            let second = daemon_set.map(|set| of(&set.metadata, set.spec.as_ref().map(|spec| &spec.template)));
            [first, second]
        };
        workloads.into_iter().flat_map(ports).flatten().flatten().collect()
    }
}

/// The runtime that controls an object, and its UID.
fn owner(metadata: &ObjectMeta) -> Option<(ObjectKey, &str)> {
    let owners = metadata.owner_references.as_deref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    let namespace = metadata.namespace.as_deref()?;
    (owner.api_version == wasser_api::API_VERSION).then(|| (ObjectKey::new(namespace, &owner.name), owner.uid.as_str()))
}

/// The ports of the node that pods of this template take. On the node's network, these are all
/// that they declare.
fn taken_by(template: &PodTemplateSpec) -> BTreeSet<u16> {
    let Some(spec) = &template.spec else {
        return BTreeSet::new();
    };
    let on_host = spec.host_network == Some(true);
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let taken = ports.filter_map(|port| port.host_port.or_else(|| on_host.then_some(port.container_port)));
    taken.filter_map(|port| u16::try_from(port).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ports(spec: Value) -> Vec<u16> {
        let template = serde_json::from_value(json!({"spec": spec})).unwrap();
        taken_by(&template).into_iter().collect()
    }

    #[test]
    fn pods_take_what_they_declare_on_the_host() {
        let containers = json!([
            {"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]},
            {"name": "b", "ports": [{"containerPort": 82}]}]);
        assert_eq!(ports(json!({"containers": containers})), [8081]);
        assert_eq!(
            ports(json!({"containers": containers, "hostNetwork": true})),
            [80, 82, 8081]
        );
    }
}
