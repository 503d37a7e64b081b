//! Host ports, free of collisions between all runtimes of the cluster.
//!
//! What a runtime holds by name is recorded with its release, among the values: what is installed
//! and what is recorded cannot differ, and whoever may write runtimes cannot write it. After a
//! restart, the ports of others are known from their workloads, and a runtime's own from its
//! release once that is read.
//!
//! A port is given to two runtimes only where pods that use it never meet on a node.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use parking_lot::Mutex;
use serde_json::Value;

use crate::watched::host_ports::PortInUse;

/// The annotation of a runtime in which its ports used to be recorded: `{"worker-metrics":14000}`.
pub const PORTS_ANNOTATION: &str = "wasser.fluid.io/ports";
/// The chart value that records the ports of a runtime.
const RECORD: &str = "hostPorts";
/// The port from which the metrics of workers are read. Workers of an exclusive Dataset share no
/// node with other workers, so that all such Datasets can have the same. Ports by which clients
/// reach workers are different for each Dataset nevertheless: a client with an old address must
/// not meet the worker of another one.
const WORKER_METRICS: &str = "worker-metrics";
/// The maximum number of ports of one runtime.
const MOST: usize = 32;

/// Why no ports could be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Every port of the range is taken.
    #[error(
        "all {size} host ports from {first} to {last} are taken; widen the plugin's setting `port-range`, or use \
            `networkMode: ContainerNetwork`"
    )]
    Exhausted {
        /// Ports in the range.
        size: usize,
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// The runtime has too many.
    #[error("the runtime would have {0} host ports, and may have {MOST}; the plugin has to ask for fewer names")]
    TooMany(usize),
    /// The setting of the range is not `first-last`.
    #[error("the setting `port-range` is {0:?}, which is not of the form 14000-15999")]
    BadRange(String),
}

/// Who asks for ports.
#[derive(Debug, Clone)]
pub struct Holder<'a> {
    /// UID of the runtime.
    pub uid: &'a str,
    /// Whether no worker of another Dataset runs where its workers do.
    pub exclusive: bool,
    /// The range that the plugin may use.
    pub range: RangeInclusive<u16>,
}

/// Whether a runtime with this UID is known to hold this port.
pub type IsKnown<'a> = &'a dyn Fn(&str, u16) -> bool;

fn holds(held: &HashMap<String, Held>, uid: &str, port: u16) -> bool {
    held.get(uid)
        .is_some_and(|held| held.ports.values().any(|held| *held == port))
}

/// The ports of all runtimes, by the UID of the runtime.
#[derive(Debug, Default)]
pub struct Ports {
    held: Mutex<HashMap<String, Held>>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    ports: BTreeMap<String, u16>,
    exclusive: bool,
}

impl Held {
    /// Whether others can have the port of this name as well, if they can share theirs.
    fn shares(&self, name: &str) -> bool {
        self.exclusive && name == WORKER_METRICS
    }
}

/// Reads a range of ports: `14000-15999`.
pub fn parse_range(text: &str) -> Result<RangeInclusive<u16>, PortError> {
    let bad = || PortError::BadRange(text.to_owned());
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let first: u16 = first.trim().parse().map_err(|_| bad())?;
    let last: u16 = last.trim().parse().map_err(|_| bad())?;
    if first == 0 || first > last {
        Err(bad())
    } else {
        Ok(first..=last)
    }
}

/// Records ports among the values of a release.
pub fn record(values: &mut Value, ports: &BTreeMap<String, u16>) {
    if let Some(values) = values.as_object_mut().filter(|_| !ports.is_empty()) {
        values.insert(RECORD.to_owned(), serde_json::json!(ports));
    }
}

/// The ports that the values of a release record.
pub fn recorded(values: &Value) -> BTreeMap<String, u16> {
    let found = values.get(RECORD).cloned().unwrap_or_default();
    serde_json::from_value(found).unwrap_or_default()
}

/// Ports that cannot be given to somebody.
#[derive(Debug, Default)]
struct Taken {
    /// To nobody.
    all: HashSet<u16>,
    /// To those only who share theirs too.
    shared: HashSet<u16>,
}

impl Taken {
    fn by_others(holder: &Holder<'_>, held: &HashMap<String, Held>, in_use: &[PortInUse]) -> Self {
        let mut taken = Self::default();
        for (_, others) in held.iter().filter(|(uid, _)| *uid != holder.uid) {
            for (name, port) in &others.ports {
                let ports = if others.shares(name) {
                    &mut taken.shared
                } else {
                    &mut taken.all
                };
                ports.insert(*port);
            }
        }
        let shares = |used: &PortInUse| {
            let ports = |held: &Held| held.shares(WORKER_METRICS) && held.ports.get(WORKER_METRICS) == Some(&used.port);
            held.get(&used.uid).is_some_and(ports)
        };
        let unexplained = in_use.iter().filter(|used| used.uid != holder.uid && !shares(used));
        taken.all.extend(unexplained.map(|used| used.port));
        taken
    }

    fn contains(&self, port: u16, shares: bool) -> bool {
        self.all.contains(&port) || (!shares && self.shared.contains(&port))
    }
}

impl Ports {
    /// Returns a port for each name: what the runtime holds already under that name, else the
    /// lowest one that is free. `in_use` returns the ports of workloads, and may leave out what is
    /// known.
    ///
    /// # Errors
    /// There are too few ports in the range, or too many names.
    pub fn allocate(
        &self,
        holder: &Holder<'_>,
        names: &[String],
        in_use: impl FnOnce(IsKnown<'_>) -> Vec<PortInUse>,
    ) -> Result<BTreeMap<String, u16>, PortError> {
        let has_all = |held: &&Held| names.iter().all(|name| held.ports.contains_key(name));
        let mut held = self.held.lock();
        if let Some(held) = held.get(holder.uid).filter(has_all) {
            return Ok(held.ports.clone());
        }
        let in_use = in_use(&|uid, port| holds(&held, uid, port));
        let mut mine = held.get(holder.uid).cloned().unwrap_or_default();
        mine.exclusive = holder.exclusive;
        let mut taken = Taken::by_others(holder, &held, &in_use);
        taken.all.extend(mine.ports.values());
        for name in names {
            if mine.ports.contains_key(name) {
                continue;
            }
            let free = |port: &u16| !taken.contains(*port, mine.shares(name));
            let port = holder.range.clone().find(free).ok_or(PortError::Exhausted {
                size: holder.range.len(),
                first: *holder.range.start(),
                last: *holder.range.end(),
            })?;
            taken.all.insert(port);
            mine.ports.insert(name.clone(), port);
        }
        if mine.ports.len() > MOST {
            return Err(PortError::TooMany(mine.ports.len()));
        }
        let ports = mine.ports.clone();
        held.insert(holder.uid.to_owned(), mine);
        Ok(ports)
    }

    /// Takes the ports of a record, as far as they can be the runtime's: those of the plugin's range
    /// that nobody else has, and those that the runtime's own workloads use. `in_use` returns the
    /// ports of all workloads.
    pub fn restore(
        &self,
        holder: &Holder<'_>,
        record: &BTreeMap<String, u16>,
        own: &BTreeSet<u16>,
        in_use: impl FnOnce(IsKnown<'_>) -> Vec<PortInUse>,
    ) {
        let mut held = self.held.lock();
        let in_use = if record.values().all(|port| own.contains(port)) {
            Vec::new()
        } else {
            in_use(&|uid, port| holds(&held, uid, port))
        };
        let mut mine = held.get(holder.uid).cloned().unwrap_or_default();
        mine.exclusive = holder.exclusive;
        let mut taken = Taken::by_others(holder, &held, &in_use);
        taken.all.extend(mine.ports.values());
        for (name, port) in record {
            let can_be = own.contains(port) || holder.range.contains(port);
            let is_free = can_be && !taken.contains(*port, mine.shares(name));
            if is_free && mine.ports.len() < MOST && !mine.ports.contains_key(name) {
                taken.all.insert(*port);
                mine.ports.insert(name.clone(), *port);
            }
        }
        if !mine.ports.is_empty() {
            held.insert(holder.uid.to_owned(), mine);
        }
    }

    /// What a runtime holds, by name.
    pub fn held(&self, uid: &str) -> BTreeMap<String, u16> {
        let held = self.held.lock();
        held.get(uid).map(|held| held.ports.clone()).unwrap_or_default()
    }

    /// Frees what a runtime holds.
    pub fn release(&self, uid: &str) {
        self.held.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests;
