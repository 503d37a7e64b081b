//! Notes of staged volumes, each with its clients. There is one small file for each, so that a new
//! process knows them, and so that the clients can leave when the volume itself is gone.
//!
//! One client can serve several volumes: that of a Dataset, and those of all Datasets that refer to
//! it. It may only leave with the last of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use wasser_api::ObjectKey;

use super::attributes::Source;
use super::notes::Notes;
use crate::error::Error;

/// The clients of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// The node label that brings them.
    pub label: String,
    /// Their runtime, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<ObjectKey>,
    /// Their mount, if the volume names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// A volume and its clients.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    volume_id: String,
    #[serde(flatten)]
    clients: Clients,
}

/// The staged volumes, in memory and on disk.
#[derive(Debug)]
pub struct Staged {
    notes: Notes,
    known: Mutex<BTreeMap<String, Clients>>,
}

impl Staged {
    /// Reads the notes in a directory.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load(directory: PathBuf) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        let notes = Notes::load(directory, |stage: Stage| {
            known.insert(stage.volume_id, stage.clients);
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
    pub fn put(&self, volume_id: &str, clients: &Clients) -> Result<(), Error> {
        if self.lock().get(volume_id).is_some_and(|known| known == clients) {
            return Ok(());
        }
        let stage = Stage {
            volume_id: volume_id.to_owned(),
            clients: clients.clone(),
        };
        self.notes.write(Path::new(volume_id), &stage)?;
        self.lock().insert(stage.volume_id, stage.clients);
        Ok(())
    }

    /// Returns the clients of a volume, as they were noted.
    pub fn get(&self, volume_id: &str) -> Option<Clients> {
        self.lock().get(volume_id).cloned()
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
        let found = known
            .iter()
            .find(|(id, clients)| *id != volume_id && clients.label == label);
        found.map(|(id, _)| id.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Clients>> {
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
        let clients = |name: &str| Clients {
            label: format!("fluid.io/f-ns-{name}"),
            runtime: Some(ObjectKey::new("ns", name)),
            source: Some(Source::at(Path::new("/runtime-mnt/demo"))),
        };
        staged.put("ns-demo", &clients("demo")).unwrap();
        staged.put("ns-view", &clients("demo")).unwrap();
        staged.put("ns-other", &clients("other")).unwrap();
        let again = Staged::load(directory.path().to_owned()).unwrap();
        assert_eq!(again.get("ns-view"), Some(clients("demo")));
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
    fn a_note_of_an_earlier_version_has_the_label_only() {
        let directory = tempfile::tempdir().unwrap();
        let note = r#"{"volumeId": "ns-demo", "label": "fluid.io/f-ns-demo"}"#;
        fs::write(directory.path().join("x.json"), note).unwrap();
        let known = Staged::load(directory.path().to_owned())
            .unwrap()
            .get("ns-demo")
            .unwrap();
        assert_eq!(
            (known.label.as_str(), known.runtime, known.source),
            ("fluid.io/f-ns-demo", None, None)
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
