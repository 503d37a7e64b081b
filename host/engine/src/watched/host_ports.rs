//! The ports of nodes that the workloads of runtimes take, whoever gave them: this process, an
//! earlier one, or Fluid.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use wasser_api::ObjectKey;
use wasser_api::names::is_of_type;

use crate::watched::Caches;
use crate::watched::workload_facts::WorkloadFacts;

/// The maximum number of ports that are believed of the workloads of one Dataset. Users can write
/// workloads with any owner, and must not be able to take all ports: each few take a runtime.
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
    /// The ports of all workloads that belong to the runtime of some Dataset, without those of which
    /// it is known that the runtime with this UID has them.
    pub fn host_ports(&self, is_known: impl Fn(&str, u16) -> bool) -> Vec<PortInUse> {
        let mut found = HashMap::<ObjectKey, BTreeSet<u16>>::new();
        let mut all = Vec::new();
        let mut add = |metadata: &ObjectMeta, ports: &[u16]| {
            let Some(owner) = owner(metadata) else { return };
            let mut unknown = ports.iter().filter(|port| !is_known(&owner.uid, **port)).peekable();
            let Some(namespace) = metadata.namespace.as_deref().filter(|_| unknown.peek().is_some()) else {
                return;
            };
            if !self.is_runtime(namespace, owner) {
                return;
            }
            let believed = found.entry(ObjectKey::new(namespace, &owner.name)).or_default();
            for port in unknown {
                if believed.len() < MOST && believed.insert(*port) {
                    let (uid, port) = (owner.uid.clone(), *port);
                    all.push(PortInUse { uid, port });
                }
            }
        };
        for set in self.stateful_sets.state() {
            add(&set.metadata, &set.facts.host_ports);
        }
        for set in self.daemon_sets.state() {
            add(&set.metadata, &set.facts.host_ports);
        }
        all
    }

    /// Whether this is the runtime of some Dataset. Of a kind that nobody serves, which may be Fluid's,
    /// it is the one that the Dataset is bound to, or any while the operator starts.
    fn is_runtime(&self, namespace: &str, owner: &OwnerReference) -> bool {
        let Some(dataset) = self.dataset(namespace, &owner.name) else {
            return false;
        };
        let is_bound = || {
            let mut bound = dataset.status.iter().flat_map(|status| &status.runtimes);
            bound.any(|bound| is_of_type(&owner.kind, &bound.runtime_type))
        };
        self.runtimes
            .is_there(namespace, owner)
            .unwrap_or_else(|| is_bound() || self.runtimes.is_starting())
    }

    /// The ports of the workloads with these names, as far as they belong to this runtime.
    pub fn host_ports_of<'a>(
        &self,
        namespace: &str,
        workloads: impl IntoIterator<Item = &'a str>,
        uid: &str,
    ) -> BTreeSet<u16> {
        let of = |metadata: &ObjectMeta, facts: &WorkloadFacts| {
            let is_own = owner(metadata).is_some_and(|owner| owner.uid == uid);
            if is_own { facts.host_ports.clone() } else { Vec::new() }
        };
        let ports = |workload| {
            let stateful_set = self.stateful_set(namespace, workload);
            let daemon_set = self.daemon_set(namespace, workload);
            let first = stateful_set.map(|set| of(&set.metadata, &set.facts));
            let second = daemon_set.map(|set| of(&set.metadata, &set.facts));
            [first, second]
        };
        workloads.into_iter().flat_map(ports).flatten().flatten().collect()
    }
}

/// The runtime that controls an object.
fn owner(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = metadata.owner_references.as_deref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    (owner.api_version == wasser_api::API_VERSION).then_some(owner)
}
