//! Host ports, free of collisions between all runtimes of the cluster.
//!
//! What a runtime holds is recorded in an annotation of the runtime itself, so that a restart
//! rebuilds the whole picture from the objects that are watched anyway, and a deleted runtime frees
//! its ports by being gone.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use parking_lot::Mutex;

/// The annotation of a runtime that records its ports: `{"worker-metrics":14000}`.
pub const PORTS_ANNOTATION: &str = "wasser.fluid.io/ports";

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
    /// The setting of the range is not `first-last`.
    #[error("the setting `port-range` is {0:?}, which is not of the form 14000-15999")]
    BadRange(String),
}

/// The ports of all runtimes, by the UID of the runtime.
#[derive(Debug, Default)]
pub struct Ports {
    held: Mutex<HashMap<String, BTreeMap<String, u16>>>,
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

impl Ports {
    /// Takes in what a runtime's annotation records.
    pub fn record(&self, uid: &str, annotation: Option<&str>) {
        let Some(ports) = annotation.and_then(|text| serde_json::from_str::<BTreeMap<String, u16>>(text).ok()) else {
            return;
        };
        let mut held = self.held.lock();
        held.entry(uid.to_owned()).or_default().extend(ports);
    }

    /// A port for each name: what the runtime holds already under that name, else the lowest free
    /// one.
    pub fn allocate(
        &self,
        uid: &str,
        names: &[String],
        range: &RangeInclusive<u16>,
    ) -> Result<BTreeMap<String, u16>, PortError> {
        let mut held = self.held.lock();
        let mut mine = held.get(uid).cloned().unwrap_or_default();
        let mut taken: std::collections::HashSet<u16> =
            held.values().flat_map(|ports| ports.values().copied()).collect();
        for name in names {
            if mine.contains_key(name) {
                continue;
            }
            let port = range
                .clone()
                .find(|port| !taken.contains(port))
                .ok_or(PortError::Exhausted {
                    size: range.len(),
                    first: *range.start(),
                    last: *range.end(),
                })?;
            taken.insert(port);
            mine.insert(name.clone(), port);
        }
        held.insert(uid.to_owned(), mine.clone());
        Ok(mine)
    }

    /// What a runtime holds, by name.
    pub fn held(&self, uid: &str) -> BTreeMap<String, u16> {
        self.held.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Frees what a runtime holds.
    pub fn release(&self, uid: &str) {
        self.held.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_give_the_same_ports_and_no_two_runtimes_share_one() {
        let ports = Ports::default();
        let names = ["worker".to_owned(), "fuse".to_owned()];
        let first = ports.allocate("a", &names, &(10..=13)).unwrap();
        assert_eq!(ports.allocate("a", &names, &(10..=13)).unwrap(), first);
        let second = ports.allocate("b", &names, &(10..=13)).unwrap();
        assert!(first.values().all(|port| !second.values().any(|other| other == port)));
        assert!(matches!(
            ports.allocate("c", &names, &(10..=13)),
            Err(PortError::Exhausted { size: 4, .. })
        ));
        ports.release("a");
        assert!(ports.allocate("c", &names, &(10..=13)).is_ok());
    }

    #[test]
    fn runtimes_that_race_share_no_port() {
        let ports = Ports::default();
        let names: Vec<String> = (0..10).map(|number| format!("port-{number}")).collect();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (ports, names) = (&ports, &names);
                scope.spawn(move || ports.allocate(&number.to_string(), names, &(1000..=1099)).unwrap());
            }
        });
        let all: std::collections::HashSet<u16> = (0..8)
            .flat_map(|number| ports.held(&number.to_string()).into_values())
            .collect();
        assert_eq!(all.len(), 80);
    }

    #[test]
    fn recorded_ports_are_taken() {
        let ports = Ports::default();
        ports.record("a", Some(r#"{"worker":10}"#));
        ports.record("b", Some("not json"));
        assert_eq!(ports.allocate("c", &["x".to_owned()], &(10..=11)).unwrap()["x"], 11);
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(parse_range("14000-15999"), Ok(14000..=15999));
        for bad in ["", "14000", "2-1", "0-5", "a-b", "1-70000"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}
