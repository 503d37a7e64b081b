//! The start of the machine, before which no mount of now was there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::notes::Notes;
use crate::error::{Attempt, Error};

/// The file with a number that changes with each start of the machine, when all mounts are gone.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file with the seconds since the start, as `12345.67 …`.
const UPTIME: &str = "/proc/uptime";

/// Returns a text that changes with each start of the machine.
///
/// # Errors
/// procfs cannot be read.
pub fn id() -> Result<String, Error> {
    let text = fs::read_to_string(BOOT_ID).attempt("reading", BOOT_ID)?;
    Ok(text.trim().to_owned())
}

/// Returns the time since the start of the machine.
///
/// # Errors
/// procfs cannot be read.
pub fn uptime() -> Result<Duration, Error> {
    let text = fs::read_to_string(UPTIME).attempt("reading", UPTIME)?;
    let seconds = text.split(' ').next().and_then(|seconds| seconds.parse().ok());
    let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    uptime.ok_or(io::ErrorKind::InvalidData).attempt("reading", UPTIME)
}

/// A note, and when it was written.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    boot: String,
    #[serde(flatten)]
    note: T,
}

/// Notes that hold until the machine starts again.
#[derive(Debug)]
pub(super) struct BootNotes {
    notes: Notes,
    boot: String,
}

impl BootNotes {
    /// Opens a directory, passes each of its notes to `keep`, and removes those from before the last
    /// start of the machine.
    ///
    /// # Errors
    /// The directory cannot be read or created, or procfs cannot be read.
    pub(super) fn load<T: DeserializeOwned>(directory: PathBuf, mut keep: impl FnMut(T)) -> Result<Self, Error> {
        let boot = id()?;
        let notes = Notes::load(directory, |stored: Stored<T>| {
            let holds = stored.boot == boot;
            if holds {
                keep(stored.note);
            }
            holds
        })?;
        Ok(Self { notes, boot })
    }

    /// Writes the note about something.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, about: &Path, note: &impl Serialize) -> Result<(), Error> {
        let boot = self.boot.clone();
        self.notes.write(about, &Stored { boot, note })
    }

    /// Removes the note about something, if there is one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn remove(&self, about: &Path) -> Result<(), Error> {
        self.notes.remove(about)
    }

    /// Returns the path of the note about something, and what it says of the start of the machine.
    #[cfg(test)]
    pub(super) fn file(&self, about: &Path) -> (PathBuf, &str) {
        (self.notes.file(about), &self.boot)
    }
}
