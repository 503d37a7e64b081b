//! Notes of mounts that this node plugin has taken off a place before the next one is there. There is
//! one small file for each, so that the next process finishes the work.
//!
//! Recovery mounts nothing where nothing is mounted, because whoever has unmounted a volume may be
//! deleting its directory. Only its own work, which these notes show, it finishes there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::notes::Notes;
use crate::error::Error;
use crate::volume::published::Record;

/// The mount that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Missing {
    /// The target of the whole volume, of which the mount may be a part.
    volume: PathBuf,
    wanted: Record,
}

/// The places without their mounts, in memory and on disk.
#[derive(Debug)]
pub struct Unfinished {
    notes: Notes,
    known: Mutex<BTreeMap<PathBuf, Missing>>,
}

impl Unfinished {
    /// Reads the notes in a directory.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load(directory: PathBuf) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        let notes = Notes::load(directory, |missing: Missing| {
            known.insert(missing.wanted.target.clone(), missing);
            true
        })?;
        Ok(Self {
            notes,
            known: Mutex::new(known),
        })
    }

    /// Notes that the mount of a place is about to be taken off. `volume` is the target of the whole
    /// volume.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, volume: &Path, wanted: &Record) -> Result<(), Error> {
        let missing = Missing {
            volume: volume.to_owned(),
            wanted: wanted.clone(),
        };
        self.notes.write(&wanted.target, &missing)?;
        self.lock().insert(wanted.target.clone(), missing);
        Ok(())
    }

    /// Removes the note of a place, if there is one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, target: &Path) -> Result<(), Error> {
        if self.has(target) {
            self.notes.remove(target)?;
            self.lock().remove(target);
        }
        Ok(())
    }

    /// Removes the notes of all places of volumes with which `keep` does not agree, given their
    /// targets.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn retain(&self, keep: impl Fn(&Path) -> bool) -> Result<(), Error> {
        let places: Vec<PathBuf> = {
            let known = self.lock();
            let others = known.iter().filter(|(_, missing)| !keep(&missing.volume));
            others.map(|(target, _)| target.clone()).collect()
        };
        places.iter().try_for_each(|target| self.remove(target))
    }

    /// Returns whether the mount of a place was taken off, and is not there yet.
    pub fn has(&self, target: &Path) -> bool {
        self.lock().contains_key(target)
    }

    /// Returns the missing mounts of a volume, given its target.
    pub fn of(&self, volume: &Path) -> Vec<Record> {
        let known = self.lock();
        let own = known.values().filter(|missing| missing.volume == volume);
        own.map(|missing| missing.wanted.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Missing>> {
        self.known.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::volume::attributes::Source;

    #[test]
    fn the_next_process_knows_what_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let record = |target: &str| Record {
            volume_id: "ns-demo".to_owned(),
            target: target.into(),
            source: Source::at(Path::new("/runtime-mnt/a")),
            read_only: true,
            symlink: false,
            runtime: None,
        };
        let unfinished = Unfinished::load(directory.path().to_owned()).unwrap();
        unfinished.put(Path::new("/k/a"), &record("/k/a")).unwrap();
        unfinished.put(Path::new("/k/a"), &record("/k/a-part")).unwrap();
        unfinished.put(Path::new("/k/b"), &record("/k/b")).unwrap();
        unfinished.remove(Path::new("/k/a")).unwrap();
        unfinished.remove(Path::new("/k/a")).unwrap();

        let again = Unfinished::load(directory.path().to_owned()).unwrap();
        assert!(!again.has(Path::new("/k/a")) && again.has(Path::new("/k/b")));
        assert_eq!(again.of(Path::new("/k/a")), [record("/k/a-part")]);
        again.retain(|volume| volume == Path::new("/k/b")).unwrap();
        assert_eq!(again.of(Path::new("/k/a")), []);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
