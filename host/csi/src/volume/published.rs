//! Records of published targets. There is one small file for each, so that a new process knows what
//! the old one mounted, and from where.
//!
//! Neither mountinfo nor the kubelet's own notes show which fuse mount a target belongs to, least
//! of all for a Dataset that refers to another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use wasser_api::ObjectKey;

use super::boot::BootNotes;
use crate::error::Error;
use crate::volume::attributes::Source;

/// A target and the volume that belongs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The handle of the volume.
    pub volume_id: String,
    /// The target, as mountinfo shows it.
    pub target: PathBuf,
    /// The mount that it shows.
    pub source: Source,
    /// Whether it is read-only.
    #[serde(default)]
    pub read_only: bool,
    /// Whether the target is a symbolic link.
    #[serde(default)]
    pub symlink: bool,
    /// The runtime that gets the events.
    #[serde(default)]
    pub runtime: Option<ObjectKey>,
}

/// The records, in memory and on disk.
#[derive(Debug)]
pub struct Records {
    notes: BootNotes,
    known: Mutex<BTreeMap<PathBuf, Arc<Record>>>,
}

impl Records {
    /// Reads the records in a directory, and removes those from before the last start of the
    /// machine.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load(directory: PathBuf) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        let notes = BootNotes::load(directory, |record: Record| {
            known.insert(record.target.clone(), Arc::new(record));
        })?;
        Ok(Self {
            notes,
            known: Mutex::new(known),
        })
    }

    /// Records a target.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, record: Record) -> Result<(), Error> {
        if self.get(&record.target).is_some_and(|known| *known == record) {
            return Ok(());
        }
        self.notes.write(&record.target, &record)?;
        self.lock().insert(record.target.clone(), Arc::new(record));
        Ok(())
    }

    /// Removes the record of a target.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, target: &Path) -> Result<(), Error> {
        self.notes.remove(target)?;
        self.lock().remove(target);
        Ok(())
    }

    /// Returns the record of a target.
    pub fn get(&self, target: &Path) -> Option<Arc<Record>> {
        self.lock().get(target).cloned()
    }

    /// Returns all records, sorted by target.
    pub fn all(&self) -> Vec<Arc<Record>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Record>>> {
        self.known.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(target: &str) -> Record {
        Record {
            volume_id: "ns-demo".to_owned(),
            target: target.into(),
            source: Source {
                fluid_path: "/runtime-mnt/a".into(),
                mount_type: "JuiceFS".to_owned(),
                ..Source::at(Path::new(""))
            },
            read_only: true,
            symlink: false,
            runtime: None,
        }
    }

    #[test]
    fn records_outlive_the_process_but_not_the_machines_start() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::load(directory.path().to_owned()).unwrap();
        records.put(record("/k/a")).unwrap();
        records.put(record("/k/b")).unwrap();
        records.remove(Path::new("/k/b")).unwrap();
        records.remove(Path::new("/k/b")).unwrap();
        let again = Records::load(directory.path().to_owned()).unwrap();
        assert_eq!(again.all(), records.all());
        assert_eq!(*again.get(Path::new("/k/a")).unwrap(), record("/k/a"));

        let (file, boot) = again.notes.file(Path::new("/k/a"));
        let old = fs::read_to_string(&file).unwrap().replace(boot, "another");
        fs::write(&file, old).unwrap();
        fs::write(directory.path().join("x.new"), "half a rec").unwrap();
        let after = Records::load(directory.path().to_owned()).unwrap();
        assert_eq!(after.all(), Vec::new());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_record_that_was_not_renamed_never_held() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::load(directory.path().to_owned()).unwrap();
        records.put(record("/k/a")).unwrap();
        let (file, _) = records.notes.file(Path::new("/k/a"));
        fs::rename(&file, file.with_extension("new")).unwrap();
        assert_eq!(Records::load(directory.path().to_owned()).unwrap().all(), Vec::new());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_keeps_no_other_from_being_read() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::load(directory.path().to_owned()).unwrap();
        records.put(record("/k/a")).unwrap();
        fs::create_dir(directory.path().join("0.json")).unwrap();
        fs::create_dir(directory.path().join("lost+found")).unwrap();
        assert_eq!(Records::load(directory.path().to_owned()).unwrap().all(), records.all());
    }
}
