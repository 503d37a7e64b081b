//! Artifacts on disk, so that a registry is asked once for each.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasser_pack::hex_of;
use wasser_pack::oci::artifact::Artifact;
use wasser_pack::oci::layout;

/// The number of artifacts that are kept.
const FILES: usize = 32;
/// The size of all of them together, in bytes.
const BYTES: u64 = 512 << 20;
const EXTENSION: &str = "tar";

/// A directory of artifacts by digest. What was not used for longest is removed first.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
    /// What artifacts had to pass before they were kept: one that passed less is not found.
    mark: String,
    bytes: u64,
}

impl Cache {
    /// Keeps artifacts in this directory, which is made when the first one comes. `mark` names the
    /// checks that they have passed.
    pub fn new(directory: &Path, mark: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            mark: mark.to_owned(),
            bytes: BYTES,
        }
    }

    /// Keeps at most this many bytes.
    #[must_use]
    pub fn limited_to(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// Returns the artifact with this digest, if it is here. A file that is something else is
    /// removed.
    pub fn get(&self, digest: &str) -> Option<Artifact> {
        let path = self.path(digest)?;
        let bytes = fs::read(&path).ok()?;
        match layout::from_tar(&bytes) {
            Ok(artifact) if artifact.digest() == digest => {
                // It is used, so it stays longest. Without that it only goes earlier.
                let touched = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                drop(touched);
                Some(artifact)
            }
            _ => {
                tracing::warn!(path = %path.display(), "a cached artifact is not what it was; it is pulled again");
                drop(fs::remove_file(&path));
                None
            }
        }
    }

    /// Keeps an artifact. The file gets its name only when it is complete.
    ///
    /// # Errors
    /// It cannot be written; it then has to be pulled again after a restart.
    pub fn put(&self, artifact: &Artifact) -> io::Result<()> {
        let digest = artifact.digest();
        let path = self.path(&digest).ok_or(io::ErrorKind::InvalidInput)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let mut file = File::create(&partial)?;
        layout::write_tar(artifact, io::BufWriter::new(&mut file)).map_err(io::Error::other)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        self.prune(&path);
        Ok(())
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let name = format!("{}-{}.{EXTENSION}", hex_of(digest)?, self.mark);
        Some(self.directory.join(name))
    }

    /// Removes the oldest files, but not this one. A failure only costs disk space.
    fn prune(&self, newest: &Path) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let (data, path) = (entry.metadata().ok()?, entry.path());
                let is_kept = path.extension().is_some_and(|end| end == EXTENSION);
                is_kept.then_some((path == newest, data.modified().ok()?, data.len(), path))
            })
            .collect();
        files.sort();
        let mut sum = 0;
        for (number, (is_newest, _, size, path)) in files.into_iter().rev().enumerate() {
            sum += size;
            if !is_newest && (number >= FILES || sum > self.bytes) {
                drop(fs::remove_file(path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use wasser_test_registry::demo as artifact;

    use super::*;

    #[test]
    fn an_artifact_is_found_by_its_digest_and_by_what_it_has_passed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("deep/artifacts");
        let cache = Cache::new(&place, "any");
        let kept = artifact(b"chart");
        assert_eq!(cache.get(&kept.digest()), None);
        cache.put(&kept).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(cache.get(&kept.digest()), Some(kept.clone()));
        assert_eq!(Cache::new(&place, "signed").get(&kept.digest()), None);
        assert_eq!(cache.get("sha256:../x"), None);
    }

    #[test]
    fn a_file_that_has_changed_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path(), "any");
        let (kept, other) = (artifact(b"chart"), artifact(b"other"));
        cache.put(&kept).unwrap();
        let path = cache.path(&kept.digest()).unwrap();
        for bytes in [layout::to_tar(&other).unwrap(), b"nonsense".to_vec()] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache.get(&kept.digest()), None);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        let size = layout::to_tar(&artifact(b"0")).unwrap().len() as u64;
        let cache = Cache::new(directory.path(), "any").limited_to(2 * size);
        let [first, second, third] = [artifact(b"1"), artifact(b"2"), artifact(b"3")];
        let age = |artifact: &Artifact, seconds| {
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = File::open(cache.path(&artifact.digest()).unwrap()).unwrap();
            file.set_modified(at).unwrap();
        };
        cache.put(&first).unwrap();
        age(&first, 1);
        cache.put(&second).unwrap();
        age(&second, 2);
        assert!(cache.get(&first.digest()).is_some(), "and so it was used");
        cache.put(&third).unwrap();
        let there = [&first, &second, &third].map(|artifact| cache.get(&artifact.digest()).is_some());
        assert_eq!(there, [true, false, true]);
    }
}
