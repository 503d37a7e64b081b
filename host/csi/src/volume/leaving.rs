//! Clients that leave: the mounts of those whose label was removed. There is one small file for each, so
//! that a new process knows them.
//!
//! A client serves its mount until it has ended. A pod that comes meanwhile would be bound to a file
//! system that ends under it, so the label is set again once the mount is gone.
//!
//! The note is written before the label is removed, since an answer of the API server can be lost.
//! Until one has come, it is not certain that the client leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::boot::{self, BootNotes};
use crate::error::Error;
use crate::mount::mountinfo::Mount;

/// The mount of a client that leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    id: u32,
    device: String,
    /// The time since the start of the machine: a clock that is set does not count.
    since: Duration,
    /// Whether it is certain that the label was removed.
    pub is_certain: bool,
}

impl Left {
    /// Returns whether this is the mount, and not that of a successor.
    pub fn is(&self, mount: &Mount) -> bool {
        mount.id == self.id && mount.device == self.device
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    label: String,
    left: Left,
}

/// The mounts of clients that leave, by the label of the clients, in memory and on disk.
#[derive(Debug)]
pub struct Leaving {
    notes: BootNotes,
    known: Mutex<BTreeMap<String, Left>>,
}

impl Leaving {
    /// Reads the notes in a directory, and removes those from before the last start of the machine.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load(directory: PathBuf) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        let notes = BootNotes::load(directory, |note: Note| {
            known.insert(note.label, note.left);
        })?;
        Ok(Self {
            notes,
            known: Mutex::new(known),
        })
    }

    /// Notes that the client with this mount may leave from now on. One that is known already leaves
    /// since then. Returns whether it was not known.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, label: &str, mount: &Mount) -> Result<bool, Error> {
        if self.known.lock().get(label).is_some_and(|left| left.is(mount)) {
            return Ok(false);
        }
        let left = Left {
            id: mount.id,
            device: mount.device.clone(),
            since: boot::uptime()?,
            is_certain: false,
        };
        self.write(label, left)?;
        Ok(true)
    }

    /// Notes that the client certainly leaves from now on, if it is known.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn confirm(&self, label: &str) -> Result<(), Error> {
        let known = self.known.lock().get(label).cloned();
        match known.filter(|left| !left.is_certain) {
            Some(left) => self.write(
                label,
                Left {
                    since: boot::uptime()?,
                    is_certain: true,
                    ..left
                },
            ),
            None => Ok(()),
        }
    }

    /// Returns the mount of the clients with a label that leave. One that is still there after
    /// `patience` belongs to a client that stays.
    ///
    /// # Errors
    /// procfs cannot be read.
    pub fn get(&self, label: &str, patience: Duration) -> Result<Option<Left>, Error> {
        let Some(left) = self.known.lock().get(label).cloned() else {
            return Ok(None);
        };
        let waited = boot::uptime()?.checked_sub(left.since);
        Ok(waited.is_some_and(|waited| waited < patience).then_some(left))
    }

    /// Forgets the mount.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, label: &str) -> Result<(), Error> {
        self.notes.remove(Path::new(label))?;
        self.known.lock().remove(label);
        Ok(())
    }

    fn write(&self, label: &str, left: Left) -> Result<(), Error> {
        let note = Note {
            label: label.to_owned(),
            left,
        };
        self.notes.write(Path::new(label), &note)?;
        self.known.lock().insert(note.label, note.left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::mountinfo::Table;

    #[test]
    fn the_next_process_knows_who_leaves() {
        let directory = tempfile::tempdir().unwrap();
        let load = || Leaving::load(directory.path().to_owned()).unwrap();
        let table = Table::parse(b"1 0 0:9 / /m rw - fuse x rw\n2 0 0:8 / /n rw - fuse x rw\n");
        let mounts: Vec<&Mount> = table.iter().collect();
        let (label, patience) = ("fluid.io/f-ns-demo", Duration::from_secs(60));
        let leaving = load();
        assert!(leaving.put(label, mounts[0]).unwrap());
        assert!(!leaving.put(label, mounts[0]).unwrap());
        let left = load().get(label, patience).unwrap().unwrap();
        assert!(left.is(mounts[0]) && !left.is(mounts[1]) && !left.is_certain);
        leaving.confirm(label).unwrap();
        leaving.confirm("another").unwrap();
        assert!(load().get(label, patience).unwrap().unwrap().is_certain);
        assert_eq!(load().get(label, Duration::ZERO).unwrap(), None);
        leaving.remove(label).unwrap();
        leaving.remove(label).unwrap();
        assert_eq!(load().get(label, patience).unwrap(), None);
    }
}
