//! Small files that outlive the process, one for each thing that is noted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fingerprint::fingerprint;
use crate::error::{Attempt, Error};

/// How the names of notes end.
const NOTE: &str = "json";

/// A directory of notes. Each file is written under another name and renamed, so it is whole or
/// missing.
#[derive(Debug)]
pub struct Notes {
    directory: PathBuf,
}

impl Notes {
    /// Opens a directory, and passes each of its notes to `keep`. Removes those that `keep` does
    /// not want, those that are no notes, and those that were not renamed, which never held. What
    /// cannot be read or removed is left, since a node without its plugin is worse.
    ///
    /// # Errors
    /// The directory cannot be read or created.
    pub fn load<T: DeserializeOwned>(directory: PathBuf, mut keep: impl FnMut(T) -> bool) -> Result<Self, Error> {
        fs::create_dir_all(&directory).attempt("making directory", &directory)?;
        for entry in fs::read_dir(&directory).attempt("reading", &directory)? {
            let path = entry.attempt("reading", &directory)?.path();
            if path.extension().is_some_and(|end| end == NOTE) {
                let text = match fs::read(&path) {
                    Ok(text) => text,
                    Err(error) => {
                        tracing::error!(path = %path.display(), %error, "a note cannot be read, and is left out");
                        continue;
                    }
                };
                match serde_json::from_slice(&text).map(&mut keep) {
                    Ok(true) => continue,
                    Ok(false) => tracing::debug!(path = %path.display(), "removing a note that does not hold any more"),
                    Err(error) => tracing::warn!(path = %path.display(), %error, "removing what is no note"),
                }
            }
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "what does not hold any more stays");
            }
        }
        Ok(Self { directory })
    }

    /// Writes the note about something.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, about: &Path, note: &impl Serialize) -> Result<(), Error> {
        let path = self.file(about);
        let text = serde_json::to_vec(note)
            .map_err(io::Error::from)
            .attempt("writing", &path)?;
        let new = path.with_extension("new");
        fs::write(&new, text).attempt("writing", &new)?;
        fs::rename(&new, &path).attempt("renaming to", &path)
    }

    /// Removes the note about something, if there is one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, about: &Path) -> Result<(), Error> {
        let path = self.file(about);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", path, error)),
            _ => Ok(()),
        }
    }

    /// Returns the path of the note about something.
    pub(super) fn file(&self, about: &Path) -> PathBuf {
        self.directory.join(fingerprint(about)).with_extension(NOTE)
    }
}
