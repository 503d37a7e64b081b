//! Marks of compilations that have begun, with the check that comes first. One that is found after
//! the end of its process says that the process was killed in the middle, as the kernel does where
//! memory is short: a component that does so again and again must not keep the operator from
//! starting.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// How often a compilation may be killed before it is not tried again. Once or twice, the process may
/// have been killed for something else.
const TRIES: usize = 3;

/// A compilation that is under way. Its mark goes when this is dropped.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
}

/// Why a compilation does not begin.
#[derive(Debug)]
pub enum Unmarked {
    /// It was killed too often.
    Killed,
    /// The mark cannot be written.
    Io(io::Error),
}

impl Mark {
    /// Marks the beginning of a compilation, at a path that is the component's.
    pub fn begin(path: &Path) -> Result<Self, Unmarked> {
        // The file has one byte for each try that has not ended.
        let mut tries = match fs::read(path) {
            Ok(tries) => tries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Unmarked::Io(error)),
        };
        if tries.len() >= TRIES {
            return Err(Unmarked::Killed);
        }
        tries.push(b'.');
        fs::write(path, tries).map_err(Unmarked::Io)?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the mark of a compilation was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compilation_that_is_killed_is_tried_three_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        for _ in 0..10 {
            drop(Mark::begin(&path).unwrap());
            assert!(!path.exists());
        }
        for _ in 0..TRIES {
            std::mem::forget(Mark::begin(&path).unwrap());
        }
        assert!(matches!(Mark::begin(&path), Err(Unmarked::Killed)));
        assert!(matches!(
            Mark::begin(&directory.path().join("none/mark")),
            Err(Unmarked::Io(_))
        ));
    }
}
