//! Notes of staged volumes, each with the label of its clients. There is one small file for each,
//! so that a new process knows them.
//!
//! One client can serve several volumes: that of a Dataset, and those of all Datasets that refer to
//! it. It may only leave with the last of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::notes::Notes;
use crate::error::Error;

/// A volume and the node label that brings its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    volume_id: String,
    label: String,
}

/// The staged volumes, in memory and on disk.
#[derive(Debug)]
pub struct Staged {
    notes: Notes,
    known: Mutex<BTreeMap<String, String>>,
}

impl Staged {
    /// Reads the notes in a directory.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load(directory: PathBuf) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        let notes = Notes::load(directory, |stage: Stage| {
            known.insert(stage.volume_id, stage.label);
            true
        })?;
        Ok(Self {
            notes,
            known: Mutex::new(known),
        })
    }

    /// Notes a staged volume.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, volume_id: &str, label: &str) -> Result<(), Error> {
        if self.lock().get(volume_id).is_some_and(|known| known == label) {
            return Ok(());
        }
        let stage = Stage {
            volume_id: volume_id.to_owned(),
            label: label.to_owned(),
        };
        self.notes.write(Path::new(volume_id), &stage)?;
        self.lock().insert(stage.volume_id, stage.label);
        Ok(())
    }

    /// Removes the note of a volume.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, volume_id: &str) -> Result<(), Error> {
        self.notes.remove(Path::new(volume_id))?;
        self.lock().remove(volume_id);
        Ok(())
    }

    /// Returns another volume with the same clients, if there is one.
    pub fn other(&self, volume_id: &str, label: &str) -> Option<String> {
        let known = self.lock();
        let found = known.iter().find(|(id, of)| *id != volume_id && *of == label);
        found.map(|(id, _)| id.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.known.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn volumes_with_the_same_clients_are_known_to_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let staged = Staged::load(directory.path().to_owned()).unwrap();
        staged.put("ns-demo", "fluid.io/f-ns-demo").unwrap();
        staged.put("ns-view", "fluid.io/f-ns-demo").unwrap();
        staged.put("ns-other", "fluid.io/f-ns-other").unwrap();
        let again = Staged::load(directory.path().to_owned()).unwrap();
        assert_eq!(again.other("ns-demo", "fluid.io/f-ns-demo").as_deref(), Some("ns-view"));
        assert_eq!(again.other("ns-other", "fluid.io/f-ns-other"), None);
        again.remove("ns-view").unwrap();
        again.remove("ns-view").unwrap();
        assert_eq!(again.other("ns-demo", "fluid.io/f-ns-demo"), None);
        assert_eq!(
            Staged::load(directory.path().to_owned())
                .unwrap()
                .other("x", "fluid.io/f-ns-demo")
                .as_deref(),
            Some("ns-demo")
        );
    }

    #[test]
    fn an_unreadable_note_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("x.json"), "{").unwrap();
        Staged::load(directory.path().to_owned()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
