//! How the mounts of a Dataset change.

use std::collections::BTreeMap;

use crate::Mount;

/// The difference between the mounts that are wanted and those that there are. Each is named by its
/// path in the file system.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UfsChange {
    /// Mounts that are wanted and not there.
    pub added: BTreeMap<String, Mount>,
    /// Mounts that are there and not wanted.
    pub removed: BTreeMap<String, Mount>,
    /// Mounts that are there and wanted otherwise: as they are, and as they are wanted.
    pub changed: BTreeMap<String, (Mount, Mount)>,
}

impl UfsChange {
    /// Returns the difference between two tables of mounts; `same` decides whether a mount that is
    /// in both has stayed as it was.
    pub fn between(
        old: &BTreeMap<String, Mount>,
        new: &BTreeMap<String, Mount>,
        same: impl Fn(&str, &Mount, &Mount) -> bool,
    ) -> Self {
        let without = |of: &BTreeMap<String, Mount>, other: &BTreeMap<String, Mount>| {
            let missing = of.iter().filter(|(path, _)| !other.contains_key(*path));
            missing.map(|(path, mount)| (path.clone(), mount.clone())).collect()
        };
        let changed = old.iter().filter_map(|(path, old)| {
            let new = new.get(path).filter(|new| !same(path, old, new))?;
            Some((path.clone(), (old.clone(), new.clone())))
        });
        UfsChange {
            added: without(new, old),
            removed: without(old, new),
            changed: changed.collect(),
        }
    }

    /// Reports whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Returns the paths whose present mounts have to go: those removed, and those changed.
    pub fn going(&self) -> Vec<String> {
        self.removed.keys().chain(self.changed.keys()).cloned().collect()
    }
}
